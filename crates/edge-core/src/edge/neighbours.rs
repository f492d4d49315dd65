//! The other edges of the group: asked whether they live, given calls that cannot be placed here, and their calls placed here.
//!
//! ```text
//!  group: Ask ──► OPTIONS, X-Edge-Load ──► neighbour ──► 200, X-Edge-Load ──► group: heard
//!  no trunk here took it, phone registered there ──► INVITE, X-Edge-Call ──► neighbour: carries it, and never gives it on
//! ```
//!
//! A neighbour is who sends from an address of its interfaces, and datagrams from the port edges speak to each other on; a call it gives
//! on bears a seal, where the group has a key. What is believed of a neighbour, and why: docs/decisions/0014-neighbours.md.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use media_rtp::sdp::Signalling;
use sip_trunk::endpoint::{ContactSpec, Destination, Outgoing, RequestId, Source};
use sip_trunk::header::MaxForwards;
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{Path, Transport};
use sip_trunk::ua::{Body, Invite, Rejection, SessionId};
use telco_model::topology::{Status, Topology};
use telco_model::value::{EdgeId, PhoneId, TrunkId};

use super::identity::caller_of_phone_call;
use super::incoming::Opening;
use super::message::dialled;
use super::{Edge, Event};
use crate::call::{CallId, Detour, Party, Purpose};
use crate::cdr::EndedBy;
use crate::compile::Phone;
use crate::group::{CALL_HEADER, EdgeStatus, Giver, Handover, LOAD_HEADER, Load, Output, Taker, topology};
use crate::guard::Code;
use crate::media::LegProfile;
use crate::route::{Origin, Route, Target};

impl Edge {
    /// What this edge carries, and how much it could.
    pub fn load(&self, now: Instant) -> Load {
        self.group.load(now)
    }

    /// The information panels of this edge and of its neighbours. An edge that runs from a file counts as online.
    pub fn statuses(&self, now: Instant) -> Vec<(EdgeId, EdgeStatus)> {
        self.group.statuses(&self.runtime, true, now)
    }

    /// The topology map as this edge knows it.
    pub fn topology(&self, now: Instant) -> Topology {
        let up = |up: bool| if up { Status::Up } else { Status::Down };
        let trunk = |id: TrunkId| {
            if !self.runtime.trunks.get(&id)?.settings.in_service {
                return Some(Status::OutOfService);
            }
            let trunk = self.trunks.get(self.runtime.trunk_key(id)?)?;
            Some(up(trunk.health().is_up()))
        };
        let phone = |id: PhoneId| {
            let is_here = !self.registrar.contacts_of(id).is_empty();
            let registers_here = self.runtime.phones.get(&id).is_some_and(|phone| phone.role.is_some());
            (is_here || registers_here).then(|| up(is_here))
        };
        topology(&self.runtime, &self.statuses(now), trunk, phone)
    }

    /// A version of the software waits to be installed; `None`: none does.
    pub fn stage_software(&mut self, version: Option<String>) {
        self.group.stage(version);
    }

    pub(super) fn on_group(&mut self, output: Output, now: Instant) {
        match output {
            Output::Ask(edge) => self.ask_neighbour(edge, now),
            Output::EndCalls => {
                for id in self.calls.ids() {
                    if self.calls.get(id).is_some_and(|call| !call.is_emergency()) {
                        self.finish(id, EndedBy::Edge, Some(503), "the time for draining is over", now);
                    }
                }
            }
            Output::NeighbourUp(_) | Output::NeighbourDown(_) | Output::Drained => {}
        }
        if !matches!(output, Output::Ask(_)) {
            self.tell(Event::Group(output));
        }
    }

