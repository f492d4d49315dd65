//! The calls alive, found by id, session or media.

use std::collections::HashMap;

use sip_trunk::ua::SessionId;
use slab::Slab;

use super::Call;
use crate::media::{MediaId, MediaLeg};

/// A call: slot and generation, so that one that is over is never taken for its successor. It means nothing to another edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    slot: u32,
    generation: u64,
}

impl CallId {
    /// The number its media goes by.
    pub(crate) fn media(self) -> MediaId {
        MediaId(self.generation)
    }
}

/// All calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    slots: Slab<(u64, Call)>,
    by_session: HashMap<SessionId, (CallId, MediaLeg)>,
    by_media: HashMap<MediaId, CallId>,
    next: u64,
}

impl Calls {
    /// Makes room for a call under a new id.
    pub(crate) fn insert(&mut self, call: impl FnOnce(CallId) -> Call) -> CallId {
        let entry = self.slots.vacant_entry();
        // A slab holds fewer entries than there is memory for.
        let id = CallId { slot: entry.key() as u32, generation: self.next };
        self.next += 1;
        let call = call(id);
        self.by_media.insert(id.media(), id);
        entry.insert((id.generation, call));
        id
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&Call> {
        let (generation, call) = self.slots.get(id.slot as usize)?;
        (*generation == id.generation).then_some(call)
    }

    pub(crate) fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        let (generation, call) = self.slots.get_mut(id.slot as usize)?;
        (*generation == id.generation).then_some(call)
    }

    pub(crate) fn remove(&mut self, id: CallId) -> Option<Call> {
        self.get(id)?;
        self.by_media.remove(&id.media());
        Some(self.slots.remove(id.slot as usize).1)
    }

    /// A session belongs to this leg from now on.
    pub(crate) fn link(&mut self, session: SessionId, call: CallId, leg: MediaLeg) {
        self.by_session.insert(session, (call, leg));
    }

    pub(crate) fn unlink(&mut self, session: SessionId) {
        self.by_session.remove(&session);
    }

    pub(crate) fn of_session(&self, session: SessionId) -> Option<(CallId, MediaLeg)> {
        self.by_session.get(&session).copied()
    }

    pub(crate) fn of_media(&self, media: MediaId) -> Option<CallId> {
        self.by_media.get(&media).copied()
    }

    pub(crate) fn ids(&self) -> Vec<CallId> {
        self.slots
            .iter()
            .map(|(slot, (generation, _))| CallId { slot: slot as u32, generation: *generation })
            .collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.slots.iter().map(|(_, (_, call))| call)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}
