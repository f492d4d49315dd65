//! Gathering digits: so many, until one that ends them, or until the caller pauses.

use std::time::Instant;

use media_rtp::dtmf::Digit;

use super::command::{Collection, Order};
use super::event::CollectEnd;

/// Digits being gathered from one leg.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) order: Order,
    wanted: Collection,
    digits: String,
    /// When patience ends; `None` while something plays and nothing was keyed in.
    deadline: Option<Instant>,
}

impl Collector {
    /// Begins; the time for the first digit runs from now, or from [`Self::heard`] when something plays.
    pub(super) fn new(order: Order, wanted: Collection, playing: bool, now: Instant) -> Self {
        let deadline = (!playing).then(|| now + wanted.first);
        Self { order, wanted, digits: String::new(), deadline }
    }

    /// What played has ended.
    pub(super) fn heard(&mut self, now: Instant) {
        self.deadline.get_or_insert(now + self.wanted.first);
    }

    /// Takes a digit; says whether that is all.
    pub(super) fn take(&mut self, digit: Digit, now: Instant) -> Option<CollectEnd> {
        if self.wanted.terminators.contains(digit.to_char()) {
            return Some(CollectEnd::Terminator(digit));
        }
        self.digits.push(digit.to_char());
        self.deadline = Some(now + self.wanted.between);
        (self.digits.len() >= self.wanted.most).then_some(CollectEnd::Complete)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether patience has ended, and how.
    pub(super) fn handle_timeout(&self, now: Instant) -> Option<CollectEnd> {
        let enough = !self.digits.is_empty() && self.digits.len() >= self.wanted.least;
        let end = if enough { CollectEnd::Complete } else { CollectEnd::TimedOut };
        self.deadline.filter(|deadline| *deadline <= now).map(|_| end)
    }

    pub(super) fn into_digits(self) -> String {
        self.digits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn digit(c: char) -> Digit {
        Digit::from_char(c).unwrap()
    }

    fn origin() -> Instant {
        telco_testkit::Clock::new().now()
    }

    #[test]
    fn enough_digits_end_it() {
        let now = origin();
        let mut collector =
            Collector::new(Order(0), Collection { most: 2, ..Collection::default() }, false, now);
        assert_eq!(collector.take(digit('1'), now), None);
        assert_eq!(collector.take(digit('2'), now), Some(CollectEnd::Complete));
        assert_eq!(collector.into_digits(), "12");
    }

    #[test]
    fn a_terminator_ends_it_and_is_left_out() {
        let now = origin();
        let mut collector = Collector::new(Order(0), Collection::default(), false, now);
        assert_eq!(collector.take(digit('7'), now), None);
        assert_eq!(collector.take(digit('#'), now), Some(CollectEnd::Terminator(digit('#'))));
        assert_eq!(collector.into_digits(), "7");
    }

    #[test]
    fn patience_begins_when_the_prompt_ends() {
        let now = origin();
        let mut collector = Collector::new(Order(0), Collection::default(), true, now);
        assert_eq!(collector.deadline(), None);
        collector.heard(now);
        let wait = Collection::default().first;
        assert_eq!(collector.handle_timeout(now + wait - Duration::from_millis(1)), None);
        assert_eq!(collector.handle_timeout(now + wait), Some(CollectEnd::TimedOut));
    }

    #[test]
    fn a_pause_after_enough_digits_completes() {
        let now = origin();
        let wanted = Collection { least: 2, ..Collection::default() };
        let pause = wanted.between;
        let mut collector = Collector::new(Order(0), wanted, false, now);
        collector.take(digit('1'), now);
        assert_eq!(collector.handle_timeout(now + pause), Some(CollectEnd::TimedOut));
        collector.take(digit('2'), now);
        assert_eq!(collector.handle_timeout(now + pause), Some(CollectEnd::Complete));
    }
}
