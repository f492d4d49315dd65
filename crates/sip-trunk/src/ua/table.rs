//! Sessions and subscriptions, found by id, by Call-ID and our tag, and by their deadlines.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::time::Instant;

use hashbrown::{HashMap, HashTable};

use crate::Deadline;
use crate::engine::KeyedState;
use crate::session::{Session, SessionId};
use crate::store::{Slot, Store};
use crate::transaction::ServerId;

/// What a table keeps.
pub(crate) trait Entry {
    /// Call-ID and our tag.
    fn key(&self) -> (&str, &str);

    /// When something is due.
    fn next_timeout(&self) -> Option<Deadline>;

    /// Its entry in the queue of deadlines.
    fn armed(&mut self) -> &mut Option<Instant>;

    /// Whether nothing of it is needed any more.
    fn is_done(&self) -> bool;
}

/// Usages of dialogs: each is found by the Call-ID and our tag of its dialog.
#[derive(Debug)]
pub(super) struct Table<T> {
    store: Store<T>,
    by_key: HashTable<Slot>,
    deadlines: BTreeSet<(Instant, Slot)>,
    state: KeyedState,
}

impl<T: Entry> Table<T> {
    pub(super) fn new(state: KeyedState) -> Self {
        Self { store: Store::new(), by_key: HashTable::new(), deadlines: BTreeSet::new(), state }
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    /// The id the next [`insert`](Self::insert) gives.
    pub(super) fn next_slot(&self) -> Slot {
        self.store.next_slot()
    }

    pub(super) fn insert(&mut self, entry: T) -> Slot {
        let hash = self.state.hash_one(entry.key());
        let slot = self.store.insert(entry);
        let (store, state) = (&self.store, self.state);
        let rehash = |slot: &Slot| store.get(*slot).map_or(0, |entry| state.hash_one(entry.key()));
        self.by_key.insert_unique(hash, slot, rehash);
        self.settle(slot);
        slot
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        self.store.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.store.get_mut(slot)
    }

    pub(super) fn find(&self, call_id: &str, local_tag: &str) -> Option<Slot> {
        let key = (call_id, local_tag);
        let same = |slot: &Slot| self.store.get(*slot).is_some_and(|entry| entry.key() == key);
        self.by_key.find(self.state.hash_one(key), same).copied()
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let (_, slot) = self.deadlines.first()?;
        self.store.get(*slot)?.next_timeout()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Slot> {
        let (at, slot) = *self.deadlines.first()?;
        if at > now {
            return None;
        }
        self.deadlines.pop_first();
        if let Some(entry) = self.store.get_mut(slot) {
            *entry.armed() = None;
        }
        Some(slot)
    }

    /// Brings the queue of deadlines in line with an entry that was touched; drops and returns it when nothing of it is needed
    /// any more.
    pub(super) fn settle(&mut self, slot: Slot) -> Option<T> {
        let entry = self.store.get_mut(slot)?;
        let next = entry.next_timeout().map(|deadline| deadline.at);
        let armed = entry.armed();
        if *armed != next {
            if let Some(at) = armed.take() {
                self.deadlines.remove(&(at, slot));
            }
            if let Some(at) = next {
                self.deadlines.insert((at, slot));
            }
            *armed = next;
        }
        if entry.is_done() { self.remove(slot) } else { None }
    }

    fn remove(&mut self, slot: Slot) -> Option<T> {
        let mut entry = self.store.remove(slot)?;
        if let Some(at) = entry.armed().take() {
            self.deadlines.remove(&(at, slot));
        }
        let hash = self.state.hash_one(entry.key());
        if let Ok(found) = self.by_key.find_entry(hash, |other| *other == slot) {
            found.remove();
        }
        Some(entry)
    }
}

/// All sessions, found also by the INVITE that waits for its answer.
#[derive(Debug)]
pub(super) struct Sessions {
    table: Table<Session>,
    by_invite: HashMap<ServerId, SessionId, KeyedState>,
    /// Sessions the user has not heard the end of.
    alive: usize,
}

impl Sessions {
    pub(super) fn new(state: KeyedState) -> Self {
        Self { table: Table::new(state), by_invite: HashMap::with_hasher(state), alive: 0 }
    }

    /// Whether another session would cross the limit, or those that linger have filled the same room again.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.alive >= limit || self.table.len() >= limit.saturating_mul(2)
    }

    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    pub(super) fn lingering(&self) -> usize {
        self.table.len() - self.alive
    }

    /// The id the next [`insert`](Self::insert) gives.
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.table.next_slot())
    }

    pub(super) fn insert(&mut self, session: Session) -> SessionId {
        self.alive += 1;
        let id = SessionId(self.table.insert(session));
        self.settle(id);
        id
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.table.get(id.0)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.table.get_mut(id.0)
    }

    /// The session of a message, by its Call-ID and our tag.
    pub(super) fn find(&self, call_id: &str, local_tag: &str) -> Option<SessionId> {
        self.table.find(call_id, local_tag).map(SessionId)
    }

    /// The session whose INVITE or re-INVITE waits for its answer in this transaction.
    pub(super) fn by_invite(&self, transaction: ServerId) -> Option<SessionId> {
        self.by_invite.get(&transaction).copied()
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        self.table.next_timeout()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<SessionId> {
        self.table.pop_due(now).map(SessionId)
    }

    /// Brings the indexes in line with a session that was touched; drops it when nothing of it is needed any more.
    pub(super) fn settle(&mut self, id: SessionId) {
        let Some(session) = self.table.get_mut(id.0) else { return };
        let invite = session.invite_transaction().or(session.asked_transaction());
        if session.indexed != invite {
            if let Some(old) = session.indexed {
                self.by_invite.remove(&old);
            }
            if let Some(new) = invite {
                self.by_invite.insert(new, id);
            }
            session.indexed = invite;
        }
        if session.counted && !session.is_alive() {
            session.counted = false;
            self.alive -= 1;
        }
        self.table.settle(id.0);
    }
}
