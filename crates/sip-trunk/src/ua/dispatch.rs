//! From what the endpoint reports to the session, subscription or user it concerns.

use std::time::Instant;

use super::event::Event;
use super::wire::{Owner, Purpose};
use super::{UserAgent, replaces};
use crate::auth::AnswerError;
use crate::dialog::first;
use crate::endpoint::{self, Failure, RequestId, Source};
use crate::header::{self, CSeq, From, Require, To};
use crate::msg::{HeaderName, Message, Method};
use crate::session::{Session, SessionId, Unacceptable};
use crate::subscription::{Side, Subscription, SubscriptionId};
use crate::transaction::ServerId;

/// Extensions handled by this agent.
const EXTENSIONS: [&str; 4] = ["100rel", "timer", "replaces", "norefersub"];

impl UserAgent {
    pub(super) fn on_event(&mut self, event: endpoint::Event, now: Instant) {
        match event {
            endpoint::Event::Request { transaction, cancels, message, source } => {
                self.on_request(transaction, cancels, message, source, now);
            }
            endpoint::Event::Response { request, message, source } => {
                self.on_response(request, message, source, now);
            }
            endpoint::Event::StrayResponse { message, source } => self.on_stray(message, &source, now),
            endpoint::Event::Failed { request, failure } => self.on_failure(request, failure, now),
            // The session was over when its final answer was sent.
            endpoint::Event::Unacknowledged { .. } => {}
            endpoint::Event::FlowOpened { source } => self.wire.event(Event::FlowOpened { source }),
            endpoint::Event::FlowLost { source, cause } => self.wire.event(Event::FlowLost { source, cause }),
            endpoint::Event::PublicAddress { listener, address } => {
                self.wire.event(Event::PublicAddress { listener, address });
            }
            endpoint::Event::HandshakeFailed { remote, listener, cause } => {
                self.wire.event(Event::HandshakeFailed { remote, listener, cause });
            }
            endpoint::Event::Rejected { source, diagnostics, answered } => {
                self.wire.event(Event::Malformed { source, diagnostics, answered });
            }
            endpoint::Event::Throttled { source } => self.wire.event(Event::Throttled { source }),
            endpoint::Event::Refused { source, message } => {
                self.wire.event(Event::Refused { source, message })
            }
        }
    }

    fn on_request(
        &mut self,
        transaction: Option<ServerId>,
        cancels: Option<ServerId>,
        message: Message,
        source: Source,
        now: Instant,
    ) {
        let Some(method) = message.method().map(Method::into_owned) else { return };
        let Some(transaction) = transaction else {
            // An ACK of nothing we know is answered by nothing.
            if let Some(id) = self.session_of(&message) {
                self.on_session(id, |session, wire| session.on_request(None, message, &source, wire, now));
            }
            return;
        };
        match method {
            Method::Cancel => self.on_cancel(transaction, cancels, message, now),
            // A registrar looks at no tags.
            Method::Register => self.wire.event(Event::Request { transaction, message, source }),
            _ if self.refuse_extensions(transaction, &message, now) => {}
            _ if is_inside_dialog(&message) => self.on_inside(transaction, &method, message, &source, now),
            Method::Invite => self.on_invite(transaction, message, source, now),
            Method::Subscribe => self.on_subscribe(transaction, message, source, now),
            // These exist inside dialogs only.
            Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify => {
                self.wire.reply(transaction, &message, 481, now);
            }
            Method::Ack
            | Method::Message
            | Method::Options
            | Method::Publish
            | Method::Refer
            | Method::Other(_) => self.wire.event(Event::Request { transaction, message, source }),
        }
    }

