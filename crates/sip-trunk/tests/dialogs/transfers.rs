//! Transfers: REFER, its implicit subscription, and Replaces (RFC 3515, RFC 4488, RFC 3891; flows of RFC 5359 §2.4 and §2.5).

use sip_trunk::header::{Header, ReferTo, Replaces};
use sip_trunk::msg::HeaderName;
use sip_trunk::ua::{Event, Misuse, Refer, ReferId, SessionId};
use telco_testkit::{ExpectFile, Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, CAROL, MINUTES, Phone, Raw, lab, millis, seconds};

struct Three {
    sim: Sim,
    alice: Phone,
    bob: Phone,
    carol: Phone,
}

impl Three {
    /// Alice has called Bob, and both talk.
    fn talking() -> (Self, SessionId, SessionId) {
        let sim = lab();
        let plain = |config: &mut sip_trunk::ua::UaConfig| config.reliable = sip_trunk::ua::Reliable::Never;
        let alice = Phone::with(&sim, "alice", ALICE, plain);
        let bob = Phone::with(&sim, "bob", BOB, plain).answering();
        let carol = Phone::with(&sim, "carol", CAROL, plain).answering();
        let mut three = Self { sim, alice, bob, carol };
        let session = three.alice.call(&three.sim, &three.bob);
        three.run(seconds(1));
        let callee = three.bob.incoming();
        three.news();
        (three, session, callee)
    }

    fn run(&mut self, span: std::time::Duration) {
        self.sim.run_for(&mut [&mut self.alice, &mut self.bob, &mut self.carol], span);
    }

    fn news(&mut self) {
        for phone in [&mut self.alice, &mut self.bob, &mut self.carol] {
            phone.news();
        }
    }

    fn finish(&mut self, ladder: &ExpectFile) {
        self.sim.run_until_idle(&mut [&mut self.alice, &mut self.bob, &mut self.carol], MINUTES);
        check_ladder(&self.sim, ladder);
        assert!(self.alice.is_idle() && self.bob.is_idle() && self.carol.is_idle(), "nothing is left");
    }
}

/// The REFER that came last.
fn referred(phone: &Phone) -> (ReferId, String, Option<String>) {
    let found = phone.events.iter().rev().find_map(|event| match event {
        Event::Referred { refer, message, .. } => {
            let target = ReferTo::parse(message.header(HeaderName::ReferTo).unwrap()).unwrap();
            let uri = target.uri.as_sip().unwrap();
            let replaces = target.replaces().map(std::borrow::Cow::into_owned);
            Some((
                *refer,
                format!("sip:{}@{}:{}", uri.user().unwrap(), uri.host_str(), uri.port().unwrap()),
                replaces,
            ))
        }
        _ => None,
    });
    found.expect("a REFER has come in")
}

/// RFC 5359 §2.4: Bob transfers Alice to Carol without asking her, and leaves once Carol has answered.
#[test]
fn an_unattended_transfer_is_reported() {
    let (mut three, session, callee) = Three::talking();
    let refer = Refer::new(format!("<sip:carol@{CAROL}>"));
    three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer, now)).unwrap();
    three.run(millis(100));
    let (id, target, _) = referred(&three.alice);
    assert_eq!(target, format!("sip:carol@{CAROL}"));
    three.alice.act(&three.sim, |agent, now| agent.accept_refer(session, id, now)).unwrap();
    let to_carol = three.alice.call(&three.sim, &three.carol);
    three.run(seconds(1));
    three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, id, 200, now)).unwrap();
    three.run(seconds(1));
    three.bob.hang_up(&three.sim, callee);
    three.run(seconds(1));
    three.alice.hang_up(&three.sim, to_carol);
    three.finish(&expect_file!["ladders/rfc5359_2_4_unattended.txt"]);
    assert_eq!(three.bob.heard, ["transfer 202", "transfer 100", "transfer 200, finished", "ended: HungUp"]);
}

