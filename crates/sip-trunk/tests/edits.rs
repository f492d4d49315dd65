//! Edits touch what they name and nothing else.

#![allow(clippy::unwrap_used)] // helpers of tests

use sip_trunk::msg::{EditError, Edits, HeaderName, Message};

const INVITE: &str = "INVITE sip:b@example.com SIP/2.0\r\n\
    v :\t SIP/2.0/UDP a;x=\"1,2\" ,\r\n SIP/2.0/UDP b, SIP/2.0/UDP c\r\n\
    X-Odd  :  spaces  kept \r\n\
    Via: SIP/2.0/UDP d\r\n\
    mAx-FoRwArDs:\r\n 0010\r\n\
    From: <sip:a@example.com>;tag=1\r\n\
    l: 4\r\n\r\nbody";

fn message(text: &str) -> Message {
    Message::from_datagram(text.to_owned().into_bytes()).unwrap()
}

fn check(edit: impl FnOnce(&mut Edits<'_>), from: &str, to: &str) {
    let message = message(INVITE);
    let mut edits = Edits::new(&message);
    edit(&mut edits);
    let done = edits.finish();
    let expected = INVITE.replacen(from, to, 1);
    assert_eq!(std::str::from_utf8(&done).unwrap(), expected);
    assert_eq!(Message::from_datagram(done).unwrap().as_bytes(), expected.as_bytes());
}

/// ES-13: nothing edited, nothing changed.
#[test]
fn no_edit_is_the_identity() {
    check(|_| {}, "", "");
}

#[test]
fn a_forwarded_request_differs_by_exactly_its_edits() {
    let message = message(INVITE);
    let mut edits = Edits::new(&message);
    edits.push_via("SIP/2.0/UDP me;branch=z9hG4bK9").unwrap();
    assert_eq!(edits.decrement_max_forwards(), Ok(9));
    edits.set_request_uri("sip:b@192.0.2.9").unwrap();
    edits.append("X-Added", "1").unwrap();
    let expected = INVITE
        .replacen("sip:b@example.com", "sip:b@192.0.2.9", 1)
        .replacen("v :", "Via: SIP/2.0/UDP me;branch=z9hG4bK9\r\nv :", 1)
        .replacen("mAx-FoRwArDs:\r\n 0010", "mAx-FoRwArDs: 9", 1)
        .replacen("l: 4\r\n", "l: 4\r\nX-Added: 1\r\n", 1);
    assert_eq!(std::str::from_utf8(&edits.finish()).unwrap(), expected);
}

#[test]
fn the_top_via_leaves_a_list_alone() {
    let popped = |edits: &mut Edits<'_>, expected: &str| {
        assert_eq!(edits.pop_via(), Some(expected.as_bytes()));
    };
    let first = "SIP/2.0/UDP a;x=\"1,2\"";
    check(|e| popped(e, first), "SIP/2.0/UDP a;x=\"1,2\" ,\r\n ", "");
    check(
        |e| {
            popped(e, first);
            popped(e, "SIP/2.0/UDP b");
        },
        "SIP/2.0/UDP a;x=\"1,2\" ,\r\n SIP/2.0/UDP b, ",
        "",
    );
    let line = "v :\t SIP/2.0/UDP a;x=\"1,2\" ,\r\n SIP/2.0/UDP b, SIP/2.0/UDP c\r\n";
    check(
        |e| {
            popped(e, first);
            popped(e, "SIP/2.0/UDP b");
            popped(e, "SIP/2.0/UDP c");
        },
        line,
        "",
    );
    let message = message(INVITE);
    let mut edits = Edits::new(&message);
    for _ in 0..4 {
        assert!(edits.pop_via().is_some());
    }
    assert_eq!(edits.pop_via(), None);
    assert!(Message::from_datagram(edits.finish()).unwrap().header(HeaderName::Via).is_none());
}

#[test]
fn popping_and_pushing_a_via_replaces_the_top_one() {
    check(
        |e| {
            e.pop_via();
            e.push_via("SIP/2.0/TCP new").unwrap();
        },
        "v :\t SIP/2.0/UDP a;x=\"1,2\" ,\r\n ",
        "Via: SIP/2.0/TCP new\r\nv :\t ",
    );
}

