//! Subscriptions in both roles (RFC 6665): accepted, refreshed, withdrawn, ended, expired, lost.

use std::time::Duration;

use sip_trunk::msg::{HeaderName, Method};
use sip_trunk::ua::{Body, Event, Misuse, Subscribe, SubscriptionId, UserAgent};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, Raw, lab, millis, seconds};

fn state(text: &str) -> Option<Body> {
    Some(Body { content_type: "text/plain".into(), bytes: text.to_owned().into() })
}

/// Accepts for `longest` and tells its state whenever that is due.
fn notifier(sim: &Sim, longest: Duration) -> Phone {
    Phone::new(sim, "bob", BOB).reacting(move |agent: &mut UserAgent, event, now| match event {
        Event::Subscribed { subscription, .. } => {
            agent.accept_subscription(*subscription, longest, Vec::new(), now).unwrap();
            agent.notify(*subscription, state("first"), Vec::new(), now).unwrap();
        }
        Event::Refreshed { subscription, .. } => {
            agent.notify(*subscription, state("again"), Vec::new(), now).unwrap();
        }
        _ => {}
    })
}

fn subscribing(longest: Duration) -> (Sim, Phone, Phone, SubscriptionId) {
    let mut sim = lab();
    let (mut alice, mut bob) = (Phone::new(&sim, "alice", ALICE), notifier(&sim, longest));
    let subscription = subscribe(&sim, &mut alice, 600);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    (sim, alice, bob, subscription)
}

fn subscribe(sim: &Sim, alice: &mut Phone, expires: u64) -> SubscriptionId {
    let mut subscribe = Subscribe::new(format!("sip:bob@{BOB}"), "<sip:alice@192.0.2.1>", "dialog;id=7");
    subscribe.expires = seconds(expires);
    alice.act(sim, |agent, now| agent.subscribe(subscribe, now)).unwrap()
}

/// The subscription Bob was last asked for.
fn asked(bob: &Phone) -> SubscriptionId {
    let found = bob.events.iter().rev().find_map(|event| match event {
        Event::Subscribed { subscription, .. } => Some(*subscription),
        _ => None,
    });
    found.expect("a SUBSCRIBE has come in")
}

fn finish(sim: &mut Sim, alice: &mut Phone, bob: &mut Phone) {
    sim.run_until_idle(&mut [alice, bob], MINUTES);
    assert!(alice.is_idle() && bob.is_idle(), "{:?} {:?}", alice.agent.in_use(), bob.agent.in_use());
}

/// RFC 6665 §4.1.2: refreshed before the granted duration ends, told on every change, withdrawn with a last NOTIFY.
#[test]
fn a_subscription_is_refreshed_and_withdrawn() {
    let (mut sim, mut alice, mut bob, subscription) = subscribing(seconds(100));
    let told = asked(&bob);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(100));
    bob.act(&sim, |agent, now| agent.notify(told, state("changed"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    alice.act(&sim, |agent, now| agent.unsubscribe(subscription, now)).unwrap();
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["notified first", "notified again", "notified changed", "unsubscribed: Ended"]);
    assert_eq!(bob.heard, ["subscribed", "refreshed", "unsubscribed by peer"]);
    check_ladder(&sim, &expect_file!["ladders/subscription_refreshed.txt"]);
}

/// RFC 6665 §4.2.1.4: the notifier may end it.
#[test]
fn the_notifier_ends_a_subscription() {
    let (mut sim, mut alice, mut bob, _) = subscribing(seconds(100));
    let told = asked(&bob);
    bob.act(&sim, |agent, now| agent.terminate_subscription(told, "noresource", state("gone"), now)).unwrap();
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["notified first", "notified gone", "unsubscribed by peer"]);
    assert_eq!(bob.heard, ["subscribed", "unsubscribed: Ended"]);
    let gone = bob.act(&sim, |agent, now| agent.notify(told, None, Vec::new(), now));
    assert_eq!(gone, Err(Misuse::Gone));
}

/// RFC 6665 §4.4.3: a duration of zero asks once.
#[test]
fn the_state_may_be_fetched_once() {
    let mut sim = lab();
    let (mut alice, mut bob) = (Phone::new(&sim, "alice", ALICE), notifier(&sim, seconds(100)));
    subscribe(&sim, &mut alice, 0);
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["notified first", "unsubscribed by peer"]);
    assert_eq!(bob.heard, ["subscribed", "unsubscribed: Expired"]);
}

/// A subscriber that has vanished, and a notifier that has, are forgotten.
#[test]
fn a_subscription_across_a_cut_expires() {
    let (mut sim, mut alice, mut bob, _) = subscribing(seconds(200));
    sim.net.cut(alice.at.ip(), bob.at.ip());
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard.last().unwrap(), "unsubscribed: Expired");
    assert_eq!(bob.heard.last().unwrap(), "unsubscribed: Expired");
}

