//! The client's side: sending a server no more than it asked for.

use std::time::{Duration, Instant};

use super::feedback::{Algorithm, Feedback, Sequence};
use crate::Seed;
use crate::engine::Tokens;

/// How much a request matters when some have to be left out (RFC 7339 §5.10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// New calls and everything else that may be left out.
    Normal,
    /// Requests in a dialog, and emergency calls: left out only when leaving out all the others is not enough.
    Spared,
}

/// What one server has asked for, and whether the next request may go there.
#[derive(Debug)]
pub struct Throttle {
    now_in_force: Option<InForce>,
    newest: Option<Sequence>,
    mix: Mix,
    chance: Tokens,
}

#[derive(Debug)]
struct InForce {
    value: u32,
    algorithm: Algorithm,
    until: Instant,
    /// For the rate algorithm: when the next request fits (RFC 7415 §3.5.1, a leaky bucket).
    next: Instant,
}

/// The share of requests that may be left out, sampled (RFC 7339 §7.2).
#[derive(Debug)]
struct Mix {
    normal: u32,
    spared: u32,
    since: Instant,
    /// Percent of [`Priority::Normal`] in the sample before.
    share: f64,
}

/// RFC 7339 §7.2: a reasonable first guess of the share of requests that may be left out.
const FIRST_SHARE: f64 = 80.0;
/// RFC 7339 §7.2: the sample is taken every 5 to 10 seconds.
const SAMPLE: Duration = Duration::from_secs(5);
/// What a server may ask for at most in one answer, so that a wrong number does not close a trunk for good.
const LONGEST: Duration = Duration::from_secs(300);
/// RFC 7415 §3.5.1: so many requests may come at once.
const BURST: u32 = 4;

impl Throttle {
    /// Nothing asked for yet.
    pub fn new(seed: Seed, now: Instant) -> Self {
        let mix = Mix { normal: 0, spared: 0, since: now, share: FIRST_SHARE };
        Self { now_in_force: None, newest: None, mix, chance: Tokens::new(&seed, "overload throttle") }
    }

    /// Takes what an answer of the server said. Older and repeated answers change nothing (RFC 7339 §5.4).
    pub fn take_feedback(&mut self, feedback: Feedback, now: Instant) {
        if let (Some(newest), Some(sequence)) = (self.newest, feedback.sequence)
            && sequence <= newest
            && !has_wrapped(newest, sequence)
        {
            return;
        }
        self.newest = feedback.sequence.or(self.newest);
        let next = match &self.now_in_force {
            Some(before) if before.algorithm == Algorithm::Rate => before.next,
            Some(_) | None => now,
        };
        // RFC 7339 §5.7: a validity of zero ends the control, whatever the value.
        self.now_in_force = (!feedback.validity.is_zero()).then(|| InForce {
            value: feedback.value,
            algorithm: feedback.algorithm,
            until: now + feedback.validity.min(LONGEST),
            next,
        });
    }

    /// Whether a request may be sent to the server now.
    pub fn admit(&mut self, priority: Priority, now: Instant) -> bool {
        self.mix.count(priority, now);
        let Some(asked) = self.now_in_force.as_mut().filter(|asked| now < asked.until) else {
            self.now_in_force = None;
            return true;
        };
        match asked.algorithm {
            Algorithm::Loss => {
                let drop = self.mix.percent_to_drop(asked.value.into(), priority);
                f64::from(self.chance.below(10_000)) / 100.0 >= drop
            }
            Algorithm::Rate => asked.take(priority, now),
        }
    }

    /// The value in force and its algorithm; `None` when nothing is asked for.
    pub fn in_force(&self, now: Instant) -> Option<(Algorithm, u32)> {
        self.now_in_force
            .as_ref()
            .filter(|asked| now < asked.until)
            .map(|asked| (asked.algorithm, asked.value))
    }
}

impl InForce {
    fn take(&mut self, priority: Priority, now: Instant) -> bool {
        // RFC 7415 §3.5.1: a rate of zero lets nothing through.
        let Some(interval) = Duration::from_secs(1).checked_div(self.value) else { return false };
        // RFC 7415 §3.5.2: what is spared may use more of the burst.
        let burst = if priority == Priority::Spared { BURST * 2 } else { BURST };
        let after = self.next.max(now) + interval;
        let fits = after <= now + interval * burst;
        if fits {
            self.next = after;
        }
        fits
    }
}

impl Mix {
    fn count(&mut self, priority: Priority, now: Instant) {
        if now.saturating_duration_since(self.since) >= SAMPLE {
            let all = self.normal + self.spared;
            if all > 0 {
                self.share = f64::from(self.normal) * 100.0 / f64::from(all);
            }
            (self.normal, self.spared, self.since) = (0, 0, now);
        }
        match priority {
            Priority::Normal => self.normal += 1,
            Priority::Spared => self.spared += 1,
        }
    }

