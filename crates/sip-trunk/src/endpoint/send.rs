//! From a destination to a server that answers (RFC 3261 §8.1.2, §18.1.1; RFC 3263 §4).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::deliver::{Prompt, failure_of};
use super::request::{Request, Stage, Text};
use super::{
    CloseCause, Destination, Endpoint, Event, Failure, Io, Listener, Outgoing, Output, RequestId, SendError,
    Source,
};
use crate::header::RetryAfter;
use crate::locate::{Located, NextHop, NextHopError, Target};
use crate::msg::Message;
use crate::store::Slot;
use crate::transaction::{self, ClientId};
use crate::transport::{ConnectionId, Path, SocketId, State, Transport, Waiting};

impl Endpoint {
    /// Sends a request. Its answers, or its failure on every server, come as events with the id given back.
    ///
    /// # Errors
    /// [`SendError`]; nothing has happened.
    pub fn request(&mut self, outgoing: Outgoing, now: Instant) -> Result<RequestId, SendError> {
        self.dispatch(outgoing, true, now).map(RequestId)
    }

    /// Sends a request that has no transaction: the ACK of a 2xx (RFC 3261 §13.2.2.4). Send it again for each repeat of
    /// the 2xx.
    ///
    /// # Errors
    /// [`SendError`]; nothing has happened.
    pub fn send_ack(&mut self, outgoing: Outgoing, now: Instant) -> Result<(), SendError> {
        self.dispatch(outgoing, false, now).map(drop)
    }

    /// Withdraws an INVITE: CANCEL goes out now or as soon as a provisional answer allows it (RFC 3261 §9.1), and no
    /// further server is tried. One that was not sent yet fails as [`Failure::Withdrawn`]. Nothing happens when a final
    /// answer was there already; a 2xx may still cross the CANCEL.
    pub fn cancel(&mut self, request: RequestId, now: Instant) {
        self.cancel_saying(request, None, now);
    }

    /// As [`cancel`](Self::cancel), with this value of Reason in the CANCEL (RFC 3326).
    pub fn cancel_saying(&mut self, request: RequestId, reason: Option<&str>, now: Instant) {
        let slot = request.0;
        let Some(request) = self.requests.get_mut(slot) else { return };
        request.servers.clear();
        match request.stage {
            Stage::Locating | Stage::Opening { .. } => {
                self.requests.remove(slot);
                self.report_failure(slot, Failure::Withdrawn);
            }
            Stage::Sent { client, .. } => {
                self.requests.set_turn(slot, None);
                self.transactions.cancel_saying(client, reason, now);
                self.settle(&Prompt::None, now);
            }
        }
    }

    fn dispatch(
        &mut self,
        outgoing: Outgoing,
        has_transaction: bool,
        now: Instant,
    ) -> Result<Slot, SendError> {
        let Outgoing { draft, to, contact, transport, listener } = outgoing;
        let method = draft.method().ok_or(SendError::NotARequest)?.into_owned();
        draft.check()?;
        if contact.as_ref().is_some_and(|contact| !contact.is_writable()) {
            return Err(SendError::BadContact);
        }
        let limit = self.config.limits.requests;
        if self.requests.len() >= limit || has_transaction && self.transactions.is_full() {
            return Err(SendError::Full(self.requests.len()));
        }
        let way = self.way(to, transport)?;
        let slot = self.requests.insert(Request {
            method,
            has_transaction,
            text: Some(Text { draft, contact }),
            listener,
            servers: VecDeque::new(),
            stage: Stage::Locating,
            failure: Failure::NoRoute,
            tried_tcp: None,
            turn: None,
        });
        match way {
            Way::Known(path) => {
                if let Err(error) = self.transmit(slot, path, None, now) {
                    self.requests.remove(slot);
                    return Err(error);
                }
                self.settle(&Prompt::None, now);
            }
            Way::Hop(hop) => match self.locator.locate(hop, slot, now) {
                Some(Located::Found(servers)) => {
                    let servers: VecDeque<_> =
                        servers.into_iter().filter(|server| self.reaches(server, listener)).collect();
                    if servers.is_empty() {
                        self.requests.remove(slot);
                        return Err(SendError::NoRoute);
                    }
                    if let Some(request) = self.requests.get_mut(slot) {
                        request.servers = servers;
                    }
                    self.try_next(slot, now);
                    self.settle(&Prompt::None, now);
                }
                Some(not_found @ Located::NotFound { .. }) => self.located(slot, not_found, now),
                None => self.settle(&Prompt::None, now),
            },
        }
        Ok(slot)
    }

    fn way(&self, to: Destination, preferred: Option<Transport>) -> Result<Way, SendError> {
        let uri = match to {
            Destination::Path(path) if self.is_alive(path) => return Ok(Way::Known(path)),
            Destination::Path(_) => return Err(SendError::FlowGone),
            Destination::Flow { path, .. } if self.is_alive(path) => return Ok(Way::Known(path)),
            Destination::Flow { otherwise, .. } => otherwise.ok_or(SendError::FlowGone)?,
            Destination::Uri(uri) => uri,
        };
        match NextHop::parse(&uri, preferred) {
            Ok(hop) => Ok(Way::Hop(hop)),
            Err(NextHopError::NotAHop) => Err(SendError::BadDestination(uri)),
            Err(NextHopError::TlsNeedsName) => Err(SendError::TlsNeedsName(uri)),
        }
    }

