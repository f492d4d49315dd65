//! Challenges to calls: answered for the trunk's realm, at most twice, and never told to anybody else (ES-24).

use sip_trunk::auth::{AnswerError, ClientConfig, RealmBinding, Secret};
use sip_trunk::endpoint::{Destination, Outgoing};
use sip_trunk::header::{Authorization, CSeq, Credentials, Header, ProxyAuthorization};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::ua::{Event, SessionId};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, Raw, lab, millis};

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";

fn credentials() -> ClientConfig {
    ClientConfig {
        username: "trunk".into(),
        password: Secret::new("secret"),
        realm: RealmBinding::Exactly("carrier".into()),
        peer: "carrier.example".into(),
        ..ClientConfig::default()
    }
}

fn calling() -> (Sim, Phone, Raw, SessionId) {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut carrier = Raw::new("carrier", BOB);
    let session = call(&mut sim, &mut alice, &mut carrier);
    (sim, alice, carrier, session)
}

fn call(sim: &mut Sim, alice: &mut Phone, carrier: &mut Raw) -> SessionId {
    let mut invite = alice.invitation_to("bob", carrier.at);
    invite.credentials = Some(credentials());
    let session = alice.act(sim, |agent, now| agent.invite(invite, now)).unwrap();
    sim.run_for(&mut [alice, carrier], millis(50));
    session
}

fn say(sim: &mut Sim, alice: &mut Phone, carrier: &mut Raw, method: &Method<'_>, status: u16, lines: &str) {
    let answer = carrier.answer(method, status, "b", lines, "");
    carrier.send(alice.at, answer);
    sim.run_for(&mut [alice, carrier], millis(50));
}

fn cseq(message: &Message) -> u32 {
    CSeq::parse(message.header(HeaderName::CSeq).unwrap()).unwrap().number
}

fn authorization(message: &Message) -> Option<Credentials<'_>> {
    message.typed::<Authorization<'_>>().map(|value| value.unwrap().0)
}

/// ST-020: the INVITE is repeated with credentials and the next CSeq; the ACK of the 200 carries them too; the next call knows
/// the nonce already.
#[test]
fn a_challenged_call_is_placed_again() {
    let (mut sim, mut alice, mut carrier, session) = calling();
    say(&mut sim, &mut alice, &mut carrier, &Method::Invite, 401, CHALLENGE);
    let again = carrier.last(&Method::Invite).clone();
    assert_eq!(
        (cseq(&again), authorization(&again).unwrap().username.decoded().into_owned()),
        (2, "trunk".to_owned())
    );
    say(&mut sim, &mut alice, &mut carrier, &Method::Invite, 200, "");
    let ack = carrier.last(&Method::Ack);
    assert_eq!(
        (cseq(ack), ack.header(HeaderName::Authorization)),
        (2, again.header(HeaderName::Authorization))
    );
    alice.hang_up(&sim, session);
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    say(&mut sim, &mut alice, &mut carrier, &Method::Bye, 200, "");
    assert_eq!(cseq(carrier.last(&Method::Bye)), 3);
    assert_eq!(alice.heard, ["answered 200", "ended: HungUp"]);
    let second = call(&mut sim, &mut alice, &mut carrier);
    let invite = carrier.last(&Method::Invite).clone();
    assert_eq!(authorization(&invite).unwrap().protection.unwrap().1, 3, "the count of the nonce goes on");
    alice.hang_up(&sim, second);
    say(&mut sim, &mut alice, &mut carrier, &Method::Invite, 486, "");
    check_ladder(&sim, &expect_file!["ladders/challenge_invite.txt"]);
}

