//! Requests of ours: from a destination to a server that answers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::{
    ContactSpec, Destination, Endpoint, Event, Failure, Listener, Outgoing, Output, RequestId, SendError,
    Source,
};
use crate::msg::{Draft, Message};
use crate::store::{Slot, Store};
use crate::transaction::{self, ClientId};
use crate::transport::{Path, SocketId, Transport};
use crate::uri::UriRef;

/// Requests under way.
#[derive(Debug)]
pub(super) struct Requests {
    store: Store<Request>,
    /// The request of each client transaction, by the slot of the transaction.
    by_client: Vec<Option<(ClientId, Slot)>>,
}

impl From<Store<Request>> for Requests {
    fn from(store: Store<Request>) -> Self {
        Self { store, by_client: Vec::new() }
    }
}

impl Requests {
    fn owner(&self, client: ClientId) -> Option<Slot> {
        let (owned, slot) = (*self.by_client.get(client.index())?)?;
        (owned == client).then_some(slot)
    }

    fn own(&mut self, client: ClientId, slot: Slot) {
        let index = client.index();
        if self.by_client.len() <= index {
            self.by_client.resize(index + 1, None);
        }
        self.by_client[index] = Some((client, slot));
    }
}

/// One request of ours.
#[derive(Debug)]
pub(super) struct Request {
    client: Option<ClientId>,
}

/// The local side of one way, as Via and Contact name it.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) transport: Transport,
    /// `host:port`.
    pub(super) sent_by: String,
}

impl Hop {
    pub(super) fn contact(&self, spec: &ContactSpec) -> String {
        let at = if spec.user.is_empty() { "" } else { "@" };
        let mut contact = String::with_capacity(64 + spec.params.len());
        let _ = write!(contact, "<sip:{}{at}{}", spec.user, self.sent_by);
        if self.transport != Transport::Udp {
            let _ = write!(contact, ";transport={}", self.transport.uri_param());
        }
        let _ = write!(contact, "{}>{}", spec.uri_params, spec.params);
        contact
    }
}

impl Endpoint {
    /// Sends a request. Its answers, or its failure on every server, come as events with the id given back.
    ///
    /// # Errors
    /// [`SendError`]; nothing has happened.
    pub fn request(&mut self, outgoing: Outgoing, now: Instant) -> Result<RequestId, SendError> {
        if self.requests.store.len() >= self.config.limits.requests {
            return Err(SendError::Full(self.requests.store.len()));
        }
        let method = outgoing.draft.method().ok_or(SendError::NotARequest)?.into_owned();
        let path = self.way(&outgoing)?;
        let (branch, bytes) = self.compose(&outgoing.draft, outgoing.contact.as_ref(), path)?;
        let client = match self.transactions.send(&branch, &method, bytes, path, now) {
            Ok(client) => client,
            Err(transaction::SendError::Full(count)) => return Err(SendError::Full(count)),
            Err(transaction::SendError::Key) => return Err(SendError::NotARequest),
        };
        let slot = self.requests.store.insert(Request { client: Some(client) });
        self.requests.own(client, slot);
        self.settle(None, now);
        Ok(RequestId(slot))
    }

    /// Sends a request that has no transaction: the ACK of a 2xx (RFC 3261 §13.2.2.4). Send it again for each repeat of
    /// the 2xx.
    ///
    /// # Errors
    /// [`SendError`]; nothing has happened.
    pub fn send_ack(&mut self, outgoing: Outgoing, _now: Instant) -> Result<(), SendError> {
        outgoing.draft.method().ok_or(SendError::NotARequest)?;
        let path = self.way(&outgoing)?;
        let (_, bytes) = self.compose(&outgoing.draft, outgoing.contact.as_ref(), path)?;
        self.send_bytes(path, bytes);
        Ok(())
    }

    /// Drops a request: nothing is sent and no event tells its end. For an INVITE that was withdrawn and is still not
    /// answered after 64 × T1 (RFC 3261 §9.1).
    pub fn forget(&mut self, request: RequestId) {
        if let Some(client) = self.requests.store.remove(request.0).and_then(|request| request.client) {
            self.transactions.forget(client);
        }
    }

