//! Calls that phones place.

use std::time::Duration;

use edge_core::cdr::{Direction, LegOutcome, LegParty};
use edge_core::guard::{Allowed, Destination, DestinationRule};
use sip_trunk::msg::HeaderName;
use sip_trunk::ua::{self, Refer};
use telco_model::value::TrunkId;
use telco_testkit::{check_ladder, expect_file};

use crate::lab::{ALICE, BOB, CARRIER_A, CARRIER_B, DEVICE, EDGE, EdgeNode, OFFICE, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);

/// EC-015, NP-029: a phone proves itself, its national number becomes E.164, and the call leaves by the first trunk of the group with
/// the site's number.
#[test]
fn a_phone_calls_out() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), edge.records);
    let invite = carrier.invite();
    assert_eq!(
        invite.request_uri().map(String::from_utf8_lossy).unwrap(),
        "sip:+12025550199@192.0.2.10:5060"
    );
    let from = String::from_utf8_lossy(invite.header("From").unwrap()).into_owned();
    assert!(from.contains("+13175550101"), "the number assigned to Alice: {from}");
    assert!(invite.header("x-inin-cnv").is_some());
    alice.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert_eq!(edge.records[0].direction, Direction::Outbound);
    assert_eq!(edge.records[0].classification.as_deref(), Some("National"));
    check_ladder(&sim, &expect_file!["ladders/outbound.txt"]);
}

/// TM-017, ST-040: a PBX is an External SIP trunk of the edge with PBX passthrough: what it dials and is no number of ours goes by the
/// plans of its site, and who calls is what it writes. From a trunk without it, a carrier's, nobody calls out.
#[test]
fn a_pbx_calls_out_and_a_carrier_does_not() {
    let device = "[trunks.protocol]\ntake_back_and_transfer = true\n";
    let pbx = OFFICE.replace(device, &format!("{device}pbx_passthrough = true\n"));
    for (document, refused) in [(pbx.as_str(), None), (OFFICE, Some(404))] {
        let mut sim = sim();
        let mut edge = EdgeNode::of(&sim, "edge", EDGE, document, |_| {});
        let mut pbx = Peer::new(&sim, "pbx", DEVICE);
        let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
        let asserted = vec![("P-Asserted-Identity".to_owned(), "<tel:+13125550107>".to_owned())];
        let desk = "\"Desk 7\" <sip:7001@pbx.acme.example>";
        pbx.call_as(&sim, desk, "2025550199", None, asserted);
        sim.run_for(&mut [&mut edge, &mut pbx, &mut carrier], SECOND);
        assert_eq!((pbx.was_answered(), pbx.refused()), (refused.is_none(), refused), "{:?}", edge.records);
        if refused.is_none() {
            let uri = carrier.invite().request_uri().map(String::from_utf8_lossy).unwrap();
            assert_eq!(uri, "sip:+12025550199@192.0.2.10:5060");
            let written = |name| String::from_utf8_lossy(carrier.invite().header(name).unwrap()).into_owned();
            assert!(written(HeaderName::From).starts_with(&format!("{desk};tag=")));
            assert_eq!(written(HeaderName::PAssertedIdentity), "<tel:+13125550107>");
        }
    }
}

/// EC-024, ES-25: a call without the password is challenged, and with a wrong one it goes nowhere.
#[test]
fn a_phone_must_prove_itself() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice], SECOND);
    alice.call(&sim, "4102", None);
    sim.run_for(&mut [&mut edge, &mut alice], SECOND);
    assert_eq!(alice.refused(), Some(401));
    alice.call(&sim, "4102", Some("rabbit"));
    sim.run_for(&mut [&mut edge, &mut alice], SECOND);
    assert_eq!(alice.refused(), Some(401));
    assert!(edge.records.is_empty(), "nobody was called");
}

