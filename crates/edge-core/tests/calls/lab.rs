//! An edge on a simulated network, with phones and carriers that are user agents of their own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::cdr::{CallRecord, Store, StoreFault};
use edge_core::compile::{MediaRange, Runtime, compile};
use edge_core::edge::{Edge, EdgeConfig, Event, Input};
use edge_core::media::{
    Action, CollectEnd, LegReport, MediaCommand, MediaEvent, MediaLeg, MediaPorts, Notice, Order, PlayEnd,
    Pool,
};
use edge_core::program::ProgramEvent;
use sip_trunk::auth::{ClientConfig, Secret};
use sip_trunk::endpoint::{
    ContactSpec, Destination, EndpointConfig, Input as Network, Io, Listener, Outgoing, Output, Source,
};
use sip_trunk::locate::{LookupId, Query};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{ConnectionId, SocketId, Transport};
use sip_trunk::ua::{
    self, Answer, Body, Invite, Progress, ReferId, Rejection, SessionId, SessionTimer, UaConfig, UserAgent,
};
use sip_trunk::{During, Fault, Seed};
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;
use telco_testkit::{Arrival, Departure, Event as Arrived, Link, Node, Sim, label};

pub(crate) const EDGE: &str = "192.0.2.1:5060";
pub(crate) const OFFICE: &str = include_str!("../data/office.toml");
pub(crate) const ALICE: &str = "192.0.2.21:5060";
pub(crate) const BOB: &str = "192.0.2.22:5060";
pub(crate) const CARRIER_A: &str = "192.0.2.10:5060";
pub(crate) const CARRIER_B: &str = "192.0.2.11:5060";
pub(crate) const DEVICE: &str = "192.0.2.12:5060";

/// An hour before the office was written down.
pub(crate) const NOW: &str = "2026-03-02T15:00:00Z";

pub(crate) fn sim() -> Sim {
    let mut sim = Sim::new(7).with_label(label::sip);
    sim.net.set_link(Link { latency: Duration::from_millis(5), ..Link::default() });
    sim
}

/// The edge, with what it told and what became of its calls.
pub(crate) struct EdgeNode {
    name: &'static str,
    at: SocketAddr,
    pub(crate) edge: Edge,
    pub(crate) config: EdgeConfig,
    out: VecDeque<Departure>,
    pub(crate) records: Vec<CallRecord>,
    pub(crate) media: Vec<MediaCommand>,
    pub(crate) told: Vec<String>,
    pub(crate) program: Vec<ProgramEvent>,
    /// Connections it wants opened.
    pub(crate) connects: Vec<ConnectionId>,
    /// Names it wants looked up.
    pub(crate) lookups: Vec<(LookupId, Query)>,
    reports: Vec<(MediaLeg, LegReport)>,
    /// Why the disk takes no records.
    pub(crate) disk: Option<StoreFault>,
    /// Timers rest after a panic.
    rest_until: Option<Instant>,
    /// Records the disk has taken.
    pub(crate) stored: Vec<Store>,
}

impl EdgeNode {
    pub(crate) fn new(sim: &Sim) -> Self {
        Self::with(sim, |_| {})
    }

    pub(crate) fn with(sim: &Sim, adjust: impl FnOnce(&mut EdgeConfig)) -> Self {
        Self::of(sim, "edge", EDGE, OFFICE, adjust)
    }

