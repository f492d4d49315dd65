//! Inside a call: offers, hold, digits and requests between two legs that negotiate on their own.

use std::time::Instant;

use media_rtp::dtmf::{InfoKind, parse_info};
use media_rtp::sdp::attribute::Direction as MediaDirection;
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transaction::ServerId;
use sip_trunk::ua::{self, Answer, Body, EndCause, Headers, Progress};

use super::Edge;
use super::message::session_description;
use crate::call::{CallId, Standing};
use crate::cdr::EndedBy;
use crate::guard::Code;
use crate::media::{Action, MediaLeg};
use crate::route::Origin;

/// The header the conversation id travels in.
const CONVERSATION: &str = sip_trunk::trunk::CONVERSATION_HEADER;

impl Edge {
    /// Everything the user agent tells, by what it is about.
    pub(super) fn on_signalling(&mut self, event: ua::Event, now: Instant) {
        let found = session_of(&event).and_then(|session| self.calls.of_session(session));
        self.about = found.map(|(id, _)| id);
        if self.trunks.handle_event(&event, &mut self.ua, now) {
            return;
        }
        if !self.lets_stay(&event, now) {
            return;
        }
        if let Some((id, leg)) = found {
            let hunted = self.calls.get_mut(id).is_some_and(|call| {
                call.dialing.as_ref().is_some_and(|dialing| dialing.hunts().any(|(hunted, _)| hunted == leg))
            });
            if hunted && is_about_setup(&event) {
                self.note_refusal(id, leg, &event);
                return self.hunt_sees(id, leg, &event, now);
            }
            return self.on_leg(id, leg, event, now);
        }
        match event {
            ua::Event::Incoming { session, message, source, replaces } => match replaces {
                Some(replaced) => self.on_replacing(session, replaced, &message, &source, now),
                None => self.on_incoming(session, &message, &source, now),
            },
            ua::Event::ReferProgress { session, status, finished, .. } => {
                self.on_refer_progress(session, status, finished, now);
            }
            ua::Event::Request { transaction, message, source } => {
                self.on_request(transaction, &message, &source, now);
            }
            ua::Event::Subscribed { subscription, message, source } => {
                self.on_subscribed(subscription, &message, &source, now);
            }
            ua::Event::Refreshed { subscription, .. } => self.on_refreshed(subscription, now),
            ua::Event::SubscriptionEnded { subscription, .. } => self.on_subscription_ended(subscription),
            ua::Event::FlowLost { source, .. } => self.registrar.flow_lost(source.path),
            ua::Event::Malformed { source, .. } => {
                self.guard.tell(Code::RequestMalformed, &source, None, None, now)
            }
            ua::Event::Throttled { source } => self.guard.tell(Code::SourceRate, &source, None, None, now),
            ua::Event::Refused { source, .. } => self.guard.tell(Code::TableFull, &source, None, None, now),
            ua::Event::HandshakeFailed { remote, cause, .. } => tracing::warn!(%remote, "{cause}"),
            ua::Event::Response { request, message, .. } => {
                self.on_neighbour_answer(request, Some(&message), now);
            }
            ua::Event::Failed { request, .. } => self.on_neighbour_answer(request, None, now),
            // Sessions that are not ours any more, and answers to requests nobody waits for.
            ua::Event::Progressed { .. }
            | ua::Event::Answered { .. }
            | ua::Event::Rejected { .. }
            | ua::Event::Confirmed { .. }
            | ua::Event::Offered { .. }
            | ua::Event::OfferAnswered { .. }
            | ua::Event::OfferRefused { .. }
            | ua::Event::OfferWithdrawn { .. }
            | ua::Event::Ended { .. }
            | ua::Event::Referred { .. }
            | ua::Event::InDialog { .. }
            | ua::Event::InDialogResponse { .. }
            | ua::Event::Notified { .. }
            | ua::Event::FlowOpened { .. }
            | ua::Event::PublicAddress { .. } => {}
        }
    }

    /// The status an attempt of a search ended with.
    fn note_refusal(&mut self, id: CallId, leg: MediaLeg, event: &ua::Event) {
        let ua::Event::Rejected { status, message, .. } = event else { return };
        let Some(call) = self.calls.get_mut(id) else { return };
        let line = call.leg(leg).map(|leg| leg.record).and_then(|line| call.record.legs.get_mut(line));
        if let Some(line) = line {
            line.note(*status);
            line.q850 = message.as_ref().and_then(super::message::q850).or(line.q850);
        }
    }

