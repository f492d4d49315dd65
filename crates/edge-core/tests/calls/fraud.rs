//! Calls somebody else would pay for, and flags that would let them through.

use std::time::Duration;

use edge_core::cdr::CallRecord;
use edge_core::guard::{Allowed, Destination, DestinationRule};
use sip_trunk::ua::{self, Refer, SessionId};
use telco_model::value::PhoneId;
use telco_testkit::Sim;

use crate::lab::{ALICE, BOB, CARRIER_A, CARRIER_B, DEVICE, EDGE, EdgeNode, OFFICE, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);

fn never(prefix: &str) -> Vec<DestinationRule> {
    vec![DestinationRule { destination: Destination::Prefix(prefix.into()), allowed: Allowed::Never }]
}

fn refer(to: &str) -> Refer {
    Refer::new(format!("<sip:{to}@192.0.2.1>"))
}

fn calls_to(peer: &Peer) -> usize {
    peer.events.iter().filter(|event| matches!(event, ua::Event::Incoming { .. })).count()
}

/// The status its last REFER ended with.
fn transferred(peer: &Peer) -> Option<u16> {
    peer.events.iter().rev().find_map(|event| match event {
        ua::Event::ReferProgress { status, .. } => Some(*status),
        _ => None,
    })
}

/// In dialog `first` the phone asks for its other one to take its place, named with the tags given.
fn consult(sim: &Sim, phone: &mut Peer, first: SessionId, (call_id, to_tag, from_tag): (&str, &str, &str)) {
    let target = format!("<sip:x@192.0.2.1?Replaces={call_id}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}>");
    phone.act(sim, |agent, now| agent.refer(first, Refer::new(target), now).unwrap());
}

/// Call-ID, the edge's tag and the phone's.
fn dialog(phone: &Peer, session: SessionId) -> (String, String, String) {
    let dialog = phone.agent.session(session).unwrap().dialog().unwrap();
    (dialog.call_id().to_owned(), dialog.remote_tag().to_owned(), dialog.local_tag().to_owned())
}

fn transfer_attended(sim: &Sim, phone: &mut Peer, first: SessionId, second: SessionId) {
    let (call_id, to_tag, from_tag) = dialog(phone, second);
    consult(sim, phone, first, (&call_id, &to_tag, &from_tag));
}

fn explains(record: &CallRecord, what: &str) -> bool {
    record.explain.iter().any(|line| line.contains(what))
}

/// The office, in which Alice has a remote phone too, which comes before her desk phone.
fn with_remote_phone() -> String {
    let desk = PhoneId::labelled("alice-phone");
    let label = (0..64).map(|n| format!("far-{n}")).find(|label| PhoneId::labelled(label) < desk).unwrap();
    OFFICE.replace(
        "[[call_flows]]\nid = \"@ivr\"",
        &format!(
            "[[phones]]\nid = \"@{label}\"\nname = \"AliceRemote\"\nsite = \"@main\"\nbase_settings = \"@remote\"\n\
             category = {{ remote = {{ address = {{ number = \"+12025550166\" }}, user = \"@alice\" }} }}\n\n\
             [[call_flows]]\nid = \"@ivr\""
        ),
    )
}

/// EC-016: a remote phone that cannot be called, because its trunk is full, does not end the search: the desk phone beside it
/// rings and gets the call.
#[test]
fn a_remote_phone_that_fails_at_once_leaves_the_call_to_the_desk_phone() {
    let mut sim = sim();
    let document = with_remote_phone()
        .replace("name = \"CarrierA\"\n", "name = \"CarrierA\"\nmax_calls = 1\n")
        .replace(", { trunk = \"@carrier-b\", priority = 2 }", "");
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &document, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?} {:?}", carrier.refused(), edge.records);
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.has_ended(), "nobody is left on the line");
    assert_eq!(edge.edge.status().calls, 0);
}

