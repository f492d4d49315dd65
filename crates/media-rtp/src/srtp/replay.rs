//! The replay window over 48-bit indexes (RFC 3711 §3.3.2).

/// What the window says about an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    Replayed,
    TooOld,
}

/// Remembers which of the last indexes came. A ring of bits: moving forward clears whole words.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    size: u64,
    /// A power of two of words, at least one more than the window needs.
    words: Box<[u64]>,
}

impl ReplayWindow {
    /// A window of `size` packets whose first packet is `index`.
    pub(super) fn new(size: u16, index: u64) -> Self {
        let words = (usize::from(size).div_ceil(64) + 1).next_power_of_two();
        let mut window = Self { highest: index, size: u64::from(size), words: vec![0; words].into() };
        window.mark(index);
        window
    }

    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    pub(super) fn check(&self, index: u64) -> Freshness {
        if index > self.highest {
            Freshness::Fresh
        } else if self.highest - index >= self.size {
            Freshness::TooOld
        } else if self.words[self.word(index)] & bit(index) != 0 {
            Freshness::Replayed
        } else {
            Freshness::Fresh
        }
    }

    /// Records an index that [`check`](Self::check) called fresh.
    pub(super) fn mark(&mut self, index: u64) {
        if index > self.highest {
            let passed = (index / 64 - self.highest / 64).min(self.words.len() as u64);
            for step in 0..passed {
                let word = self.word(index - step * 64);
                self.words[word] = 0;
            }
            self.highest = index;
        }
        let word = self.word(index);
        self.words[word] |= bit(index);
    }

    fn word(&self, index: u64) -> usize {
        (index / 64) as usize & (self.words.len() - 1)
    }
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Follows the definition with a set of everything ever seen.
    struct Model {
        size: u64,
        highest: u64,
        seen: HashSet<u64>,
    }

    impl Model {
        fn check(&self, index: u64) -> Freshness {
            if index + self.size <= self.highest {
                Freshness::TooOld
            } else if self.seen.contains(&index) {
                Freshness::Replayed
            } else {
                Freshness::Fresh
            }
        }
    }

    proptest! {
        /// ES-32: the window agrees with the definition for jumps of every size, also across rollovers.
        #[test]
        fn window_agrees_with_the_definition(
            size in 64_u16..=1024,
            start in prop_oneof![Just(0_u64), 65_000..66_000_u64, Just((1 << 48) - 5000)],
            steps in proptest::collection::vec(prop_oneof![8 => -1100_i64..1100, 2 => -80_i64..80, 1 => 0_i64..200_000], 1..400),
        ) {
            let mut window = ReplayWindow::new(size, start);
            let mut model = Model { size: u64::from(size), highest: start, seen: HashSet::from([start]) };
            for step in steps {
                let index = model.highest.saturating_add_signed(step);
                let expected = model.check(index);
                prop_assert_eq!(window.check(index), expected);
                if expected == Freshness::Fresh {
                    window.mark(index);
                    model.seen.insert(index);
                    model.highest = model.highest.max(index);
                }
                prop_assert_eq!(window.highest(), model.highest);
            }
        }
    }

    /// ES-32: the edges of the smallest window.
    #[test]
    fn edges_of_the_window() {
        let mut window = ReplayWindow::new(64, 1000);
        assert_eq!(window.check(1000), Freshness::Replayed);
        assert_eq!(window.check(937), Freshness::Fresh);
        assert_eq!(window.check(936), Freshness::TooOld);
        window.mark(937);
        assert_eq!(window.check(937), Freshness::Replayed);
        window.mark(1001);
        assert_eq!(window.check(937), Freshness::TooOld);
        assert_eq!(window.check(938), Freshness::Fresh);
    }
}
