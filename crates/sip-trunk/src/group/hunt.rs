//! One outgoing call, from its first trunk to the one that takes it.

use std::collections::VecDeque;
use std::time::Instant;

use super::cursor::{Considered, Cursor};
use super::verdict::{Attempt, Verdict, verdict};
use crate::Deadline;
use crate::endpoint::Failure;
use crate::msg::Message;
use crate::registration::Cause;
use crate::trunk::{CallOutcome, OutboundCall, Permit, Reason, TrunkId, Trunks};
use crate::ua::{self, SessionId, UserAgent};

/// A call that looks for a trunk: it places the call, watches it, and moves it to the next candidate until one answers, the
/// called party refuses, or none is left. Each attempt is a session of its own, with new branch and Call-ID; the conversation
/// stays the same.
#[derive(Debug)]
pub struct Hunt {
    calls: Calls,
    cursor: Cursor,
    trying: Option<Trying>,
    out: VecDeque<HuntEvent>,
}

/// What a hunt places on each trunk.
#[derive(Debug)]
pub enum Calls {
    /// The same on all of them.
    Same(Box<OutboundCall>),
    /// One written for each: trunks differ in how numbers are written, who is shown as the caller, and what is offered.
    Each(Vec<(TrunkId, OutboundCall)>),
}

impl From<OutboundCall> for Calls {
    fn from(call: OutboundCall) -> Self {
        Self::Same(Box::new(call))
    }
}

impl Calls {
    /// The call for a trunk, if one was written.
    fn on(&self, trunk: TrunkId) -> Option<&OutboundCall> {
        match self {
            Self::Same(call) => Some(call),
            Self::Each(calls) => calls.iter().find(|(of, _)| *of == trunk).map(|(_, call)| call),
        }
    }
}

#[derive(Debug)]
struct Trying {
    session: SessionId,
    permit: Permit,
    /// Until when the server has to say something.
    silent_until: Option<Instant>,
    /// Whether the called party was reached.
    rang: bool,
}

/// What a hunt tells its owner, in order.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "messages pass by in a queue")]
pub enum HuntEvent {
    /// An attempt began.
    Trying {
        /// The trunk.
        trunk: TrunkId,
        /// The session of this attempt.
        session: SessionId,
    },
    /// The called side made progress. Early media of an attempt before this one is over.
    Progressed {
        /// The session.
        session: SessionId,
        /// The 18x.
        message: Message,
    },
    /// The call is answered. The hunt is over; the permit is to be released when the session ends.
    Answered {
        /// The session.
        session: SessionId,
        /// The 2xx.
        message: Message,
        /// For the trunk that carries the call.
        permit: Permit,
    },
    /// Nobody took the call. The hunt is over.
    Failed {
        /// What to tell the caller: the last answer's status, 503 when no trunk could be tried.
        status: u16,
        /// The answer, if there was one.
        message: Option<Message>,
    },
}

impl Hunt {
    /// Places the call on the first candidate that takes it.
    pub fn start(
        calls: impl Into<Calls>,
        cursor: Cursor,
        trunks: &mut Trunks,
        ua: &mut UserAgent,
        now: Instant,
    ) -> Self {
        let mut hunt = Self { calls: calls.into(), cursor, trying: None, out: VecDeque::new() };
        hunt.advance(503, None, trunks, ua, now);
        hunt
    }

    /// The session of the attempt under way.
    pub fn session(&self) -> Option<SessionId> {
        self.trying.as_ref().map(|trying| trying.session)
    }

    /// The trunk of the attempt under way, where it has a place.
    pub fn trunk(&self) -> Option<TrunkId> {
        self.trying.as_ref().map(|trying| trying.permit.trunk())
    }

    /// Every candidate considered, and what became of it.
    pub fn explanation(&self) -> &[Considered] {
        self.cursor.considered()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<HuntEvent> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let until = self.trying.as_ref()?.silent_until?;
        Some(Deadline { at: until, why: "a server that says nothing" })
    }

    /// Moves on from a server that has said nothing.
    pub fn handle_timeout(&mut self, trunks: &mut Trunks, ua: &mut UserAgent, now: Instant) {
        let Some(trying) = &mut self.trying else { return };
        if trying.silent_until.is_none_or(|until| until > now) {
            return;
        }
        if ua.session(trying.session).is_some_and(|session| session.is_heard()) {
            trying.silent_until = None;
            return;
        }
        self.abandon(Attempt::Silent, Some(&Failure::Timeout), trunks, ua, now);
    }

    /// The caller gave up.
    pub fn withdraw(&mut self, trunks: &mut Trunks, ua: &mut UserAgent, now: Instant) {
        if let Some(trying) = self.trying.take() {
            // It may be over already; then there is nothing to hang up.
            let _ = ua.hang_up(trying.session, None, now);
            trunks.release(trying.permit);
            self.cursor.stopped(487);
            self.out.push_back(HuntEvent::Failed { status: 487, message: None });
        }
    }

    /// To be called when the health of a trunk has changed: a call that waits for an answer of one that has died moves on.
    pub fn health_changed(&mut self, trunks: &mut Trunks, ua: &mut UserAgent, now: Instant) {
        let Some(trying) = &self.trying else { return };
        let health = trunks.get(trying.permit.trunk()).map(|trunk| trunk.health());
        if health.and_then(|health| health.reason()).is_some_and(is_dead) {
            self.abandon(Attempt::Silent, None, trunks, ua, now);
        }
    }

