//! Connections in virtual time: which one a message takes, and what happens when it is gone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod lab;

use std::time::Duration;

use lab::{Peer, listener, sim};
use sip_trunk::endpoint::{Destination, EndpointConfig, Outgoing, SendError, Strangers};
use sip_trunk::msg::{Draft, Method};
use sip_trunk::transport::{Path, TlsPeer, Transport};
use telco_testkit::{Link, Node, Sim, check_ladder, expect_file};

const SECOND: Duration = Duration::from_secs(1);

fn udp_only(name: &'static str, address: &str) -> Peer {
    let udp = listener(0, Transport::Udp, &format!("{address}:5060"));
    Peer::listening(name, vec![udp], EndpointConfig::default())
}

fn large(peer: &mut Peer, to: &str, sim: &Sim) {
    let call_id = format!("large at {:?}", sim.elapsed()).replace(' ', "-");
    let draft = lab::draft_of(&Method::Message, &call_id).body("text/plain", vec![b'x'; 1200]);
    peer.engine.request(Outgoing::new(draft, Destination::Uri(to.into())), sim.now()).unwrap();
    peer.settle(sim.now());
}

/// Lets both sides run for a while with `server` answering 200.
fn run(sim: &mut Sim, caller: &mut Peer, server: &mut Peer, span: Duration) {
    for _ in 0..span.as_millis() / 10 {
        sim.run_for(&mut [&mut *caller, &mut *server], Duration::from_millis(10));
        server.answer_all(200, sim.now());
    }
}

/// RFC 3261 §18.1.1: what is too large for a datagram goes by TCP, and its Via says so.
#[test]
fn a_large_request_goes_by_tcp() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    large(&mut caller, "sip:192.0.2.2", &sim);
    run(&mut sim, &mut caller, &mut server, SECOND / 5);
    assert_eq!(caller.news(), ["open TCP 192.0.2.2:5060", "200 from TCP 192.0.2.2:5060"]);
    check_ladder(&sim, &expect_file!["ladders/endpoint_large_request.txt"]);
}

/// RFC 3261 §18.1.1: without TCP at the other side it goes as a datagram after all, the next time at once.
#[test]
fn a_large_request_goes_as_a_datagram_where_tcp_is_refused() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = udp_only("server", "192.0.2.2");
    sim.run_for(&mut [&mut caller, &mut server], Duration::ZERO);
    sim.net.refuse("192.0.2.2:5060".parse().unwrap());
    for _ in 0..2 {
        large(&mut caller, "sip:192.0.2.2", &sim);
        run(&mut sim, &mut caller, &mut server, SECOND / 5);
        assert_eq!(caller.news(), ["200 from UDP 192.0.2.2:5060"]);
        sim.run_for(&mut [&mut caller, &mut server], SECOND * 20);
    }
    check_ladder(&sim, &expect_file!["ladders/endpoint_large_request_without_tcp.txt"]);
}

/// ST-043, RFC 5923 §5: one connection serves all requests towards its target.
#[test]
fn requests_to_one_target_share_a_connection() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    for _ in 0..5 {
        caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    }
    run(&mut sim, &mut caller, &mut server, SECOND);
    caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    run(&mut sim, &mut caller, &mut server, SECOND);
    assert_eq!(caller.news().iter().filter(|line| line.starts_with("open")).count(), 1);
    assert_eq!((caller.engine.stats().connections, server.engine.stats().connections), (1, 1));
    assert_eq!(caller.engine.stats().client_transactions, 0);
}

