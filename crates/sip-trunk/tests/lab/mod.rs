//! The bench endpoint scenarios stand on: an engine on a simulated network, with a resolver and certificates beside it.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use sip_trunk::endpoint::{
    CloseCause, Destination, Endpoint, EndpointConfig, Event, Input, Io, Listener, Outgoing, Output, Source,
    TlsFault,
};
use sip_trunk::locate::{Answer, LookupId, Query, QueryKind, Record, RecordData, ResolveError};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transaction::ServerId;
use sip_trunk::transport::{ConnectionId, SocketId, TlsPeer, Transport};
use sip_trunk::{Engine, Seed};
use telco_testkit::{Arrival, Conn, Departure, Link, Node, Sim, label};

/// A domain name system with one zone and a delay.
#[derive(Default, Clone)]
pub struct Zone {
    records: BTreeMap<Query, Vec<Record>>,
    /// Names nobody answers for.
    pub failing: Vec<String>,
    pub delay: Duration,
    pub asked: Vec<Query>,
}

impl Zone {
    pub fn address(&mut self, name: &str, address: &str, ttl: u64) {
        let address: IpAddr = address.parse().unwrap();
        let kind = if address.is_ipv4() { QueryKind::A } else { QueryKind::Aaaa };
        self.add(name, kind, ttl, RecordData::Address(address));
    }

    pub fn srv(&mut self, name: &str, priority: u16, weight: u16, port: u16, target: &str) {
        let data = RecordData::Srv { priority, weight, port, target: target.into() };
        self.add(name, QueryKind::Srv, 300, data);
    }

    pub fn naptr(&mut self, name: &str, order: u16, preference: u16, service: &str, replacement: &str) {
        let data = RecordData::Naptr {
            order,
            preference,
            flags: "s".into(),
            service: service.into(),
            replacement: replacement.into(),
        };
        self.add(name, QueryKind::Naptr, 300, data);
    }

    pub fn remove(&mut self, name: &str) {
        self.records.retain(|query, _| query.name != name);
    }

    fn add(&mut self, name: &str, kind: QueryKind, ttl: u64, data: RecordData) {
        let record = Record { ttl: Duration::from_secs(ttl), data };
        self.records.entry(Query { name: name.into(), kind }).or_default().push(record);
    }

    fn answer(&mut self, query: Query) -> Answer {
        self.asked.push(query.clone());
        if self.failing.contains(&query.name) {
            return Err(ResolveError::Failed("the name servers do not answer".into()));
        }
        self.records.get(&query).cloned().ok_or(ResolveError::NotFound)
    }
}

/// Any engine on the simulated network.
pub struct Lab<E: Engine> {
    name: &'static str,
    pub engine: E,
    listeners: Vec<Listener>,
    pub zone: Zone,
    answers: VecDeque<(Instant, LookupId, Answer)>,
    connections: BTreeMap<ConnectionId, Conn>,
    by_conn: BTreeMap<Conn, ConnectionId>,
    asked_for: BTreeMap<u64, (ConnectionId, SocketAddr, Option<String>)>,
    accepted: u64,
    tags: u64,
    out: VecDeque<Departure>,
    pub events: VecDeque<E::Event>,
    /// What TLS finds at an address: the certificate's names, or why it is not trusted.
    pub certificates: BTreeMap<SocketAddr, Result<TlsPeer, TlsFault>>,
    /// What TLS peers that connect to us show.
    pub client_certificate: Option<TlsPeer>,
    /// Accepted TLS connections never finish their handshake.
    pub stalled_handshakes: bool,
}

impl<E: Engine> Lab<E> {
    pub fn around(name: &'static str, listeners: Vec<Listener>, engine: E) -> Self {
        Self {
            name,
            engine,
            listeners,
            zone: Zone::default(),
            answers: VecDeque::new(),
            connections: BTreeMap::new(),
            by_conn: BTreeMap::new(),
            asked_for: BTreeMap::new(),
            accepted: 0,
            tags: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            certificates: BTreeMap::new(),
            client_certificate: None,
            stalled_handshakes: false,
        }
    }

