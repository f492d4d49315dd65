//! The edge on real sockets between real peers: baresip as a phone, Kamailio and SIPp as carriers. Loopback, free ports.

#![cfg(all(feature = "driver", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and interop runs in real time"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use edge_core::cdr::{CallRecord, Direction, LegOutcome};
use edge_core::compile::compile;
use edge_core::driver::{MediaConfig, PortPlan, Running, Settings, start};
use edge_core::edge::{EdgeConfig, Event};
use media_rtp::sdp::TargetPolicy;
use sip_trunk::driver;
use sip_trunk::endpoint::Listener;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::UaConfig;
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;
use telco_testkit::peer::{
    Baresip, Carrier, Kamailio, Phone, Scenario, Scratch, Sipp, free_ports, installed,
};
use tokio::sync::mpsc::Receiver;

const PATIENCE: Duration = Duration::from_secs(20);

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Carriers are told apart by their addresses.
fn other(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

/// An edge for the office, with its carriers at these ports.
struct Site {
    running: Running,
    events: Receiver<Event>,
    sip: u16,
}

impl Site {
    fn start(scratch: &Scratch, carrier_a: SocketAddr, carrier_b: SocketAddr) -> Self {
        let [rtp] = free_ports();
        let document = include_str!("data/office.toml")
            .replace("192.0.2.10:5060", &carrier_a.to_string())
            .replace("192.0.2.11:5060", &carrier_b.to_string())
            .replace(r#"codecs = ["audio/pcma"]"#, r#"codecs = ["audio/pcmu"]"#);
        let now = jiff::Timestamp::now();
        let organization = Organization::from_document(&document, Format::Toml, now).unwrap();
        let (runtime, _) = compile(&organization, EdgeId::labelled("edge"));
        let mut config = EdgeConfig::new(UaConfig::default(), "127.0.0.1");
        config.targets = TargetPolicy::with_loopback();
        let listener = Listener::new(SocketId(0), Transport::Udp, local(0));
        let settings = Settings {
            config,
            runtime,
            listeners: vec![listener],
            sockets: driver::SocketOptions::default(),
            network: driver::Settings::default(),
            media: media(scratch, rtp & !1),
            spool: scratch.path().join("spool"),
        };
        let (running, events) = start(settings).unwrap();
        let sip = running.listeners()[0].local.port();
        Self { running, events, sip }
    }

    /// The record of the next call that ends.
    async fn record(&mut self) -> CallRecord {
        let next = async {
            loop {
                if let Event::CallEnded(record) = self.events.recv().await.unwrap() {
                    return *record;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a call ends")
    }
}

fn media(scratch: &Scratch, first: u16) -> MediaConfig {
    let range = media_rtp::relay::PortRange::new(first, first + 400).unwrap();
    let ports = PortPlan {
        id: edge_core::media::PoolId(0),
        bind: Ipv4Addr::LOCALHOST.into(),
        advertised: None,
        range,
        most: 20,
    };
    MediaConfig {
        threads: 1,
        ports: vec![ports],
        sockets: media_rtp::driver::SocketOptions::default(),
        prompts: scratch.path().into(),
        recordings: scratch.path().into(),
    }
}

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
