//! Transfers: REFER from phones and devices, Replaces, and REFER to a carrier.
//!
//! ```text
//!  REFER on leg X, other leg Y:       X ──┐          X … Y ══ Z       X is told by NOTIFY and hung up on when Z answers;
//!    blind, take back                      Y   ─►        ring-back     when Z does not, X and Y are joined again
//!    attended (Replaces)              X1 ── Y1, X2 ── Y2   ─►   Y1 ══ Y2
//!    release link (we REFER)          the carrier connects its caller itself and we are out of the way
//! ```

use std::time::Instant;

use sip_trunk::endpoint::Source;
use sip_trunk::header::{Header as _, MaxForwards, ReferTo, Replaces, UserToUser};
use sip_trunk::msg::Message;
use sip_trunk::ua::{Answer, Body, Refer, ReferId, SessionId};
use telco_model::value::E164;

use super::Edge;
use super::dial::take_ports;
use super::identity::identity_in;
use super::message::{dialled_in, session_description, shown, signalling, text};
use crate::call::{Call, CallId, Leg, Party, Purpose, Standing};
use crate::cdr::{EndedBy, LegDirection, LegOutcome, LegRecord, Transfer, TransferKind};
use crate::media::{Action, LegNegotiation, MediaLeg};
use crate::program::{Destination, Outcome};
use crate::route::{self, Origin, Query, Refusal, Route};

/// What a REFER asks for.
struct Asked {
    target: String,
    dialled: String,
    user_data: Option<Vec<u8>>,
    replaces: Option<Named>,
}

/// A dialog as Replaces names it, from the view of whoever is asked (RFC 3891 §3).
struct Named {
    call_id: String,
    local_tag: String,
    remote_tag: String,
}

impl Edge {
    /// The peer of a leg wants the other side connected to somebody else.
    pub(super) fn on_refer(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        refer: ReferId,
        message: &Message,
        now: Instant,
    ) {
        let Some(call) = self.calls.get(id) else { return };
        let Some(state) = call.leg(leg) else { return };
        let Some(session) = state.session else { return };
        let take_back = match &state.party {
            Party::Trunk(trunk) if !trunk.settings.protocol.take_back_and_transfer => {
                // ST-029: Take Back and Transfer is off.
                let _ = self.ua.refuse_refer(session, refer, 403, now);
                return;
            }
            Party::Trunk(_) => true,
            Party::Phone(_) | Party::Neighbour(_) | Party::Undecided => false,
        };
        let Some(asked) = read(message) else {
            let _ = self.ua.refuse_refer(session, refer, 400, now);
            return;
        };
        // Whoever asks for so many is not heard any more.
        if !call.record.may_be_transferred() {
            let _ = self.ua.refuse_refer(session, refer, 403, now);
            return;
        }
        let Some(other) = call.opposite(leg).filter(|_| call.dialing.is_none()) else {
            let _ = self.ua.refuse_refer(session, refer, 480, now);
            return;
        };
        if let Some(named) = &asked.replaces {
            return self.attended(id, (leg, other), (session, refer), named, &asked.target, now);
        }
        let kind = if take_back { TransferKind::TakeBack } else { TransferKind::Blind };
        match self.transfer_route(id, leg, take_back, &asked.dialled, now) {
            Ok(route) => {
                let _ = self.ua.accept_refer(session, refer, now);
                self.begin_transfer(id, leg, other, &asked, kind, now);
                self.follow(id, route, Purpose::Transfer { kind, session, refer }, now);
                self.ring_back(id);
            }
            Err(refusal) => {
                self.explain(id, format!("transfer to {}: {refusal}", asked.target));
                self.note_transfer(id, kind, &asked.target, refusal.status(), now);
                let _ = self.ua.refuse_refer(session, refer, for_transferor(refusal.status()), now);
            }
        }
    }

    /// ST-027: for a device outside, the host of Refer-To does not count and the user must be a number of ours that somebody has. A
    /// phone of ours transfers to whatever it may dial.
    fn transfer_route(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        take_back: bool,
        dialled: &str,
        now: Instant,
    ) -> Result<Route, Refusal> {
        let Some(call) = self.calls.get(id) else { return Err(Refusal::MissingTarget) };
        let unknown = || Refusal::UnknownNumber { called: dialled.to_owned() };
        if take_back {
            let number = dialled.parse().or_else(|_| E164::from_digits(dialled)).map_err(|_| unknown())?;
            return route::decide_did(&call.runtime, number);
        }
        let Some(Party::Phone(phone)) = call.leg(leg).map(|leg| &leg.party) else { return Err(unknown()) };
        let (origin, runtime) = (Origin::Phone(phone.clone()), call.runtime.clone());
        let query = Query { origin: &origin, dialled, now: self.clock.at(now) };
        route::decide(&runtime, query, &mut self.chance)
    }

