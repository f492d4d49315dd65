//! Transactions: repeats, time-outs and matching of answers to requests (RFC 3261 §17, RFC 6026, RFC 4320).
//!
//! ```text
//!            request()                                    receive()
//!  user ───────────────►  client  ──► Transmit   bytes ───────────────►  server  ──► Request ──► user
//!       ◄── Response ───  §17.1   ◄── receive()        ◄── Transmit ───  §17.2   ◄── respond() ──
//!       ◄── Failed                                        (repeats answered here)
//! ```
//!
//! Nothing here looks at what a request means. Who sent it, and whether that may be answered at all, is decided before
//! [`Transactions::receive`] is called: a table entry is the one thing a request may cost before it is authenticated.

mod client;
mod key;
mod server;
mod table;
mod timing;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use hashbrown::HashTable;

use crate::header::{CSeq, Header, Via};
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::transport::Path;
use crate::{Deadline, Seed};
use client::Client;
use server::Server;
use table::{KeyedHash, Slot, Table};
use timing::TimerQueue;

pub use timing::Timing;

/// A request of ours that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Slot);

impl ClientId {
    /// The place of the transaction in its table, for tables beside it: small, and used again later.
    pub(crate) fn index(self) -> usize {
        self.0.index as usize
    }
}

/// A request of a peer that waits for our answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(Slot);

/// How many transactions may exist at once.
///
/// Over UDP an answered INVITE lingers for 32 s on either side, a peer's BYE for 32 s and one of ours for 5 s. The defaults hold those
/// of 2,000 calls a second: 74,000 of ours and 128,000 of peers, with some room. An answered INVITE of a peer takes about 0.4 kB, one of
/// ours about as much, any other answered request of a peer that and its answer: 150 MB when both tables are full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests of ours in flight, or lingering to absorb repeats.
    pub clients: usize,
    /// Requests of peers.
    pub servers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients: 100_000, servers: 160_000 }
    }
}

/// What the layer wants done or has to tell, in order.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Transmit {
        /// Which way.
        path: Path,
        /// The message.
        bytes: Bytes,
    },
    /// A new request.
    Request {
        /// Answer through this; `None` for ACK of a 2xx, which is answered by nothing (RFC 3261 §17.1.1.3).
        transaction: Option<ServerId>,
        /// For CANCEL: the INVITE that should end, when it is still known.
        cancels: Option<ServerId>,
        /// The request.
        message: Message,
        /// Where it came from.
        path: Path,
    },
    /// An answer to a request of ours; repeats of 2xx to INVITE included.
    Response {
        /// The request.
        transaction: ClientId,
        /// The answer.
        message: Message,
    },
    /// An answer that belongs to nothing here, such as a repeated 2xx after its transaction.
    StrayResponse {
        /// The answer.
        message: Message,
        /// Where it came from.
        path: Path,
    },
    /// A request of ours got no final answer. The id is no longer valid.
    Failed {
        /// The request.
        transaction: ClientId,
        /// Why.
        cause: Failure,
    },
    /// A non-2xx final answer of ours to INVITE was never acknowledged (timer H).
    Unacknowledged {
        /// The INVITE. The id is no longer valid.
        transaction: ServerId,
    },
    /// A request was dropped because the table is full. Peers deserve a 503 with Retry-After, strangers silence.
    Refused {
        /// The request.
        message: Message,
        /// Where it came from.
        path: Path,
    },
}

/// Why a request of ours got no final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing came in time (timers B and F): treat as 408 (RFC 3261 §8.1.3.1).
    Timeout,
    /// The transport reported an error: treat as 503 (RFC 3261 §8.1.3.1).
    Transport,
}

/// Why a request could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The client table is full.
    #[error("{0} requests are in flight, wait for some to end or raise the limit")]
    Full(usize),
    /// There is no branch in the top Via or no CSeq, or a running transaction has the same ones.
    #[error("the request needs a CSeq and a top Via with a branch of its own")]
    Key,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests of peers that were new.
    pub requests: u64,
    /// Requests of peers that were repeats.
    pub repeated_requests: u64,
    /// Requests that arrived a second time by another way (RFC 3261 §8.2.2.2).
    pub merged_requests: u64,
    /// Requests of ours that came back unchanged (RFC 3261 §16.3).
    pub looped_requests: u64,
    /// Requests dropped because the table was full.
    pub refused_requests: u64,
    /// Requests of ours that were repeated.
    pub retransmissions: u64,
    /// Answers that belonged to nothing.
    pub stray_responses: u64,
    /// Requests of ours without final answer.
    pub timeouts: u64,
}

