//! A phone and the part of an edge that phones register with, as nodes of a simulated network.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(unreachable_pub, reason = "shared by test binaries")]
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use edge_core::compile::Account;
use edge_core::guard::{Guard, Relation, Verdict};
use edge_core::registrar::{Accounts, Config, Event as Told, Registrar};
use sip_trunk::Seed;
use sip_trunk::auth::{
    Algorithm, Attempts, Challenger, ClientConfig, DigestClient, ProtectedRequest, RealmBinding, Secret,
};
use sip_trunk::endpoint::Source;
use sip_trunk::header::WwwAuthenticate;
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{ConnectionId, Path, SocketId, Transport};
use telco_model::value::PhoneId;
use telco_testkit::{Arrival, Conn, Departure, Event, Node};

pub const EDGE: &str = "192.0.2.10:5060";
pub const REALM: &str = "voice.example";

pub fn account(username: &str, lines: &[&str]) -> Arc<Account> {
    Arc::new(Account {
        phone: PhoneId::labelled(username),
        username: username.into(),
        password: Secret::new(format!("{username}-secret")),
        lines: [username].iter().chain(lines).map(|line| Box::from(*line)).collect(),
        has_secondary: false,
    })
}

pub fn accounts(all: &[Arc<Account>]) -> Accounts {
    Arc::new(
        all.iter().map(|account| (account.username.clone(), account.clone())).collect::<BTreeMap<_, _>>(),
    )
}

pub fn source(remote: &str) -> Source {
    let remote: SocketAddr = remote.parse().unwrap();
    Source {
        path: Path::Datagram { socket: SocketId(0), remote },
        transport: Transport::Udp,
        remote,
        local: EDGE.parse().unwrap(),
        listener: Some(SocketId(0)),
        tls: None,
    }
}

pub fn stream(remote: &str, connection: u64) -> Source {
    let path = Path::Stream(ConnectionId::accepted(connection));
    Source { path, transport: Transport::Tcp, ..source(remote) }
}

/// What a phone writes into a REGISTER.
#[derive(Clone)]
pub struct Register<'a> {
    pub aor: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub contacts: &'a [&'a str],
    pub headers: &'a [(&'a str, &'a str)],
    pub via: &'a str,
}

impl Register<'_> {
    pub const ALICE: Register<'static> = Register {
        aor: "alice",
        call_id: "r1",
        cseq: 1,
        contacts: &["<sip:alice@192.0.2.20:5060>"],
        headers: &[],
        via: "SIP/2.0/UDP 192.0.2.20:5060;rport;branch=z9hG4bKr",
    };

    pub fn draft(&self) -> Draft {
        let mut draft = Draft::request(&Method::Register, format!("sip:{REALM}"))
            .header(HeaderName::Via, self.via)
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, format!("<sip:{}@{REALM}>;tag=1", self.aor))
            .header(HeaderName::To, format!("<sip:{}@{REALM}>", self.aor))
            .header(HeaderName::CallId, self.call_id)
            .header(HeaderName::CSeq, format!("{} REGISTER", self.cseq))
            .header(HeaderName::UserAgent, "Test Phone 1.0 with a name of usual length");
        for contact in self.contacts {
            draft = draft.header(HeaderName::Contact, contact);
        }
        self.headers.iter().fold(draft, |draft, (name, value)| draft.header(*name, value))
    }
}

pub fn digest_client(username: &str, password: &str) -> DigestClient {
    let config = ClientConfig {
        username: username.into(),
        password: Secret::new(password),
        realm: RealmBinding::Exactly(REALM.into()),
        peer: "edge".into(),
        algorithms: vec![Algorithm::SHA256, Algorithm::MD5],
        prefer_integrity: false,
    };
    DigestClient::new(config, Seed([4; 32]))
}

/// The Authorization value that answers a 401.
pub fn authorization(client: &mut DigestClient, challenge: &Message, method: &str) -> String {
    let challenges: Vec<_> = challenge
        .all::<WwwAuthenticate<'_>>()
        .map(|header| (Challenger::Origin, header.unwrap().0))
        .collect();
    let uri = format!("sip:{REALM}");
    let request = ProtectedRequest { method, uri: &uri, body: b"" };
    client.answer(&challenges, "edge", &mut Attempts::default(), &request).unwrap().value
}