    /// Something about one leg of a call.
    fn on_leg(&mut self, id: CallId, leg: MediaLeg, event: ua::Event, now: Instant) {
        match event {
            ua::Event::Progressed { message, .. } => self.on_progress(id, leg, &message, now),
            ua::Event::Answered { message, .. } => self.on_answer(id, leg, &message, None, now),
            ua::Event::Rejected { status, message, .. } => {
                self.on_branch_failed(id, leg, status, message.as_ref(), now);
            }
            ua::Event::Confirmed { message, .. } | ua::Event::OfferAnswered { message, .. } => {
                self.take_answer(id, leg, &message, now);
            }
            ua::Event::Offered { message, .. } => self.on_offer(id, leg, &message, now),
            ua::Event::OfferRefused { .. } => {
                let leg = self.calls.get_mut(id).and_then(|call| call.leg_mut(leg));
                leg.and_then(|leg| leg.negotiation.as_mut())
                    .into_iter()
                    .for_each(|side| side.offer_refused());
            }
            ua::Event::Ended { cause, .. } => self.on_leg_ended(id, leg, &cause, now),
            ua::Event::Referred { refer, message, .. } => self.on_refer(id, leg, refer, &message, now),
            ua::Event::ReferProgress { session, status, finished, .. } => {
                self.on_refer_progress(session, status, finished, now);
            }
            ua::Event::InDialog { transaction, message, .. } => {
                self.on_request_in_call(id, leg, transaction, &message, now);
            }
            ua::Event::OfferWithdrawn { .. }
            | ua::Event::InDialogResponse { .. }
            | ua::Event::Incoming { .. }
            | ua::Event::Subscribed { .. }
            | ua::Event::Refreshed { .. }
            | ua::Event::Notified { .. }
            | ua::Event::SubscriptionEnded { .. }
            | ua::Event::Request { .. }
            | ua::Event::Response { .. }
            | ua::Event::Failed { .. }
            | ua::Event::FlowOpened { .. }
            | ua::Event::PublicAddress { .. }
            | ua::Event::FlowLost { .. }
            | ua::Event::HandshakeFailed { .. }
            | ua::Event::Malformed { .. }
            | ua::Event::Throttled { .. }
            | ua::Event::Refused { .. } => {}
        }
    }

    /// Tells a caller that is not answered yet how it goes; with our answer when media flows already.
    pub(super) fn tell_caller(&mut self, id: CallId, status: u16, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let headers = conversation_header(call);
        let wall = call.clock.at(now);
        let Some(leg) = call.legs[usize::from(call.caller.0)].as_deref_mut() else { return };
        let Some(session) = leg.session.filter(|_| leg.standing < Standing::Answered) else { return };
        if let Some(line) = call.record.legs.get_mut(leg.record) {
            line.note(status);
            line.ringing = line.ringing.or(Some(wall));
        }
        let body = leg.offered.as_ref().and_then(|offered| offered.answer.clone()).map(Body::sdp);
        if body.is_some() {
            leg.standing = Standing::Early;
        }
        // Repeated progress of several phones is one to the caller.
        let _ = self.ua.progress(session, Progress { status, body, headers }, now);
    }

    /// Our answer to the caller's offer, made once: the same in 183 and 200.
    pub(super) fn answer_caller_offer(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let others: Vec<_> =
            call.legs.iter().enumerate().filter(|(n, _)| *n != usize::from(call.caller.0)).collect();
        let agreed =
            others.iter().filter_map(|(_, leg)| leg.as_ref()?.negotiation.as_ref()?.codec().cloned());
        let codecs: Vec<_> = agreed.collect();
        let Some(leg) = call.leg_mut(call.caller) else { return };
        let (Some(offered), Some(side)) = (&mut leg.offered, &mut leg.negotiation) else { return };
        if offered.answer.is_none() {
            side.prefer(&codecs);
            // It was examined when the call came in.
            offered.answer = side.answer(&offered.offer, MediaDirection::SendRecv).ok();
        }
    }

    /// Answers the caller: with our answer, or with an offer when it made none.
    pub(super) fn answer_caller(&mut self, id: CallId, now: Instant) {
        self.answer_caller_offer(id);
        let wall = self.stamp(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let headers = conversation_header(call);
        call.record.answered = call.record.answered.or(Some(wall));
        let caller = call.caller;
        let Some(leg) = call.legs[usize::from(caller.0)].as_deref_mut() else { return };
        let Some(session) = leg.session.filter(|_| leg.standing < Standing::Answered) else { return };
        leg.standing = Standing::Answered;
        if let Some(line) = call.record.legs.get_mut(leg.record) {
            line.note(200);
            (line.answered, line.outcome) = (Some(wall), crate::cdr::LegOutcome::Answered);
        }
        let body = match (leg.offered.take().and_then(|offered| offered.answer), &mut leg.negotiation) {
            (Some(answer), _) => Some(answer),
            (None, Some(side)) => side.offer(MediaDirection::SendRecv).ok(),
            (None, None) => None,
        };
        let _ = self.ua.answer(session, Answer { body: body.map(Body::sdp), headers }, now);
        self.connect(id, caller);
    }

    /// Gives the media threads what a leg has agreed on.
    pub(super) fn connect(&mut self, id: CallId, leg: MediaLeg) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let media = call.media;
        let Some(state) = call.leg_mut(leg) else { return };
        let is_answered = state.standing == Standing::Answered;
        let Some(side) = &mut state.negotiation else { return };
        let config = side.config();
        if is_answered {
            // Before that, the same answer may come a second time.
            side.release();
        }
        if let Some(config) = config {
            self.order_media(media, Action::Connect { leg, config: Box::new(config) });
        }
    }

