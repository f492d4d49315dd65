//! Noticing that nothing arrives any more.

use std::time::{Duration, Instant};

/// Watches one leg: silent for longer than its limit, it is idle, and the call may be ended or flagged.
///
/// A hold is announced in signalling and is no silence of the network: pause the watch for its time.
#[derive(Clone, Copy, Debug)]
pub struct IdleWatch {
    limit: Duration,
    last: Instant,
    paused: bool,
    reported: bool,
}

impl IdleWatch {
    /// Watches from `now` on; the first packet must come within `limit` too.
    pub fn new(limit: Duration, now: Instant) -> IdleWatch {
        IdleWatch { limit, last: now, paused: false, reported: false }
    }

    /// A packet arrived that counts: authenticated, of a known payload type. Says whether this ends an idle time.
    pub fn heard(&mut self, now: Instant) -> bool {
        self.last = now;
        std::mem::take(&mut self.reported)
    }

    /// Stops counting while the call is on hold, and begins anew after it.
    pub fn pause(&mut self, paused: bool, now: Instant) {
        if self.paused && !paused {
            self.last = now;
        }
        self.paused = paused;
    }

    /// Whether the leg has just become idle: true once for each idle time.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let idle = self.next_timeout().is_some_and(|at| at <= now);
        self.reported |= idle;
        idle
    }

    /// When to call [`IdleWatch::handle_timeout`]; `None` while paused, or when it has been reported.
    pub fn next_timeout(&self) -> Option<Instant> {
        (!self.paused && !self.reported).then(|| self.last + self.limit)
    }

    /// For how long nothing has arrived.
    pub fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    const LIMIT: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);

    /// MR-015: a stream silent beyond the limit is reported, once, and again after it has come back and gone.
    #[test]
    fn silence_beyond_the_limit_is_reported_once() {
        let start = origin();
        let mut watch = IdleWatch::new(LIMIT, start);
        assert!(!watch.handle_timeout(start + LIMIT - SECOND));
        assert!(!watch.heard(start + LIMIT - SECOND));
        assert_eq!(watch.next_timeout(), Some(start + LIMIT * 2 - SECOND));
        assert!(!watch.handle_timeout(start + LIMIT));
        assert!(watch.handle_timeout(start + LIMIT * 2));
        assert!(!watch.handle_timeout(start + LIMIT * 3));
        assert_eq!(watch.next_timeout(), None);
        assert!(watch.heard(start + LIMIT * 3));
        assert!(watch.handle_timeout(start + LIMIT * 4));
        assert_eq!(watch.silent_for(start + LIMIT * 4), LIMIT);
    }

    /// MR-015: a hold is not idle time.
    #[test]
    fn a_hold_does_not_count() {
        let start = origin();
        let mut watch = IdleWatch::new(LIMIT, start);
        watch.pause(true, start + SECOND);
        assert!(!watch.handle_timeout(start + LIMIT * 10));
        watch.pause(false, start + LIMIT * 10);
        assert!(!watch.handle_timeout(start + LIMIT * 11 - SECOND));
        assert!(watch.handle_timeout(start + LIMIT * 11));
    }
}
