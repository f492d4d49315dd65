//! Calling somebody for a leg that waits: the contacts of phones at once, or trunk after trunk.

use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use media_rtp::sdp::attribute::Direction as MediaDirection;
use media_rtp::sdp::offer_answer::Codec;
use media_rtp::sdp::{Signalling, TargetPolicy};
use numplan::{Caller, Number, present, write_number};
use sip_trunk::endpoint::{ContactSpec, Destination};
use sip_trunk::group::{Calls, Cursor, Hunt, HuntEvent};
use sip_trunk::msg::Message;
use sip_trunk::trunk::{OutboundCall, Permit};
use sip_trunk::ua::{self, Body, Invite, SessionId};
use telco_model::entity::RemoteAddress;
use telco_model::value::{E164, TrunkGroupId, TrunkId};

use super::Edge;
use super::identity::{anonymous, caller_of_phone_call, outside_number};
use super::message::{q850, session_description};
use crate::call::{Branch, Call, CallId, Dialing, Identity, Leg, Party, Prepared, Purpose, Standing, Way};
use crate::cdr::{LegOutcome, LegRecord};
use crate::compile::{Phone, Reach, Trunk, User};
use crate::guard::{Attempt, Quoted};
use crate::media::{
    Abilities, Action, LegNegotiation, LegProfile, MediaAddress, MediaLeg, MediaPorts, PoolId, Sound,
    ToneKind,
};
use crate::route::{self, Origin, Query, Target};

impl Edge {
    /// Rings all contacts of the phones, and calls what remote phones stand for.
    pub(super) fn dial_phones(
        &mut self,
        id: CallId,
        user: Option<&User>,
        phones: &[Arc<Phone>],
        now: Instant,
    ) {
        for phone in phones {
            match &phone.reach {
                Reach::Registered(_) => self.ring_contacts(id, phone, now),
                Reach::Remote(_) => self.call_remote(id, phone, now),
                Reach::Webrtc | Reach::Nowhere => {}
            }
        }
        let is_nobody = |dialing: &Dialing| dialing.branches.is_empty() && dialing.refusal.is_none();
        let nobody = self.calls.get(id).is_some_and(|call| call.dialing.as_deref().is_some_and(is_nobody));
        if nobody && let Some(call) = self.calls.get_mut(id) {
            let whose = user.map_or_else(|| "the phone".to_owned(), |user| user.name.to_string());
            call.record.add_explanation(format!("{whose} is not registered"));
        }
        self.end_placing(id, 480, now);
    }

    /// Tries trunks in order until one takes the call.
    pub(super) fn dial_trunks(
        &mut self,
        id: CallId,
        group: Option<TrunkGroupId>,
        trunks: &[TrunkId],
        address: &str,
        now: Instant,
    ) {
        let Some(call) = self.calls.get(id) else { return };
        // Whoever transfers a call pays for it.
        let transferor = call.transferor.and_then(|leg| call.leg(leg)?.origin());
        let payer = transferor.unwrap_or_else(|| call.origin.clone());
        let classification = call.record.classification.clone();
        if let Err(status) = self.within_budget(id, &payer, address, classification.as_deref(), now) {
            return self.end_placing(id, status, now);
        }
        self.plan_detours(id, trunks, address);
        self.hunt(id, group, trunks, address, now);
        self.end_placing(id, 503, now);
    }

    /// ES-43: whether a call to the outside is within what the account that pays for it and the organization may use. An emergency
    /// call always is.
    fn within_budget(
        &mut self,
        id: CallId,
        payer: &Origin,
        address: &str,
        classification: Option<&str>,
        now: Instant,
    ) -> Result<(), u16> {
        let wall = self.clock.at(now);
        let Some(call) = self.calls.get_mut(id) else { return Ok(()) };
        let zone = payer.site(&call.runtime).and_then(|site| TimeZone::get(site.time_zone.as_str()).ok());
        let attempt = Attempt {
            account: match payer {
                Origin::Phone(phone) => phone.id.as_u128(),
                Origin::Trunk(trunk) => trunk.settings.id.as_u128(),
            },
            destination: address,
            classification,
            emergency: call.dials_emergency(),
            local: wall.to_zoned(zone.unwrap_or(TimeZone::UTC)).datetime(),
        };
        // A call that is transferred takes its place along; where it goes is looked at again.
        let admitted = match call.tickets.is_empty() {
            true => self.fraud.admit(&attempt, now),
            false => self.fraud.permits(&attempt).map(|()| None),
        };
        match admitted {
            Ok(ticket) => {
                call.tickets.extend(ticket);
                Ok(())
            }
            Err(refusal) => {
                tracing::warn!(origin = %payer, code = %refusal.code(), "call to {} refused: {refusal}", Quoted(address));
                call.record.add_explanation(format!("{address}: {refusal}"));
                Err(refusal.status())
            }
        }
    }

