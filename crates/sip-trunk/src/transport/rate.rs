//! Rates and token buckets.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use thiserror::Error;

/// So many events in so much time, in bursts of at most that many: `40/5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub events: u32,
    /// In how long.
    pub per: Duration,
}

/// The text is no rate such as `40/5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a rate is a number, a slash and seconds: 40/5s")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (events, per) = text.trim().split_once('/').ok_or(RateError)?;
        let seconds = per.trim().trim_end_matches(['s', 'S']);
        let seconds: u32 = if seconds.is_empty() { 1 } else { seconds.parse().map_err(|_| RateError)? };
        let events = events.trim().parse().map_err(|_| RateError)?;
        if seconds == 0 {
            return Err(RateError);
        }
        Ok(Self { events, per: Duration::from_secs(seconds.into()) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.events, self.per.as_secs_f64())
    }
}

/// A bucket that fills at a [`Rate`] and starts full.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    /// When the bucket is full again: time is the only thing it has to remember.
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token; `false` when there is none.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let Some(interval) = rate.per.checked_div(rate.events) else { return false };
        let after = self.full_at.max(now) + interval;
        let has_token = after <= now + rate.per;
        if has_token {
            self.full_at = after;
        }
        has_token
    }

    /// When the next token is there.
    pub fn next_token(&self, rate: Rate) -> Option<Instant> {
        let interval = rate.per.checked_div(rate.events)?;
        (self.full_at + interval).checked_sub(rate.per)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_administrators_write_them() {
        let five = Rate { events: 40, per: Duration::from_secs(5) };
        assert_eq!("40/5s".parse(), Ok(five));
        assert_eq!(" 40 / 5 ".parse(), Ok(five));
        assert_eq!("10/s".parse(), Ok(Rate { events: 10, per: Duration::from_secs(1) }));
        assert_eq!(five.to_string().parse(), Ok(five));
        for wrong in ["", "40", "40/0s", "x/5s", "40/5m", "-1/s"] {
            assert_eq!(wrong.parse::<Rate>(), Err(RateError), "{wrong}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any starting point does")]
    fn a_bucket_allows_a_burst_and_then_the_rate() {
        let rate = Rate { events: 4, per: Duration::from_secs(1) };
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start);
        let taken = |bucket: &mut TokenBucket, at| (0..10).filter(|_| bucket.take(rate, at)).count();
        assert_eq!(taken(&mut bucket, start), 4);
        assert_eq!(bucket.next_token(rate), Some(start + Duration::from_millis(250)));
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(500)), 2);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(60)), 4);
        assert!(!bucket.take(Rate { events: 0, ..rate }, start));
    }
}