    /// Takes an event of the user agent; whether it was about this call.
    pub fn handle_event(
        &mut self,
        event: &ua::Event,
        trunks: &mut Trunks,
        ua: &mut UserAgent,
        now: Instant,
    ) -> bool {
        let Some(trying) = &mut self.trying else { return false };
        let ours = trying.session;
        if let ua::Event::Progressed { session, message } = event
            && *session == ours
        {
            trying.silent_until = None;
            trying.rang |= message.status().is_some_and(|status| (180..=189).contains(&status));
            trunks.report(&trying.permit, CallOutcome::Response(message), ua, now);
            self.out.push_back(HuntEvent::Progressed { session: ours, message: message.clone() });
            return true;
        }
        if let ua::Event::Answered { session, message } = event
            && *session == ours
        {
            trunks.report(&trying.permit, CallOutcome::Response(message), ua, now);
            if let Some(Trying { permit, .. }) = self.trying.take() {
                self.out.push_back(HuntEvent::Answered { session: ours, message: message.clone(), permit });
            }
            return true;
        }
        if let ua::Event::Rejected { session, status, message, failure, unanswered } = event
            && *session == ours
        {
            if let Some(error) = unanswered {
                tracing::warn!(trunk = %trying.permit.trunk(), "challenge to a call not answered: {error}");
            }
            let attempt = match (message, failure) {
                (Some(message), _) => {
                    trunks.report(&trying.permit, CallOutcome::Response(message), ua, now);
                    Attempt::Response(message)
                }
                (None, Some(failure)) => {
                    trunks.report(&trying.permit, CallOutcome::Failure(failure), ua, now);
                    Attempt::Failure(failure)
                }
                (None, None) => Attempt::TimedOut { rang: trying.rang },
            };
            self.ended(attempt, *status, message.clone(), trunks, ua, now);
            return true;
        }
        if let ua::Event::Ended { session, .. } = event
            && *session == ours
        {
            // Somebody else hung up the session.
            self.ended(Attempt::Failure(&Failure::Withdrawn), 487, None, trunks, ua, now);
            return true;
        }
        false
    }

    /// Withdraws the attempt under way and tries the next candidate.
    fn abandon(
        &mut self,
        attempt: Attempt<'_>,
        failure: Option<&Failure>,
        trunks: &mut Trunks,
        ua: &mut UserAgent,
        now: Instant,
    ) {
        let Some(trying) = &self.trying else { return };
        // It may be over already; then there is nothing to hang up.
        let _ = ua.hang_up(trying.session, None, now);
        if let Some(failure) = failure {
            trunks.report(&trying.permit, CallOutcome::Failure(failure), ua, now);
        }
        self.ended(attempt, 408, None, trunks, ua, now);
    }

    fn ended(
        &mut self,
        attempt: Attempt<'_>,
        status: u16,
        message: Option<Message>,
        trunks: &mut Trunks,
        ua: &mut UserAgent,
        now: Instant,
    ) {
        let Some(Trying { permit, .. }) = self.trying.take() else { return };
        let judged = trunks.get(permit.trunk()).map(|trunk| verdict(attempt, &trunk.config().protocol.retry));
        trunks.release(permit);
        match judged {
            Some(Verdict::Stop(told)) => {
                self.cursor.stopped(told);
                self.out.push_back(HuntEvent::Failed { status: told, message });
            }
            Some(Verdict::MoveOn(why)) => {
                self.cursor.moved_on(why);
                self.advance(status, message, trunks, ua, now);
            }
            None => {
                self.cursor.moved_on("the trunk was removed");
                self.advance(status, message, trunks, ua, now);
            }
        }
    }

    fn advance(
        &mut self,
        status: u16,
        message: Option<Message>,
        trunks: &mut Trunks,
        ua: &mut UserAgent,
        now: Instant,
    ) {
        while let Some(permit) = self.cursor.next(trunks, now) {
            let call = self.calls.on(permit.trunk()).ok_or_else(|| "no call was written for it".to_owned());
            let placed =
                call.and_then(|call| trunks.invite(&permit, call).map_err(|error| error.to_string()));
            let placed = placed.and_then(|invite| ua.invite(invite, now).map_err(|error| error.to_string()));
            match placed {
                Ok(session) => {
                    let trunk = permit.trunk();
                    let patience = trunks.get(trunk).map(|trunk| trunk.config().silence_timeout);
                    let silent_until = patience.map(|patience| now + patience);
                    self.trying = Some(Trying { session, permit, silent_until, rang: false });
                    self.out.push_back(HuntEvent::Trying { trunk, session });
                    return;
                }
                Err(why) => {
                    self.cursor.moved_on(why);
                    trunks.release(permit);
                }
            }
        }
        self.out.push_back(HuntEvent::Failed { status, message });
    }
}

/// Whether calls on a trunk that is down for this reason have nobody to answer them any more.
fn is_dead(reason: &Reason) -> bool {
    match reason {
        Reason::Unreachable(_) => true,
        Reason::Unregistered(cause) => {
            matches!(
                cause,
                Cause::Silent { .. } | Cause::Unreachable { .. } | Cause::Tls(_) | Cause::FlowLost(_)
            )
        }
        Reason::Misconfigured(_)
        | Reason::OutOfService
        | Reason::Disabled(_)
        | Reason::RegistrationPending
        | Reason::Paused { .. } => false,
    }
}
