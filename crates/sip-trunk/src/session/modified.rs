//! Changes of a session that the peer asks for: re-INVITE, UPDATE and offers in PRACK (RFC 3261 §14.2, RFC 3311 §5.2,
//! RFC 6141), and our answers to all its offers.

use std::time::Instant;

use super::caller::supported;
use super::negotiation::{Negotiation, OfferBy, Verdict, describes_session};
use super::timer::{self, Expiry, Judgement};
use super::{Session, State};
use crate::Deadline;
use crate::dialog::first;
use crate::endpoint::Source;
use crate::header::CSeq;
use crate::msg::{HeaderName, Message};
use crate::transaction::ServerId;
use crate::transport::Path;
use crate::ua::command::{Body, Headers};
use crate::ua::event::{Event, Misuse};
use crate::ua::wire::{ALLOW, Wire, with_body, with_headers};

/// A re-INVITE, UPDATE or PRACK of the peer that waits for the user.
#[derive(Debug)]
pub(super) struct Asked {
    transaction: ServerId,
    request: Message,
    by: OfferBy,
    /// When it is refused unless the user answers.
    until: Option<Instant>,
}

impl Asked {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.until?, why: "refuse an offer the user leaves unanswered" })
    }
}

/// How many 2xx of ours may wait for their ACK at once: that of the INVITE and that of a re-INVITE (RFC 5407 §3.1.4).
const MOST_UNACKNOWLEDGED: usize = 2;

impl Session {
    /// Remembers a request until the user answers it.
    pub(super) fn ask(
        &mut self,
        transaction: ServerId,
        request: Message,
        by: OfferBy,
        wire: &Wire,
        now: Instant,
    ) {
        // RFC 3311 §5.2: UPDATE is answered promptly; RFC 4320 §4.2: nobody waits longer than 64 × T1. A re-INVITE may
        // have to ask somebody.
        let until = (by != OfferBy::Reinvite).then(|| now + wire.timing().lifetime() / 2);
        self.asked = Some(Box::new(Asked { transaction, request, by, until }));
    }

    /// The re-INVITE that waits for the user.
    pub(crate) fn asked_transaction(&self) -> Option<ServerId> {
        self.asked.as_ref().map(|asked| asked.transaction)
    }

    /// A re-INVITE.
    pub(crate) fn on_reinvite(
        &mut self,
        transaction: ServerId,
        message: Message,
        wire: &mut Wire,
        now: Instant,
    ) {
        let ours = self.modification.as_ref().is_some_and(|ours| ours.invite_under_way().is_some());
        let opening = matches!(self.state, State::Inviting | State::Early);
        let verdict = match self.negotiation().judge() {
            // RFC 3261 §14.2: ours is under way.
            Verdict::Take if ours => Verdict::Pending,
            // RFC 3261 §14.2: the one before has no final answer yet.
            Verdict::Take if opening || self.asked.is_some() => Verdict::Later,
            Verdict::Take if self.unacknowledged.len() >= MOST_UNACKNOWLEDGED => Verdict::Later,
            // RFC 3261 §14.2: one INVITE after the other also where the earlier one is our initial answer due.
            verdict @ (Verdict::Take | Verdict::Pending | Verdict::Later) => verdict,
        };
        if !self.admit(verdict, transaction, &message, wire, now) {
            return;
        }
        if describes_session(&message)
            && let Some(fork) = self.fork()
        {
            fork.negotiation.offered_again(OfferBy::Reinvite);
        }
        self.ask(transaction, message.clone(), OfferBy::Reinvite, wire, now);
        let session = self.id;
        self.tell(wire, Event::Offered { session, message, by: OfferBy::Reinvite });
    }

