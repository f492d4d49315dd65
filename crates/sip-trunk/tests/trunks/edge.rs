//! Our side: a user agent with trunks in one group, which answers every call it lets in.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use sip_trunk::Seed;
use sip_trunk::agent::{AgentConfig, Event as Heard, Route, TrunkAgent};
use sip_trunk::endpoint::{EndpointConfig, Input, Io, Listener, Output};
use sip_trunk::group::{Member, Recovery, TrunkGroupConfig};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::overload::ControlConfig;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::trunk::{OutboundCall, Problem, Trunk, TrunkConfig, TrunkEvent, TrunkId, TrunksConfig};
use sip_trunk::ua::{Answer, Body, SessionId, UaConfig};
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
    pub(crate) agent: TrunkAgent,
    group: Vec<TrunkGroupConfig>,
    pub(crate) placed: Vec<Placed>,
    /// Everything an operator would read, and when.
    pub(crate) log: Vec<(Instant, String)>,
    pub(crate) events: Vec<TrunkEvent>,
    /// Calls that came in, with their trunk or none.
    pub(crate) incoming: Vec<Option<TrunkId>>,
    carried: Vec<SessionId>,
    out: VecDeque<Departure>,
}

impl Edge {
    /// With one group of all trunks in the order given.
    pub(crate) fn new(trunks: Vec<TrunkConfig>, recovery: Recovery, now: Instant) -> (Self, Vec<Problem>) {
        let listener = Listener::new(SOCKET, Transport::Udp, EDGE.parse().unwrap());
        let overload = Some(ControlConfig::default());
        let endpoint = EndpointConfig { listeners: vec![listener], overload, ..EndpointConfig::default() };
        let config = AgentConfig {
            ua: UaConfig { endpoint, ..UaConfig::default() },
            trunks: TrunksConfig {
                domains: vec!["byoc.example.com".into()],
                own: vec![("192.0.2.1".into(), 5060)],
            },
        };
        let members = trunks.iter().enumerate().map(|(index, trunk)| {
            let priority = u16::try_from(index).unwrap() + 1;
            Member { trunk: trunk.id, priority }
        });
        let group = TrunkGroupConfig { name: "TG".into(), members: members.collect(), recovery };
        let mut edge = Self {
            agent: TrunkAgent::new(config, Seed([5; 32]), now),
            group: vec![group],
            placed: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
            incoming: Vec::new(),
            carried: Vec::new(),
            out: VecDeque::new(),
        };
        let problems = edge.apply(trunks, now);
        (edge, problems)
    }

    pub(crate) fn apply(&mut self, trunks: Vec<TrunkConfig>, now: Instant) -> Vec<Problem> {
        let problems = self.agent.apply(trunks, self.group.clone(), now);
        self.settle(now);
        problems
    }

    pub(crate) fn trunk(&self, trunk: TrunkId) -> &Trunk {
        self.agent.trunks().get(trunk).unwrap()
    }

    pub(crate) fn active(&self) -> Option<TrunkId> {
        self.agent.groups()[0].active()
    }

    pub(crate) fn disable(&mut self, trunk: TrunkId, why: Option<&str>, now: Instant) {
        self.agent.set_disabled(trunk, why.map(str::to_owned), now);
        self.settle(now);
    }

    pub(crate) fn call(&mut self, call: OutboundCall, now: Instant) {
        let body = call.body.clone().or(Some(Body::sdp("v=0\r\n")));
        self.agent.call(OutboundCall { body, ..call }, Route::Group("TG".into()), now);
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
        for session in std::mem::take(&mut self.carried) {
            self.agent.command(now, |ua| ua.hang_up(session, None, now)).unwrap();
        }
        self.settle(now);
    }

    fn note(&mut self, line: String, now: Instant) {
        self.out.push_back(Departure::Note(line.clone()));
        self.log.push((now, line));
    }

    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => {
                    let from = EDGE.parse().unwrap();
                    self.out.push_back(Departure::Datagram { from, to: remote, body: bytes.to_vec() });
                }
                Output::Io(other) => panic!("{other:?}"),
                Output::Event(event) => self.heard(event, now),
            }
        }
    }

    fn heard(&mut self, event: Heard, now: Instant) {
        match event {
            Heard::Trunk(event) => {
                self.note(event.to_string(), now);
                self.events.push(event);
            }
            Heard::Moved(moved) => self.note(moved.to_string(), now),
            Heard::Answered { trunk, session, explanation, .. } => {
                self.carried.push(session);
                let explanation = explanation.iter().map(ToString::to_string).collect();
                self.placed.push(Placed { at: now, outcome: Ok(trunk), explanation });
            }
            Heard::Failed { status, explanation, .. } => {
                let explanation = explanation.iter().map(ToString::to_string).collect();
                self.placed.push(Placed { at: now, outcome: Err(status), explanation });
            }
            Heard::Incoming { session, trunk, .. } => {
                self.carried.push(session);
                let headers = self.trunk(trunk).answer_headers(Some("c0ffee"));
                let answer = Answer { body: Some(Body::sdp("v=0\r\n")), headers };
                self.agent.command(now, |ua| ua.answer(session, answer, now)).unwrap();
                self.incoming.push(Some(trunk));
            }
            Heard::Refused { why, .. } => {
                self.note(why, now);
                self.incoming.push(None);
            }
            Heard::Trying { .. } | Heard::Progressed { .. } | Heard::Session(_) => {}
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
        self.agent.handle_input(input, now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.agent.next_timeout().map(|deadline| deadline.at)
    }
}

pub(crate) fn text(message: &Message, name: HeaderName) -> String {
    String::from_utf8(message.header(name).unwrap_or_default().to_vec()).unwrap()
}
