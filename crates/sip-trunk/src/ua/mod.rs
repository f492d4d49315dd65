//! The user agent: calls, transfers and subscriptions over an [`Endpoint`], which it owns.
//!
//! ```text
//!            Input ──► Endpoint ──► dispatch ─┬► session (INVITE, forks, PRACK, UPDATE, timers, REFER) ──► Event
//!   driver                                    ├► subscription (SUBSCRIBE, NOTIFY)                  ──► Event     user
//!            Io    ◄── Endpoint ◄─ wire ◄─────┴── invite(), answer(), hang_up(), refer(), request() … ◄── commands
//! ```
//!
//! Races of RFC 5407, repeats of 2xx and ACK, glare, late forks and challenges are dealt with inside; the user sees calls.
//!
//! ```
//! use std::time::Instant;
//! use sip_trunk::Seed;
//! use sip_trunk::endpoint::{EndpointConfig, Io, Listener, Output};
//! use sip_trunk::transport::{SocketId, Transport};
//! use sip_trunk::ua::{Body, Invite, UaConfig, UserAgent};
//!
//! # #[allow(clippy::disallowed_methods)] let now = Instant::now();
//! let listener = Listener::new(SocketId(0), Transport::Udp, "192.0.2.1:5060".parse()?);
//! let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
//! let mut agent = UserAgent::new(UaConfig { endpoint, ..UaConfig::default() }, Seed([7; 32]), now);
//!
//! let mut call = Invite::new("sip:+12025550123@203.0.113.10", "<sip:+14085550100@192.0.2.1>");
//! call.body = Some(Body::sdp("v=0\r\n"));
//! let session = agent.invite(call, now)?;
//! let Some(Output::Io(Io::Datagram { bytes, .. })) = agent.poll_output() else { panic!() };
//! assert!(bytes.starts_with(b"INVITE sip:+12025550123@203.0.113.10 SIP/2.0\r\n"));
//! agent.hang_up(session, None, now)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod command;
mod config;
pub(crate) mod credentials;
mod dispatch;
pub(crate) mod event;
mod replaces;
pub(crate) mod table;
pub(crate) mod wire;

pub use command::{
    Answer, Body, Headers, Invite, Progress, Refer, Rejection, Reliable, SessionTimer, Subscribe,
};
pub use config::{Limits, ReferExpires, UaConfig};
pub use event::{EndCause, Event, Misuse, ReferId, SubscriptionEnd};

pub use crate::subscription::{Phase, Side, Subscription, SubscriptionId};

pub use crate::session::{Negotiation, OfferBy, Role, Session, SessionId, State};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::auth::ClientConfig;
use crate::endpoint::{Endpoint, Input, Outgoing, Output, RequestId, SendError};
use crate::engine::{KeyedState, Tokens};
use crate::msg::{Draft, Method};
use crate::transaction::ServerId;
use crate::transport::Path;
use crate::{Deadline, Engine, Seed};
use credentials::Credentials;
use table::{Sessions, Table};
use wire::{Owner, Requests, Template, Wire};

/// Places and takes calls over all transports of its endpoint.
#[derive(Debug)]
pub struct UserAgent {
    sessions: Sessions,
    subscriptions: Table<Subscription>,
    wire: Wire,
}

/// What a user agent remembers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InUse {
    /// Sessions the user has not heard the end of.
    pub sessions: usize,
    /// Sessions that are over, but wait for what is still on its way.
    pub lingering: usize,
    /// Subscriptions of both roles.
    pub subscriptions: usize,
    /// Requests of ours without final answer.
    pub requests: usize,
}

impl UserAgent {
    /// An agent without calls.
    pub fn new(config: UaConfig, seed: Seed, now: Instant) -> Self {
        let state = KeyedState::new(&seed.derive("dialogs"));
        let endpoint = Endpoint::new(config.endpoint.clone(), seed.derive("endpoint"), now);
        let wire = Wire {
            endpoint,
            out: VecDeque::new(),
            requests: Requests::new(state),
            credentials: Credentials::new(seed.derive("credentials")),
            tokens: Tokens::new(&seed, "dialogs"),
            config,
        };
        Self { sessions: Sessions::new(state), subscriptions: Table::new(state), wire }
    }

