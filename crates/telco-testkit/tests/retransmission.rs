//! A small request/answer engine with a retransmission timer, run over bad networks and drawn as ladders.
//! It stands for what the real engines do with the kit.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use telco_testkit::{
    Arrival, Conn, Departure, Ended, Event, Link, Node, Sim, check_ladder, expect_file, label,
};

const T1: Duration = Duration::from_millis(500);

/// Repeats a request at doubling intervals until it is answered, or gives up after 64 × T1.
struct Client {
    at: SocketAddr,
    server: SocketAddr,
    waiting: Option<Waiting>,
    out: VecDeque<Departure>,
}

struct Waiting {
    retransmit_at: Instant,
    interval: Duration,
    give_up_at: Instant,
}

impl Client {
    fn new(at: &str, server: &str) -> Self {
        let (at, server) = (at.parse().unwrap(), server.parse().unwrap());
        Self { at, server, waiting: None, out: VecDeque::new() }
    }

    fn ask(&mut self, now: Instant) {
        self.waiting = Some(Waiting { retransmit_at: now + T1, interval: T1, give_up_at: now + 64 * T1 });
        self.transmit();
    }

    fn transmit(&mut self) {
        let body = b"OPTIONS sip:edge SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n".to_vec();
        self.out.push_back(Departure::Datagram { from: self.at, to: self.server, body });
    }
}

impl Node for Client {
    fn name(&self) -> &str {
        "phone"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
        assert!(matches!(arrival.event, Event::Datagram(_)));
        if self.waiting.take().is_some() {
            self.out.push_back(Departure::Note("answered".to_owned()));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let Some(waiting) = &mut self.waiting else { return };
        if now >= waiting.give_up_at {
            self.waiting = None;
            self.out.push_back(Departure::Note("gave up".to_owned()));
        } else if now >= waiting.retransmit_at {
            waiting.interval *= 2;
            waiting.retransmit_at = now + waiting.interval;
            self.transmit();
        }
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.retransmit_at.min(waiting.give_up_at))
    }
}

/// Answers datagrams and, on streams, repeats every whole line.
struct Server {
    at: SocketAddr,
    partial: Vec<u8>,
    out: VecDeque<Departure>,
}

impl Server {
    fn new(at: &str) -> Self {
        Self { at: at.parse().unwrap(), partial: Vec::new(), out: VecDeque::new() }
    }
}

