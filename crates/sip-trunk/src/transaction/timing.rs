//! Timer values and the queue they wait in (RFC 3261 §17.1.1.1 and table 4).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::Deadline;

/// The base values all transaction timers derive from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Estimate of the round-trip time; 500 ms (RFC 3261 §17.1.1.1).
    pub t1: Duration,
    /// Longest interval between repeats of a non-INVITE request and of an INVITE's final answer; 4 s.
    pub t2: Duration,
    /// How long a message can remain in the network; 5 s.
    pub t4: Duration,
    /// After how long an unanswered INVITE gets its 100 (Trying); 200 ms (RFC 3261 §17.2.1). Zero sends it at once.
    pub trying_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            trying_after: Duration::from_millis(200),
        }
    }
}

impl Timing {
    /// 64 × T1: how long a request may stay unanswered (timers B, F, H, J, L, M).
    pub fn lifetime(&self) -> Duration {
        self.t1 * 64
    }
}

/// A timer by its letter in RFC 3261 table 4; L and M are RFC 6026's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    A,
    B,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    Trying,
}

impl Timer {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Timer::A => "timer A: repeat an INVITE",
            Timer::B => "timer B: give up on an INVITE",
            Timer::D => "timer D: repeats of an INVITE's final answer have died out",
            Timer::E => "timer E: repeat a request",
            Timer::F => "timer F: give up on a request",
            Timer::G => "timer G: repeat a final answer to INVITE",
            Timer::H => "timer H: give up waiting for ACK",
            Timer::I => "timer I: repeats of ACK have died out",
            Timer::J => "timer J: repeats of a request have died out",
            Timer::K => "timer K: repeats of a final answer have died out",
            Timer::L => "timer L: repeats of an accepted INVITE have died out",
            Timer::M => "timer M: repeats of a 2xx have died out",
            Timer::Trying => "send 100 (Trying)",
        }
    }
}

/// The timers of one transaction that run: never more than two at once.
#[derive(Debug, Default)]
pub(super) struct Running([Option<(Timer, Instant)>; 2]);

impl Running {
    fn put(&mut self, timer: Timer, at: Instant) {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some((timer, at));
        }
    }

    fn take(&mut self, timer: Timer) -> Option<Instant> {
        let slot = self.0.iter_mut().find(|slot| slot.is_some_and(|(running, _)| running == timer))?;
        slot.take().map(|(_, at)| at)
    }
}

/// Running timers in order of their time. One entry per timer, removed when it is stopped.
#[derive(Debug)]
pub(super) struct TimerQueue<K> {
    entries: BTreeSet<(Instant, K, Timer)>,
}

impl<K: Copy + Ord> TimerQueue<K> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeSet::new() }
    }

    pub(super) fn start(&mut self, running: &mut Running, key: K, timer: Timer, at: Instant) {
        self.stop(running, key, timer);
        running.put(timer, at);
        self.entries.insert((at, key, timer));
    }

    pub(super) fn stop(&mut self, running: &mut Running, key: K, timer: Timer) {
        if let Some(at) = running.take(timer) {
            self.entries.remove(&(at, key, timer));
        }
    }

    /// Forgets all timers of a transaction that ends.
    pub(super) fn stop_all(&mut self, running: &mut Running, key: K) {
        for (timer, at) in running.0.iter_mut().filter_map(Option::take) {
            self.entries.remove(&(at, key, timer));
        }
    }

    /// A timer that is due at `now`, taken out. The caller clears it from its transaction with [`ran_out`](Self::ran_out).
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(K, Timer)> {
        let (at, key, timer) = *self.entries.first()?;
        if at > now {
            return None;
        }
        self.entries.pop_first();
        Some((key, timer))
    }

    /// Notes that a timer taken by [`pop_due`](Self::pop_due) runs no more.
    pub(super) fn ran_out(running: &mut Running, timer: Timer) {
        running.take(timer);
    }

    pub(super) fn next(&self) -> Option<Deadline> {
        self.entries.first().map(|(at, _, timer)| Deadline { at: *at, why: timer.reason() })
    }
}
