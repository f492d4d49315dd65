//! CPU time: warm-up, idle time, load, drain; ours, theirs, ours, theirs and so on.

use std::thread;
use std::time::{Duration, Instant};

use crate::load::{self, Amount, Counts};
use crate::measure;
use crate::place::Wire;
use crate::progress::Progress;
use crate::server::{Kind, Purpose};
use crate::stage::{Behind, Pace, Stage, patience};

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// INVITE 100 180 200 ACK BYE 200.
    Call(Wire),
    /// REGISTER 401 REGISTER 200.
    Register,
}

impl Work {
    /// For people.
    pub(crate) fn name(self) -> String {
        match self {
            Work::Call(wire) => format!("call, {}", wire.protocol()),
            Work::Register => "registration, UDP".into(),
        }
    }

    fn wire(self) -> Wire {
        match self {
            Work::Call(wire) => wire,
            Work::Register => Wire::Udp,
        }
    }

    /// Whom it is compared with.
    pub(crate) fn servers(self) -> &'static [Kind] {
        match self {
            Work::Call(Wire::Udp) => &[Kind::Edge, Kind::Stateful, Kind::Hiding],
            Work::Call(Wire::Tcp | Wire::Tls) | Work::Register => &[Kind::Edge, Kind::Stateful],
        }
    }
}

/// How runs are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) amount: Amount,
    pub(crate) repeats: usize,
    pub(crate) pace: Pace,
}

/// What one server used in the runs that count.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) kind: Kind,
    /// CPU-seconds per 1,000.
    pub(crate) costs: Vec<f64>,
    /// Runs with failures or retransmissions, and what was counted in them.
    pub(crate) unclean: Vec<Counts>,
}

/// Tries for each run; one that is not clean is repeated.
const ATTEMPTS: usize = 3;
/// How long the idle rate is measured.
const IDLE: Duration = Duration::from_secs(2);
/// How long calls are held.
const HOLD: Duration = Duration::from_millis(100);

/// How long one run takes, about.
pub(crate) fn length(kind: Kind, plan: Plan) -> Duration {
    let load = |amount: Amount| Duration::from_secs_f64(amount.calls as f64 / amount.rate as f64 + 1.0);
    load(plan.pace.warm_up) + load(plan.amount) + plan.pace.drain(kind) * 2 + IDLE
}

/// Runs all servers in turn, as often as it is planned.
///
/// # Errors
/// When a server or SIPp cannot be started or stops.
pub(crate) fn interleaved(work: Work, plan: Plan, progress: &mut Progress) -> Result<Vec<Series>, String> {
    let new = |kind: &Kind| Series { kind: *kind, costs: Vec::new(), unclean: Vec::new() };
    let mut all: Vec<Series> = work.servers().iter().map(new).collect();
    for repeat in 1..=plan.repeats {
        for series in &mut all {
            progress.begin(format_args!(
                "{}, {}, run {repeat} of {}",
                work.name(),
                series.kind.name(),
                plan.repeats
            ));
            for _ in 0..ATTEMPTS {
                let (cost, counts) = once(work, series.kind, plan)?;
                let verdict = if counts.is_clean() { "" } else { ": does not count" };
                progress.say(format_args!(
                    "{cost:.3} CPU-s per 1,000; {} failed, {} sent again{verdict}",
                    counts.failed, counts.repeated
                ));
                if counts.is_clean() {
                    series.costs.push(cost);
                    break;
                }
                series.unclean.push(counts);
            }
            progress.end(length(series.kind, plan));
        }
    }
    Ok(all)
}

/// CPU-seconds per 1,000, and what both sides of SIPp counted.
fn once(work: Work, kind: Kind, plan: Plan) -> Result<(f64, Counts), String> {
    let (Plan { amount, pace, .. }, warm_up) = (plan, plan.pace.warm_up);
    let (behind, phones) = match work {
        Work::Call(_) => (Behind::Sipp(HOLD), 0),
        Work::Register => (Behind::Nobody, warm_up.calls + amount.calls),
    };
    let stage = Stage::open(kind, work.wire(), behind, Purpose { phones, memory: false })?;
    let begin = |name: &str, first: usize, amount: Amount| match work {
        Work::Call(_) => stage.call(name, amount, HOLD),
        Work::Register => stage.register(name, first, amount),
    };
    stage.warm(begin("warm-up", 0, warm_up)?, pace)?;
    let server = stage.server.id();
    let (began, before) = (Instant::now(), measure::cpu(server));
    thread::sleep(IDLE);
    let idle = (measure::cpu(server) - before).as_secs_f64() / began.elapsed().as_secs_f64();

    let answered = || stage.answering.as_ref().map(load::Sipp::counts).unwrap_or_default();
    let earlier = answered();
    let (began, before) = (Instant::now(), measure::cpu(server));
    let mut counts = begin("load", warm_up.calls, amount)?.finish(patience(amount))?;
    thread::sleep(pace.drain(kind));
    let used = (measure::cpu(server) - before).as_secs_f64() - idle * began.elapsed().as_secs_f64();
    // An OPTIONS by which the edge asks whether its carrier is alive is a failed call to the SIPp that answers it; a call that fails
    // fails on the caller's side too.
    counts.repeated += answered().repeated - earlier.repeated;
    Ok((used * 1000.0 / amount.calls as f64, counts))
}
