//! Edges of one group, in one simulated network: each other's trunks and phones, draining, load.

use std::time::Duration;

use edge_core::cdr::{EndedBy, LegParty};
use edge_core::group::{CALL_HEADER, Service};
use edge_core::guard::{Allowed, Destination, DestinationRule};
use sip_trunk::auth::Secret;
use sip_trunk::msg::HeaderName;
use telco_model::topology::{Relation, Status};
use telco_model::value::{EdgeId, PhoneId, TrunkId};
use telco_testkit::Sim;

use crate::lab::{ALICE, BOB, CARRIER_A, EDGE, EdgeNode, OFFICE, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);
const EDGE_2: &str = "192.0.2.2:5060";
const EDGE_3: &str = "192.0.2.3:5060";
const FOREIGN: &str = "192.0.2.9:5060";

/// The office with three edges in its group and one in another. Alice's phone has two of them.
fn document(calls: u32) -> String {
    let capacity = "capacity = { calls = 100, calls_per_second = 50 }\n";
    let edge = |n: u8, group: &str, calls: u32| {
        format!(
            "[[edges]]\nid = \"@edge-{n}\"\nname = \"Edge{n}\"\nsolution = \"virtual\"\nserial_number = \"{n}\"\n\
             serial_number_confirmation = \"{n}\"\nsite = \"@main\"\nedge_group = \"@{group}\"\nin_service = true\n\
             interfaces = [{{ name = \"eth0\", addresses = [\"192.0.2.{n}\"] }}]\n\
             capacity = {{ calls = {calls}, calls_per_second = 50 }}\n\n"
        )
    };
    let first = format!(
        "interfaces = [{{ name = \"eth0\", addresses = [\"192.0.2.1\"] }}]\ncapacity = {{ calls = {calls}, calls_per_second = 50 }}\n\n"
    );
    let others = [edge(2, "group", 100), edge(3, "group", 100), edge(9, "others", 100)].concat();
    let foreign = "[[edge_groups]]\nid = \"@others\"\nname = \"Others\"\ntrunks = []\n\n";
    OFFICE.replace(capacity, &format!("{first}{others}{foreign}")).replace(
        "primary_edge = \"@edge\"\ndigest = { username = \"alice\"",
        "primary_edge = \"@edge\"\nsecondary_edge = \"@edge-2\"\ndigest = { username = \"alice\"",
    )
}

fn edges(sim: &Sim) -> (EdgeNode, EdgeNode) {
    let document = document(100);
    let node = |name, at| EdgeNode::of(sim, name, at, &document, |_| {});
    (node("edge", EDGE), node("edge-2", EDGE_2))
}

fn cut(sim: &mut Sim, a: &str, b: &str) {
    let ip = |text: &str| text.parse::<std::net::SocketAddr>().unwrap().ip();
    sim.net.cut(ip(a), ip(b));
}

/// EC-005: with the carrier out of reach for one edge, the call leaves by the other edge of the group: two records, one
/// conversation, and the carrier sees a call like any other.
#[test]
fn a_trunk_that_is_down_here_is_reached_by_the_neighbour() {
    let mut sim = sim();
    cut(&mut sim, EDGE, CARRIER_A);
    let (mut first, mut second) = edges(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut carrier], 40 * SECOND);
    sim.banner("the carrier answers the second edge only");
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), first.records);
    let invite = carrier.invite();
    assert!(String::from_utf8_lossy(invite.header(HeaderName::Via).unwrap()).contains("192.0.2.2"));
    assert!(invite.header(CALL_HEADER).is_none(), "what edges tell each other stays between them");
    alice.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut carrier], SECOND);
    assert!(carrier.has_ended());
    let ([here], [there]) = (&first.records[..], &second.records[..]) else {
        panic!("{:?} {:?}", first.records, second.records)
    };
    assert_eq!(here.conversation, there.conversation);
    assert_eq!(
        here.connected_leg().map(|leg| leg.party.clone()),
        Some(LegParty::Neighbour { id: EdgeId::labelled("edge-2") })
    );
    assert_eq!(there.legs[0].party, LegParty::Neighbour { id: EdgeId::labelled("edge") });
    assert!(
        matches!(there.connected_leg().map(|leg| &leg.party), Some(LegParty::Trunk { name, .. }) if name == "CarrierA")
    );
    assert!(here.explain.iter().any(|why| why == "by way of edge Edge2"), "{:?}", here.explain);
    assert_eq!((first.edge.status().calls, second.edge.status().calls), (0, 0));
}

