//! RFC 3263 in virtual time: which server is asked first, which one next, and for how long that is remembered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod lab;

use std::time::Duration;

use lab::{Peer, sim};
use sip_trunk::endpoint::{Destination, EndpointConfig, Outgoing, SendError, TlsFault};
use sip_trunk::msg::Method;
use telco_testkit::{Sim, check_ladder, expect_file};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Answers OPTIONS with 200 until nothing more comes; gives what the caller heard.
fn run(sim: &mut Sim, caller: &mut Peer, servers: &mut [&mut Peer], span: Duration) -> Vec<String> {
    for _ in 0..span.as_millis() / 50 {
        let mut nodes: Vec<&mut dyn telco_testkit::Node> = vec![caller];
        nodes.extend(servers.iter_mut().map(|server| &mut **server as &mut dyn telco_testkit::Node));
        sim.run_for(&mut nodes, Duration::from_millis(50));
        for server in servers.iter_mut() {
            server.answer_all(200, sim.now());
        }
    }
    caller.news()
}

/// ST-035: of two SRV targets the first is dead; the second answers, and is asked first from then on.
#[test]
fn a_dead_first_srv_target_gives_way_to_the_second() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut second = Peer::at("second", "192.0.2.12");
    caller.zone.srv("_sip._udp.carrier.example", 20, 0, 5060, "b.carrier.example");
    caller.zone.srv("_sip._udp.carrier.example", 10, 0, 5060, "a.carrier.example");
    caller.zone.address("a.carrier.example", "192.0.2.11", 300);
    caller.zone.address("b.carrier.example", "192.0.2.12", 300);
    caller.send("sip:carrier.example;transport=udp", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [&mut second], MINUTE / 2);
    assert_eq!(heard, ["200 from UDP 192.0.2.12:5060"]);
    check_ladder(&sim, &expect_file!["ladders/endpoint_dead_srv_target.txt"]);

    caller.send("sip:carrier.example;transport=udp", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [&mut second], SECOND);
    assert_eq!(heard, ["200 from UDP 192.0.2.12:5060"], "the dead one is not asked first again");
    assert_eq!(caller.zone.asked.len(), 4 - 1, "SRV and two names, each asked once");
}

/// ST-035: TLS to two gateways; the first refuses the connection, the second answers at once.
#[test]
fn a_gateway_that_refuses_tls_gives_way_at_once() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut second = Peer::at("gw2", "192.0.2.12");
    caller.zone.srv("_sips._tcp.gw.example", 1, 0, 5061, "gw1.example");
    caller.zone.srv("_sips._tcp.gw.example", 2, 0, 5061, "gw2.example");
    caller.zone.address("gw1.example", "192.0.2.11", 300);
    caller.zone.address("gw2.example", "192.0.2.12", 300);
    caller.send("sips:gw.example", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [&mut second], SECOND);
    assert_eq!(heard, ["open TLS 192.0.2.12:5061", "200 from TLS 192.0.2.12:5061"]);
    check_ladder(&sim, &expect_file!["ladders/endpoint_tls_second_gateway.txt"]);
}

/// RFC 7984: IPv6 first where both sides have it; a server without it is reached by IPv4.
#[test]
fn a_dead_ipv6_address_gives_way_to_ipv4() {
    let listeners = vec![
        lab::listener(0, sip_trunk::transport::Transport::Udp, "192.0.2.1:5060"),
        lab::listener(1, sip_trunk::transport::Transport::Udp, "[2001:db8::1]:5060"),
    ];
    let (mut sim, mut caller) = (sim(), Peer::listening("caller", listeners, EndpointConfig::default()));
    let mut server = Peer::at("server", "192.0.2.11");
    caller.zone.address("carrier.example", "2001:db8::11", 300);
    caller.zone.address("carrier.example", "192.0.2.11", 300);
    caller.send("sip:carrier.example:5060", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [&mut server], SECOND * 6);
    assert_eq!(heard, ["200 from UDP 192.0.2.11:5060"]);
    check_ladder(&sim, &expect_file!["ladders/endpoint_ipv6_to_ipv4.txt"]);
}