/// Flow affinity: a request in a dialog leaves by the connection its peer opened, whatever port the Contact names;
/// when that connection is gone, by the way to the Contact.
#[test]
fn a_request_in_a_dialog_takes_the_peers_connection() {
    let (mut sim, mut phone) = (sim(), Peer::at("phone", "192.0.2.1"));
    let mut edge = Peer::at("edge", "192.0.2.2");
    phone.send("sip:192.0.2.2;transport=tcp", sim.now());
    run(&mut sim, &mut phone, &mut edge, SECOND);
    let path = edge.opened().path;
    let to_phone = || Destination::Flow { path, otherwise: Some("sip:192.0.2.1:5060;transport=udp".into()) };
    phone.news();
    edge.request(&Method::Bye, to_phone(), sim.now());
    sim.run_for(&mut [&mut phone, &mut edge], SECOND);
    assert!(phone.news()[0].starts_with("BYE from TCP 192.0.2.2:"));

    edge.engine.close(path, sim.now());
    edge.settle(sim.now());
    edge.request(&Method::Bye, to_phone(), sim.now());
    sim.run_for(&mut [&mut phone, &mut edge], SECOND);
    assert!(phone.news().contains(&"BYE from UDP 192.0.2.2:5060".to_owned()));
    let only = Outgoing::new(lab::draft(&Method::Bye), Destination::Flow { path, otherwise: None });
    assert_eq!(edge.engine.request(only, sim.now()), Err(SendError::FlowGone));
}

/// RFC 3261 §17.1.4: a connection that closes fails the requests that wait on it, each once, with the cause.
#[test]
fn a_connection_closed_in_mid_transaction_fails_its_requests() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    caller.request(&Method::Invite, Destination::Uri("sip:192.0.2.2;transport=tcp".into()), sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND / 10);
    server.engine.close(server.opened().path, sim.now());
    server.settle(sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    let lost = "lost TCP 192.0.2.2:5060: closed by the peer";
    let failed = "failed: closed by the peer";
    assert_eq!(caller.news()[..4], ["open TCP 192.0.2.2:5060", lost, failed, failed]);
    assert_eq!(caller.engine.stats().requests, 0);
}

