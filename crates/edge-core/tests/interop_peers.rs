//! The edge and peers as they are found in the field: on TCP and TLS, in a hurry, and with habits of their own. Loopback, free ports.

#![cfg(all(feature = "driver", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and interop runs in real time"
)]

mod live;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use edge_core::cdr::LegOutcome;
use sip_trunk::transport::Transport;
use telco_testkit::peer::{Baresip, Phone, Scenario, Scratch, Sipp, free_ports, installed};

use live::{PATIENCE, Site, local, other};

/// SIPp's calling side as it is in the test kit, to be given habits.
const CALL: &str = include_str!("../../telco-testkit/src/peer/scenarios/call.xml");

/// A phone's number, and one that leads to a phone outside: the edge calls it by the first carrier.
const ALICE: &str = "+13175550101";
const CAROL: &str = "+13175550103";

fn tone(scratch: &Scratch) -> std::path::PathBuf {
    let file = scratch.path().join("tone.wav");
    let arguments = ["-n", "-r", "8000", "-c", "1", "-b", "16"];
    let made = Command::new("sox").args(arguments).arg(&file).args(["synth", "10", "sine", "440"]).status();
    assert!(made.unwrap().success());
    file
}

fn are_here(programs: &[&str]) -> bool {
    programs.iter().copied().all(installed)
}

/// ST-001: a phone and a carrier on TCP, calls both ways.
#[tokio::test(flavor = "multi_thread")]
async fn calls_go_over_tcp() {
    if !are_here(&["sipp", "baresip", "sox"]) {
        return;
    }
    let scratch = Scratch::new("edge-tcp");
    let [carrier, calling, unused, phone] = free_ports();
    let server = |text: String| {
        let line = format!("servers = [\"{}\"]", other(10, carrier));
        text.replace(&line, &format!("transport = \"tcp\"\n{line}"))
    };
    let called = Sipp {
        tcp: true,
        calls: 100,
        arguments: &["-aa"],
        ..Sipp::new("called", Scenario::Answer, other(10, carrier))
    };
    let _called = called.start(&scratch);
    let carriers = [other(10, carrier), other(11, unused)];
    let transports = [Transport::Udp, Transport::Tcp];
    let mut site = Site::open(&scratch, carriers, &transports, None, server);
    let port = site.port(Transport::Tcp);
    let account =
        format!("<sip:alice@127.0.0.1:{port};transport=tcp>;auth_pass=wonderland;regint=60;answermode=auto");
    let listen = format!("127.0.0.1:{phone}");
    let phone =
        Phone { name: "alice", account: &account, listen: &listen, speaks: Some(tone(&scratch)), ca: None };
    let mut baresip = Baresip::phone(&scratch, &phone);
    baresip.program.wait_for("200 OK", PATIENCE);

    let caller = Sipp {
        tcp: true,
        remote: Some(local(port)),
        service: ALICE,
        ..Sipp::new("carrier", Scenario::Call, other(10, calling))
    };
    caller.start(&scratch).succeed(PATIENCE);
    let record = site.record().await;
    assert!(record.connected_leg().is_some(), "{record:?}");

    baresip.command("dial", &format!("sip:2025550199@127.0.0.1:{port};transport=tcp")).unwrap();
    baresip.program.wait_for("Call established", PATIENCE);
    tokio::time::sleep(Duration::from_millis(500)).await;
    baresip.command("hangup", "").unwrap();
    let record = site.record().await;
    assert_eq!(record.connected_leg().map(|leg| leg.outcome), Some(LegOutcome::Answered), "{record:?}");
    assert!(record.legs[0].quality.as_ref().unwrap().received > 10, "{record:?}");
    site.running.stop().await;
}

/// ES-35, MR-006: a phone on TLS checks the edge's certificate and talks SRTP; the carrier beside it talks RTP.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_on_tls_talks_srtp() {
    talk_srtp("srtp", |text| text).await;
}

/// ES-35, MR-006: the same where both want SRTP or no call: the edge offers RTP/SAVP then.
#[tokio::test(flavor = "multi_thread")]
async fn srtp_may_be_required() {
    let required = |text: String| {
        let (before, phones) = text.split_once("id = \"@phones\"").unwrap();
        let phones = phones.replacen("[trunks.media]", "[trunks.media]\nsrtp = \"required\"", 1);
        format!("{before}id = \"@phones\"{phones}")
    };
    talk_srtp("srtp-mand", required).await;
}