/// ES-43: a call to a remote phone goes where the budget lets it go; the phones beside it ring all the same.
#[test]
fn a_remote_phone_is_within_the_budget() {
    let mut sim = sim();
    let mut edge =
        EdgeNode::of(&sim, "edge", EDGE, &with_remote_phone(), |c| c.fraud.destinations = never("+1202"));
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    other.call(&sim, "+13175550103", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((other.refused(), calls_to(&carrier)), (Some(403), 0), "Carol has nothing but a remote phone");
    assert!(explains(&edge.records[0], "not allowed"), "{:?}", edge.records[0].explain);
    other.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert!(other.was_answered(), "Alice has a phone on her desk");
    assert_eq!(calls_to(&carrier), 0);
}

/// ES-43: a call to a remote phone counts while it lasts, and not when another phone took it.
#[test]
fn a_remote_phone_counts_while_it_is_called() {
    let mut sim = sim();
    let mut edge =
        EdgeNode::of(&sim, "edge", EDGE, &with_remote_phone(), |c| c.fraud.organization.calls = Some(1));
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    let call = other.call(&sim, "+13175550103", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!(calls_to(&carrier), 1);
    other.call(&sim, "+13175550103", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((other.refused(), calls_to(&carrier)), (Some(503), 1));
    other.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);

    // The remote phone is slow, the desk phone takes the call: the place is free again while they talk.
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    other.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((calls_to(&carrier), edge.edge.status().calls), (1, 1));
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((alice.refused(), calls_to(&carrier)), (None, 2));
}

/// ES-43: a phone that joins a call outside with a call inside does not get its place in the budget back before the call is over.
#[test]
fn an_attended_transfer_keeps_the_place_in_the_budget() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| config.fraud.organization.calls = Some(1));
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let first = alice.call(&sim, "4102", Some("wonderland"));
    let second = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    transfer_attended(&sim, &mut alice, first, second);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(transferred(&alice), Some(200));
    assert_eq!((edge.edge.status().calls, calls_to(&carrier)), (1, 1));
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!((alice.refused(), calls_to(&carrier)), (Some(503), 1), "one call is outside");
    let session = bob.incoming();
    bob.act(&sim, |agent, now| agent.hang_up(session, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(calls_to(&carrier), 2, "none is");
}

/// ES-44: somebody who was connected with an emergency service by an attended transfer stays connected when the edge is emptied, and
/// the record says that it was an emergency.
#[test]
fn an_attended_transfer_keeps_an_emergency_call_one() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let first = alice.call(&sim, "4102", Some("wonderland"));
    let second = alice.call(&sim, "911", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    transfer_attended(&sim, &mut alice, first, second);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(transferred(&alice), Some(200));
    edge.act(&sim, |edge, now| edge.drain(SECOND, now));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], 5 * SECOND);
    assert!(!bob.has_ended() && !carrier.has_ended(), "help is on the line");
    let session = bob.incoming();
    bob.act(&sim, |agent, now| agent.hang_up(session, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let record = edge.records.last().unwrap();
    assert!(record.emergency && record.classification.as_deref() == Some("Emergency"), "{record:?}");
}

/// ES-43, ES-44: an emergency number that was dialled in vain opens no other: what is dialled next has no privilege of it.
#[test]
fn an_emergency_number_in_vain_opens_no_budget() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| config.fraud.destinations = never("+1900"));
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).refusing(486);
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    other.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    let call = alice.incoming();
    alice.act(&sim, |agent, now| agent.refer(call, refer("911"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((transferred(&alice), calls_to(&carrier)), (Some(486), 1));
    assert!(!other.has_ended() && !alice.has_ended(), "they talk again");
    alice.act(&sim, |agent, now| agent.refer(call, refer("9005550100"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((transferred(&alice), calls_to(&carrier)), (Some(403), 1));
    // Nor does it outlive the emptying of the edge.
    edge.act(&sim, |edge, now| edge.drain(SECOND, now));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], 5 * SECOND);
    assert!(other.has_ended());
}

/// ES-27, RFC 3323: whoever stays after a transfer is who the call is from then on: with its own number and its own wish for privacy, not
/// with those of the phone that left.
#[test]
fn whoever_stays_is_the_caller() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    let mut device = Peer::new(&sim, "device", DEVICE).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut device], SECOND);
    let privacy = vec![("Privacy".to_owned(), "id".to_owned())];
    let first = alice.call_with(&sim, "4102", Some("wonderland"), privacy);
    let second = alice.call(&sim, "9991", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut device], SECOND);
    transfer_attended(&sim, &mut alice, first, second);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut device], SECOND);
    assert_eq!(transferred(&alice), Some(200));
    let call = device.incoming();
    device.act(&sim, |agent, now| agent.refer(call, refer("+13175550103"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut device], SECOND);
    let invite = String::from_utf8_lossy(carrier.invite().as_bytes()).into_owned();
    assert!(invite.contains("+13175550102") && !invite.contains("+13175550101"), "Bob calls: {invite}");
    assert!(!invite.contains("Privacy: id"), "{invite}");
}

