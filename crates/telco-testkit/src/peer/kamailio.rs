//! Kamailio as a carrier: registrar with digest, gateway towards one user agent, over UDP, TCP and TLS.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::program::{Program, Scratch};

/// How the carrier behaves.
#[derive(Debug, Clone, Default)]
pub struct Carrier {
    /// UDP and TCP port.
    pub port: u16,
    /// TLS, when spoken.
    pub tls: Option<Tls>,
    /// Realm of its challenges.
    pub realm: String,
    /// Challenges with SHA-256 instead of MD5.
    pub sha256: bool,
    /// Accounts: user and password.
    pub accounts: Vec<(String, String)>,
    /// Challenges INVITEs too.
    pub challenge_invites: bool,
    /// Where calls to the outside go.
    pub outside: Option<SocketAddr>,
    /// Numbers delivered to the account named with them: a prefix of the called user part.
    pub numbers: Vec<(String, String)>,
    /// Answers every INVITE with this status.
    pub refuse: Option<u16>,
}

/// A TLS listener of the carrier.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Its port.
    pub port: u16,
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    /// The process, with everything it printed.
    pub program: Program,
    /// Where it listens for UDP and TCP.
    pub address: SocketAddr,
}

impl Kamailio {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// When it cannot be started, or does not answer within 10 seconds.
    pub fn carrier(scratch: &Scratch, carrier: &Carrier) -> Self {
        let name = format!("kamailio-{}", carrier.port);
        let tls = carrier.tls.as_ref().map(|tls| {
            let text = format!(
                "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
                 private_key = {}\ncertificate = {}\n[client:default]\nverify_certificate = no\nrequire_certificate = no\n",
                tls.key.display(),
                tls.certificate.display()
            );
            scratch.write(&format!("{name}-tls.cfg"), text)
        });
        let config = scratch.write(&format!("{name}.cfg"), configuration(carrier, tls.as_ref()));
        let mut command = Command::new("kamailio");
        command.args(["-DD", "-E", "-m", "64", "-M", "8", "-f"]).arg(&config);
        command.arg("-Y").arg(scratch.path()).arg("-P").arg(scratch.path().join(format!("{name}.pid")));
        let log = scratch.path().join(format!("{name}.log"));
        let program = Program::start(&name, command, log).expect("kamailio starts");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, carrier.port));
        let mut kamailio = Self { program, address };
        kamailio.wait_for_answer();
        kamailio
    }

    fn wait_for_answer(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout can be set");
        let local = socket.local_addr().expect("a bound socket has an address");
        let end = Instant::now() + Duration::from_secs(10);
        for attempt in 1.. {
            let options = format!(
                "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKalive{attempt}\r\n\
                 From: <sip:test@{local}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: alive-{local}-{attempt}\r\n\
                 CSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n",
                to = self.address
            );
            let _ = socket.send_to(options.as_bytes(), self.address);
            if socket.recv(&mut [0; 2048]).is_ok() {
                return;
            }
            assert!(Instant::now() < end, "kamailio does not answer:\n{}", self.program.log());
        }
    }
}

fn configuration(carrier: &Carrier, tls: Option<&PathBuf>) -> String {
    let mut text = String::from("#!KAMAILIO\n");
    let port = carrier.port;
    // One worker each: several overtake one another, and a 180 after its 200 is a failed call for SIPp.
    let _ = writeln!(
        text,
        "debug=1\nlog_stderror=yes\nchildren=1\ntcp_children=1\nsip_warning=0\ndns=no\nrev_dns=no\n\
         auto_aliases=no\nserver_header=\"Server: carrier\"\nuser_agent_header=\"User-Agent: carrier\"\n\
         listen=udp:127.0.0.1:{port}\nlisten=tcp:127.0.0.1:{port}"
    );
    if let Some(tls) = &carrier.tls {
        let _ = writeln!(text, "enable_tls=yes\nlisten=tls:127.0.0.1:{}", tls.port);
    }
    for module in
        ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", "usrloc", "registrar", "auth"]
    {
        let _ = writeln!(text, "loadmodule \"{module}.so\"");
    }
    if let Some(file) = tls {
        let _ =
            writeln!(text, "loadmodule \"tls.so\"\nmodparam(\"tls\", \"config\", \"{}\")", file.display());
    }
    let _ = writeln!(
        text,
        "modparam(\"usrloc\", \"db_mode\", 0)\nmodparam(\"registrar\", \"min_expires\", 5)\n\
         modparam(\"tm\", \"fr_timer\", 3000)\nmodparam(\"tm\", \"fr_inv_timer\", 30000)\n\
         modparam(\"auth\", \"nonce_expire\", 60)"
    );
    if carrier.sha256 {
        text.push_str("modparam(\"auth\", \"algorithm\", \"SHA-256\")\n");
    }
    text.push_str(&routes(carrier));
    text
}