    /// The edge of that label in a document.
    pub(crate) fn of(
        sim: &Sim,
        name: &'static str,
        at: &str,
        document: &str,
        adjust: impl FnOnce(&mut EdgeConfig),
    ) -> Self {
        let at: SocketAddr = at.parse().unwrap();
        let wall = NOW.parse().unwrap();
        let written = "2026-03-01T10:00:00Z".parse().unwrap();
        let organization = Organization::from_document(document, Format::Toml, written)
            .unwrap_or_else(|problems| panic!("{problems:#?}"));
        let (runtime, issues) = compile(&organization, EdgeId::labelled(name));
        let fatal: Vec<_> =
            issues.iter().map(ToString::to_string).filter(|text| text.contains("error")).collect();
        assert!(fatal.is_empty(), "{fatal:#?}");
        let listener = Listener::new(SocketId(0), Transport::Udp, at);
        let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
        let ua = UaConfig { endpoint, session_timer: SessionTimer::Off, ..UaConfig::default() };
        let mut config = EdgeConfig::new(ua, at.ip().to_string());
        adjust(&mut config);
        let ports = MediaPorts::new(pools(&runtime, at), &media_rtp::Seed([3; 32]));
        // Two edges with one seed would give out the same Call-IDs; that of the office stays what its ladders show.
        let mut seed = [1; 32];
        if let Some(number) = name.strip_prefix("edge-") {
            seed[0] = number.parse().unwrap();
        }
        let edge = Edge::new(config.clone(), runtime, ports, Seed(seed), wall, sim.now());
        let mut node = Self {
            name,
            at,
            edge,
            config,
            out: VecDeque::new(),
            records: Vec::new(),
            media: Vec::new(),
            told: Vec::new(),
            program: Vec::new(),
            connects: Vec::new(),
            lookups: Vec::new(),
            reports: Vec::new(),
            disk: None,
            rest_until: None,
            stored: Vec::new(),
        };
        node.settle(sim.now());
        node
    }

    pub(crate) fn act<R>(&mut self, sim: &Sim, act: impl FnOnce(&mut Edge, Instant) -> R) -> R {
        let done = act(&mut self.edge, sim.now());
        self.settle(sim.now());
        done
    }

    /// The media threads tell something about the last call.
    pub(crate) fn hear(&mut self, sim: &Sim, notice: Notice) {
        let call = self.media.last().unwrap().call;
        self.act(sim, |edge, now| edge.handle_input(Input::Media(MediaEvent { call, notice }), now));
    }

    /// What was last played comes to its end.
    pub(crate) fn finish_playing(&mut self, sim: &Sim, end: PlayEnd) {
        let (leg, order) = self.played();
        self.hear(sim, Notice::PlayEnded { leg, order, end });
    }

    /// What is played, if the last thing that was ordered to be still is.
    pub(crate) fn played(&self) -> (MediaLeg, Order) {
        let play = |command: &MediaCommand| match &command.action {
            Action::Play { leg, order, .. } => Some((*leg, *order)),
            _ => None,
        };
        self.media.iter().rev().find_map(play).expect("something is played")
    }

    /// The files that were ordered to be recorded.
    pub(crate) fn recorded(&self) -> Vec<String> {
        let file = |command: &MediaCommand| match &command.action {
            Action::Record { file, .. } => Some(file.display().to_string()),
            _ => None,
        };
        self.media.iter().filter_map(file).collect()
    }

    /// Digits that were asked for are keyed in.
    pub(crate) fn finish_collecting(&mut self, sim: &Sim, digits: &str, end: CollectEnd) {
        let collect = |command: &MediaCommand| match &command.action {
            Action::Collect { leg, order, .. } => Some((*leg, *order)),
            _ => None,
        };
        let (leg, order) = self.media.iter().rev().find_map(collect).expect("digits are wanted");
        self.hear(sim, Notice::Collected { leg, order, digits: digits.into(), end });
    }

    /// What the media threads will say of a leg when the next call ends.
    pub(crate) fn report_before_close(&mut self, leg: MediaLeg, report: LegReport) {
        self.reports.push((leg, report));
    }

