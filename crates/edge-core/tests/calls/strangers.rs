//! What somebody unknown gets: nothing, or less than it sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::edge::{EdgeConfig, Input};
use sip_trunk::endpoint::{Input as Network, Io, Listener, Output};
use sip_trunk::transport::{ConnectionId, SocketId, Transport};
use telco_testkit::{Arrival, Departure, Event, Node};

use crate::lab::{ALICE, CARRIER_A, EDGE, EdgeNode, OFFICE, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);
const STRANGER: &str = "198.51.100.66:5060";

/// Sends what it is told, counts what comes back, and acknowledges nothing.
struct Stranger {
    out: VecDeque<Departure>,
    sent: usize,
    received: Vec<usize>,
}

impl Stranger {
    fn new() -> Self {
        Self { out: VecDeque::new(), sent: 0, received: Vec::new() }
    }

    fn send(&mut self, text: &str) {
        self.sent += text.len();
        let (from, to) = (STRANGER.parse().unwrap(), EDGE.parse().unwrap());
        self.out.push_back(Departure::Datagram { from, to, body: text.into() });
    }

    fn gains(&self) -> f64 {
        self.received.iter().sum::<usize>() as f64 / self.sent as f64
    }
}

impl Node for Stranger {
    fn name(&self) -> &str {
        "stranger"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![STRANGER.parse().unwrap()]
    }

    fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
        if let Event::Datagram(body) = arrival.event {
            self.received.push(body.len());
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        None
    }
}

fn request(method: &str, uri: &str, n: usize, padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bK{n}{method}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@198.51.100.66>;tag={n}\r\nTo: <{uri}>\r\nCall-ID: {n}{method}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:a@{STRANGER}>\r\nSubject: {padding}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// ES-29: whatever a stranger sends in datagrams, and however often answers are repeated, it gets no more bytes than it sent: small
/// requests, requests whose answers would be long, requests that cannot be read, and INVITEs it never acknowledges.
#[test]
fn strangers_gain_no_bytes() {
    let methods = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE", "REFER", "NEWMETHOD"];
    for method in methods {
        for padding in [0, 600] {
            let mut sim = sim();
            let mut edge = EdgeNode::with(&sim, |config| {
                config.ua.product = "a product whose name is long, so that answers are long too".into();
            });
            let mut stranger = Stranger::new();
            for n in 0..15 {
                stranger.send(&request(method, "sip:alice@192.0.2.1", n, padding));
                stranger.send(&format!("{method} sip:alice@192.0.2.1 SIP/2.0\r\nContent-Length: 9\r\n\r\n"));
            }
            sim.run_for(&mut [&mut edge, &mut stranger], 60 * SECOND);
            assert!(stranger.gains() <= 1.0, "{method}: {}", stranger.gains());
            if ["REGISTER", "INVITE"].contains(&method) && padding > 0 {
                assert!(!stranger.received.is_empty(), "{method}: a phone is asked for its password");
            }
            if ["OPTIONS", "NEWMETHOD"].contains(&method) {
                assert!(stranger.received.is_empty(), "{method}: nothing lives here");
            }
        }
    }
}

/// ES-15, ES-29: in silent mode a stranger hears nothing whatever it sends, while phones of listed networks still register.
#[test]
fn the_silent_edge_answers_nobody_unknown() {
    let mut sim = sim();
    let phones = OFFICE
        .replace("kind = \"sip_phone\"", "kind = \"sip_phone\"\naccess = { allow = [\"192.0.2.16/28\"] }");
    let silent = |config: &mut EdgeConfig| config.guard.silent = true;
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &phones, silent);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice], SECOND);
    assert!(edge.told.iter().any(|told| told.contains("Bound")), "{:?}", edge.told);

    let mut stranger = Stranger::new();
    for (n, method) in ["REGISTER", "INVITE", "OPTIONS", "MESSAGE", "PUBLISH"].into_iter().enumerate() {
        stranger.send(&request(method, "sip:alice@192.0.2.1", n, 1000));
    }
    stranger.send("OPTIONS nonsense\r\n\r\n");
    sim.run_for(&mut [&mut edge, &mut stranger], 40 * SECOND);
    assert_eq!(stranger.received, [0; 0]);
}

/// ES-29: the limits for strangers end where somebody has proved to be somebody: a phone's answers may be longer than its requests,
/// and a carrier's are from the start.
#[test]
fn those_who_proved_themselves_are_served_without_count() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    for _ in 0..20 {
        alice.register(&sim, "wonderland");
        carrier.call(&sim, "+13175550101", None);
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        assert!(carrier.was_answered());
    }
    assert_eq!(edge.edge.signalling().withheld_answers, 0);
}

/// ES-15, ES-19: over a connection a stranger's request costs it the connection; it gets no answer, none is sent anywhere else, and
/// nothing of it stays.
#[test]
fn a_stranger_on_a_connection_is_hung_up_on() {
    let sim = sim();
    let (remote, local) = (STRANGER.parse().unwrap(), EDGE.parse().unwrap());
    let mut node = EdgeNode::with(&sim, |config| {
        config.guard.silent = true;
        config.ua.endpoint.listeners.push(Listener::new(SocketId(1), Transport::Tcp, local));
    });
    let before = node.edge.signalling();
    for (n, method) in ["OPTIONS", "INVITE", "SUBSCRIBE"].into_iter().enumerate() {
        let connection = ConnectionId::accepted(n as u64);
        let text = request(method, "sip:192.0.2.1", n, 0).replace("/UDP", "/TCP");
        let bytes = Bytes::from(text.replace("Subject:", "Event: dialog\r\nSubject:"));
        let outputs = node.act(&sim, |edge, now| {
            let accepted = Network::Accepted { connection, listener: SocketId(1), remote, local };
            edge.handle_input(Input::Network(accepted), now);
            edge.handle_input(Input::Network(Network::Received { connection, bytes }), now);
            std::iter::from_fn(|| edge.poll_output()).collect::<Vec<_>>()
        });
        let io = outputs.into_iter().filter_map(|output| match output {
            Output::Io(io) => Some(io),
            Output::Event(_) => None,
        });
        let io: Vec<_> = io.filter(|io| !matches!(io, Io::Datagram { .. })).collect();
        assert!(matches!(io[..], [Io::Close { .. }]), "{method}: {io:?}");
    }
    let after = node.edge.signalling();
    assert_eq!(after.transactions.requests - before.transactions.requests, 3, "all were looked at");
    assert_eq!(after.undelivered_answers, 2, "to INVITE and to SUBSCRIBE");
    let in_use = node.edge.signalling_in_use();
    assert_eq!((in_use.sessions, in_use.subscriptions), (0, 0));
}

/// ES-29: a phone that writes hardly anything is asked for its password when it has repeated itself, so it comes in half a second
/// later than others.
#[test]
fn the_tersest_phone_registers_too() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut stranger = Stranger::new();
    let terse = format!(
        "REGISTER sip:a SIP/2.0\r\nv: SIP/2.0/UDP {STRANGER};branch=z9hG4bK1\r\nf: <sip:a@a>;tag=1\r\nt: <sip:a@a>\r\ni: 1\r\n\
         CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nl: 0\r\n\r\n"
    );
    for expected in [0, 1] {
        stranger.send(&terse);
        sim.run_for(&mut [&mut edge, &mut stranger], SECOND / 2);
        assert_eq!(stranger.received.len(), expected);
    }
}
