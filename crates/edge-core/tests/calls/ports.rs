//! The ports of media: those of the edge, and those of trunks that have their own.

use std::time::Duration;

use edge_core::media::{Action, MediaAddress};
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;

use crate::lab::{ALICE, BOB, CARRIER_A, CARRIER_B, EDGE, EdgeNode, OFFICE, Peer, pools, sim};

const SECOND: Duration = Duration::from_secs(1);

/// The office, with media of the second carrier on ports and an address of its own.
fn document() -> String {
    OFFICE
        .replace("codecs = [\"audio/pcma\"]", "codecs = [\"audio/pcma\"]\nports = \"30000-30199\"")
        .replace(
            "capacity = { calls = 100",
            "interfaces = [{ name = \"eth1\", addresses = [\"198.51.100.7\"], public_address = \"203.0.113.7\", trunks = [\"@carrier-b\"] }, { name = \"eth0\", addresses = [\"192.0.2.1\"], trunks = [\"@carrier-a\", \"@device\", \"@phones\"] }]\ncapacity = { calls = 100",
        )
}

/// The ports the media threads were given, in order.
fn attached(edge: &EdgeNode) -> Vec<MediaAddress> {
    let address = |command: &edge_core::media::MediaCommand| match command.action {
        Action::Attach { address, .. } => Some(address),
        _ => None,
    };
    edge.media.iter().filter_map(address).collect()
}

/// ST-036, K5: what a trunk with a range of its own is offered is of that range, at the address of its interface, also when another
/// trunk was tried before; everybody else has the ports of the edge. All are given back.
#[test]
fn a_trunk_has_its_own_range() {
    let mut sim = sim();
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &document(), |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut first = Peer::new(&sim, "carrier-a", CARRIER_A).refusing(503);
    let mut second = Peer::new(&sim, "carrier-b", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    assert!(alice.was_answered(), "{:?}", alice.refused());
    let offered = String::from_utf8_lossy(second.invite().body()).into_owned();
    assert!(offered.contains("c=IN IP4 203.0.113.7"), "{offered}");
    assert!(offered.contains("m=audio 30"), "{offered}");
    let offered = String::from_utf8_lossy(first.invite().body()).into_owned();
    assert!(offered.contains("c=IN IP4 192.0.2.1") && offered.contains("m=audio 10"), "{offered}");
    let bound: Vec<_> = attached(&edge).iter().map(|address| address.bound.to_string()).collect();
    assert_eq!(bound.len(), 3, "{bound:?}");
    assert!(bound[0].starts_with("192.0.2.1:10") && bound[1].starts_with("192.0.2.1:10"), "{bound:?}");
    assert!(bound[2].starts_with("198.51.100.7:30"), "{bound:?}");
    assert_eq!(edge.edge.status().ports.2, 2, "those for the first carrier are given back");
    alice.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    assert_eq!(edge.edge.status().ports.2, 0);
}

/// ES-44: with all ports of a trunk in use an ordinary call does not get there; an emergency call does, on ports of the edge.
#[test]
fn an_emergency_call_takes_ports_where_there_are_any() {
    let mut sim = sim();
    let narrow = document().replace("30000-30199", "30000-30001");
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &narrow, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB);
    let mut first = Peer::new(&sim, "carrier-a", CARRIER_A).refusing(503);
    let mut second = Peer::new(&sim, "carrier-b", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut first, &mut second], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut first, &mut second], SECOND);
    assert!(alice.was_answered(), "{:?}", alice.refused());
    bob.call(&sim, "2025550199", Some("builder"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut first, &mut second], SECOND);
    assert!(!bob.was_answered() && bob.refused().is_some());
    bob.call(&sim, "911", Some("builder"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut first, &mut second], SECOND);
    assert!(bob.was_answered(), "{:?} {:?}", bob.refused(), edge.records);
}

/// K5: a call that came in keeps its ports over a new configuration that gives them to a trunk; that trunk gets them when the call is
/// over, and not before.
#[test]
fn a_running_call_keeps_its_ports() {
    let mut sim = sim();
    let narrow = |document: &str| {
        document.replace("serial_number = \"1\"", "media_ports = \"20000-20001\"\nserial_number = \"1\"")
    };
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &narrow(&document()), |_| {});
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier-b", CARRIER_B);
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut bob, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550102", None);
    sim.run_for(&mut [&mut edge, &mut bob, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?} {:?}", carrier.refused(), edge.records);
    assert_eq!(attached(&edge)[0].bound.ip().to_string(), "198.51.100.7");
    assert_eq!(attached(&edge)[1].bound.to_string(), "192.0.2.1:20000");

    // Now the edge has the ports that the call has to the carrier, and the carrier those of the edge.
    let mine = attached(&edge)[0].bound.port();
    let swapped = narrow(&document())
        .replace("20000-20001", &format!("{mine}-{}", mine + 1))
        .replace("30000-30199", "20000-20001")
        .replace("addresses = [\"198.51.100.7\"]", "addresses = [\"192.0.2.1\"]");
    let written = "2026-03-01T10:00:00Z".parse().unwrap();
    let organization = Organization::from_document(&swapped, Format::Toml, written).unwrap();
    let (runtime, _) = edge_core::compile::compile(&organization, EdgeId::labelled("edge"));
    let prepared = pools(&runtime, EDGE.parse().unwrap());
    let config = edge.config.clone();
    edge.act(&sim, |edge, now| {
        edge.apply_ports(prepared, now);
        edge.apply(config, runtime, now);
    });
    assert_eq!(edge.edge.status().ports, (1, 0, 2), "the one pair that no call has");
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut bob, &mut carrier], SECOND);
    assert_eq!(edge.edge.status().ports, (1, 1, 0), "the pair of the phone is the carrier's, and rests");
}
