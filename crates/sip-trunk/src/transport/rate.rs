//! Rates and token buckets.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use thiserror::Error;

/// So many events in so much time, in bursts of at most that many: `40/5s`, `600/1m`, `2.5/1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub events: u32,
    /// In how long.
    pub per: Duration,
}

/// The text is no rate such as `40/5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a rate is a number, a slash and a time in s, m or h: 40/5s")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (events, per) = text.trim().split_once('/').ok_or(RateError)?;
        let per = span(per.trim())?;
        // Thousandths, so that 3.5 in two minutes is no less exact than 7 in four.
        let (whole, decimals) = events.trim().split_once('.').unwrap_or((events.trim(), ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 3 || !is_number(whole) || !is_number(decimals) {
            return Err(RateError);
        }
        let thousandths: u32 = format!("{whole}{decimals:0<3}").parse().map_err(|_| RateError)?;
        match (thousandths / 1000, thousandths % 1000) {
            (events, 0) => Ok(Self { events, per }),
            // No more at once than whole events: the time shrinks with the part that is cut off.
            (events, _) => {
                let events = events.max(1);
                let per = per.mul_f64(f64::from(events) * 1000.0 / f64::from(thousandths));
                Ok(Self { events, per })
            }
        }
    }
}

fn span(text: &str) -> Result<Duration, RateError> {
    let (number, unit) = match text.strip_suffix(|last: char| last.is_ascii_alphabetic()) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" | "S" => 1,
        "m" | "M" => 60,
        "h" | "H" => 3600,
        _ => return Err(RateError),
    };
    let number: u32 = if number.is_empty() { 1 } else { number.parse().map_err(|_| RateError)? };
    if number == 0 { Err(RateError) } else { Ok(Duration::from_secs(u64::from(number) * unit)) }
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
        assert_eq!("600/1m".parse(), Ok(Rate { events: 600, per: Duration::from_secs(60) }));
        let slow: Rate = "2.5/1h".parse().unwrap();
        assert_eq!((slow.events, slow.per.as_secs()), (2, 2880), "every 24 minutes, at most two at once");
        assert_eq!("0.5/1m".parse(), Ok(Rate { events: 1, per: Duration::from_secs(120) }));
        for wrong in ["", "40", "40/0s", "x/5s", "40/5d", "-1/s", "1.2345/s", "./s", "+1/s"] {
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
