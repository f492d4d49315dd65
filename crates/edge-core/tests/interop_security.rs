//! The edge under attack: SIPVicious, and floods of junk beside calls that must not notice. Loopback, free ports.

#![cfg(all(feature = "driver", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it measured, and interop runs in real time"
)]

mod live;

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use edge_core::cdr::{LegOutcome, LegParty};
use edge_core::edge::EdgeConfig;
use live::{PATIENCE, Site, local, other};
use sip_trunk::transport::Transport;
use sip_trunk::ua::UaConfig;
use telco_testkit::peer::{Baresip, Phone, Program, Scenario, Scratch, Sipp, free_ports, installed};

/// Where Debian puts it.
const SIPVICIOUS: &str = "/usr/share/sipvicious/sipvicious";

/// An address that is no trunk's.
const STRANGER: &str = "127.0.0.66";

/// How long a flood lasts, in seconds; the nightly run gives more.
fn flood_seconds() -> u64 {
    std::env::var("FLOOD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// An edge whose carriers and device are nowhere, and one phone that may register: 1010, with a password out of the list.
fn site(scratch: &Scratch, device: SocketAddr) -> Site {
    let [a, b] = free_ports();
    Site::open(scratch, [other(10, a), other(11, b)], &[Transport::Udp], None, |document| {
        document.replace("192.0.2.12:5060", &device.to_string()).replace(
            r#"username = "alice", password = "wonderland""#,
            r#"username = "1010", password = "word-9000""#,
        )
    })
}

/// The tools under another name: a guard that only knows how they introduce themselves would let these pass.
fn disguised(scratch: &Scratch) -> PathBuf {
    let copy = scratch.path().join("sipvicious");
    let status = Command::new("cp").args(["-r", SIPVICIOUS]).arg(&copy).status().unwrap();
    assert!(status.success());
    let helper = copy.join("libs/svhelper.py");
    let text = fs::read_to_string(&helper).unwrap();
    assert!(text.contains("friendly-scanner"));
    fs::write(&helper, text.replace("friendly-scanner", "Office Phone 4.2")).unwrap();
    copy
}

/// What a tool prints to its end.
fn run(scratch: &Scratch, tools: &Path, tool: &str, arguments: &[&str]) -> String {
    run_from(STRANGER, scratch, tools, tool, arguments)
}

fn run_from(from: &str, scratch: &Scratch, tools: &Path, tool: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("python3");
    let parent = tools.parent().unwrap();
    let script = tools.join(format!("{tool}.py"));
    command.env("PYTHONPATH", parent).env("HOME", scratch.path()).current_dir(parent).arg(script);
    command.args(["-b", from, "-x", from]).args(arguments);
    let log = scratch.path().join(format!("{tool}.log"));
    let mut program = Program::start(tool, command, log).unwrap();
    program.wait(Duration::from_secs(120));
    program.log()
}

fn sipvicious_is_here() -> bool {
    installed("svmap") && Path::new(SIPVICIOUS).is_dir()
}

/// Whether a tool says that it has found nothing, and has no table of findings.
fn found_nothing(output: &str) -> bool {
    !output.contains("Traceback") && !output.contains("| ") && !output.contains("+---")
}

/// FG-06, ES-15: svmap finds no host: by OPTIONS in the edge's usual mode, and in silent mode by INVITE and REGISTER too, whatever it
/// calls itself. The same scan from a carrier's address finds the edge, so that it is not the tool that is blind.
#[tokio::test(flavor = "multi_thread")]
async fn svmap_finds_no_host() {
    if !sipvicious_is_here() {
        return;
    }
    let scratch = Scratch::new("svmap");
    let [device] = free_ports();
    let site = site(&scratch, other(12, device));
    let (port, copy) = (site.sip.to_string(), disguised(&scratch));
    let scan =
        |tools: &Path, method: &str| run(&scratch, tools, "svmap", &["-p", &port, "-m", method, "127.0.0.1"]);
    for tools in [Path::new(SIPVICIOUS), &copy] {
        let output = scan(tools, "OPTIONS");
        assert!(found_nothing(&output), "{output}");
    }
    let seen = run_from("127.0.0.10", &scratch, &copy, "svmap", &["-p", &port, "127.0.0.1"]);
    assert!(!found_nothing(&seen), "{seen}");
    let runtime = site.running.handle().call(|edge, _| (**edge.runtime()).clone()).await.unwrap();
    let mut config = EdgeConfig::new(UaConfig::default(), "127.0.0.1");
    config.guard.silent = true;
    site.running.apply(config, runtime).await.unwrap();
    for method in ["OPTIONS", "INVITE", "REGISTER"] {
        let output = scan(&copy, method);
        assert!(found_nothing(&output), "{method}: {output}");
    }
    site.running.stop().await;
}

/// FG-06, ES-14: svwar tries 1,000 extensions, one of which exists, and learns of none.
#[tokio::test(flavor = "multi_thread")]
async fn svwar_finds_no_user() {
    if !sipvicious_is_here() {
        return;
    }
    let scratch = Scratch::new("svwar");
    let [device] = free_ports();
    let site = site(&scratch, other(12, device));
    let (port, copy) = (site.sip.to_string(), disguised(&scratch));
    for tools in [Path::new(SIPVICIOUS), &copy] {
        for method in ["REGISTER", "INVITE"] {
            let output = run(
                &scratch,
                tools,
                "svwar",
                &["-p", &port, "-e", "500-1499", "--force", "-m", method, "127.0.0.1"],
            );
            assert!(found_nothing(&output) && !output.contains("1010"), "{method}: {output}");
        }
    }
    site.running.stop().await;
}

/// FG-06, ES-16: svcrack tries 10,000 words, one of which is the password, and is locked out long before it comes to it. The phone
/// itself, from where it stands, registers all the while.
#[tokio::test(flavor = "multi_thread")]
async fn svcrack_finds_no_password() {
    if !sipvicious_is_here() {
        return;
    }
    let scratch = Scratch::new("svcrack");
    let [device] = free_ports();
    let site = site(&scratch, other(12, device));
    let words = (0..10_000).fold(String::new(), |mut words, n| {
        let _ = writeln!(words, "word-{n}");
        words
    });
    let words = scratch.write("words", words);
    let (port, copy) = (site.sip.to_string(), disguised(&scratch));
    let words = words.to_str().unwrap();
    for tools in [Path::new(SIPVICIOUS), &copy] {
        let output = run(&scratch, tools, "svcrack", &["-p", &port, "-u", "1010", "-d", words, "127.0.0.1"]);
        assert!(found_nothing(&output) && !output.contains("word-9000"), "{output}");
    }
    let proved = site.running.handle().call(|edge, _| edge.guarding()).await.unwrap();
    assert!(proved.proved == 0 && proved.failed < 20, "{proved:?}");
    let [phone] = free_ports();
    let account = format!("<sip:1010@127.0.0.1:{};transport=udp>;auth_pass=word-9000;regint=60", site.sip);
    let listen = format!("127.0.0.1:{phone}");
    let phone = Phone { name: "1010", account: &account, listen: &listen, speaks: None, ca: None };
    if installed("baresip") {
        Baresip::phone(&scratch, &phone).program.wait_for("200 OK", PATIENCE);
    }
    site.running.stop().await;
}

/// 440 Hz for a phone to speak.
fn tone(scratch: &Scratch, seconds: u64) -> PathBuf {
    let file = scratch.path().join("tone.wav");
    let arguments = ["-n", "-r", "8000", "-c", "1", "-b", "16"];
    let length = seconds.to_string();
    let made =
        Command::new("sox").args(arguments).arg(&file).args(["synth", &length, "sine", "440"]).status();
    assert!(made.unwrap().success());
    file
}

/// Junk of every kind a stranger may send, without end.
struct Junk {
    socket: UdpSocket,
    to: SocketAddr,
    sent: u64,
}

impl Junk {
    fn message(&self) -> Vec<u8> {
        let n = self.sent;
        let request = |method: &str| {
            format!(
                "{method} sip:{n}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.77:5060;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n\
                 From: <sip:{n}@127.0.0.77>;tag={n}\r\nTo: <sip:{n}@127.0.0.1>\r\nCall-ID: {n}@junk\r\nCSeq: 1 {method}\r\n\
                 Contact: <sip:{n}@127.0.0.77>\r\nUser-Agent: Office Phone 4.2\r\nContent-Length: 0\r\n\r\n"
            )
        };
        match n % 8 {
            0..3 => request("REGISTER").into_bytes(),
            3 | 4 => request("INVITE").into_bytes(),
            5 => request("OPTIONS").into_bytes(),
            6 => n.to_be_bytes().repeat(40),
            _ => b"INVITE sip:a SIP/2.0\r\nVia: nonsense\r\n\r\n".to_vec(),
        }
    }

    /// Sends `rate` messages a second for a time.
    fn pour(mut self, rate: u64, span: Duration) -> u64 {
        let begun = Instant::now();
        while begun.elapsed() < span {
            let due = (begun.elapsed().as_secs_f64() * rate as f64) as u64;
            while self.sent < due {
                // What the kernel has no room for is no message.
                let _ = self.socket.send_to(&self.message(), self.to);
                self.sent += 1;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.sent
    }
}

/// Resident memory of this process, in KiB: the edge, and a flood that holds next to nothing.
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// ES-18, ES-19, ES-20, FG-05: while a stranger sends 20,000 messages a second, calls of a carrier are set up, all of them, through a
/// flow to a device; a phone that talks loses less than one packet in a hundred; memory stays what it was, and none of the tables
/// grows.
#[tokio::test(flavor = "multi_thread")]
async fn calls_do_not_notice_a_flood() {
    if !["sipp", "baresip", "sox"].into_iter().all(installed) {
        return;
    }
    let scratch = Scratch::new("flood");
    let [carrier, unused, device] = free_ports();
    let mut site =
        Site::open(&scratch, [other(10, carrier), other(11, unused)], &[Transport::Udp], None, |document| {
            let document = document.replace("192.0.2.12:5060", &other(12, device).to_string());
            // The device never speaks, and the phone's call lasts as long as the flood.
            let media = "address_override = \"unassigned_did\"\n\n[trunks.media]\n";
            assert!(document.contains(media));
            document.replace(media, &format!("{media}disconnect_on_idle = false\n"))
        });
    let seconds = flood_seconds();
    let calls = u32::try_from(seconds * 8).unwrap();
    // It is asked with OPTIONS whether it lives, too, and so ends when it is told to.
    let device = Sipp {
        calls: calls * 2,
        arguments: &["-aa"],
        ..Sipp::new("device", Scenario::Answer, other(12, device))
    };
    let _answering = device.start(&scratch);
    let [phone] = free_ports();
    let account = format!("<sip:alice@127.0.0.1:{};transport=udp>;auth_pass=wonderland;regint=60", site.sip);
    let listen = format!("127.0.0.1:{phone}");
    let speaks = Some(tone(&scratch, seconds + 60));
    let phone = Phone { name: "alice", account: &account, listen: &listen, speaks, ca: None };
    let mut talking = Baresip::phone(&scratch, &phone);
    talking.program.wait_for("200 OK", PATIENCE);
    talking.command("dial", &format!("sip:9991@127.0.0.1:{}", site.sip)).unwrap();
    talking.program.wait_for("Call established", PATIENCE);
    let junk = |bind: &str| Junk { socket: UdpSocket::bind(bind).unwrap(), to: local(site.sip), sent: 0 };
    // Tables fill to their bounds first.
    let warm = junk("127.0.0.78:0");
    tokio::task::spawn_blocking(move || warm.pour(20_000, Duration::from_secs(1))).await.unwrap();
    let before = resident();
    let flood = junk("127.0.0.77:0");
    let flooding = tokio::task::spawn_blocking(move || flood.pour(20_000, Duration::from_secs(seconds)));
    let calling = Sipp {
        remote: Some(local(site.sip)),
        service: "+13175550110",
        calls,
        rate: 8,
        ..Sipp::new("carrier", Scenario::Call, other(10, carrier))
    };
    let calling = calling.start(&scratch);
    let (mut connected, mut failed) = (0, Vec::new());
    for _ in 0..calls {
        let record = site.record().await;
        let is_of_phone = matches!(record.legs[0].party, LegParty::Phone { .. });
        assert!(!is_of_phone, "the phone's call is over: {record:?}\n{}", talking.program.log());
        match record.connected_leg().is_some_and(|leg| leg.outcome == LegOutcome::Answered) {
            true => connected += 1,
            false => failed.push(record),
        }
    }
    calling.succeed(PATIENCE);
    talking.command("hangup", "").unwrap();
    let heard = site.record().await.legs[0].quality.clone().unwrap();
    let sent = flooding.await.unwrap();
    let grown = resident() - before;
    let (stats, guard) =
        site.running.handle().call(|edge, _| (edge.signalling(), edge.guarding())).await.unwrap();
    let (lost, received) = (heard.lost, heard.received);
    println!(
        "{sent} messages in {seconds} s, {connected} of {calls} calls, {lost} packets lost of {received}, {grown} KiB more; \
         {stats:?} {guard:?}"
    );
    assert!(received > seconds * 40 && lost * 100 < received, "{heard:?}");
    assert!(connected * 100 >= calls * 95, "{failed:?}");
    assert!(sent >= seconds * 15_000, "the machine sent only {sent}");
    assert!(guard.silenced + stats.malformed + stats.throttled > 0, "{guard:?} {stats:?}");
    let minutes = i64::try_from(seconds / 60).unwrap();
    assert!(grown < (8 + minutes) * 1024, "{grown} KiB");
    assert!(stats.server_transactions < 2_000, "{stats:?}");
    site.running.stop().await;
}