    /// The transferor steps aside; whoever stays is who the new call is for.
    fn begin_transfer(
        &mut self,
        id: CallId,
        transferor: MediaLeg,
        stays: MediaLeg,
        asked: &Asked,
        kind: TransferKind,
        now: Instant,
    ) {
        self.note_transfer(id, kind, &asked.target, 100, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.become_caller(stays);
        (call.peer, call.transferor) = (None, Some(transferor));
        // ST-028: data in Refer-To goes on with the call, and replaces what it had.
        call.user_data = asked.user_data.clone().or(call.user_data.take());
        let media = call.media;
        self.order_media(media, Action::Part { leg: transferor });
    }

    pub(super) fn transfer_succeeded(&mut self, id: CallId, purpose: Purpose, now: Instant) {
        let Purpose::Transfer { session, refer, .. } = purpose else { return };
        self.settle_transfer(id, 200);
        let _ = self.ua.notify_refer(session, refer, 200, now);
        let transferor = self.calls.get_mut(id).and_then(|call| call.transferor.take());
        if let Some(leg) = transferor {
            self.drop_leg(id, leg, LegOutcome::Answered, now);
        }
    }

    /// The transferor gets its call back, when it is still there.
    pub(super) fn transfer_failed(&mut self, id: CallId, purpose: Purpose, status: u16, now: Instant) {
        let Purpose::Transfer { session, refer, .. } = purpose else { return };
        self.settle_transfer(id, status);
        let _ = self.ua.notify_refer(session, refer, status, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let (caller, media) = (call.caller, call.media);
        let transferor =
            call.transferor.take().filter(|leg| call.leg(*leg).is_some_and(|leg| leg.session.is_some()));
        match transferor {
            Some(leg) => {
                call.peer = Some(leg);
                self.settle_budget(id, now);
                self.order_media(media, Action::StopPlay { leg: caller });
                self.bridge_legs(id, caller, leg);
            }
            None => {
                self.finish(id, EndedBy::Edge, Some(status), &format!("the transfer failed ({status})"), now)
            }
        }
    }

    /// Two calls of one transferor become one: the legs that stay are joined, with the streams they have.
    fn attended(
        &mut self,
        id: CallId,
        (transferor, stays): (MediaLeg, MediaLeg),
        (session, refer): (SessionId, ReferId),
        named: &Named,
        target: &str,
        now: Instant,
    ) {
        let moved = self.leg_named(named).and_then(|(second, replaced)| {
            let call = self.calls.get(second).filter(|_| second != id)?;
            // Nobody joins the calls of others.
            let asking = self.calls.get(id)?.leg(transferor)?;
            call.leg(replaced)?.is_with_whom(asking).then_some(())?;
            Some((second, call.media, call.opposite(replaced)?))
        });
        let free = self.calls.get(id).and_then(|call| call.free_leg());
        let (Some((second, media_of_second, far)), Some(place)) = (moved, free) else {
            // The dialog to be replaced is not here. RFC 5057 §5.1: 481 would be about the dialog of the REFER, and end it.
            let _ = self.ua.refuse_refer(session, refer, 403, now);
            return;
        };
        let _ = self.ua.accept_refer(session, refer, now);
        self.note_transfer(id, TransferKind::Attended, target, 200, now);
        let wall = self.stamp(id, now);
        let Some(other) = self.calls.get_mut(second) else { return };
        let Some(mut leg) = other.legs[usize::from(far.0)].take() else { return };
        let line = other.record.legs.get(leg.record).cloned();
        other.peer = None;
        let tickets = std::mem::take(&mut other.tickets);
        let classification = other.record.classification.clone();
        let Some(call) = self.calls.get_mut(id) else { return };
        leg.record = call.record.legs.len();
        call.record
            .legs
            .push(line.unwrap_or_else(|| LegRecord::outgoing(leg.party.to_record(), String::new(), wall)));
        let far_session = leg.session;
        call.tickets.extend(tickets);
        if leg.emergency {
            call.record.emergency = true;
            call.record.classification = classification;
        }
        call.legs[usize::from(place.0)] = Some(leg);
        call.become_caller(stays);
        call.peer = Some(place);
        let media = call.media;
        self.order_media(media, Action::Adopt { leg: place, from: (media_of_second, far) });
        self.bridge_legs(id, stays, place);
        self.settle_budget(id, now);
        self.record_if_wanted(id);
        if let Some(session) = far_session {
            self.calls.link(session, id, place);
        }
        let _ = self.ua.notify_refer(session, refer, 200, now);
        self.drop_leg(id, transferor, LegOutcome::Answered, now);
        self.finish(second, EndedBy::Edge, None, "joined with another call by an attended transfer", now);
    }

    fn leg_named(&self, named: &Named) -> Option<(CallId, MediaLeg)> {
        let session = self.ua.session_of_dialog(&named.call_id, &named.local_tag)?;
        let dialog = self.ua.session(session)?.dialog()?;
        // RFC 3891 §3: the dialog is the one with both tags.
        if dialog.remote_tag() == named.remote_tag { self.calls.of_session(session) } else { None }
    }

    /// RFC 3891: a new call takes the place of one side of a running one. Its dialog was named with both tags.
    pub(super) fn on_replacing(
        &mut self,
        session: SessionId,
        replaced: SessionId,
        message: &Message,
        source: &Source,
        now: Instant,
    ) {
        let Some(origin) = self.identify(session, message, source, now) else { return };
        if message.typed::<MaxForwards>().and_then(Result::ok).is_some_and(|hops| hops.0 == 0) {
            return self.refuse(session, 483, None, now);
        }
        // ST-029: a trunk takes back what it may take back.
        if matches!(&origin, Origin::Trunk(trunk) if !trunk.settings.protocol.take_back_and_transfer) {
            return self.refuse(session, 403, None, now);
        }
        let found = self.calls.of_session(replaced);
        let connected = |(id, old): (CallId, MediaLeg)| {
            let call = self.calls.get(id)?;
            (call.caller == old || call.peer == Some(old)).then_some((id, old))
        };
        let Some((id, old)) = found.and_then(connected) else {
            return self.refuse(session, 481, None, now);
        };
        if !self.calls.get(id).is_some_and(|call| call.record.may_be_transferred()) {
            return self.refuse(session, 403, None, now);
        }
        let wall = self.stamp(id, now);
        let profile = self.media_profile(self.runtime.profile_of(&origin));
        let free = self.calls.get(id).and_then(|call| call.free_leg());
        let (Some(place), Some(offer)) = (free, session_description(message)) else {
            return self.refuse(session, 488, None, now);
        };
        let emergency = self.calls.get(id).is_some_and(Call::is_emergency);
        let Some(address) = take_ports(&mut self.ports, profile.pool, emergency, now) else {
            return self.refuse(session, 503, Some(5), now);
        };
        let seed = media_rtp::Seed(self.random());
        let mut side = LegNegotiation::sharing(
            &mut self.abilities,
            &profile,
            address,
            signalling(source),
            Some(source.remote.ip()),
            seed,
        );
        let answer = match side.answer(&offer, media_rtp::sdp::attribute::Direction::SendRecv) {
            Ok(answer) => answer,
            Err(refusal) => {
                self.ports.release(&address, now);
                return self.refuse(session, refusal.status(), None, now);
            }
        };
        let permit = match self.take_place(&origin, now) {
            Ok(permit) => permit,
            Err(why) => {
                tracing::warn!(%origin, "call refused: {why}");
                self.ports.release(&address, now);
                return self.refuse(session, 503, Some(5), now);
            }
        };
        let party = Party::of(&origin);
        let identity = identity_in(message, &origin, &party);
        let Some(call) = self.calls.get_mut(id) else { return };
        let mut line =
            LegRecord::outgoing(party.to_record(), text(message, sip_trunk::msg::HeaderName::CallId), wall);
        line.direction = LegDirection::In;
        line.from = shown::<sip_trunk::header::From<'_>>(message, |from| from.uri.to_string());
        line.to = shown::<sip_trunk::header::To<'_>>(message, |to| to.uri.to_string());
        (line.answered, line.outcome) = (Some(wall), LegOutcome::Answered);
        line.note(200);
        let record = call.record.legs.len();
        call.record.legs.push(line);
        call.legs[usize::from(place.0)] = Some(Box::new(Leg {
            session: Some(session),
            party,
            identity,
            standing: Standing::Answered,
            address,
            search: None,
            negotiation: Some(side),
            offered: None,
            permit,
            emergency: false,
            recorder: None,
            record,
        }));
        let other = call.opposite(old);
        if call.caller == old {
            call.become_caller(place);
        } else {
            call.peer = Some(place);
        }
        let media = call.media;
        self.settle_budget(id, now);
        self.calls.link(session, id, place);
        self.order_media(media, Action::Attach { leg: place, address });
        let _ = self.ua.answer(session, Answer { body: Some(Body::sdp(answer)), headers: Vec::new() }, now);
        self.connect(id, place);
        if let Some(other) = other {
            self.bridge_legs(id, other, place);
            self.record_if_wanted(id);
        }
        self.note_transfer(
            id,
            TransferKind::Attended,
            &text(message, sip_trunk::msg::HeaderName::From),
            200,
            now,
        );
        self.drop_leg(id, old, LegOutcome::Answered, now);
    }

    /// ST-030: the carrier of the caller is asked to connect it itself, with the data the flow has set. False when it cannot be asked.
    pub(super) fn release_link(&mut self, id: CallId, number: &str, now: Instant) -> bool {
        let Some(call) = self.calls.get_mut(id) else { return false };
        let caller = call.caller;
        let Some(leg) = call.leg(caller).filter(|leg| leg.standing == Standing::Answered) else {
            return false;
        };
        let (Some(trunk), Some(session)) = (leg.party.trunk(), leg.session) else { return false };
        if !trunk.settings.protocol.release_link_transfer || !call.record.may_be_transferred() {
            return false;
        }
        let host =
            trunk.settings.servers.first().map_or(self.config.host.clone(), |server| server.host.to_string());
        let data = call.user_data.as_deref().and_then(|data| trunk.written_user_data(data));
        let data = data.map(|(name, value)| {
            format!(
                "?{name}={}",
                sip_trunk::uri::percent::encode(sip_trunk::uri::percent::Part::Header, value.as_bytes())
            )
        });
        let refer = Refer::new(format!("<sip:{number}@{host}{}>", data.unwrap_or_default()));
        if self.ua.refer(session, refer, now).is_err() {
            return false;
        }
        if let Some(call) = self.calls.get_mut(id) {
            call.releasing = Some(number.into());
        }
        self.note_transfer(id, TransferKind::ReleaseLink, number, 100, now);
        true
    }

    /// How a REFER of ours gets on. A carrier that refuses leaves the call with us, and it is bridged.
    pub(super) fn on_refer_progress(
        &mut self,
        session: SessionId,
        status: u16,
        finished: bool,
        now: Instant,
    ) {
        let Some((id, _)) = self.calls.of_session(session) else { return };
        // 202 before any report: the carrier has agreed, and has yet to connect the caller.
        if !finished && (status < 200 || status == 202) {
            return;
        }
        let Some(number) = self.calls.get_mut(id).and_then(|call| call.releasing.take()) else { return };
        self.settle_transfer(id, status);
        if status < 300 {
            self.step_over(id, Outcome::Released, now);
            return self.finish(id, EndedBy::Edge, None, "released to the carrier", now);
        }
        self.explain(id, format!("the carrier refused to take the call over ({status})"));
        self.call_and_connect(id, &Destination::Number(number.into()), now);
    }

    fn note_transfer(&mut self, id: CallId, kind: TransferKind, target: &str, status: u16, now: Instant) {
        let at = self.stamp(id, now);
        if let Some(call) = self.calls.get_mut(id) {
            call.record.add_transfer(Transfer { at, kind, target: target.to_owned(), status });
        }
    }

    fn settle_transfer(&mut self, id: CallId, status: u16) {
        if let Some(transfer) = self.calls.get_mut(id).and_then(|call| call.record.transfers.last_mut()) {
            transfer.status = status;
        }
    }
}

/// RFC 5057 §5.1: some statuses would end the dialog of the REFER, and the call in it goes on.
fn for_transferor(status: u16) -> u16 {
    match status {
        404 | 410 | 416 | 481..=485 | 502 | 604 => 403,
        other => other,
    }
}

fn read(message: &Message) -> Option<Asked> {
    let refer = message.typed::<ReferTo<'_>>()?.ok()?;
    let uri = refer.target().uri;
    let data = refer.user_to_user();
    let user_data = data.as_deref().and_then(|value| UserToUser::parse(value.as_bytes()).ok()?.data().ok());
    let replaces = refer.replaces();
    let replaces = replaces.as_deref().and_then(|value| {
        let replaces = Replaces::parse(value.as_bytes()).ok()?;
        // RFC 3891 §3: the to-tag is the local one of whoever is asked.
        Some(Named {
            call_id: replaces.call_id.to_owned(),
            local_tag: replaces.to_tag.to_owned(),
            remote_tag: replaces.from_tag.to_owned(),
        })
    });
    Some(Asked {
        target: uri.to_string(),
        dialled: dialled_in(uri)?,
        user_data: user_data.map(|data| data.bytes().to_vec()),
        replaces,
    })
}