    /// Withdraws an INVITE: CANCEL goes out now or as soon as a provisional answer allows it (RFC 3261 §9.1). Nothing
    /// happens when a final answer was there already; a 2xx may still cross the CANCEL.
    pub fn cancel(&mut self, request: RequestId, now: Instant) {
        let Some(client) = self.requests.store.get(request.0).and_then(|request| request.client) else {
            return;
        };
        self.transactions.cancel(client, now);
        self.settle(None, now);
    }

    fn way(&self, outgoing: &Outgoing) -> Result<Path, SendError> {
        match &outgoing.to {
            Destination::Path(path) | Destination::Flow { path, .. } => Ok(*path),
            Destination::Uri(text) => {
                let bad = || SendError::BadDestination(text.clone());
                let uri = UriRef::parse(text.as_bytes()).ok().and_then(|uri| uri.as_sip()).ok_or_else(bad)?;
                let address = uri.host().ip().ok_or_else(bad)?;
                let remote = SocketAddr::new(address, uri.port().unwrap_or(5060));
                let socket = self.socket_for(remote, outgoing.listener).ok_or(SendError::NoRoute)?;
                Ok(Path::Datagram { socket, remote })
            }
        }
    }

    fn socket_for(&self, remote: SocketAddr, wanted: Option<SocketId>) -> Option<SocketId> {
        let fits = |listener: &&Listener| {
            listener.transport == Transport::Udp
                && listener.local.is_ipv4() == remote.is_ipv4()
                && wanted.is_none_or(|wanted| wanted == listener.id)
        };
        self.config.listeners.iter().find(fits).map(|listener| listener.id)
    }

    pub(super) fn hop(&self, path: Path) -> Option<Hop> {
        match path {
            Path::Datagram { socket, .. } => {
                let listener = self.listener(socket)?;
                Some(Hop { transport: listener.transport, sent_by: listener.sent_by() })
            }
            Path::Stream(_) => None,
        }
    }

    /// The request with our Via, and its branch.
    fn compose(
        &mut self,
        draft: &Draft,
        contact: Option<&ContactSpec>,
        path: Path,
    ) -> Result<(String, Bytes), SendError> {
        let hop = self.hop(path).ok_or(SendError::FlowGone)?;
        let mut branch = String::with_capacity(28);
        branch.push_str("z9hG4bK");
        self.tokens.push(&mut branch);
        // RFC 3581 §3: rport asks for answers to where the request came from.
        let rport = if hop.transport == Transport::Udp { ";rport" } else { "" };
        let mut top = String::with_capacity(160);
        let _ = write!(top, "Via: SIP/2.0/{} {}{rport};branch={branch}\r\n", hop.transport, hop.sent_by);
        if let Some(spec) = contact {
            let _ = write!(top, "Contact: {}\r\n", hop.contact(spec));
        }
        Ok((branch, draft.finish_below(top.as_bytes())?))
    }

    pub(super) fn answered(&mut self, client: ClientId, message: Message, source: Source, _now: Instant) {
        let Some(slot) = self.requests.owner(client) else { return };
        let status = message.status().unwrap_or_default();
        let event = Event::Response { request: RequestId(slot), message, source };
        self.out.push_back(Output::Event(event));
        if status >= 200 {
            self.requests.store.remove(slot);
        }
    }

    pub(super) fn unanswered(&mut self, client: ClientId, cause: transaction::Failure, _now: Instant) {
        let Some(slot) = self.requests.owner(client) else { return };
        self.requests.store.remove(slot);
        let failure = match cause {
            transaction::Failure::Timeout => Failure::Timeout,
            transaction::Failure::Transport => Failure::Transport(super::CloseCause::ByPeer),
        };
        self.out.push_back(Output::Event(Event::Failed { request: RequestId(slot), failure }));
    }
}
