//! Our side: a user agent with trunks, one group, and calls that hunt for a trunk.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use sip_trunk::Seed;
use sip_trunk::endpoint::{EndpointConfig, Input, Io, Listener, Output};
use sip_trunk::group::{Hunt, HuntEvent, Member, Recovery, TrunkGroup, TrunkGroupConfig};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::trunk::{
    OutboundCall, Permit, Problem, TrunkConfig, TrunkEvent, TrunkId, Trunks, TrunksConfig,
};
use sip_trunk::ua::{Answer, Body, Event as Heard, Rejection, SessionId, UaConfig, UserAgent};
use telco_testkit::{Arrival, Departure, Event, Node};

pub(crate) const EDGE: &str = "192.0.2.1:5060";
const SOCKET: SocketId = SocketId(0);

/// A call that found a trunk, or none.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) at: Instant,
    /// The trunk that answered, or the status of the failure.
    pub(crate) outcome: Result<TrunkId, u16>,
    pub(crate) explanation: Vec<String>,
}

pub(crate) struct Edge {
    pub(crate) ua: UserAgent,
    pub(crate) trunks: Trunks,
    pub(crate) group: Option<TrunkGroup>,
    hunts: Vec<Hunt>,
    carried: Vec<(SessionId, Permit)>,
    pub(crate) placed: Vec<Placed>,
    /// Everything an operator would read, and when.
    pub(crate) log: Vec<(Instant, String)>,
    pub(crate) events: Vec<TrunkEvent>,
    /// INVITEs that came in, with the trunk or the refusal.
    pub(crate) incoming: Vec<(Message, Result<TrunkId, u16>)>,
    out: VecDeque<Departure>,
}

impl Edge {
    pub(crate) fn new(trunks: Vec<TrunkConfig>, recovery: Recovery, now: Instant) -> (Self, Vec<Problem>) {
        let listener = Listener::new(SOCKET, Transport::Udp, EDGE.parse().unwrap());
        let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
        let ua = UserAgent::new(UaConfig { endpoint, ..UaConfig::default() }, Seed([5; 32]), now);
        let config =
            TrunksConfig { domains: vec!["byoc.example.com".into()], own: vec![("192.0.2.1".into(), 5060)] };
        let members = trunks.iter().enumerate().map(|(index, trunk)| {
            let priority = u16::try_from(index).unwrap() + 1;
            Member { trunk: trunk.id, priority }
        });
        let members = members.collect();
        let mut edge = Self {
            ua,
            trunks: Trunks::new(config, Seed([6; 32])),
            group: None,
            hunts: Vec::new(),
            carried: Vec::new(),
            placed: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
            incoming: Vec::new(),
            out: VecDeque::new(),
        };
        let problems = edge.trunks.apply(trunks, &mut edge.ua, now);
        let config = TrunkGroupConfig { name: "TG".into(), members, recovery };
        edge.group = Some(TrunkGroup::new(config, &edge.trunks, now));
        edge.settle(now);
        (edge, problems)
    }

    pub(crate) fn call(&mut self, call: OutboundCall, now: Instant) {
        let cursor = self.group.as_ref().unwrap().cursor(call.emergency);
        let body = call.body.clone().or(Some(Body::sdp("v=0\r\n")));
        let call = OutboundCall { body, ..call };
        let hunt = Hunt::start(call, cursor, &mut self.trunks, &mut self.ua, now);
        self.hunts.push(hunt);
        self.settle(now);
    }

    pub(crate) fn dial(&mut self, now: Instant) {
        let call = OutboundCall {
            called: "+12025550123".into(),
            caller_number: Some("+14085550100".into()),
            conversation: Some("c0ffee".into()),
            ..OutboundCall::default()
        };
        self.call(call, now);
    }

    pub(crate) fn hang_up_all(&mut self, now: Instant) {
        for (session, _) in &self.carried {
            self.ua.hang_up(*session, None, now).unwrap();
        }
        self.settle(now);
    }

    pub(crate) fn apply(&mut self, trunks: Vec<TrunkConfig>, now: Instant) -> Vec<Problem> {
        let problems = self.trunks.apply(trunks, &mut self.ua, now);
        self.settle(now);
        problems
    }

    pub(crate) fn note(&mut self, line: String, now: Instant) {
        self.out.push_back(Departure::Note(line.clone()));
        self.log.push((now, line));
    }

