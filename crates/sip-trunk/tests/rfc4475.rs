//! The torture messages of RFC 4475, byte for byte, where they are present: `../shared/data/rfc4475` beside the
//! workspace, or `$TELCO_VECTORS/rfc4475`. The project's own messages for the same cases are in `torture.rs`.

#![allow(clippy::unwrap_used)] // helpers of tests

use bytes::Bytes;
use sip_trunk::msg::{Edits, Element, Message, Method, Role, Scan, Scanner, Severity, Silence, error_reply};

/// What each kind of element owes the sender: `Ok` to process, a status to answer, silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Process,
    Answer(u16),
    Drop,
}
use Owed::{Answer, Drop, Process};

/// File, RFC 4475 section, whether it is well formed, and what any element, a user agent and a proxy owe.
const EXPECTED: &[(&str, &str, bool, Owed, Owed, Owed)] = &[
    ("wsinv", "3.1.1.1", true, Process, Process, Process),
    ("intmeth", "3.1.1.2", true, Process, Answer(501), Process),
    ("esc01", "3.1.1.3", true, Process, Process, Process),
    ("escnull", "3.1.1.4", true, Process, Process, Process),
    ("esc02", "3.1.1.5", true, Process, Answer(501), Process),
    ("lwsdisp", "3.1.1.6", true, Process, Process, Process),
    ("longreq", "3.1.1.7", true, Process, Process, Process),
    ("dblreq", "3.1.1.8", true, Process, Process, Process),
    ("semiuri", "3.1.1.9", true, Process, Process, Process),
    ("transports", "3.1.1.10", true, Process, Process, Process),
    ("mpart01", "3.1.1.11", true, Process, Process, Process),
    ("unreason", "3.1.1.12", true, Process, Process, Process),
    ("noreason", "3.1.1.13", true, Process, Process, Process),
    ("badinv01", "3.1.2.1", false, Answer(400), Answer(400), Answer(400)),
    ("clerr", "3.1.2.2", false, Answer(400), Answer(400), Answer(400)),
    ("ncl", "3.1.2.3", false, Answer(400), Answer(400), Answer(400)),
    ("scalar02", "3.1.2.4", false, Answer(400), Answer(400), Answer(400)),
    ("scalarlg", "3.1.2.5", false, Drop, Drop, Drop),
    ("quotbal", "3.1.2.6", false, Answer(400), Answer(400), Answer(400)),
    ("ltgtruri", "3.1.2.7", false, Answer(400), Answer(400), Answer(400)),
    ("lwsruri", "3.1.2.8", false, Answer(400), Answer(400), Answer(400)),
    ("lwsstart", "3.1.2.9", true, Process, Process, Process),
    ("trws", "3.1.2.10", true, Process, Process, Process),
    ("escruri", "3.1.2.11", false, Answer(400), Answer(400), Answer(400)),
    ("baddate", "3.1.2.12", true, Process, Process, Process),
    ("regbadct", "3.1.2.13", false, Answer(400), Answer(400), Answer(400)),
    ("badaspec", "3.1.2.14", false, Answer(400), Answer(400), Answer(400)),
    ("baddn", "3.1.2.15", false, Answer(400), Answer(400), Answer(400)),
    ("badvers", "3.1.2.16", false, Answer(505), Answer(505), Answer(505)),
    ("mismatch01", "3.1.2.17", false, Answer(400), Answer(400), Answer(400)),
    ("mismatch02", "3.1.2.18", false, Answer(501), Answer(501), Answer(501)),
    ("bigcode", "3.1.2.19", false, Drop, Drop, Drop),
    ("badbranch", "3.2.1", true, Process, Process, Process),
    ("insuf", "3.3.1", false, Answer(400), Answer(400), Answer(400)),
    ("unkscm", "3.3.2", true, Answer(416), Answer(416), Answer(416)),
    ("novelsc", "3.3.3", true, Answer(416), Answer(416), Answer(416)),
    ("unksm2", "3.3.4", true, Process, Process, Process),
    ("bext01", "3.3.5", true, Answer(420), Answer(420), Answer(420)),
    ("invut", "3.3.6", true, Process, Answer(415), Process),
    ("regaut01", "3.3.7", true, Process, Process, Process),
    ("multi01", "3.3.8", false, Answer(400), Answer(400), Answer(400)),
    ("mcl01", "3.3.9", false, Answer(400), Answer(400), Answer(400)),
    ("bcast", "3.3.10", true, Process, Drop, Drop),
    ("zeromf", "3.3.11", true, Process, Process, Answer(483)),
    ("cparam01", "3.3.12", true, Process, Process, Process),
    ("cparam02", "3.3.13", true, Process, Process, Process),
    ("regescrt", "3.3.14", true, Process, Process, Process),
    ("sdp01", "3.3.15", true, Process, Answer(406), Process),
    ("inv2543", "3.4.1", true, Process, Process, Process),
];

