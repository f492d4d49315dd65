//! Memory of a registered contact and of a confirmed call.

use std::thread;
use std::time::{Duration, Instant};

use crate::load::Amount;
use crate::measure;
use crate::place::Wire;
use crate::progress::Progress;
use crate::server::{Kind, Purpose};
use crate::stage::{Behind, Pace, Stage, patience};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A phone that has registered with one contact.
    Contact,
    /// A call that was answered and goes on.
    Call,
}

impl Kept {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kept::Contact => "registered contact",
            Kept::Call => "confirmed call",
        }
    }

    /// Who keeps it. A proxy without dialogs keeps nothing of a call.
    pub(crate) fn servers(self) -> [Kind; 2] {
        match self {
            Kept::Contact => [Kind::Edge, Kind::Stateful],
            Kept::Call => [Kind::Edge, Kind::Hiding],
        }
    }
}

/// Memory of a server at one moment, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Of the process tree.
    pub(crate) resident: u64,
    /// What Kamailio's allocator has given out of that, with its overhead.
    pub(crate) allocated: Option<u64>,
}

/// Memory of a server with and without what it keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    pub(crate) kept: Kept,
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    /// Warm and idle.
    pub(crate) idle: Taken,
    /// As soon as everything is there.
    pub(crate) at_once: Taken,
    /// When the transactions of that have ended.
    pub(crate) drained: Taken,
}

/// How long the calls are held: longer than this looks at them.
const HOLD: Duration = Duration::from_secs(600);

/// How long one server takes, about.
pub(crate) fn length(kind: Kind, amount: Amount, pace: Pace) -> Duration {
    let load = |amount: Amount| Duration::from_secs_f64(amount.calls as f64 / amount.rate as f64 + 2.0);
    load(pace.warm_up) + load(amount) + pace.drain(kind) * 2
}

/// Measures one server.
///
/// # Errors
/// When something cannot be started, and when not everything is kept.
pub(crate) fn footprint(
    kept: Kept,
    kind: Kind,
    amount: Amount,
    pace: Pace,
    progress: &mut Progress,
) -> Result<Footprint, String> {
    progress.begin(format_args!("memory of {} × {}, {}", amount.calls, kept.name(), kind.name()));
    let (behind, phones) = match kept {
        Kept::Contact => (Behind::Nobody, pace.warm_up.calls + amount.calls),
        Kept::Call => (Behind::Sipp(HOLD), 0),
    };
    let stage = Stage::open(kind, Wire::Udp, behind, Purpose { phones, memory: true })?;
    let taken = || -> Result<Taken, String> {
        let allocated = stage.server.shared_memory()?;
        Ok(Taken { resident: measure::resident(stage.server.id()), allocated })
    };
    let warm_up = match kept {
        Kept::Contact => stage.register("warm-up", 0, pace.warm_up)?,
        Kept::Call => stage.call("warm-up", pace.warm_up, Duration::ZERO)?,
    };
    stage.warm(warm_up, pace)?;
    let idle = taken()?;
    let (at_once, drained) = match kept {
        Kept::Contact => {
            let counts = stage.register("load", pace.warm_up.calls, amount)?.finish(patience(amount))?;
            if counts.failed > 0 {
                return Err(format!("{}: {} registrations failed", kind.name(), counts.failed));
            }
            let at_once = taken()?;
            thread::sleep(pace.drain(kind));
            (at_once, taken()?)
        }
        Kept::Call => {
            let calls = stage.call("load", amount, HOLD)?;
            let all = |what: &str| {
                let counts = calls.counts();
                (counts.current == amount.calls as u64 && counts.failed == 0)
                    .then_some(())
                    .ok_or_else(|| format!("{}: calls {what}: {counts:?}", kind.name()))
            };
            let end = Instant::now() + patience(amount);
            while all("begun").is_err() && Instant::now() < end {
                thread::sleep(Duration::from_millis(100));
            }
            all("begun")?;
            // SIPp counts a call from its INVITE on: it rings 50 ms.
            thread::sleep(Duration::from_secs(1));
            let at_once = taken()?;
            thread::sleep(pace.drain(kind));
            let drained = taken()?;
            all("still there")?;
            (at_once, drained)
        }
    };
    progress.end(length(kind, amount, pace));
    let found = Footprint { kept, kind, count: amount.calls, idle, at_once, drained };
    progress
        .say(format_args!("{} bytes resident each", found.each(found.drained.resident, found.idle.resident)));
    Ok(found)
}

impl Footprint {
    /// What each takes of a difference.
    pub(crate) fn each(&self, with: u64, without: u64) -> i64 {
        (with.cast_signed() - without.cast_signed()) / i64::try_from(self.count).unwrap_or(i64::MAX)
    }
}