    pub(crate) fn settle(&mut self, now: Instant) {
        loop {
            if let Some(event) = self.trunks.poll_event() {
                self.note(event.to_string(), now);
                let health_changed = matches!(event, TrunkEvent::HealthChanged { .. });
                self.events.push(event);
                if !health_changed {
                    continue;
                }
                if let Some(moved) = self.group.as_mut().and_then(|group| group.refresh(&self.trunks, now)) {
                    self.note(moved.to_string(), now);
                }
                for hunt in &mut self.hunts {
                    hunt.health_changed(&mut self.trunks, &mut self.ua, now);
                }
            } else if let Some(output) = self.ua.poll_output() {
                match output {
                    Output::Io(Io::Datagram { remote, bytes, .. }) => {
                        let from = EDGE.parse().unwrap();
                        self.out.push_back(Departure::Datagram { from, to: remote, body: bytes.to_vec() });
                    }
                    Output::Io(other) => panic!("{other:?}"),
                    Output::Event(event) => self.heard(&event, now),
                }
            } else if !self.poll_hunts(now) {
                return;
            }
        }
    }

    fn poll_hunts(&mut self, now: Instant) -> bool {
        for index in 0..self.hunts.len() {
            let Some(event) = self.hunts[index].poll_event() else { continue };
            let outcome = match event {
                HuntEvent::Trying { .. } | HuntEvent::Progressed { .. } => return true,
                HuntEvent::Answered { session, permit, .. } => {
                    let trunk = permit.trunk();
                    self.carried.push((session, permit));
                    Ok(trunk)
                }
                HuntEvent::Failed { status, .. } => Err(status),
            };
            let hunt = self.hunts.remove(index);
            let explanation = hunt.explanation().iter().map(ToString::to_string).collect();
            self.placed.push(Placed { at: now, outcome, explanation });
            return true;
        }
        false
    }

    fn heard(&mut self, event: &Heard, now: Instant) {
        if self.trunks.handle_event(event, &mut self.ua, now) {
            return;
        }
        for hunt in &mut self.hunts {
            if hunt.handle_event(event, &mut self.trunks, &mut self.ua, now) {
                return;
            }
        }
        if let Heard::Ended { session, .. } = event
            && let Some(index) = self.carried.iter().position(|(carried, _)| carried == session)
        {
            let (_, permit) = self.carried.swap_remove(index);
            self.trunks.release(permit);
        }
        if let Heard::Incoming { session, message, source, .. } = event {
            let matched = match self.trunks.identify(message, source) {
                Ok(matched) => matched.trunk,
                Err(unmatched) => {
                    self.note(unmatched.to_string(), now);
                    self.ua.reject(*session, Rejection::new(unmatched.status()), now).unwrap();
                    self.incoming.push((message.clone(), Err(unmatched.status())));
                    return;
                }
            };
            let admitted = self.trunks.admit_inbound(matched, now);
            let outcome = match admitted {
                Ok(permit) => {
                    self.carried.push((*session, permit));
                    let headers = self.trunks.get(matched).unwrap().answer_headers(Some("c0ffee"));
                    let answer = Answer { body: Some(Body::sdp("v=0\r\n")), headers };
                    self.ua.answer(*session, answer, now).unwrap();
                    Ok(matched)
                }
                Err(_) => {
                    self.ua.reject(*session, Rejection::new(503), now).unwrap();
                    Err(503)
                }
            };
            self.incoming.push((message.clone(), outcome));
        }
    }
}

impl Node for Edge {
    fn name(&self) -> &str {
        "edge"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![EDGE.parse().unwrap()]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        let Event::Datagram(body) = arrival.event else { return };
        let input = Input::Datagram { socket: SOCKET, remote: arrival.from, bytes: body.into() };
        self.ua.handle_input(input, now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
        self.trunks.handle_timeout(&mut self.ua, now);
        for hunt in &mut self.hunts {
            hunt.handle_timeout(&mut self.trunks, &mut self.ua, now);
        }
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        let hunts = self.hunts.iter().filter_map(Hunt::next_timeout);
        let own = self.ua.next_timeout().into_iter().chain(self.trunks.next_timeout());
        own.chain(hunts).map(|deadline| deadline.at).min()
    }
}

pub(crate) fn text(message: &Message, name: HeaderName) -> String {
    String::from_utf8(message.header(name).unwrap_or_default().to_vec()).unwrap()
}
