//! The calls alive, found by id, session, media or deadline.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use sip_trunk::Deadline;
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
    slots: Slab<Slot>,
    by_session: HashMap<SessionId, (CallId, MediaLeg)>,
    by_media: HashMap<MediaId, CallId>,
    deadlines: BTreeMap<(Instant, CallId), &'static str>,
    /// Calls that came, went, or may have changed since [`Self::settle`].
    touched: Vec<CallId>,
    next: u64,
}

#[derive(Debug)]
struct Slot {
    generation: u64,
    call: Call,
    /// Its place in the deadlines.
    deadline: Option<Instant>,
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
        entry.insert(Slot { generation: id.generation, call, deadline: None });
        self.touch(id);
        id
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&Call> {
        let slot = self.slots.get(id.slot as usize)?;
        (slot.generation == id.generation).then_some(&slot.call)
    }

    pub(crate) fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.touch(id);
        Some(&mut self.slot_mut(id)?.call)
    }

    pub(crate) fn remove(&mut self, id: CallId) -> Option<Call> {
        self.get(id)?;
        self.touch(id);
        self.by_media.remove(&id.media());
        let Slot { call, deadline, .. } = self.slots.remove(id.slot as usize);
        deadline.and_then(|at| self.deadlines.remove(&(at, id)));
        Some(call)
    }

    /// Whether anything may have changed in any call since [`Self::settle`].
    pub(crate) fn are_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Looks at the deadlines of what may have changed.
    pub(crate) fn settle(&mut self, deadline: impl Fn(&Call) -> Option<Deadline>) {
        for id in std::mem::take(&mut self.touched) {
            let Some(slot) = self.slot_mut(id) else { continue };
            let next = deadline(&slot.call);
            let at = next.as_ref().map(|next| next.at);
            if slot.deadline == at {
                continue;
            }
            if let Some(at) = std::mem::replace(&mut slot.deadline, at) {
                self.deadlines.remove(&(at, id));
            }
            if let Some(Deadline { at, why }) = next {
                self.deadlines.insert((at, id), why);
            }
        }
    }

    /// The first deadline of all calls.
    pub(crate) fn next_timeout(&self) -> Option<Deadline> {
        self.deadlines.first_key_value().map(|((at, _), why)| Deadline { at: *at, why })
    }

    /// The calls whose deadline has come.
    pub(crate) fn due(&self, now: Instant) -> Vec<CallId> {
        self.deadlines.keys().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect()
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
            .map(|(key, slot)| CallId { slot: key as u32, generation: slot.generation })
            .collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.slots.iter().map(|(_, slot)| &slot.call)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn slot_mut(&mut self, id: CallId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)
    }

    fn touch(&mut self, id: CallId) {
        // Most of what happens is about one call.
        if self.touched.last() != Some(&id) {
            self.touched.push(id);
        }
    }
}