    /// Answers 420 to a request that requires what nobody here understands (RFC 3261 §8.2.2.3); returns whether it did.
    fn refuse_extensions(&mut self, transaction: ServerId, message: &Message, now: Instant) -> bool {
        let config = &self.wire.config;
        let known = |tag: &str| {
            let ours = EXTENSIONS.iter().any(|known| tag.eq_ignore_ascii_case(known));
            let off = config.reliable == super::Reliable::Never && tag.eq_ignore_ascii_case("100rel");
            (ours && !off) || config.extensions.iter().any(|known| tag.eq_ignore_ascii_case(known))
        };
        let required = message.all::<Require<'_>>().filter_map(Result::ok);
        let unknown: Vec<_> = required.filter(|tag| !known(tag.0)).map(|tag| tag.0).collect();
        if unknown.is_empty() {
            return false;
        }
        let answer = self.wire.draft_reply(message, 420, None);
        let answer = answer.header(HeaderName::Unsupported, unknown.join(", "));
        self.wire.respond(transaction, answer, now);
        true
    }

    /// A request inside a dialog.
    fn on_inside(
        &mut self,
        transaction: ServerId,
        method: &Method<'_>,
        message: Message,
        source: &Source,
        now: Instant,
    ) {
        if let Some(id) = self.session_of(&message) {
            return self.on_session(id, |session, wire| {
                session.on_request(Some(transaction), message, source, wire, now);
            });
        }
        let to = first::<To<'_>>(&message, HeaderName::To).and_then(|to| to.tag());
        let slot = to.zip(call_id(&message)).and_then(|(tag, call)| self.subscriptions.find(call, tag));
        let side = slot.and_then(|slot| self.subscriptions.get(slot)).map(Subscription::side);
        match (slot, side, method) {
            (Some(slot), Some(Side::Subscriber), Method::Notify) => {
                self.on_subscription(SubscriptionId(slot), |subscription, wire| {
                    subscription.on_notify(transaction, message, source, wire, now);
                });
            }
            (Some(slot), Some(Side::Notifier), Method::Subscribe) => {
                let longest = self.wire.config.longest_subscription();
                self.on_subscription(SubscriptionId(slot), |subscription, wire| {
                    subscription.on_subscribe(transaction, message, longest, wire, now);
                });
            }
            // RFC 3261 §12.2.2: a dialog nobody here knows.
            (_, _, _) => self.wire.reply(transaction, &message, 481, now),
        }
    }