    /// Contains a panic as a driver does.
    fn guarded(&mut self, during: During, now: Instant, work: impl FnOnce(&mut Edge)) {
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut self.edge)));
        if done.is_ok() {
            return;
        }
        let fault = Fault { during, message: String::new() };
        let _ = catch_unwind(AssertUnwindSafe(|| self.edge.recover(&fault, now)));
    }

    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.edge.poll_output() {
            match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => self.out.push_back(Departure::Datagram {
                    from: self.at,
                    to: remote,
                    body: bytes.to_vec(),
                }),
                Output::Io(Io::Connect { connection, .. }) => self.connects.push(connection),
                Output::Io(Io::Resolve { id, query }) => self.lookups.push((id, query)),
                Output::Io(_) => {}
                Output::Event(Event::Media(command)) => {
                    if let Action::Close = command.action {
                        for (leg, report) in std::mem::take(&mut self.reports) {
                            let notice = Notice::LegEnded { leg, report: Box::new(report) };
                            let event = MediaEvent { call: command.call, notice };
                            self.edge.handle_input(Input::Media(event), now);
                        }
                        let event = MediaEvent { call: command.call, notice: Notice::Closed };
                        self.edge.handle_input(Input::Media(event), now);
                    }
                    self.media.push(command);
                }
                Output::Event(Event::Store(store)) => match self.disk {
                    Some(fault) => {
                        self.edge.handle_input(Input::StoreFailed(store.sequence, fault), now);
                    }
                    None => {
                        self.edge.handle_input(Input::Stored(store.sequence), now);
                        self.stored.push(store);
                    }
                },
                Output::Event(Event::CallEnded(record)) => self.records.push(*record),
                Output::Event(Event::Program(event)) => self.program.push(event),
                Output::Event(Event::Trunk(event)) => self.told.push(event.to_string()),
                Output::Event(Event::Security(event)) => self.told.push(event.code.to_string()),
                Output::Event(other) => self.told.push(format!("{other:?}")),
            }
        }
    }
}

