//! Kamailio, with its fast allocator: what Debian starts by default costs two to four times as much, and a win over that
//! would prove little.

use std::fmt::Write as _;
use std::process::Command;

use telco_testkit::peer::Scratch;

use crate::place::{Place, Wire};

/// Where it takes commands when it is to tell what it has allocated.
pub(super) fn control(scratch: &Scratch) -> String {
    format!("unixs:{}/control", scratch.path().display())
}

/// Asks for the shared memory it has given out, with the allocator's overhead.
pub(super) fn shared_memory(control: &str) -> Result<u64, String> {
    let asked = Command::new("kamcmd").args(["-s", control, "core.shmmem"]).output();
    let asked = asked.map_err(|error| format!("kamcmd: {error}"))?;
    let told = String::from_utf8_lossy(&asked.stdout);
    let used = told.lines().find_map(|line| line.trim().strip_prefix("real_used:")?.trim().parse().ok());
    used.ok_or_else(|| format!("kamcmd core.shmmem: {told}{}", String::from_utf8_lossy(&asked.stderr)))
}

pub(super) fn command(hiding: bool, control: Option<&str>, place: &Place, scratch: &Scratch) -> Command {
    let tls = format!(
        "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
         private_key = {directory}/bench.key\ncertificate = {directory}/bench.crt\n\
         [client:default]\nverify_certificate = no\nrequire_certificate = no\n",
        directory = scratch.path().display()
    );
    scratch.write("tls.cfg", tls);
    let config = scratch.write("kamailio.cfg", config(hiding, control, place, scratch));
    let mut command = Command::new("kamailio");
    command.args(["-x", "fm", "-X", "fm", "-DD", "-E", "-m", "512", "-M", "16", "-f"]).arg(config);
    command.arg("-Y").arg(scratch.path()).arg("-P").arg(scratch.path().join("kamailio.pid"));
    command
}

fn config(hiding: bool, control: Option<&str>, place: &Place, scratch: &Scratch) -> String {
    let plain = place.plain();
    let mut text = format!(
        "#!KAMAILIO\ndebug=1\nlog_stderror=yes\nchildren=2\ntcp_children=2\ndns=no\nrev_dns=no\nauto_aliases=no\n\
         tcp_connection_lifetime=3605\nlisten=udp:{plain}\nlisten=tcp:{plain}\n"
    );
    let secure = place.wire == Wire::Tls;
    if secure {
        let _ = writeln!(text, "enable_tls=yes\nlisten=tls:{}", place.secure());
    }
    for module in
        ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "sanity", "usrloc", "registrar", "auth"]
    {
        let _ = writeln!(text, "loadmodule \"{module}.so\"");
    }
    if secure {
        let file = scratch.path().join("tls.cfg");
        let _ =
            writeln!(text, "loadmodule \"tls.so\"\nmodparam(\"tls\", \"config\", \"{}\")", file.display());
    }
    if let Some(control) = control {
        let _ = writeln!(text, "loadmodule \"ctl.so\"\nmodparam(\"ctl\", \"binrpc\", \"{control}\")");
    }
    if hiding {
        text.push_str(
            "loadmodule \"dialog.so\"\nloadmodule \"topoh.so\"\nmodparam(\"topoh\", \"mask_key\", \"bench\")\n\
             modparam(\"topoh\", \"mask_ip\", \"127.0.0.9\")\nmodparam(\"topoh\", \"mask_callid\", 1)\n",
        );
    }
    text.push_str("modparam(\"usrloc\", \"db_mode\", 0)\nmodparam(\"auth\", \"nonce_expire\", 300)\n");
    text.push_str(&routes(hiding, place));
    text
}

fn routes(hiding: bool, place: &Place) -> String {
    let manage = if hiding { " dlg_manage();" } else { "" };
    format!(
        "request_route {{\n\
         \x20 if (!mf_process_maxfwd_header(\"10\")) {{ sl_send_reply(\"483\", \"Too Many Hops\"); exit; }}\n\
         \x20 if (!sanity_check(\"1511\", \"7\")) exit;\n\
         \x20 if (is_method(\"OPTIONS\")) {{ sl_send_reply(\"200\", \"OK\"); exit; }}\n\
         \x20 if (is_method(\"CANCEL\")) {{ if (t_check_trans()) t_relay(); exit; }}\n\
         \x20 if (has_totag()) {{\n\
         \x20   if (loose_route()) {{ t_relay(); exit; }}\n\
         \x20   if (is_method(\"ACK\")) {{ if (t_check_trans()) t_relay(); exit; }}\n\
         \x20   sl_send_reply(\"404\", \"Not Here\"); exit;\n\
         \x20 }}\n\
         \x20 if (is_method(\"REGISTER\")) {{\n\
         \x20   if (!pv_www_authenticate(\"bench\", \"secret\", \"0\")) {{ www_challenge(\"bench\", \"1\"); exit; }}\n\
         \x20   if (!save(\"location\")) sl_reply_error();\n\
         \x20   exit;\n\
         \x20 }}\n\
         \x20 if (is_method(\"INVITE\")) {{ record_route();{manage} }}\n\
         \x20 $du = \"sip:{};transport={}\";\n\
         \x20 t_relay();\n}}\n",
        place.exit(),
        place.wire.parameter()
    )
}