    /// Takes what happened outside.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        self.wire.endpoint.handle_input(input, now);
        self.pump(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.wire.endpoint.handle_timeout(now);
        self.pump(now);
        while let Some(id) = self.sessions.pop_due(now) {
            self.on_session(id, |session, wire| session.handle_timeout(wire, now));
            self.pump(now);
        }
        while let Some(slot) = self.subscriptions.pop_due(now) {
            let id = SubscriptionId(slot);
            self.on_subscription(id, |subscription, wire| subscription.handle_timeout(wire, now));
            self.pump(now);
        }
    }

    /// Replaces the configuration. Calls go on under the timers and contacts they began with.
    pub fn apply(&mut self, config: UaConfig, now: Instant) {
        self.wire.endpoint.apply(config.endpoint.clone(), now);
        self.wire.config = config;
        self.pump(now);
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        self.wire.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let usages = [self.sessions.next_timeout(), self.subscriptions.next_timeout()];
        let deadlines = usages.into_iter().chain([self.wire.endpoint.next_timeout()]);
        deadlines.flatten().min_by_key(|deadline| deadline.at)
    }

    /// Takes the load of the system, see [`Endpoint::report_load`].
    pub fn report_load(&mut self, load: f64, now: Instant) {
        self.wire.endpoint.report_load(load, now);
    }

    /// The endpoint below.
    pub fn endpoint(&self) -> &Endpoint {
        &self.wire.endpoint
    }

    /// The configuration.
    pub fn config(&self) -> &UaConfig {
        &self.wire.config
    }

    /// A session, until nothing of it is needed any more.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The session of a dialog, by its Call-ID and our tag.
    pub fn session_of_dialog(&self, call_id: &str, local_tag: &str) -> Option<SessionId> {
        self.sessions.find(call_id, local_tag)
    }

    /// What is remembered now.
    pub fn in_use(&self) -> InUse {
        InUse {
            sessions: self.sessions.alive(),
            lingering: self.sessions.lingering(),
            subscriptions: self.subscriptions.len(),
            requests: self.wire.requests.len(),
        }
    }

    /// Places a call.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent.
    pub fn invite(&mut self, invite: Invite, now: Instant) -> Result<SessionId, SendError> {
        if self.sessions.is_full(self.wire.config.limits.sessions) {
            return Err(SendError::Full(self.sessions.alive()));
        }
        let id = self.sessions.next_id();
        let session = Session::place(id, invite, &mut self.wire, now)?;
        let id = self.sessions.insert(session);
        self.pump(now);
        Ok(id)
    }