async fn talk_srtp(encryption: &str, edit: impl FnOnce(String) -> String) {
    if !are_here(&["sipp", "baresip", "sox", "openssl"]) {
        return;
    }
    let scratch = Scratch::new("edge-tls");
    let [carrier, unused, phone] = free_ports();
    let (certificate, key) = certificate(scratch.path());
    let carriers = [other(10, carrier), other(11, unused)];
    let transports = [Transport::Udp, Transport::Tls];
    let mut site = Site::open(&scratch, carriers, &transports, Some((&certificate, &key)), edit);
    let account = format!(
        "<sip:alice@127.0.0.1:{};transport=tls>;auth_pass=wonderland;regint=60;answermode=auto;mediaenc={encryption}",
        site.port(Transport::Tls)
    );
    let listen = format!("127.0.0.1:{phone}");
    let ca = Some(scratch.path().join("edge.crt"));
    let phone = Phone { name: "alice", account: &account, listen: &listen, speaks: Some(tone(&scratch)), ca };
    let mut baresip = Baresip::phone(&scratch, &phone);
    baresip.program.wait_for("200 OK", PATIENCE);
    let calling = Sipp {
        remote: Some(local(site.sip)),
        service: ALICE,
        ..Sipp::new("carrier", Scenario::Call, other(10, carrier))
    };
    calling.start(&scratch).succeed(PATIENCE);
    let record = site.record().await;
    let encrypted: Vec<_> =
        record.legs.iter().map(|leg| leg.quality.as_ref().map(|heard| heard.encrypted)).collect();
    assert_eq!(encrypted, [Some(false), Some(true)], "{record:?}");
    assert!(record.legs[1].quality.as_ref().unwrap().received > 10, "{record:?}");
    site.running.stop().await;
}

fn certificate(directory: &Path) -> (Vec<u8>, Vec<u8>) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 \
                     -addext subjectAltName=IP:127.0.0.1 -keyout edge.key -out edge.crt";
    let made = Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (std::fs::read(directory.join("edge.crt")).unwrap(), std::fs::read(directory.join("edge.key")).unwrap())
}

/// EC-015: forty calls with 0 ms between their messages: ACK and BYE on the heels of the 200, ringing and answer at once.
#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_pause_keep_their_order() {
    if !are_here(&["sipp"]) {
        return;
    }
    let scratch = Scratch::new("edge-hurry");
    let [carrier, calling, unused] = free_ports();
    let called = Sipp {
        calls: 1000,
        arguments: &["-aa"],
        ..Sipp::new("called", Scenario::Answer, other(10, carrier))
    };
    let _called = called.start(&scratch);
    let mut site = Site::start(&scratch, other(10, carrier), other(11, unused));
    let hurried = CALL.replace("<pause milliseconds=\"500\"/>", "");
    assert_ne!(hurried, CALL);
    let caller = Sipp {
        remote: Some(local(site.sip)),
        service: CAROL,
        calls: 40,
        rate: 20,
        ..Sipp::new("hurried", Scenario::Xml(&hurried), other(10, calling))
    };
    caller.start(&scratch).succeed(PATIENCE);
    for _ in 0..40 {
        let record = site.record().await;
        assert!(record.legs.iter().all(|leg| leg.outcome == LegOutcome::Answered), "{record:?}");
    }
    site.running.stop().await;
}

/// RFC 3261 §7.3.1, §18.3: all Vias on one line, and no Content-Length in datagrams; every Via comes back.
#[tokio::test(flavor = "multi_thread")]
async fn vias_on_one_line_and_bodies_without_a_length() {
    if !are_here(&["sipp"]) {
        return;
    }
    let scratch = Scratch::new("edge-vias");
    let [carrier, calling, unused] = free_ports();
    let called = Sipp {
        calls: 1000,
        arguments: &["-aa"],
        ..Sipp::new("called", Scenario::Answer, other(10, carrier))
    };
    let _called = called.start(&scratch);
    let mut site = Site::start(&scratch, other(10, carrier), other(11, unused));
    let odd = CALL
        .replace(
            ";branch=[branch]\n",
            ";branch=[branch], SIP/2.0/UDP 10.9.8.7;branch=z9hG4bKdeeper[call_number]\n",
        )
        .replace("    Content-Length: [len]\n", "")
        .replace("    Content-Length: 0\n", "");
    assert!(odd.contains("deeper") && !odd.contains("Content-Length"));
    let caller = Sipp {
        remote: Some(local(site.sip)),
        service: CAROL,
        ..Sipp::new("odd", Scenario::Xml(&odd), other(10, calling))
    };
    let run = caller.start(&scratch);
    let record = site.record().await;
    let messages = run.messages();
    let answer = messages.split("SIP/2.0 200").nth(1).unwrap_or_default();
    assert!(answer.contains("z9hG4bKdeeper"), "{messages}");
    run.succeed(PATIENCE);
    assert!(record.connected_leg().is_some(), "{record:?}");
    site.running.stop().await;
}

