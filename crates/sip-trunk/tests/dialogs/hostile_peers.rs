//! Peers that break the rules, and peers that want to hurt: each gets its answer, and nothing is kept.

use sip_trunk::msg::{HeaderName, Message, Method};
use sip_trunk::ua::{Event, State};
use telco_testkit::Sim;

use crate::lab::{ALICE, BOB, MINUTES, Phone, Raw, lab, millis, seconds};

/// A request from the peer to Bob. `tag` is Bob's, with `;tag=`, or nothing.
fn request(method: &str, cseq: u32, tag: &str, lines: &str, body: &str) -> Vec<u8> {
    request_from("a", method, cseq, tag, lines, body)
}

fn request_from(from: &str, method: &str, cseq: u32, tag: &str, lines: &str, body: &str) -> Vec<u8> {
    Raw::request(
        &format!(
            "{method} sip:bob@{BOB} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bK{from}{method}{cseq}\n\
             Max-Forwards: 70\nFrom: <sip:a@x>;tag={from}\nTo: <sip:b@y>{tag}\nCall-ID: c\nCSeq: {cseq} {method}\n{lines}"
        ),
        body,
    )
}

const CONTACT: &str = "Contact: <sip:a@192.0.2.1:5060>";

struct Lab {
    sim: Sim,
    bob: Phone,
    peer: Raw,
}

impl Lab {
    fn new() -> Self {
        let sim = lab();
        let bob = Phone::new(&sim, "bob", BOB).answering();
        Self { sim, bob, peer: Raw::new("peer", ALICE) }
    }

    /// Bob is in a call with the peer; gives back his tag.
    fn talking() -> (Self, String) {
        let mut lab = Self::new();
        lab.say(request("INVITE", 1, "", CONTACT, ""));
        let tag = format!(";tag={}", lab.bob.agent.session(lab.bob.incoming()).unwrap().local_tag());
        lab.say(request("ACK", 1, &tag, "", ""));
        lab.peer.received.clear();
        (lab, tag)
    }

    fn say(&mut self, bytes: Vec<u8>) {
        self.peer.send(self.bob.at, bytes);
        self.run(millis(50));
    }

    fn run(&mut self, span: std::time::Duration) {
        self.sim.run_for(&mut [&mut self.bob, &mut self.peer], span);
    }
}

/// RFC 3261 §12.2.2: requests of dialogs nobody knows, and those that exist only inside dialogs, get 481; ACK gets nothing.
#[test]
fn unknown_dialogs_are_told_so() {
    let mut lab = Lab::new();
    for (number, method) in (1..).zip([
        "BYE",
        "INVITE",
        "UPDATE",
        "INFO",
        "NOTIFY",
        "PRACK",
        "REFER",
        "SUBSCRIBE",
        "OPTIONS",
        "ACK",
    ]) {
        lab.say(request(method, number, ";tag=unknown", CONTACT, ""));
    }
    for (number, method) in (20..).zip(["BYE", "UPDATE", "INFO", "NOTIFY", "PRACK", "CANCEL"]) {
        lab.say(request(method, number, "", CONTACT, ""));
    }
    let answered =
        |message: &Message| (message.header(HeaderName::CSeq).map(<[u8]>::to_vec), message.status());
    let answers: std::collections::BTreeSet<_> = lab.peer.received.iter().map(answered).collect();
    assert_eq!(answers.len(), 15);
    assert!(answers.iter().all(|(_, status)| *status == Some(481)));
    lab.sim.run_until_idle(&mut [&mut lab.bob, &mut lab.peer], MINUTES);
    assert!(lab.bob.is_idle() && lab.bob.heard.is_empty());
}

/// RFC 3261 §12.2.2: numbers that do not rise get 500; a dialog is not joined under another From tag.
#[test]
fn requests_out_of_order_or_from_others_are_refused() {
    let (mut lab, tag) = Lab::talking();
    for (from, cseq, expected) in
        [("a", 10, 200), ("a", 9, 500), ("a", 4_294_967_295, 200), ("a", 11, 500), ("mallory", 12, 481)]
    {
        lab.say(request_from(from, "OPTIONS", cseq, &tag, "", ""));
        assert_eq!(
            lab.peer.received.last().and_then(|message| message.status()),
            Some(expected),
            "{from} {cseq}"
        );
    }
    lab.say(request_from("mallory", "BYE", 13, &tag, "", ""));
    let session = lab.bob.incoming();
    assert_eq!(lab.bob.agent.session(session).unwrap().state(), State::Confirmed);
}

/// Descriptions where none belong change nothing.
#[test]
fn bodies_in_odd_places_are_ignored() {
    let (mut lab, tag) = Lab::talking();
    let sdp = format!("{CONTACT}\nContent-Type: application/sdp");
    for (cseq, method) in [(2, "OPTIONS"), (3, "INFO"), (1, "ACK"), (4, "BYE")] {
        lab.say(request(method, cseq, &tag, &sdp, "v=0\r\n"));
    }
    assert_eq!(lab.bob.heard, ["incoming call", "confirmed", "INFO in the call", "ended by BYE"]);
    // The INFO is nobody's to answer any more, and is forgotten.
    lab.sim.run_until_idle(&mut [&mut lab.bob, &mut lab.peer], MINUTES);
    assert!(lab.bob.is_idle());
}