    fn is_alive(&self, path: Path) -> bool {
        match path {
            Path::Datagram { socket, .. } => self.listener(socket).is_some(),
            Path::Stream(connection) => {
                self.flows.get(connection).is_some_and(|flow| flow.state == State::Open)
            }
        }
    }

    /// The servers of a request are known.
    pub(super) fn located(&mut self, slot: Slot, located: Located, now: Instant) {
        let Some(request) = self.requests.get_mut(slot) else { return };
        match located {
            Located::Found(servers) => {
                request.servers = servers;
                self.try_next(slot, now);
            }
            Located::NotFound { name, cause } => {
                self.requests.remove(slot);
                self.report_failure(slot, Failure::Unresolvable { name, cause });
            }
        }
    }

    /// Goes on to the next server of the list, or fails.
    fn try_next(&mut self, slot: Slot, now: Instant) {
        loop {
            let Some(request) = self.requests.get_mut(slot) else { return };
            let Some(target) = request.servers.pop_front() else {
                let failure = request.failure.clone();
                self.requests.remove(slot);
                return self.report_failure(slot, failure);
            };
            request.stage = Stage::Locating;
            let listener = request.listener;
            if target.transport == Transport::Udp {
                let Some(socket) = self.socket_for(&target, listener) else { continue };
                if self.prefers_tcp(slot, &target, now) {
                    continue;
                }
                let path = Path::Datagram { socket, remote: target.remote };
                if self.transmit(slot, path, Some(target), now).is_ok() {
                    return;
                }
                continue;
            }
            let connection = self.flows.leading_to(&target).or_else(|| self.connect(&target, listener, now));
            let Some(connection) = connection else { continue };
            if self.is_alive(Path::Stream(connection)) {
                if self.transmit(slot, Path::Stream(connection), Some(target), now).is_ok() {
                    return;
                }
                continue;
            }
            if let Some(flow) = self.flows.get_mut(connection) {
                flow.waiting.push(Waiting::Request(slot));
            }
            if let Some(request) = self.requests.get_mut(slot) {
                request.stage = Stage::Opening { target };
            }
            return;
        }
    }

    /// RFC 3261 §18.1.1: a request too large for a datagram goes by TCP to the same server, and as a datagram only when
    /// no connection comes to be. Puts both before the rest of the list.
    fn prefers_tcp(&mut self, slot: Slot, target: &Target, now: Instant) -> bool {
        // Our Via is about this long.
        const VIA: usize = 80;
        let Some(request) = self.requests.get_mut(slot) else { return false };
        let size = request.text.as_ref().map_or(0, |text| text.draft.len() + VIA);
        let too_large = size > self.config.largest_datagram && request.tried_tcp != Some(target.remote);
        if !too_large || self.locator.is_avoided(Transport::Tcp, target.remote, now) {
            return false;
        }
        request.tried_tcp = Some(target.remote);
        request.servers.push_front(target.clone());
        request.servers.push_front(Target { transport: Transport::Tcp, ..target.clone() });
        true
    }

    /// Starts a connection.
    pub(super) fn connect(
        &mut self,
        target: &Target,
        wanted: Option<SocketId>,
        now: Instant,
    ) -> Option<ConnectionId> {
        let fits = |listener: &&Listener| {
            listener.transport == target.transport && listener.local.is_ipv4() == target.remote.is_ipv4()
        };
        let mut listeners = self.config.listeners.iter();
        let listener = match wanted.and_then(|id| self.listener(id)) {
            Some(listener) if listener.local.is_ipv4() == target.remote.is_ipv4() => Some(listener),
            Some(_) | None => listeners.find(fits),
        };
        let local = listener.map(|listener| (listener.id, listener.local));
        let connection = self.flows.open(target, local, now)?;
        self.out.push_back(Output::Io(Io::Connect {
            connection,
            transport: target.transport,
            remote: target.remote,
            server_name: target.server_name.as_deref().map(str::to_owned),
            from: local.map(|(id, _)| id),
        }));
        Some(connection)
    }

    fn reaches(&self, target: &Target, listener: Option<SocketId>) -> bool {
        target.transport != Transport::Udp || self.socket_for(target, listener).is_some()
    }

    fn socket_for(&self, target: &Target, wanted: Option<SocketId>) -> Option<SocketId> {
        let fits = |listener: &&Listener| {
            listener.transport == Transport::Udp && listener.local.is_ipv4() == target.remote.is_ipv4()
        };
        let wanted = wanted.and_then(|wanted| self.listener(wanted)).filter(fits);
        wanted.or_else(|| self.config.listeners.iter().find(fits)).map(|listener| listener.id)
    }