/// A registrar behind a guard, without a network: REGISTER in, answer out.
pub struct Bench {
    pub registrar: Registrar,
    pub guard: Guard,
    pub now: Instant,
    pub from: Source,
    client: DigestClient,
}

impl Bench {
    pub fn new(config: Config, all: &[Arc<Account>]) -> Self {
        let now = telco_testkit::Clock::new().now();
        let client = digest_client("alice", "alice-secret");
        Self {
            registrar: Registrar::new(config, accounts(all), Seed([1; 32]), now),
            guard: Guard::new(edge_core::guard::Config::default(), Seed([2; 32]), now),
            now,
            from: source("192.0.2.20:5060"),
            client,
        }
    }

    pub fn log_in(&mut self, username: &str) {
        self.client = digest_client(username, &format!("{username}-secret"));
    }

    pub fn send(&mut self, request: &Message) -> Message {
        let (registrar, source, now) = (&mut self.registrar, &self.from, self.now);
        let reply = match registrar.authenticate(request, source, now) {
            Ok(proved) => registrar.register(request, source, &proved, now),
            Err(unproved) => unproved.reply(request, "tag", None),
        };
        reply.into_message().unwrap()
    }

    /// Registers with the right password; gives the final answer.
    pub fn register(&mut self, register: &Register<'_>) -> Message {
        let challenge = self.send(&register.draft().into_message().unwrap());
        assert_eq!(challenge.status(), Some(401));
        let value = authorization(&mut self.client, &challenge, "REGISTER");
        self.send(&register.draft().header(HeaderName::Authorization, value).into_message().unwrap())
    }

    pub fn events(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.registrar.poll_event()).collect()
    }
}