/// ES-43: the account of whoever transfers a call to the outside pays for it, whoever is left on the line.
#[test]
fn who_transfers_pays() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| config.fraud.account.calls = Some(1));
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    other.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    let call = alice.incoming();
    alice.act(&sim, |agent, now| agent.refer(call, refer("2025550199"), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((transferred(&alice), calls_to(&carrier)), (Some(200), 1));
    alice.call(&sim, "2025550177", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier, &mut other], SECOND);
    assert_eq!((alice.refused(), calls_to(&carrier)), (Some(503), 1));
}

/// ES-44: a phone gets an emergency call through while the ports of the edge itself are all in use.
#[test]
fn an_emergency_caller_gets_ports_of_any_range() {
    let mut sim = sim();
    let document = OFFICE
        .replacen(
            "codecs = [\"audio/pcmu\", \"audio/pcma\"]",
            "codecs = [\"audio/pcmu\", \"audio/pcma\"]\nports = \"30000-30199\"",
            1,
        )
        .replace("serial_number = \"1\"", "media_ports = \"20000-20001\"\nserial_number = \"1\"");
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &document, |_| {});
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), edge.records);
    bob.call(&sim, "2025550199", Some("builder"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!(bob.refused(), Some(503), "the one pair of the edge is in use");
    bob.call(&sim, "911", Some("builder"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert!(bob.was_answered(), "{:?}", edge.records);
}

/// What a peer asks for over and over while a call lasts is written down so often and so long, and no more.
#[test]
fn a_record_stays_small_whatever_is_asked_for() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut other], SECOND);
    let call = other.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut other], SECOND);
    let session = alice.incoming();
    for n in 0..100 {
        let nowhere = refer(&format!("{n}{}", "x".repeat(900)));
        alice.act(&sim, |agent, now| agent.refer(session, nowhere, now).unwrap());
        sim.run_for(&mut [&mut edge, &mut alice, &mut other], SECOND / 10);
    }
    assert!(!other.has_ended());
    other.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut other], SECOND);
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    assert!(record.transfers.len() <= 16 && record.explain.len() <= 65, "{record:?}");
    assert!(record.transfers.iter().all(|transfer| transfer.target.len() < 300), "{record:?}");
    assert!(record.explain.iter().all(|line| line.len() < 300), "{record:?}");
}

/// RFC 3891 §3, RFC 5057 §5.1: a REFER with Replaces names a dialog of whoever sends it, by Call-ID and both tags; any other is refused,
/// and the dialog of the REFER goes on.
#[test]
fn a_phone_joins_its_own_calls_only() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let of_alice = alice.call(&sim, "2025550199", Some("wonderland"));
    let first = bob.call(&sim, "2025550177", Some("builder"));
    let second = bob.call(&sim, "2025550178", Some("builder"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    let (call_id, to_tag, from_tag) = dialog(&alice, of_alice);
    consult(&sim, &mut bob, first, (&call_id, &to_tag, &from_tag));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!((transferred(&bob), edge.edge.status().calls), (Some(403), 3), "it is Alice's");
    let (call_id, to_tag, _) = dialog(&bob, second);
    consult(&sim, &mut bob, first, (&call_id, &to_tag, "another"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!((transferred(&bob), edge.edge.status().calls), (Some(403), 3), "it is none");
    transfer_attended(&sim, &mut bob, first, second);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    assert_eq!((transferred(&bob), edge.edge.status().calls), (Some(200), 2));
}

/// ST-029, RFC 3891 §3: an INVITE with Replaces takes over a side of a call for a trunk only when that may take calls back.
#[test]
fn a_trunk_takes_over_what_it_may_take_back() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
    let mut device = Peer::new(&sim, "device", DEVICE);
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut other, &mut device], SECOND);
    let call = alice.call(&sim, "4102", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut other, &mut device], SECOND);
    let (call_id, to_tag, from_tag) = dialog(&alice, call);
    let replaces = format!("{call_id};to-tag={to_tag};from-tag={from_tag}");
    let headers = || vec![("Replaces".to_owned(), replaces.clone())];
    other.call_with(&sim, "4102", None, headers());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut other, &mut device], SECOND);
    assert_eq!((other.refused(), alice.has_ended()), (Some(403), false));
    device.call_with(&sim, "4102", None, headers());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut other, &mut device], SECOND);
    assert!(device.was_answered() && alice.has_ended() && !bob.has_ended(), "{:?}", device.refused());
}