/// RFC 5359 §2.4, RFC 5057 §4.2: the transferor leaves at once; the reports still reach it.
#[test]
fn reports_outlive_the_session() {
    let (mut three, session, callee) = Three::talking();
    let refer = Refer::new(format!("<sip:carol@{CAROL}>"));
    three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer, now)).unwrap();
    three.run(millis(100));
    let (id, ..) = referred(&three.alice);
    three.alice.act(&three.sim, |agent, now| agent.accept_refer(session, id, now)).unwrap();
    three.run(millis(100));
    three.bob.hang_up(&three.sim, callee);
    three.run(seconds(1));
    for status in [180, 486] {
        three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, id, status, now)).unwrap();
        three.run(seconds(1));
    }
    let gone = three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, id, 200, now));
    assert_eq!(gone, Err(Misuse::Gone));
    three.finish(&expect_file!["ladders/refer_after_bye.txt"]);
    let expected =
        ["transfer 202", "transfer 100", "ended: HungUp", "transfer 180", "transfer 486, finished"];
    assert_eq!(three.bob.heard, expected);
}

/// RFC 5359 §2.5, RFC 3891: Bob asks Carol first, then Alice's call takes the place of his.
#[test]
fn an_attended_transfer_replaces_the_consultation() {
    let (mut three, session, callee) = Three::talking();
    let consultation = three.bob.call(&three.sim, &three.carol);
    three.run(seconds(1));
    let dialog = three.bob.agent.session(consultation).and_then(|session| session.dialog()).unwrap();
    let (call_id, to_tag, from_tag) = (dialog.call_id(), dialog.remote_tag(), dialog.local_tag());
    let refer_to =
        format!("<sip:carol@{CAROL}?Replaces={call_id}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}>");
    three.bob.act(&three.sim, |agent, now| agent.refer(callee, Refer::new(refer_to), now)).unwrap();
    three.run(millis(100));
    let (id, _, replaces) = referred(&three.alice);
    three.alice.act(&three.sim, |agent, now| agent.accept_refer(session, id, now)).unwrap();
    let mut invite = three.alice.invitation(&three.carol);
    invite.headers.push(("Replaces".into(), replaces.unwrap()));
    let replacing = three.alice.act(&three.sim, |agent, now| agent.invite(invite, now)).unwrap();
    three.run(millis(30));
    let replaced = three.carol.events.iter().rev().find_map(|event| match event {
        Event::Incoming { replaces, .. } => *replaces,
        _ => None,
    });
    // Carol's phone has answered by itself; the old call goes.
    three.carol.hang_up(&three.sim, replaced.unwrap());
    three.run(seconds(1));
    three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, id, 200, now)).unwrap();
    three.run(millis(100));
    three.bob.hang_up(&three.sim, callee);
    three.run(seconds(1));
    three.alice.hang_up(&three.sim, replacing);
    three.finish(&expect_file!["ladders/rfc5359_2_5_attended.txt"]);
    assert!(three.carol.heard.contains(&"incoming call that replaces another".to_owned()));
}

/// RFC 4488: who wants no reports gets none.
#[test]
fn a_transfer_without_subscription_is_not_reported() {
    let (mut three, session, callee) = Three::talking();
    let refer = Refer { progress: false, ..Refer::new(format!("<sip:carol@{CAROL}>")) };
    three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer, now)).unwrap();
    three.run(millis(100));
    let (id, ..) = referred(&three.alice);
    three.alice.act(&three.sim, |agent, now| agent.accept_refer(session, id, now)).unwrap();
    let report = three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, id, 200, now));
    assert_eq!(report, Err(Misuse::Gone));
    three.run(millis(100));
    three.bob.hang_up(&three.sim, callee);
    three.finish(&expect_file!["ladders/refer_norefersub.txt"]);
    assert_eq!(three.bob.heard, ["transfer 202, finished", "ended: HungUp"]);
}