/// EC-005, ES-28: a neighbour that cannot place the call either says so; it does not give it on, so it goes round in no circle.
#[test]
fn a_call_is_given_on_once() {
    let mut sim = sim();
    for edge in [EDGE, EDGE_2, EDGE_3] {
        cut(&mut sim, edge, CARRIER_A);
    }
    let document = document(100);
    let (mut first, mut second) = edges(&sim);
    let mut third = EdgeNode::of(&sim, "edge-3", EDGE_3, &document, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut first, &mut second, &mut third, &mut alice], 40 * SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut first, &mut second, &mut third, &mut alice], SECOND);
    assert_eq!(alice.refused(), Some(503));
    assert_eq!([&first, &second, &third].map(|edge| edge.records.len()), [1, 1, 1], "{:?}", first.records);
    assert_eq!([&second, &third].map(|edge| edge.records[0].legs.len()), [1, 1], "none tried another edge");
}

/// EC-005, ES-26: an edge of another group is a stranger, whatever it writes: it is asked for a password like anybody.
#[test]
fn groups_share_nothing() {
    let mut sim = sim();
    let (mut first, mut second) = edges(&sim);
    let mut foreign = Peer::new(&sim, "foreign", FOREIGN);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    sim.run_for(&mut [&mut first, &mut second, &mut foreign, &mut carrier], SECOND);
    let (phone, trunk) = (PhoneId::labelled("alice-phone"), TrunkId::labelled("carrier-a"));
    let value = format!(
        "conversation=7e1c0001-5b1d-4a0e-9f43-0c0ffee00001;from=phone:{:x};to=trunks:{:x};emergency=no;",
        phone.as_u128(),
        trunk.as_u128()
    );
    foreign.call_with(&sim, "+12025550199", None, vec![(CALL_HEADER.to_owned(), value)]);
    sim.run_for(&mut [&mut first, &mut second, &mut foreign, &mut carrier], SECOND);
    assert_eq!(foreign.refused(), Some(401));
    assert_eq!(first.edge.statuses(sim.now()).len(), 3, "the edges of the group, and no other");
}

/// What somebody with the address of the second edge would write to be given a call to a number of its choice.
fn forged(dialled_as_emergency: bool) -> Vec<(String, String)> {
    let (phone, trunk) = (PhoneId::labelled("alice-phone"), TrunkId::labelled("carrier-a"));
    let value = format!(
        "conversation=7e1c0001-5b1d-4a0e-9f43-0c0ffee00001;from=phone:{:x};to=trunks:{:x};emergency={};",
        phone.as_u128(),
        trunk.as_u128(),
        if dialled_as_emergency { "yes" } else { "no" }
    );
    vec![(CALL_HEADER.to_owned(), value)]
}

/// ES-43: what a neighbour gives on is within the budget of the edge it leaves by, and is an emergency call when its number is one,
/// whatever the neighbour says.
#[test]
fn a_neighbour_is_believed_no_emergency_and_spends_the_budget() {
    let mut sim = sim();
    let mut first = EdgeNode::of(&sim, "edge", EDGE, &document(100), |config| {
        let never = Destination::Prefix("+1900".into());
        config.fraud.destinations = vec![DestinationRule { destination: never, allowed: Allowed::Never }];
    });
    let mut neighbour = Peer::new(&sim, "edge-2", EDGE_2);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    sim.run_for(&mut [&mut first, &mut neighbour, &mut carrier], SECOND);
    for emergency in [false, true] {
        neighbour.call_with(&sim, "+19005550100", None, forged(emergency));
        sim.run_for(&mut [&mut first, &mut neighbour, &mut carrier], SECOND);
        assert_eq!(neighbour.refused(), Some(403), "emergency: {emergency}");
    }
    first.act(&sim, |edge, now| edge.drain(60 * SECOND, now));
    neighbour.call_with(&sim, "+12025550199", None, forged(true));
    sim.run_for(&mut [&mut first, &mut neighbour, &mut carrier], SECOND);
    assert_eq!(neighbour.refused(), Some(503));
    neighbour.call_with(&sim, "911", None, forged(true));
    sim.run_for(&mut [&mut first, &mut neighbour, &mut carrier], SECOND);
    assert!(neighbour.was_answered(), "{:?}", neighbour.refused());
}