    /// A SUBSCRIBE outside any dialog.
    fn on_subscribe(&mut self, transaction: ServerId, message: Message, source: Source, now: Instant) {
        if message.typed::<header::Event<'_>>().is_none_or(|event| event.is_err()) {
            // RFC 6665 §8.2.1: the package must be named.
            return self.wire.reply(transaction, &message, 489, now);
        }
        if self.subscriptions.len() >= self.wire.config.limits.subscriptions {
            return self.refuse_for_room(transaction, message, source, now);
        }
        let id = SubscriptionId(self.subscriptions.next_slot());
        match Subscription::asked(id, transaction, &message, &source, &mut self.wire, now) {
            Ok(subscription) => {
                self.subscriptions.insert(subscription);
                self.wire.event(Event::Subscribed { subscription: id, message, source });
            }
            Err(_) => self.wire.reply(transaction, &message, 400, now),
        }
    }

    /// ES-19: a table is full; the peer is told when to try again.
    fn refuse_for_room(&mut self, transaction: ServerId, message: Message, source: Source, now: Instant) {
        let after = self.wire.config.limits.retry_after.as_secs().to_string();
        let answer = self.wire.draft_reply(&message, 503, None).header(HeaderName::RetryAfter, after);
        self.wire.respond(transaction, answer, now);
        self.wire.event(Event::Refused { source, message });
    }

    /// RFC 3261 §9.2.
    fn on_cancel(
        &mut self,
        transaction: ServerId,
        cancels: Option<ServerId>,
        message: Message,
        now: Instant,
    ) {
        let Some(cancelled) = cancels else { return self.wire.reply(transaction, &message, 481, now) };
        self.wire.reply(transaction, &message, 200, now);
        if let Some(id) = self.sessions.by_invite(cancelled) {
            self.on_session(id, |session, wire| session.on_cancel(message, wire, now));
        }
    }

    /// An INVITE outside any dialog.
    fn on_invite(&mut self, transaction: ServerId, message: Message, source: Source, now: Instant) {
        if self.sessions.is_full(self.wire.config.limits.sessions) {
            return self.refuse_for_room(transaction, message, source, now);
        }
        let replaces = match replaces::replaced(&message, &self.sessions) {
            Ok(replaces) => replaces,
            Err(status) => return self.wire.reply(transaction, &message, status, now),
        };
        let id = self.sessions.next_id();
        match Session::accept(id, transaction, &message, &source, &mut self.wire) {
            Ok(session) => {
                let session = self.sessions.insert(session);
                self.wire.event(Event::Incoming { session, message, source, replaces });
            }
            Err(Unacceptable::Interval(min)) => {
                // RFC 4028 §6.
                let answer = self.wire.draft_reply(&message, 422, None);
                self.wire.respond(transaction, answer.header(HeaderName::MinSe, min.to_string()), now);
            }
            Err(Unacceptable::Dialog(_)) => self.wire.reply(transaction, &message, 400, now),
        }
    }

    fn on_response(&mut self, request: RequestId, message: Message, source: Source, now: Instant) {
        let status = message.status().unwrap_or_default();
        if status < 200 {
            return self.on_provisional(request, message, source, now);
        }
        let Some(mut pending) = self.wire.requests.take(request) else {
            // A 2xx after the first one.
            return self.on_stray(message, &source, now);
        };
        let mut unanswered = None;
        if matches!(status, 401 | 407) && pending.credentials.is_some() {
            match self.repeat_with_credentials(&mut pending, &message, &source, now) {
                Ok(current) => return self.wire.requests.insert(current, pending),
                Err(why) => unanswered = Some(why),
            }
        }
        let request = pending.name;
        match pending.owner {
            Owner::Session(id, purpose) => {
                let (auth, cseq) = (pending.auth, pending.cseq);
                debug_assert!(cseq > 0);
                self.on_session(id, |session, wire| match purpose {
                    Purpose::Invite if status < 300 => {
                        session.on_invite_success(message, &source, auth, wire, now);
                    }
                    Purpose::Invite => {
                        session.on_invite_failure(status, Some(message), None, unanswered, wire, now);
                    }
                    Purpose::Modify => session.on_modify_answer(status, Some(message), auth, wire, now),
                    Purpose::Prack
                    | Purpose::Bye
                    | Purpose::Refer(_)
                    | Purpose::Notify(_)
                    | Purpose::User => session.on_answer(purpose, request, status, Some(message), wire, now),
                });
            }
            Owner::Subscription(id) => {
                self.on_subscription_answer(id, status, Some(message), Some(&source), now)
            }
            Owner::Nobody => {}
            Owner::User => self.wire.event(Event::Response { request, message, source, unanswered }),
        }
    }

    fn on_provisional(&mut self, request: RequestId, message: Message, source: Source, now: Instant) {
        let Some(pending) = self.wire.requests.get(request) else { return };
        let name = pending.name;
        match pending.owner {
            Owner::Session(id, Purpose::Invite) => self.on_session(id, |session, wire| {
                session.on_invite_progress(message, &source, wire, now);
            }),
            Owner::Session(..) | Owner::Subscription(_) | Owner::Nobody => {}
            Owner::User => {
                self.wire.event(Event::Response { request: name, message, source, unanswered: None });
            }
        }
    }

    /// A request got no final answer: RFC 3261 §8.1.3.1 reads that as 408 or 503.
    fn on_failure(&mut self, request: RequestId, failure: Failure, now: Instant) {
        let Some(pending) = self.wire.requests.take(request) else { return };
        let status = if failure == Failure::Timeout { 408 } else { 503 };
        let request = pending.name;
        match pending.owner {
            Owner::Session(id, purpose) => self.on_session(id, |session, wire| match purpose {
                Purpose::Invite => {
                    session.on_invite_failure(status, None, Some(failure), None, wire, now);
                }
                Purpose::Modify => session.on_modify_answer(status, None, Vec::new(), wire, now),
                Purpose::Prack | Purpose::Bye | Purpose::Refer(_) | Purpose::Notify(_) | Purpose::User => {
                    session.on_answer(purpose, request, status, None, wire, now)
                }
            }),
            Owner::Subscription(id) => self.on_subscription_answer(id, status, None, None, now),
            Owner::Nobody => {}
            Owner::User => self.wire.event(Event::Failed { request, failure }),
        }
    }

    /// A final answer to a SUBSCRIBE or NOTIFY of ours, or none.
    fn on_subscription_answer(
        &mut self,
        id: SubscriptionId,
        status: u16,
        message: Option<Message>,
        source: Option<&Source>,
        now: Instant,
    ) {
        self.on_subscription(id, |subscription, wire| match subscription.side() {
            Side::Subscriber => subscription.on_subscribe_answer(status, message, source, wire, now),
            Side::Notifier => subscription.on_notify_answer(status, message, wire, now),
        });
    }

    /// An answer that belongs to no request any more: a repeated or forked 2xx to INVITE, or nothing.
    fn on_stray(&mut self, message: Message, source: &Source, now: Instant) {
        let is_success = message.status().is_some_and(|status| (200..300).contains(&status));
        let cseq = first::<CSeq<'_>>(&message, HeaderName::CSeq);
        if !is_success || cseq.is_none_or(|cseq| cseq.method != Method::Invite) {
            return;
        }
        let from = first::<From<'_>>(&message, HeaderName::From).and_then(|from| from.tag());
        let id = from.zip(call_id(&message)).and_then(|(tag, call)| self.sessions.find(call, tag));
        if let Some(id) = id {
            self.on_session(id, |session, wire| {
                session.on_invite_success(message, source, Vec::new(), wire, now);
            });
        }
    }

    /// Repeats a challenged request; gives back its new id.
    fn repeat_with_credentials(
        &mut self,
        pending: &mut super::wire::Pending,
        challenge: &Message,
        source: &Source,
        now: Instant,
    ) -> Result<RequestId, AnswerError> {
        let auth = self.wire.credentials.answer(challenge, pending)?;
        let cseq = match pending.owner {
            Owner::Session(id, purpose) => {
                let session = self.sessions.get_mut(id);
                session.and_then(|session| session.repeat_number(purpose, challenge, source))
            }
            Owner::Subscription(id) => self.subscriptions.get_mut(id.0).and_then(Subscription::repeat_number),
            Owner::User | Owner::Nobody => Some(pending.cseq + 1),
        };
        let from = source.remote.ip().to_string();
        let configured = self.wire.credentials.peer(pending.credentials);
        let cseq = cseq.ok_or(AnswerError::ForeignPeer { from, configured })?;
        let outgoing = pending.template.outgoing(cseq, &auth);
        let request = self.wire.endpoint.request(outgoing, now).map_err(|_| AnswerError::TooManyAttempts)?;
        (pending.auth, pending.cseq) = (auth, cseq);
        Ok(request)
    }

    /// The session of a request of a peer.
    fn session_of(&self, message: &Message) -> Option<SessionId> {
        let to = first::<To<'_>>(message, HeaderName::To)?;
        self.sessions.find(call_id(message)?, to.tag()?)
    }
}

fn is_inside_dialog(message: &Message) -> bool {
    first::<To<'_>>(message, HeaderName::To).is_some_and(|to| to.tag().is_some())
}

fn call_id(message: &Message) -> Option<&str> {
    std::str::from_utf8(message.header(HeaderName::CallId)?.trim_ascii()).ok()
}