    /// Two are connected: the minutes of a call to the outside count from now, and one that stays inside gives its place back.
    pub(super) fn settle_budget(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.is_outside() {
            call.tickets.iter().for_each(|ticket| self.fraud.connected(*ticket, now));
        } else {
            call.tickets.drain(..).for_each(|ticket| self.fraud.ended(ticket, now));
        }
    }

    /// A search begins; whoever is called next is part of it.
    pub(super) fn begin_dialing(&mut self, id: CallId, purpose: Purpose, emergency: bool) {
        if let Some(call) = self.calls.get_mut(id) {
            let dialing = call.dialing.get_or_insert_with(|| Box::new(Dialing::new(purpose, emergency)));
            (dialing.placing, dialing.emergency) = (true, emergency);
        }
    }

    /// Everybody has been called who is to be.
    fn end_placing(&mut self, id: CallId, otherwise: u16, now: Instant) {
        if let Some(dialing) = self.calls.get_mut(id).and_then(|call| call.dialing.as_mut()) {
            dialing.placing = false;
        }
        self.conclude_dialing(id, otherwise, now);
    }

    fn ring_contacts(&mut self, id: CallId, phone: &Arc<Phone>, now: Instant) {
        let contacts: Vec<_> = self
            .registrar
            .contacts_of(phone.id)
            .into_iter()
            .map(|contact| {
                let target = contact.target();
                (
                    target.uri.to_owned(),
                    target.route.to_vec(),
                    (target.flow, target.otherwise.map(str::to_owned)),
                    contact.transport(),
                    contact.remote(),
                )
            })
            .collect();
        if contacts.is_empty() {
            return self.ring_elsewhere(id, phone, now);
        }
        for (uri, path, (flow, otherwise), transport, remote) in contacts {
            let destination = match (flow, otherwise) {
                (Some(path), otherwise) => Destination::Flow { path, otherwise },
                (None, Some(next)) => Destination::Uri(next),
                (None, None) => continue,
            };
            let secure = if transport.is_secure() { Signalling::Secure } else { Signalling::Insecure };
            let profile = self.media_profile(self.runtime.profile_of_phone(phone));
            let party = Party::Phone(Arc::clone(phone));
            let Some((leg, offer)) = self.add_leg(id, party, &profile, secure, Some(remote.ip()), now) else {
                return;
            };
            let Some(call) = self.calls.get(id) else { return };
            let from = if call.is_restricted() {
                anonymous()
            } else {
                caller_of_phone_call(call, &self.config.host)
            };
            let mut invite = Invite::new(uri, from);
            invite.destination = destination;
            invite.max_forwards = call.max_forwards;
            invite.headers = path.iter().map(|route| ("Route".to_owned(), route.to_string())).collect();
            // ST-024: the trunk of the phones says whether data is passed on, and how it is written.
            let data = self.runtime.phone_trunk().zip(call.user_data.as_deref());
            invite.headers.extend(data.and_then(|(trunk, data)| trunk.written_user_data(data)));
            invite.contact = ContactSpec::user("edge");
            invite.transport = Some(transport);
            invite.timeout = Some(self.config.ring);
            invite.body = offer.map(Body::sdp);
            self.place(id, leg, invite, now);
            let Some(call) = self.calls.get_mut(id) else { return };
            if let Some(record) = call.leg(leg).map(|leg| leg.record)
                && let Some(line) = call.record.legs.get_mut(record)
            {
                line.remote = Some(remote.to_string());
            }
        }
    }