/// ST-012, ST-034, ST-041: a 503 of the first carrier moves the same call to the second, with a Call-ID of its own and the caller none
/// the wiser; it is one record with the failed attempt in it.
#[test]
fn a_503_moves_the_call_to_the_next_carrier() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut first = Peer::new(&sim, "carrier-a", CARRIER_A).refusing(503);
    let mut second = Peer::new(&sim, "carrier-b", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    assert!(alice.was_answered());
    let offered = String::from_utf8_lossy(second.invite().body()).into_owned();
    assert!(offered.contains("RTP/AVP 8 "), "the second carrier takes A-law only: {offered}");
    alice.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    let trunk = |party: &LegParty| match party {
        LegParty::Trunk { id, .. } => *id,
        _ => panic!("{party:?}"),
    };
    let tried: Vec<_> =
        record.legs[1..].iter().map(|leg| (trunk(&leg.party), leg.outcome, leg.sip_codes.clone())).collect();
    let expected = [
        (TrunkId::labelled("carrier-a"), LegOutcome::Failed, vec![503]),
        (TrunkId::labelled("carrier-b"), LegOutcome::Answered, vec![180, 200]),
    ];
    assert_eq!(tried, expected);
    assert_ne!(record.legs[1].protocol_call_id, record.legs[2].protocol_call_id);
    check_ladder(&sim, &expect_file!["ladders/failover.txt"]);
}

/// K3: busy is an answer, not a failure: the call does not go to the next carrier.
#[test]
fn busy_stays_busy() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut first = Peer::new(&sim, "carrier-a", CARRIER_A).refusing(486);
    let mut second = Peer::new(&sim, "carrier-b", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    assert_eq!(alice.refused(), Some(486));
}

/// ES-44, EC-029: an emergency call goes out while the edge takes no others; they get 503 with Retry-After.
#[test]
fn emergency_calls_pass_a_draining_edge() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    edge.act(&sim, |edge, now| edge.drain(60 * SECOND, now));
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert_eq!(alice.refused(), Some(503));
    alice.call(&sim, "911", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?}", alice.refused());
}

/// EC-015: one phone calls another by its extension, and the edge is the only one that knows both.
#[test]
fn phones_call_each_other_by_extension() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob], SECOND);
    alice.call(&sim, "4102", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), edge.records);
    let invite = String::from_utf8_lossy(bob.invite().as_bytes()).into_owned();
    assert!(invite.contains("From: \"Alice Ames\" <sip:4101@192.0.2.1>"), "{invite}");
    assert!(!invite.contains("192.0.2.21"), "nothing of Alice's phone is seen: {invite}");
}

/// EC-016: a call to somebody with a remote phone goes out to its number and is bridged on answer.
#[test]
fn a_remote_phone_is_called_at_its_number() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    alice.call(&sim, "4103", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), edge.records);
    let called = carrier.invite().request_uri().map(String::from_utf8_lossy).unwrap().into_owned();
    assert_eq!(called, "sip:+12025550177@192.0.2.10:5060");
}

/// ES-43: what is out of budget does not leave, and the record says why; a call inside and an emergency call do.
#[test]
fn calls_out_of_budget_stay_inside() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| {
        let never = Destination::Prefix("+1202".into());
        config.fraud.destinations = vec![DestinationRule { destination: never, allowed: Allowed::Never }];
    });
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert_eq!(alice.refused(), Some(403));
    assert!(
        edge.records[0].explain.iter().any(|why| why.contains("not allowed")),
        "{:?}",
        edge.records[0].explain
    );
    alice.call(&sim, "911", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered());
}

/// ES-43: where a call is transferred to is looked at like where it was dialled to, and a call that was let out once takes no second place.
#[test]
fn a_transfer_leads_nowhere_a_call_may_not_go() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| {
        let never = Destination::Prefix("+1900".into());
        config.fraud.destinations = vec![DestinationRule { destination: never, allowed: Allowed::Never }];
        config.fraud.account.calls = Some(1);
    });
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered());
    let refer = |to: &str| Refer::new(format!("<sip:{to}@192.0.2.1>"));
    let calls_of = |carrier: &Peer| {
        carrier.events.iter().filter(|event| matches!(event, ua::Event::Incoming { .. })).count()
    };
    alice.act(&sim, |agent, now| agent.refer(call, refer("9005550100"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert_eq!(calls_of(&carrier), 1, "nobody is called");
    assert!(!alice.has_ended());
    alice.act(&sim, |agent, now| agent.refer(call, refer("2025550177"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert_eq!(calls_of(&carrier), 2);
    assert!(alice.has_ended());
}