/// RFC 3261 §18.2.2: an answer whose connection is gone opens one to where its sender listens.
#[test]
fn an_answer_finds_another_way_when_its_connection_is_gone() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    caller.request(&Method::Invite, Destination::Uri("sip:192.0.2.2;transport=tcp".into()), sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    let (transaction, message, source) = server.asked();
    server.engine.close(source.path, sim.now());
    let answer = Draft::reply_to(&message, 486, "b");
    assert!(server.engine.respond(transaction, answer, sim.now()));
    server.settle(sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    check_ladder(&sim, &expect_file!["ladders/endpoint_answer_elsewhere.txt"]);
}

/// ES-29: but not towards a stranger: a request and a hang-up make nobody connect to anybody.
#[test]
fn an_answer_opens_no_connection_to_a_stranger() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let listeners = vec![listener(0, Transport::Tcp, "192.0.2.2:5060")];
    let guarded = EndpointConfig { strangers: Strangers::Guarded, ..EndpointConfig::default() };
    let mut server = Peer::listening("server", listeners, guarded);
    caller.request(&Method::Invite, Destination::Uri("sip:192.0.2.2;transport=tcp".into()), sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    let (transaction, message, source) = server.asked();
    server.engine.close(source.path, sim.now());
    assert!(server.engine.respond(transaction, Draft::reply_to(&message, 486, "b"), sim.now()));
    server.settle(sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    assert_eq!((server.engine.stats().undelivered_answers, server.engine.stats().connections), (1, 0));
}

/// A server that has died without closing: the request times out, and the connection with it.
#[test]
fn a_silent_connection_is_given_up_with_its_request() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    run(&mut sim, &mut caller, &mut server, SECOND);
    caller.news();
    sim.net.cut("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND * 33);
    assert_eq!(
        caller.news(),
        ["lost TCP 192.0.2.2:5060: the peer has gone silent", "failed: no answer in time"]
    );
    assert_eq!(caller.engine.stats().connections, 0);
}

/// RFC 5626 §4.4.1: pings go out along a flow, pongs come back, and a flow without pongs is lost.
#[test]
fn keep_alives_notice_a_lost_flow() {
    let (mut sim, mut phone) = (sim(), Peer::at("phone", "192.0.2.1"));
    let mut edge = Peer::at("edge", "192.0.2.2");
    phone.send("sip:192.0.2.2;transport=tcp", sim.now());
    run(&mut sim, &mut phone, &mut edge, SECOND);
    let source = phone.opened();
    phone.news();
    phone.engine.keep_alive(source.path, Some(SECOND * 30), sim.now());
    sim.run_for(&mut [&mut phone, &mut edge], SECOND * 300);
    assert_eq!(phone.news(), [""; 0], "pongs keep the flow");
    sim.net.cut("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    sim.run_for(&mut [&mut phone, &mut edge], SECOND * 41);
    assert_eq!(phone.news(), ["lost TCP 192.0.2.2:5060: the peer has gone silent"]);
}

/// Datagram paths are kept awake without an answer (RFC 5626 §4.4.2 would ask for STUN); stopping stops.
#[test]
fn datagram_paths_are_kept_awake() {
    let (mut sim, mut phone) = (sim(), Peer::at("phone", "192.0.2.1"));
    let path = Path::Datagram {
        socket: sip_trunk::transport::SocketId(0),
        remote: "192.0.2.2:5060".parse().unwrap(),
    };
    phone.engine.keep_alive(path, Some(SECOND * 20), sim.now());
    sim.run_for(&mut [&mut phone], SECOND * 100);
    let sent = sim.net.stats().sent;
    assert!((5..=7).contains(&sent), "{sent}");
    phone.engine.keep_alive(path, None, sim.now());
    assert_eq!(phone.engine.next_timeout(), None);
}

/// ES-08: more than one ping a second on a connection gets no more than one pong a second, on byte streams and on
/// WebSocket.
#[test]
fn pings_are_answered_once_a_second() {
    for transport in [Transport::Tcp, Transport::Ws] {
        let (mut sim, mut phone) = (sim(), Peer::at("phone", "192.0.2.1"));
        let listeners = vec![listener(0, transport, "192.0.2.2:5060")];
        let mut edge = Peer::listening("edge", listeners, EndpointConfig::default());
        phone.send(&format!("sip:192.0.2.2:5060;transport={}", transport.as_str()), sim.now());
        run(&mut sim, &mut phone, &mut edge, SECOND);
        let source = phone.opened();
        let before = sim.net.stats().delivered;
        phone.engine.keep_alive(source.path, Some(Duration::from_millis(1)), sim.now());
        sim.run_for(&mut [&mut phone, &mut edge], SECOND * 4);
        let answered = sim.net.stats().delivered - before;
        assert!(answered < 20, "{transport}: {answered} deliveries in four seconds");
        assert_eq!(edge.engine.stats().malformed, 0);
    }
}

/// ES-06: messages come out whole however a stream is cut, all the way through the engine.
#[test]
fn a_stream_may_be_cut_anywhere() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    sim.net.set_link(Link { segment: Some(3), ..Link::PERFECT });
    let mut server = Peer::at("server", "192.0.2.2");
    for _ in 0..20 {
        caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    }
    run(&mut sim, &mut caller, &mut server, SECOND);
    let heard = caller.news();
    assert_eq!(heard.iter().filter(|line| *line == "200 from TCP 192.0.2.2:5060").count(), 20, "{heard:?}");
}

/// ES-07: a connection on which nothing passes is closed after a while, on both sides.
#[test]
fn idle_connections_are_closed() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    caller.send("sip:192.0.2.2;transport=tcp", sim.now());
    run(&mut sim, &mut caller, &mut server, SECOND);
    caller.news();
    sim.run_for(&mut [&mut caller, &mut server], SECOND * 601);
    assert_eq!((caller.engine.stats().connections, server.engine.stats().connections), (0, 0));
    assert_eq!(caller.news().len(), 1);
}

/// RFC 7118: SIP over WebSocket, with the browser's invalid host in its Via.
#[test]
fn websocket_carries_requests_both_ways() {
    let (mut sim, mut edge) = (sim(), {
        let listeners = vec![listener(0, Transport::Ws, "192.0.2.2:80")];
        Peer::listening("edge", listeners, EndpointConfig::default())
    });
    let mut browser = Peer::at("browser", "192.0.2.1");
    browser.send("sip:192.0.2.2;transport=ws", sim.now());
    run(&mut sim, &mut browser, &mut edge, SECOND);
    assert_eq!(browser.news(), ["open WS 192.0.2.2:80", "200 from WS 192.0.2.2:80"]);
    let source = edge.opened();
    edge.request(&Method::Notify, Destination::Path(source.path), sim.now());
    run(&mut sim, &mut edge, &mut browser, SECOND);
    assert!(edge.news().last().unwrap().starts_with("200 from WS 192.0.2.1:"));
}

/// RFC 5923 §5, §8.2: a peer that proved its name by certificate and asks for it is called back on its connection.
#[test]
fn a_certified_peer_is_called_back_on_its_connection() {
    let (mut sim, mut edge) = (sim(), Peer::at("edge", "192.0.2.2"));
    let mut carrier = Peer::at("carrier", "192.0.2.1");
    edge.client_certificate = Some(TlsPeer {
        certificate: Some(bytes::Bytes::from_static(b"der")),
        names: vec!["carrier.example".into()],
        server_name: None,
    });
    carrier.zone.address("edge.example", "192.0.2.2", 300);
    edge.zone.address("carrier.example", "192.0.2.1", 300);
    carrier.send("sips:edge.example", sim.now());
    run(&mut sim, &mut carrier, &mut edge, SECOND);
    edge.send("sips:carrier.example", sim.now());
    run(&mut sim, &mut edge, &mut carrier, SECOND);
    assert_eq!((edge.engine.stats().connections, carrier.engine.stats().connections), (1, 1));
    assert!(edge.news().last().unwrap().starts_with("200 from TLS 192.0.2.1:"));
}

/// A name is not asked of a connection whose certificate does not prove it.
#[test]
fn a_connection_serves_only_the_name_it_was_opened_for() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    caller.zone.address("a.example", "192.0.2.2", 300);
    caller.zone.address("b.example", "192.0.2.2", 300);
    for name in ["sips:a.example", "sips:b.example", "sips:a.example"] {
        caller.send(name, sim.now());
        run(&mut sim, &mut caller, &mut server, SECOND);
    }
    assert_eq!(caller.engine.stats().connections, 2);
}