/// RFC 3515 §2.4.2: a refused REFER changes nothing; one nobody answers, and one nobody reports on, end by themselves.
#[test]
fn transfers_that_lead_nowhere_end() {
    let (mut three, session, callee) = Three::talking();
    let refer = || Refer::new(format!("<sip:carol@{CAROL}>"));
    three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer(), now)).unwrap();
    three.run(millis(100));
    let (id, ..) = referred(&three.alice);
    three.alice.act(&three.sim, |agent, now| agent.refuse_refer(session, id, 603, now)).unwrap();
    three.run(millis(100));
    assert_eq!(three.bob.news(), ["transfer 603, finished"]);
    // Accepted, but never carried out: the subscription runs out on both sides.
    three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer(), now)).unwrap();
    three.run(millis(100));
    let (id, ..) = referred(&three.alice);
    three.alice.act(&three.sim, |agent, now| agent.accept_refer(session, id, now)).unwrap();
    three.run(seconds(200));
    assert_eq!(three.bob.news(), ["transfer 202", "transfer 100", "transfer 100, finished"]);
    three.bob.hang_up(&three.sim, callee);
    three.finish(&expect_file!["ladders/refer_nowhere.txt"]);
}

/// RFC 3515 §2.4.6: several transfers in one dialog are told apart, and their number is bounded.
#[test]
fn several_transfers_are_told_apart() {
    let (mut three, session, callee) = Three::talking();
    let mut ids = Vec::new();
    for user in ["carol", "dora"] {
        let refer = Refer::new(format!("<sip:{user}@{CAROL}>"));
        ids.push(three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer, now)).unwrap());
        three.run(millis(100));
        let (id, ..) = referred(&three.alice);
        three.alice.act(&three.sim, |agent, now| agent.accept_refer(session, id, now)).unwrap();
    }
    three.run(millis(100));
    three.bob.news();
    three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, ids[1], 200, now)).unwrap();
    three.run(millis(100));
    assert!(
        matches!(three.bob.events[..], [Event::ReferProgress { refer, status: 200, .. }] if refer == ids[1])
    );
    three.alice.act(&three.sim, |agent, now| agent.notify_refer(session, ids[0], 404, now)).unwrap();
    three.run(millis(100));
    for _ in 0..4 {
        let refer = Refer::new(format!("<sip:carol@{CAROL}>"));
        three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer, now)).unwrap();
    }
    let refer = Refer::new(format!("<sip:carol@{CAROL}>"));
    let fifth = three.bob.act(&three.sim, |agent, now| agent.refer(callee, refer, now));
    assert_eq!(fifth, Err(Misuse::TooMany("transfers")));
    three.bob.hang_up(&three.sim, callee);
    three.finish(&expect_file!["ladders/refer_several.txt"]);
}

