use std::collections::BTreeMap;

use super::nonce::NonceId;

/// How far behind the highest count a request may arrive.
const SPAN: u32 = 128;

/// Which counts of one nonce were used: the highest, and a bit for each of the 128 up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Window {
    highest: u32,
    used: u128,
}

impl Window {
    /// Takes `count` if it is above zero, within the span and new.
    // RFC 7616 §3.4 and §5.5: a count seen before is a replay; UDP may swap requests, so late ones within the window pass.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.used = self.used.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if count == 0 || behind >= SPAN {
            return false;
        }
        let bit = 1 << behind;
        let new = self.used & bit == 0;
        self.used |= bit;
        new
    }
}

/// The windows of all nonces that have proved a password, oldest first.
///
/// When it is full the oldest goes, and with it every nonce that is as old: those count as expired, so forgetting a window
/// never lets a replay in.
#[derive(Debug)]
pub(super) struct ReplayTable {
    windows: BTreeMap<NonceId, Window>,
    forgotten: Option<NonceId>,
    capacity: usize,
}

impl ReplayTable {
    pub(super) fn new(capacity: usize) -> Self {
        Self { windows: BTreeMap::new(), forgotten: None, capacity: capacity.max(1) }
    }

    pub(super) fn resize(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        self.shrink();
    }

    /// Whether nothing about this nonce was forgotten.
    pub(super) fn remembers(&self, id: NonceId) -> bool {
        self.forgotten.is_none_or(|oldest| id > oldest)
    }

    /// Takes one use of a nonce; false for a replay.
    pub(super) fn take(&mut self, id: NonceId, count: u32) -> bool {
        if !self.remembers(id) {
            return false;
        }
        let taken = self.windows.entry(id).or_default().take(count);
        self.shrink();
        taken
    }

    /// Drops windows for which `expired` holds, oldest first.
    pub(super) fn expire(&mut self, expired: impl Fn(NonceId) -> bool) {
        while let Some(oldest) = self.windows.first_entry().filter(|e| expired(*e.key())) {
            oldest.remove();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    fn shrink(&mut self) {
        while self.windows.len() > self.capacity
            && let Some((id, _)) = self.windows.pop_first()
        {
            self.forgotten = self.forgotten.max(Some(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_count_is_taken_once_and_not_too_late() {
        let mut window = Window::default();
        assert!(!window.take(0));
        assert!(window.take(1) && !window.take(1));
        assert!(window.take(200));
        assert!(!window.take(72) && window.take(73) && !window.take(73));
        assert!(window.take(u32::MAX) && !window.take(200) && window.take(u32::MAX - 127));
    }

    proptest! {
        /// ES-22: against a model that remembers everything, each count within the window is accepted exactly once.
        #[test]
        fn the_window_agrees_with_a_set(counts in prop::collection::vec(prop_oneof![0_u32..400, any::<u32>()], 0..200)) {
            let (mut window, mut seen, mut highest) = (Window::default(), BTreeSet::new(), 0);
            for count in counts {
                let expected = count > 0 && !seen.contains(&count) && (count > highest || highest - count < SPAN);
                prop_assert_eq!(window.take(count), expected, "count {}", count);
                if expected {
                    seen.insert(count);
                    highest = highest.max(count);
                }
            }
        }
    }
}
