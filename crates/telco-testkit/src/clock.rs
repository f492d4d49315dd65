//! Time that moves only when told to.

// The one reading of the machine's clock: `Instant` has no other constructor. Only differences are ever used.
#![allow(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

/// A virtual clock: a fixed start and the time that has passed since.
///
/// ```
/// use std::time::Duration;
/// let mut clock = telco_testkit::Clock::new();
/// clock.advance(Duration::from_secs(32));
/// assert_eq!(clock.elapsed(), Duration::from_secs(32));
/// assert_eq!(clock.now(), clock.at(Duration::from_secs(32)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    now: Instant,
}

impl Clock {
    /// A clock at its start.
    pub fn new() -> Self {
        let start = Instant::now();
        Self { start, now: start }
    }

    /// The current virtual time, to be handed to engines as `now`.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The instant `offset` after the start, past or future.
    pub fn at(&self, offset: Duration) -> Instant {
        self.start + offset
    }

    /// How long after the start `instant` is; zero when it lies before.
    pub fn offset_of(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    /// Moves time forward and returns the new `now`.
    pub fn advance(&mut self, by: Duration) -> Instant {
        self.now += by;
        self.now
    }

    /// Moves time forward to `instant`; an instant in the past changes nothing. Returns the new `now`.
    pub fn advance_to(&mut self, instant: Instant) -> Instant {
        self.now = self.now.max(instant);
        self.now
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_told() {
        let clock = Clock::new();
        assert_eq!(clock.now(), clock.now());
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }

    #[test]
    fn time_never_runs_backwards() {
        let mut clock = Clock::new();
        clock.advance(Duration::from_secs(5));
        let past = clock.at(Duration::from_secs(1));
        assert_eq!(clock.advance_to(past), clock.at(Duration::from_secs(5)));
        assert_eq!(clock.offset_of(past), Duration::from_secs(1));
    }
}
