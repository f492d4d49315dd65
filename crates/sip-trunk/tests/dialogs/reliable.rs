//! Reliable provisional answers and PRACK (RFC 3262), offers in them, and UPDATE before the call is answered (RFC 3311).

use sip_trunk::msg::{HeaderName, Method};
use sip_trunk::ua::{Event, Misuse, Progress, Reliable, State, UaConfig};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, Raw, lab, millis, sdp, seconds};

fn pair(caller: Reliable, callee: Reliable) -> (Sim, Phone, Phone) {
    let sim = lab();
    let with = |reliable| move |config: &mut UaConfig| config.reliable = reliable;
    let alice = Phone::with(&sim, "alice", ALICE, with(caller));
    let bob = Phone::with(&sim, "bob", BOB, with(callee));
    (sim, alice, bob)
}

fn progress(status: u16, description: &str) -> Progress {
    Progress { status, body: sdp(description), ..Progress::default() }
}

fn finish(sim: &mut Sim, alice: &mut Phone, bob: &mut Phone) {
    sim.run_until_idle(&mut [alice, bob], MINUTES);
    assert!(alice.is_idle() && bob.is_idle());
}

/// RFC 3262 §3 and §5: the answer goes in a reliable 183; the 2xx waits for its PRACK although the first one is lost.
#[test]
fn the_answer_waits_for_the_prack_of_its_description() {
    let (mut sim, mut alice, mut bob) = pair(Reliable::WhenSupported, Reliable::WhenSupported);
    let call = alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let session = bob.incoming();
    sim.net.drop_next(alice.at.ip(), bob.at.ip(), 1);
    bob.act(&sim, |agent, now| agent.progress(session, progress(183, "early"), now)).unwrap();
    bob.act(&sim, |agent, now| agent.answer(session, sip_trunk::ua::Answer::default(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], seconds(3));
    alice.hang_up(&sim, call);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 183", "answered 200", "ended: HungUp"]);
    check_ladder(&sim, &expect_file!["ladders/reliable_answer_waits.txt"]);
}

/// RFC 3262 §3: provisional answers go one at a time, each after the PRACK of the one before.
#[test]
fn reliable_provisional_answers_keep_their_order() {
    let (mut sim, mut alice, mut bob) = pair(Reliable::WhenSupported, Reliable::WhenSupported);
    let call = alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let session = bob.incoming();
    for status in [180, 181, 182] {
        let progress = Progress { status, ..Progress::default() };
        bob.act(&sim, |agent, now| agent.progress(session, progress, now)).unwrap();
    }
    sim.net.drop_next(bob.at.ip(), alice.at.ip(), 1);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(2));
    bob.answer(&sim);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    alice.hang_up(&sim, call);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard[..4], ["progress 180", "progress 181", "progress 182", "answered 200"]);
    check_ladder(&sim, &expect_file!["ladders/reliable_in_order.txt"]);
}

/// RFC 3262 §3: without a PRACK for 64 × T1 the call is rejected.
#[test]
fn a_provisional_answer_without_prack_ends_the_call() {
    let (mut sim, mut alice, mut bob) = pair(Reliable::WhenSupported, Reliable::WhenSupported);
    alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.ring(&sim);
    sim.net.cut_one_way(bob.at.ip(), alice.at.ip());
    sim.run_for(&mut [&mut alice, &mut bob], seconds(33));
    sim.net.heal(bob.at.ip(), alice.at.ip());
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(bob.heard, ["incoming call", "ended: ProvisionalNotAcknowledged"]);
}

/// RFC 3262 §4: who does not support reliable answers gets plain ones; who requires them of one who does not, 420.
#[test]
fn reliability_is_agreed_on() {
    for (caller, callee, expected) in [
        (Reliable::Never, Reliable::WhenSupported, "plain"),
        (Reliable::WhenSupported, Reliable::WhenRequired, "plain"),
        (Reliable::WhenSupported, Reliable::WhenSupported, "reliable"),
        (Reliable::Always, Reliable::WhenRequired, "reliable"),
        (Reliable::Always, Reliable::Never, "refused"),
    ] {
        let (mut sim, mut alice, mut bob) = pair(caller, callee);
        let call = alice.call(&sim, &bob);
        sim.run_for(&mut [&mut alice, &mut bob], millis(100));
        if expected == "refused" {
            assert_eq!(alice.heard, ["rejected 420"]);
            let Some(Event::Rejected { message: Some(message), .. }) = alice.events.last() else { panic!() };
            assert_eq!(message.header(HeaderName::Unsupported), Some(&b"100rel"[..]));
            continue;
        }
        bob.ring(&sim);
        sim.run_for(&mut [&mut alice, &mut bob], millis(100));
        assert_eq!(sim.ladder().contains("PRACK"), expected == "reliable", "{caller:?} calls {callee:?}");
        alice.hang_up(&sim, call);
        finish(&mut sim, &mut alice, &mut bob);
    }
}

