//! RFC 3261 §17 and RFC 6026 in virtual time: two transaction layers across a network that loses.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_trunk::Seed;
use sip_trunk::msg::{Draft, Edits, HeaderName, Message, Method};
use sip_trunk::transaction::{ClientId, Failure, Limits, Output, SendError, ServerId, Timing, Transactions};
use sip_trunk::transport::{Path, SocketId};
use telco_testkit::{Arrival, Departure, Event, Link, Node, Sim, check_ladder, expect_file, label};

const CALLER: &str = "192.0.2.1:5060";
const CALLEE: &str = "192.0.2.2:5060";
const SOCKET: SocketId = SocketId(0);

/// A transaction layer on a datagram socket, with what it told its user.
struct Peer {
    name: &'static str,
    at: SocketAddr,
    layer: Transactions,
    out: VecDeque<Departure>,
    heard: Vec<String>,
    requests: Vec<(ServerId, Message)>,
    /// Answers to give, in order, as soon as a request arrives.
    script: Vec<u16>,
}

impl Peer {
    fn new(name: &'static str, at: &str, script: &[u16]) -> Self {
        Self::with_limits(name, at, script, Limits::default())
    }

    fn with_limits(name: &'static str, at: &str, script: &[u16], limits: Limits) -> Self {
        let layer = Transactions::new(Timing::default(), limits, Seed([7; 32]));
        let at = at.parse().unwrap();
        Self {
            name,
            at,
            layer,
            out: VecDeque::new(),
            heard: Vec::new(),
            requests: Vec::new(),
            script: script.to_vec(),
        }
    }

    fn send(&mut self, method: &Method<'_>, branch: &str, now: Instant) -> Result<ClientId, SendError> {
        let message = request(method, branch);
        let sent = self.layer.request(
            &message,
            Path::Datagram { socket: SOCKET, remote: CALLEE.parse().unwrap() },
            now,
        );
        self.settle(now);
        sent
    }

