//! The load: SIPp on both sides.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use telco_testkit::peer::{Program, Scratch};

use crate::place::{Place, Wire};

/// Addresses phones register from.
pub(crate) const PHONE_ADDRESSES: usize = 250;

/// What a SIPp counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) repeated: u64,
    /// Going on.
    pub(crate) current: u64,
}

impl Counts {
    /// Nothing failed and nothing was sent twice: the run is a figure.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && self.repeated == 0
    }
}

/// A SIPp at work.
pub(crate) struct Sipp {
    program: Program,
    statistics: PathBuf,
    name: String,
}

/// How much one SIPp does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) calls: usize,
    pub(crate) rate: usize,
}

/// Makes calls to the server, each held this long.
///
/// # Errors
/// When SIPp cannot be started.
pub(crate) fn call(
    name: &str,
    amount: Amount,
    hold: Duration,
    place: &Place,
    scratch: &Scratch,
) -> Result<Sipp, String> {
    let scenario = include_str!("scenarios/call.xml").replace("HOLD", &hold.as_millis().to_string());
    let mut command = command(name, &scenario, hold, place.caller(), place, scratch);
    command.args(amounts(amount)).arg(place.entrance().to_string());
    Sipp::start(name, command, scratch)
}

/// Answers calls, each held this long by its caller, until it is dropped.
///
/// # Errors
/// When SIPp cannot be started.
pub(crate) fn answer(hold: Duration, place: &Place, scratch: &Scratch) -> Result<Sipp, String> {
    let scenario = include_str!("scenarios/answer.xml");
    let mut command = command("answer", scenario, hold, place.called(), place, scratch);
    command.arg("-aa");
    Sipp::start("answer", command, scratch)
}

/// Registers phones, beginning with the one of this number.
///
/// # Errors
/// When SIPp cannot be started.
pub(crate) fn register(
    name: &str,
    first: usize,
    amount: Amount,
    place: &Place,
    scratch: &Scratch,
) -> Result<Sipp, String> {
    let mut phones = String::from("SEQUENTIAL\n");
    for phone in first..first + amount.calls {
        let host = phone % PHONE_ADDRESSES + 1;
        let _ = writeln!(
            phones,
            "127.0.1.{host};phone{phone};[authentication username=phone{phone} password=secret]"
        );
    }
    let phones = scratch.write(&format!("{name}.csv"), phones);
    let scenario = include_str!("scenarios/register.xml");
    let mut command = command(name, scenario, Duration::ZERO, place.caller(), place, scratch);
    command.args(amounts(amount)).arg("-inf").arg(phones).args(["-ip_field", "0"]);
    command.arg(place.plain().to_string());
    Sipp::start(name, command, scratch)
}

fn amounts(amount: Amount) -> [String; 4] {
    ["-m".into(), amount.calls.to_string(), "-r".into(), amount.rate.to_string()]
}

fn command(
    name: &str,
    scenario: &str,
    hold: Duration,
    local: SocketAddr,
    place: &Place,
    scratch: &Scratch,
) -> Command {
    let scenario = scenario
        .replace("SERVER", &place.server().to_string())
        .replace("CONTACT", &place.exit().to_string())
        .replace("PROTOCOL", place.wire.protocol())
        .replace("PARAMETER", place.wire.parameter());
    let transport = match place.wire {
        _ if scenario.contains("[field0]") => "ui",
        Wire::Udp => "u1",
        Wire::Tcp | Wire::Tls => "t1",
    };
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(scratch.write(&format!("{name}.xml"), scenario));
    command.args(["-i", &local.ip().to_string(), "-p", &local.port().to_string(), "-t", transport]);
    let patience = (hold + Duration::from_secs(20)).as_millis();
    command.args(["-nostdin", "-l", "100000", "-recv_timeout", &patience.to_string()]);
    command.args(["-buff_size", "1000000", "-fd", "1"]);
    // Within any usual limit on open files: it has a socket for each address of phones at most.
    command.args(["-max_socket", "1000"]);
    command.args(["-trace_err", "-error_file"]).arg(scratch.path().join(format!("{name}.errors")));
    command.args(["-trace_stat", "-stf"]).arg(scratch.path().join(format!("{name}.stat")));
    command.current_dir(scratch.path());
    command
}

impl Sipp {
    fn start(name: &str, command: Command, scratch: &Scratch) -> Result<Self, String> {
        let statistics = scratch.path().join(format!("{name}.stat"));
        let log = scratch.path().join(format!("{name}.log"));
        let program = Program::start(name, command, log).map_err(|error| format!("sipp: {error}"))?;
        Ok(Self { program, statistics, name: name.into() })
    }

    /// Waits until every call is over, and says how they went.
    ///
    /// # Errors
    /// When SIPp has not ended in time or ends without having done anything.
    pub(crate) fn finish(self, patience: Duration) -> Result<Counts, String> {
        let end = Instant::now() + patience;
        while fs::metadata(format!("/proc/{}/exe", self.program.id())).is_ok() {
            if Instant::now() > end {
                return Err(format!("sipp {} is not done after {patience:?}", self.name));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let counts = self.counts();
        if counts == Counts::default() {
            return Err(format!("sipp {} did nothing:\n{}", self.name, self.program.log()));
        }
        Ok(counts)
    }

    /// What it has counted so far, a second ago at most.
    pub(crate) fn counts(&self) -> Counts {
        let text = fs::read_to_string(&self.statistics).unwrap_or_default();
        let mut lines = text.lines();
        let (Some(head), Some(last)) = (lines.next(), lines.next_back()) else { return Counts::default() };
        let fields: BTreeMap<_, _> = head.split(';').zip(last.split(';')).collect();
        let number = |name| fields.get(name).and_then(|value| value.parse().ok()).unwrap_or(0);
        Counts {
            successful: number("SuccessfulCall(C)"),
            failed: number("FailedCall(C)"),
            repeated: number("Retransmissions(C)"),
            current: number("CurrentCall"),
        }
    }
}