/// ES-12: removal is immune to spacing, folding, compact form and case (CVE-2020-28361).
#[test]
fn no_spelling_of_a_header_survives_its_removal() {
    for (name, spellings) in [
        (
            HeaderName::From,
            &["From: x", "from : x", "FROM\t:x", "f: x", "F  \t : x", "From:\r\n x", "f:\r\n\tx\r\n y"][..],
        ),
        (
            HeaderName::PAssertedIdentity,
            &["P-Asserted-Identity: x", "p-asserted-identity \t: x", "P-ASSERTED-IDENTITY:\r\n x"],
        ),
        (HeaderName::Subject, &["Subject:", "s:", "S : \"a, b\""]),
    ] {
        for spelling in spellings {
            let text = format!("OPTIONS sip:a SIP/2.0\r\nA: 1\r\n{spelling}\r\nB: 2\r\n\r\n");
            let message = message(&text);
            let mut edits = Edits::new(&message);
            assert_eq!(edits.remove(name), 1, "{spelling:?}");
            assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\nA: 1\r\nB: 2\r\n\r\n", "{spelling:?}");
        }
    }
    for spelling in ["X-Inin-Cnv: x", "x-inin-cnv :x", "X-ININ-CNV\t:\r\n x"] {
        let text = format!("OPTIONS sip:a SIP/2.0\r\n{spelling}\r\n\r\n");
        let message = message(&text);
        let mut edits = Edits::new(&message);
        assert_eq!(edits.remove("x-inin-cnv"), 1);
        assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\n\r\n");
    }
}

#[test]
fn replacing_keeps_the_place_and_drops_the_rest() {
    let text = "OPTIONS sip:a SIP/2.0\r\nm: <sip:1>\r\nA: 1\r\nContact: <sip:2>\r\n\r\n";
    let message = message(text);
    let mut edits = Edits::new(&message);
    edits.replace(HeaderName::Contact, "<sip:3>").unwrap();
    assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\nm: <sip:3>\r\nA: 1\r\n\r\n");
    let mut edits = Edits::new(&message);
    edits.replace("A", "2").unwrap().replace("Z", "3").unwrap();
    edits.remove("a");
    assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\nm: <sip:1>\r\nContact: <sip:2>\r\nZ: 3\r\n\r\n");
}

#[test]
fn prepended_headers_stand_newest_first_above_their_kind() {
    let text = "OPTIONS sip:a SIP/2.0\r\nA: 1\r\nRecord-Route: <sip:x;lr>\r\n\r\n";
    let message = message(text);
    let mut edits = Edits::new(&message);
    edits.prepend(HeaderName::RecordRoute, "<sip:y;lr>").unwrap();
    edits.prepend(HeaderName::RecordRoute, "<sip:z;lr>").unwrap();
    assert_eq!(
        edits.finish(),
        "OPTIONS sip:a SIP/2.0\r\nA: 1\r\nRecord-Route: <sip:z;lr>\r\nRecord-Route: <sip:y;lr>\r\nRecord-Route: <sip:x;lr>\r\n\r\n"
    );
}

#[test]
fn routes_are_popped_one_by_one() {
    let message =
        message("OPTIONS sip:a SIP/2.0\r\nRoute: <sip:a,b;lr>, <sip:c;lr>\r\nTo: x\r\nTo-Do: y\r\n\r\n");
    let mut edits = Edits::new(&message);
    assert_eq!(edits.pop(HeaderName::Route), Some(&b"<sip:a,b;lr>"[..]));
    assert_eq!(edits.pop(HeaderName::To), Some(&b"x"[..]));
    assert_eq!(edits.pop(HeaderName::To), None);
    assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\nRoute: <sip:c;lr>\r\nTo-Do: y\r\n\r\n");
}

