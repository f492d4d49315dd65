//! A bounded memory of whom was seen lately.

use std::hash::Hash;
use std::mem;

use hashbrown::HashMap;

use crate::engine::KeyedState;

/// A map that forgets what was not used for longest, in constant time and memory: two generations, of which the older
/// is dropped when the younger is full.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V, KeyedState>,
    old: HashMap<K, V, KeyedState>,
    generation: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// Keeps at least the `limit / 2` entries used last and never more than `limit`.
    pub(crate) fn new(limit: usize, state: KeyedState) -> Self {
        let map = || HashMap::with_hasher(state);
        Self { young: map(), old: map(), generation: (limit / 2).max(1) }
    }

    /// The entry of `key`, made with `fresh` when it is not remembered.
    pub(crate) fn entry(&mut self, key: K, fresh: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(&key) {
            if self.young.len() >= self.generation {
                self.old = mem::replace(&mut self.young, HashMap::with_hasher(*self.old.hasher()));
            }
            let value = self.old.remove(&key).unwrap_or_else(fresh);
            return self.young.entry(key).insert(value).into_mut();
        }
        self.young.entry(key).or_insert_with(fresh)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self.young.get_mut(key) {
            Some(value) => Some(value),
            None => self.old.get_mut(key),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-17: a million sources take no more room than a hundred.
    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut recent = Recent::new(100, KeyedState::fixed());
        for source in 1..1_000_000_u32 {
            recent.entry(source, || 1);
            *recent.entry(0, || 0) += 1;
            assert!(recent.len() <= 100);
        }
        assert_eq!(recent.get(&0), Some(&999_999));
        assert_eq!(recent.get(&1), None);
    }
}