    /// Takes over what a call into the engine made it say.
    pub fn settle(&mut self, now: Instant) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Event(event) => self.events.push_back(event),
                Output::Io(io) => self.carry_out(io, now),
            }
        }
    }

    fn carry_out(&mut self, io: Io, now: Instant) {
        match io {
            Io::Datagram { socket, remote, bytes } => {
                let from = self.local(socket);
                self.out.push_back(Departure::Datagram { from, to: remote, body: bytes.to_vec() });
            }
            Io::Connect { connection, transport, remote, server_name, .. } => {
                let any = self.listeners.iter().find(|listener| listener.local.is_ipv4() == remote.is_ipv4());
                let from = SocketAddr::new(any.expect("an address of that family").local.ip(), 0);
                self.tags += 1;
                let name = transport.is_secure().then_some(server_name).flatten();
                self.asked_for.insert(self.tags, (connection, remote, name));
                self.out.push_back(Departure::Connect { from, to: remote, tag: self.tags });
            }
            Io::Write { connection, bytes } => {
                if let Some(conn) = self.connections.get(&connection) {
                    self.out.push_back(Departure::Stream(*conn, bytes.to_vec()));
                }
            }
            Io::Close { connection } => {
                if let Some(conn) = self.connections.remove(&connection) {
                    self.by_conn.remove(&conn);
                    self.out.push_back(Departure::Close(conn));
                }
                self.asked_for.retain(|_, (asked, ..)| *asked != connection);
            }
            Io::Resolve { id, query } => {
                let answer = self.zone.answer(query);
                self.answers.push_back((now + self.zone.delay, id, answer));
            }
        }
    }

    fn local(&self, socket: SocketId) -> SocketAddr {
        self.listeners.iter().find(|listener| listener.id == socket).expect("a known listener").local
    }

    fn give(&mut self, input: Input, now: Instant) {
        self.engine.handle_input(input, now);
        self.settle(now);
    }

    fn connected(
        &mut self,
        connection: ConnectionId,
        conn: Conn,
        local: SocketAddr,
        tls: Option<TlsPeer>,
        now: Instant,
    ) {
        self.connections.insert(connection, conn);
        self.by_conn.insert(conn, connection);
        self.give(Input::Connected { connection, local, tls }, now);
    }
}

impl<E: Engine> Node for Lab<E> {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.local).collect()
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        let listener = |wanted: fn(Transport) -> bool| {
            let at = self.listeners.iter().find(|l| l.local == arrival.to && wanted(l.transport));
            at.map(|listener| (listener.id, listener.transport))
        };
        match arrival.event {
            telco_testkit::Event::Datagram(body) => {
                let Some((socket, _)) = listener(|transport| transport == Transport::Udp) else { return };
                self.give(Input::Datagram { socket, remote: arrival.from, bytes: body.into() }, now);
            }
            telco_testkit::Event::Accepted(conn) => {
                let Some((id, transport)) = listener(|transport| transport != Transport::Udp) else { return };
                let connection = ConnectionId::accepted(self.accepted);
                self.accepted += 1;
                self.connections.insert(connection, conn);
                self.by_conn.insert(conn, connection);
                let (remote, local) = (arrival.from, arrival.to);
                self.give(Input::Accepted { connection, listener: id, remote, local }, now);
                if transport != Transport::Tcp && !self.stalled_handshakes && self.by_conn.contains_key(&conn)
                {
                    let tls =
                        transport.is_secure().then(|| self.client_certificate.clone().unwrap_or_default());
                    self.connected(connection, conn, local, tls, now);
                }
            }
            telco_testkit::Event::Connected { conn, tag } => {
                let Some((connection, remote, name)) = self.asked_for.remove(&tag) else {
                    return self.out.push_back(Departure::Close(conn));
                };
                let peer = || TlsPeer { server_name: name.clone(), ..TlsPeer::default() };
                let verdict = self.certificates.get(&remote).cloned();
                match name.is_some().then(|| verdict.unwrap_or_else(|| Ok(peer()))).transpose() {
                    Ok(tls) => self.connected(connection, conn, arrival.to, tls, now),
                    Err(fault) => {
                        self.out.push_back(Departure::Close(conn));
                        self.give(Input::Closed { connection, cause: CloseCause::Tls(fault) }, now);
                    }
                }
            }
            telco_testkit::Event::Refused { tag } => {
                let Some((connection, ..)) = self.asked_for.remove(&tag) else { return };
                self.give(
                    Input::Closed { connection, cause: CloseCause::Io("connection refused".into()) },
                    now,
                );
            }
            telco_testkit::Event::Stream(conn, bytes) => {
                let Some(connection) = self.by_conn.get(&conn).copied() else { return };
                self.give(Input::Received { connection, bytes: bytes.into() }, now);
            }
            telco_testkit::Event::Closed(conn) => {
                let Some(connection) = self.by_conn.remove(&conn) else { return };
                self.connections.remove(&connection);
                self.give(Input::Closed { connection, cause: CloseCause::ByPeer }, now);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, id, answer)) = self.answers.front().filter(|(at, ..)| *at <= now).cloned() {
            self.answers.pop_front();
            self.give(Input::Resolved { id, answer }, now);
        }
        if self.engine.next_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.engine.handle_timeout(now);
            self.settle(now);
        }
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        let answer = self.answers.front().map(|(at, ..)| *at);
        self.engine.next_timeout().map(|deadline| deadline.at).into_iter().chain(answer).min()
    }
}

/// An endpoint that answers what it is asked from a script.
pub type Peer = Lab<Endpoint>;

pub fn listener(id: u16, transport: Transport, local: &str) -> Listener {
    Listener::new(SocketId(id), transport, local.parse().unwrap())
}

impl Peer {
    /// UDP and TCP on port 5060 and TLS on port 5061 of one address.
    pub fn at(name: &'static str, address: &str) -> Self {
        Self::with(name, address, EndpointConfig::default())
    }

