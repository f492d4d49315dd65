//! A call comes in: who it is from, whether it may, where it goes.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use sip_trunk::endpoint::Source;
use sip_trunk::header::{From, MaxForwards, To};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::trunk::{Permit, Unmatched};
use sip_trunk::ua::{Headers, Rejection, SessionId};

use super::Edge;
use super::dial::take_ports;
use super::identity::identity_in;
use super::message::{dialled, session_description, shown, signalling, text, user_data};
use super::requests::rejection_of;
use crate::ConversationId;
use crate::call::{Call, CallId, Leg, Offered, Party, Purpose, Standing};
use crate::cdr::{CallRecord, Direction, EndedBy, Ending, LegDirection, LegOutcome, LegRecord};
use crate::guard::Relation;
use crate::media::{Action, LegNegotiation, LegProfile, MediaLeg, Order};
use crate::route::{self, Origin, Query, Refusal, Route, Target};

/// The number of the caller's leg.
const CALLER: MediaLeg = MediaLeg(0);

/// What is known of a call before there is one.
pub(super) struct Opening<'a> {
    pub(super) origin: Origin,
    pub(super) party: Party,
    pub(super) hops: u8,
    pub(super) dialled: &'a str,
    pub(super) emergency: bool,
}

impl Edge {
    /// The steps of a new call, in their order.
    pub(super) fn on_incoming(
        &mut self,
        session: SessionId,
        message: &Message,
        source: &Source,
        now: Instant,
    ) {
        if let Relation::Neighbour(edge) = self.relation(message, source) {
            return self.on_handover(session, edge, message, source, now);
        }
        let Some(origin) = self.identify(session, message, source, now) else { return };
        self.examine_identity(&origin, message, source, now);
        let hops = message.typed::<MaxForwards>().and_then(Result::ok).map_or(70, |hops| hops.0);
        if hops == 0 {
            return self.refuse(session, 483, None, now);
        }
        let dialled = dialled(message).unwrap_or_default();
        let query = Query { origin: &origin, dialled: &dialled, now: self.clock.at(now) };
        let decided = route::decide(&self.runtime, query, &mut self.chance);
        let emergency = decided.as_ref().is_ok_and(|route| route.emergency);
        if !emergency && let Some(why) = self.holds_back(&origin) {
            tracing::warn!(%origin, "call held back: {why}");
            return self.refuse(session, 503, Some(5), now);
        }
        if let Err(busy) = self.group.admit(emergency, now) {
            tracing::warn!(%origin, "call held back: {busy}");
            let relief = matches!(origin, Origin::Phone(_)).then(|| self.relief(&dialled)).flatten();
            return match relief {
                Some(elsewhere) => drop(self.ua.reject(session, elsewhere, now)),
                None => self.refuse(session, 503, Some(5), now),
            };
        }
        let permit = match emergency {
            true => None,
            false => match self.take_place(&origin, now) {
                Ok(permit) => permit,
                Err(why) => {
                    tracing::warn!(%origin, "call refused: {why}");
                    self.group.ended();
                    return self.refuse(session, 503, Some(5), now);
                }
            },
        };
        let for_program = self.is_for_program(&origin, emergency);
        let party = Party::of(&origin);
        let facts = Opening { origin, party, hops, dialled: &dialled, emergency };
        let Some(id) = self.open_call(session, message, source, facts, now) else {
            self.group.ended();
            if let Some(permit) = permit {
                self.trunks.release(permit);
            }
            return self.refuse(session, 503, Some(5), now);
        };
        if let Some(leg) = self.calls.get_mut(id).and_then(|call| call.leg_mut(CALLER)) {
            leg.permit = permit;
        }
        if let Err((status, warning)) = self.examine_offer(id, message) {
            return self.reject_caller(id, status, warning, "the caller's media cannot be had", now);
        }
        if for_program {
            if let Ok(route) = &decided {
                self.note_route(id, route, Purpose::Call, now);
            }
            return self.offer_to_program(id, decided, now);
        }
        match decided {
            Ok(route) => self.follow(id, route, Purpose::Call, now),
            Err(refusal) => self.turn_away(id, &refusal, now),
        }
    }

    /// The configuration leads nowhere.
    pub(super) fn turn_away(&mut self, id: CallId, refusal: &Refusal, now: Instant) {
        if let Some(call) = self.calls.get_mut(id) {
            call.record.add_explanation(refusal.to_string());
            call.record.ending.q850 = u8::try_from(refusal.cause()).ok();
        }
        let headers = vec![("Reason".into(), format!("Q.850;cause={}", refusal.cause()))];
        self.reject_caller(id, refusal.status(), headers, &refusal.to_string(), now);
    }

