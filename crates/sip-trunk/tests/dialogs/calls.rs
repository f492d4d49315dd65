//! Basic calls: the flows of RFC 3665 §3 between two agents, without the proxies in between.

use sip_trunk::msg::HeaderName;
use sip_trunk::ua::{Answer, EndCause, Event, Misuse, Rejection};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, lab, millis, sdp, seconds};

fn pair() -> (Sim, Phone, Phone) {
    let sim = lab();
    let (alice, bob) = (Phone::new(&sim, "alice", ALICE), Phone::new(&sim, "bob", BOB));
    (sim, alice, bob)
}

fn finish(sim: &mut Sim, alice: &mut Phone, bob: &mut Phone) {
    sim.run_until_idle(&mut [alice, bob], MINUTES);
    assert!(
        alice.is_idle() && bob.is_idle(),
        "nothing is left: {:?} {:?}",
        alice.agent.in_use(),
        bob.agent.in_use()
    );
}

/// RFC 3665 §3.1: a call is answered, talked in, and ended by the callee.
#[test]
fn a_call_is_answered_and_ended() {
    let (mut sim, mut alice, mut bob) = pair();
    alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let session = bob.ring(&sim);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(2));
    bob.answer(&sim);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(10));
    bob.hang_up(&sim, session);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 180", "answered 200", "ended by BYE"]);
    assert_eq!(bob.heard, ["incoming call", "confirmed", "ended: HungUp"]);
    check_ladder(&sim, &expect_file!["ladders/rfc3665_3_1_answered.txt"]);
}

/// RFC 3665 §3.8: the caller hangs up while it rings.
#[test]
fn an_unanswered_call_is_cancelled() {
    let (mut sim, mut alice, mut bob) = pair();
    let session = alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.ring(&sim);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(3));
    alice.hang_up(&sim, session);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 180", "ended: HungUp"]);
    assert_eq!(bob.heard, ["incoming call", "ended by CANCEL"]);
    check_ladder(&sim, &expect_file!["ladders/rfc3665_3_8_cancelled.txt"]);
}

/// RFC 3326: why a call is withdrawn or ended is said in Reason, so that phones do not list it as missed.
#[test]
fn the_reason_travels_in_cancel_and_bye() {
    let reason = || Some("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned());
    for answers in [false, true] {
        let (mut sim, mut alice, mut bob) = pair();
        let session = alice.call(&sim, &bob);
        // Before anything was heard, so that the CANCEL has to wait.
        if answers {
            sim.run_for(&mut [&mut alice, &mut bob], millis(100));
            bob.answer(&sim);
            sim.run_for(&mut [&mut alice, &mut bob], millis(100));
        }
        let bad = alice.act(&sim, |agent, now| agent.hang_up(session, Some("x\r\nVia: y".into()), now));
        assert!(matches!(bad, Err(Misuse::Draft(_))), "{bad:?}");
        alice.act(&sim, |agent, now| agent.hang_up(session, reason(), now)).unwrap();
        finish(&mut sim, &mut alice, &mut bob);
        let Some(Event::Ended { cause: EndCause::Bye(message) | EndCause::Cancelled(message), .. }) =
            bob.events.last()
        else {
            panic!()
        };
        assert_eq!(message.header(HeaderName::Reason), reason().as_deref().map(str::as_bytes));
    }
}

/// RFC 3665 §3.9: the callee is busy.
#[test]
fn a_busy_callee_rejects() {
    let (mut sim, mut alice, mut bob) = pair();
    alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let mut busy = Rejection::new(486);
    busy.retry_after = Some(seconds(30));
    let session = bob.incoming();
    bob.act(&sim, |agent, now| agent.reject(session, busy, now)).unwrap();
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["rejected 486"]);
    assert_eq!(bob.heard, ["incoming call", "ended: Rejected(486)"]);
    let Some(Event::Rejected { message: Some(message), .. }) = alice.events.last() else { panic!() };
    assert_eq!(message.header(HeaderName::RetryAfter), Some(&b"30"[..]));
    check_ladder(&sim, &expect_file!["ladders/rfc3665_3_9_busy.txt"]);
}