    fn answer(&mut self, index: usize, code: u16, now: Instant) {
        let (id, request) = &self.requests[index];
        let bytes = Draft::reply_to(request, code, "b").finish().unwrap();
        self.layer.respond(*id, code, bytes, now);
        self.settle(now);
    }

    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.layer.poll_output() {
            match output {
                Output::Transmit { path: Path::Datagram { remote, .. }, bytes } => {
                    self.out.push_back(Departure::Datagram {
                        from: self.at,
                        to: remote,
                        body: bytes.to_vec(),
                    });
                }
                Output::Transmit { path: Path::Stream(_), .. } => unreachable!("no stream in these tests"),
                Output::Request { transaction, cancels, message, .. } => {
                    let method = message.method().unwrap().to_string();
                    self.heard.push(if cancels.is_some() {
                        format!("{method} of a pending INVITE")
                    } else {
                        method
                    });
                    let Some(id) = transaction else { continue };
                    self.requests.push((id, message));
                    let index = self.requests.len() - 1;
                    for code in self.script.clone() {
                        self.answer(index, code, now);
                    }
                }
                Output::Response { message, .. } => self.heard.push(message.status().unwrap().to_string()),
                Output::StrayResponse { message, .. } => {
                    self.heard.push(format!("stray {}", message.status().unwrap()))
                }
                Output::Failed { cause, .. } => self.heard.push(format!("failed: {cause:?}")),
                Output::Unacknowledged { .. } => self.heard.push("never acknowledged".into()),
                Output::Refused { .. } => self.heard.push("refused".into()),
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
        let Event::Datagram(body) = arrival.event else { return };
        let message = Message::from_datagram(body).unwrap();
        self.layer.receive(message, Path::Datagram { socket: SOCKET, remote: arrival.from }, now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.layer.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.layer.next_timeout().map(|deadline| deadline.at)
    }
}

fn request(method: &Method<'_>, branch: &str) -> Message {
    let draft = Draft::request(method, "sip:bob@192.0.2.2")
        .header(HeaderName::Via, format!("SIP/2.0/UDP {CALLER};branch=z9hG4bK{branch}"))
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, "<sip:alice@example.com>;tag=a")
        .header(HeaderName::To, "<sip:bob@example.com>")
        .header(HeaderName::CallId, format!("call-{branch}"))
        .header(HeaderName::CSeq, format!("1 {method}"));
    draft.into_message().unwrap()
}

fn lab() -> Sim {
    let mut sim = Sim::new(1).with_label(label::sip);
    sim.net.set_link(Link { latency: Duration::from_millis(20), ..Link::default() });
    sim
}

const MINUTES: Duration = Duration::from_secs(300);

fn run(sim: &mut Sim, caller: &mut Peer, callee: &mut Peer) {
    sim.run_until_idle(&mut [caller, callee], MINUTES);
    assert_eq!((caller.layer.in_use(), callee.layer.in_use()), ((0, 0), (0, 0)), "every transaction ends");
}

/// ST-043, RFC 3261 §17.1.1.2: timer A doubles from T1, timer B gives up after 64 × T1.
#[test]
fn an_unanswered_invite_is_repeated_until_timer_b() {
    let (mut sim, mut caller) = (lab(), Peer::new("caller", CALLER, &[]));
    caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_until_idle(&mut [&mut caller], MINUTES);
    assert_eq!(caller.heard, ["failed: Timeout"]);
    assert_eq!(sim.elapsed(), Duration::from_secs(32));
    check_ladder(&sim, &expect_file!["ladders/transaction_invite_timeout.txt"]);
}

/// ST-043, RFC 3261 §17.1.2.2: timer E doubles up to T2, timer F gives up after 64 × T1.
#[test]
fn an_unanswered_options_is_repeated_until_timer_f() {
    let (mut sim, mut caller) = (lab(), Peer::new("caller", CALLER, &[]));
    caller.send(&Method::Options, "1", sim.now()).unwrap();
    sim.run_until_idle(&mut [&mut caller], MINUTES);
    assert_eq!(caller.heard, ["failed: Timeout"]);
    assert_eq!(caller.layer.stats().retransmissions, 10);
    check_ladder(&sim, &expect_file!["ladders/transaction_options_timeout.txt"]);
}

/// ST-043, RFC 3261 §17.2.1: without an answer in 200 ms the layer says 100 by itself, then repeats the user's final answer until
/// its ACK arrives.
#[test]
fn a_rejected_invite_is_acknowledged_by_the_layer() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[]));
    caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(1));
    let now = sim.now();
    callee.answer(0, 486, now);
    sim.net.drop_next(callee.at.ip(), caller.at.ip(), 1);
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(caller.heard, ["100", "486"]);
    assert_eq!(callee.heard, ["INVITE"]);
    check_ladder(&sim, &expect_file!["ladders/transaction_rejected.txt"]);
}

/// RFC 3261 §17.1.1.2: a repeated final answer is absorbed and acknowledged again.
#[test]
fn a_lost_ack_is_sent_again() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[404]));
    caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_millis(30));
    sim.net.drop_next(caller.at.ip(), callee.at.ip(), 1);
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(caller.heard, ["404"]);
    assert_eq!(callee.heard, ["INVITE"]);
}

/// RFC 3261 §17.2.1: timer H tells the user that nobody acknowledged.
#[test]
fn a_final_answer_without_ack_is_reported() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[503]));
    caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_millis(30));
    sim.net.cut_one_way(caller.at.ip(), callee.at.ip());
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(callee.heard, ["INVITE", "never acknowledged"]);
}

/// RFC 6026 §7: both sides outlive the 2xx; the user's repeats go through the same transaction.
#[test]
fn repeats_of_a_2xx_reach_the_user() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[180, 200]));
    caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(1));
    let now = sim.now();
    callee.answer(0, 200, now);
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(caller.heard, ["180", "200", "200"]);
}