    /// Sends a provisional answer to an incoming call: reliably where the caller requires it, or supports it and
    /// [`UaConfig::reliable`] wants it.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn progress(&mut self, id: SessionId, progress: Progress, now: Instant) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.progress(progress, wire, now))
    }

    /// Answers an incoming call with 200, as soon as an answer under way in a reliable provisional one has arrived.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn answer(&mut self, id: SessionId, answer: Answer, now: Instant) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.answer(answer, wire, now))
    }

    /// Rejects an incoming call.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn reject(&mut self, id: SessionId, rejection: Rejection, now: Instant) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.reject(rejection, wire, now))
    }

    /// Ends a call with what its state demands: CANCEL, 480 or BYE. `reason` becomes the value of Reason in a CANCEL
    /// or BYE (RFC 3326).
    /// [`Event::Ended`] follows at once; whatever crosses on the wire is dealt with.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn hang_up(&mut self, id: SessionId, reason: Option<String>, now: Instant) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.hang_up(reason, wire, now))
    }

    /// Asks for a change by re-INVITE; without a body the peer is asked to offer. Ends in [`Event::OfferAnswered`],
    /// [`Event::Offered`] or [`Event::OfferRefused`]; glare (491) is waited out.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn reinvite(
        &mut self,
        id: SessionId,
        body: Option<Body>,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.reinvite(body, headers, wire, now))
    }

    /// Asks for a change by UPDATE, also of an early dialog: the one that spoke last. Ends as
    /// [`reinvite`](Self::reinvite) does.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn update(
        &mut self,
        id: SessionId,
        body: Option<Body>,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.update(body, headers, wire, now))
    }

    /// Answers the peer's offer, whatever it came in; makes the offer a re-INVITE without one asks for.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn answer_offer(
        &mut self,
        id: SessionId,
        body: Option<Body>,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.answer_offer(body, headers, wire, now))
    }

    /// Refuses the peer's re-INVITE, UPDATE or offer in PRACK, with 488 for one; the session goes on as it was.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn refuse_offer(
        &mut self,
        id: SessionId,
        status: u16,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.command(id, now, |session, wire| session.refuse_offer(status, &headers, wire, now))
    }

    /// Asks the peer to contact a third party. [`Event::ReferProgress`] reports.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn refer(&mut self, id: SessionId, refer: Refer, now: Instant) -> Result<ReferId, Misuse> {
        self.command(id, now, |session, wire| session.refer(refer, wire, now))
    }

    /// Accepts a REFER of the peer with 202, and reports 100 unless the peer wants no reports.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn accept_refer(&mut self, id: SessionId, refer: ReferId, now: Instant) -> Result<(), Misuse> {
        self.late_command(id, now, |session, wire| session.accept_refer(refer, wire, now))
    }

    /// Refuses a REFER of the peer.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn refuse_refer(
        &mut self,
        id: SessionId,
        refer: ReferId,
        status: u16,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.late_command(id, now, |session, wire| session.refuse_refer(refer, status, wire, now))
    }

    /// Reports how far the contact to the third party has got; a final status ends the reports. Also after the session has
    /// ended. [`Misuse::Gone`] when the peer wants no reports, or no more.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn notify_refer(
        &mut self,
        id: SessionId,
        refer: ReferId,
        status: u16,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.late_command(id, now, |session, wire| session.notify_refer(refer, status, wire, now))
    }

    /// Sends INFO, MESSAGE or another request inside a session. [`Event::InDialogResponse`] tells what came of it.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn send(
        &mut self,
        id: SessionId,
        method: &Method<'_>,
        body: Option<Body>,
        headers: Headers,
        now: Instant,
    ) -> Result<RequestId, Misuse> {
        let method = method.clone().into_owned();
        self.command(id, now, |session, wire| session.send(method, body.as_ref(), &headers, wire, now))
    }

    /// A subscription, until nothing of it is needed any more.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(id.0)
    }

    /// Subscribes to events, and keeps refreshing. [`Event::Notified`] and [`Event::SubscriptionEnded`] follow.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent.
    pub fn subscribe(&mut self, subscribe: Subscribe, now: Instant) -> Result<SubscriptionId, SendError> {
        if self.subscriptions.len() >= self.wire.config.limits.subscriptions {
            return Err(SendError::Full(self.subscriptions.len()));
        }
        let id = SubscriptionId(self.subscriptions.next_slot());
        let subscription = Subscription::subscribe(id, subscribe, &mut self.wire, now)?;
        self.subscriptions.insert(subscription);
        self.pump(now);
        Ok(id)
    }

    /// Ends a subscription of ours. [`Event::SubscriptionEnded`] follows at once.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn unsubscribe(&mut self, id: SubscriptionId, now: Instant) -> Result<(), Misuse> {
        self.subscription_command(id, now, |subscription, wire| subscription.unsubscribe(wire, now))
    }

    /// Accepts a peer's SUBSCRIBE for at most `longest`. A [`notify`](Self::notify) is due at once (RFC 6665 §4.2.1.2).
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn accept_subscription(
        &mut self,
        id: SubscriptionId,
        longest: Duration,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.subscription_command(id, now, |subscription, wire| {
            subscription.accept(longest, &headers, wire, now)
        })
    }

    /// Refuses a peer's SUBSCRIBE: 489 for an unknown event, 403, 404 and so on.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn refuse_subscription(
        &mut self,
        id: SubscriptionId,
        status: u16,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.subscription_command(id, now, |subscription, wire| {
            subscription.refuse(status, &headers, wire, now)
        })
    }

    /// Tells a subscriber the whole state. While a NOTIFY is under way, only the newest state waits its turn.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn notify(
        &mut self,
        id: SubscriptionId,
        body: Option<Body>,
        headers: Headers,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.subscription_command(id, now, |subscription, wire| subscription.notify(body, headers, wire, now))
    }

    /// Ends a peer's subscription with a last NOTIFY; `reason` is a token of RFC 6665 §4.1.3 such as `noresource`.
    ///
    /// # Errors
    /// [`Misuse`]; nothing was sent.
    pub fn terminate_subscription(
        &mut self,
        id: SubscriptionId,
        reason: &str,
        body: Option<Body>,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.subscription_command(id, now, |subscription, wire| {
            subscription.terminate(reason, body.as_ref(), wire, now)
        })
    }

    /// Sends a request outside any dialog. Answers to challenges go out with the next CSeq number, the id stays.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent.
    pub fn request(
        &mut self,
        mut outgoing: Outgoing,
        credentials: Option<&ClientConfig>,
        now: Instant,
    ) -> Result<RequestId, SendError> {
        let credentials = credentials.map(|config| self.wire.credentials.intern(config));
        let method = outgoing.draft.method().ok_or(SendError::NotARequest)?.into_owned();
        let uri = outgoing.draft.request_uri().ok_or(SendError::NotARequest)?.to_owned();
        let cseq = outgoing.draft.take_cseq().ok_or(SendError::NotARequest)?;
        let Outgoing { draft, to, contact, transport, listener } = outgoing;
        let template = Template { method, uri, draft, to, contact, transport, listener };
        let sent = self.wire.request(Owner::User, template, cseq, credentials, now);
        self.pump(now);
        sent
    }

    /// Takes it as proven who is at the other end of a way: [`Endpoint::vouch`].
    pub fn vouch(&mut self, path: Path) {
        self.wire.endpoint.vouch(path);
    }

    /// Closes a connection.
    pub fn close(&mut self, path: Path, now: Instant) {
        self.wire.endpoint.close(path, now);
        self.pump(now);
    }

    /// Answers a request outside any session, or an [`Event::InDialog`]. Returns whether the answer was sent.
    pub fn respond(&mut self, transaction: ServerId, answer: Draft, now: Instant) -> bool {
        let sent = self.wire.respond(transaction, answer, now);
        self.pump(now);
        sent
    }

    /// Carries out a command on a session the user still counts.
    fn command<R>(
        &mut self,
        id: SessionId,
        now: Instant,
        run: impl FnOnce(&mut Session, &mut Wire) -> Result<R, Misuse>,
    ) -> Result<R, Misuse> {
        if !self.sessions.get(id).is_some_and(Session::is_alive) {
            return Err(Misuse::Gone);
        }
        self.late_command(id, now, run)
    }

    /// Carries out a command on a session that may be over.
    fn late_command<R>(
        &mut self,
        id: SessionId,
        now: Instant,
        run: impl FnOnce(&mut Session, &mut Wire) -> Result<R, Misuse>,
    ) -> Result<R, Misuse> {
        let session = self.sessions.get_mut(id).ok_or(Misuse::Gone)?;
        let result = run(session, &mut self.wire);
        self.sessions.settle(id);
        self.pump(now);
        result
    }

    /// Carries out a command on a subscription the user still counts.
    fn subscription_command<R>(
        &mut self,
        id: SubscriptionId,
        now: Instant,
        run: impl FnOnce(&mut Subscription, &mut Wire) -> Result<R, Misuse>,
    ) -> Result<R, Misuse> {
        let alive = self.subscriptions.get_mut(id.0).filter(|subscription| subscription.is_alive());
        let result = run(alive.ok_or(Misuse::Gone)?, &mut self.wire);
        self.subscriptions.settle(id.0);
        self.pump(now);
        result
    }

    /// Lets a subscription deal with something.
    fn on_subscription(&mut self, id: SubscriptionId, run: impl FnOnce(&mut Subscription, &mut Wire)) {
        if let Some(subscription) = self.subscriptions.get_mut(id.0) {
            run(subscription, &mut self.wire);
            self.subscriptions.settle(id.0);
        }
    }

    /// Lets a session deal with something.
    fn on_session(&mut self, id: SessionId, run: impl FnOnce(&mut Session, &mut Wire)) {
        if let Some(session) = self.sessions.get_mut(id) {
            run(session, &mut self.wire);
            self.sessions.settle(id);
        }
    }

    /// Takes what the endpoint has to say or to send.
    fn pump(&mut self, now: Instant) {
        while let Some(output) = self.wire.endpoint.poll_output() {
            match output {
                Output::Io(io) => self.wire.out.push_back(Output::Io(io)),
                Output::Event(event) => self.on_event(event, now),
            }
        }
    }
}

impl Engine for UserAgent {
    type Event = Event;

    fn handle_input(&mut self, input: Input, now: Instant) {
        self.handle_input(input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.poll_output()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.next_timeout()
    }
}