/// RFC 3261 §8.2.2.3 and §8.1.1.8: an INVITE must be understood, and must say where its sender is.
#[test]
fn calls_that_cannot_be_taken_are_refused() {
    let mut lab = Lab::new();
    for (cseq, lines, expected) in [
        (1, "Contact: *", 400),
        (2, "", 400),
        (3, "Contact: <sip:a@192.0.2.1>\nRequire: 100rel, teleport, x", 420),
        (4, "Contact: <sip:a@192.0.2.1>\nSupported: timer\nSession-Expires: 5", 422),
        (5, "Contact: <sip:a@192.0.2.1>\nSession-Expires: 5", 200),
    ] {
        lab.peer.received.clear();
        lab.say(request("INVITE", cseq, "", lines, ""));
        assert_eq!(lab.peer.statuses("INVITE").last(), Some(&expected), "{lines}");
        if expected == 420 {
            let unsupported = lab.peer.received[0].header(HeaderName::Unsupported);
            assert_eq!(unsupported, Some(&b"teleport, x"[..]));
        }
    }
}

/// RFC 3261 §14.2: a second INVITE before the first is answered gets 500 and the time to try again.
#[test]
fn a_second_invite_waits_for_the_first() {
    let mut lab = Lab::new();
    lab.bob = Phone::new(&lab.sim, "bob", BOB);
    lab.say(request("INVITE", 1, "", CONTACT, ""));
    lab.bob.ring(&lab.sim);
    let tag = format!(";tag={}", lab.bob.agent.session(lab.bob.incoming()).unwrap().local_tag());
    lab.say(request("INVITE", 2, &tag, CONTACT, ""));
    let refusal = lab.peer.received.iter().find(|message| message.status() == Some(500)).unwrap();
    let after: u32 =
        String::from_utf8_lossy(refusal.header(HeaderName::RetryAfter).unwrap()).parse().unwrap();
    assert!(after <= 10);
}

/// A storm of provisional answers leaves one early dialog, and the call goes on.
#[test]
fn a_storm_of_provisional_answers_passes() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE).silent();
    let mut carrier = Raw::new("carrier", BOB);
    let invite = alice.invitation_to("bob", carrier.at);
    let session = alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    let ringing = carrier.answer(&Method::Invite, 180, "b", "", "");
    for _ in 0..100 {
        (0..100).for_each(|_| carrier.send(alice.at, &ringing));
        sim.run_for(&mut [&mut alice, &mut carrier], seconds(1));
    }
    assert_eq!(alice.agent.session(session).unwrap().dialogs().count(), 1);
    let answer = carrier.answer(&Method::Invite, 200, "b", "", "");
    carrier.send(alice.at, answer);
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    assert_eq!(alice.heard.last().unwrap(), "answered 200");
}

/// Answers no dialog can be made of: without a tag the call fails, without Contact its own address serves.
#[test]
fn broken_answers_are_survived() {
    for (remove, expected) in [(";tag=b", "rejected 502"), ("Contact", "answered 200")] {
        let mut sim = lab();
        let mut alice = Phone::new(&sim, "alice", ALICE);
        let mut carrier = Raw::new("carrier", BOB);
        let invite = alice.invitation_to("bob", carrier.at);
        let session = alice.act(&sim, |agent, now| agent.invite(invite, now)).unwrap();
        sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
        let answer = carrier.answer(&Method::Invite, 200, "b", "", "");
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        carrier.send(alice.at, answer.replace(remove, if remove == "Contact" { "X-Contact" } else { "" }));
        sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
        assert_eq!(alice.heard, [expected]);
        if expected == "answered 200" {
            let dialog = alice.agent.session(session).unwrap().dialog().unwrap();
            assert_eq!(dialog.target(), format!("sip:bob@{BOB}"));
        }
    }
}

/// ES-19: more calls than there is room for get 503 with Retry-After; room comes back as calls end.
#[test]
fn a_full_table_of_calls_says_when_to_try_again() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut bob = Phone::with(&sim, "bob", BOB, |config| config.limits.sessions = 2).answering();
    for _ in 0..3 {
        alice.call(&sim, &bob);
    }
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    assert_eq!(bob.heard.iter().filter(|heard| *heard == "refused").count(), 1);
    let refused = alice.events.iter().find_map(|event| match event {
        Event::Rejected { status: 503, message: Some(message), .. } => message.header(HeaderName::RetryAfter),
        _ => None,
    });
    assert_eq!(refused, Some(&b"5"[..]));
    let session = bob.incoming();
    bob.hang_up(&sim, session);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    alice.news();
    alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob], seconds(1));
    assert_eq!(alice.heard.last().unwrap(), "answered 200");
}