/// RFC 6665 §4.2.2: a NOTIFY nobody answers ends the subscription.
#[test]
fn a_subscriber_that_does_not_answer_is_dropped() {
    let (mut sim, alice, mut bob, _) = subscribing(seconds(3000));
    sim.net.cut(alice.at.ip(), bob.at.ip());
    let told = asked(&bob);
    bob.act(&sim, |agent, now| agent.notify(told, state("lost"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut bob], seconds(33));
    assert_eq!(bob.heard.last().unwrap(), "unsubscribed: refused 408");
    assert!(bob.is_idle());
}

/// RFC 6665 §4.1.2.4: no NOTIFY in 64 × T1 (timer N); and a refusal, and one nobody decides on.
#[test]
fn a_subscription_that_never_begins_fails() {
    for (react, expected) in
        [(0, "unsubscribed: refused 408"), (1, "unsubscribed: refused 489"), (2, "unsubscribed: refused 480")]
    {
        let mut sim = lab();
        let mut alice = Phone::new(&sim, "alice", ALICE);
        let mut bob = Phone::new(&sim, "bob", BOB).reacting(move |agent, event, now| {
            let Event::Subscribed { subscription, .. } = event else { return };
            match react {
                0 => agent.accept_subscription(*subscription, seconds(60), Vec::new(), now).unwrap(),
                1 => agent.refuse_subscription(*subscription, 489, Vec::new(), now).unwrap(),
                _ => {}
            }
        });
        subscribe(&sim, &mut alice, 60);
        finish(&mut sim, &mut alice, &mut bob);
        assert_eq!(alice.heard, [expected]);
    }
}

/// While a NOTIFY is under way only the newest state waits, so the subscriber ends with it whatever is lost.
#[test]
fn the_newest_state_arrives_last() {
    let (mut sim, mut alice, mut bob, _) = subscribing(seconds(3000));
    let told = asked(&bob);
    sim.net.drop_next(bob.at.ip(), alice.at.ip(), 1);
    for text in ["one", "two", "three"] {
        bob.act(&sim, |agent, now| agent.notify(told, state(text), Vec::new(), now)).unwrap();
    }
    sim.run_for(&mut [&mut alice, &mut bob], seconds(2));
    assert_eq!(alice.heard, ["notified first", "notified one", "notified three"]);
}

/// RFC 6665 §4.1.2.1: 423 raises the duration; a NOTIFY before the 2xx begins the subscription; a withdrawal may come first.
#[test]
fn the_beginning_may_be_disorderly() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut carrier = Raw::new("carrier", BOB);
    let subscription = subscribe(&sim, &mut alice, 30);
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    let answer = carrier.answer(&Method::Subscribe, 423, "b", "Min-Expires: 900", "");
    carrier.send(alice.at, answer);
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    let subscribe = carrier.last(&Method::Subscribe).clone();
    assert_eq!(subscribe.header(HeaderName::Expires), Some(&b"900"[..]));
    let text = |name| String::from_utf8(subscribe.header(name).unwrap().to_vec()).unwrap();
    let notify = |cseq: u32, tag: &str, event: &str, state: &str| {
        Raw::request(
            &format!(
                "NOTIFY sip:alice@{ALICE} SIP/2.0\nVia: SIP/2.0/UDP {BOB};branch=z9hG4bK{cseq}{tag}\nMax-Forwards: 70\n\
                 From: <sip:bob@{BOB}>;tag={tag}\nTo: {}\nCall-ID: {}\nCSeq: {cseq} NOTIFY\n\
                 Contact: <sip:bob@{BOB}>\nEvent: {event}\n{state}",
                text(HeaderName::From),
                text(HeaderName::CallId)
            ),
            "",
        )
    };
    let active = "Subscription-State: active;expires=900";
    for (cseq, tag, event, state) in [
        (4, "b", "dialog;id=7", active),
        (3, "b", "dialog;id=7", active),
        (5, "other", "dialog;id=7", active),
        (6, "b", "dialog", active),
        (7, "b", "dialog;id=7", ""),
    ] {
        carrier.send(alice.at, notify(cseq, tag, event, state));
    }
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    assert_eq!(carrier.statuses("NOTIFY"), [200, 500, 481, 489, 400]);
    let answer = carrier.answer(&Method::Subscribe, 200, "b", "Expires: 900", "");
    carrier.send(alice.at, answer);
    sim.run_for(&mut [&mut alice, &mut carrier], seconds(60));
    assert_eq!(alice.heard, ["notified "]);
    alice.act(&sim, |agent, now| agent.unsubscribe(subscription, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    assert_eq!(carrier.last(&Method::Subscribe).header(HeaderName::Expires), Some(&b"0"[..]));
}

/// RFC 6665 §4.5.1: who changes its mind before the answer withdraws as soon as it can.
#[test]
fn a_withdrawal_may_precede_the_answer() {
    let mut sim = lab();
    let (mut alice, mut bob) = (Phone::new(&sim, "alice", ALICE), notifier(&sim, seconds(100)));
    let subscription = subscribe(&sim, &mut alice, 600);
    alice.act(&sim, |agent, now| agent.unsubscribe(subscription, now)).unwrap();
    finish(&mut sim, &mut alice, &mut bob);
    assert_eq!(alice.heard, ["unsubscribed: Ended"]);
    assert_eq!(bob.heard.last().unwrap(), "unsubscribed by peer");
}

/// ES-19: the table is bounded, and says so.
#[test]
fn subscriptions_are_bounded() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut bob = Phone::with(&sim, "bob", BOB, |config| config.limits.subscriptions = 2);
    for _ in 0..3 {
        subscribe(&sim, &mut alice, 600);
    }
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    assert_eq!(alice.heard, ["unsubscribed: refused 503"]);
    assert_eq!(bob.heard, ["subscribed", "subscribed", "refused"]);
}