pub fn contacts(answer: &Message) -> Vec<String> {
    answer.values(HeaderName::Contact).map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

/// The registrar of an edge on the simulated network; its events are lines of the ladder.
pub struct EdgeNode {
    pub name: &'static str,
    pub at: SocketAddr,
    pub registrar: Registrar,
    pub guard: Guard,
    connections: BTreeMap<Conn, ConnectionId>,
    out: VecDeque<Departure>,
}

impl EdgeNode {
    pub fn new(name: &'static str, at: &str, config: Config, all: &[Arc<Account>], now: Instant) -> Self {
        Self {
            name,
            at: at.parse().unwrap(),
            registrar: Registrar::new(config, accounts(all), Seed([1; 32]), now),
            guard: Guard::new(edge_core::guard::Config::default(), Seed([2; 32]), now),
            connections: BTreeMap::new(),
            out: VecDeque::new(),
        }
    }

    fn source(&self, arrival: &Arrival, conn: Option<Conn>) -> Source {
        let (path, transport) = match conn {
            Some(conn) => (Path::Stream(self.connections[&conn]), Transport::Tcp),
            None => (Path::Datagram { socket: SocketId(0), remote: arrival.from }, Transport::Udp),
        };
        Source { path, transport, remote: arrival.from, ..source(EDGE) }
    }

    fn serve(&mut self, bytes: &[u8], source: &Source, now: Instant) -> Option<Vec<u8>> {
        let request = Message::from_datagram(bytes.to_vec()).unwrap();
        let relation = Relation::Stranger;
        let reply = match self.guard.admit(&request, source, relation, false, now) {
            Verdict::Prove => {
                match self.guard.prove(&mut self.registrar, &request, source, relation, false, now) {
                    Ok(proved) => Some(self.registrar.register(&request, source, &proved, now)),
                    Err(challenge) => Some(challenge),
                }
            }
            Verdict::Refuse(status) => Some(Draft::reply_to(&request, status, "x")),
            Verdict::Serve | Verdict::Context | Verdict::Silence => None,
        };
        reply.map(|reply| reply.finish().unwrap().to_vec())
    }

    fn note_events(&mut self) {
        while let Some(event) = self.registrar.poll_event() {
            let mut note = String::new();
            match event {
                Told::Bound { aor, change, .. } => write!(note, "{aor}: {change:?}"),
                Told::Unbound { aor, cause, .. } => write!(note, "{aor}: gone, {cause}"),
                Told::Online { .. } => write!(note, "online"),
                Told::Offline { cause, .. } => write!(note, "offline, {cause}"),
                Told::Refused { status, why, .. } => write!(note, "{status}: {why}"),
            }
            .unwrap();
            self.out.push_back(Departure::Note(format!("{}: {note}", self.name)));
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
        match &arrival.event {
            Event::Datagram(bytes) => {
                let source = self.source(&arrival, None);
                if let Some(body) = self.serve(bytes, &source, now) {
                    self.out.push_back(Departure::Datagram { from: arrival.to, to: arrival.from, body });
                }
            }
            Event::Accepted(conn) => {
                let id = ConnectionId::accepted(self.connections.len() as u64);
                self.connections.insert(*conn, id);
            }
            Event::Stream(conn, bytes) => {
                let source = self.source(&arrival, Some(*conn));
                if let Some(body) = self.serve(bytes, &source, now) {
                    self.out.push_back(Departure::Stream(*conn, body));
                }
            }
            Event::Closed(conn) => {
                if let Some(id) = self.connections.get(conn) {
                    self.registrar.flow_lost(Path::Stream(*id));
                }
            }
            Event::Connected { .. } | Event::Refused { .. } => {}
        }
        self.note_events();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.registrar.handle_timeout(now);
        self.note_events();
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.registrar.next_timeout().map(|deadline| deadline.at)
    }
}

/// A phone that registers, answers challenges, and refreshes half-way through what it was given.
pub struct PhoneNode {
    pub name: &'static str,
    pub at: SocketAddr,
    pub edge: SocketAddr,
    pub register: Register<'static>,
    pub granted: Option<u32>,
    /// Over a connection instead of datagrams.
    pub tcp: bool,
    conn: Option<Conn>,
    refresh_at: Option<Instant>,
    pub refreshes: bool,
    client: DigestClient,
    out: VecDeque<Departure>,
    waiting: Option<Draft>,
}

impl PhoneNode {
    pub fn new(name: &'static str, at: &str, edge: &str, username: &str) -> Self {
        Self {
            name,
            at: at.parse().unwrap(),
            edge: edge.parse().unwrap(),
            register: Register::ALICE,
            granted: None,
            tcp: false,
            conn: None,
            refresh_at: None,
            refreshes: true,
            client: digest_client(username, &format!("{username}-secret")),
            out: VecDeque::new(),
            waiting: None,
        }
    }

    pub fn send_register(&mut self) {
        let draft = self.register.draft();
        self.waiting = Some(draft.clone());
        match (self.tcp, self.conn) {
            (true, None) => self.out.push_back(Departure::Connect { from: self.at, to: self.edge, tag: 1 }),
            (_, _) => self.transmit(draft),
        }
    }

    pub fn hang_up_connection(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.out.push_back(Departure::Close(conn));
        }
    }

    fn transmit(&mut self, draft: Draft) {
        let body = draft.finish().unwrap().to_vec();
        self.out.push_back(match self.conn {
            Some(conn) => Departure::Stream(conn, body),
            None => Departure::Datagram { from: self.at, to: self.edge, body },
        });
    }

    fn take(&mut self, bytes: &[u8], now: Instant) {
        let answer = Message::from_datagram(bytes.to_vec()).unwrap();
        match answer.status() {
            Some(401) => {
                let value = authorization(&mut self.client, &answer, "REGISTER");
                self.register.cseq += 1;
                let draft = self.register.draft().header(HeaderName::Authorization, value);
                self.transmit(draft);
            }
            Some(200) => {
                self.granted = answer
                    .all::<sip_trunk::header::Contact<'_>>()
                    .flatten()
                    .find_map(|contact| contact.expires());
                self.register.cseq += 1;
                let half = self.granted.filter(|_| self.refreshes).map(|seconds| seconds / 2);
                self.refresh_at = half.map(|seconds| now + std::time::Duration::from_secs(seconds.into()));
            }
            _ => self.refresh_at = None,
        }
    }
}

impl Node for PhoneNode {
    fn name(&self) -> &str {
        self.name
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        match arrival.event {
            Event::Datagram(bytes) | Event::Stream(_, bytes) => self.take(&bytes, now),
            Event::Connected { conn, .. } => {
                self.conn = Some(conn);
                if let Some(draft) = self.waiting.take() {
                    self.transmit(draft);
                }
            }
            Event::Closed(_) => self.conn = None,
            Event::Accepted(_) | Event::Refused { .. } => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.refresh_at.take_if(|at| *at <= now).is_some() {
            self.send_register();
        }
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.refresh_at
    }
}
