//! A table with a bound: when it is full, what was not used for the longest time makes room.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

use hashbrown::HashTable;
use sip_trunk::Seed;

/// No entry.
const NONE: u32 = u32::MAX;

/// Values by key, the least recently used dropped at the bound. The hash is keyed, so that whoever chooses keys cannot choose where
/// they land.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: Vec<Entry<K, V>>,
    places: HashTable<u32>,
    hash: KeyedHash,
    bound: usize,
    newest: u32,
    oldest: u32,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    newer: u32,
    older: u32,
}

/// SipHash under a secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyedHash([u8; 16]);

impl KeyedHash {
    pub(super) fn new(seed: Seed) -> Self {
        let mut secret = [0; 16];
        secret.copy_from_slice(&seed.0[..16]);
        Self(secret)
    }
}

impl BuildHasher for KeyedHash {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher
    }
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// An empty table of at most `bound` entries, one at least.
    pub(super) fn new(bound: usize, hash: KeyedHash) -> Self {
        Self {
            entries: Vec::new(),
            places: HashTable::new(),
            hash,
            bound: bound.clamp(1, NONE as usize),
            newest: NONE,
            oldest: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The value of a key, without making it the newest.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        let place =
            self.places.find(self.hash.hash_one(key), |place| self.entries[*place as usize].key == *key)?;
        Some(&self.entries[*place as usize].value)
    }

    /// The value of a key, made when it is not there; it is now the newest.
    pub(super) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let hash = self.hash.hash_one(key);
        let known = self.places.find(hash, |place| self.entries[*place as usize].key == key).copied();
        let place = match known {
            Some(place) => {
                self.unlink(place);
                place
            }
            None if self.entries.len() < self.bound => {
                self.entries.push(Entry { key, value: make(), newer: NONE, older: NONE });
                let place = (self.entries.len() - 1) as u32;
                self.place(hash, place);
                place
            }
            None => {
                let place = self.oldest;
                self.unlink(place);
                self.forget(place);
                self.entries[place as usize] = Entry { key, value: make(), newer: NONE, older: NONE };
                self.place(hash, place);
                place
            }
        };
        self.link(place);
        &mut self.entries[place as usize].value
    }

    fn place(&mut self, hash: u64, place: u32) {
        let (entries, keyed) = (&self.entries, self.hash);
        self.places.insert_unique(hash, place, |place| keyed.hash_one(entries[*place as usize].key));
    }

    fn forget(&mut self, place: u32) {
        let hash = self.hash.hash_one(self.entries[place as usize].key);
        if let Ok(found) = self.places.find_entry(hash, |other| *other == place) {
            found.remove();
        }
    }

    fn unlink(&mut self, place: u32) {
        let (newer, older) = (self.entries[place as usize].newer, self.entries[place as usize].older);
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }

    fn link(&mut self, place: u32) {
        let next = self.newest;
        let entry = &mut self.entries[place as usize];
        (entry.newer, entry.older) = (NONE, next);
        match next {
            NONE => self.oldest = place,
            next => self.entries[next as usize].newer = place,
        }
        self.newest = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(bound: usize) -> Recent<u16, u16> {
        Recent::new(bound, KeyedHash::new(Seed([7; 32])))
    }

    proptest! {
        /// The same as a list that is walked: the last `bound` keys used are there, with their values.
        #[test]
        fn the_bound_drops_the_least_recently_used(keys in prop::collection::vec(0u16..20, 0..200), bound in 1usize..8) {
            let (mut table, mut list) = (table(bound), Vec::<(u16, u16)>::new());
            for (key, count) in keys.into_iter().zip(0..) {
                let known = list.iter().position(|(k, _)| *k == key);
                let entry = known.map_or((key, count), |at| list.remove(at));
                list.push(entry);
                if list.len() > bound {
                    list.remove(0);
                }
                prop_assert_eq!(*table.entry(key, || count), entry.1);
                prop_assert_eq!(table.len(), list.len());
                for key in 0..20 {
                    let listed = list.iter().find(|(k, _)| *k == key).map(|(_, value)| value);
                    prop_assert_eq!(table.peek(&key), listed);
                }
            }
        }
    }
}
