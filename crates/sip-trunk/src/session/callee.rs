//! The callee's side of the INVITE that opens a session (RFC 3261 §13.3, §9.2; RFC 3262 §3; RFC 4028 §9).

use std::time::Instant;

use super::backoff::{Backoff, Due};
use super::caller::supported;
use super::fork::Fork;
use super::negotiation::{Negotiation, OfferBy, Received, describes_session};
use super::provisional::Provisionals;
use super::timer::{self, Judgement};
use super::{Role, Session, SessionId, State, supports};
use crate::Deadline;
use crate::dialog::{Dialog, DialogFault, first};
use crate::endpoint::Source;
use crate::header::{CSeq, Require, SessionExpires};
use crate::msg::{Draft, HeaderName, Message};
use crate::transaction::ServerId;
use crate::transport::Path;
use crate::ua::command::{Answer, Headers, Progress, Rejection, Reliable};
use crate::ua::event::{EndCause, Event, Misuse};
use crate::ua::wire::{ALLOW, Wire, with_body, with_headers};

/// An INVITE of a peer without final answer.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) transaction: ServerId,
    invite: Message,
    pub(super) cseq: u32,
    path: Path,
    /// What our 2xx says about the session timer, and whether it requires the caller to know timers.
    timer: Option<(SessionExpires, bool)>,
    /// The caller requires reliable provisional answers.
    requires_reliable: bool,
    pub(super) provisionals: Provisionals,
    /// The 2xx, while a description of ours in a provisional answer is unacknowledged.
    pub(super) held: Option<Answer>,
}

impl Called {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.provisionals.deadline()?;
        Some(Deadline { at, why: "repeat a reliable provisional answer until its PRACK arrives" })
    }
}

/// A 2xx of ours to INVITE, until its ACK arrives.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    transaction: ServerId,
    cseq: u32,
    answer: Draft,
    pub(super) backoff: Backoff,
}

/// Why a call is refused before the user hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unacceptable {
    Dialog(DialogFault),
    /// 422 with this Min-SE.
    Interval(u32),
}

impl Session {
    /// Takes a call.
    pub(crate) fn accept(
        id: SessionId,
        transaction: ServerId,
        invite: &Message,
        source: &Source,
        wire: &mut Wire,
    ) -> Result<Self, Unacceptable> {
        let tag = wire.tokens.token();
        let dialog = Dialog::of_request(invite, &tag).map_err(Unacceptable::Dialog)?;
        let cseq = first::<CSeq<'_>>(invite, HeaderName::CSeq).map(|cseq| cseq.number).unwrap_or_default();
        let timer = match timer::judge(wire.config.session_timer, invite, None) {
            Judgement::TooSmall(min) => return Err(Unacceptable::Interval(min)),
            Judgement::None => None,
            Judgement::Agreed { header, require } => Some((header, require)),
        };
        let mut session =
            Self::new(id, Role::Callee, dialog.call_id().into(), tag.into(), wire.config.contact.clone());
        session.timer = wire.config.session_timer;
        session.peer.learn(invite);
        session.peer.address = Some(source.remote.ip());
        let mut negotiation = Negotiation::Fresh;
        if describes_session(invite) {
            negotiation.received(OfferBy::Invite);
        }
        session.forks.push(Fork::new(dialog, negotiation, source, false));
        session.called = Some(Box::new(Called {
            transaction,
            invite: invite.clone(),
            cseq,
            path: source.path,
            timer,
            requires_reliable: invite.all::<Require<'_>>().filter_map(Result::ok).any(|tag| tag.is("100rel")),
            provisionals: Provisionals::new(wire.tokens.below(0x7fff_fffe)),
            held: None,
        }));
        Ok(session)
    }

    /// The INVITE transaction, while it has no final answer.
    pub(crate) fn invite_transaction(&self) -> Option<ServerId> {
        self.called.as_ref().map(|called| called.transaction)
    }