impl Node for EdgeNode {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        if let Arrived::Datagram(body) = arrival.event {
            let bytes = Bytes::from(body);
            let during = During::Bytes(bytes.clone());
            let input = Network::Datagram { socket: SocketId(0), remote: arrival.from, bytes };
            self.guarded(during, now, |edge| edge.handle_input(Input::Network(input), now));
            self.settle(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let faults = self.edge.status().faults;
        self.guarded(During::Timeout, now, |edge| edge.handle_timeout(now));
        self.rest_until = (self.edge.status().faults > faults).then(|| now + Duration::from_millis(100));
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        let at = self.edge.next_timeout()?.at;
        Some(self.rest_until.map_or(at, |rest| rest.max(at)))
    }
}

/// The first hundred pairs of each range.
pub(crate) fn pools(runtime: &Runtime, at: SocketAddr) -> Vec<Pool> {
    let pool = |range: &MediaRange| Pool {
        id: range.pool,
        bind: range.bind.unwrap_or(at.ip()),
        advertised: range.advertised,
        ports: range.ports.pairs().take(100).collect(),
    };
    runtime.media_ranges.iter().map(pool).collect()
}

type Reaction = Box<dyn FnMut(&mut UserAgent, &ua::Event, Instant)>;

/// A phone or a carrier.
pub(crate) struct Peer {
    name: &'static str,
    at: SocketAddr,
    edge: &'static str,
    pub(crate) agent: UserAgent,
    out: VecDeque<Departure>,
    pub(crate) events: Vec<ua::Event>,
    react: Reaction,
}

impl Peer {
    pub(crate) fn new(sim: &Sim, name: &'static str, at: &str) -> Self {
        let at: SocketAddr = at.parse().unwrap();
        let listener = Listener::new(SocketId(0), Transport::Udp, at);
        let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
        let mut config = UaConfig { endpoint, session_timer: SessionTimer::Off, ..UaConfig::default() };
        config.contact.user = name.to_owned();
        let mut seed = [9; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let agent = UserAgent::new(config, Seed(seed), sim.now());
        Self {
            name,
            at,
            edge: EDGE,
            agent,
            out: VecDeque::new(),
            events: Vec::new(),
            react: Box::new(answer_options),
        }
    }

    /// From now on it registers with, and calls through, the edge there.
    pub(crate) fn turn_to(&mut self, edge: &'static str) {
        self.edge = edge;
    }

    /// Rings, and answers at once.
    pub(crate) fn answering(mut self) -> Self {
        self.react = Box::new(|agent, event, now| {
            answer_options(agent, event, now);
            if let ua::Event::Incoming { session, message, .. } = event {
                let body = answer_to(message);
                agent.progress(*session, Progress::default(), now).unwrap();
                agent.answer(*session, Answer { body, ..Answer::default() }, now).unwrap();
            }
            accept_offers(agent, event, now);
        });
        self
    }

    /// Takes a call when the function finds no reason to refuse it, and answers at once.
    pub(crate) fn choosing(
        mut self,
        mut examine: impl FnMut(&Message, &Source, Instant) -> Option<Rejection> + 'static,
    ) -> Self {
        self.react = Box::new(move |agent, event, now| {
            answer_options(agent, event, now);
            let ua::Event::Incoming { session, message, source, .. } = event else { return };
            match examine(message, source, now) {
                Some(rejection) => agent.reject(*session, rejection, now).unwrap(),
                None => {
                    let body = answer_to(message);
                    agent.answer(*session, Answer { body, ..Answer::default() }, now).unwrap();
                }
            }
        });
        self
    }

    /// Asks for a password whatever it is told, and takes none.
    pub(crate) fn challenging(mut self) -> Self {
        self.react = Box::new(|agent, event, now| {
            if let ua::Event::Request { transaction, message, .. } = event {
                let challenge = "Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
                let reply = Draft::reply_to(message, 401, "t").header(HeaderName::WwwAuthenticate, challenge);
                agent.respond(*transaction, reply, now);
            }
        });
        self
    }

    /// Refuses every call.
    pub(crate) fn refusing(mut self, status: u16) -> Self {
        self.react = Box::new(move |agent, event, now| {
            answer_options(agent, event, now);
            if let ua::Event::Incoming { session, .. } = event {
                agent.reject(*session, ua::Rejection::new(status), now).unwrap();
            }
        });
        self
    }

    pub(crate) fn act<R>(&mut self, sim: &Sim, act: impl FnOnce(&mut UserAgent, Instant) -> R) -> R {
        let done = act(&mut self.agent, sim.now());
        self.settle(sim.now());
        done
    }

    /// Calls through the edge, without or with a password.
    pub(crate) fn call(&mut self, sim: &Sim, called: &str, password: Option<&str>) -> SessionId {
        self.call_with(sim, called, password, Vec::new())
    }

    pub(crate) fn call_with(
        &mut self,
        sim: &Sim,
        called: &str,
        password: Option<&str>,
        headers: Vec<(String, String)>,
    ) -> SessionId {
        let from = format!("<sip:{}@{}>", self.name, self.edge);
        self.call_as(sim, &from, called, password, headers)
    }

    /// Calls as whoever it likes to be.
    pub(crate) fn call_as(
        &mut self,
        sim: &Sim,
        from: &str,
        called: &str,
        password: Option<&str>,
        headers: Vec<(String, String)>,
    ) -> SessionId {
        let mut invite = Invite::new(format!("sip:{called}@{}", self.edge), from);
        invite.contact.user = self.name.to_owned();
        invite.body = Some(offer(self.at));
        invite.headers = headers;
        invite.credentials = password.map(|password| credentials(self.name, password));
        self.act(sim, |agent, now| agent.invite(invite, now).unwrap())
    }

    /// Registers at the edge.
    pub(crate) fn register(&mut self, sim: &Sim, password: &str) {
        let (name, edge) = (self.name, self.edge);
        let aor = format!("<sip:{name}@{edge}>");
        let draft = Draft::request(&Method::Register, format!("sip:{edge}"))
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, format!("{aor};tag=r"))
            .header(HeaderName::To, &aor)
            .header(HeaderName::CallId, format!("register-{name}-{edge}"))
            .header(HeaderName::CSeq, "1 REGISTER")
            .header(HeaderName::Expires, "3600")
            .header(HeaderName::UserAgent, "Test Phone 1.0")
            .header(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REFER")
            .header(HeaderName::Supported, "replaces, timer, 100rel");
        let outgoing =
            Outgoing::new(draft, Destination::Uri(format!("sip:{edge}"))).contact(ContactSpec::user(name));
        let credentials = credentials(name, password);
        self.act(sim, |agent, now| agent.request(outgoing, Some(&credentials), now).unwrap());
    }

    /// The session of the last incoming call.
    pub(crate) fn incoming(&self) -> SessionId {
        let incoming = self.events.iter().rev().find_map(|event| match event {
            ua::Event::Incoming { session, .. } => Some(*session),
            _ => None,
        });
        incoming.expect("a call has come in")
    }

    /// The last INVITE that came in.
    pub(crate) fn invite(&self) -> &Message {
        let incoming = self.events.iter().rev().find_map(|event| match event {
            ua::Event::Incoming { message, .. } => Some(message),
            _ => None,
        });
        incoming.expect("a call has come in")
    }

    /// The last REFER that came in, and its Refer-To.
    pub(crate) fn referred(&self) -> (SessionId, ReferId, String) {
        let referred = self.events.iter().rev().find_map(|event| match event {
            ua::Event::Referred { session, refer, message, .. } => Some((*session, *refer, message)),
            _ => None,
        });
        let (session, refer, message) = referred.expect("a REFER has come in");
        let target = message.header(HeaderName::ReferTo).expect("it says where to");
        (session, refer, String::from_utf8_lossy(target).into_owned())
    }

    /// How the last call it placed was refused.
    pub(crate) fn refused(&self) -> Option<u16> {
        self.events.iter().rev().find_map(|event| match event {
            ua::Event::Rejected { status, .. } => Some(*status),
            _ => None,
        })
    }

    pub(crate) fn was_answered(&self) -> bool {
        self.events.iter().any(|event| matches!(event, ua::Event::Answered { .. }))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.events.iter().any(|event| matches!(event, ua::Event::Ended { .. }))
    }

    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Io(Io::Datagram { remote, bytes, .. }) => {
                    self.out.push_back(Departure::Datagram {
                        from: self.at,
                        to: remote,
                        body: bytes.to_vec(),
                    });
                }
                Output::Io(_) => {}
                Output::Event(event) => {
                    (self.react)(&mut self.agent, &event, now);
                    self.events.push(event);
                }
            }
        }
    }
}