/// RFC 3263 §4.1: NAPTR order decides among the transports both sides have; unknown ones are skipped.
#[test]
fn naptr_order_decides_the_transport() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.11");
    let zone = &mut caller.zone;
    zone.naptr("carrier.example", 10, 50, "SIP+D2S", "_sip._sctp.carrier.example");
    zone.naptr("carrier.example", 90, 50, "SIP+D2U", "_sip._udp.carrier.example");
    zone.naptr("carrier.example", 50, 60, "SIP+D2T", "_sip._tcp.carrier.example.");
    zone.naptr("carrier.example", 50, 50, "SIPS+D2T", "_sips._tcp.carrier.example");
    zone.srv("_sip._udp.carrier.example", 1, 0, 5060, "a.carrier.example");
    zone.srv("_sip._tcp.carrier.example", 1, 0, 5060, "a.carrier.example");
    zone.srv("_sips._tcp.carrier.example", 1, 0, 5061, "a.carrier.example");
    zone.address("a.carrier.example", "192.0.2.11", 300);
    caller.send("sip:carrier.example", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [&mut server], SECOND);
    assert_eq!(heard, ["open TLS 192.0.2.11:5061", "200 from TLS 192.0.2.11:5061"]);
}

/// ST-009: without NAPTR and SRV the default port is 5060, and 5061 for TLS.
#[test]
fn default_ports_are_5060_and_5061() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.11");
    caller.zone.address("carrier.example", "192.0.2.11", 300);
    for (uri, from) in [
        ("sip:carrier.example", "200 from UDP 192.0.2.11:5060"),
        ("sip:carrier.example;transport=tcp", "200 from TCP 192.0.2.11:5060"),
        ("sip:carrier.example;transport=tls", "200 from TLS 192.0.2.11:5061"),
        ("sips:carrier.example", "200 from TLS 192.0.2.11:5061"),
    ] {
        caller.send(uri, sim.now());
        let heard = run(&mut sim, &mut caller, &mut [&mut server], SECOND);
        assert_eq!(heard.last().map(String::as_str), Some(from), "{uri}");
    }
}

/// A record is asked for again when its lifetime is over, not before; an expired one serves while nobody answers.
#[test]
fn records_live_as_long_as_their_ttl() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let (mut old, mut new) = (Peer::at("old", "192.0.2.11"), Peer::at("new", "192.0.2.12"));
    let uri = "sip:carrier.example:5060;transport=udp";
    caller.zone.address("carrier.example", "192.0.2.11", 60);
    let mut asks = |caller: &mut Peer, sim: &mut Sim, after: Duration| {
        sim.run_for(&mut [caller], after);
        caller.send(uri, sim.now());
        run(sim, caller, &mut [&mut old, &mut new], SECOND)
    };
    assert_eq!(asks(&mut caller, &mut sim, SECOND), ["200 from UDP 192.0.2.11:5060"]);
    caller.zone.remove("carrier.example");
    caller.zone.address("carrier.example", "192.0.2.12", 60);
    assert_eq!(asks(&mut caller, &mut sim, SECOND * 50), ["200 from UDP 192.0.2.11:5060"]);
    assert_eq!(asks(&mut caller, &mut sim, SECOND * 10), ["200 from UDP 192.0.2.12:5060"]);
    caller.zone.failing.push("carrier.example".into());
    assert_eq!(asks(&mut caller, &mut sim, SECOND * 70), ["200 from UDP 192.0.2.12:5060"], "RFC 8767");
}

/// SRV weights share the load (RFC 2782).
#[test]
fn weights_share_the_load() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let (mut large, mut small) = (Peer::at("large", "192.0.2.11"), Peer::at("small", "192.0.2.12"));
    caller.zone.srv("_sip._udp.carrier.example", 1, 90, 5060, "a.carrier.example");
    caller.zone.srv("_sip._udp.carrier.example", 1, 10, 5060, "b.carrier.example");
    caller.zone.address("a.carrier.example", "192.0.2.11", 3000);
    caller.zone.address("b.carrier.example", "192.0.2.12", 3000);
    for _ in 0..400 {
        caller.send("sip:carrier.example;transport=udp", sim.now());
    }
    let heard = run(&mut sim, &mut caller, &mut [&mut large, &mut small], SECOND);
    let to_small = heard.iter().filter(|line| line.contains("192.0.2.12")).count();
    assert_eq!(heard.len(), 400);
    assert!((20..70).contains(&to_small), "{to_small} of 400");
}

