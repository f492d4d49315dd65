//! Calls that carriers bring.

use std::time::Duration;

use edge_core::cdr::{Direction, EndedBy, LegOutcome};
use telco_testkit::{check_ladder, expect_file};

use crate::lab::{ALICE, CARRIER_A, CARRIER_B, EDGE, EdgeNode, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);

/// EC-001, EC-015, EC-017: a call to a number rings its owner's phone, is bridged with two dialogs of their own, and is one record.
#[test]
fn a_call_to_a_number_reaches_its_owner() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(carrier.was_answered(), "{:?} {:?}", carrier.refused(), edge.records);
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    assert_eq!((record.direction, record.ending.by), (Direction::Inbound, EndedBy::Caller));
    let outcomes: Vec<_> = record.legs.iter().map(|leg| (leg.outcome, leg.sip_codes.clone())).collect();
    assert_eq!(outcomes, [(LegOutcome::Answered, vec![180, 200]), (LegOutcome::Answered, vec![180, 200])]);
    assert_ne!(record.legs[0].protocol_call_id, record.legs[1].protocol_call_id);
    check_ladder(&sim, &expect_file!["ladders/inbound.txt"]);
}

/// EC-021: one number may be called on either trunk; who answers, and how, is the same.
#[test]
fn either_trunk_may_bring_a_call() {
    let told = |carrier: &'static str| {
        let mut sim = sim();
        let mut edge = EdgeNode::new(&sim);
        let mut alice = Peer::new(&sim, "alice", ALICE).answering();
        let mut carrier = Peer::new(&sim, "carrier", carrier);
        alice.register(&sim, "wonderland");
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        let call = carrier.call(&sim, "+13175550101", None);
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        let record = edge.records.remove(0);
        let legs: Vec<_> = record.legs.iter().map(|leg| (leg.outcome, leg.sip_codes.clone())).collect();
        (record.direction, record.ending, legs, record.legs[1].party.clone())
    };
    assert_eq!(told(CARRIER_A), told(CARRIER_B));
}

/// ST-023: the conversation id is in the 200 to an inbound call of a trunk that carries it.
#[test]
fn the_conversation_is_named_in_the_answer() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let answered = carrier.events.iter().find_map(|event| match event {
        sip_trunk::ua::Event::Answered { message, .. } => message.header("x-inin-cnv").map(<[u8]>::to_vec),
        _ => None,
    });
    assert_eq!(answered.map(|id| id.len()), Some(36));
}

/// DG-008, DG-006: a number of ours that nobody has is not found, and the record says what to do about it.
#[test]
fn numbers_nobody_has_are_not_found() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    for called in ["+13175550149", "+13175559999"] {
        carrier.call(&sim, called, None);
        sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
        assert_eq!(carrier.refused(), Some(404));
    }
    let why: Vec<_> = edge.records.iter().map(|record| record.explain.join("; ")).collect();
    assert!(why[0].contains("assigned to nobody"), "{why:?}");
    assert!(why[1].contains("in no DID range"), "{why:?}");
}

/// EC-025, RFC 3261 §21.4.18: a phone that is not registered is temporarily unavailable.
#[test]
fn an_unregistered_phone_is_unavailable() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    assert_eq!(carrier.refused(), Some(480));
    assert_eq!(edge.edge.status().calls, 0);
}

/// ES-15: a stranger's OPTIONS gets no answer at all, and leaves nothing behind but a line for the security log.
#[test]
fn strangers_hear_nothing() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut stranger = Peer::new(&sim, "stranger", "198.51.100.66:5060");
    stranger.act(&sim, |agent, now| {
        use sip_trunk::endpoint::{Destination, Outgoing};
        use sip_trunk::msg::{Draft, HeaderName, Method};
        let draft = Draft::request(&Method::Options, "sip:192.0.2.1")
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, "<sip:x@198.51.100.66>;tag=1")
            .header(HeaderName::To, "<sip:192.0.2.1>")
            .header(HeaderName::CallId, "probe")
            .header(HeaderName::CSeq, "1 OPTIONS");
        agent
            .request(Outgoing::new(draft, Destination::Uri("sip:192.0.2.1:5060".into())), None, now)
            .unwrap();
    });
    sim.run_for(&mut [&mut edge, &mut stranger], 2 * SECOND);
    assert!(stranger.events.is_empty(), "{:?}", stranger.events);
    assert!(edge.told.iter().any(|code| code == "REQUEST_NOT_ALLOWED"), "{:?}", edge.told);
}

/// RFC 3261 §9: a caller that gives up takes the ringing call with it.
#[test]
fn a_caller_that_gives_up_stops_the_ringing() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let ringing = alice.incoming();
    alice.act(&sim, |agent, now| agent.progress(ringing, Default::default(), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.has_ended());
    assert_eq!(edge.records[0].ending.sip, Some(487));
    assert_eq!(edge.edge.status().ports.2, 0, "no port is in use any more");
}

/// ES-28: a call that has come as far as it may goes no further.
#[test]
fn a_call_without_hops_left_is_refused() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let invite = format!(
        "INVITE sip:+13175550101@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER_A};branch=z9hG4bKfar\r\nMax-Forwards: 0\r\n\
         From: <sip:+12025550199@{CARRIER_A}>;tag=c\r\nTo: <sip:+13175550101@{EDGE}>\r\nCall-ID: far\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{CARRIER_A}>\r\nContent-Length: 0\r\n\r\n"
    );
    sim.send(CARRIER_A.parse().unwrap(), EDGE.parse().unwrap(), invite.into_bytes());
    sim.run_for(&mut [&mut edge, &mut carrier], SECOND);
    assert!(sim.ladder().contains("483 Too Many Hops"), "{}", sim.ladder());
}