/// RFC 3891 §3: what Replaces names decides how the INVITE is met before the user hears of it.
#[test]
fn replaces_must_name_a_dialog_that_can_be_replaced() {
    let (mut three, session, _) = Three::talking();
    let ringing = {
        three.bob = Phone::new(&three.sim, "bob", BOB);
        let session = three.alice.call(&three.sim, &three.bob);
        three.run(millis(50));
        three.bob.ring(&three.sim);
        three.run(millis(50));
        session
    };
    let named = |phone: &Phone, id: SessionId| {
        let dialog = phone.agent.session(id).and_then(|session| session.dialog()).unwrap();
        let (call_id, to_tag, from_tag) = (dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
        Replaces { call_id, to_tag, from_tag, early_only: false }.to_string()
    };
    let confirmed = named(&three.alice, session);
    let early = named(&three.alice, ringing);
    let early_of_callee = named(&three.bob, three.bob.incoming());
    let mut stranger = Raw::new("carrier", "192.0.2.9:5060");
    let invite = |number: u32, lines: &str, at: &str| {
        Raw::request(
            &format!(
                "INVITE sip:x@{at} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{number}\nMax-Forwards: 70\n\
                 From: <sip:c@x>;tag=c\nTo: <sip:b@y>\nCall-ID: r{number}\nCSeq: 1 INVITE\n\
                 Contact: <sip:c@192.0.2.9:5060>\nRequire: replaces\n{lines}"
            ),
            "",
        )
    };
    let cases = [
        (format!("Replaces: {confirmed}"), ALICE, 180),
        (format!("Replaces: {early}"), ALICE, 180),
        (format!("Replaces: {confirmed};early-only"), ALICE, 486),
        (format!("Replaces: {early_of_callee}"), BOB, 481),
        ("Replaces: unknown;to-tag=1;from-tag=2".to_owned(), ALICE, 481),
        (format!("Replaces: {}x", confirmed), ALICE, 481),
        (format!("Replaces: {confirmed}\nReplaces: {confirmed}"), ALICE, 400),
        (format!("Replaces: {confirmed}\nJoin: {confirmed}"), ALICE, 400),
        ("Replaces: a;to-tag=1".to_owned(), ALICE, 400),
    ];
    for (number, (lines, at, expected)) in (0..).zip(cases) {
        stranger.received.clear();
        stranger.send(at.parse().unwrap(), invite(number, &lines, at));
        three.sim.run_for(&mut [&mut three.alice, &mut three.bob, &mut stranger], millis(50));
        if expected == 180 {
            three.alice.ring(&three.sim);
            three.sim.run_for(&mut [&mut three.alice, &mut three.bob, &mut stranger], millis(50));
            let Some(Event::Incoming { replaces, .. }) = three.alice.events.last() else { panic!() };
            assert!([Some(session), Some(ringing)].contains(replaces), "{lines}");
        }
        assert_eq!(stranger.statuses("INVITE"), [expected], "{lines}");
    }
    three.alice.hang_up(&three.sim, session);
    stranger.received.clear();
    stranger.send(ALICE.parse().unwrap(), invite(99, &format!("Replaces: {confirmed}"), ALICE));
    three.sim.run_for(&mut [&mut three.alice, &mut three.bob, &mut stranger], millis(50));
    assert_eq!(stranger.statuses("INVITE"), [603]);
}

/// RFC 3515 §2.4.2: without exactly one Refer-To there is nothing to do; the reports of no REFER are refused.
#[test]
fn broken_transfer_requests_are_refused() {
    let mut sim = lab();
    let mut bob = Phone::new(&sim, "bob", BOB).answering();
    let mut carrier = Raw::new("carrier", ALICE);
    let head = |method: &str, cseq: u32, to_tag: &str, more: &str| {
        format!(
            "{method} sip:bob@{BOB} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK{method}{cseq}\nMax-Forwards: 70\n\
             From: <sip:a@x>;tag=a\nTo: <sip:b@y>{to_tag}\nCall-ID: c\nCSeq: {cseq} {method}\nContact: <sip:a@{ALICE}>\n{more}"
        )
    };
    carrier.send(bob.at, Raw::request(&head("INVITE", 1, "", ""), ""));
    sim.run_for(&mut [&mut bob, &mut carrier], millis(50));
    let tag = format!(";tag={}", bob.agent.session(bob.incoming()).unwrap().local_tag());
    carrier.send(bob.at, Raw::request(&head("ACK", 1, &tag, ""), ""));
    for (cseq, method, lines) in [
        (2, "REFER", ""),
        (3, "REFER", "Refer-To: <sip:x@y>\nRefer-To: <sip:x@z>"),
        (4, "NOTIFY", "Event: refer\nSubscription-State: active"),
        (5, "SUBSCRIBE", "Event: refer;id=4\nExpires: 60"),
    ] {
        carrier.send(bob.at, Raw::request(&head(method, cseq, &tag, lines), ""));
    }
    sim.run_for(&mut [&mut bob, &mut carrier], millis(50));
    assert_eq!(carrier.statuses("REFER"), [400, 400]);
    assert_eq!(carrier.statuses("NOTIFY"), [481]);
    assert_eq!(carrier.statuses("SUBSCRIBE"), [481]);
}