    fn ask_neighbour(&mut self, edge: EdgeId, now: Instant) {
        let Some(at) = self.neighbour_address(edge) else { return };
        let random = self.tag();
        let draft = Draft::request(&Method::Options, format!("sip:{at}"))
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, format!("<sip:edge@{}>;tag={random}", self.config.host))
            .header(HeaderName::To, format!("<sip:{at}>"))
            .header(HeaderName::CallId, &random)
            .header(HeaderName::CSeq, "1 OPTIONS")
            .header(LOAD_HEADER, self.load(now).to_string());
        let outgoing = Outgoing::new(draft, Destination::Uri(format!("sip:{at};transport=udp")));
        match self.ua.request(outgoing, None, now) {
            Ok(request) => _ = self.asked.insert(request, edge),
            Err(_) => self.group.failed(edge, now),
        }
    }

    /// The answer to a question of ours, or that none came.
    pub(super) fn on_neighbour_answer(&mut self, request: RequestId, answer: Option<&Message>, now: Instant) {
        let Some(edge) = self.asked.remove(&request) else { return };
        match answer {
            Some(answer) => self.hear_neighbour(edge, answer, now),
            None => self.group.failed(edge, now),
        }
    }

    pub(super) fn hear_neighbour(&mut self, edge: EdgeId, message: &Message, now: Instant) {
        let load =
            message.header(LOAD_HEADER).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        self.group.heard(edge, load, now);
    }

    /// The neighbour that sends from there.
    pub(super) fn neighbour_at(&self, source: &Source) -> Option<EdgeId> {
        let from_its_port = match source.path {
            Path::Datagram { remote, .. } => remote.port() == self.config.group_port,
            Path::Stream(_) => true,
        };
        self.runtime.neighbour_at(source.remote.ip()).filter(|_| from_its_port)
    }

    fn neighbour_address(&self, edge: EdgeId) -> Option<SocketAddr> {
        let ip: IpAddr = self.runtime.neighbour_address(edge)?;
        Some(SocketAddr::new(ip, self.config.group_port))
    }

    /// EC-014: a neighbour that has room for a call there is none for here.
    pub(super) fn relief(&mut self, dialled: &str) -> Option<Rejection> {
        let random = self.random();
        let mut draw = [0; 8];
        draw.copy_from_slice(&random[..8]);
        let edge = self.group.relief(&self.runtime, u64::from_be_bytes(draw))?;
        let at = self.neighbour_address(edge).filter(|_| is_plain(dialled))?;
        // RFC 3261 §21.3.3: the phone calls there by itself, with its password.
        let contact = ("Contact".to_owned(), format!("<sip:{dialled}@{at}>"));
        Some(Rejection { headers: vec![contact], ..Rejection::new(302) })
    }

    /// EC-005: the edges of the group that run these trunks too, for when none takes the call here. A call that came from a neighbour
    /// goes no further.
    pub(super) fn plan_detours(&mut self, id: CallId, trunks: &[TrunkId], address: &str) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.neighbour.is_none()) else { return };
        let Some(dialing) = call.dialing.as_mut().filter(|_| is_plain(address)) else { return };
        for trunk in trunks.iter().filter_map(|trunk| call.runtime.trunks.get(trunk)) {
            for edge in trunk.neighbours().filter(|_| trunk.settings.in_service) {
                let alive = self.group.neighbour(edge).and_then(|known| known.alive);
                // Rather an edge nobody has heard of yet than no emergency call.
                if alive != Some(true) && !(dialing.emergency && alive.is_none()) {
                    continue;
                }
                dialing.detour(edge, trunk.settings.id, address);
            }
        }
    }

    /// EC-003: a phone that is not registered here is called by way of its primary edge, and by its secondary one when that fails.
    pub(super) fn ring_elsewhere(&mut self, id: CallId, phone: &Arc<Phone>, now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.neighbour.is_none()) else { return };
        let edges = [phone.assignment.primary, phone.assignment.secondary].into_iter().flatten();
        let is_alive =
            |edge: &EdgeId| self.group.neighbour(*edge).is_some_and(|known| known.alive == Some(true));
        let to = Taker::Phone(phone.id);
        let mut detours =
            edges.filter(is_alive).map(|edge| Detour { edge, to: to.clone(), dialled: "phone".into() });
        let first = detours.next();
        if let Some(dialing) = &mut call.dialing {
            dialing.detours.extend(detours);
        }
        if let Some(detour) = first {
            self.call_neighbour(id, detour, now);
        }
    }

    /// Tries the next way around. Whether somebody is being called now.
    pub(super) fn take_detour(&mut self, id: CallId, now: Instant) -> bool {
        loop {
            let dialing = self.calls.get_mut(id).and_then(|call| call.dialing.as_mut());
            let Some(detour) = dialing.and_then(|dialing| dialing.next_detour()) else { return false };
            if self.call_neighbour(id, detour, now) {
                return true;
            }
        }
    }

    fn call_neighbour(&mut self, id: CallId, detour: Detour, now: Instant) -> bool {
        let Detour { edge, to, dialled } = detour;
        let behind = self.taker(&to);
        let Some(at) = self.neighbour_address(edge) else { return false };
        let name = self.runtime.neighbours.get(&edge).map_or_else(String::new, |edge| edge.name.to_string());
        self.explain(id, format!("by way of edge {name}"));
        let profile = self.media_profile(LegProfile::default());
        let party = Party::Neighbour(edge);
        let source = Some(at.ip());
        let Some((leg, offer)) = self.add_leg(id, party, &profile, Signalling::Insecure, source, now) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(id) else { return false };
        if let Some(leg) = call.leg_mut(leg) {
            leg.identity.behind = behind;
        }
        let handover = Handover {
            conversation: call.conversation,
            from: match &call.origin {
                Origin::Phone(phone) => Giver::Phone(phone.id),
                Origin::Trunk(trunk) => Giver::Trunk(trunk.settings.id),
            },
            to,
            emergency: call.dials_emergency(),
            user_data: call.user_data.clone(),
        };
        let from = caller_of_phone_call(call, &self.config.host);
        let mut invite = Invite::new(format!("sip:{dialled}@{at}"), from);
        invite.max_forwards = call.max_forwards;
        let text = match &self.config.group_key {
            Some(key) => handover.sealed(&dialled, key),
            None => handover.to_string(),
        };
        invite.headers = vec![(CALL_HEADER.to_owned(), text)];
        if call.is_restricted() {
            invite.headers.push(("Privacy".to_owned(), "id".to_owned()));
        }
        invite.contact = ContactSpec::user("edge");
        invite.transport = Some(Transport::Udp);
        invite.timeout = Some(self.config.ring);
        invite.body = offer.map(Body::sdp);
        self.place(id, leg, invite, now);
        self.calls.get(id).is_some_and(|call| {
            call.dialing.as_ref().is_some_and(|dialing| dialing.branches.iter().any(|b| b.leg == leg))
        })
    }

    /// Whether a number is one of an emergency service, as this edge knows them.
    fn is_known_emergency(&self, message: &Message, dialled: &str) -> bool {
        let mut trunks = self.runtime.trunks.values();
        self.is_emergency(message)
            || trunks.any(|trunk| {
                let carrier = trunk.settings.emergency.as_ref();
                carrier.is_some_and(|carrier| !carrier.numbers.is_empty() && carrier.covers(dialled))
            })
    }

    /// Who a neighbour is asked to call.
    fn taker(&self, to: &Taker) -> Option<Origin> {
        match to {
            Taker::Phone(phone) => {
                self.runtime.phones.get(phone).map(|phone| Origin::Phone(Arc::clone(phone)))
            }
            Taker::Trunks(trunks) => {
                let trunk = trunks.iter().find_map(|trunk| self.runtime.trunks.get(trunk))?;
                Some(Origin::Trunk(Arc::clone(trunk)))
            }
        }
    }

    /// A neighbour gives us a call: it has been decided, and is only carried out.
    pub(super) fn on_handover(
        &mut self,
        session: SessionId,
        edge: EdgeId,
        message: &Message,
        source: &Source,
        now: Instant,
    ) {
        let text = message.header(CALL_HEADER).and_then(|value| std::str::from_utf8(value).ok());
        let dialled = dialled(message).unwrap_or_default();
        let read = |text: &str| match &self.config.group_key {
            Some(key) => Handover::opened(text, &dialled, key).ok(),
            None => text.parse::<Handover>().ok(),
        };
        let Some(handover) = text.and_then(read) else {
            self.guard.tell(Code::RequestNotAllowed, source, None, Some("INVITE of a neighbour"), now);
            return self.refuse(session, 403, None, now);
        };
        // What is an emergency is known here too.
        let emergency = handover.emergency && self.is_known_emergency(message, &dialled);
        let hops = message.typed::<MaxForwards>().and_then(Result::ok).map_or(70, |hops| hops.0);
        if hops == 0 {
            return self.refuse(session, 483, None, now);
        }
        let runtime = Arc::clone(&self.runtime);
        let origin = match handover.from {
            Giver::Phone(phone) => runtime.phones.get(&phone).map(|phone| Origin::Phone(Arc::clone(phone))),
            Giver::Trunk(trunk) => runtime.trunks.get(&trunk).map(|trunk| Origin::Trunk(Arc::clone(trunk))),
        };
        let target = match &handover.to {
            Taker::Phone(phone) => runtime
                .phones
                .get(phone)
                .map(|phone| Target::Phones { user: None, phones: vec![Arc::clone(phone)] }),
            Taker::Trunks(trunks) => {
                let here = trunks.iter().copied().filter(|trunk| runtime.trunk_key(*trunk).is_some());
                Some(Target::Trunks { group: None, trunks: here.collect() })
            }
        };
        // The edges of a group may be a configuration apart for a moment.
        let (Some(origin), Some(target)) = (origin, target) else {
            return self.refuse(session, 404, None, now);
        };
        if let Err(busy) = self.group.admit(emergency, now) {
            tracing::warn!(%origin, "call of a neighbour refused: {busy}");
            return self.refuse(session, 503, Some(5), now);
        }
        let party = Party::Neighbour(edge);
        let facts = Opening { origin, party, hops, dialled: &dialled, emergency };
        let Some(id) = self.open_call(session, message, source, facts, now) else {
            self.group.ended();
            return self.refuse(session, 503, Some(5), now);
        };
        if let Some(call) = self.calls.get_mut(id) {
            (call.conversation, call.record.conversation) = (handover.conversation, handover.conversation);
            (call.neighbour, call.user_data) = (Some(edge), handover.user_data);
        }
        if let Err((status, warning)) = self.examine_offer(id, message) {
            return self.reject_caller(id, status, warning, "the neighbour's media cannot be had", now);
        }
        let route = Route {
            address: numplan::Dialled::parse(&dialled).ok().map(Into::into),
            emergency,
            ..Route::internal(target)
        };
        self.follow(id, route, Purpose::Call, now);
    }
}

/// Whether it is a number that stands in a URI as it is.
fn is_plain(dialled: &str) -> bool {
    !dialled.is_empty() && dialled.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'*'))
}