/// RFC 3261 §9.1: an INVITE withdrawn before its connection opens is never sent.
#[test]
fn a_request_withdrawn_while_connecting_is_not_sent() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.2");
    let to = Destination::Uri("sip:192.0.2.2;transport=tcp".into());
    let id = caller.request(&Method::Invite, to, sim.now());
    caller.engine.cancel(id, sim.now());
    caller.settle(sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    assert_eq!(caller.news(), ["failed: withdrawn before it was sent", "open TCP 192.0.2.2:5060"]);
    assert_eq!(server.news().len(), 1, "the connection, and nothing on it");
}

/// RFC 3263 §4.3, RFC 3261 §9.1: the first server answers after its turn is over: its provisional answer gets a CANCEL, its
/// 2xx goes to the user as stray, and the caller's request is the second server's.
#[test]
fn a_server_that_answers_too_late_is_cancelled() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let (mut slow, mut next) = (Peer::at("slow", "192.0.2.11"), Peer::at("next", "192.0.2.12"));
    caller.zone.address("carrier.example", "192.0.2.11", 300);
    caller.zone.address("carrier.example", "192.0.2.12", 300);
    sim.net.cut_one_way("192.0.2.11".parse().unwrap(), "192.0.2.1".parse().unwrap());
    caller.request(&Method::Invite, Destination::Uri("sip:carrier.example:5060".into()), sim.now());
    let mut nodes: [&mut dyn Node; 3] = [&mut caller, &mut slow, &mut next];
    sim.run_for(&mut nodes, SECOND * 5);
    sim.net.heal("192.0.2.11".parse().unwrap(), "192.0.2.1".parse().unwrap());
    slow.answer_all(180, sim.now());
    next.answer_all(200, sim.now());
    sim.run_for(&mut [&mut caller, &mut slow, &mut next], SECOND);
    let heard = caller.news();
    assert_eq!(heard, ["100 from UDP 192.0.2.12:5060", "200 from UDP 192.0.2.12:5060"]);
    assert!(slow.news().iter().any(|line| line.starts_with("CANCEL")));
}
