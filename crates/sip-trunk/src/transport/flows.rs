//! All connections: found by number, by where they lead, and by when they run out of time.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;

use super::flow::{Due, Flow, Patience, State};
use super::{ConnectionId, Network, Path, SocketId, TlsPeer, Transport};
use crate::Deadline;
use crate::endpoint::Source;
use crate::engine::KeyedState;
use crate::frame::{Side, StreamLimits};
use crate::locate::Target;

/// Addresses and names one connection may stand for.
const MAX_TARGETS: usize = 16;

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowLimits {
    pub(crate) connections: usize,
    pub(crate) per_source: usize,
    pub(crate) stream: StreamLimits,
    pub(crate) patience: Patience,
}

/// What becomes of a connection a peer opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may stay.
    Welcome,
    /// It may stay; this older one must go.
    InPlaceOf(ConnectionId),
    /// It must go.
    Refused,
}

/// The connection table.
#[derive(Debug)]
pub(crate) struct Flows {
    limits: FlowLimits,
    flows: HashMap<ConnectionId, Flow, KeyedState>,
    by_target: HashMap<Target, ConnectionId, KeyedState>,
    per_source: HashMap<Network, usize, KeyedState>,
    /// Accepted connections nobody vouched for, oldest first.
    unvouched: BTreeSet<ConnectionId>,
    deadlines: BTreeSet<(Instant, ConnectionId)>,
    opened: u64,
}

impl Flows {
    pub(crate) fn new(limits: FlowLimits, state: KeyedState) -> Self {
        Self {
            limits,
            flows: HashMap::with_hasher(state),
            by_target: HashMap::with_hasher(state),
            per_source: HashMap::with_hasher(state),
            unvouched: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            opened: 0,
        }
    }