    /// EC-016: a remote phone is a call to its number or address, by the plans of its site and on its account.
    fn call_remote(&mut self, id: CallId, phone: &Arc<Phone>, now: Instant) {
        let Reach::Remote(address) = &phone.reach else { return };
        let dialled = match address {
            RemoteAddress::Number(number) => number.to_string(),
            RemoteAddress::Sip(uri) => uri.to_string(),
        };
        let origin = Origin::Phone(Arc::clone(phone));
        let query = Query { origin: &origin, dialled: &dialled, now: self.clock.at(now) };
        match route::decide(&self.runtime, query, &mut self.chance) {
            Ok(route) => {
                if let Target::Trunks { group, trunks } = route.target {
                    let address = route.address.map(|a| a.as_str().to_owned()).unwrap_or(dialled);
                    let classification = route.classification.as_ref().map(ToString::to_string);
                    match self.within_budget(id, &origin, &address, classification.as_deref(), now) {
                        Ok(()) => self.hunt(id, group, &trunks, &address, now),
                        Err(status) => self.refuse_branch(id, status),
                    }
                }
            }
            Err(refusal) => self.explain(id, format!("remote phone {}: {refusal}", phone.name)),
        }
    }

    /// Somebody of those to be called may not be.
    fn refuse_branch(&mut self, id: CallId, status: u16) {
        if let Some(dialing) = self.calls.get_mut(id).and_then(|call| call.dialing.as_mut()) {
            dialing.note_refusal(status);
        }
    }

    fn hunt(
        &mut self,
        id: CallId,
        group: Option<TrunkGroupId>,
        trunks: &[TrunkId],
        address: &str,
        now: Instant,
    ) {
        let Some(call) = self.calls.get(id).filter(|call| call.dialing.is_some()) else { return };
        let emergency = call.dials_emergency();
        let runtime = Arc::clone(&call.runtime);
        let cursor = match group.and_then(|group| self.groups.get(&group)) {
            Some(group) => group.cursor(emergency),
            None => {
                let keys = trunks.iter().filter_map(|trunk| runtime.trunk_key(*trunk)).collect();
                Cursor::new(keys, emergency)
            }
        };
        // Most trunks use the ports of the first.
        let first = cursor.trunks().first().and_then(|first| runtime.trunk_of_key(*first));
        let pool = first.map_or(PoolId::default(), |first| first.pool);
        let profile = LegProfile { pool, ..LegProfile::default() };
        let Some((leg, _)) = self.add_leg(id, Party::Undecided, &profile, Signalling::Insecure, None, now)
        else {
            return;
        };
        let calls = self.write_calls(id, leg, address, cursor.trunks(), now);
        let mut hunt = Hunt::start(Calls::Each(calls), cursor, &mut self.trunks, &mut self.ua, now);
        let events = std::iter::from_fn(|| hunt.poll_event()).collect();
        if let Some(dialing) = self.calls.get_mut(id).and_then(|call| call.dialing.as_mut()) {
            dialing.branches.push(Branch { leg, way: Way::Trunks(Box::new(hunt)) });
        }
        self.follow_hunt(id, leg, events, now);
    }

    /// The call as each trunk wants it, with an offer of its own; the side that made the offer waits in the leg for its trunk to be
    /// tried.
    fn write_calls(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        address: &str,
        trunks: &[sip_trunk::trunk::TrunkId],
        now: Instant,
    ) -> Vec<(sip_trunk::trunk::TrunkId, OutboundCall)> {
        let Self { calls, config, abilities, ports, rng, .. } = self;
        let Some(call) = calls.get_mut(id) else { return Vec::new() };
        let codecs = caller_codecs(call);
        let targets = &config.targets;
        let mut writer = Writer { call, leg, address, codecs, targets, abilities, ports, rng, now };
        trunks.iter().filter_map(|trunk| Some((*trunk, writer.write(*trunk)?))).collect()
    }

    /// Lets the hunt of a leg see what happened.
    pub(super) fn hunt_sees(&mut self, id: CallId, leg: MediaLeg, event: &ua::Event, now: Instant) {
        self.with_hunt(id, leg, now, |hunt, trunks, ua| {
            hunt.handle_event(event, trunks, ua, now);
        });
    }

    pub(super) fn with_hunt(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        now: Instant,
        run: impl FnOnce(&mut Hunt, &mut sip_trunk::trunk::Trunks, &mut ua::UserAgent),
    ) {
        let Self { calls, trunks, ua, .. } = self;
        let Some(hunt) = calls.get_mut(id).and_then(|call| call.dialing.as_mut()?.hunt(leg)) else { return };
        run(hunt, trunks, ua);
        let events = std::iter::from_fn(|| hunt.poll_event()).collect();
        self.follow_hunt(id, leg, events, now);
    }

