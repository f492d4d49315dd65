//! Reliable provisional answers and PRACK (RFC 3262), both sides.

use std::collections::VecDeque;
use std::time::Instant;

use super::Session;
use super::backoff::{Backoff, Due};
use super::negotiation::{Negotiation, OfferBy, Received, describes_session};
use crate::dialog::first;
use crate::header::{CSeq, RAck, RSeq, Require};
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::transaction::{ServerId, Timing};
use crate::ua::command::Body;
use crate::ua::event::{Event, Misuse};
use crate::ua::wire::{Owner, Purpose, Template, Wire, with_body};

/// Reliable provisional answers of ours to one INVITE. One at a time is on its way, the others wait.
#[derive(Debug)]
pub(super) struct Provisionals {
    /// RSeq of the last one sent.
    rseq: u32,
    outstanding: Option<Outstanding>,
    queue: VecDeque<(Draft, bool)>,
}

/// The one whose PRACK is due.
#[derive(Debug)]
struct Outstanding {
    answer: Draft,
    describes: bool,
    backoff: Backoff,
}

impl Provisionals {
    /// `first` is the RSeq before the first one, 0 to 2³¹ − 2 (RFC 3262 §3).
    pub(super) fn new(first: u32) -> Self {
        Self { rseq: first, outstanding: None, queue: VecDeque::new() }
    }

    /// Takes an answer; returns what is to be sent now.
    pub(super) fn push(
        &mut self,
        answer: Draft,
        describes: bool,
        timing: &Timing,
        now: Instant,
    ) -> Option<Draft> {
        self.queue.push_back((answer, describes));
        self.advance(timing, now)
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether a description of ours is not known to have arrived: the 2xx has to wait (RFC 3262 §3).
    pub(super) fn holds_description(&self) -> bool {
        self.outstanding.as_ref().is_some_and(|outstanding| outstanding.describes)
            || self.queue.iter().any(|(_, describes)| *describes)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.outstanding.as_ref().map(|outstanding| outstanding.backoff.deadline())
    }

    pub(super) fn due(&mut self, now: Instant) -> (Due, Option<Draft>) {
        let Some(outstanding) = self.outstanding.as_mut() else { return (Due::Nothing, None) };
        let due = outstanding.backoff.due(now);
        (due, (due == Due::Repeat).then(|| outstanding.answer.clone()))
    }

    /// A PRACK names this RSeq; `false` when it is not the one outstanding.
    fn acknowledged(&mut self, rseq: u32) -> bool {
        self.outstanding.is_some() && rseq == self.rseq && self.outstanding.take().is_some()
    }

    /// The RSeq whose PRACK is still on its way.
    pub(super) fn awaited(&self) -> Option<u32> {
        self.outstanding.as_ref().map(|_| self.rseq)
    }

    /// Sends the next one unless one is outstanding.
    fn advance(&mut self, timing: &Timing, now: Instant) -> Option<Draft> {
        if self.outstanding.is_some() {
            return None;
        }
        let (answer, describes) = self.queue.pop_front()?;
        // RFC 3262 §3: each one's number is one above the last.
        self.rseq += 1;
        let answer = answer.header(HeaderName::RSeq, self.rseq.to_string());
        let backoff = Backoff::provisional(timing, now);
        self.outstanding = Some(Outstanding { answer: answer.clone(), describes, backoff });
        Some(answer)
    }
}

impl Session {
    /// Caller: looks at a provisional answer in the dialog at `at`; returns whether the user should see it.
    pub(super) fn take_provisional(
        &mut self,
        at: usize,
        message: &Message,
        wire: &mut Wire,
        now: Instant,
    ) -> bool {
        let required = message.all::<Require<'_>>().filter_map(Result::ok).any(|tag| tag.is("100rel"));
        let rseq = message.typed::<RSeq>().and_then(Result::ok).filter(|_| required);
        let (Some(RSeq(rseq)), Some(cseq)) = (rseq, first::<CSeq<'_>>(message, HeaderName::CSeq)) else {
            return true;
        };
        let invite = cseq.number;
        let Some(fork) = self.forks.get_mut(at) else { return false };
        // RFC 3262 §4: in order and once; a gap is ignored, so that its sender repeats what is missing.
        if fork.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
            return false;
        }
        fork.rseq = Some(rseq);
        let received = if describes_session(message) {
            fork.negotiation.received(OfferBy::Provisional)
        } else {
            Received::Repeat
        };
        if received == Received::Offer {
            fork.owed_prack = Some((rseq, invite));
        } else {
            self.send_prack(at, (rseq, invite), None, wire, now);
        }
        true
    }