/// A transaction of either side, as timers know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Either {
    Client(Slot),
    Server(Slot),
}

/// All transactions of one user agent.
#[derive(Debug)]
pub struct Transactions {
    timing: Timing,
    clients: Table<Client>,
    servers: Table<Server>,
    /// Requests outside dialogs by From tag, Call-ID and CSeq.
    merged: HashTable<Slot>,
    hash: KeyedHash,
    timers: TimerQueue<Either>,
    out: VecDeque<Output>,
    stats: Stats,
}

impl Transactions {
    /// An empty layer. The seed keeps peers from choosing where their transactions land in the tables.
    pub fn new(timing: Timing, limits: Limits, seed: Seed) -> Self {
        let mut secret = [0; 16];
        secret.copy_from_slice(&seed.0[..16]);
        let hash = KeyedHash(secret);
        Self {
            timing,
            clients: Table::new(limits.clients, hash),
            servers: Table::new(limits.servers, hash),
            merged: HashTable::new(),
            hash,
            timers: TimerQueue::new(),
            out: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Sends a request and waits for its answer. The request has its top Via with a branch of its own already.
    ///
    /// ACK of a 2xx is no transaction (RFC 3261 §13.2.2.4): send it as plain bytes.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent.
    pub fn request(&mut self, message: &Message, path: Path, now: Instant) -> Result<ClientId, SendError> {
        let key = key::client_key(message).ok_or(SendError::Key)?;
        let invite = message.method() == Some(Method::Invite);
        self.open_client(key, invite, message.to_bytes(), path, now)
    }

    /// As [`request`](Self::request), for a message just written, whose branch and method need not be looked for.
    pub(crate) fn send(
        &mut self,
        branch: &str,
        method: &Method<'_>,
        request: Bytes,
        path: Path,
        now: Instant,
    ) -> Result<ClientId, SendError> {
        let key = key::client_key_of(branch, method);
        self.open_client(key, *method == Method::Invite, request, path, now)
    }

    fn open_client(
        &mut self,
        key: Box<[u8]>,
        invite: bool,
        request: Bytes,
        path: Path,
        now: Instant,
    ) -> Result<ClientId, SendError> {
        if self.clients.is_full() {
            return Err(SendError::Full(self.clients.len()));
        }
        if self.clients.find(&key).is_some() {
            return Err(SendError::Key);
        }
        let (client, step) = Client::new(key, invite, request, path, &self.timing);
        let slot = self.clients.insert(client);
        self.run_client(slot, step, None, now);
        Ok(ClientId(slot))
    }

    /// Gives up on a request whose user has turned to another server: it is repeated no more and its time-out is told
    /// nobody. An INVITE that is answered after all is cancelled (RFC 3261 §9.1).
    pub(crate) fn abandon(&mut self, transaction: ClientId, now: Instant) {
        let Some(client) = self.clients.get_mut(transaction.0) else { return };
        if !client.invite {
            return self.end_client(transaction.0);
        }
        let either = Either::Client(transaction.0);
        self.timers.stop(&mut client.running, either, timing::Timer::A);
        self.cancel(transaction, now);
    }

    /// Withdraws an INVITE: sends CANCEL now, or as soon as a provisional answer allows it (RFC 3261 §9.1).
    /// Nothing happens when a final answer was there already; a 2xx may still cross the CANCEL. Without any final answer the
    /// INVITE fails 64 × T1 after the CANCEL.
    pub fn cancel(&mut self, transaction: ClientId, now: Instant) {
        self.cancel_saying(transaction, None, now);
    }

    /// As [`cancel`](Self::cancel), with this value of Reason in the CANCEL (RFC 3326).
    pub fn cancel_saying(&mut self, transaction: ClientId, reason: Option<&str>, now: Instant) {
        let Some(client) = self.clients.get_mut(transaction.0) else { return };
        if client.cancel_wanted {
            return;
        }
        match client.state {
            client::State::Calling => {
                client.cancel_wanted = true;
                client.cancel_reason = reason.map(Into::into);
            }
            client::State::Proceeding => {
                client.cancel_wanted = true;
                client.cancel_reason = reason.map(Into::into);
                self.send_cancel(transaction.0, now);
            }
            client::State::Trying | client::State::Completed | client::State::Accepted => {}
        }
    }

    /// Answers a request. Answers that the state does not allow any more are dropped: the first final one counts.
    /// Returns whether the answer was sent.
    pub fn respond(&mut self, transaction: ServerId, status: u16, answer: Bytes, now: Instant) -> bool {
        let Some(server) = self.servers.get_mut(transaction.0) else { return false };
        let Some(step) = server.respond(status, &self.timing) else { return false };
        server.answer = Some(answer);
        server.trying = None;
        self.run_server(transaction.0, step, now);
        true
    }

    /// Takes a message from the network. `path` is the way back to whoever sent it.
    pub fn receive(&mut self, message: Message, path: Path, now: Instant) {
        match message.method().map(Method::into_owned) {
            Some(Method::Ack) => self.receive_ack(message, path, now),
            Some(method) => self.receive_request(message, &method, path, now),
            None => self.receive_response(message, path, now),
        }
    }

    /// The transport could not send, or a connection closed: requests on that path have failed (RFC 3261 §17.1.4).
    /// Server transactions stay: their answers go out by another way or not at all (RFC 3261 §18.2.2).
    pub fn path_failed(&mut self, path: Path) {
        let waiting = |c: &Client| {
            let waits =
                matches!(c.state, client::State::Calling | client::State::Trying | client::State::Proceeding);
            waits && c.path == path
        };
        for slot in self.clients.slots_where(waiting) {
            self.end_client(slot);
            self.out.push_back(Output::Failed { transaction: ClientId(slot), cause: Failure::Transport });
        }
    }

    /// Runs the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((either, timer)) = self.timers.pop_due(now) {
            match either {
                Either::Client(slot) => {
                    let Some(client) = self.clients.get_mut(slot) else { continue };
                    TimerQueue::<Either>::ran_out(&mut client.running, timer);
                    let step = client.timer(timer, &self.timing);
                    self.stats.retransmissions += u64::from(step.repeat);
                    self.run_client(slot, step, None, now);
                }
                Either::Server(slot) => {
                    let Some(server) = self.servers.get_mut(slot) else { continue };
                    TimerQueue::<Either>::ran_out(&mut server.running, timer);
                    let step = server.timer(timer, &self.timing);
                    self.run_server(slot, step, now);
                }
            }
        }
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// The way a request came, while its transaction lives.
    pub fn path_of(&self, transaction: ServerId) -> Option<Path> {
        self.servers.get(transaction.0).map(|server| server.path)
    }

    /// Transactions alive now: ours, and those of peers.
    pub fn in_use(&self) -> (usize, usize) {
        (self.clients.len(), self.servers.len())
    }

    /// Whether there is no room for another request of ours.
    pub(crate) fn is_full(&self) -> bool {
        self.clients.is_full()
    }

    /// Whether what room there is for requests of others is kept for those that are known: an eighth of it.
    pub(crate) fn is_crowded(&self) -> bool {
        self.servers.is_crowded()
    }

    /// Counters since the start.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn receive_ack(&mut self, message: Message, path: Path, now: Instant) {
        let slot = key::server_key(&message, &Method::Ack).and_then(|key| self.servers.find(&key));
        let Some((slot, server)) = slot.and_then(|slot| Some((slot, self.servers.get_mut(slot)?))) else {
            self.out.push_back(Output::Request { transaction: None, cancels: None, message, path });
            return;
        };
        // RFC 3261 §17.2.1: the ACK of a non-2xx answer ends here. That of a 2xx has a branch of its own, but peers of
        // RFC 2543 reuse the INVITE's, so an accepted INVITE passes it on.
        if server.state == server::State::Accepted {
            self.out.push_back(Output::Request { transaction: None, cancels: None, message, path });
        } else {
            let step = server.acknowledged(&self.timing);
            self.run_server(slot, step, now);
        }
    }