    fn follow_hunt(&mut self, id: CallId, leg: MediaLeg, events: Vec<HuntEvent>, now: Instant) {
        for event in events {
            match event {
                HuntEvent::Trying { trunk, session } => self.on_attempt(id, leg, trunk, session, now),
                HuntEvent::Progressed { message, .. } => self.on_progress(id, leg, &message, now),
                HuntEvent::Answered { message, permit, .. } => {
                    self.on_answer(id, leg, &message, Some(permit), now);
                }
                HuntEvent::Failed { status, message } => {
                    self.on_branch_failed(id, leg, status, message.as_ref(), now)
                }
            }
        }
    }

    /// A new attempt of a hunt: a leg of its own in the record, another Call-ID, the same conversation (ST-041).
    fn on_attempt(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        trunk: sip_trunk::trunk::TrunkId,
        session: SessionId,
        now: Instant,
    ) {
        self.end_leg_record(id, leg, Some(LegOutcome::Failed), now);
        let wall = self.stamp(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(trunk) = call.runtime.trunk_of_key(trunk).cloned() else { return };
        let Some(state) = call.legs[usize::from(leg.0)].as_deref_mut() else { return };
        let before = state.session.replace(session);
        // A second server of the same trunk gets the same offer.
        let search = state.search.as_ref();
        let prepared = search.and_then(|search| search.prepared_for(trunk.settings.id));
        state.negotiation = prepared.map(|prepared| prepared.side.clone());
        let addresses =
            prepared.map(|prepared| (prepared.from.clone(), prepared.to.clone())).unwrap_or_default();
        // A trunk may have ports of its own.
        let own = prepared.map(|prepared| prepared.address);
        let moved = own.filter(|address| state.move_to(*address));
        state.party = Party::Trunk(trunk);
        state.standing = Standing::Alerting;
        let call_id =
            self.ua.session(session).map(|session| session.call_id().to_owned()).unwrap_or_default();
        let mut line = LegRecord::outgoing(state.party.to_record(), call_id, wall);
        (line.from, line.to) = addresses;
        state.record = call.record.legs.len();
        call.record.legs.push(line);
        let media = call.media;
        if let Some(before) = before {
            self.calls.unlink(before);
        }
        self.calls.link(session, id, leg);
        if let Some(address) = moved {
            self.order_media(media, Action::Detach { leg });
            self.order_media(media, Action::Attach { leg, address });
        }
    }

    /// Makes a leg with ports and, where the profile is known, an offer.
    pub(super) fn add_leg(
        &mut self,
        id: CallId,
        party: Party,
        profile: &LegProfile,
        signalling: Signalling,
        source: Option<std::net::IpAddr>,
        now: Instant,
    ) -> Option<(MediaLeg, Option<bytes::Bytes>)> {
        let seed = media_rtp::Seed(self.random());
        let wall = self.stamp(id, now);
        let call = self.calls.get_mut(id)?;
        let leg = call.free_leg()?;
        let emergency = call.dials_emergency();
        let address = take_ports(&mut self.ports, profile.pool, emergency, now)?;
        let (mut negotiation, mut offer) = (None, None);
        if !matches!(party, Party::Undecided) {
            let mut side =
                LegNegotiation::sharing(&mut self.abilities, profile, address, signalling, source, seed);
            side.prefer(&caller_codecs(call));
            // An offer that cannot be made leaves the choice to the phone.
            offer = side.offer(MediaDirection::SendRecv).ok();
            negotiation = Some(side);
        }
        let record = call.record.legs.len();
        let undecided = matches!(party, Party::Undecided);
        if !undecided {
            call.record.legs.push(LegRecord::outgoing(party.to_record(), String::new(), wall));
        }
        call.legs[usize::from(leg.0)] = Some(Box::new(Leg {
            session: None,
            party,
            identity: Identity::default(),
            standing: Standing::Alerting,
            address,
            search: None,
            negotiation,
            offered: None,
            permit: None,
            emergency,
            recorder: None,
            record: if undecided { usize::MAX } else { record },
        }));
        let media = call.media;
        self.order_media(media, Action::Attach { leg, address });
        Some((leg, offer))
    }

    pub(super) fn place(&mut self, id: CallId, leg: MediaLeg, invite: Invite, now: Instant) {
        let (from, to) = (invite.from.clone(), invite.request_uri.clone());
        match self.ua.invite(invite, now) {
            Ok(session) => {
                let call_id = self.ua.session(session).map(|s| s.call_id().to_owned()).unwrap_or_default();
                self.calls.link(session, id, leg);
                let Some(call) = self.calls.get_mut(id) else { return };
                if let Some(leg) = call.legs[usize::from(leg.0)].as_deref_mut() {
                    leg.session = Some(session);
                    if let Some(line) = call.record.legs.get_mut(leg.record) {
                        (line.protocol_call_id, line.from, line.to) = (call_id, from, to);
                    }
                }
                if let Some(dialing) = &mut call.dialing {
                    dialing.branches.push(Branch { leg, way: Way::Contact });
                }
            }
            Err(error) => {
                self.explain(id, format!("a contact cannot be called: {error}"));
                self.drop_leg(id, leg, LegOutcome::Failed, now);
            }
        }
    }

    /// The called side makes progress: the caller hears it ring, or hears what it plays.
    pub(super) fn on_progress(&mut self, id: CallId, leg: MediaLeg, message: &Message, now: Instant) {
        let status = message.status().unwrap_or(180);
        let wall = self.stamp(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(state) = call.legs[usize::from(leg.0)].as_deref_mut() else { return };
        if let Some(line) = call.record.legs.get_mut(state.record) {
            line.note(status);
            line.ringing = line.ringing.or((status >= 180).then_some(wall));
        }
        // Early media of one phone among several would drown the others.
        let alone = call.dialing.as_ref().is_some_and(|dialing| dialing.branches.len() <= 1);
        let early = session_description(message).filter(|_| alone);
        if let (Some(answer), Some(negotiation)) = (early, &mut state.negotiation)
            && negotiation.take_answer(&answer).is_ok()
        {
            state.standing = Standing::Early;
            self.connect(id, leg);
            let caller = self.calls.get(id).map(|call| call.caller);
            if let Some(caller) = caller {
                self.answer_caller_offer(id);
                self.connect(id, caller);
                self.bridge_legs(id, caller, leg);
            }
            return self.tell_caller(id, 183, now);
        }
        if status >= 180 {
            self.tell_caller(id, 180, now);
        }
    }

    /// One of the called answers: the others are withdrawn, the two are joined.
    pub(super) fn on_answer(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        message: &Message,
        permit: Option<Permit>,
        now: Instant,
    ) {
        let wall = self.stamp(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(state) = call.legs[usize::from(leg.0)].as_deref_mut() else { return };
        state.permit = permit;
        state.standing = Standing::Answered;
        let spare = state.search.take().map(|search| search.spare).unwrap_or_default();
        spare.iter().for_each(|spare| self.ports.release(spare, now));
        call.record.legs.shrink_to_fit();
        if let Some(line) = call.record.legs.get_mut(state.record) {
            line.note(message.status().unwrap_or(200));
            (line.answered, line.outcome) = (Some(wall), LegOutcome::Answered);
        }
        let taken = match (session_description(message), &mut state.negotiation) {
            (Some(answer), Some(negotiation)) => {
                negotiation.take_answer(&answer).map_err(|refusal| refusal.to_string())
            }
            // The answer came in a reliable 18x before.
            (None, Some(negotiation)) if negotiation.codec().is_some() => Ok(()),
            (None, _) | (_, None) => Err("the 200 has no session description".to_owned()),
        };
        if let Err(why) = taken {
            self.explain(id, format!("the answer cannot be used: {why}"));
            self.drop_leg(id, leg, LegOutcome::Failed, now);
            return self.on_branch_failed(id, leg, 488, None, now);
        }
        self.connect(id, leg);
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(dialing) = call.dialing.take() else { return };
        for (_, hunt) in dialing.hunts().filter(|(of, _)| *of == leg) {
            explain_hunt(call, hunt);
        }
        for branch in dialing.branches {
            if branch.leg != leg {
                self.withdraw(id, branch, now);
            }
        }
        self.join(id, leg, dialing.purpose, now);
    }

    /// A branch comes to nothing; the last one ends the search.
    pub(super) fn on_branch_failed(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        status: u16,
        message: Option<&Message>,
        now: Instant,
    ) {
        let cause = message.and_then(q850);
        let Some(call) = self.calls.get_mut(id) else { return };
        if let Some(dialing) = &mut call.dialing {
            let hunt = dialing.remove(leg);
            dialing.note_refusal(status);
            if let Some(hunt) = hunt {
                explain_hunt(call, &hunt);
            }
        }
        if let Some(line) =
            call.leg(leg).map(|leg| leg.record).and_then(|line| call.record.legs.get_mut(line))
        {
            line.note(status);
            line.q850 = cause.or(line.q850);
        }
        let outcome = match status {
            408 | 480 if message.is_none() => LegOutcome::NoAnswer,
            487 => LegOutcome::Cancelled,
            _ if message.is_some() => LegOutcome::Refused,
            _ => LegOutcome::Failed,
        };
        self.drop_leg(id, leg, outcome, now);
        self.conclude_dialing(id, status, now);
    }

    /// When nobody is left to call, the search has failed.
    fn conclude_dialing(&mut self, id: CallId, otherwise: u16, now: Instant) {
        let dialing = self.calls.get(id).and_then(|call| call.dialing.as_ref());
        if dialing.is_none_or(|dialing| dialing.placing) || self.take_detour(id, now) {
            return;
        }
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(dialing) = call.dialing.take_if(|dialing| dialing.branches.is_empty()) else { return };
        let status = dialing.refusal.unwrap_or(otherwise);
        self.dialing_failed(id, dialing.purpose, status, now);
    }

    /// Gives up everybody who is being called.
    pub(super) fn withdraw_all(&mut self, id: CallId, now: Instant) {
        let Some(dialing) = self.calls.get_mut(id).and_then(|call| call.dialing.take()) else { return };
        for branch in dialing.branches {
            self.withdraw(id, branch, now);
        }
    }

    fn withdraw(&mut self, id: CallId, branch: Branch, now: Instant) {
        let leg = branch.leg;
        match branch.way {
            Way::Trunks(mut hunt) => {
                hunt.withdraw(&mut self.trunks, &mut self.ua, now);
                if let Some(call) = self.calls.get_mut(id) {
                    explain_hunt(call, &hunt);
                }
            }
            Way::Contact => {
                let session = self.calls.get(id).and_then(|call| call.leg(leg)?.session);
                if let Some(session) = session {
                    // RFC 3326: the others need not show a missed call.
                    let _ = self.ua.hang_up(
                        session,
                        Some("SIP;cause=200;text=\"Call completed elsewhere\"".into()),
                        now,
                    );
                }
            }
        }
        self.drop_leg(id, leg, LegOutcome::Cancelled, now);
    }

    /// Joins the caller with whoever answered.
    fn join(&mut self, id: CallId, leg: MediaLeg, purpose: Purpose, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.peer = Some(leg);
        self.settle_budget(id, now);
        let Some(call) = self.calls.get(id) else { return };
        let (caller, media) = (call.caller, call.media);
        let was_answered = call.caller_is_answered();
        if was_answered {
            self.order_media(media, Action::StopPlay { leg: caller });
        } else {
            self.answer_caller(id, now);
        }
        self.bridge_legs(id, caller, leg);
        self.record_if_wanted(id);
        self.dialing_succeeded(id, purpose, now);
    }

    /// Ring-back for a caller that is connected already and waits for somebody new.
    pub(super) fn ring_back(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        if call.dialing.is_none() || !call.caller_is_answered() {
            return;
        }
        self.play(id, Sound::Tone(ToneKind::RingBack), true, false);
    }

    pub(super) fn explain(&mut self, id: CallId, why: String) {
        if let Some(call) = self.calls.get_mut(id) {
            call.record.add_explanation(why);
        }
    }
}

/// Writes the call for the trunk it is about to try: number form, caller identity, offer.
struct Writer<'e> {
    call: &'e mut Call,
    leg: MediaLeg,
    address: &'e str,
    /// What the caller speaks.
    codecs: Vec<Codec>,
    targets: &'e TargetPolicy,
    abilities: &'e mut Abilities,
    ports: &'e mut MediaPorts,
    rng: &'e mut rand_chacha::ChaCha20Rng,
    now: Instant,
}

impl Writer<'_> {
    fn write(&mut self, key: sip_trunk::trunk::TrunkId) -> Option<OutboundCall> {
        let runtime = Arc::clone(&self.call.runtime);
        let trunk = runtime.trunk_of_key(key)?;
        let body = self.offer(trunk)?.map(Body::sdp);
        let identity = &trunk.settings.identity;
        let emergency = self.call.dials_emergency();
        let origin = &self.call.origin;
        let site = origin.site(&runtime);
        let country = site.and_then(|site| site.country);
        let user = match origin {
            Origin::Phone(phone) => phone.user.and_then(|user| runtime.users.get(&user)),
            Origin::Trunk(_) => None,
        };
        let inbound = matches!(origin, Origin::Trunk(_)).then(|| outside_number(self.call)).flatten();
        let name = user.and_then(|user| user.name.as_str().parse().ok());
        let caller = Caller {
            // The guide keeps the ANI of a transferred caller.
            number: inbound.or_else(|| origin.number(&runtime)),
            extension: user.and_then(|user| user.extensions.first().copied()),
            site: site.and_then(|site| site.caller_address),
            name: name.as_ref(),
            site_name: site.and_then(|site| site.caller_name.as_ref()),
        };
        let presented = present(identity, caller, country);
        let called = self.address.parse::<E164>().map_or_else(
            |_| self.address.to_owned(),
            |number| write_number(number, identity.called, country).to_string(),
        );
        // Who helps must know whom to call back.
        let original = self.call.original().filter(|_| !emergency).cloned();
        let shown = match &original {
            Some(original) => original.from.clone(),
            None => format!("tel:{}", presented.number.as_ref().map(Number::to_string).unwrap_or_default()),
        };
        let search = self.call.leg_mut(self.leg).and_then(|leg| leg.search.as_mut());
        if let Some(prepared) = search.and_then(|search| search.prepared.last_mut()) {
            (prepared.from, prepared.to) = (shown, format!("tel:{called}"));
        }
        Some(OutboundCall {
            called,
            caller_number: presented.number.as_ref().map(Number::to_string),
            caller_name: presented.name.map(ToString::to_string),
            conversation: Some(self.call.conversation.to_string()),
            user_data: self.call.user_data.clone(),
            body,
            max_forwards: Some(self.call.max_forwards),
            emergency,
            restricted: self.call.is_restricted() && !emergency,
            original,
            ..OutboundCall::default()
        })
    }

    /// A fresh offer: trunks differ in codecs, encryption and ports. `None` without ports left for the trunk.
    fn offer(&mut self, trunk: &Arc<Trunk>) -> Option<Option<bytes::Bytes>> {
        use rand_chacha::rand_core::RngCore as _;
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let profile = LegProfile { targets: self.targets.clone(), ..trunk.profile() };
        let emergency = self.call.dials_emergency();
        let leg = self.call.leg_mut(self.leg)?;
        let signalling = if trunk.is_secure() { Signalling::Secure } else { Signalling::Insecure };
        let known = leg.addresses().find(|address| address.pool == trunk.pool);
        let address = match known {
            Some(known) => known,
            None => {
                let other = take_ports(self.ports, trunk.pool, emergency, self.now)?;
                leg.search.get_or_insert_default().spare.push(other);
                other
            }
        };
        let seed = media_rtp::Seed(seed);
        let mut side = LegNegotiation::sharing(self.abilities, &profile, address, signalling, None, seed);
        side.prefer(&self.codecs);
        let offer = side.offer(MediaDirection::SendRecv).ok();
        leg.search.get_or_insert_default().prepared.push(Prepared {
            trunk: trunk.settings.id,
            address,
            side,
            from: String::new(),
            to: String::new(),
        });
        Some(offer)
    }
}

/// A pair for a leg.
pub(super) fn take_ports(
    ports: &mut MediaPorts,
    pool: PoolId,
    emergency: bool,
    now: Instant,
) -> Option<MediaAddress> {
    if emergency { ports.take_for_emergency(pool, now) } else { ports.take(pool, now) }
}

/// Writes down what a search considered, a line each, with the names of the trunks.
fn explain_hunt(call: &mut Call, hunt: &Hunt) {
    for considered in hunt.explanation() {
        let trunk = call.runtime.trunk_of_key(considered.trunk);
        let text = considered.to_string();
        call.record.add_explanation(match trunk {
            Some(trunk) => text.replacen(&considered.trunk.to_string(), trunk.settings.name.as_ref(), 1),
            None => text,
        });
    }
}

/// What the caller speaks, so that nothing needs transcoding where it can be helped.
fn caller_codecs(call: &Call) -> Vec<Codec> {
    let Some(leg) = call.leg(call.caller) else { return Vec::new() };
    match (&leg.offered, &leg.negotiation) {
        (Some(offered), Some(negotiation)) => negotiation.examine(&offered.offer).unwrap_or_default(),
        (None, Some(negotiation)) => negotiation.peer_codecs().to_vec(),
        (_, None) => Vec::new(),
    }
}
