//! Where answers go, and what those get who flood, dawdle or send nonsense.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod lab;

use std::net::SocketAddr;
use std::time::Duration;

use lab::{Peer, listener, raw, sim};
use sip_trunk::endpoint::{Destination, EndpointConfig, Event, Limits, Listener, Strangers};
use sip_trunk::msg::{Draft, Method};
use sip_trunk::transaction;
use sip_trunk::transport::{Path, Transport};
use telco_testkit::{Arrival, Conn, Departure, Node, Sim, check_ladder, expect_file};

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn guarded(limits: Limits) -> EndpointConfig {
    let peers = vec!["203.0.113.0/24".parse().unwrap()];
    EndpointConfig { strangers: Strangers::Guarded, peers, limits, ..EndpointConfig::default() }
}

/// A peer that only counts what reaches it, and opens connections on which it says what it is told.
struct Stranger {
    at: Vec<SocketAddr>,
    out: Vec<Departure>,
    conns: Vec<Conn>,
    /// Sent on each connection as soon as it is open.
    greeting: Vec<u8>,
    received: usize,
    datagrams: usize,
    closed: usize,
}

impl Stranger {
    fn at(addresses: &[&str]) -> Self {
        let at = addresses.iter().map(|text| address(text)).collect();
        Self {
            at,
            out: Vec::new(),
            conns: Vec::new(),
            greeting: Vec::new(),
            received: 0,
            datagrams: 0,
            closed: 0,
        }
    }

    fn connect(&mut self, to: &str, count: u64) {
        for tag in 0..count {
            let from = self.at[usize::try_from(tag).unwrap() % self.at.len()];
            let from = SocketAddr::new(from.ip(), 0);
            self.out.push(Departure::Connect { from, to: address(to), tag });
        }
    }
}

impl Node for Stranger {
    fn name(&self) -> &str {
        "stranger"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.at.clone()
    }

    fn handle_input(&mut self, arrival: Arrival, _now: std::time::Instant) {
        match arrival.event {
            telco_testkit::Event::Datagram(body) => {
                self.datagrams += 1;
                self.received += body.len();
            }
            telco_testkit::Event::Connected { conn, .. } => {
                self.conns.push(conn);
                if !self.greeting.is_empty() {
                    self.out.push(Departure::Stream(conn, self.greeting.clone()));
                }
            }
            telco_testkit::Event::Stream(_, body) => self.received += body.len(),
            telco_testkit::Event::Closed(_) => self.closed += 1,
            telco_testkit::Event::Refused { .. } | telco_testkit::Event::Accepted(_) => {}
        }
    }

    fn handle_timeout(&mut self, _now: std::time::Instant) {}

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop()
    }

    fn next_timeout(&self) -> Option<std::time::Instant> {
        None
    }
}

/// One request as a datagram, answered with 200; gives where the answer was sent.
fn answered_to(via: &str, from: &str, configure: impl Fn(&mut Listener)) -> SocketAddr {
    let mut sim = sim();
    let local = if from.starts_with('[') { "[2001:db8::2]:5060" } else { "192.0.2.2:5060" };
    let mut udp = listener(0, Transport::Udp, local);
    configure(&mut udp);
    let mut server = Peer::listening("server", vec![udp], EndpointConfig::default());
    sim.send(address(from), address(local), raw("OPTIONS", via));
    sim.run_for(&mut [&mut server], SECOND / 10);
    server.answer_all(200, sim.now());
    let Some(Departure::Datagram { to, .. }) = server.poll_output() else { panic!("an answer") };
    to
}

/// RFC 3261 §18.2.2, RFC 3581 §4: answers go to the source address; with rport to the source port, else to the port in
/// Via. maddr is not followed: it would let anybody direct answers at anybody.
#[test]
fn answers_go_to_where_the_request_came_from() {
    let plain = |_: &mut Listener| {};
    for (via, from, to) in [
        ("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1", "192.0.2.1:40000", "192.0.2.1:40000"),
        ("SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bK1", "192.0.2.1:40000", "192.0.2.1:5080"),
        ("SIP/2.0/UDP phone.invalid;branch=z9hG4bK1", "192.0.2.1:40000", "192.0.2.1:5060"),
        ("SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.9;branch=z9hG4bK1", "192.0.2.1:40000", "192.0.2.1:5060"),
        ("SIP/2.0/UDP 10.0.0.1;received=203.0.113.9;branch=z9hG4bK1", "192.0.2.1:40000", "192.0.2.1:5060"),
        ("SIP/2.0/UDP [2001:db8::9];rport;branch=z9hG4bK1", "[2001:db8::1]:40000", "[2001:db8::1]:40000"),
    ] {
        assert_eq!(answered_to(via, from, plain), address(to), "{via}");
    }
    let forced = answered_to("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "192.0.2.1:40000", |udp| {
        udp.force_rport = true;
    });
    assert_eq!(forced, address("192.0.2.1:40000"));
}

