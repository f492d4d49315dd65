//! The peers themselves: a call between two SIPps through Kamailio, and one of baresip that registers with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use telco_testkit::peer::{
    Baresip, Carrier, Kamailio, Phone, Scenario, Scratch, Sipp, free_ports, installed,
};

const PATIENCE: Duration = Duration::from_secs(15);

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[test]
fn two_sipps_call_each_other_through_a_carrier() {
    if !installed("kamailio") || !installed("sipp") {
        return;
    }
    let scratch = Scratch::new("peers");
    let [carrier, uas, uac] = free_ports();
    let configuration = Carrier {
        port: carrier,
        realm: "carrier.test".into(),
        outside: Some(local(uas)),
        ..Carrier::default()
    };
    let kamailio = Kamailio::carrier(&scratch, &configuration);
    let called = Sipp::new("uas", Scenario::Answer, local(uas)).start(&scratch);
    let calling = Sipp {
        remote: Some(kamailio.address),
        service: "+12025550199",
        ..Sipp::new("uac", Scenario::Call, local(uac))
    };
    calling.start(&scratch).succeed(PATIENCE);
    called.succeed(PATIENCE);
}

#[test]
fn a_phone_registers_and_calls() {
    if !installed("kamailio") || !installed("sipp") || !installed("baresip") {
        return;
    }
    let scratch = Scratch::new("phone");
    let [carrier, uas, phone] = free_ports();
    let configuration = Carrier {
        port: carrier,
        realm: "carrier.test".into(),
        accounts: vec![("2001".into(), "secret".into())],
        outside: Some(local(uas)),
        ..Carrier::default()
    };
    let mut kamailio = Kamailio::carrier(&scratch, &configuration);
    let called = Sipp::new("uas", Scenario::Answer, local(uas)).start(&scratch);
    let account = format!("<sip:2001@127.0.0.1:{carrier};transport=udp>;auth_pass=secret;regint=60");
    let listen = format!("127.0.0.1:{phone}");
    let mut baresip = Baresip::phone(
        &scratch,
        &Phone { name: "baresip", account: &account, listen: &listen, speaks: None, ca: None },
    );
    kamailio.program.wait_for("registered 2001", PATIENCE);
    baresip.command("dial", &format!("sip:+12025550199@127.0.0.1:{carrier}")).unwrap();
    baresip.program.wait_for("Call established", PATIENCE);
    baresip.command("hangup", "").unwrap();
    called.succeed(PATIENCE);
}