    /// An UPDATE.
    pub(crate) fn on_update(
        &mut self,
        transaction: ServerId,
        message: Message,
        source: &Source,
        wire: &mut Wire,
        now: Instant,
    ) {
        let offers = describes_session(&message);
        // RFC 3311 §5.2: only an offer can collide; an UPDATE that is not answered yet stands before everything.
        let verdict = match self.negotiation().judge() {
            _ if !offers => Verdict::Take,
            Verdict::Take if self.asked.is_some() => Verdict::Later,
            verdict @ (Verdict::Take | Verdict::Pending | Verdict::Later) => verdict,
        };
        if !self.admit(verdict, transaction, &message, wire, now) {
            return;
        }
        if !offers {
            return self.accept_change(transaction, &message, source.path, None, &Headers::new(), wire, now);
        }
        if let Some(fork) = self.fork() {
            fork.negotiation.offered_again(OfferBy::Update);
        }
        self.ask(transaction, message.clone(), OfferBy::Update, wire, now);
        let session = self.id;
        self.tell(wire, Event::Offered { session, message, by: OfferBy::Update });
    }

    /// Answers 491, 500 or 422 where one is due; returns whether the request may be looked at.
    fn admit(
        &mut self,
        verdict: Verdict,
        transaction: ServerId,
        message: &Message,
        wire: &mut Wire,
        now: Instant,
    ) -> bool {
        match verdict {
            Verdict::Pending => wire.reply(transaction, message, 491, now),
            Verdict::Later => wire.reply_later(transaction, message, now),
            Verdict::Take => {
                if let Judgement::TooSmall(min) = timer::judge(self.timer, message, self.expiry) {
                    let answer =
                        wire.draft_reply(message, 422, None).header(HeaderName::MinSe, min.to_string());
                    wire.respond(transaction, answer, now);
                    return false;
                }
                return true;
            }
        }
        false
    }

    /// Answers the offer of the peer, whatever it came in; in a 200 to a re-INVITE without offer this is our offer.
    pub(crate) fn answer_offer(
        &mut self,
        body: Option<Body>,
        headers: Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if let Some(asked) = self.asked.take() {
            let path = wire.endpoint.path_of(asked.transaction);
            let Some(path) = path else { return Err(Misuse::NoOffer) };
            self.accept_change(asked.transaction, &asked.request, path, body, &headers, wire, now);
            return Ok(());
        }
        match self.negotiation() {
            Negotiation::RemoteOffer(OfferBy::Provisional) => {
                let body = body.ok_or(Misuse::State("an answer without a description"))?;
                self.answer_in_prack(&body, wire, now);
            }
            Negotiation::RemoteOffer(OfferBy::Success) => {
                let body = body.ok_or(Misuse::State("an answer without a description"))?;
                self.acknowledge(Some(&body), wire, now);
                self.keep_description(Some(&body));
                if self.state == State::Accepted {
                    self.state = State::Confirmed;
                }
            }
            Negotiation::RemoteOffer(OfferBy::Invite) => {
                return Err(Misuse::State("anything but progress or answer for the offer of an INVITE"));
            }
            Negotiation::RemoteOffer(OfferBy::Reinvite | OfferBy::Update | OfferBy::Prack)
            | Negotiation::Fresh
            | Negotiation::LocalOffer
            | Negotiation::Settled => return Err(Misuse::NoOffer),
        }
        if let Some(fork) = self.fork() {
            fork.negotiation.sent();
        }
        Ok(())
    }

    /// Refuses the offer of a re-INVITE, UPDATE or PRACK; the session stays as it was (RFC 3261 §14.2).
    pub(crate) fn refuse_offer(
        &mut self,
        status: u16,
        headers: &Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let asked = self.asked.take().ok_or(Misuse::NoOffer)?;
        let answer = with_headers(wire.draft_reply(&asked.request, status, None), headers);
        wire.respond(asked.transaction, answer, now);
        self.forget_remote_offer();
        Ok(())
    }