    fn receive_request(&mut self, message: Message, method: &Method<'_>, path: Path, now: Instant) {
        let Some(key) = key::server_key(&message, method) else { return };
        if let Some(slot) = self.servers.find(&key) {
            self.stats.repeated_requests += 1;
            if let Some(step) = self.servers.get(slot).map(Server::repeated) {
                self.run_server(slot, step, now);
            }
            return;
        }
        if self.servers.is_full() {
            self.stats.refused_requests += 1;
            self.out.push_back(Output::Refused { message, path });
            return;
        }
        let merge_key = key::merge_key(&message);
        if merge_key.as_deref().is_some_and(|key| self.find_merged(key).is_some())
            && *method != Method::Cancel
        {
            self.stats.merged_requests += 1;
            self.answer_loop(&message, "merged", path);
            return;
        }
        if *method != Method::Cancel && self.is_looped(&message, method) {
            self.stats.looped_requests += 1;
            self.answer_loop(&message, "looped", path);
            return;
        }
        let cancels = (*method == Method::Cancel).then(|| self.cancelled_by(&message)).flatten();
        let invite = *method == Method::Invite;
        let trying = invite.then(|| Draft::reply_to(&message, 100, "").finish().ok()).flatten();
        let merge_key = if *method == Method::Cancel { None } else { merge_key };
        let (server, step) = Server::new(key, merge_key, invite, trying, path, &self.timing);
        let slot = self.servers.insert(server);
        self.remember_merge_key(slot);
        self.stats.requests += 1;
        self.run_server(slot, step, now);
        let transaction = Some(ServerId(slot));
        self.out.push_back(Output::Request { transaction, cancels: cancels.map(ServerId), message, path });
    }