impl Node for Server {
    fn name(&self) -> &str {
        "edge"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
        match arrival.event {
            Event::Datagram(request) if !request.starts_with(b"OPTIONS") => {}
            Event::Datagram(_) => {
                let body = b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\n\r\n".to_vec();
                self.out.push_back(Departure::Datagram { from: self.at, to: arrival.from, body });
            }
            Event::Stream(conn, piece) => {
                self.partial.extend(piece);
                while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
                    let line = self.partial.drain(..=end).collect();
                    self.out.push_back(Departure::Stream(conn, line));
                }
            }
            Event::Accepted(_) | Event::Closed(_) | Event::Connected { .. } | Event::Refused { .. } => {}
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

/// Connects, says two lines in one breath, hangs up when both have come back.
struct Talker {
    at: SocketAddr,
    server: SocketAddr,
    conn: Option<Conn>,
    heard: Vec<u8>,
    refused: bool,
    out: VecDeque<Departure>,
}

impl Talker {
    fn new(at: &str, server: &str) -> Self {
        let (at, server) = (at.parse().unwrap(), server.parse().unwrap());
        let connect = Departure::Connect { from: SocketAddr::new(at, 0), to: server, tag: 1 };
        Self {
            at: SocketAddr::new(at, 5060),
            server,
            conn: None,
            heard: Vec::new(),
            refused: false,
            out: VecDeque::from([connect]),
        }
    }
}

impl Node for Talker {
    fn name(&self) -> &str {
        "talker"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.at]
    }

    fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
        assert_eq!(arrival.from, self.server);
        match arrival.event {
            Event::Connected { conn, tag: 1 } => {
                self.conn = Some(conn);
                self.out.push_back(Departure::Stream(conn, b"one\ntwo\n".to_vec()));
            }
            Event::Stream(conn, piece) => {
                self.heard.extend(piece);
                if self.heard.ends_with(b"two\n") {
                    self.out.push_back(Departure::Close(conn));
                }
            }
            Event::Closed(_) => self.out.push_back(Departure::Note("connection lost".to_owned())),
            Event::Refused { tag: 1 } => self.refused = true,
            Event::Datagram(_) | Event::Accepted(_) | Event::Connected { .. } | Event::Refused { .. } => {
                panic!("unexpected {:?}", arrival.event)
            }
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

fn pair() -> (Client, Server) {
    (Client::new("192.0.2.10:5060", "192.0.2.1:5060"), Server::new("192.0.2.1:5060"))
}

#[test]
fn a_lost_request_is_repeated() {
    let (mut phone, mut edge) = pair();
    let mut sim = Sim::new(1).with_label(label::sip);
    sim.net.drop_next(phone.at.ip(), edge.at.ip(), 1);
    sim.net.drop_next(edge.at.ip(), phone.at.ip(), 1);
    phone.ask(sim.now());
    let ended = sim.run_until_idle(&mut [&mut phone, &mut edge], Duration::from_secs(60));
    assert_eq!(ended, Ended::Idle);
    check_ladder(&sim, &expect_file!["ladders/lost-request.txt"]);
}

#[test]
fn a_dead_server_is_given_up_after_64_t1() {
    let (mut phone, edge) = pair();
    let mut sim = Sim::new(1).with_label(label::sip);
    sim.net.cut(phone.at.ip(), edge.at.ip());
    phone.ask(sim.now());
    sim.run_until_idle(&mut [&mut phone], Duration::from_secs(60));
    assert_eq!(sim.elapsed(), Duration::from_secs(32));
    check_ladder(&sim, &expect_file!["ladders/dead-server.txt"]);
}

#[test]
fn a_bad_line_draws_the_same_ladder_every_time() {
    let draw = || {
        let (mut phone, mut edge) = pair();
        let mut sim = Sim::new(4).with_label(label::sip);
        let jitter = Duration::from_millis(40);
        sim.net.set_link(Link { jitter, loss: 0.4, duplicate: 0.4, reorder: 0.2, ..Link::default() });
        for _ in 0..4 {
            phone.ask(sim.now());
            sim.run_until_idle(&mut [&mut phone, &mut edge], Duration::from_secs(60));
        }
        sim
    };
    let sim = draw();
    let stats = sim.net.stats();
    assert!(stats.lost > 0 && stats.duplicated > 0 && stats.reordered > 0, "{stats:?}");
    assert_eq!(sim.ladder(), draw().ladder());
    check_ladder(&sim, &expect_file!["ladders/bad-line.txt"]);
}

#[test]
fn a_stream_in_pieces_is_one_conversation() {
    let mut talker = Talker::new("192.0.2.20", "192.0.2.1:5060");
    let mut edge = Server::new("192.0.2.1:5060");
    let mut sim = Sim::new(3);
    sim.net.set_link(Link { segment: Some(2), ..Link::default() });
    let ended = sim.run_until_idle(&mut [&mut talker, &mut edge], Duration::from_secs(5));
    assert_eq!(ended, Ended::Idle);
    assert_eq!(talker.heard, b"one\ntwo\n");
    check_ladder(&sim, &expect_file!["ladders/stream.txt"]);
}

#[test]
fn a_refused_and_a_broken_connection_reach_their_owner() {
    let mut talker = Talker::new("192.0.2.20", "192.0.2.1:5060");
    let mut edge = Server::new("192.0.2.1:5060");
    let mut sim = Sim::new(3);
    let second = Departure::Connect { from: SocketAddr::new(talker.at.ip(), 0), to: edge.at, tag: 1 };

    sim.run_for(&mut [&mut talker, &mut edge], Duration::from_millis(20));
    assert_eq!(sim.net.connections(edge.at.ip()).len(), 1);
    sim.banner("the edge restarts");
    sim.net.break_connection(talker.conn.unwrap(), sim.now());
    sim.net.refuse(edge.at);
    talker.out.push_back(second);
    sim.run_until_idle(&mut [&mut talker, &mut edge], Duration::from_secs(5));

    assert!(talker.refused);
    assert_eq!(sim.net.stats().refused, 1);
    check_ladder(&sim, &expect_file!["ladders/refused.txt"]);
}

#[test]
fn a_stranger_gets_its_own_column() {
    let (_, mut edge) = pair();
    let mut sim = Sim::new(1).with_label(label::sip);
    sim.send("198.51.100.66:31337".parse().unwrap(), edge.at, vec![0xff; 1200]);
    sim.run_until_idle(&mut [&mut edge], Duration::from_secs(1));
    check_ladder(&sim, &expect_file!["ladders/stranger.txt"]);
}

#[test]
#[should_panic(expected = "stuck keeps asking for a timeout that has passed")]
fn an_engine_that_spins_is_named() {
    struct Stuck(Instant);
    impl Node for Stuck {
        fn name(&self) -> &str {
            "stuck"
        }
        fn addresses(&self) -> Vec<SocketAddr> {
            Vec::new()
        }
        fn handle_input(&mut self, _arrival: Arrival, _now: Instant) {}
        fn handle_timeout(&mut self, _now: Instant) {}
        fn poll_output(&mut self) -> Option<Departure> {
            None
        }
        fn next_timeout(&self) -> Option<Instant> {
            Some(self.0)
        }
    }
    let mut sim = Sim::new(1);
    sim.run_for(&mut [&mut Stuck(sim.now())], Duration::from_secs(1));
}