    /// Sends a provisional answer.
    pub(crate) fn progress(
        &mut self,
        progress: Progress,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        let status = if progress.status == 0 { 180 } else { progress.status };
        if !(101..200).contains(&status) {
            return Err(Misuse::Status(status));
        }
        if progress.body.is_some() {
            self.may_describe()?;
        }
        let called = self.called.as_ref().ok_or(Misuse::State("a provisional answer"))?;
        if called.held.is_some() {
            return Err(Misuse::State("a provisional answer after the final one"));
        }
        let reliable = called.requires_reliable
            || (wire.config.reliable_answers() && supports(&called.invite, "100rel"));
        if reliable && called.provisionals.waiting() >= wire.config.limits.provisionals {
            return Err(Misuse::TooMany("provisional answers"));
        }
        let (transaction, path) = (called.transaction, called.path);
        let mut answer = self.dialog_answer(&called.invite, status, path, &progress.headers, wire);
        if reliable {
            answer = answer.header(HeaderName::Require, "100rel");
        }
        answer = with_body(answer, progress.body.as_ref());
        // What cannot be written must not be counted as sent.
        answer.clone().finish()?;
        self.state = State::Early;
        let describes = progress.body.is_some();
        if reliable {
            if describes && let Some(fork) = self.fork() {
                fork.negotiation.sent();
            }
            let timing = wire.timing();
            let now_due = self
                .called
                .as_mut()
                .and_then(|called| called.provisionals.push(answer, describes, &timing, now));
            if let Some(answer) = now_due {
                wire.respond(transaction, answer, now);
            }
        } else {
            wire.respond(transaction, answer, now);
        }
        Ok(())
    }

    /// Sends the 2xx, as soon as RFC 3262 allows.
    pub(crate) fn answer(&mut self, answer: Answer, wire: &mut Wire, now: Instant) -> Result<(), Misuse> {
        let called = self.called.as_mut().ok_or(Misuse::State("an answer"))?;
        if called.held.is_some() {
            return Err(Misuse::State("a second answer"));
        }
        // What cannot be written must not end the wait for an answer.
        with_body(with_headers(Draft::response(200), &answer.headers), answer.body.as_ref()).finish()?;
        // RFC 3262 §3: a description under way in a provisional answer holds the 2xx back.
        if called.provisionals.holds_description() {
            called.held = Some(answer);
        } else {
            self.send_success(answer, wire, now);
        }
        Ok(())
    }

    pub(super) fn send_success(&mut self, answer: Answer, wire: &mut Wire, now: Instant) {
        let Some(called) = self.called.take() else { return };
        self.late_prack = called.provisionals.awaited().map(|rseq| (called.cseq, rseq));
        let mut draft = self.dialog_answer(&called.invite, 200, called.path, &answer.headers, wire);
        if let Some((header, require)) = called.timer {
            draft = draft.header(HeaderName::SessionExpires, header.to_string());
            if require {
                draft = draft.header(HeaderName::Require, "timer");
            }
            self.expiry = Some(timer::Expiry::agreed(header, false, now));
        }
        let draft = with_body(draft, answer.body.as_ref());
        if answer.body.is_some()
            && let Some(fork) = self.fork()
        {
            fork.negotiation.sent();
        }
        self.keep_description(answer.body.as_ref());
        self.state = State::Accepted;
        self.repeat_success(called.transaction, called.cseq, draft, wire, now);
    }

    /// Sends a 2xx to INVITE or re-INVITE, and again until its ACK arrives.
    pub(super) fn repeat_success(
        &mut self,
        transaction: ServerId,
        cseq: u32,
        answer: Draft,
        wire: &mut Wire,
        now: Instant,
    ) {
        wire.respond(transaction, answer.clone(), now);
        let backoff = Backoff::success(&wire.timing(), now);
        self.unacknowledged.push(Unacknowledged { transaction, cseq, answer, backoff });
    }

    /// Rejects the call.
    pub(crate) fn reject(
        &mut self,
        rejection: Rejection,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        let status = rejection.status;
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let called = self.called.as_ref().ok_or(Misuse::State("a rejection"))?;
        let mut answer = match &rejection.reason {
            Some(reason) => Draft::reply_saying(&called.invite, status, reason, &self.local_tag),
            None => Draft::reply_to(&called.invite, status, &self.local_tag),
        };
        answer = wire.product(answer, HeaderName::Server);
        if let Some(after) = rejection.retry_after {
            answer = answer.header(HeaderName::RetryAfter, after.as_secs().to_string());
        }
        answer = with_headers(answer, &rejection.headers);
        answer.clone().finish()?;
        wire.respond(called.transaction, answer, now);
        self.called = None;
        self.state = State::Terminated;
        self.tell_end(EndCause::Rejected(status), wire);
        Ok(())
    }

