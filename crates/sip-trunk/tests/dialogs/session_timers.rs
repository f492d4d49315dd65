//! Session timers (RFC 4028): both refreshers, 422, and sessions nobody refreshes.

use std::time::Duration;

use sip_trunk::msg::{HeaderName, Method};
use sip_trunk::ua::{Reliable, SessionId, SessionTimer, UaConfig};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, Raw, lab, millis, seconds};

fn on(interval: u64, min: u64) -> SessionTimer {
    SessionTimer::On { interval: seconds(interval), min: seconds(min) }
}

fn pair(caller: SessionTimer, callee: SessionTimer) -> (Sim, Phone, Phone) {
    let sim = lab();
    let with = |timer| {
        move |config: &mut UaConfig| {
            config.session_timer = timer;
            config.reliable = Reliable::Never;
        }
    };
    let alice = Phone::with(&sim, "alice", ALICE, with(caller));
    let bob = Phone::with(&sim, "bob", BOB, with(callee)).answering();
    (sim, alice, bob)
}

fn call(sim: &mut Sim, alice: &mut Phone, bob: &mut Phone) -> SessionId {
    let session = alice.call(sim, bob);
    sim.run_for(&mut [alice, bob], seconds(1));
    session
}

fn finish(sim: &mut Sim, alice: &mut Phone, bob: &mut Phone, session: SessionId) {
    alice.hang_up(sim, session);
    sim.run_until_idle(&mut [&mut *alice, &mut *bob], MINUTES);
    assert!(alice.is_idle() && bob.is_idle());
}

/// RFC 4028 §7.4: the caller refreshes at half the interval by UPDATE, without troubling anybody.
#[test]
fn the_caller_refreshes_by_update() {
    let (mut sim, mut alice, mut bob) = pair(on(1800, 90), on(1800, 90));
    let session = call(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.agent.session(session).unwrap().session_interval(), Some((1800, true)));
    assert_eq!(bob.agent.session(bob.incoming()).unwrap().session_interval(), Some((1800, false)));
    sim.run_for(&mut [&mut alice, &mut bob], seconds(2000));
    assert_eq!(alice.heard.len() + bob.heard.len(), 4, "{:?} {:?}", alice.heard, bob.heard);
    finish(&mut sim, &mut alice, &mut bob, session);
    check_ladder(&sim, &expect_file!["ladders/timer_caller_refreshes.txt"]);
}

/// RFC 4028 §9: a caller without timers leaves the work to the callee.
#[test]
fn the_callee_refreshes_for_a_caller_without_timers() {
    let (mut sim, mut alice, mut bob) = pair(SessionTimer::Off, on(600, 90));
    let session = call(&mut sim, &mut alice, &mut bob);
    assert_eq!(bob.agent.session(bob.incoming()).unwrap().session_interval(), Some((600, true)));
    sim.run_for(&mut [&mut alice, &mut bob], seconds(700));
    assert_eq!(sim.ladder().matches("UPDATE sip:").count(), 2);
    finish(&mut sim, &mut alice, &mut bob, session);
}

/// RFC 4028 §6 and §7.3: an interval the callee finds too small is raised.
#[test]
fn a_422_raises_the_interval() {
    let (mut sim, mut alice, mut bob) = pair(on(100, 90), on(1800, 300));
    let session = call(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 180", "answered 200"]);
    assert_eq!(alice.agent.session(session).unwrap().session_interval(), Some((300, true)));
    finish(&mut sim, &mut alice, &mut bob, session);
    check_ladder(&sim, &expect_file!["ladders/timer_422.txt"]);
}

/// RFC 4028 §10: both sides end a session whose refreshes do not get through, the refresher because nobody answers.
#[test]
fn a_session_that_cannot_be_refreshed_ends() {
    let (mut sim, mut alice, mut bob) = pair(on(180, 90), on(180, 90));
    call(&mut sim, &mut alice, &mut bob);
    alice.news();
    bob.heard.clear();
    sim.net.cut(alice.at.ip(), bob.at.ip());
    sim.run_until_idle(&mut [&mut alice, &mut bob], MINUTES);
    assert_eq!(
        (&alice.heard[..], &bob.heard[..]),
        (&["ended: Gone(408)".to_owned()][..], &["ended: Expired".to_owned()][..])
    );
    assert!(alice.is_idle() && bob.is_idle());
    check_ladder(&sim, &expect_file!["ladders/timer_expired.txt"]);
}

/// A timer that nobody offers is not there.
#[test]
fn without_timers_a_call_lasts() {
    let (mut sim, mut alice, mut bob) = pair(SessionTimer::Off, SessionTimer::Off);
    let session = call(&mut sim, &mut alice, &mut bob);
    sim.run_for(&mut [&mut alice, &mut bob], Duration::from_secs(86_400));
    assert_eq!(alice.agent.session(session).unwrap().session_interval(), None);
    sim.run_for(&mut [&mut alice, &mut bob], millis(1));
    finish(&mut sim, &mut alice, &mut bob, session);
}

/// RFC 4028 §7.4: a peer that takes no UPDATE is refreshed by re-INVITE with the description as it was.
#[test]
fn a_peer_without_update_is_refreshed_by_reinvite() {
    let mut sim = lab();
    let mut bob = Phone::with(&sim, "bob", BOB, |config| config.session_timer = on(600, 90)).answering();
    let mut carrier = Raw::new("carrier", ALICE);
    let invite = format!(
        "INVITE sip:bob@{BOB} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK1\nMax-Forwards: 70\nFrom: <sip:a@x>;tag=a\n\
         To: <sip:b@y>\nCall-ID: c\nCSeq: 1 INVITE\nContact: <sip:a@{ALICE}>\nAllow: INVITE, BYE\nContent-Type: application/sdp"
    );
    carrier.send(bob.at, Raw::request(&invite, "v=0\r\n"));
    sim.run_for(&mut [&mut bob, &mut carrier], millis(100));
    let tag = bob.agent.session(bob.incoming()).unwrap().local_tag().to_owned();
    let ack = invite
        .replace("INVITE sip", "ACK sip")
        .replace("1 INVITE", "1 ACK")
        .replace("<sip:b@y>", &format!("<sip:b@y>;tag={tag}"));
    carrier.send(
        bob.at,
        Raw::request(&ack.replace("z9hG4bK1", "z9hG4bK2").replace("\nContent-Type: application/sdp", ""), ""),
    );
    sim.run_for(&mut [&mut bob, &mut carrier], seconds(301));
    let refresh = carrier.last(&Method::Invite).clone();
    assert_eq!(refresh.body(), b"v=0\r\ns=answer\r\n");
    assert_eq!(refresh.header(HeaderName::SessionExpires), Some(&b"600;refresher=uac"[..]));
    let answer = carrier.answer(&Method::Invite, 200, "x", "Session-Expires: 600;refresher=uac", "v=0\r\n");
    carrier.send(bob.at, answer);
    sim.run_for(&mut [&mut bob, &mut carrier], seconds(1));
    assert_eq!(carrier.count(&Method::Ack), 1);
    assert_eq!(bob.heard, ["incoming call", "confirmed"], "a refresh is nobody's business");
    // A refresh that is refused is tried again, and the session ends when its time is up.
    sim.run_for(&mut [&mut bob, &mut carrier], seconds(301));
    let answer = carrier.answer(&Method::Invite, 500, "x", "", "");
    carrier.send(bob.at, answer);
    sim.run_until_idle(&mut [&mut bob, &mut carrier], MINUTES);
    assert_eq!(bob.heard.last().unwrap(), "ended: Gone(408)");
}