fn routes(carrier: &Carrier) -> String {
    let realm = &carrier.realm;
    let mut passwords = String::new();
    for (user, password) in &carrier.accounts {
        let _ = writeln!(passwords, "  if ($au == \"{user}\") $var(password) = \"{password}\";");
    }
    let mut delivery = String::new();
    for (prefix, account) in &carrier.numbers {
        let escaped = prefix.replace('+', "\\+");
        let _ = writeln!(
            delivery,
            "  if ($rU =~ \"^{escaped}\") {{ $var(number) = $rU; $rU = \"{account}\";\n\
             \x20   if (!lookup(\"location\")) {{ xlog(\"L_ALERT\", \"not registered: {account}\\n\"); \
             sl_send_reply(\"480\", \"Not Registered\"); exit; }}\n\
             \x20   $rU = $var(number); if (is_method(\"INVITE\")) record_route(); t_relay(); exit; }}"
        );
    }
    let refusal = carrier.refuse.map_or_else(String::new, |status| {
        format!("  if (is_method(\"INVITE\")) {{ sl_send_reply(\"{status}\", \"Refused\"); exit; }}\n")
    });
    let invites = if carrier.challenge_invites {
        format!(
            "  if (is_method(\"INVITE\")) {{ route(PASSWORD);\n\
             \x20   if (!pv_proxy_authenticate(\"{realm}\", \"$var(password)\", \"0\")) {{ proxy_challenge(\"{realm}\", \"1\"); exit; }}\n\
             \x20   consume_credentials(); }}\n"
        )
    } else {
        String::new()
    };
    let outside = carrier.outside.map_or_else(
        || "  sl_send_reply(\"404\", \"Not Found\");\n".to_owned(),
        |address| format!("  $du = \"sip:{address}\"; t_relay();\n"),
    );
    format!(
        "request_route {{\n\
         \x20 if (!mf_process_maxfwd_header(\"10\")) {{ sl_send_reply(\"483\", \"Too Many Hops\"); exit; }}\n\
         \x20 if (is_method(\"OPTIONS\")) {{ sl_send_reply(\"200\", \"OK\"); exit; }}\n\
         \x20 if (is_method(\"CANCEL\")) {{ if (t_check_trans()) t_relay(); exit; }}\n\
         \x20 if (has_totag()) {{\n\
         \x20   if (loose_route()) {{ t_relay(); exit; }}\n\
         \x20   if (is_method(\"ACK\")) {{ if (t_check_trans()) t_relay(); exit; }}\n\
         \x20   sl_send_reply(\"404\", \"Not Here\"); exit;\n\
         \x20 }}\n\
         \x20 if (is_method(\"REGISTER\")) {{ route(REGISTER); exit; }}\n\
         {refusal}{delivery}{invites}\
         \x20 if (is_method(\"INVITE\")) record_route();\n\
         {outside}}}\n\
         route[PASSWORD] {{\n  $var(password) = \"no such account\";\n{passwords}}}\n\
         route[REGISTER] {{\n  route(PASSWORD);\n\
         \x20 if (!pv_www_authenticate(\"{realm}\", \"$var(password)\", \"0\")) {{ www_challenge(\"{realm}\", \"1\"); exit; }}\n\
         \x20 if (!save(\"location\")) sl_reply_error();\n\
         \x20 xlog(\"L_ALERT\", \"registered $au expires $hdr(Expires) from $proto:$si:$sp\\n\");\n}}\n"
    )
}
