//! The edge program in trouble, between SIPp processes: killed in the middle of its work, without room on its disk, with a configuration
//! that is broken or gone. Loopback, free ports.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and interop runs in real time"
)]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use telco_testkit::peer::{Program, Scenario, Scratch, Sipp, SippRun, free_ports, installed};
use telco_tests::{metadata, root};

const PATIENCE: Duration = Duration::from_secs(30);
const OFFICE: &str = include_str!("../crates/edge-core/tests/data/office.toml");
const CALL: &str = include_str!("../crates/telco-testkit/src/peer/scenarios/call.xml");

/// A number of the office that leads to a phone outside, by the first carrier.
const CAROL: &str = "+13175550103";

/// Carriers are told apart by their addresses.
fn at(host: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, host), port).into()
}

/// The program of `examples/edge`, built when it is not.
fn edge_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "-q", "-p", "edge"]).current_dir(root()).status();
        assert!(built.unwrap().success(), "the edge is built");
        metadata().unwrap().target_directory.join("debug/edge").into()
    })
}

/// The edge program with its configuration, and a carrier that answers whatever it is called for.
struct Site {
    scratch: Scratch,
    config: PathBuf,
    sip: SocketAddr,
    metrics: SocketAddr,
    edge: Program,
    starts: u32,
    _called: SippRun,
}

impl Site {
    /// Keeps its records in `spool`.
    fn start(scratch: Scratch, spool: &str) -> Self {
        Self::with(scratch, spool, "", "")
    }