/// RFC 3263 §4.3, RFC 3261 §21.5.4: a 503 sends the request to the next server, and its Retry-After is kept.
#[test]
fn a_server_that_says_503_is_left_alone() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let (mut busy, mut free) = (Peer::at("busy", "192.0.2.11"), Peer::at("free", "192.0.2.12"));
    caller.zone.address("carrier.example", "192.0.2.11", 300);
    caller.zone.address("carrier.example", "192.0.2.12", 300);
    caller.send("sip:carrier.example:5060", sim.now());
    for _ in 0..10 {
        sim.run_for(&mut [&mut caller, &mut busy, &mut free], Duration::from_millis(50));
        busy.answer_all(503, sim.now());
        free.answer_all(200, sim.now());
    }
    assert_eq!(caller.news(), ["200 from UDP 192.0.2.12:5060"]);
    caller.send("sip:carrier.example:5060", sim.now());
    assert_eq!(run(&mut sim, &mut caller, &mut [&mut free], SECOND), ["200 from UDP 192.0.2.12:5060"]);
    assert_eq!(caller.engine.stats().requests, 0);
}

/// A name that leads nowhere fails the request, and says why.
#[test]
fn an_unknown_name_fails_the_request() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    caller.send("sip:nowhere.example", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [], SECOND);
    assert_eq!(heard, ["failed: nowhere.example cannot be resolved: the name has no address"]);
    caller.zone.failing.push("broken.example".into());
    caller.send("sip:broken.example:5060", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [], SECOND);
    assert_eq!(heard, ["failed: broken.example cannot be resolved: the name servers do not answer"]);
}

/// A resolver that says nothing does not hold a request for ever.
#[test]
fn a_silent_resolver_fails_the_request() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    caller.zone.delay = MINUTE;
    caller.send("sip:carrier.example:5060", sim.now());
    let heard = run(&mut sim, &mut caller, &mut [], SECOND * 6);
    assert_eq!(heard, ["failed: carrier.example cannot be resolved: no answer from the resolver in time"]);
}

/// Every server dead: the request fails once, after as many tries as there are servers.
#[test]
fn a_list_of_dead_servers_fails_the_request() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    caller.zone.address("carrier.example", "192.0.2.11", 300);
    caller.zone.address("carrier.example", "192.0.2.12", 300);
    caller.request(&Method::Invite, Destination::Uri("sip:carrier.example:5060".into()), sim.now());
    let heard = run(&mut sim, &mut caller, &mut [], MINUTE);
    assert_eq!(heard, ["failed: no answer in time"]);
    sim.run_for(&mut [&mut caller], MINUTE);
    assert_eq!(caller.engine.stats().client_transactions, 0);
}

/// ST-008: a certificate that is not trusted fails the request with the cause and the certificate, not in silence.
#[test]
fn an_untrusted_certificate_is_named() {
    let (mut sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let mut server = Peer::at("server", "192.0.2.11");
    caller.zone.address("carrier.example", "192.0.2.11", 300);
    let fault = TlsFault {
        text: "invalid peer certificate: UnknownIssuer".into(),
        certificate: Some(bytes::Bytes::from_static(b"\x30\x82")),
    };
    caller.certificates.insert("192.0.2.11:5061".parse().unwrap(), Err(fault.clone()));
    caller.send("sips:carrier.example", sim.now());
    sim.run_for(&mut [&mut caller, &mut server], SECOND);
    let failed = caller.events.pop_front();
    let Some(sip_trunk::endpoint::Event::Failed { failure, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(failure, sip_trunk::endpoint::Failure::Tls(fault));
    assert_eq!(failure.to_string(), "TLS handshake error: invalid peer certificate: UnknownIssuer");
}

/// ST-033: TLS needs a name.
#[test]
fn tls_to_an_address_is_refused_when_sending() {
    let (sim, mut caller) = (sim(), Peer::at("caller", "192.0.2.1"));
    let uri = "sip:192.0.2.11;transport=tls";
    let outgoing = Outgoing::new(lab::draft(&Method::Options), Destination::Uri(uri.into()));
    assert_eq!(caller.engine.request(outgoing, sim.now()), Err(SendError::TlsNeedsName(uri.into())));
}
