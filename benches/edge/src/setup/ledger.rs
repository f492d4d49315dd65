//! When what happened, call by call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Times of one call: two at each end.
#[derive(Debug, Clone, Copy, Default)]
struct Call {
    dialled: Option<Instant>,
    arrived: Option<Instant>,
    rang: Option<Instant>,
    picked_up: Option<Instant>,
    answered: Option<Instant>,
    ended: bool,
}

/// Every call of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    calls: Vec<Call>,
    pub(super) repeated: usize,
}

/// Something that happens once in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The caller sends INVITE.
    Dialled,
    /// INVITE is with the called.
    Arrived,
    /// 180 is with the caller.
    Rang,
    /// The called sends 200.
    PickedUp,
    /// 200 is with the caller.
    Answered,
}

/// A ledger for both ends.
pub(super) fn shared(calls: usize) -> Mutex<Ledger> {
    Mutex::new(Ledger { calls: vec![Call::default(); calls], repeated: 0 })
}

pub(super) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Notes an event; whether it is the first of its kind in this call.
    pub(super) fn note(&mut self, call: usize, event: Event, at: Instant) -> bool {
        let Some(call) = self.calls.get_mut(call) else { return false };
        let when = match event {
            Event::Dialled => &mut call.dialled,
            Event::Arrived => &mut call.arrived,
            Event::Rang => &mut call.rang,
            Event::PickedUp => &mut call.picked_up,
            Event::Answered => &mut call.answered,
        };
        let first = when.is_none();
        if first {
            *when = Some(at);
        } else {
            self.repeated += 1;
        }
        first
    }

    /// BYE was answered.
    pub(super) fn end(&mut self, call: usize) {
        if let Some(call) = self.calls.get_mut(call) {
            call.ended = true;
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.calls.iter().all(|call| call.ended)
    }

    /// Calls that were not set up or did not end.
    pub(super) fn failed(&self) -> usize {
        self.calls
            .iter()
            .filter(|call| !call.ended || call.ringing().is_none() || call.setup().is_none())
            .count()
    }

    pub(super) fn ringing(&self) -> impl Iterator<Item = Duration> {
        self.calls.iter().filter_map(Call::ringing)
    }

    pub(super) fn answered(&self) -> impl Iterator<Item = Duration> {
        self.calls.iter().filter_map(Call::setup)
    }
}

impl Call {
    fn ringing(&self) -> Option<Duration> {
        Some(self.rang?.duration_since(self.dialled?))
    }

    fn setup(&self) -> Option<Duration> {
        let ringing = self.picked_up?.duration_since(self.arrived?);
        Some(self.answered?.duration_since(self.dialled?).saturating_sub(ringing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_the_called_lets_it_ring_is_no_time_of_the_server() {
        let ledger = shared(1);
        let mut ledger = lock(&ledger);
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        for (event, at) in [
            (Event::Dialled, 0),
            (Event::Arrived, 2),
            (Event::Rang, 3),
            (Event::PickedUp, 52),
            (Event::Answered, 56),
        ] {
            assert!(ledger.note(0, event, after(at)));
        }
        assert_eq!(ledger.ringing().collect::<Vec<_>>(), [Duration::from_millis(3)]);
        assert_eq!(ledger.answered().collect::<Vec<_>>(), [Duration::from_millis(6)]);
        assert_eq!(ledger.failed(), 1);
        ledger.end(0);
        assert_eq!((ledger.failed(), ledger.is_over()), (0, true));
    }

    #[test]
    fn what_comes_twice_is_counted_and_changes_no_time() {
        let ledger = shared(1);
        let mut ledger = lock(&ledger);
        let start = Instant::now();
        ledger.note(0, Event::Dialled, start);
        ledger.note(0, Event::Rang, start);
        assert!(!ledger.note(0, Event::Rang, start + Duration::from_secs(1)));
        assert_eq!(ledger.repeated, 1);
        assert_eq!(ledger.ringing().next(), Some(Duration::ZERO));
    }
}