/// RFC 3261 §17.1.3, §12.2.1.1: the carrier answers from another address and port than it was called at, and names that one in its
/// Contact: ACK and BYE go there.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_elsewhere_is_followed() {
    if !are_here(&["sipp"]) {
        return;
    }
    let scratch = Scratch::new("edge-elsewhere");
    let [calling, unused] = free_ports();
    let front = UdpSocket::bind(other(10, 0)).unwrap();
    let carriers = [front.local_addr().unwrap(), other(11, unused)];
    let mut site = Site::start(&scratch, carriers[0], carriers[1]);
    let peer = std::thread::spawn(move || {
        let (media, elsewhere) =
            (UdpSocket::bind(other(14, 0)).unwrap(), UdpSocket::bind(other(14, 0)).unwrap());
        let contact = elsewhere.local_addr().unwrap();
        let (invite, edge) = receive(&front, "INVITE");
        for status in ["180 Ringing", "200 OK"] {
            let body = if status.starts_with('2') {
                description(media.local_addr().unwrap())
            } else {
                String::new()
            };
            elsewhere.send_to(reply(&invite, status, contact, &body).as_bytes(), edge).unwrap();
        }
        receive(&elsewhere, "ACK");
        let (bye, from) = receive(&elsewhere, "BYE");
        elsewhere.send_to(reply(&bye, "200 OK", contact, "").as_bytes(), from).unwrap();
    });
    let caller = Sipp {
        remote: Some(local(site.sip)),
        service: CAROL,
        ..Sipp::new("caller", Scenario::Call, other(11, calling))
    };
    caller.start(&scratch).succeed(PATIENCE);
    let record = site.record().await;
    assert!(record.connected_leg().is_some(), "{record:?}");
    peer.join().unwrap();
    site.running.stop().await;
}

/// Waits for a request of a method; OPTIONS are answered on the way, anything else is dropped.
fn receive(socket: &UdpSocket, method: &str) -> (String, SocketAddr) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 4096];
    loop {
        let (len, from) =
            socket.recv_from(&mut buffer).unwrap_or_else(|error| panic!("no {method}: {error}"));
        let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if text.starts_with(method) {
            return (text, from);
        }
        if text.starts_with("OPTIONS") {
            let answer = reply(&text, "200 OK", socket.local_addr().unwrap(), "");
            socket.send_to(answer.as_bytes(), from).unwrap();
        }
    }
}

fn reply(request: &str, status: &str, contact: SocketAddr, body: &str) -> String {
    let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
    let mut answer = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name))) {
        let tag = if line.starts_with("To:") && !line.contains(";tag=") { ";tag=elsewhere" } else { "" };
        answer.push_str(&format!("{line}{tag}\r\n"));
    }
    let content_type = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    answer
        + &format!("Contact: <sip:{contact}>\r\n{content_type}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn description(media: SocketAddr) -> String {
    let (ip, port) = (media.ip(), media.port());
    format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
}

/// ES-15: sipsak asks for OPTIONS from a carrier's address, and gets them.
#[tokio::test(flavor = "multi_thread")]
async fn sipsak_is_answered() {
    if !are_here(&["sipsak"]) {
        return;
    }
    let scratch = Scratch::new("edge-sipsak");
    let [carrier, unused] = free_ports();
    let site = Site::start(&scratch, local(carrier), other(11, unused));
    let uri = format!("sip:127.0.0.1:{}", site.sip);
    let asked =
        tokio::task::spawn_blocking(move || Command::new("sipsak").args(["-vv", "-s", &uri]).output());
    let output = asked.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("200 OK"), "{} {said}", output.status);
    site.running.stop().await;
}
