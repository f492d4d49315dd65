//! Requests of ours while they are under way.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::{ContactSpec, Failure};
use crate::locate::Target;
use crate::msg::{Draft, Method};
use crate::store::{Slot, Store};
use crate::transaction::ClientId;
use crate::transport::{Path, SocketId};

/// One request of ours.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method<'static>,
    /// The ACK of a 2xx has no transaction and no outcome.
    pub(super) has_transaction: bool,
    /// What is sent; given up when no further server can be tried.
    pub(super) text: Option<Text>,
    pub(super) listener: Option<SocketId>,
    /// Further servers to try.
    pub(super) servers: VecDeque<Target>,
    pub(super) stage: Stage,
    /// What the last server did.
    pub(super) failure: Failure,
    /// A server towards which TCP was tried because of the size of the request (RFC 3261 §18.1.1).
    pub(super) tried_tcp: Option<std::net::SocketAddr>,
    /// When the next server gets its turn.
    pub(super) turn: Option<Instant>,
}

/// The parts of a request that are the same towards every server.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) draft: Draft,
    pub(super) contact: Option<ContactSpec>,
}

/// How far a request has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Its servers are being looked up, or the next one is about to be tried.
    Locating,
    /// A connection is opening.
    Opening { target: Target },
    /// It was sent.
    Sent { client: ClientId, path: Path, target: Option<Target>, at: Instant },
}

/// All of them.
#[derive(Debug)]
pub(super) struct Requests {
    store: Store<Request>,
    /// The request of each client transaction, by the place of the transaction in its table.
    by_client: Vec<Option<(ClientId, Slot)>>,
    turns: BTreeSet<(Instant, Slot)>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { store: Store::new(), by_client: Vec::new(), turns: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    pub(super) fn insert(&mut self, request: Request) -> Slot {
        self.store.insert(request)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Request> {
        self.store.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Request> {
        self.store.get_mut(slot)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Request> {
        self.set_turn(slot, None);
        self.store.remove(slot)
    }

    /// The request a client transaction belongs to; also after its final answer, for repeats.
    pub(super) fn owner(&self, client: ClientId) -> Option<Slot> {
        let (owned, slot) = (*self.by_client.get(client.index())?)?;
        (owned == client).then_some(slot)
    }

    pub(super) fn own(&mut self, client: ClientId, slot: Slot) {
        let index = client.index();
        if self.by_client.len() <= index {
            self.by_client.resize(index + 1, None);
        }
        self.by_client[index] = Some((client, slot));
    }

    /// The transaction goes on without its request.
    pub(super) fn disown(&mut self, client: ClientId) {
        if let Some(entry) = self.by_client.get_mut(client.index()) {
            *entry = None;
        }
    }

    pub(super) fn set_turn(&mut self, slot: Slot, at: Option<Instant>) {
        let Some(request) = self.store.get_mut(slot) else { return };
        if let Some(old) = std::mem::replace(&mut request.turn, at) {
            self.turns.remove(&(old, slot));
        }
        if let Some(at) = at {
            self.turns.insert((at, slot));
        }
    }

    pub(super) fn pop_turn(&mut self, now: Instant) -> Option<Slot> {
        let (_, slot) = *self.turns.first().filter(|(at, _)| *at <= now)?;
        self.set_turn(slot, None);
        Some(slot)
    }

    pub(super) fn next_turn(&self) -> Option<Instant> {
        self.turns.first().map(|(at, _)| *at)
    }
}