    fn receive_response(&mut self, message: Message, path: Path, now: Instant) {
        let slot = key::client_key(&message).and_then(|key| self.clients.find(&key));
        let status = message.status().unwrap_or_default();
        let Some((slot, client)) = slot.and_then(|slot| Some((slot, self.clients.get_mut(slot)?))) else {
            self.stats.stray_responses += 1;
            self.out.push_back(Output::StrayResponse { message, path });
            return;
        };
        let step = client.response(status, &self.timing);
        let cancel =
            client.cancel_wanted && client.state == client::State::Proceeding && step.stop[0].is_some();
        self.run_client(slot, step, Some(message), now);
        if cancel {
            self.send_cancel(slot, now);
        }
    }

    /// RFC 3261 §9.2: a CANCEL names the request it is for by everything in its key but the method.
    fn cancelled_by(&self, cancel: &Message) -> Option<Slot> {
        self.servers.find(&key::server_key(cancel, &Method::Invite)?)
    }

    fn find_merged(&self, key: &[u8]) -> Option<Slot> {
        let same = |slot: &Slot| {
            self.servers.get(*slot).is_some_and(|server| server.merge_key.as_deref() == Some(key))
        };
        self.merged.find(self.hash.of(key), same).copied()
    }

    fn remember_merge_key(&mut self, slot: Slot) {
        let Some(key) = self.servers.get(slot).and_then(|server| server.merge_key.as_deref()) else { return };
        let (servers, hash) = (&self.servers, self.hash);
        let rehash = |slot: &Slot| {
            hash.of(servers.get(*slot).and_then(|s| s.merge_key.as_deref()).unwrap_or_default())
        };
        self.merged.insert_unique(hash.of(key), slot, rehash);
    }

    /// RFC 3261 §16.3 item 4: a request that bears the branch of a request of ours below its top Via has come back. With another
    /// Request-URI it is a spiral, which is served like any other; unchanged it would come round again.
    fn is_looped(&self, message: &Message, method: &Method<'_>) -> bool {
        let passed = message.values(HeaderName::Via).skip(1).filter_map(|element| Via::parse(element).ok());
        passed.filter_map(|via| via.branch()).any(|branch| {
            let ours = self.clients.find(&key::client_key_of(branch, method));
            let ours = ours.and_then(|slot| self.clients.get(slot));
            ours.is_some_and(|client| {
                client.request.split(|byte| *byte == b' ').nth(1) == message.request_uri()
            })
        })
    }

    /// RFC 3261 §8.2.2.2, §16.3: a request that is here already, by another way or by our own doing, gets a 482 without a
    /// transaction.
    fn answer_loop(&mut self, message: &Message, to_tag: &str, path: Path) {
        if let Ok(bytes) = Draft::reply_to(message, 482, to_tag).finish() {
            self.out.push_back(Output::Transmit { path, bytes });
        }
    }

    fn run_client(&mut self, slot: Slot, step: client::Step, response: Option<Message>, now: Instant) {
        let Some(client) = self.clients.get_mut(slot) else { return };
        let either = Either::Client(slot);
        for timer in step.stop.into_iter().flatten() {
            self.timers.stop(&mut client.running, either, timer);
        }
        if step.repeat {
            self.out.push_back(Output::Transmit { path: client.path, bytes: client.request.clone() });
        }
        if step.acknowledge {
            if client.ack.is_none() {
                client.ack = response.as_ref().and_then(|response| acknowledge(&client.request, response));
            }
            if let Some(bytes) = client.ack.clone() {
                self.out.push_back(Output::Transmit { path: client.path, bytes });
            }
        }
        for (timer, after) in step.start.into_iter().flatten() {
            self.timers.start(&mut client.running, either, timer, now + after);
        }
        if step.deliver
            && let Some(message) = response
        {
            self.out.push_back(Output::Response { transaction: ClientId(slot), message });
        }
        if step.settled {
            client.keep_request_line();
        }
        if step.timed_out {
            self.stats.timeouts += 1;
            self.out.push_back(Output::Failed { transaction: ClientId(slot), cause: Failure::Timeout });
        }
        if step.end {
            self.end_client(slot);
        }
    }