    /// Caller: sends the PRACK that carries our answer to an offer in a provisional answer.
    pub(super) fn answer_in_prack(&mut self, body: &Body, wire: &mut Wire, now: Instant) -> bool {
        let at = self.current;
        let Some(owed) = self.forks.get_mut(at).and_then(|fork| fork.owed_prack.take()) else { return false };
        self.send_prack(at, owed, Some(body), wire, now);
        true
    }

    fn send_prack(
        &mut self,
        at: usize,
        (rseq, invite): (u32, u32),
        body: Option<&Body>,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(template) = self.template(at, Method::Prack, wire) else { return };
        let rack = RAck { response: rseq, number: invite, method: Method::Invite };
        let draft = template.draft.header(HeaderName::RAck, rack.to_string());
        let template = Template { draft: with_body(draft, body), ..template };
        self.request_in(at, Purpose::Prack, template, wire, now);
    }

    /// Sends a request in the dialog at `at`; one that cannot leave is as good as lost.
    pub(super) fn request_in(
        &mut self,
        at: usize,
        purpose: Purpose,
        template: Template,
        wire: &mut Wire,
        now: Instant,
    ) -> Option<crate::endpoint::RequestId> {
        let cseq = self.forks.get_mut(at)?.dialog.next_cseq();
        let owner = Owner::Session(self.id, purpose);
        let request = wire.request(owner, template, cseq, self.credentials, now).ok()?;
        self.waiting += 1;
        Some(request)
    }

    /// Callee: a PRACK.
    pub(super) fn on_prack(
        &mut self,
        transaction: ServerId,
        message: Message,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(Ok(rack)) = message.typed::<RAck<'_>>() else {
            return wire.reply(transaction, &message, 400, now);
        };
        let Some(called) = self.called.as_mut() else {
            // RFC 3262 §3: the 2xx may overtake the PRACK of what was outstanding then, which is still to be answered; any other
            // matches nothing.
            let late = self.late_prack.take_if(|late| *late == (rack.number, rack.response));
            return wire.reply(transaction, &message, if late.is_some() { 200 } else { 481 }, now);
        };
        let ours = rack.number == called.cseq && rack.method == Method::Invite;
        if !ours || !called.provisionals.acknowledged(rack.response) {
            return wire.reply(transaction, &message, 481, now);
        }
        let received = match self.forks.get_mut(self.current) {
            Some(fork) if describes_session(&message) => fork.negotiation.offered_again(OfferBy::Prack),
            Some(_) | None => Received::Repeat,
        };
        let session = self.id;
        match received {
            Received::Offer => {
                self.ask(transaction, message.clone(), OfferBy::Prack, wire, now);
                self.tell(wire, Event::Offered { session, message, by: OfferBy::Prack });
            }
            Received::Answer => {
                wire.reply(transaction, &message, 200, now);
                self.tell(wire, Event::OfferAnswered { session, message });
            }
            Received::Repeat => wire.reply(transaction, &message, 200, now),
        }
        self.next_provisional(wire, now);
    }

    /// Callee: sends what waited for a PRACK, at last the 2xx.
    fn next_provisional(&mut self, wire: &mut Wire, now: Instant) {
        let timing = wire.timing();
        let Some(called) = self.called.as_mut() else { return };
        let transaction = called.transaction;
        if let Some(answer) = called.provisionals.advance(&timing, now) {
            wire.respond(transaction, answer, now);
        } else if let Some(held) = called.held.take() {
            self.send_success(held, wire, now);
        }
    }

    /// Whether an offer of either side forbids a new one in a provisional answer.
    pub(super) fn may_describe(&self) -> Result<(), Misuse> {
        match self.negotiation() {
            Negotiation::Fresh | Negotiation::RemoteOffer(OfferBy::Invite) => Ok(()),
            // The same answer again, or early media before a reliable answer: allowed, and not counted.
            Negotiation::Settled => Ok(()),
            Negotiation::LocalOffer | Negotiation::RemoteOffer(_) => Err(Misuse::OfferPending),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3262 §3: numbers rise by one, the next waits for the PRACK of the one before.
    #[test]
    fn one_provisional_answer_is_outstanding_at_a_time() {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let timing = Timing::default();
        let mut provisionals = Provisionals::new(41);
        let rseq = |draft: Option<Draft>| {
            draft.map(|draft| {
                let message = draft.into_message().unwrap();
                message.typed::<RSeq>().unwrap().unwrap().0
            })
        };
        assert_eq!(rseq(provisionals.push(Draft::response(180), false, &timing, now)), Some(42));
        assert_eq!(rseq(provisionals.push(Draft::response(183), true, &timing, now)), None);
        assert!(provisionals.holds_description());
        assert!(!provisionals.acknowledged(41));
        assert!(provisionals.acknowledged(42) && !provisionals.acknowledged(42));
        assert_eq!(rseq(provisionals.advance(&timing, now)), Some(43));
    }
}
