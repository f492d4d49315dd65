//! A bounded table of transactions, found by id or by key.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use slab::Slab;

/// Slot and generation: an id of a finished transaction finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot {
    pub(super) index: u32,
    generation: u32,
}

#[derive(Debug)]
pub(super) struct Table<T> {
    entries: Slab<(u32, T)>,
    by_key: HashTable<u32>,
    hash: KeyedHash,
    generation: u32,
    limit: usize,
}

/// SipHash under a secret of this process: peers choose the keys, and must not be able to choose where they land.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyedHash(pub(super) [u8; 16]);

impl KeyedHash {
    pub(super) fn of(&self, key: &[u8]) -> u64 {
        let mut hasher = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().build_hasher();
        hasher.write(&self.0);
        hasher.write(key);
        hasher.finish()
    }
}

impl<T: Keyed> Table<T> {
    pub(super) fn new(limit: usize, hash: KeyedHash) -> Self {
        Self { entries: Slab::new(), by_key: HashTable::new(), hash, generation: 0, limit }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.limit
    }

    /// Whether an eighth of the room is left, or less.
    pub(super) fn is_crowded(&self) -> bool {
        self.entries.len() >= self.limit - self.limit / 8
    }

    /// Adds an entry. The caller has looked at [`is_full`](Self::is_full) and at [`find`](Self::find).
    pub(super) fn insert(&mut self, value: T) -> Slot {
        self.generation = self.generation.wrapping_add(1);
        let hash = self.hash.of(value.key());
        // A table of more than four billion entries does not fit any machine.
        let index = self.entries.insert((self.generation, value)) as u32;
        let (entries, hasher) = (&self.entries, self.hash);
        self.by_key.insert_unique(hash, index, |index| hasher.of(entries[*index as usize].1.key()));
        Slot { index, generation: self.generation }
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<Slot> {
        let matches = |index: &u32| self.entries[*index as usize].1.key() == key;
        let index = *self.by_key.find(self.hash.of(key), matches)?;
        Some(Slot { index, generation: self.entries[index as usize].0 })
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        let (generation, value) = self.entries.get(slot.index as usize)?;
        (*generation == slot.generation).then_some(value)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let (generation, value) = self.entries.get_mut(slot.index as usize)?;
        (*generation == slot.generation).then_some(value)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        self.get(slot)?;
        let (_, value) = self.entries.remove(slot.index as usize);
        let hash = self.hash.of(value.key());
        if let Ok(entry) = self.by_key.find_entry(hash, |index| *index == slot.index) {
            entry.remove();
        }
        Some(value)
    }

    /// Ids of the entries that satisfy `wanted`, in order of their slots.
    pub(super) fn slots_where(&self, wanted: impl Fn(&T) -> bool) -> Vec<Slot> {
        let slot = |(index, (generation, _)): (usize, &(u32, T))| Slot {
            index: index as u32,
            generation: *generation,
        };
        self.entries.iter().filter(|(_, (_, value))| wanted(value)).map(slot).collect()
    }
}

/// What an entry is found by.
pub(super) trait Keyed {
    fn key(&self) -> &[u8];
}

impl Keyed for super::client::Client {
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Keyed for super::server::Server {
    fn key(&self) -> &[u8] {
        &self.key
    }
}
