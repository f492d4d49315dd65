//! From the engine's time to the time on the wall.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// What the wall clock said at one instant. Records are stamped with it; nothing that runs is timed by it, so that a clock that is
/// set forward or back changes stamps and no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    instant: Instant,
    timestamp: Timestamp,
}

impl WallClock {
    /// The wall clock reads `timestamp` now.
    pub fn new(timestamp: Timestamp, now: Instant) -> Self {
        Self { instant: now, timestamp }
    }

    /// What the wall clock says at an instant, before or after the one it was set at.
    pub fn at(&self, instant: Instant) -> Timestamp {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let moved = if instant >= self.instant {
            self.timestamp.checked_add(signed(instant - self.instant))
        } else {
            self.timestamp.checked_sub(signed(self.instant - instant))
        };
        moved.unwrap_or(self.timestamp)
    }
}