/// RFC 3665 §3.10: nobody is there.
#[test]
fn a_silent_callee_is_given_up_after_32_seconds() {
    let (mut sim, mut alice, bob) = pair();
    alice.call(&sim, &bob);
    sim.run_until_idle(&mut [&mut alice], MINUTES);
    assert_eq!(alice.heard, ["rejected 408: no answer in time"]);
    assert_eq!(sim.elapsed(), seconds(32));
    assert!(alice.is_idle());
}

/// RFC 3261 §13.2.1: without an offer in the INVITE the 200 makes it and the ACK answers.
#[test]
fn a_late_offer_is_answered_in_ack() {
    let (mut sim, mut alice, mut bob) = pair();
    let mut invite = alice.invitation(&bob);
    invite.body = None;
    let session = alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.answer(&sim);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(2));
    alice.act(&sim, |agent, now| agent.answer_offer(session, sdp("late"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], seconds(2));
    let Some(Event::Confirmed { message, .. }) = bob.events.last() else { panic!() };
    assert_eq!(message.body(), b"v=0\r\ns=late\r\n");
    alice.hang_up(&sim, session);
    finish(&mut sim, &mut alice, &mut bob);
    check_ladder(&sim, &expect_file!["ladders/late_offer.txt"]);
}

/// RFC 3261 §13.3.1.4: a 2xx nobody acknowledges is repeated for 32 s, then the session is ended.
#[test]
fn an_unacknowledged_answer_ends_in_bye() {
    let (mut sim, mut alice, mut bob) = pair();
    let mut invite = alice.invitation(&bob);
    invite.body = None;
    alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.answer(&sim);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["answered 200", "ended by BYE"]);
    assert_eq!(bob.heard, ["incoming call", "ended: NotAcknowledged"]);
    check_ladder(&sim, &expect_file!["ladders/not_acknowledged.txt"]);
}

/// The caller's patience ends: CANCEL, and the user hears 408 at once.
#[test]
fn a_dial_timeout_withdraws_the_call() {
    let (mut sim, mut alice, mut bob) = pair();
    let mut invite = alice.invitation(&bob);
    invite.timeout = Some(seconds(8));
    alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.ring(&sim);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 180", "rejected 408"]);
    assert_eq!(bob.heard, ["incoming call", "ended by CANCEL"]);
}

/// RFC 3261 §9.1: a peer that rings and then falls silent keeps nothing here for ever.
#[test]
fn a_cancel_nobody_answers_is_given_up() {
    let (mut sim, mut alice, mut bob) = pair();
    let session = alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    bob.ring(&sim);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    alice.hang_up(&sim, session);
    sim.run_until_idle(&mut [&mut alice], MINUTES);
    assert!(alice.is_idle(), "{:?}", alice.agent.in_use());
}

/// The callee hangs up before it answers: 480.
#[test]
fn hanging_up_an_unanswered_call_refuses_it() {
    let (mut sim, mut alice, mut bob) = pair();
    alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let session = bob.ring(&sim);
    bob.hang_up(&sim, session);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["progress 180", "rejected 480"]);
}

/// The user's own headers travel, and a header that would break out of its line does not.
#[test]
fn headers_of_the_user_are_sent_and_checked() {
    let (mut sim, mut alice, mut bob) = pair();
    let mut invite = alice.invitation(&bob);
    invite.headers.push(("X-Token".into(), "7".into()));
    alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    let mut bad = alice.invitation(&bob);
    bad.headers.push(("X-Token".into(), "7\r\nVia: x".into()));
    assert!(alice.act(&sim, |agent, now| agent.invite(bad, now)).is_err());
    sim.run_for(&mut [&mut alice, &mut bob], millis(100));
    let Some(Event::Incoming { message, session, .. }) = bob.events.last() else { panic!() };
    assert_eq!(message.header("X-Token"), Some(&b"7"[..]));
    let (session, answer) = (*session, Answer { headers: vec![("X-A".into(), "\n".into())], body: None });
    assert!(bob.act(&sim, |agent, now| agent.answer(session, answer, now)).is_err());
    bob.hang_up(&sim, session);
    finish(&mut sim, &mut alice, &mut bob);
}