/// RFC 3261 §9.1: CANCEL waits for a provisional answer; §9.2: it finds its INVITE by the branch.
#[test]
fn a_cancel_waits_for_the_first_provisional_answer() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[]));
    let invite = caller.send(&Method::Invite, "1", sim.now()).unwrap();
    caller.layer.cancel(invite, sim.now());
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_millis(100));
    assert_eq!(callee.heard, ["INVITE"]);
    let now = sim.now();
    callee.answer(0, 180, now);
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_millis(100));
    assert_eq!(callee.heard, ["INVITE", "CANCEL of a pending INVITE"]);
    let now = sim.now();
    callee.answer(1, 200, now);
    callee.answer(0, 487, now);
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(caller.heard, ["180", "200", "487"]);
    check_ladder(&sim, &expect_file!["ladders/transaction_cancel.txt"]);
}

/// RFC 3261 §9.1, RFC 3326: an INVITE whose peer rings on after CANCEL is given up 64 × T1 later; CANCEL says why.
#[test]
fn a_withdrawn_invite_is_given_up() {
    let (mut sim, mut caller) = (lab(), Peer::new("caller", CALLER, &[]));
    let mut callee = Peer::new("callee", CALLEE, &[]);
    let invite = caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_millis(100));
    callee.answer(0, 180, sim.now());
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(60));
    caller.layer.cancel_saying(invite, Some("SIP;cause=200"), sim.now());
    caller.layer.cancel_saying(invite, Some("SIP;cause=600"), sim.now());
    caller.settle(sim.now());
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_millis(100));
    callee.answer(1, 200, sim.now());
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(31));
    assert_eq!(caller.heard, ["180", "200"]);
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(2));
    assert_eq!(caller.heard, ["180", "200", "failed: Timeout"]);
    let (_, cancel) = &callee.requests[1];
    assert_eq!(cancel.header(HeaderName::Reason), Some(&b"SIP;cause=200"[..]));
}

/// RFC 3261 §8.2.2.2: the same request by another way is a 482.
#[test]
fn a_merged_request_is_refused() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[180]));
    let other_way = request(&Method::Invite, "1").to_bytes();
    let other_way = String::from_utf8(other_way.to_vec()).unwrap().replace("z9hG4bK1", "z9hG4bK2");
    caller.send(&Method::Invite, "1", sim.now()).unwrap();
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(1));
    sim.send("192.0.2.9:5060".parse().unwrap(), callee.at, other_way.into_bytes());
    sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(1));
    assert_eq!(callee.heard, ["INVITE"]);
    assert_eq!(callee.layer.stats().merged_requests, 1);
    assert!(sim.ladder().contains("482"));
}

/// ES-28, RFC 3261 §16.3 item 4: a request of ours that a proxy sends back unchanged is a loop; with another Request-URI it is a
/// spiral, and served.
#[test]
fn a_loop_is_refused_and_a_spiral_served() {
    for (target, heard, loops) in [("bob@192.0.2.2", 0, 1), ("carol@192.0.2.1", 1, 0)] {
        let (mut sim, mut caller) = (lab(), Peer::new("caller", CALLER, &[]));
        let mut proxy = Peer::new("proxy", CALLEE, &[]);
        caller.send(&Method::Invite, "1", sim.now()).unwrap();
        sim.run_for(&mut [&mut caller, &mut proxy], Duration::from_millis(100));
        let (_, invite) = &proxy.requests[0];
        let mut back = Edits::new(invite);
        back.push_via("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKproxy").unwrap();
        back.set_request_uri(format!("sip:{target}")).unwrap();
        sim.send(proxy.at, caller.at, back.finish().to_vec());
        sim.run_for(&mut [&mut caller, &mut proxy], Duration::from_millis(100));
        assert_eq!(caller.heard.iter().filter(|heard| *heard == "INVITE").count(), heard);
        assert_eq!(caller.layer.stats().looped_requests, loops);
        assert_eq!(sim.ladder().contains("482 Loop Detected"), loops == 1);
    }
}

