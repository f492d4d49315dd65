//! One run: a server of its own, warm-up, idle time, load, drain; and the interleaved series of them.

use std::thread;
use std::time::{Duration, Instant};

use telco_testkit::peer::Scratch;

use crate::load::{self, Amount, Counts};
use crate::measure;
use crate::place::{self, Place, Wire};
use crate::server::{Kind, Server};

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
    /// Not long enough for the edge's transactions to end: for a look whether everything works.
    pub(crate) hurry: bool,
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
/// Calls, or registrations, before anything is counted: tables and connections are there afterwards.
const WARM_UP: Amount = Amount { calls: 300, rate: 100 };
/// How long the idle rate is measured.
const IDLE: Duration = Duration::from_secs(2);
/// How long calls are held.
const HOLD: Duration = Duration::from_millis(100);
/// Longer than any call takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs ours, theirs, ours, theirs and so on.
///
/// # Errors
/// When a server or SIPp cannot be started or stops.
pub(crate) fn interleaved(work: Work, plan: Plan) -> Result<Vec<Series>, String> {
    let new = |kind: &Kind| Series { kind: *kind, costs: Vec::new(), unclean: Vec::new() };
    let mut all: Vec<Series> = work.servers().iter().map(new).collect();
    for repeat in 1..=plan.repeats {
        for series in &mut all {
            for _ in 0..ATTEMPTS {
                let (cost, counts) = once(work, series.kind, plan)?;
                let verdict = if counts.is_clean() { "" } else { ", does not count" };
                eprintln!(
                    "  {} {repeat}/{}: {}: {cost:.3} CPU-s per 1,000; {} failed, {} repeated{verdict}",
                    work.name(),
                    plan.repeats,
                    series.kind.name(),
                    counts.failed,
                    counts.repeated
                );
                if counts.is_clean() {
                    series.costs.push(cost);
                    break;
                }
                series.unclean.push(counts);
            }
        }
    }
    Ok(all)
}

/// CPU-seconds per 1,000, and what both sides of SIPp counted.
fn once(work: Work, kind: Kind, plan: Plan) -> Result<(f64, Counts), String> {
    let scratch = Scratch::new("edge-bench");
    let place = Place::new(work.wire());
    place::certificate(&scratch)?;
    let tunnels = if work.wire() == Wire::Tls { Some(place::tunnels(&scratch, &place)?) } else { None };
    let answering = if work == Work::Register { None } else { Some(load::answer(&place, &scratch)?) };
    let phones = if work == Work::Register { WARM_UP.calls + plan.amount.calls } else { 0 };
    let server = Server::start(kind, &place, phones, &scratch)?;
    let begin = |name: &str, first: usize, amount: Amount| match work {
        Work::Call(_) => load::call(name, amount, HOLD, &place, &scratch),
        Work::Register => load::register(name, first, amount, &place, &scratch),
    };
    let patience = |amount: Amount| PATIENCE + Duration::from_secs((amount.calls / amount.rate) as u64);

    let warm = begin("warm-up", 0, WARM_UP)?.finish(patience(WARM_UP))?;
    if warm.successful == 0 {
        return Err(format!("{}: no {} works; it printed:\n{}", kind.name(), work.name(), server.log()));
    }
    let drain = if plan.hurry { Duration::from_secs(2) } else { kind.drain() };
    thread::sleep(drain);
    let (began, before) = (Instant::now(), measure::cpu(server.id()));
    thread::sleep(IDLE);
    let idle = (measure::cpu(server.id()) - before).as_secs_f64() / began.elapsed().as_secs_f64();

    let earlier = answering.as_ref().map(load::Sipp::counts).unwrap_or_default();
    let (began, before) = (Instant::now(), measure::cpu(server.id()));
    let mut counts = begin("load", WARM_UP.calls, plan.amount)?.finish(patience(plan.amount))?;
    thread::sleep(drain);
    let used = (measure::cpu(server.id()) - before).as_secs_f64() - idle * began.elapsed().as_secs_f64();
    if let Some(answering) = &answering {
        // An OPTIONS by which the edge asks whether its carrier is alive is a failed call to the SIPp that answers it; a call that fails
        // fails on the caller's side too.
        counts.repeated += answering.counts().repeated - earlier.repeated;
    }
    drop(tunnels);
    Ok((used * 1000.0 / plan.amount.calls as f64, counts))
}