/// A request that cannot be processed is told so by a peer's endpoint, and noted; keep-alives and noise are not answered.
#[test]
fn malformed_requests_are_answered_once_and_noise_never() {
    let (mut sim, mut server) = (sim(), Peer::at("server", "192.0.2.2"));
    let mut stranger = Stranger::at(&["192.0.2.1:5060"]);
    let broken = String::from_utf8(raw("OPTIONS", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")).unwrap();
    let broken = broken.replace("CSeq: 1 OPTIONS", "CSeq: 1 INFO");
    for body in [
        broken.as_bytes(),
        b"\r\n\r\n",
        b"\r\n",
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 400],
        b"SIP/2.0 200 OK\r\n\r\n",
    ] {
        sim.send(address("192.0.2.1:5060"), address("192.0.2.2:5060"), body.to_vec());
    }
    sim.run_for(&mut [&mut server, &mut stranger], SECOND);
    assert_eq!(stranger.datagrams, 1);
    let news = server.news();
    assert_eq!(news[0], "rejected, answered Some(400)");
    assert_eq!((news.len(), server.engine.stats().malformed), (2, 4));
    assert_eq!(server.engine.in_use(), (0, 0));
}

/// ES-07: handshakes that stall, connections that say nothing and messages that trickle are all ended in time.
#[test]
fn dawdlers_are_cut_off() {
    let (mut sim, mut server) = (sim(), Peer::at("server", "192.0.2.2"));
    server.stalled_handshakes = true;
    let mut stranger = Stranger::at(&["192.0.2.1:5060"]);
    stranger.connect("192.0.2.2:5061", 1);
    sim.run_for(&mut [&mut server, &mut stranger], SECOND * 4);
    assert_eq!((stranger.closed, server.engine.stats().connections), (0, 1));
    sim.run_for(&mut [&mut server, &mut stranger], SECOND * 2);
    assert_eq!((stranger.closed, server.engine.stats().connections), (1, 0), "5 s for handshakes");

    let whole = raw("OPTIONS", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1");
    let then_slow = [&whole[..], b"OPTIONS sip:a SIP/2.0\r\n"].concat();
    for (greeting, cause) in [(Vec::new(), "no message in time"), (then_slow, "a message came too slowly")] {
        let mut stranger = Stranger::at(&["192.0.2.1:5060"]);
        stranger.greeting = greeting;
        stranger.connect("192.0.2.2:5060", 1);
        server.news();
        sim.run_for(&mut [&mut server, &mut stranger], SECOND * 9);
        assert_eq!(server.engine.stats().connections, 1);
        sim.run_for(&mut [&mut server, &mut stranger], SECOND * 2);
        let news = server.news();
        assert!(news.last().unwrap().ends_with(&format!("the peer broke the rules: {cause}")), "{news:?}");
    }
}

/// ES-07: one address gets 20 connections and no more; a configured peer is not counted.
#[test]
fn connections_of_one_source_are_bounded() {
    for (from, allowed) in [("192.0.2.1:5060", 20), ("203.0.113.7:5060", 100)] {
        let (mut sim, mut server) = (sim(), Peer::with("server", "192.0.2.2", guarded(Limits::default())));
        let mut stranger = Stranger::at(&[from]);
        stranger.connect("192.0.2.2:5060", 100);
        sim.run_for(&mut [&mut server, &mut stranger], SECOND);
        assert_eq!(server.engine.stats().connections, allowed);
        assert_eq!(server.engine.stats().refused_connections, 100 - u64::try_from(allowed).unwrap());
    }
}

/// ES-07: 5,000 idle sockets from many addresses; the oldest give way, those who proved themselves stay, calls are set up.
#[test]
fn idle_sockets_give_way_and_calls_are_set_up() {
    let limits = Limits { connections: 1000, ..Limits::default() };
    let (mut sim, mut server) = (sim(), Peer::with("server", "192.0.2.2", guarded(limits)));
    let mut phone = Peer::at("phone", "198.51.100.1");
    phone.send("sip:192.0.2.2;transport=tcp", sim.now());
    sim.run_for(&mut [&mut phone, &mut server], SECOND / 4);
    let Some(Event::FlowOpened { source }) = server.events.pop_front() else { panic!() };
    server.engine.vouch(source.path);
    server.answer_all(200, sim.now());

    let addresses: Vec<_> = (0..250).map(|host| format!("192.0.3.{host}:5060")).collect();
    let mut idle = Stranger::at(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    idle.connect("192.0.2.2:5060", 5000);
    sim.run_for(&mut [&mut phone, &mut server, &mut idle], SECOND);
    assert_eq!(server.engine.stats().connections, 1000);
    assert!(server.engine.source_of(source.path).is_some(), "the vouched connection stays");
    server.news();
    phone.news();

    let mut late = Peer::at("late phone", "198.51.100.2");
    for caller in [&mut phone, &mut late] {
        let to = Destination::Uri("sip:192.0.2.2;transport=tcp".into());
        caller.request(&Method::Invite, to, sim.now());
        for _ in 0..10 {
            sim.run_for(&mut [&mut *caller, &mut server, &mut idle], SECOND / 10);
            server.answer_all(200, sim.now());
        }
        assert_eq!(caller.news().last().map(String::as_str), Some("200 from TCP 192.0.2.2:5060"));
    }
}

/// ES-17: a source that sends too much is dropped and told of once; others are not affected, and the table is bounded.
#[test]
fn a_flood_is_dropped_without_memory() {
    let limits = Limits { sources: 1000, messages_per_source: "50/1s".parse().unwrap(), ..Limits::default() };
    let (mut sim, mut server) = (sim(), Peer::with("server", "192.0.2.2", guarded(limits)));
    for number in 0..2000 {
        let via = format!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}");
        sim.send(address("192.0.2.1:5060"), address("192.0.2.2:5060"), raw("REGISTER", &via));
    }
    sim.run_for(&mut [&mut server], SECOND);
    let stats = server.engine.stats();
    assert_eq!((stats.server_transactions, stats.throttled), (50, 1950));
    assert_eq!(server.news().iter().filter(|line| line.starts_with("throttled")).count(), 1);

    for number in 0..20_000_u32 {
        let from = SocketAddr::new(std::net::IpAddr::V4((0x0a00_0000 + number).into()), 5060);
        sim.send(from, address("192.0.2.2:5060"), b"junk".to_vec());
    }
    sim.run_for(&mut [&mut server], SECOND);
    let stats = server.engine.stats();
    assert!(stats.sources <= 1000);
    assert_eq!(stats.server_transactions, 50, "junk opens nothing");
    sim.run_for(&mut [&mut server], SECOND * 40);
    assert_eq!(server.engine.in_use(), (0, 0));
}

/// ES-19: strangers leave an eighth of the table to those who are known. With all of it in use a peer is told 503 and when to come back, a
/// stranger nothing, and those inside go on.
#[test]
fn overload_is_told_to_peers_only() {
    let transactions = transaction::Limits { servers: 10, clients: 10 };
    let limits = Limits { transactions, ..Limits::default() };
    let (mut sim, mut server) = (sim(), Peer::with("server", "192.0.2.2", guarded(limits)));
    let mut stranger = Stranger::at(&["192.0.2.1:5060"]);
    for number in 0..40 {
        let via = format!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}");
        sim.send(address("192.0.2.1:5060"), address("192.0.2.2:5060"), raw("INVITE", &via));
    }
    let mut peer = Peer::at("peer", "203.0.113.7");
    sim.run_for(&mut [&mut server, &mut stranger, &mut peer], SECOND / 10);
    assert_eq!(stranger.datagrams, 0);
    assert_eq!(server.engine.in_use().1, 9);
    peer.send("sip:192.0.2.2", sim.now());
    sim.run_for(&mut [&mut server, &mut stranger, &mut peer], SECOND / 10);
    assert_eq!((server.engine.in_use().1, peer.events.len()), (10, 0), "there is room for a peer");
    peer.send("sip:192.0.2.2", sim.now());
    sim.run_for(&mut [&mut server, &mut stranger, &mut peer], SECOND / 10);
    let Some(Event::Response { message, .. }) = peer.events.pop_front() else { panic!("an answer") };
    assert_eq!(message.status(), Some(503));
    let retry = message.typed::<sip_trunk::header::RetryAfter<'_>>().unwrap().unwrap().seconds;
    assert!((5..=10).contains(&retry), "{retry}");
    assert_eq!(server.news().iter().filter(|line| *line == "refused").count(), 32);
}

/// Answers everything with a large 401, as a registrar would, and gives bytes out per byte in.
fn amplification(sim: &mut Sim, server: &mut Peer, stranger: &mut Stranger, methods: &[&str]) -> f64 {
    let mut sent = 0;
    for round in 0..5 {
        for (number, method) in methods.iter().enumerate() {
            let via = format!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{round}-{number}");
            let body = raw(method, &via);
            sent += body.len();
            sim.send(stranger.at[0], address("192.0.2.2:5060"), body);
        }
        sim.run_for(&mut [&mut *server, &mut *stranger], SECOND / 10);
        for event in std::mem::take(&mut server.events) {
            if let Event::Request { transaction: Some(id), message, .. } = event {
                let answer = Draft::reply_to(&message, 401, "b").header("X-Padding", vec![b'x'; 600]);
                server.engine.respond(id, answer, sim.now());
            }
        }
        server.settle(sim.now());
        sim.run_for(&mut [&mut *server, &mut *stranger], SECOND * 35);
    }
    stranger.received as f64 / sent as f64
}

/// ES-29: whoever is not known gets no more bytes than it sent, repeats of answers to INVITE included; whoever proved
/// itself gets its answers.
#[test]
fn nobody_is_flooded_through_us() {
    let methods = ["INVITE", "REGISTER", "OPTIONS", "INVITE", "NONSENSE"];
    let (mut sim, mut server) = (sim(), Peer::with("server", "192.0.2.2", guarded(Limits::default())));
    let mut stranger = Stranger::at(&["192.0.2.1:5060"]);
    let factor = amplification(&mut sim, &mut server, &mut stranger, &methods);
    assert!(factor <= 1.0 && factor > 0.0, "{factor}");
    assert!(server.engine.stats().withheld_answers > 0);

    let source =
        Path::Datagram { socket: sip_trunk::transport::SocketId(0), remote: address("192.0.2.1:5060") };
    server.engine.vouch(source);
    let mut known = Stranger::at(&["192.0.2.1:5060"]);
    let factor = amplification(&mut sim, &mut server, &mut known, &["SUBSCRIBE"]);
    assert!(factor > 1.0, "{factor}");
}

/// Malformed requests of strangers get silence, on datagrams and on connections.
#[test]
fn strangers_are_not_told_their_mistakes() {
    let (mut sim, mut server) = (sim(), Peer::with("server", "192.0.2.2", guarded(Limits::default())));
    let mut stranger = Stranger::at(&["192.0.2.1:5060"]);
    let text = String::from_utf8(raw("OPTIONS", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")).unwrap();
    let broken = text.replace("CSeq: 1 OPTIONS", "CSeq: x");
    sim.send(stranger.at[0], address("192.0.2.2:5060"), broken.clone().into_bytes());
    stranger.greeting = broken.into_bytes();
    stranger.connect("192.0.2.2:5060", 1);
    sim.run_for(&mut [&mut server, &mut stranger], SECOND);
    assert_eq!(stranger.received, 0);
    let news = server.news();
    assert_eq!(news.iter().filter(|line| *line == "rejected, answered None").count(), 2, "{news:?}");
}

/// What a whole exchange with a phone behind an address translator looks like.
#[test]
fn a_phone_behind_nat_is_answered_through_its_hole() {
    let (mut sim, mut edge) = (sim(), Peer::at("edge", "192.0.2.2"));
    let mut nat = Stranger::at(&["198.51.100.9:61234"]);
    let via = "SIP/2.0/UDP 10.0.0.4:5060;rport;branch=z9hG4bK1";
    sim.send(nat.at[0], address("192.0.2.2:5060"), raw("INVITE", via));
    sim.run_for(&mut [&mut edge, &mut nat], SECOND / 10);
    let Some(Event::Request { message, source, .. }) = edge.events.front() else { panic!() };
    assert_eq!(
        lab::top_via(message),
        "SIP/2.0/UDP 10.0.0.4:5060;rport=61234;received=198.51.100.9;branch=z9hG4bK1"
    );
    let path = source.path;
    edge.answer_all(180, sim.now());
    edge.request(&Method::Notify, Destination::Path(path), sim.now());
    sim.run_for(&mut [&mut edge, &mut nat], SECOND / 10);
    assert_eq!(nat.datagrams, 2);
    check_ladder(&sim, &expect_file!["ladders/endpoint_nat.txt"]);
}