    /// A phone proves itself with a password, a trunk by where it is. Whoever is neither is asked for a password: that is all a
    /// stranger learns.
    pub(super) fn identify(
        &mut self,
        session: SessionId,
        message: &Message,
        source: &Source,
        now: Instant,
    ) -> Option<Origin> {
        let has_credentials = message.header(HeaderName::Authorization).is_some()
            || message.header(HeaderName::ProxyAuthorization).is_some();
        if !has_credentials && self.known.phone_at(source, &self.registrar).is_none() {
            match self.trunks.identify(message, source) {
                Ok(matched) => {
                    let trunk = self.runtime.trunk_of_key(matched.trunk).cloned();
                    if trunk.is_none() {
                        self.refuse(session, 503, None, now);
                    }
                    return trunk.map(Origin::Trunk);
                }
                Err(Unmatched::Stranger { .. }) => {}
                Err(unmatched) => {
                    self.saw_unmatched(&unmatched, now);
                    self.refuse(session, unmatched.status(), None, now);
                    return None;
                }
            }
        }
        let relation = self.relation(message, source);
        let emergency = self.is_emergency(message);
        match self.guard.prove(&mut self.registrar, message, source, relation, emergency, now) {
            Ok(proved) => {
                self.ua.vouch(source.path);
                let phone = self.runtime.phones.get(&proved.account.phone).cloned();
                if phone.is_none() {
                    self.refuse(session, 403, None, now);
                }
                phone.map(Origin::Phone)
            }
            Err(draft) => {
                let rejection = rejection_of(draft).unwrap_or_else(|| Rejection::new(403));
                let _ = self.ua.reject(session, rejection, now);
                None
            }
        }
    }

    /// The place on its trunk of a call that comes in by one; or why there is none.
    pub(super) fn take_place(&mut self, origin: &Origin, now: Instant) -> Result<Option<Permit>, String> {
        let Origin::Trunk(trunk) = origin else { return Ok(None) };
        let key = self.runtime.trunk_key(trunk.settings.id).ok_or("the trunk is not there any more")?;
        self.trunks.admit_inbound(key, now).map(Some).map_err(|refusal| refusal.to_string())
    }