    /// The caller withdraws the call (RFC 3261 §9.2). The CANCEL itself is answered by the agent.
    pub(crate) fn on_cancel(&mut self, cancel: Message, wire: &mut Wire, now: Instant) {
        if self.refuse_invite(487, wire, now) {
            self.state = State::Terminated;
            self.tell_end(EndCause::Cancelled(cancel), wire);
        } else {
            self.withdraw_offer(wire, now);
        }
    }

    /// Refuses the INVITE if it has no final answer yet.
    pub(super) fn refuse_invite(&mut self, status: u16, wire: &mut Wire, now: Instant) -> bool {
        let Some(called) = self.called.take() else { return false };
        let answer = wire.draft_reply(&called.invite, status, Some(&self.local_tag));
        wire.respond(called.transaction, answer, now);
        true
    }

    /// An ACK: of a 2xx to INVITE or re-INVITE.
    pub(crate) fn on_ack(&mut self, message: Message, wire: &mut Wire, now: Instant) {
        let Some(cseq) = first::<CSeq<'_>>(&message, HeaderName::CSeq).map(|cseq| cseq.number) else {
            return;
        };
        let Some(at) = self.unacknowledged.iter().position(|answer| answer.cseq == cseq) else { return };
        self.unacknowledged.remove(at);
        self.unacknowledged.shrink_to_fit();
        if self.state == State::Terminated {
            // RFC 5407 §3.2.4: the session is over, an answer in the ACK means nothing.
            return self.continue_ending(wire, now);
        }
        let received = match self.fork() {
            Some(fork) if fork.negotiation == Negotiation::LocalOffer => {
                // RFC 3261 §13.2.2.4: an ACK that owes us an answer and has none leaves nothing to wait for.
                fork.negotiation = Negotiation::Settled;
                if describes_session(&message) { Received::Answer } else { Received::Repeat }
            }
            Some(_) | None => Received::Repeat,
        };
        let session = self.id;
        if self.state == State::Accepted {
            self.state = State::Confirmed;
            self.tell(wire, Event::Confirmed { session, message });
        } else if received == Received::Answer {
            self.tell(wire, Event::OfferAnswered { session, message });
        }
    }

    /// Repeats what is unacknowledged.
    pub(super) fn answers_timeout(&mut self, wire: &mut Wire, now: Instant) {
        if let Some(called) = self.called.as_mut() {
            let (due, repeat) = called.provisionals.due(now);
            let transaction = called.transaction;
            match (due, repeat) {
                (Due::Repeat, Some(answer)) => {
                    wire.respond(transaction, answer, now);
                }
                (Due::GiveUp, _) => {
                    // RFC 3262 §3: without a PRACK in 64 × T1 the call is rejected with a 5xx.
                    self.refuse_invite(504, wire, now);
                    self.state = State::Terminated;
                    self.tell_end(EndCause::ProvisionalNotAcknowledged, wire);
                }
                (Due::Nothing | Due::Repeat, _) => {}
            }
        }
        let mut given_up = false;
        for answer in &mut self.unacknowledged {
            match answer.backoff.due(now) {
                Due::Nothing => {}
                Due::Repeat => {
                    wire.respond(answer.transaction, answer.answer.clone(), now);
                }
                Due::GiveUp => given_up = true,
            }
        }
        if given_up {
            // RFC 3261 §13.3.1.4: without an ACK in 64 × T1 the session is ended with BYE.
            self.unacknowledged.clear();
            self.end(EndCause::NotAcknowledged, wire, now);
        }
    }

    /// An answer that opens or confirms the dialog (RFC 3261 §12.1.1).
    fn dialog_answer(
        &self,
        invite: &Message,
        status: u16,
        path: Path,
        headers: &Headers,
        wire: &mut Wire,
    ) -> Draft {
        let draft = wire.draft_reply(invite, status, Some(&self.local_tag));
        let draft = wire.contact(draft.copy(invite, HeaderName::RecordRoute), path, &self.contact);
        let draft = draft
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, supported(self.timer, wire.config.reliable));
        with_headers(draft, headers)
    }
}

impl crate::ua::UaConfig {
    /// Whether provisional answers of ours are sent reliably where the caller merely supports that.
    fn reliable_answers(&self) -> bool {
        match self.reliable {
            Reliable::Never | Reliable::WhenRequired => false,
            Reliable::WhenSupported | Reliable::Always => true,
        }
    }
}
