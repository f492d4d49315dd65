//! All sessions, found by id, by Call-ID and our tag, by the INVITE that waits for its answer, and by their deadlines.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::time::Instant;

use hashbrown::{HashMap, HashTable};

use crate::Deadline;
use crate::engine::KeyedState;
use crate::session::{Session, SessionId};
use crate::store::Store;
use crate::transaction::ServerId;

#[derive(Debug)]
pub(super) struct Sessions {
    store: Store<Session>,
    by_key: HashTable<SessionId>,
    by_invite: HashMap<ServerId, SessionId, KeyedState>,
    deadlines: BTreeSet<(Instant, SessionId)>,
    /// Sessions the user has not heard the end of.
    alive: usize,
    state: KeyedState,
}

impl Sessions {
    pub(super) fn new(state: KeyedState) -> Self {
        Self {
            store: Store::new(),
            by_key: HashTable::new(),
            by_invite: HashMap::with_hasher(state),
            deadlines: BTreeSet::new(),
            alive: 0,
            state,
        }
    }

    /// Whether another session would cross the limit, or those that linger have filled the same room again.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.alive >= limit || self.store.len() >= limit.saturating_mul(2)
    }

    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    pub(super) fn lingering(&self) -> usize {
        self.store.len() - self.alive
    }

    /// The id the next [`insert`](Self::insert) gives.
    pub(super) fn next_id(&self) -> SessionId {
        SessionId(self.store.next_slot())
    }

    pub(super) fn insert(&mut self, session: Session) -> SessionId {
        let hash = hash(self.state, session.key());
        let id = SessionId(self.store.insert(session));
        let (store, state) = (&self.store, self.state);
        self.by_key
            .insert_unique(hash, id, |id| store.get(id.0).map_or(0, |session| hash_of(state, session)));
        self.alive += 1;
        self.settle(id);
        id
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.store.get(id.0)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.store.get_mut(id.0)
    }

    /// The session of a message, by its Call-ID and our tag.
    pub(super) fn find(&self, call_id: &str, local_tag: &str) -> Option<SessionId> {
        let key = (call_id, local_tag);
        let same = |id: &SessionId| self.store.get(id.0).is_some_and(|session| session.key() == key);
        self.by_key.find(hash(self.state, key), same).copied()
    }

    /// The session whose INVITE or re-INVITE waits for its answer in this transaction.
    pub(super) fn by_invite(&self, transaction: ServerId) -> Option<SessionId> {
        self.by_invite.get(&transaction).copied()
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let (_, id) = self.deadlines.first()?;
        self.store.get(id.0)?.next_timeout()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<SessionId> {
        let (at, id) = *self.deadlines.first()?;
        if at > now {
            return None;
        }
        self.deadlines.pop_first();
        if let Some(session) = self.store.get_mut(id.0) {
            session.armed = None;
        }
        Some(id)
    }

    /// Brings the indexes in line with a session that was touched; drops it when nothing of it is needed any more.
    pub(super) fn settle(&mut self, id: SessionId) {
        let Some(session) = self.store.get_mut(id.0) else { return };
        let next = session.next_timeout().map(|deadline| deadline.at);
        if session.armed != next {
            if let Some(at) = session.armed {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = next {
                self.deadlines.insert((at, id));
            }
            session.armed = next;
        }
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
        if session.is_done() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: SessionId) {
        let Some(session) = self.store.remove(id.0) else { return };
        if let Some(at) = session.armed {
            self.deadlines.remove(&(at, id));
        }
        if let Some(invite) = session.indexed {
            self.by_invite.remove(&invite);
        }
        if let Ok(entry) = self.by_key.find_entry(hash(self.state, session.key()), |other| *other == id) {
            entry.remove();
        }
    }
}

fn hash(state: KeyedState, key: (&str, &str)) -> u64 {
    state.hash_one(key)
}

fn hash_of(state: KeyedState, session: &Session) -> u64 {
    hash(state, session.key())
}