    /// The peer withdraws its re-INVITE (RFC 3261 §9.2).
    pub(super) fn withdraw_offer(&mut self, wire: &mut Wire, now: Instant) {
        let withdrawn = self.asked.take_if(|asked| asked.by == OfferBy::Reinvite);
        let Some(asked) = withdrawn else { return };
        wire.reply(asked.transaction, &asked.request, 487, now);
        self.forget_remote_offer();
        let session = self.id;
        self.tell(wire, Event::OfferWithdrawn { session });
    }

    /// The user has left an UPDATE or PRACK unanswered for too long.
    pub(super) fn asked_timeout(&mut self, wire: &mut Wire, now: Instant) {
        let overdue = self.asked.take_if(|asked| asked.until.is_some_and(|at| at <= now));
        let Some(asked) = overdue else { return };
        wire.reply(asked.transaction, &asked.request, 504, now);
        self.forget_remote_offer();
        let session = self.id;
        self.tell(wire, Event::OfferWithdrawn { session });
    }

    /// The session ends while a request of the peer waits for the user.
    pub(super) fn refuse_asked(&mut self, wire: &mut Wire, now: Instant) {
        if let Some(asked) = self.asked.take() {
            wire.reply(asked.transaction, &asked.request, 487, now);
        }
    }

    fn forget_remote_offer(&mut self) {
        if let Some(fork) = self.fork()
            && matches!(fork.negotiation, Negotiation::RemoteOffer(_))
        {
            fork.negotiation = Negotiation::Settled;
        }
    }

    /// Sends the 200 to a re-INVITE, UPDATE or PRACK.
    #[allow(clippy::too_many_arguments, reason = "the parts of one answer")]
    fn accept_change(
        &mut self,
        transaction: ServerId,
        request: &Message,
        path: Path,
        body: Option<Body>,
        headers: &Headers,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(cseq) = first::<CSeq<'_>>(request, HeaderName::CSeq) else { return };
        let prack = cseq.method == crate::msg::Method::Prack;
        let mut draft = wire.draft_reply(request, 200, None);
        if !prack {
            self.peer.learn(request);
            if let Some(fork) = self.fork() {
                // RFC 6141 §3.2: the peer's new contact counts from our 2xx on.
                fork.dialog.refresh_target(request);
            }
            draft = wire.contact(draft, path, &self.contact).header(HeaderName::Allow, ALLOW);
            draft = draft.header(HeaderName::Supported, supported(self.timer, wire.config.reliable));
            draft = self.agree_as_callee(request, draft, now);
        }
        draft = with_body(with_headers(draft, headers), body.as_ref());
        if body.is_some()
            && let Some(fork) = self.fork()
        {
            match fork.negotiation {
                // A re-INVITE without offer is answered with ours.
                Negotiation::Settled | Negotiation::Fresh => fork.negotiation = Negotiation::LocalOffer,
                Negotiation::RemoteOffer(_) | Negotiation::LocalOffer => fork.negotiation.sent(),
            }
        } else {
            self.forget_remote_offer();
        }
        self.keep_description(body.as_ref());
        if cseq.method == crate::msg::Method::Invite {
            self.repeat_success(transaction, cseq.number, draft, wire, now);
        } else {
            wire.respond(transaction, draft, now);
        }
    }

    /// Agrees on the session timer in a 2xx of ours to a re-INVITE or UPDATE of a confirmed session.
    fn agree_as_callee(
        &mut self,
        request: &Message,
        draft: crate::msg::Draft,
        now: Instant,
    ) -> crate::msg::Draft {
        let confirmed = matches!(self.state, State::Accepted | State::Confirmed);
        if !confirmed {
            return draft;
        }
        match timer::judge(self.timer, request, self.expiry) {
            Judgement::Agreed { header, require } => {
                self.expiry = Some(Expiry::agreed(header, false, now));
                let draft = draft.header(HeaderName::SessionExpires, header.to_string());
                if require { draft.header(HeaderName::Require, "timer") } else { draft }
            }
            Judgement::None | Judgement::TooSmall(_) => draft,
        }
    }
}