    pub(crate) fn apply(&mut self, limits: FlowLimits) {
        self.limits = limits;
    }

    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether a connection of ours has this local address.
    pub(crate) fn has_local(&self, local: SocketAddr) -> bool {
        self.flows.values().any(|flow| flow.source.local == local)
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Flow> {
        self.flows.get(&id)
    }

    /// The flow to change; call [`note`](Self::note) when its deadlines may have come closer.
    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Flow> {
        self.flows.get_mut(&id)
    }

    /// A connection that leads to a target already, open or on its way (RFC 5923 §5).
    pub(crate) fn leading_to(&self, target: &Target) -> Option<ConnectionId> {
        self.by_target.get(target).copied()
    }

    /// Starts a connection to a target. `None`: there are too many.
    pub(crate) fn open(
        &mut self,
        target: &Target,
        local: Option<(SocketId, SocketAddr)>,
        now: Instant,
    ) -> Option<ConnectionId> {
        if self.flows.len() >= self.limits.connections {
            return None;
        }
        let id = ConnectionId::opened(self.opened);
        self.opened += 1;
        let unknown: SocketAddr = match target.remote {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0; 8], 0).into(),
        };
        let source = Source {
            path: Path::Stream(id),
            transport: target.transport,
            remote: target.remote,
            local: local.map_or(unknown, |(_, address)| address),
            listener: local.map(|(listener, _)| listener),
            tls: None,
        };
        let mut flow = Flow::new(source, Side::Opener, State::Opening, self.limits.stream, now);
        // We chose whom to connect to.
        flow.vouched = true;
        self.insert(id, flow, now);
        self.lead(id, target.clone());
        Some(id)
    }

    /// A peer connected. `source` has its address and the listener; `bounded` says whether the per-source bound holds
    /// for it, `vouched` whether it is known already.
    pub(crate) fn accept(
        &mut self,
        id: ConnectionId,
        source: Source,
        (bounded, vouched): (bool, bool),
        now: Instant,
    ) -> Admission {
        let unit = Network::unit_of(source.remote.ip());
        let from_source = self.per_source.get(&unit).copied().unwrap_or(0);
        if bounded && from_source >= self.limits.per_source || self.flows.contains_key(&id) {
            return Admission::Refused;
        }
        let admission = if self.flows.len() < self.limits.connections {
            Admission::Welcome
        } else {
            // ES-07: the oldest that proved nothing gives way.
            match self.unvouched.first() {
                Some(oldest) => Admission::InPlaceOf(*oldest),
                None => return Admission::Refused,
            }
        };
        let is_plain = source.transport == Transport::Tcp;
        let state = if is_plain { State::Open } else { State::Opening };
        let mut flow = Flow::new(source, Side::Acceptor, state, self.limits.stream, now);
        flow.vouched = vouched;
        if !vouched {
            self.unvouched.insert(id);
        }
        *self.per_source.entry(unit).or_insert(0) += 1;
        self.insert(id, flow, now);
        if is_plain {
            self.index_accepted(id);
        }
        admission
    }

    /// Handshakes are done. `None`: it is unknown, or open already.
    pub(crate) fn connected(
        &mut self,
        id: ConnectionId,
        local: SocketAddr,
        tls: Option<TlsPeer>,
        now: Instant,
    ) -> Option<&mut Flow> {
        let flow = self.flows.get_mut(&id).filter(|flow| flow.state == State::Opening)?;
        flow.opened(now);
        flow.source.local = local;
        flow.source.tls = tls.map(Arc::new);
        if flow.is_accepted() {
            self.index_accepted(id);
        }
        self.note(id, now);
        self.flows.get_mut(&id)
    }

    /// Who is at the other end has been proven.
    pub(crate) fn vouch(&mut self, id: ConnectionId) {
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.vouched = true;
            self.unvouched.remove(&id);
        }
    }

    /// RFC 5923 §5: the peer allows its connection to be used towards the address it listens on. Only a certificate can
    /// prove that the address is its own (§8.2), so other transports are not indexed.
    pub(crate) fn alias(&mut self, id: ConnectionId, port: u16) {
        let Some(flow) = self.flows.get(&id) else { return };
        let Some(tls) = flow.source.tls.clone().filter(|tls| tls.certificate.is_some()) else { return };
        let remote = SocketAddr::new(flow.source.remote.ip(), port);
        let transport = flow.source.transport;
        for name in &tls.names {
            self.lead(id, Target::new(transport, remote, Some(name.as_str().into())));
        }
    }

    /// Forgets a connection.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Flow> {
        let flow = self.flows.remove(&id)?;
        self.deadlines.remove(&(flow.noted, id));
        self.unvouched.remove(&id);
        for target in &flow.leads_to {
            if self.by_target.get(target) == Some(&id) {
                self.by_target.remove(target);
            }
        }
        if flow.is_accepted() {
            let unit = Network::unit_of(flow.source.remote.ip());
            if let Some(count) = self.per_source.get_mut(&unit) {
                *count -= 1;
                if *count == 0 {
                    self.per_source.remove(&unit);
                }
            }
        }
        Some(flow)
    }

    /// A flow whose time has come, and what for; its deadline is noted anew.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(ConnectionId, Due)> {
        loop {
            let (at, id) = *self.deadlines.first()?;
            if at > now {
                return None;
            }
            let patience = self.limits.patience;
            let flow = self.flows.get_mut(&id)?;
            match flow.due(&patience, now).0 {
                None => self.note(id, now),
                Some(due) => return Some((id, due)),
            }
        }
    }

    /// Notes the deadline of a flow that has changed. Deadlines that moved away are found out when they come.
    pub(crate) fn note(&mut self, id: ConnectionId, now: Instant) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let (_, at) = flow.due(&self.limits.patience, now);
        if at < flow.noted || flow.noted <= now {
            self.deadlines.remove(&(flow.noted, id));
            flow.noted = at.max(now);
            self.deadlines.insert((flow.noted, id));
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Deadline> {
        self.deadlines
            .first()
            .map(|(at, _)| Deadline { at: *at, why: "a connection must show a sign of life" })
    }

    fn insert(&mut self, id: ConnectionId, flow: Flow, now: Instant) {
        self.flows.insert(id, flow);
        self.note(id, now);
    }

    /// An accepted connection leads back to exactly the address it came from, where no certificate is asked for.
    fn index_accepted(&mut self, id: ConnectionId) {
        let Some(flow) = self.flows.get(&id).filter(|flow| flow.source.transport == Transport::Tcp) else {
            return;
        };
        self.lead(id, Target::new(Transport::Tcp, flow.source.remote, None));
    }

    /// Requests to `target` go by this connection, unless another one leads there already.
    fn lead(&mut self, id: ConnectionId, target: Target) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if !self.by_target.contains_key(&target) && flow.leads_to.len() < MAX_TARGETS {
            flow.leads_to.push(target.clone());
            self.by_target.insert(target, id);
        }
    }
}
