//! The rhythm in which a 2xx or a reliable provisional answer is repeated until it is acknowledged.

use std::time::{Duration, Instant};

use crate::transaction::Timing;

/// When to repeat next, and when to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    next: Instant,
    interval: Duration,
    ceiling: Duration,
    give_up: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Repeat,
    GiveUp,
}

impl Backoff {
    /// Of a 2xx: T1, doubling up to T2 (RFC 3261 §13.3.1.4).
    pub(crate) fn success(timing: &Timing, now: Instant) -> Self {
        Self::new(timing, timing.t2, now)
    }

    /// Of a reliable provisional answer: T1, doubling (RFC 3262 §3).
    pub(crate) fn provisional(timing: &Timing, now: Instant) -> Self {
        Self::new(timing, timing.lifetime(), now)
    }

    fn new(timing: &Timing, ceiling: Duration, now: Instant) -> Self {
        Self { next: now + timing.t1, interval: timing.t1, ceiling, give_up: now + timing.lifetime() }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next.min(self.give_up)
    }

    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now >= self.give_up {
            return Due::GiveUp;
        }
        if now < self.next {
            return Due::Nothing;
        }
        self.interval = (self.interval * 2).min(self.ceiling);
        self.next += self.interval;
        Due::Repeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(new: fn(&Timing, Instant) -> Backoff) -> Vec<u128> {
        // The origin does not matter, only the distances do.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut backoff = new(&Timing::default(), start);
        let mut at = Vec::new();
        loop {
            let now = backoff.deadline();
            at.push((now - start).as_millis());
            if backoff.due(now) == Due::GiveUp {
                return at;
            }
        }
    }

    /// RFC 3261 §13.3.1.4: T1, doubling to T2, until 64 × T1.
    #[test]
    fn a_2xx_is_repeated_up_to_every_four_seconds() {
        let expected = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000];
        assert_eq!(rhythm(Backoff::success), expected);
    }

    /// RFC 3262 §3: T1, doubling, until 64 × T1.
    #[test]
    fn a_reliable_provisional_is_repeated_ever_more_slowly() {
        assert_eq!(rhythm(Backoff::provisional), [500, 1500, 3500, 7500, 15500, 31500, 32000]);
    }
}