/// RFC 3261 §17.2.2, RFC 4320 §4.2: a repeated request gets the same final answer; nothing is said after it.
#[test]
fn a_repeated_request_gets_the_same_answer() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[200]));
    sim.net.drop_next(callee.at.ip(), caller.at.ip(), 2);
    caller.send(&Method::Options, "1", sim.now()).unwrap();
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(caller.heard, ["200"]);
    assert_eq!(callee.heard, ["OPTIONS"]);
    assert_eq!(callee.layer.stats().repeated_requests, 2);
}

/// RFC 3261 §17.2.3: an ACK that matches no transaction goes to the user, who knows the dialog.
#[test]
fn the_ack_of_a_2xx_reaches_the_user() {
    let (mut sim, mut callee) = (lab(), Peer::new("callee", CALLEE, &[]));
    sim.send(CALLER.parse().unwrap(), callee.at, request(&Method::Ack, "9").to_bytes().to_vec());
    sim.run_until_idle(&mut [&mut callee], MINUTES);
    assert_eq!(callee.heard, ["ACK"]);
    assert_eq!(callee.layer.in_use(), (0, 0));
}

/// RFC 3261 §17.1.4: a broken path fails what waits on it, and only that.
#[test]
fn a_broken_path_fails_its_requests() {
    let (sim, mut caller) = (lab(), Peer::new("caller", CALLER, &[]));
    caller.send(&Method::Options, "1", sim.now()).unwrap();
    caller.layer.path_failed(Path::Datagram { socket: SocketId(1), remote: CALLEE.parse().unwrap() });
    assert_eq!(caller.layer.in_use(), (1, 0));
    caller.layer.path_failed(Path::Datagram { socket: SOCKET, remote: CALLEE.parse().unwrap() });
    caller.settle(sim.now());
    assert_eq!(caller.heard, [format!("failed: {:?}", Failure::Transport)]);
    assert_eq!(caller.layer.next_timeout(), None);
}

/// ES-19: a full table refuses what is new, answers repeats, and recovers.
#[test]
fn full_tables_refuse_new_requests() {
    let limits = Limits { clients: 2, servers: 1 };
    let (mut sim, mut caller, mut callee) = (
        lab(),
        Peer::with_limits("caller", CALLER, &[], limits),
        Peer::with_limits("callee", CALLEE, &[200], limits),
    );
    caller.send(&Method::Options, "1", sim.now()).unwrap();
    caller.send(&Method::Options, "2", sim.now()).unwrap();
    assert_eq!(caller.send(&Method::Options, "3", sim.now()), Err(SendError::Full(2)));
    run(&mut sim, &mut caller, &mut callee);
    assert_eq!(callee.heard.iter().filter(|heard| *heard == "OPTIONS").count(), 1);
    assert!(callee.layer.stats().refused_requests > 0);
    assert_eq!(caller.heard, ["200", "failed: Timeout"]);
}

/// A branch in use cannot open a second transaction.
#[test]
fn a_branch_is_used_once() {
    let (sim, mut caller) = (lab(), Peer::new("caller", CALLER, &[]));
    caller.send(&Method::Options, "1", sim.now()).unwrap();
    assert_eq!(caller.send(&Method::Options, "1", sim.now()), Err(SendError::Key));
}

/// 30 % loss, duplicates and reordering for an hour: every request ends once, and the tables are empty.
#[test]
fn an_hour_of_bad_network_leaks_nothing() {
    let (mut sim, mut caller, mut callee) =
        (lab(), Peer::new("caller", CALLER, &[]), Peer::new("callee", CALLEE, &[180, 486]));
    let bad = Link {
        latency: Duration::from_millis(40),
        jitter: Duration::from_millis(200),
        loss: 0.3,
        duplicate: 0.1,
        ..Link::default()
    };
    sim.net.set_link(bad);
    for branch in 0..360 {
        let method = if branch % 2 == 0 { Method::Invite } else { Method::Options };
        caller.send(&method, &branch.to_string(), sim.now()).unwrap();
        sim.run_for(&mut [&mut caller, &mut callee], Duration::from_secs(10));
    }
    run(&mut sim, &mut caller, &mut callee);
    let ended = caller.heard.iter().filter(|heard| *heard == "486" || heard.starts_with("failed")).count();
    assert_eq!(ended, 360);
}