    // RFC 7339 §7.2: the reduction falls on the first category as long as that is enough.
    fn percent_to_drop(&self, asked: f64, priority: Priority) -> f64 {
        let others = 100.0 - self.share;
        match priority {
            Priority::Normal if asked >= self.share => 100.0,
            Priority::Normal => asked / self.share * 100.0,
            Priority::Spared if asked <= self.share || others <= 0.0 => 0.0,
            Priority::Spared => (asked - self.share) / others * 100.0,
        }
    }
}

// RFC 7339 §4.4: a number far below the one before has started anew.
fn has_wrapped(before: Sequence, now: Sequence) -> bool {
    before.whole.saturating_sub(now.whole) > 1_000_000
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any starting point does")]
mod tests {
    use super::*;

    fn asked(value: u32, algorithm: Algorithm, seq: u64) -> Feedback {
        let sequence = Some(Sequence { whole: seq, part: 0 });
        Feedback { value, algorithm, validity: Duration::from_secs(2), sequence }
    }

    fn admitted(throttle: &mut Throttle, priority: Priority, count: u32, now: Instant) -> u32 {
        (0..count).map(|_| u32::from(throttle.admit(priority, now))).sum()
    }

    /// RFC 7339 §7.2: new calls carry the whole reduction while they are enough to carry it.
    #[test]
    fn a_loss_falls_on_new_calls_first() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Seed([1; 32]), now);
        assert_eq!(admitted(&mut throttle, Priority::Normal, 100, now), 100);
        throttle.take_feedback(asked(20, Algorithm::Loss, 1), now);
        let passed = admitted(&mut throttle, Priority::Normal, 10_000, now);
        assert!((7_300..7_700).contains(&passed), "20 of 80 is a quarter, {passed} passed");
        assert_eq!(admitted(&mut throttle, Priority::Spared, 1_000, now), 1_000);
        throttle.take_feedback(asked(90, Algorithm::Loss, 2), now);
        assert_eq!(admitted(&mut throttle, Priority::Normal, 1_000, now), 0);
        let spared = admitted(&mut throttle, Priority::Spared, 10_000, now);
        assert!((4_700..5_300).contains(&spared), "half of the rest, {spared} passed");
    }

    #[test]
    fn the_mix_is_sampled_again() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Seed([1; 32]), now);
        admitted(&mut throttle, Priority::Normal, 50, now);
        admitted(&mut throttle, Priority::Spared, 50, now);
        let later = now + SAMPLE;
        throttle.take_feedback(asked(25, Algorithm::Loss, 1), later);
        let passed = admitted(&mut throttle, Priority::Normal, 10_000, later);
        assert!((4_700..5_300).contains(&passed), "25 of 50 is half, {passed} passed");
    }

    /// RFC 7415 §3.5: so many in a second, after a small burst; zero means none at all.
    #[test]
    fn a_rate_is_not_exceeded() {
        let start = Instant::now();
        let mut throttle = Throttle::new(Seed([1; 32]), start);
        throttle.take_feedback(
            Feedback { validity: Duration::from_secs(60), ..asked(10, Algorithm::Rate, 1) },
            start,
        );
        let mut passed = 0;
        for tick in 0..1000 {
            passed += admitted(&mut throttle, Priority::Normal, 1, start + Duration::from_millis(tick * 10));
        }
        assert!((100..=104).contains(&passed), "{passed} in ten seconds at 10/s");
        throttle.take_feedback(asked(0, Algorithm::Rate, 2), start);
        assert_eq!(admitted(&mut throttle, Priority::Normal, 50, start), 0);
    }

    /// RFC 7339 §5.4, §5.7: control ends by itself, by order, and is not changed by what is older.
    #[test]
    fn control_ends_and_old_answers_change_nothing() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Seed([1; 32]), now);
        throttle.take_feedback(asked(100, Algorithm::Loss, 5), now);
        throttle.take_feedback(asked(0, Algorithm::Loss, 5), now);
        throttle.take_feedback(asked(0, Algorithm::Loss, 4), now);
        assert_eq!(throttle.in_force(now), Some((Algorithm::Loss, 100)));
        assert!(!throttle.admit(Priority::Normal, now));
        assert!(
            throttle.admit(Priority::Normal, now + Duration::from_secs(2)),
            "it was valid for two seconds"
        );
        throttle.take_feedback(asked(100, Algorithm::Loss, 6), now);
        throttle.take_feedback(Feedback { validity: Duration::ZERO, ..asked(100, Algorithm::Loss, 7) }, now);
        assert!(throttle.admit(Priority::Normal, now));
    }
}