    pub(super) fn bridge_legs(&mut self, id: CallId, a: MediaLeg, b: MediaLeg) {
        if let Some(media) = self.calls.get(id).map(|call| call.media) {
            self.order_media(media, Action::Bridge { a, b });
        }
    }

    fn take_answer(&mut self, id: CallId, leg: MediaLeg, message: &Message, now: Instant) {
        let Some(answer) = session_description(message) else { return };
        let state = self.calls.get_mut(id).and_then(|call| call.leg_mut(leg));
        let Some(side) = state.and_then(|leg| leg.negotiation.as_mut()).filter(|side| side.is_pending())
        else {
            return;
        };
        match side.take_answer(&answer) {
            Ok(()) => self.connect(id, leg),
            Err(refusal) => self.finish(
                id,
                EndedBy::Edge,
                Some(488),
                &format!("the answer cannot be used: {refusal}"),
                now,
            ),
        }
    }

    /// A peer offers in the middle of a call. It is answered at once; what it means for the other side, such as hold, is offered
    /// there in turn.
    fn on_offer(&mut self, id: CallId, leg: MediaLeg, message: &Message, now: Instant) {
        let Some(state) = self.calls.get_mut(id).and_then(|call| call.leg_mut(leg)) else { return };
        let (Some(session), Some(side)) = (state.session, &mut state.negotiation) else { return };
        let held_before = side.peer_holds();
        let body = match session_description(message) {
            Some(offer) => match side.answer(&offer, MediaDirection::SendRecv) {
                Ok(answer) => Some(answer),
                Err(refusal) => {
                    let headers = vec![("Warning".into(), refusal.warning(&self.config.host))];
                    let _ = self.ua.refuse_offer(session, refusal.status(), headers, now);
                    return;
                }
            },
            None => side.offer(MediaDirection::SendRecv).ok(),
        };
        let held = side.peer_holds();
        let _ = self.ua.answer_offer(session, body.map(Body::sdp), Headers::new(), now);
        self.connect(id, leg);
        if held != held_before {
            self.pass_hold_on(id, leg, held, now);
        }
    }

    fn pass_hold_on(&mut self, id: CallId, from: MediaLeg, held: bool, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(other) = call.opposite(from) else { return };
        let Some(leg) = call.leg_mut(other) else { return };
        let (Some(session), Some(side)) = (leg.session, &mut leg.negotiation) else { return };
        let offer = if held { side.hold() } else { side.resume() };
        if let Ok(offer) = offer
            && self.ua.reinvite(session, Some(Body::sdp(offer)), Headers::new(), now).is_err()
            && let Some(side) =
                self.calls.get_mut(id).and_then(|call| call.leg_mut(other)?.negotiation.as_mut())
        {
            side.offer_refused();
        }
    }

    /// INFO with a digit goes through the media, so that it comes out as the other side takes it; anything else goes across as it is.
    fn on_request_in_call(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        transaction: ServerId,
        message: &Message,
        now: Instant,
    ) {
        let digit = InfoKind::from_content_type(&super::message::text(message, HeaderName::ContentType))
            .and_then(|kind| parse_info(kind, message.body()).ok());
        let is_info = message.method() == Some(Method::Info);
        let Some(call) = self.calls.get(id) else { return };
        let media = call.media;
        if is_info && let Some(signal) = digit {
            self.order_media(media, Action::Info { leg, signal });
            return self.reply(transaction, message, 200, now);
        }
        let other = call.opposite(leg).and_then(|other| call.leg(other)?.session);
        let method = message.method().map(Method::into_owned);
        match (other, method) {
            (Some(other), Some(method @ (Method::Info | Method::Message))) => {
                let content_type = super::message::text(message, HeaderName::ContentType);
                let body =
                    (!message.body().is_empty()).then(|| Body { content_type, bytes: message.body_bytes() });
                let sent = self.ua.send(other, &method, body, Headers::new(), now);
                self.reply(transaction, message, if sent.is_ok() { 200 } else { 480 }, now);
            }
            (None, Some(Method::Info | Method::Message)) => self.reply(transaction, message, 480, now),
            _ => self.reply(transaction, message, 501, now),
        }
    }