    /// With further listeners and settings.
    fn with(scratch: Scratch, spool: &str, listeners: &str, more: &str) -> Self {
        let [carrier, unused, sip, metrics, rtp] = free_ports();
        let section = format!(
            "[edge]\nid = \"@edge\"\nhost = \"127.0.0.1\"\n\
             listen = [{{ transport = \"udp\", address = \"127.0.0.1:{sip}\" }}{listeners}]\n{more}\
             allow_loopback = true\nmedia_threads = 1\nspool = \"{spool}\"\nrecordings = \"recordings\"\nprompts = \"prompts\"\n\
             metrics = \"127.0.0.1:{metrics}\"\n"
        );
        let capacity = "capacity = { calls = 100, calls_per_second = 50 }";
        assert!(OFFICE.contains(capacity));
        let office = OFFICE
            .replace("192.0.2.10:5060", &at(10, carrier).to_string())
            .replace("192.0.2.11:5060", &at(11, unused).to_string())
            .replace(r#"codecs = ["audio/pcma"]"#, r#"codecs = ["audio/pcmu"]"#)
            .replace(capacity, &format!("{capacity}\nmedia_ports = \"{}-{}\"", rtp & !1, (rtp & !1) + 399));
        let config = scratch.write("edge.toml", format!("{office}\n{section}"));
        let called = Sipp {
            calls: 10_000,
            arguments: &["-aa"],
            ..Sipp::new("called", Scenario::Answer, at(10, carrier))
        };
        let called = called.start(&scratch);
        let edge = run(&scratch, &config, 1);
        let (sip, metrics) = (at(1, sip), at(1, metrics));
        Self { scratch, config, sip, metrics, edge, starts: 1, _called: called }
    }

    /// Starts the edge again, on what the one before left.
    fn start_again(&mut self) {
        self.starts += 1;
        self.edge = run(&self.scratch, &self.config, self.starts);
    }

    fn call(&self, name: &str, calls: u32, scenario: &str) -> SippRun {
        let [calling] = free_ports();
        let sipp = Sipp::new(name, Scenario::Xml(scenario), at(10, calling));
        Sipp { remote: Some(self.sip), service: CAROL, calls, rate: 20, ..sipp }.start(&self.scratch)
    }

    /// The value of a metric; 0 while there is none.
    fn metric(&self, name: &str) -> usize {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let value =
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
        value.unwrap_or_default() as usize
    }

    fn wait_for_metric(&self, name: &str, wanted: impl Fn(usize) -> bool) -> usize {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.metric(name);
            if wanted(value) {
                return value;
            }
            assert!(Instant::now() < end, "{name} is {value}; the edge said\n{}", self.edge.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// The conversations of the calls that have ended, as the log tells them, in order.
    fn ended(&self) -> Vec<String> {
        let log = self.edge.log();
        let calls = log.lines().filter(|line| line.contains("INFO call "));
        let conversation =
            |line: &str| Some(line.split_once("conversation=")?.1.split_whitespace().next()?.to_owned());
        calls.filter_map(conversation).collect()
    }

    /// The conversations in the export, in order.
    fn exported(&self) -> Vec<String> {
        let mut command = Command::new(edge_program());
        let output = command.args(["records", "--config"]).arg(&self.config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let conversation = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["conversation"].as_str().unwrap().to_owned()
        };
        text.lines().map(conversation).collect()
    }
}

fn run(scratch: &Scratch, config: &Path, start: u32) -> Program {
    let mut command = Command::new(edge_program());
    command.arg("--config").arg(config);
    let log = scratch.path().join(format!("edge-{start}.log"));
    let mut edge = Program::start("edge", command, log).unwrap();
    edge.wait_for("metrics on", PATIENCE);
    edge
}

/// `kill -9` in the middle of calls and of writing: every record that was confirmed is in the export, once; the half line a write left is
/// cut off, and the log says so; the edge goes on where it was, with new calls and new records behind the old ones.
#[test]
fn records_outlive_a_killed_edge() {
    if !installed("sipp") {
        return;
    }
    let mut site = Site::start(Scratch::new("faults-kill"), "spool");
    let calling = site.call("calling", 400, CALL);
    let answered = "edge_calls_total{outcome=\"answered\"}";
    let ended = site.wait_for_metric(answered, |ended| ended >= 30);
    // Ended before this moment, and no more than these not on the disk now.
    let confirmed = ended - site.metric("edge_records_waiting");
    assert!(site.metric("edge_calls") > 0, "calls run");
    site.edge.kill();
    drop(calling);
    let before = site.ended();
    assert!(confirmed >= 25 && before.len() >= confirmed, "{confirmed} of {}", before.len());
    let spool = fs::read_dir(site.scratch.path().join("spool")).unwrap();
    let file = spool.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some()).unwrap();
    OpenOptions::new().append(true).open(file).unwrap().write_all(b"{\"seq\":99,\"crc\":\"01").unwrap();

    site.start_again();
    site.edge.wait_for("it is cut off", PATIENCE);
    site.call("again", 5, CALL).succeed(PATIENCE);
    site.wait_for_metric(answered, |ended| ended == 5);
    site.wait_for_metric("edge_records_waiting", |waiting| waiting == 0);
    let exported = site.exported();
    let once: BTreeSet<_> = exported.iter().collect();
    assert_eq!(once.len(), exported.len(), "no record twice");
    for conversation in before[..confirmed].iter().chain(&site.ended()) {
        assert!(once.contains(conversation), "{conversation} was confirmed");
    }
    assert_eq!(exported[exported.len() - 5..], site.ended());
}

/// A file system of this size, gone with the test.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: file systems cannot be mounted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A disk without room: calls are set up and ended as before, their records wait, log and metric say what is wrong and what to do; with
/// room again they are written, each once.
#[test]
fn a_full_disk_holds_up_no_call() {
    let scratch = Scratch::new("faults-disk");
    let small = scratch.path().join("small");
    if !installed("sipp") {
        return;
    }
    let Some(_mounted) = Mounted::new(small.clone(), "256k") else { return };
    let mut site = Site::start(scratch, "small/spool");
    let ballast = small.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    site.call("full", 10, CALL).succeed(PATIENCE);
    site.wait_for_metric("edge_records_waiting", |waiting| waiting == 10);
    site.edge.wait_for("the disk is full: make room", PATIENCE);
    assert_eq!(site.exported(), [""; 0]);
    drop(file);
    fs::remove_file(ballast).unwrap();
    site.edge.wait_for("call records are written again", PATIENCE);
    site.wait_for_metric("edge_records_waiting", |waiting| waiting == 0);
    assert_eq!(site.exported(), site.ended());
    assert_eq!((site.exported().len(), site.metric("edge_records_lost_total")), (10, 0));
}

/// A configuration that is broken, then gone, when the edge is told to read it again: every problem is in the log, the call that runs
/// goes on, and new calls are taken by the configuration before; a good one is taken over again.
#[test]
fn a_broken_configuration_is_not_taken_over() {
    if !installed("sipp") {
        return;
    }
    let mut site = Site::start(Scratch::new("faults-config"), "spool");
    let good = fs::read_to_string(&site.config).unwrap();
    let slow = CALL.replace("<pause milliseconds=\"500\"/>", "<pause milliseconds=\"4000\"/>");
    assert_ne!(slow, CALL);
    let running = site.call("running", 1, &slow);
    site.wait_for_metric("edge_calls", |calls| calls == 1);
    let refused = |log: &str| log.matches("the edge goes on with the last one").count();

    let broken = good.replace("transport = \"udp\", address", "transport = \"sctp\", address");
    let broken = broken.replace("target = { user = \"@carol\" }", "target = { user = \"@nobody\" }");
    fs::write(&site.config, broken).unwrap();
    site.edge.signal("HUP");
    site.edge.wait_until("the broken file to be refused", PATIENCE, |log| refused(log) == 1);
    let log = site.edge.log();
    assert!(log.contains("edge.listen[0].transport") && log.contains("did_assignments"), "{log}");

    fs::remove_file(&site.config).unwrap();
    site.edge.signal("HUP");
    site.edge.wait_until("the missing file to be refused", PATIENCE, |log| refused(log) == 2);
    assert!(site.edge.log().contains("No such file"), "{}", site.edge.log());

    site.call("new", 1, CALL).succeed(PATIENCE);
    running.succeed(PATIENCE);
    fs::write(&site.config, good).unwrap();
    site.edge.signal("HUP");
    site.edge.wait_for("the configuration was taken over", PATIENCE);
    site.call("after", 1, CALL).succeed(PATIENCE);
    site.wait_for_metric("edge_records_waiting", |waiting| waiting == 0);
    assert_eq!(site.exported().len(), 3);
}

/// A certificate and a key for it, in the files the edge reads.
fn issue(scratch: &Scratch, name: &str) {
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]);
    command.args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:edge.example"]);
    command.args(["-keyout", "edge.key", "-out", "edge.crt"]).current_dir(scratch.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The name on the certificate that is shown to a client.
fn shown(tls: SocketAddr) -> String {
    let mut command = Command::new("openssl");
    let output =
        command.args(["s_client", "-connect", &tls.to_string()]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let subject = text.lines().find_map(|line| line.strip_prefix("subject="));
    let name = subject.and_then(|subject| subject.rsplit(['=', ' ']).next());
    name.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

/// A renewed certificate is shown to new connections after SIGHUP. A file that is no certificate, and a key that belongs to another,
/// leave the one before in place, and the log says why.
#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    if !["sipp", "openssl"].into_iter().all(installed) {
        return;
    }
    let scratch = Scratch::new("faults-tls");
    issue(&scratch, "first");
    let [secure] = free_ports();
    let tls = at(1, secure);
    let listener = format!(", {{ transport = \"tls\", address = \"{tls}\" }}");
    let files = "tls = { certificate = \"edge.crt\", key = \"edge.key\" }\n";
    let mut site = Site::with(scratch, "spool", &listener, files);
    assert_eq!(shown(tls), "first");
    let reload = |site: &mut Site, outcome: &str, times: usize| {
        site.edge.signal("HUP");
        site.edge.wait_until(outcome, PATIENCE, |log| log.matches(outcome).count() == times);
    };
    let (taken, refused) = ("the configuration was taken over", "the edge goes on with the last one");
    issue(&site.scratch, "second");
    reload(&mut site, taken, 1);
    assert_eq!(shown(tls), "second");

    let certificate = site.scratch.path().join("edge.crt");
    let second = fs::read(&certificate).unwrap();
    issue(&site.scratch, "third");
    for (broken, times) in [("no certificate".as_bytes(), 1), (&second, 2)] {
        fs::write(&certificate, broken).unwrap();
        reload(&mut site, refused, times);
        assert_eq!(shown(tls), "second");
    }
    assert_eq!(site.edge.log().matches("ERROR edge.tls: ").count(), 2, "{}", site.edge.log());
    issue(&site.scratch, "fourth");
    reload(&mut site, taken, 2);
    assert_eq!(shown(tls), "fourth");
}

/// An edge does not start with a file that cannot be taken over whole: it says everything that is wrong in it, ends with an error, and
/// has not touched its spool.
#[test]
fn a_broken_configuration_starts_nothing() {
    let scratch = Scratch::new("faults-start");
    let office = OFFICE.replace("target = { user = \"@carol\" }", "target = { user = \"@nobody\" }");
    let section = "[edge]\nid = \"@edge\"\nhost = \"127.0.0.1\"\nlisten = [{ transport = \"sctp\", address = \"127.0.0.1\" }]\n\
                   spool = \"spool\"\nrecordings = \"recordings\"\nprompts = \"prompts\"\n";
    let config = scratch.write("edge.toml", format!("{office}\n{section}"));
    let output = Command::new(edge_program()).arg("--config").arg(&config).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("edge.listen[0].transport") && told.contains("did_assignments"), "{told}");
    assert!(!scratch.path().join("spool").exists());
}