/// With a key of the group, a call from the address of a neighbour is nobody's without the seal; the edges of the group give calls
/// to each other as before.
#[test]
fn a_call_of_a_neighbour_bears_the_seal_of_the_group() {
    let mut sim = sim();
    cut(&mut sim, EDGE, CARRIER_A);
    let document = document(100);
    let edge = |name, at, key: &str| {
        EdgeNode::of(&sim, name, at, &document, |config| config.group_key = Some(Secret::new(key)))
    };
    let (mut first, mut second) =
        (edge("edge", EDGE, "of the group"), edge("edge-2", EDGE_2, "of the group"));
    let mut forger = Peer::new(&sim, "edge-3", EDGE_3);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    forger.turn_to(EDGE_2);
    sim.run_for(&mut [&mut first, &mut second, &mut forger, &mut alice, &mut carrier], 40 * SECOND);
    forger.call_with(&sim, "+12025550199", None, forged(false));
    sim.run_for(&mut [&mut first, &mut second, &mut forger, &mut alice, &mut carrier], SECOND);
    assert_eq!((forger.refused(), second.records.len()), (Some(403), 0));
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut first, &mut second, &mut forger, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), first.records);
}

/// EC-003, EC-004: a phone is registered with two edges. While its primary edge lives, a third edge reaches it there; 12 s after
/// the primary is gone, by way of the secondary.
#[test]
fn a_phone_is_reached_by_its_secondary_edge() {
    let mut sim = sim();
    let document = document(100);
    let (mut first, mut second) = edges(&sim);
    let mut third = EdgeNode::of(&sim, "edge-3", EDGE_3, &document, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A);
    for edge in [EDGE, EDGE_2] {
        alice.turn_to(edge);
        alice.register(&sim, "wonderland");
    }
    carrier.turn_to(EDGE_3);
    sim.run_for(&mut [&mut first, &mut second, &mut third, &mut alice, &mut carrier], 5 * SECOND);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut first, &mut second, &mut third, &mut alice, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?}", carrier.refused());
    assert_eq!((first.edge.status().calls, second.edge.status().calls), (1, 0), "by the primary edge");

    // The first edge is gone: nobody runs it.
    carrier.events.clear();
    sim.run_for(&mut [&mut second, &mut third, &mut alice, &mut carrier], 12 * SECOND);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut second, &mut third, &mut alice, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?} {:?}", carrier.refused(), third.told);
    assert_eq!(second.edge.status().calls, 1, "by the secondary edge");
    assert!(third.told.iter().any(|told| told.contains("NeighbourDown")), "{:?}", third.told);

    // A call that comes in at the secondary itself rings at once.
    carrier.events.clear();
    carrier.turn_to(EDGE_2);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut second, &mut third, &mut alice, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?}", carrier.refused());
}

