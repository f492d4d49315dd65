//! The edge on real sockets between real peers: baresip as a phone, Kamailio and SIPp as carriers. Loopback, free ports.

#![cfg(all(feature = "driver", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and interop runs in real time"
)]

mod live;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use edge_core::cdr::{Direction, LegOutcome};
use telco_testkit::peer::{
    Baresip, Carrier, Kamailio, Phone, Scenario, Scratch, Sipp, free_ports, installed,
};

use live::{PATIENCE, Site, local, other};

/// Ten seconds of 440 Hz.
fn tone(scratch: &Scratch) -> PathBuf {
    let file = scratch.path().join("tone.wav");
    let arguments = ["-n", "-r", "8000", "-c", "1", "-b", "16"];
    let made = Command::new("sox").args(arguments).arg(&file).args(["synth", "10", "sine", "440"]).status();
    assert!(made.unwrap().success());
    file
}

fn peers_are_here() -> bool {
    ["kamailio", "sipp", "baresip", "sox"].into_iter().all(installed)
}

/// EC-015: baresip registers with its password, calls a national number, and talks through the edge and a Kamailio carrier to SIPp.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_calls_out_through_a_carrier() {
    if !peers_are_here() {
        return;
    }
    let scratch = Scratch::new("edge-out");
    let [carrier, called, phone, unused] = free_ports();
    let configuration = Carrier {
        port: carrier,
        realm: "carrier.test".into(),
        outside: Some(local(called)),
        ..Carrier::default()
    };
    let _kamailio = Kamailio::carrier(&scratch, &configuration);
    let answering = Sipp::new("called", Scenario::Answer, local(called)).start(&scratch);
    let mut site = Site::start(&scratch, local(carrier), other(11, unused));
    let account = format!("<sip:alice@127.0.0.1:{};transport=udp>;auth_pass=wonderland;regint=60", site.sip);
    let listen = format!("127.0.0.1:{phone}");
    let phone =
        Phone { name: "alice", account: &account, listen: &listen, speaks: Some(tone(&scratch)), ca: None };
    let mut baresip = Baresip::phone(&scratch, &phone);
    baresip.program.wait_for("200 OK", PATIENCE);
    baresip.command("dial", &format!("sip:2025550199@127.0.0.1:{}", site.sip)).unwrap();
    baresip.program.wait_for("Call established", PATIENCE);
    tokio::time::sleep(Duration::from_millis(500)).await;
    baresip.command("hangup", "").unwrap();
    answering.succeed(PATIENCE);
    let record = site.record().await;
    assert_eq!((record.direction, record.classification.as_deref()), (Direction::Outbound, Some("National")));
    assert_eq!(record.connected_leg().map(|leg| leg.outcome), Some(LegOutcome::Answered));
    let heard = record.legs[0].quality.as_ref().unwrap();
    assert!(heard.received > 10, "packets of the phone pass the edge: {heard:?}");
    let caller = &record.legs[0];
    assert_eq!(caller.remote.as_deref(), Some(&*listen), "its signalling");
    assert!(caller.media.is_some() && caller.media != caller.remote, "its media: {caller:?}");
    site.running.stop().await;
}

/// EC-015, EC-021: a carrier calls a number of ours; baresip rings, answers by itself, and hangs up with the carrier.
#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_calls_a_phone() {
    if !peers_are_here() {
        return;
    }
    let scratch = Scratch::new("edge-in");
    let [carrier, unused, phone] = free_ports();
    let mut site = Site::start(&scratch, other(10, carrier), other(11, unused));
    let account = format!(
        "<sip:alice@127.0.0.1:{};transport=udp>;auth_pass=wonderland;regint=60;answermode=auto",
        site.sip
    );
    let listen = format!("127.0.0.1:{phone}");
    let mut baresip = Baresip::phone(
        &scratch,
        &Phone { name: "alice", account: &account, listen: &listen, speaks: None, ca: None },
    );
    baresip.program.wait_for("200 OK", PATIENCE);
    let calling = Sipp {
        remote: Some(local(site.sip)),
        service: "+13175550101",
        ..Sipp::new("carrier", Scenario::Call, other(10, carrier))
    };
    calling.start(&scratch).succeed(PATIENCE);
    let record = site.record().await;
    assert_eq!(record.direction, Direction::Inbound);
    assert_eq!(record.legs.len(), 2, "{record:?}");
    assert_eq!(record.legs[1].remote.as_deref(), Some(&*listen), "{record:?}");
    site.running.stop().await;
}

/// ST-012, ST-035, EC-029: with the first carrier dead, the same call goes out by the second, and the phone notices nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_carrier_is_passed_over() {
    if !peers_are_here() {
        return;
    }
    let scratch = Scratch::new("edge-failover");
    let [dead, second, called, phone] = free_ports();
    let configuration = Carrier {
        port: second,
        realm: "carrier.test".into(),
        outside: Some(local(called)),
        ..Carrier::default()
    };
    let _kamailio = Kamailio::carrier(&scratch, &configuration);
    let answering = Sipp::new("called", Scenario::Answer, local(called)).start(&scratch);
    let mut site = Site::start(&scratch, other(10, dead), local(second));
    let account = format!("<sip:bob@127.0.0.1:{};transport=udp>;auth_pass=builder;regint=60", site.sip);
    let listen = format!("127.0.0.1:{phone}");
    let mut baresip = Baresip::phone(
        &scratch,
        &Phone { name: "bob", account: &account, listen: &listen, speaks: None, ca: None },
    );
    baresip.program.wait_for("200 OK", PATIENCE);
    baresip.command("dial", &format!("sip:2025550199@127.0.0.1:{}", site.sip)).unwrap();
    baresip.program.wait_for("Call established", PATIENCE);
    baresip.command("hangup", "").unwrap();
    answering.succeed(PATIENCE);
    let record = site.record().await;
    assert!(record.connected_leg().is_some(), "{record:?}");
    assert!(record.explain.iter().any(|why| why.contains("CarrierA")), "{:?}", record.explain);
    site.running.stop().await;
}