    /// Why no call but an emergency call is taken now, whatever room there is.
    fn holds_back(&self, origin: &Origin) -> Option<&'static str> {
        if self.outbox.is_full() {
            return Some("call records cannot be written");
        }
        match origin {
            Origin::Trunk(trunk) if !trunk.settings.in_service => Some("the trunk is out of service"),
            Origin::Trunk(_) | Origin::Phone(_) => None,
        }
    }

    /// What the record of a call says of an instant: by the clock it began under, so that its durations are right even when the
    /// clock is set while it runs.
    pub(super) fn stamp(&self, id: CallId, now: Instant) -> Timestamp {
        self.calls.get(id).map_or(self.clock, |call| call.clock).at(now)
    }

    pub(super) fn open_call(
        &mut self,
        session: SessionId,
        message: &Message,
        source: &Source,
        opening: Opening<'_>,
        now: Instant,
    ) -> Option<CallId> {
        let Opening { origin, party, hops, dialled, emergency } = opening;
        let wall = self.clock.at(now);
        let profile = match party {
            Party::Phone(_) | Party::Trunk(_) | Party::Undecided => self.runtime.profile_of(&origin),
            Party::Neighbour(_) => LegProfile::default(),
        };
        let profile = self.media_profile(profile);
        let address = take_ports(&mut self.ports, profile.pool, emergency, now)?;
        let seed = media_rtp::Seed(self.random());
        let negotiation = LegNegotiation::sharing(
            &mut self.abilities,
            &profile,
            address,
            signalling(source),
            Some(source.remote.ip()),
            seed,
        );
        let mut random = [0; 16];
        random.copy_from_slice(&self.random()[..16]);
        let conversation = ConversationId::from_random(random);
        let leg = LegRecord {
            direction: LegDirection::In,
            party: party.to_record(),
            protocol_call_id: text(message, HeaderName::CallId),
            from: shown::<From<'_>>(message, |from| from.uri.to_string()),
            to: shown::<To<'_>>(message, |to| to.uri.to_string()),
            remote: Some(source.remote.to_string()),
            media: None,
            started: wall,
            ringing: None,
            answered: None,
            ended: wall,
            outcome: LegOutcome::Cancelled,
            sip_codes: Vec::new(),
            q850: None,
            quality: None,
        };
        let record = CallRecord {
            conversation,
            edge: self.runtime.edge.as_ref().map(|edge| edge.id)?,
            direction: match &origin {
                Origin::Trunk(_) => Direction::Inbound,
                Origin::Phone(_) => Direction::Internal,
            },
            site: origin.site(&self.runtime).map(|site| site.id),
            dialled: dialled.to_owned(),
            classification: None,
            emergency: false,
            started: wall,
            answered: None,
            ended: wall,
            legs: vec![leg],
            transfers: Vec::new(),
            ending: Ending { by: EndedBy::Caller, sip: None, q850: None, reason: String::new() },
            explain: Vec::new(),
        };
        let user_data = origin.passes_user_data().then(|| user_data(message)).flatten();
        let identity = identity_in(message, &origin, &party);
        let runtime = Arc::clone(&self.runtime);
        let offer = session_description(message);
        let id = self.calls.insert(|id| {
            let mut call = Call {
                clock: self.clock,
                media: id.media(),
                media_is_open: false,
                conversation,
                origin,
                neighbour: None,
                runtime,
                legs: Default::default(),
                caller: CALLER,
                peer: None,
                dialing: None,
                control: None,
                transferor: None,
                releasing: None,
                user_data,
                playing: Order::default(),
                collecting: Order::default(),
                recordings: 0,
                tickets: Vec::new(),
                max_forwards: hops - 1,
                record,
                ending: None,
            };
            call.legs[usize::from(CALLER.0)] = Some(Box::new(Leg {
                session: Some(session),
                party,
                identity,
                standing: Standing::Alerting,
                address,
                search: None,
                negotiation: Some(negotiation),
                offered: offer.map(|offer| Box::new(Offered { offer, answer: None })),
                permit: None,
                emergency: false,
                recorder: None,
                record: 0,
            }));
            call
        });
        self.about = Some(id);
        self.calls.link(session, id, CALLER);
        Some(id)
    }

    /// Whether the caller's offer could be answered at all; there is no point in calling anybody when not.
    pub(super) fn examine_offer(&mut self, id: CallId, message: &Message) -> Result<(), (u16, Headers)> {
        let Some(leg) = self.calls.get(id).and_then(|call| call.leg(CALLER)) else { return Ok(()) };
        let (Some(offered), Some(negotiation)) = (&leg.offered, &leg.negotiation) else {
            // RFC 3261 §13.2.1: an INVITE without a description asks us to offer.
            let odd = !message.body().is_empty() && message.header(HeaderName::ContentType).is_none();
            return if odd { Err((400, Headers::new())) } else { Ok(()) };
        };
        match negotiation.examine(&offered.offer) {
            Ok(_) => Ok(()),
            Err(refusal) => {
                Err((refusal.status(), vec![("Warning".into(), refusal.warning(&self.config.host))]))
            }
        }
    }

    /// Goes where a route leads.
    pub(super) fn follow(&mut self, id: CallId, route: Route, purpose: Purpose, now: Instant) {
        self.note_route(id, &route, purpose, now);
        match &route.target {
            Target::Flow(flow) if self.config.program.calls.stands_for(flow.id) => {
                self.dialing_succeeded(id, purpose, now);
                self.offer_to_program(id, Ok(route), now);
            }
            Target::Flow(_) | Target::Phones { .. } | Target::Trunks { .. } => {
                self.reach(id, route, purpose, now)
            }
        }
    }

    /// Writes down what was decided, and opens the media it needs.
    pub(super) fn note_route(&mut self, id: CallId, route: &Route, purpose: Purpose, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.record.emergency |= route.emergency;
        call.record.classification =
            route.classification.as_ref().map(ToString::to_string).or(call.record.classification.take());
        for line in &route.explanation {
            call.record.add_explanation(line);
        }
        if matches!(route.target, Target::Trunks { .. }) && purpose == Purpose::Call {
            call.record.direction = match call.origin {
                Origin::Phone(_) => Direction::Outbound,
                Origin::Trunk(_) => Direction::Transit,
            };
        }
        self.open_media(id, now);
    }

    /// Calls whoever a route leads to, or starts the flow.
    pub(super) fn reach(&mut self, id: CallId, route: Route, purpose: Purpose, now: Instant) {
        match route.target {
            Target::Phones { user, phones } => {
                self.begin_dialing(id, purpose, route.emergency);
                self.dial_phones(id, user.as_deref(), &phones, now);
            }
            Target::Trunks { group, trunks } => {
                let address = route.address.map(|address| address.as_str().to_owned()).unwrap_or_default();
                self.begin_dialing(id, purpose, route.emergency);
                self.dial_trunks(id, group, &trunks, &address, now);
            }
            Target::Flow(flow) => {
                self.dialing_succeeded(id, purpose, now);
                self.start_flow(id, flow, now);
            }
        }
    }

    /// A profile with the addresses this edge lets peers name.
    pub(super) fn media_profile(&self, profile: LegProfile) -> LegProfile {
        LegProfile { targets: self.config.targets.clone(), ..profile }
    }

    /// Tells the media threads of a call, once.
    pub(super) fn open_media(&mut self, id: CallId, _now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|call| !call.media_is_open) else { return };
        call.media_is_open = true;
        let (media, settings) = (call.media, call.runtime.media_settings(&call.origin));
        let legs: Vec<_> = (0u8..)
            .zip(&call.legs)
            .filter_map(|(n, leg)| Some((MediaLeg(n), leg.as_ref()?.address)))
            .collect();
        self.order_media(media, Action::Open(settings));
        for (leg, address) in legs {
            self.order_media(media, Action::Attach { leg, address });
        }
    }

    pub(super) fn refuse(&mut self, session: SessionId, status: u16, retry_after: Option<u64>, now: Instant) {
        let retry_after = retry_after.map(std::time::Duration::from_secs);
        // A caller that is gone already needs no answer.
        let _ = self.ua.reject(session, Rejection { retry_after, ..Rejection::new(status) }, now);
    }
}