/// RFC 3261 §22.3: what a proxy and what the server behind it want is answered together.
#[test]
fn proxy_and_server_may_both_challenge() {
    let (mut sim, mut alice, mut carrier, _) = calling();
    let proxy = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"p1\", qop=\"auth\"";
    say(&mut sim, &mut alice, &mut carrier, &Method::Invite, 407, proxy);
    say(&mut sim, &mut alice, &mut carrier, &Method::Invite, 401, CHALLENGE);
    let invite = carrier.last(&Method::Invite);
    assert!(authorization(invite).is_some() && invite.typed::<ProxyAuthorization<'_>>().is_some());
    assert_eq!(cseq(invite), 3);
}

/// ST-020, ES-24: a wrong password is not tried over and over; a foreign realm gets nothing. The user hears why.
#[test]
fn what_is_not_answered_is_explained() {
    for (lines, again, expected) in [
        (CHALLENGE.to_owned(), true, AnswerError::Rejected),
        (format!("{CHALLENGE}, stale=TRUE"), true, AnswerError::TooManyAttempts),
        (
            CHALLENGE.replace("\"carrier\"", "\"evil\""),
            false,
            AnswerError::ForeignRealm { offered: "evil".into(), configured: "carrier".into() },
        ),
    ] {
        let (mut sim, mut alice, mut carrier, _) = calling();
        for _ in 0..4 {
            say(&mut sim, &mut alice, &mut carrier, &Method::Invite, 401, &lines);
        }
        let tries = carrier.received.iter().filter(|m| m.method() == Some(Method::Invite)).count();
        assert!(tries <= 3 && (tries > 1) == again, "{expected:?} after {tries} tries");
        let Some(Event::Rejected { status: 401, unanswered, .. }) = alice.events.last() else { panic!() };
        assert_eq!(*unanswered, Some(expected));
        sim.run_until_idle(&mut [&mut alice, &mut carrier], MINUTES);
        assert!(alice.is_idle());
    }
}

/// ES-24: inside the call only who answered the INVITE may ask for the password; somebody a Contact points at may not.
#[test]
fn a_stranger_named_in_the_contact_gets_no_credentials() {
    for (from_stranger, tries) in [(false, 2), (true, 1)] {
        let (mut sim, mut alice, mut carrier, session) = calling();
        let mut stranger = Raw::new("stranger", "192.0.2.66:5060");
        let answer = carrier.answer(&Method::Invite, 200, "b", "", "");
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let target = if from_stranger { stranger.at } else { carrier.at };
        carrier.send(alice.at, answer.replace(&format!("carrier@{BOB}"), &format!("x@{target}")));
        sim.run_for(&mut [&mut alice, &mut carrier, &mut stranger], millis(50));
        alice.hang_up(&sim, session);
        for _ in 0..3 {
            sim.run_for(&mut [&mut alice, &mut carrier, &mut stranger], millis(50));
            let asked = if from_stranger { &mut stranger } else { &mut carrier };
            let challenge = asked.answer(&Method::Bye, 401, "b", CHALLENGE, "");
            asked.send(alice.at, challenge);
        }
        let asked = if from_stranger { &stranger } else { &carrier };
        assert_eq!(asked.count(&Method::Bye), tries);
    }
}

/// Requests of the user's outside any dialog are answered for too, under the id the user knows.
#[test]
fn a_request_outside_dialogs_keeps_its_id() {
    let mut sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let mut carrier = Raw::new("carrier", BOB);
    let draft = Draft::request(&Method::Options, "sip:carrier.example")
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, "<sip:a@x>;tag=a")
        .header(HeaderName::To, "<sip:carrier.example>")
        .header(HeaderName::CallId, "c")
        .header(HeaderName::CSeq, "7 OPTIONS");
    let outgoing = Outgoing::new(draft, Destination::Uri(format!("sip:{BOB}")));
    let request = alice.act(&sim, |agent, now| agent.request(outgoing, Some(&credentials()), now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut carrier], millis(50));
    say(&mut sim, &mut alice, &mut carrier, &Method::Options, 401, CHALLENGE);
    assert_eq!(cseq(carrier.last(&Method::Options)), 8);
    say(&mut sim, &mut alice, &mut carrier, &Method::Options, 200, "");
    let [Event::Response { request: answered, .. }] = &alice.events[..] else { panic!() };
    assert_eq!(*answered, request);
}
