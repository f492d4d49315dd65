//! Who callers say they are, and who they are shown to be.

use std::time::Duration;

use sip_trunk::msg::Message;

use crate::lab::{ALICE, BOB, CARRIER_A, CARRIER_B, EdgeNode, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);

/// Bob's number and name, in every header that could carry them.
fn claims() -> Vec<(String, String)> {
    let bob = "\"Bob\" <sip:+13175550102@192.0.2.1>";
    let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    [
        ("P-Asserted-Identity", bob),
        ("P-Preferred-Identity", bob),
        ("Remote-Party-ID", "\"Bob\" <sip:+13175550102@192.0.2.1>;party=calling;screen=yes"),
        ("Diversion", "<sip:+13175550102@192.0.2.1>;reason=unconditional"),
        ("Identity", "eyJhbGciOiJFUzI1NiJ9..sig;info=<https://cert.example/c.pem>;alg=ES256"),
    ]
    .map(header)
    .into()
}

fn header(message: &Message, name: &str) -> Option<String> {
    message.header(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn is_silent_about_bob(message: &Message) -> bool {
    !String::from_utf8_lossy(message.as_bytes()).contains("Bob")
        && !message.headers().any(|field| String::from_utf8_lossy(field.value).contains("3175550102"))
        && ["P-Preferred-Identity", "Remote-Party-ID", "Diversion", "Identity"]
            .iter()
            .all(|name| header(message, name).is_none())
}

/// ES-27: an authenticated phone that claims to be another user, in From and wherever else a caller may be named, is shown to trunks and
/// to phones as who its password proves it to be (CVE-2025-47779); what an untrusted leg asserts goes no further (RFC 3325 §5), and the
/// claim is a security event.
#[test]
fn a_phone_cannot_pass_for_somebody_else() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    for called in ["2025550199", "4102"] {
        let from = "\"Bob\" <sip:+13175550102@192.0.2.1>";
        alice.call_as(&sim, from, called, Some("wonderland"), claims());
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier], SECOND);
    }
    let outside = carrier.invite();
    assert!(is_silent_about_bob(outside), "{outside:?}");
    for name in ["From", "P-Asserted-Identity"] {
        assert!(header(outside, name).unwrap().contains("+13175550101"), "{name} of {outside:?}");
    }
    let inside = bob.invite();
    assert!(header(inside, "From").unwrap().contains("<sip:4101@"), "{inside:?}");
    assert!(is_silent_about_bob(inside), "{inside:?}");
    assert_eq!(header(inside, "P-Asserted-Identity"), None);
    assert!(edge.told.iter().any(|code| code == "IDENTITY_MISMATCH"), "{:?}", edge.told);
}

/// ES-27: a phone may call itself by its account, its number, its extension, or nothing; none of that is an event.
#[test]
fn a_phone_may_go_by_all_its_own_names() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    for own in [
        "<sip:alice@192.0.2.1>",
        "<sip:+13175550101@192.0.2.1>",
        "<tel:+1-317-555-0101>",
        "<sip:4101@192.0.2.1>",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
    ] {
        alice.call_as(&sim, own, "2025550199", Some("wonderland"), Vec::new());
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        assert!(!edge.told.iter().any(|code| code == "IDENTITY_MISMATCH"), "{own}: {:?}", edge.told);
    }
}

/// ES-27, RFC 3323, RFC 3325 §9.3: a caller who asks for privacy is anonymous to phones; the carrier is told who it is, and to withhold
/// it. An emergency call is not anonymous.
#[test]
fn privacy_is_honoured() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut bob = Peer::new(&sim, "bob", BOB).answering();
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    let mut other = Peer::new(&sim, "carrier-b", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut other], SECOND);
    let privacy = || vec![("Privacy".to_owned(), "id".to_owned())];
    for called in ["2025550199", "4102"] {
        alice.call_with(&sim, called, Some("wonderland"), privacy());
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut other], SECOND);
    }
    let outside = carrier.invite();
    assert!(header(outside, "From").unwrap().starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
    assert!(header(outside, "P-Asserted-Identity").unwrap().contains("+13175550101"), "{outside:?}");
    assert_eq!(header(outside, "Privacy").as_deref(), Some("id"));
    let inside = bob.invite();
    assert!(header(inside, "From").unwrap().starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
    assert_eq!(header(inside, "P-Asserted-Identity"), None);

    // The same from outside: the trunk asserts who calls, and the phone does not learn it.
    let mut asserted = privacy();
    asserted.push(("P-Asserted-Identity".to_owned(), "<sip:+12025550123@192.0.2.10>".to_owned()));
    let nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    carrier.call_as(&sim, nobody, "+13175550102", None, asserted);
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut other], SECOND);
    let inside = bob.invite();
    assert!(!String::from_utf8_lossy(inside.as_bytes()).contains("2025550123"), "{inside:?}");
    assert!(header(inside, "From").unwrap().starts_with(nobody));

    alice.call_with(&sim, "911", Some("wonderland"), privacy());
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut carrier, &mut other], SECOND);
    let emergency = carrier.invite();
    assert!(!header(emergency, "From").unwrap().contains("anonymous"), "{emergency:?}");
    assert_eq!(header(emergency, "Privacy"), None);
}

/// RFC 3323 §4.2, §5.1: a wish for privacy counts in whatever way it is written: on a second line, beside others, in a header that cannot
/// be read, and by an anonymous From, which other kinds of privacy do not take back. `none` does.
#[test]
fn privacy_that_is_written_oddly_is_privacy() {
    let nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    let (alice_says, other_says) = ("<sip:alice@192.0.2.1>", "<sip:+12025550123@192.0.2.11>");
    let cases: [(&str, &[&str], bool); 9] = [
        (alice_says, &["id;"], true),
        (alice_says, &["id user"], true),
        (alice_says, &["session", "id"], true),
        (alice_says, &["session"], false),
        (alice_says, &["none"], false),
        (nobody, &["session"], true),
        (nobody, &["critical", "session"], true),
        (nobody, &["none"], false),
        (other_says, &["none", "id"], false),
    ];
    for (from, privacy, anonymous) in cases {
        let mut sim = sim();
        let mut edge = EdgeNode::new(&sim);
        let mut alice = Peer::new(&sim, "alice", ALICE);
        let mut bob = Peer::new(&sim, "bob", BOB).answering();
        let mut other = Peer::new(&sim, "carrier-b", CARRIER_B);
        alice.register(&sim, "wonderland");
        bob.register(&sim, "builder");
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut other], SECOND);
        let lines = privacy.iter().map(|kinds| ("Privacy".to_owned(), (*kinds).to_owned())).collect();
        match from == other_says {
            true => other.call_as(&sim, from, "+13175550102", None, lines),
            false => alice.call_as(&sim, from, "4102", Some("wonderland"), lines),
        };
        sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut other], SECOND);
        let shown = header(bob.invite(), "From").unwrap();
        assert_eq!(shown.starts_with(nobody), anonymous, "{from} {privacy:?}: {shown}");
    }
}