impl Node for Peer {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        if let Arrived::Datagram(body) = arrival.event {
            let input = Network::Datagram { socket: SocketId(0), remote: arrival.from, bytes: body.into() };
            self.agent.handle_input(input, now);
            self.settle(now);
        }
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

fn answer_options(agent: &mut UserAgent, event: &ua::Event, now: Instant) {
    if let ua::Event::Request { transaction, message, .. } = event {
        agent.respond(*transaction, Draft::reply_to(message, 200, "options"), now);
    }
}

/// Takes every offer inside a call.
pub(crate) fn accept_offers(agent: &mut UserAgent, event: &ua::Event, now: Instant) {
    if let ua::Event::Offered { session, message, .. } = event {
        agent.answer_offer(*session, answer_to(message), Vec::new(), now).unwrap();
    }
}

pub(crate) fn credentials(name: &str, password: &str) -> ClientConfig {
    ClientConfig { username: name.into(), password: Secret::new(password), ..ClientConfig::default() }
}

pub(crate) fn offer(at: SocketAddr) -> Body {
    let ip = at.ip();
    Body::sdp(Bytes::from(format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    )))
}

/// The first codec offered, and digits.
fn answer_to(message: &Message) -> Option<Body> {
    let offer = String::from_utf8_lossy(message.body()).into_owned();
    let media = offer.lines().find(|line| line.starts_with("m=audio"))?;
    let first = media.split_whitespace().nth(3)?;
    let direction = match offer.lines().find(|line| line.starts_with("a=send") || *line == "a=inactive") {
        Some("a=sendonly") => "a=recvonly",
        Some("a=inactive") => "a=inactive",
        _ => "a=sendrecv",
    };
    Some(Body::sdp(Bytes::from(format!(
        "v=0\r\no=- 2 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\nm=audio 5000 RTP/AVP {first} 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n{direction}\r\n"
    ))))
}