/// EC-007: an edge that drains sends new calls to its neighbour, lets running ones go on, ends those that outlast the time, and is
/// then drained.
#[test]
fn a_draining_edge_sends_calls_to_its_neighbour() {
    let mut sim = sim();
    let (mut first, mut second) = edges(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(alice.was_answered());
    first.act(&sim, |edge, now| {
        edge.stage_software(Some("9.9.9".into()));
        edge.drain(30 * SECOND, now);
    });
    bob.call(&sim, "2025550199", Some("builder"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(bob.refused(), Some(302));
    assert!(!alice.has_ended(), "running calls go on");
    let panel = first.edge.statuses(sim.now()).into_iter().find(|(id, _)| *id == EdgeId::labelled("edge"));
    let panel = panel.unwrap().1;
    assert!(matches!(panel.service, Service::Draining { .. }));
    assert_eq!(panel.software.staged.as_deref(), Some("9.9.9"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], 31 * SECOND);
    assert!(alice.has_ended() && carrier.has_ended());
    assert_eq!(first.records[0].ending.by, EndedBy::Edge);
    assert!(first.told.iter().any(|told| told.contains("Drained")), "{:?}", first.told);
    // The neighbour takes the call the phone was sent there with.
    bob.turn_to(EDGE_2);
    bob.events.clear();
    bob.call(&sim, "2025550199", Some("builder"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(bob.was_answered(), "{:?}", bob.refused());
}

/// EC-013, EC-014, EC-029: an edge tells its capacity and its load, and sends what is beyond it to a neighbour that has room.
#[test]
fn a_full_edge_sends_calls_to_its_neighbour() {
    let mut sim = sim();
    let document = document(1);
    let mut first = EdgeNode::of(&sim, "edge", EDGE, &document, |_| {});
    let mut second = EdgeNode::of(&sim, "edge-2", EDGE_2, &document, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND / 2);
    let load = first.edge.load(sim.now());
    assert_eq!((load.calls, load.capacity, load.calls_per_second, load.most_per_second), (1, 1, 1, 50));
    bob.call(&sim, "2025550199", Some("builder"));
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(bob.refused(), Some(302), "a phone has a password for the neighbour");
    assert_eq!(carrier.refused(), Some(503), "a carrier goes on to the next server of its list");
    bob.call(&sim, "911", Some("builder"));
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(bob.was_answered(), "an emergency call is taken by a full edge");
}

/// EC-006, EC-026, DG-027: panels of all edges of the group, and the map with phones, trunks and edges as they are.
#[test]
fn an_edge_knows_how_its_group_is() {
    let mut sim = sim();
    let (mut first, mut second) = edges(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut first, &mut second, &mut alice, &mut carrier], 40 * SECOND);
    let panels: Vec<_> =
        first.edge.statuses(sim.now()).into_iter().map(|(_, panel)| panel.to_string()).collect();
    let version = env!("CARGO_PKG_VERSION");
    let load = "calls=0;capacity=100;cps=0;max-cps=50;service=in";
    assert!(panels.contains(&format!("Edge: online, in service, software {version}, {load}")), "{panels:?}");
    assert!(
        panels.iter().any(|panel| panel.starts_with("Edge2: online") && panel.ends_with(load)),
        "{panels:?}"
    );
    assert!(panels.iter().any(|panel| panel.starts_with("Edge3: offline")), "{panels:?}");
    let found: Vec<_> =
        first.edge.diagnose(sim.now()).into_iter().filter(|found| found.row.id == "DG-027").collect();
    assert_eq!(found[0].about, [EdgeId::labelled("edge-3").into()]);
    let map = first.edge.topology(sim.now());
    let status = |id: telco_model::entity::EntityRef| map.nodes.get(&id).map(|node| node.status);
    assert_eq!(status(EdgeId::labelled("edge-2").into()), Some(Status::Up));
    assert_eq!(status(EdgeId::labelled("edge-3").into()), Some(Status::Down));
    assert_eq!(status(TrunkId::labelled("carrier-a").into()), Some(Status::Up));
    assert_eq!(status(TrunkId::labelled("carrier-b").into()), Some(Status::Down));
    assert_eq!(status(PhoneId::labelled("alice-phone").into()), Some(Status::Up));
    assert_eq!(status(PhoneId::labelled("bob-phone").into()), Some(Status::Down));
    let secondary = map.links.iter().any(|link| {
        link.from == PhoneId::labelled("alice-phone").into()
            && link.to == EdgeId::labelled("edge-2").into()
            && link.relation == Relation::SecondaryEdge
    });
    assert!(secondary, "{:?}", map.links);
}

/// ES-26: a public address stands for an edge only where it has no other: whoever is behind the same translator has it too.
#[test]
fn a_shared_public_address_makes_no_neighbour() {
    let public =
        "interfaces = [{ name = \"eth0\", addresses = [\"192.0.2.2\"], public_address = \"198.51.100.2\" }]";
    let document =
        document(100).replace("interfaces = [{ name = \"eth0\", addresses = [\"192.0.2.2\"] }]", public);
    let sim = sim();
    let edge = EdgeNode::of(&sim, "edge", EDGE, &document, |_| {});
    let neighbour = |at: &str| edge.edge.runtime().neighbour_at(at.parse().unwrap());
    assert_eq!(neighbour("192.0.2.2"), Some(EdgeId::labelled("edge-2")));
    assert_eq!(neighbour("198.51.100.2"), None);
    let document = document.replace("addresses = [\"192.0.2.2\"], public", "public");
    let edge = EdgeNode::of(&sim, "edge", EDGE, &document, |_| {});
    let at = edge.edge.runtime().neighbour_at("198.51.100.2".parse().unwrap());
    assert_eq!(at, Some(EdgeId::labelled("edge-2")));
}