    fn end_client(&mut self, slot: Slot) {
        if let Some(mut client) = self.clients.remove(slot) {
            self.timers.stop_all(&mut client.running, Either::Client(slot));
        }
    }

    fn run_server(&mut self, slot: Slot, step: server::Step, now: Instant) {
        let Some(server) = self.servers.get_mut(slot) else { return };
        let either = Either::Server(slot);
        for timer in step.stop.into_iter().flatten() {
            self.timers.stop(&mut server.running, either, timer);
        }
        if step.trying {
            server.answer = server.trying.take();
        }
        if (step.answer || step.trying)
            && let Some(bytes) = server.answer.clone()
        {
            self.out.push_back(Output::Transmit { path: server.path, bytes });
        }
        if server.absorbs_repeats() {
            server.answer = None;
        }
        for (timer, after) in step.start.into_iter().flatten() {
            self.timers.start(&mut server.running, either, timer, now + after);
        }
        if step.unacknowledged {
            self.out.push_back(Output::Unacknowledged { transaction: ServerId(slot) });
        }
        if step.end {
            self.end_server(slot);
        }
    }

    fn end_server(&mut self, slot: Slot) {
        let Some(merge_key) = self.servers.get(slot).map(|server| server.merge_key.clone()) else { return };
        if let Some(key) = merge_key
            && let Ok(entry) = self.merged.find_entry(self.hash.of(&key), |other| *other == slot)
        {
            entry.remove();
        }
        if let Some(mut server) = self.servers.remove(slot) {
            self.timers.stop_all(&mut server.running, Either::Server(slot));
        }
    }

    fn send_cancel(&mut self, invite: Slot, now: Instant) {
        let Some(client) = self.clients.get_mut(invite) else { return };
        // RFC 3261 §9.1: an INVITE without final answer 64 × T1 after its CANCEL counts as cancelled.
        let give_up = now + self.timing.lifetime();
        self.timers.start(&mut client.running, Either::Client(invite), timing::Timer::B, give_up);
        let path = client.path;
        let Some(cancel) = cancel_of(&client.request, client.cancel_reason.as_deref()) else { return };
        // The CANCEL is a transaction of its own; its answer tells nothing that the INVITE's will not.
        let _ = self.request(&cancel, path, now);
    }
}

/// The ACK of a non-2xx final answer (RFC 3261 §17.1.1.3).
fn acknowledge(request: &Bytes, response: &Message) -> Option<Bytes> {
    let invite = Message::from_datagram(request.clone()).ok()?;
    let draft = same_hop(&invite, &Method::Ack)?.copy(response, HeaderName::To);
    with_cseq(draft, &invite, &Method::Ack)?.finish().ok()
}

/// The CANCEL of a request (RFC 3261 §9.1).
fn cancel_of(request: &Bytes, reason: Option<&str>) -> Option<Message> {
    let invite = Message::from_datagram(request.clone()).ok()?;
    let draft = same_hop(&invite, &Method::Cancel)?.copy(&invite, HeaderName::To);
    let draft = with_cseq(draft, &invite, &Method::Cancel)?;
    let draft = match reason {
        Some(reason) => draft.header(HeaderName::Reason, reason),
        None => draft,
    };
    draft.into_message().ok()
}

/// Request-URI, top Via, Route, From and Call-ID of a request, so that its follower takes the same way.
fn same_hop(request: &Message, method: &Method<'_>) -> Option<Draft> {
    let uri = std::str::from_utf8(request.request_uri()?).ok()?;
    let via = request.values(HeaderName::Via).next()?;
    let draft = Draft::request(method, uri).header(HeaderName::Via, via).copy(request, HeaderName::Route);
    let draft = draft.header(HeaderName::MaxForwards, "70");
    Some(draft.copy(request, HeaderName::From).copy(request, HeaderName::CallId))
}

fn with_cseq(draft: Draft, request: &Message, method: &Method<'_>) -> Option<Draft> {
    let number = CSeq::parse(request.header(HeaderName::CSeq)?).ok()?.number;
    Some(draft.header(HeaderName::CSeq, format!("{number} {method}")))
}
