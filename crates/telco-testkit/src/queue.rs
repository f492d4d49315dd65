//! What is under way, in order of arrival.

use std::{collections::BTreeMap, time::Instant};

/// A place in the queue.
pub(crate) type Place = (Instant, u64);

/// A queue ordered by time; entries of the same instant keep the order in which they were added.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    entries: BTreeMap<Place, T>,
    added: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { entries: BTreeMap::new(), added: 0 }
    }

    pub(crate) fn push(&mut self, at: Instant, entry: T) {
        self.entries.insert((at, self.added), entry);
        self.added += 1;
    }

    /// Puts an entry back where it was.
    pub(crate) fn put_back(&mut self, place: Place, entry: T) {
        self.entries.insert(place, entry);
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Place, T)> {
        let first = self.entries.first_entry()?;
        (first.key().0 <= now).then(|| first.remove_entry())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