    /// Writes a request and sends it by `path`.
    pub(super) fn transmit(
        &mut self,
        slot: Slot,
        path: Path,
        target: Option<Target>,
        now: Instant,
    ) -> Result<(), SendError> {
        let hop = self.hop(path).ok_or(SendError::FlowGone)?;
        let Some(request) = self.requests.get_mut(slot) else { return Ok(()) };
        let Some(text) = &request.text else { return Err(SendError::FlowGone) };
        let (top, branch) = hop.top(text.contact.as_ref(), &mut self.tokens);
        let bytes = text.draft.finish_below(top.as_bytes())?;
        if !request.has_transaction {
            self.requests.remove(slot);
            self.send_bytes(path, bytes, now);
            return Ok(());
        }
        let branch = &top[branch];
        let client = match self.transactions.send(branch, &request.method, bytes, path, now) {
            Ok(client) => client,
            Err(transaction::SendError::Full(count)) => return Err(SendError::Full(count)),
            Err(transaction::SendError::Key) => return Err(SendError::NotARequest),
        };
        let has_more = !request.servers.is_empty();
        if !has_more {
            request.text = None;
        }
        request.stage = Stage::Sent { client, path, target, at: now };
        self.requests.own(client, slot);
        if has_more {
            self.requests.set_turn(slot, Some(now + self.config.next_server_after));
        }
        Ok(())
    }

    /// An answer to a request of ours.
    pub(super) fn answered(&mut self, client: ClientId, message: Message, source: Source, now: Instant) {
        let status = message.status().unwrap_or_default();
        let Some(slot) = self.requests.owner(client) else { return self.stray(message, source) };
        if let Some(request) = self.requests.get(slot)
            && let Stage::Sent { target: Some(target), .. } = &request.stage
        {
            if status == 503 {
                // RFC 3261 §21.5.4, RFC 3263 §4.3: another server may be able to.
                let leave_for = message.typed::<RetryAfter<'_>>().and_then(Result::ok);
                let leave_for = leave_for.map(|retry| Duration::from_secs(retry.seconds.into()));
                self.locator.server_failed(target, leave_for, now);
                if !request.servers.is_empty() {
                    self.requests.disown(client);
                    self.requests.set_turn(slot, None);
                    return self.try_next(slot, now);
                }
            } else {
                self.locator.server_answered(target);
            }
        }
        self.requests.set_turn(slot, None);
        if status >= 200 {
            self.requests.remove(slot);
        }
        self.out.push_back(Output::Event(Event::Response { request: RequestId(slot), message, source }));
    }

    /// A request of ours got no answer from the server it was sent to.
    pub(super) fn unanswered(&mut self, client: ClientId, failure: Failure, now: Instant) {
        let Some(slot) = self.requests.owner(client) else { return };
        let Some(request) = self.requests.get_mut(slot) else { return };
        let Stage::Sent { path, target, at, .. } = &request.stage else { return };
        let (path, at) = (*path, *at);
        if let Some(target) = target {
            self.locator.server_failed(target, None, now);
        }
        if failure == Failure::Timeout
            && let Path::Stream(connection) = path
            && self.flows.get(connection).is_some_and(|flow| flow.silent_since(at))
        {
            // Nothing has come for the whole life of the transaction: nothing will.
            self.close_flow(connection, CloseCause::Silent, now);
        }
        self.give_up_server(slot, failure, now);
    }

    /// The current server will not answer.
    fn give_up_server(&mut self, slot: Slot, failure: Failure, now: Instant) {
        self.requests.set_turn(slot, None);
        let Some(request) = self.requests.get_mut(slot) else { return };
        request.failure = failure;
        self.try_next(slot, now);
    }

    /// Servers that have been silent for long give way to the next one.
    pub(super) fn run_turns(&mut self, now: Instant) {
        while let Some(slot) = self.requests.pop_turn(now) {
            let Some(request) = self.requests.get(slot) else { continue };
            let Stage::Sent { client, target, .. } = &request.stage else { continue };
            let client = *client;
            if let Some(target) = target {
                self.locator.server_failed(target, None, now);
            }
            self.requests.disown(client);
            self.transactions.abandon(client, now);
            self.give_up_server(slot, Failure::Timeout, now);
        }
    }

    /// A connection that requests waited for will not open.
    pub(super) fn not_opened(&mut self, slot: Slot, cause: &CloseCause, now: Instant) {
        let Some(request) = self.requests.get(slot) else { return };
        let Stage::Opening { target } = &request.stage else { return };
        self.locator.server_failed(target, None, now);
        self.give_up_server(slot, failure_of(cause), now);
    }

    /// A connection that requests waited for is open.
    pub(super) fn opened_for(&mut self, slot: Slot, connection: ConnectionId, now: Instant) {
        let Some(request) = self.requests.get_mut(slot) else { return };
        let Stage::Opening { target } = std::mem::replace(&mut request.stage, Stage::Locating) else {
            return;
        };
        if self.transmit(slot, Path::Stream(connection), Some(target), now).is_err() {
            self.try_next(slot, now);
        }
    }

    fn report_failure(&mut self, slot: Slot, failure: Failure) {
        self.out.push_back(Output::Event(Event::Failed { request: RequestId(slot), failure }));
    }
}

enum Way {
    Known(Path),
    Hop(NextHop),
}
