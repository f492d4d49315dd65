//! One INVITE, several answers: early dialogs side by side, and 2xx nobody wants (RFC 3261 §12.1.2, §13.2.2.4).

use bytes::Bytes;
use sip_trunk::header::{CSeq, Header};
use sip_trunk::msg::{HeaderName, Message, Method};
use sip_trunk::ua::{SessionId, State};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, Raw, lab, millis, seconds};

/// Alice calls through a proxy that forks.
fn calling(adjust: impl FnOnce(&mut sip_trunk::ua::UaConfig)) -> (Sim, Phone, Raw, SessionId) {
    let mut sim = lab();
    let mut alice = Phone::with(&sim, "alice", ALICE, adjust);
    let mut proxy = Raw::new("proxy", BOB);
    let invite = alice.invitation_to("bob", proxy.at);
    let session = alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut proxy], millis(50));
    (sim, alice, proxy, session)
}

fn say(sim: &mut Sim, alice: &mut Phone, proxy: &mut Raw, status: u16, tag: &str, lines: &str) -> Bytes {
    let answer = proxy.answer(&Method::Invite, status, tag, lines, "");
    proxy.send(alice.at, &answer);
    sim.run_for(&mut [alice, proxy], millis(50));
    answer
}

fn to_tags(requests: &[Message], method: &Method<'_>) -> Vec<String> {
    let of_method = requests.iter().filter(|request| request.method().as_ref() == Some(method));
    let tag = |request: &Message| {
        let to = request.typed::<sip_trunk::header::To<'_>>().unwrap().unwrap();
        to.tag().unwrap_or_default().to_owned()
    };
    of_method.map(tag).collect()
}

/// RFC 3261 §13.2.2.4: the first 2xx makes the session; that of another fork is acknowledged and ended, and again when repeated.
#[test]
fn the_first_2xx_wins_and_others_are_ended() {
    let (mut sim, mut alice, mut proxy, session) = calling(|_| {});
    for tag in ["one", "two", "three"] {
        say(&mut sim, &mut alice, &mut proxy, 180, tag, "");
    }
    assert_eq!(alice.agent.session(session).unwrap().dialogs().count(), 3);
    say(&mut sim, &mut alice, &mut proxy, 200, "two", "");
    assert_eq!(alice.agent.session(session).unwrap().dialogs().count(), 1);
    say(&mut sim, &mut alice, &mut proxy, 200, "three", "");
    for tag in ["four", "two"] {
        say(&mut sim, &mut alice, &mut proxy, 200, tag, "");
    }
    assert_eq!(to_tags(&proxy.received, &Method::Ack), ["two", "three", "four", "two"]);
    assert_eq!(to_tags(&proxy.received, &Method::Bye), ["three", "four"]);
    assert_eq!(alice.heard, ["progress 180", "progress 180", "progress 180", "answered 200"]);
    let dialog = alice.agent.session(session).unwrap().dialog().unwrap();
    assert_eq!(dialog.remote_tag(), "two");
    check_ladder(&sim, &expect_file!["ladders/forking_first_wins.txt"]);
}

/// RFC 6026 §7.2: also a 2xx that comes when its transaction has ended finds its session, and is ended.
#[test]
fn a_2xx_of_another_fork_may_come_late() {
    let (mut sim, mut alice, mut proxy, session) = calling(|_| {});
    let late = proxy.answer(&Method::Invite, 200, "late", "", "");
    say(&mut sim, &mut alice, &mut proxy, 200, "one", "");
    sim.run_for(&mut [&mut alice, &mut proxy], seconds(60));
    assert_eq!(alice.agent.endpoint().in_use(), (0, 0));
    proxy.send(alice.at, late);
    sim.run_for(&mut [&mut alice, &mut proxy], millis(50));
    assert_eq!(to_tags(&proxy.received, &Method::Bye), ["late"]);
    assert_eq!(alice.agent.session(session).unwrap().state(), State::Confirmed);
}

/// A call that was withdrawn is ended on every fork that answers all the same.
#[test]
fn a_withdrawn_call_is_ended_wherever_it_is_answered() {
    let (mut sim, mut alice, mut proxy, session) = calling(|_| {});
    say(&mut sim, &mut alice, &mut proxy, 180, "one", "");
    alice.hang_up(&sim, session);
    sim.run_for(&mut [&mut alice, &mut proxy], millis(50));
    for tag in ["one", "two"] {
        say(&mut sim, &mut alice, &mut proxy, 200, tag, "");
    }
    assert_eq!(to_tags(&proxy.received, &Method::Ack), ["one", "two"]);
    assert_eq!(to_tags(&proxy.received, &Method::Bye), ["one", "two"]);
    for method in [Method::Cancel, Method::Bye] {
        let answer = proxy.answer(&method, 200, "x", "", "");
        proxy.send(alice.at, answer);
    }
    sim.run_until_idle(&mut [&mut alice, &mut proxy], MINUTES);
    assert_eq!(alice.heard, ["progress 180", "ended: HungUp"]);
    assert!(alice.is_idle());
}

/// RFC 3262 §4: every fork has its own RSeq, its own CSeq, and its own route.
#[test]
fn reliable_answers_are_acknowledged_fork_by_fork() {
    let (mut sim, mut alice, mut proxy, _) = calling(|_| {});
    let lines =
        |rseq: u32, route: &str| format!("Require: 100rel\nRSeq: {rseq}\nRecord-Route: <sip:{route};lr>");
    say(&mut sim, &mut alice, &mut proxy, 183, "one", &lines(100, &format!("p1@{BOB}")));
    say(&mut sim, &mut alice, &mut proxy, 183, "two", &lines(5, &format!("p2@{BOB}")));
    say(&mut sim, &mut alice, &mut proxy, 180, "one", &lines(101, &format!("p1@{BOB}")));
    let pracks: Vec<_> = proxy.received.iter().filter(|m| m.method() == Some(Method::Prack)).collect();
    let seen: Vec<_> = pracks
        .iter()
        .map(|prack| {
            let text = |name| String::from_utf8_lossy(prack.header(name).unwrap()).into_owned();
            let cseq = CSeq::parse(prack.header(HeaderName::CSeq).unwrap()).unwrap().number;
            (text(HeaderName::RAck), cseq, text(HeaderName::Route))
        })
        .collect();
    let expected = [
        ("100 1 INVITE", 2, format!("<sip:p1@{BOB};lr>")),
        ("5 1 INVITE", 2, format!("<sip:p2@{BOB};lr>")),
        ("101 1 INVITE", 3, format!("<sip:p1@{BOB};lr>")),
    ];
    assert_eq!(seen, expected.map(|(rack, cseq, route)| (rack.to_owned(), cseq, route)));
}

/// A peer cannot make us remember any number of forks; a 2xx of one that was not remembered is ended.
#[test]
fn the_number_of_forks_is_bounded() {
    let (mut sim, mut alice, mut proxy, session) = calling(|config| config.limits.forks = 3);
    for number in 0..1000 {
        let answer = proxy.answer(&Method::Invite, 180, &format!("t{number}"), "", "");
        proxy.send(alice.at, answer);
    }
    sim.run_for(&mut [&mut alice, &mut proxy], millis(50));
    assert_eq!(alice.agent.session(session).unwrap().dialogs().count(), 3);
    say(&mut sim, &mut alice, &mut proxy, 200, "t7", "");
    assert_eq!(to_tags(&proxy.received, &Method::Bye), ["t7"]);
    say(&mut sim, &mut alice, &mut proxy, 200, "t1", "");
    assert_eq!(alice.agent.session(session).unwrap().state(), State::Confirmed);
}
