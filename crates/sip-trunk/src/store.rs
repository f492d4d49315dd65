//! Things found by small ids that are never mistaken for their successors.

use slab::Slab;

/// Slot and generation: the id of something that is gone finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    index: u32,
    generation: u32,
}

/// A slab whose ids carry a generation.
#[derive(Debug)]
pub(crate) struct Store<T> {
    entries: Slab<(u32, T)>,
    generation: u32,
}

impl<T> Store<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Slab::new(), generation: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The id the next [`insert`](Self::insert) gives.
    pub(crate) fn next_slot(&self) -> Slot {
        Slot { index: self.entries.vacant_key() as u32, generation: self.generation.wrapping_add(1) }
    }

    pub(crate) fn insert(&mut self, value: T) -> Slot {
        self.generation = self.generation.wrapping_add(1);
        // More than four billion entries do not fit any machine.
        let index = self.entries.insert((self.generation, value)) as u32;
        Slot { index, generation: self.generation }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&T> {
        let (generation, value) = self.entries.get(slot.index as usize)?;
        (*generation == slot.generation).then_some(value)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let (generation, value) = self.entries.get_mut(slot.index as usize)?;
        (*generation == slot.generation).then_some(value)
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<T> {
        self.get(slot)?;
        Some(self.entries.remove(slot.index as usize).1)
    }
}