    pub fn with(name: &'static str, address: &str, config: EndpointConfig) -> Self {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        Self::listening(
            name,
            vec![
                listener(0, Transport::Udp, &format!("{host}:5060")),
                listener(1, Transport::Tcp, &format!("{host}:5060")),
                listener(2, Transport::Tls, &format!("{host}:5061")),
            ],
            config,
        )
    }

    pub fn listening(name: &'static str, listeners: Vec<Listener>, config: EndpointConfig) -> Self {
        let config = EndpointConfig { listeners: listeners.clone(), ..config };
        let seed = Seed([u8::try_from(name.len()).unwrap(); 32]);
        // The engine keeps no wall clock, so any instant will do for its birth.
        #[allow(clippy::disallowed_methods)]
        let endpoint = Endpoint::new(config, seed, Instant::now());
        Self::around(name, listeners, endpoint)
    }

    pub fn send(&mut self, to: &str, now: Instant) -> sip_trunk::endpoint::RequestId {
        self.request(&Method::Options, Destination::Uri(to.into()), now)
    }

    pub fn request(
        &mut self,
        method: &Method<'_>,
        to: Destination,
        now: Instant,
    ) -> sip_trunk::endpoint::RequestId {
        self.tags += 1;
        let outgoing = Outgoing::new(draft_of(method, &format!("call-{}", self.tags)), to);
        let id = self.engine.request(outgoing, now).unwrap();
        self.settle(now);
        id
    }

    /// Answers every request that has arrived with `status`.
    pub fn answer_all(&mut self, status: u16, now: Instant) -> usize {
        let mut count = 0;
        for event in std::mem::take(&mut self.events) {
            if let Event::Request { transaction: Some(id), message, .. } = event {
                count += 1;
                assert!(self.engine.respond(id, Draft::reply_to(&message, status, "b"), now));
            } else {
                self.events.push_back(event);
            }
        }
        self.settle(now);
        count
    }

    /// The first request that waits to be answered.
    pub fn asked(&self) -> (ServerId, Message, Source) {
        let asked = self.events.iter().find_map(|event| {
            let Event::Request { transaction: Some(id), message, source, .. } = event else { return None };
            Some((*id, message.clone(), source.clone()))
        });
        asked.expect("a request")
    }

    /// The first connection that opened.
    pub fn opened(&self) -> Source {
        let opened = self.events.iter().find_map(|event| {
            let Event::FlowOpened { source } = event else { return None };
            Some(source.clone())
        });
        opened.expect("a connection")
    }

    /// What happened since the last call, in words.
    pub fn news(&mut self) -> Vec<String> {
        self.events.drain(..).map(|event| word(&event)).collect()
    }
}

pub fn draft(method: &Method<'_>) -> Draft {
    draft_of(method, "call-0")
}

pub fn draft_of(method: &Method<'_>, call_id: &str) -> Draft {
    Draft::request(method, "sip:bob@example.com")
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, "<sip:alice@example.com>;tag=a")
        .header(HeaderName::To, "<sip:bob@example.com>")
        .header(HeaderName::CallId, call_id)
        .header(HeaderName::CSeq, format!("1 {method}"))
}

fn word(event: &Event) -> String {
    match event {
        Event::Request { message, source, .. } => {
            format!("{} from {} {}", message.method().unwrap(), source.transport, source.remote)
        }
        Event::Response { message, source, .. } => {
            format!("{} from {} {}", message.status().unwrap(), source.transport, source.remote)
        }
        Event::StrayResponse { message, .. } => format!("stray {}", message.status().unwrap()),
        Event::Failed { failure, .. } => format!("failed: {failure}"),
        Event::Unacknowledged { .. } => "never acknowledged".into(),
        Event::PublicAddress { address, .. } => format!("public {address}"),
        Event::FlowOpened { source } => format!("open {} {}", source.transport, source.remote),
        Event::FlowLost { source, cause } => format!("lost {} {}: {cause}", source.transport, source.remote),
        Event::HandshakeFailed { remote, cause, .. } => format!("handshake of {remote}: {cause}"),
        Event::Rejected { answered, .. } => format!("rejected, answered {answered:?}"),
        Event::Throttled { source } => format!("throttled {}", source.remote),
        Event::Refused { .. } => "refused".into(),
    }
}

pub fn sim() -> Sim {
    let mut sim = Sim::new(1).with_label(label::sip);
    sim.net.set_link(Link { latency: Duration::from_millis(20), ..Link::default() });
    sim
}

pub fn raw(method: &str, via: &str) -> Vec<u8> {
    let call_id: String = via.chars().filter(char::is_ascii_alphanumeric).collect();
    format!(
        "{method} sip:bob@example.com SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n\
         To: <sip:bob@example.com>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

pub fn top_via(message: &Message) -> String {
    String::from_utf8(message.values(HeaderName::Via).next().unwrap().to_vec()).unwrap()
}