const METHODS: &[Method<'_>] = &[
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Invite,
    Method::Message,
    Method::Options,
    Method::Register,
];

fn element(role: Role) -> Element<'static> {
    let types: &[&str] = &["application/sdp", "multipart/mixed"];
    let methods = (role == Role::UserAgent).then_some(METHODS);
    Element { role, methods, body_types: (role == Role::UserAgent).then_some(types), ..Element::default() }
}

fn owed(scan: &Scan) -> Owed {
    let harmless = scan.diagnostics.worst().is_none_or(|worst| worst.severity < Severity::Unsupported);
    match error_reply(scan, "tag") {
        Ok(reply) => Answer(Message::from_datagram(reply).unwrap().status().unwrap()),
        Err(Silence::NothingWrong) => Process,
        Err(Silence::Response) if harmless => Process,
        Err(_) => Drop,
    }
}

fn torture_messages() -> Option<Vec<(String, Bytes)>> {
    let root = telco_testkit::shared_data("rfc4475")?;
    let mut messages = Vec::new();
    for folder in ["valid", "invalid"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            messages.push((name, Bytes::from(std::fs::read(&path).unwrap())));
        }
    }
    messages.sort();
    Some(messages)
}

/// ES-09: each of the 49 messages gives the outcome its RFC 4475 section asks for.
#[test]
fn every_torture_message_gives_the_outcome_of_its_section() {
    let Some(messages) = torture_messages() else { return };
    assert_eq!(messages.len(), 49);
    let mut wrong = Vec::new();
    for (name, bytes) in messages {
        let (_, section, well_formed, any, agent, proxy) = EXPECTED.iter().find(|row| row.0 == name).unwrap();
        let plain = Scanner::default().datagram(bytes.clone());
        for (role, expected) in [(Role::Any, any), (Role::UserAgent, agent), (Role::Proxy, proxy)] {
            let scan = plain.clone().check(&element(role));
            let found = (scan.diagnostics.is_acceptable(), owed(&scan));
            if found != (*well_formed, *expected) {
                wrong.push(format!(
                    "{name} ({section}) {role:?}: {found:?} instead of {expected:?}: {:?}",
                    scan.diagnostics
                ));
            }
        }
        let message = plain.message.expect("all of them have a start line");
        let end = bytes.len() - message.as_bytes().len();
        assert_eq!(&bytes[..bytes.len() - end], message.as_bytes(), "{name}: kept byte for byte");
        assert_eq!(end > 0, name == "dblreq", "{name}: only the double request has noise behind it");
        // Cleaning is confined to what may not be forwarded.
        let forwarded = Edits::new(&message).finish();
        let cleaned = ["intmeth", "lwsstart", "trws", "badvers", "bigcode"].contains(&name.as_str());
        assert_eq!(forwarded != message.as_bytes(), cleaned, "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As a registrar, an address of record that is no SIP URI is answered 400 (RFC 4475 §3.3.4).
#[test]
fn a_registrar_wants_a_sip_address_of_record() {
    let Some(messages) = torture_messages() else { return };
    let (_, bytes) = messages.into_iter().find(|(name, _)| name == "unksm2").unwrap();
    let scan = Scanner::default().datagram(bytes).check(&element(Role::Registrar));
    assert_eq!(owed(&scan), Answer(400));
}

/// What rsip can hold comes back the same; what it cannot is refused. Nothing is lost silently.
#[cfg(feature = "rsip")]
#[test]
fn rsip_holds_a_torture_message_wholly_or_refuses_it() {
    let Some(messages) = torture_messages() else { return };
    let mut held = 0;
    for (name, bytes) in messages {
        let Ok(message) = Scanner::default().datagram(bytes).check(&Element::default()).accepted() else {
            continue;
        };
        let Ok(theirs) = rsip::SipMessage::try_from(&message) else { continue };
        let back = Message::try_from(&theirs).unwrap();
        assert_eq!(back.body(), message.body(), "{name}");
        assert_eq!(back.values("Via").count(), message.values("Via").count(), "{name}");
        assert_eq!(back.values("Contact").count(), message.values("Contact").count(), "{name}");
        held += 1;
    }
    assert!(held >= 20, "only {held} messages");
}