    pub(super) fn reply(&mut self, transaction: ServerId, message: &Message, status: u16, now: Instant) {
        let tag = self.tag();
        self.ua.respond(transaction, Draft::reply_to(message, status, &tag), now);
    }

    pub(super) fn tag(&mut self) -> String {
        let random = self.random();
        random[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A leg is over. When it was one of the two that talk, so is the call, unless somebody else is being called for the other.
    fn on_leg_ended(&mut self, id: CallId, leg: MediaLeg, cause: &EndCause, now: Instant) {
        let Some(call) = self.calls.get(id) else { return };
        let (is_caller, is_peer) = (leg == call.caller, call.peer == Some(leg));
        let reason = describe(cause);
        let by = if is_caller { EndedBy::Caller } else { EndedBy::Called };
        let by = if matches!(cause, EndCause::Bye(_) | EndCause::Cancelled(_)) { by } else { EndedBy::Edge };
        let sip = matches!(cause, EndCause::Cancelled(_)).then_some(487);
        let q850 = match cause {
            EndCause::Bye(message) | EndCause::Cancelled(message) => {
                super::message::q850(message).or(Some(16))
            }
            EndCause::HungUp
            | EndCause::Rejected(_)
            | EndCause::NotAcknowledged
            | EndCause::ProvisionalNotAcknowledged
            | EndCause::Expired
            | EndCause::Gone(_) => None,
            _ => None,
        };
        if let Some(call) = self.calls.get_mut(id) {
            call.record.ending.q850 = call.record.ending.q850.or(q850);
        }
        let hung_up = matches!(cause, EndCause::HungUp | EndCause::Rejected(_));
        if hung_up {
            return;
        }
        self.leg_is_gone(id, leg, now);
        if is_caller || is_peer {
            self.finish(id, by, sip, &reason, now);
        }
    }
}

/// The header that names the conversation, in answers to trunks that carry it (ST-023).
fn conversation_header(call: &crate::call::Call) -> Headers {
    match &call.origin {
        Origin::Trunk(trunk) if trunk.settings.protocol.conversation_headers => {
            vec![(CONVERSATION.to_owned(), call.conversation.to_string())]
        }
        Origin::Trunk(_) | Origin::Phone(_) => Headers::new(),
    }
}

fn describe(cause: &EndCause) -> String {
    match cause {
        EndCause::HungUp => "hung up by this edge".into(),
        EndCause::Bye(_) => "hung up".into(),
        EndCause::Cancelled(_) => "given up before an answer".into(),
        EndCause::Rejected(status) => format!("rejected with {status}"),
        EndCause::NotAcknowledged => "the 200 was never acknowledged".into(),
        EndCause::ProvisionalNotAcknowledged => "a reliable provisional answer was never acknowledged".into(),
        EndCause::Expired => "the session timer ran out".into(),
        EndCause::Gone(status) => format!("the peer does not know the call any more ({status})"),
        _ => "ended".into(),
    }
}

fn session_of(event: &ua::Event) -> Option<ua::SessionId> {
    match event {
        ua::Event::Progressed { session, .. }
        | ua::Event::Answered { session, .. }
        | ua::Event::Rejected { session, .. }
        | ua::Event::Confirmed { session, .. }
        | ua::Event::Offered { session, .. }
        | ua::Event::OfferAnswered { session, .. }
        | ua::Event::OfferRefused { session, .. }
        | ua::Event::OfferWithdrawn { session, .. }
        | ua::Event::Ended { session, .. }
        | ua::Event::Referred { session, .. }
        | ua::Event::ReferProgress { session, .. }
        | ua::Event::InDialog { session, .. }
        | ua::Event::InDialogResponse { session, .. } => Some(*session),
        ua::Event::Incoming { .. }
        | ua::Event::Subscribed { .. }
        | ua::Event::Refreshed { .. }
        | ua::Event::Notified { .. }
        | ua::Event::SubscriptionEnded { .. }
        | ua::Event::Request { .. }
        | ua::Event::Response { .. }
        | ua::Event::Failed { .. }
        | ua::Event::FlowOpened { .. }
        | ua::Event::PublicAddress { .. }
        | ua::Event::FlowLost { .. }
        | ua::Event::HandshakeFailed { .. }
        | ua::Event::Malformed { .. }
        | ua::Event::Throttled { .. }
        | ua::Event::Refused { .. } => None,
    }
}

/// What a hunt wants to see.
fn is_about_setup(event: &ua::Event) -> bool {
    matches!(
        event,
        ua::Event::Progressed { .. }
            | ua::Event::Answered { .. }
            | ua::Event::Rejected { .. }
            | ua::Event::Ended { .. }
    )
}