/// RFC 3262 §5: an INVITE without offer gets one in the reliable 183, and PRACK carries the answer; UPDATE may follow.
#[test]
fn an_offer_in_a_provisional_answer_is_answered_in_prack() {
    let (mut sim, mut alice, mut bob) = pair(Reliable::WhenSupported, Reliable::WhenSupported);
    let mut invite = alice.invitation(&bob);
    invite.body = None;
    let call = alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let session = bob.incoming();
    bob.act(&sim, |agent, now| agent.progress(session, progress(183, "offer"), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let early = alice.act(&sim, |agent, now| agent.update(call, sdp("too early"), Vec::new(), now));
    assert_eq!(early, Err(Misuse::OfferPending));
    alice.act(&sim, |agent, now| agent.answer_offer(call, sdp("answer"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    // RFC 3311 §5.1: the early session may change as soon as both agree.
    alice.act(&sim, |agent, now| agent.update(call, sdp("new"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.act(&sim, |agent, now| agent.answer_offer(session, sdp("agreed"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    assert_eq!(alice.agent.session(call).unwrap().state(), State::Early);
    bob.act(&sim, |agent, now| agent.answer(session, sip_trunk::ua::Answer::default(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    alice.hang_up(&sim, call);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 183", "offer answered 200", "answered 200", "ended: HungUp"]);
    assert_eq!(
        bob.heard,
        ["incoming call", "offer answered in PRACK", "offer by Update", "confirmed", "ended by BYE"]
    );
    check_ladder(&sim, &expect_file!["ladders/reliable_offer_and_update.txt"]);
}

/// RFC 3262 §4: repeats of a reliable answer are not shown twice, and one after a gap is ignored.
#[test]
fn provisional_answers_out_of_order_are_ignored() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut carrier = Raw::new("carrier", BOB);
    let invite = alice.invitation_to("bob", carrier.at);
    alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    for (status, rseq) in [(180, 7), (180, 7), (183, 9), (182, 8), (181, 7)] {
        let lines = format!("Require: 100rel\nRSeq: {rseq}");
        let answer = carrier.answer(&Method::Invite, status, "b", &lines, "");
        carrier.send(alice.at, answer);
        sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    }
    assert_eq!(alice.heard, ["progress 180", "progress 182"]);
    assert!(carrier.last(&Method::Prack).header(HeaderName::RAck) == Some(b"8 1 INVITE"));
}

/// RFC 3262 §3: PRACK that names nothing gets 481, one without RAck 400.
#[test]
fn prack_must_name_what_it_acknowledges() {
    let mut sim = lab();
    let mut bob = Phone::new(&sim, "bob", BOB);
    let mut carrier = Raw::new("carrier", ALICE);
    let head = |method: &str, cseq: u32, to_tag: &str, more: &str| {
        format!(
            "{method} sip:bob@{BOB} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK{method}{cseq}\nMax-Forwards: 70\n\
             From: <sip:a@x>;tag=a\nTo: <sip:b@y>{to_tag}\nCall-ID: c\nCSeq: {cseq} {method}\nContact: <sip:a@{ALICE}>\n{more}"
        )
    };
    carrier.send(bob.at, Raw::request(&head("INVITE", 1, "", "Require: 100rel"), ""));
    sim.run_for(&mut [&mut bob, &mut carrier], millis(50));
    bob.ring(&sim);
    sim.run_for(&mut [&mut bob, &mut carrier], millis(50));
    let ringing = carrier.received.iter().find(|message| message.status() == Some(180)).unwrap();
    let rseq = String::from_utf8(ringing.header(HeaderName::RSeq).unwrap().to_vec()).unwrap();
    let tag = format!(";tag={}", bob.agent.session(bob.incoming()).unwrap().local_tag());
    for (cseq, rack) in [(2, ""), (3, "RAck: 1 1 INVITE"), (4, &format!("RAck: {rseq} 9 INVITE"))] {
        carrier.send(bob.at, Raw::request(&head("PRACK", cseq, &tag, rack), ""));
    }
    for cseq in [5, 6] {
        carrier.send(bob.at, Raw::request(&head("PRACK", cseq, &tag, &format!("RAck: {rseq} 1 INVITE")), ""));
    }
    sim.run_for(&mut [&mut bob, &mut carrier], millis(50));
    assert_eq!(carrier.statuses("PRACK"), [400, 481, 481, 200, 481]);
}
