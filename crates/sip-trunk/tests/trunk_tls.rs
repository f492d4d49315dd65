//! Trunks over TLS in virtual time: two gateways, a chain that does not verify, and connections that break.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod lab;

use std::time::Duration;

use bytes::Bytes;
use lab::{Lab, Peer, listener, sim};
use sip_trunk::Seed;
use sip_trunk::agent::{AgentConfig, Event, Route, TrunkAgent};
use sip_trunk::endpoint::{EndpointConfig, TlsFault};
use sip_trunk::registration::{Cause, Registrar, RegistrationConfig, State};
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{OutboundCall, Server, Standing, TrunkConfig, TrunkEvent, TrunkId};
use sip_trunk::ua::UaConfig;
use telco_testkit::{Node, Sim, check_ladder, expect_file};

type Edge = Lab<TrunkAgent>;

const SECOND: Duration = Duration::from_secs(1);
const TRUNK: TrunkId = TrunkId(1);

/// An edge with one trunk; names lead to 192.0.2.11 and 192.0.2.12.
fn edge(sim: &Sim, trunk: TrunkConfig) -> Edge {
    let listeners =
        vec![listener(0, Transport::Udp, "192.0.2.1:5060"), listener(2, Transport::Tls, "192.0.2.1:5061")];
    let endpoint = EndpointConfig { listeners: listeners.clone(), ..EndpointConfig::default() };
    let config = AgentConfig { ua: UaConfig { endpoint, ..UaConfig::default() }, ..AgentConfig::default() };
    let mut edge = Lab::around("edge", listeners, TrunkAgent::new(config, Seed([5; 32]), sim.now()));
    edge.zone.address("gw1.anywhere.e911cloud.com", "192.0.2.11", 300);
    edge.zone.address("gw2.anywhere.e911cloud.com", "192.0.2.12", 300);
    assert_eq!(edge.engine.apply(vec![trunk], Vec::new(), sim.now()), []);
    edge.settle(sim.now());
    edge
}

fn gateways() -> TrunkConfig {
    let server = |host: &str| Server { host: host.into(), port: Some(5061) };
    TrunkConfig {
        transport: Transport::Tls,
        servers: vec![server("gw1.anywhere.e911cloud.com"), server("gw2.anywhere.e911cloud.com")],
        ..TrunkConfig::new(TRUNK, "RedSky")
    }
}

fn registering() -> TrunkConfig {
    let host = "gw1.anywhere.e911cloud.com".into();
    let registrar = Registrar { host, port: None, transport: Transport::Tls };
    TrunkConfig {
        registrations: vec![RegistrationConfig::new(registrar, "genesys")],
        ..TrunkConfig::new(TRUNK, "Carrier")
    }
}

/// Runs for a while; the carriers answer everything with `status`.
fn run(sim: &mut Sim, edge: &mut Edge, carriers: &mut [&mut Peer], status: u16, span: Duration) {
    for _ in 0..span.as_millis() / 50 {
        let mut nodes: Vec<&mut dyn Node> = vec![edge];
        nodes.extend(carriers.iter_mut().map(|carrier| &mut **carrier as &mut dyn Node));
        sim.run_for(&mut nodes, Duration::from_millis(50));
        for carrier in carriers.iter_mut() {
            carrier.answer_all(status, sim.now());
        }
    }
}

fn dial(sim: &Sim, edge: &mut Edge) {
    let call =
        OutboundCall { called: "911".into(), caller_number: Some("2001".into()), ..OutboundCall::default() };
    edge.engine.call(call, Route::Trunks(vec![TRUNK]), sim.now());
    edge.settle(sim.now());
}

fn states(edge: &mut Edge) -> Vec<State> {
    let state = |event| {
        let Event::Trunk(TrunkEvent::RegistrationChanged { state, .. }) = event else { return None };
        Some(state)
    };
    edge.events.drain(..).filter_map(state).collect()
}

/// ST-035: TLS on 5061 to two gateways; the first cannot be reached, the second takes the call.
#[test]
fn the_second_gateway_takes_the_call() {
    let mut sim = sim();
    let mut edge = edge(&sim, gateways());
    let mut second = Peer::at("gw2", "192.0.2.12");
    dial(&sim, &mut edge);
    run(&mut sim, &mut edge, &mut [&mut second], 486, SECOND);
    check_ladder(&sim, &expect_file!["ladders/trunk_second_gateway.txt"]);
    let explanation = edge.events.drain(..).find_map(|event| {
        let Event::Failed { status: 486, explanation, .. } = event else { return None };
        Some(explanation)
    });
    let explanation: Vec<String> = explanation.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        explanation,
        ["trunk 1: tried, connection refused, moved on", "trunk 1, server 2: tried, ended with 486"]
    );
}

/// ST-008: a chain that does not verify leaves the trunk unregistered, and the log has the cause and the certificate.
#[test]
fn a_chain_that_does_not_verify_is_surfaced() {
    let mut sim = sim();
    let mut edge = edge(&sim, registering());
    let fault = TlsFault {
        text: "invalid peer certificate: UnknownIssuer".into(),
        certificate: Some(Bytes::from_static(b"certificate")),
    };
    edge.certificates.insert("192.0.2.11:5061".parse().unwrap(), Err(fault.clone()));
    let mut carrier = Peer::at("carrier", "192.0.2.11");
    run(&mut sim, &mut edge, &mut [&mut carrier], 200, SECOND * 2);
    assert_eq!(states(&mut edge), [State::Unregistered { cause: Cause::Tls(fault) }]);
    let trunk = edge.engine.trunks().get(TRUNK).unwrap();
    assert_eq!(
        trunk.health().standing().to_string(),
        "down, unregistered: TLS Handshake Error: invalid peer certificate: UnknownIssuer"
    );
    edge.certificates.clear();
    run(&mut sim, &mut edge, &mut [&mut carrier], 200, SECOND * 21);
    assert_eq!(states(&mut edge), [State::Registered], "found again once the chain is mended");
}

/// RFC 5626, RFC 5923: calls leave by the connection that registered; when it breaks, the registration is made anew at once.
#[test]
fn calls_take_the_connection_that_registered() {
    let mut sim = sim();
    let mut edge = edge(&sim, registering());
    let mut carrier = Peer::at("carrier", "192.0.2.11");
    run(&mut sim, &mut edge, &mut [&mut carrier], 200, SECOND);
    dial(&sim, &mut edge);
    run(&mut sim, &mut edge, &mut [&mut carrier], 486, SECOND);
    let connections = sim.net.connections("192.0.2.11".parse().unwrap());
    assert_eq!(connections.len(), 1, "one connection for both");
    sim.banner("the connection breaks");
    sim.net.break_connection(connections[0], sim.now());
    run(&mut sim, &mut edge, &mut [&mut carrier], 200, SECOND * 2);
    check_ladder(&sim, &expect_file!["ladders/trunk_connection_lost.txt"]);
    assert_eq!(states(&mut edge), [State::Registered], "nothing but the first registration is told");
    assert_eq!(*edge.engine.trunks().get(TRUNK).unwrap().health().standing(), Standing::Up);
}