#[test]
fn a_new_body_brings_its_length_and_type() {
    check(
        |e| {
            e.set_body(Some("text/plain"), &b"longer body"[..]).unwrap();
        },
        "l: 4\r\n\r\nbody",
        "l: 11\r\nContent-Type: text/plain\r\n\r\nlonger body",
    );
    let message = message("OPTIONS sip:a SIP/2.0\r\nc: x/y\r\nA: 1\r\n\r\nrest");
    let mut edits = Edits::new(&message);
    edits.set_body(None, &b""[..]).unwrap();
    assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\nA: 1\r\nContent-Length: 0\r\n\r\n");
    let mut edits = Edits::new(&message);
    edits.ensure_content_length();
    assert_eq!(edits.finish(), "OPTIONS sip:a SIP/2.0\r\nc: x/y\r\nA: 1\r\nContent-Length: 4\r\n\r\nrest");
}

/// RFC 3261 §16.6 step 3, RFC 4475 §3.1.2.4, §3.3.11.
#[test]
fn max_forwards_is_counted_down() {
    let left = |value: &str| {
        let message = message(&format!("OPTIONS sip:a SIP/2.0\r\n{value}\r\n\r\n"));
        let mut edits = Edits::new(&message);
        let left = edits.decrement_max_forwards();
        (left, String::from_utf8(edits.finish().to_vec()).unwrap())
    };
    assert_eq!(left("Max-Forwards: 1").0, Ok(0));
    assert_eq!(left("Max-Forwards: 0").0, Err(EditError::TooManyHops));
    assert_eq!(
        left("Max-Forwards: 300"),
        (Ok(70), "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 70\r\n\r\n".into())
    );
    assert_eq!(left("A: 1"), (Ok(70), "OPTIONS sip:a SIP/2.0\r\nA: 1\r\nMax-Forwards: 70\r\n\r\n".into()));
}

/// ES-11: an edit cannot inject a line, and dangerous characters do not pass.
#[test]
fn unsafe_text_neither_enters_nor_passes() {
    let plain = message(INVITE);
    let mut edits = Edits::new(&plain);
    assert_eq!(edits.append("X", "a\r\nVia: b").err(), Some(EditError::UnsafeText));
    assert_eq!(edits.replace("X-Odd", "a\nb").err(), Some(EditError::UnsafeText));
    assert_eq!(edits.prepend("X:", "a").err(), Some(EditError::BadName));
    assert_eq!(edits.set_request_uri("sip:a b").err(), Some(EditError::BadRequestUri));
    assert_eq!(edits.finish(), INVITE);

    let odd =
        "OPTIONS  sip:a  SIP/2.0 \r\nTo: \"a\\\x07b\\\0\" <sip:a>\r\nSubject: \u{202e}cod.exe \u{e9}\r\n\r\n";
    let message = message(odd);
    assert_eq!(message.as_bytes(), odd.as_bytes());
    assert_eq!(
        Edits::new(&message).finish(),
        "OPTIONS sip:a SIP/2.0\r\nTo: \"a\\?b\\?\" <sip:a>\r\nSubject: ?cod.exe \u{e9}\r\n\r\n"
    );
    let mut edits = Edits::new(&message);
    edits.remove(HeaderName::To);
    edits.set_request_uri("sip:b").unwrap();
    assert_eq!(edits.finish(), "OPTIONS sip:b SIP/2.0\r\nSubject: ?cod.exe \u{e9}\r\n\r\n");
}

#[test]
fn responses_are_forwarded_with_a_proper_status_line() {
    let response = message("SIP/2.0 180\r\nVia: a\r\nVia: b\r\n\r\n");
    let mut edits = Edits::new(&response);
    assert_eq!(edits.pop_via(), Some(&b"a"[..]));
    assert_eq!(edits.set_request_uri("sip:a").err(), Some(EditError::BadRequestUri));
    assert_eq!(edits.finish(), "SIP/2.0 180 \r\nVia: b\r\n\r\n");
}

/// RFC 4475 §3.1.1.8: octets behind the body and line ends before the message are not forwarded.
#[test]
fn noise_around_a_datagram_is_not_forwarded() {
    let message = message("\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 1\r\n\r\nbINVITE");
    assert_eq!(Edits::new(&message).finish(), "OPTIONS sip:a SIP/2.0\r\nl: 1\r\n\r\nb");
    assert_eq!(message.to_bytes(), message.as_bytes());
}
