//! The project's own hostile and unusual messages, `data/torture.txt`: what each kind of element owes their senders.

#![allow(clippy::unwrap_used)] // helpers of tests

use bytes::Bytes;
use sip_trunk::msg::{Edits, Element, Message, Method, Role, Scan, Scanner, Severity, Silence, error_reply};

const CASES: &str = include_str!("data/torture.txt");
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const VFT: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKstd\r\nFrom: <sip:ann@b.example>;tag=1\r\nTo: <sip:a@b.example>\r\n";

struct Case {
    name: String,
    section: String,
    well_formed: bool,
    /// As any element, user agent and proxy.
    owed: [String; 3],
    bytes: Bytes,
}

fn cases() -> Vec<Case> {
    let (_, list) = CASES.split_once("\n=== ").unwrap();
    list.split("\n=== ")
        .map(|text| {
            let (title, message) = text.split_once('\n').unwrap();
            let cells: Vec<&str> = title.split('|').map(str::trim).collect();
            let [name, section, form, any, agent, proxy] = cells[..] else { panic!("six cells in {title}") };
            Case {
                name: name.into(),
                section: section.into(),
                well_formed: form == "ok",
                owed: [any.into(), agent.into(), proxy.into()],
                // Splitting took the line end in front of the next title.
                bytes: Bytes::from(message_bytes(&format!("{message}\n"))),
            }
        })
        .collect()
}

fn message_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.split_inclusive('\n') {
        let line = line.trim_end_matches('\n');
        let method = line.strip_prefix("@std ");
        if let Some(method) = method {
            let rest = format!("Call-ID: std@b.example\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n");
            bytes.extend([VFT.as_bytes(), rest.as_bytes()].concat());
        } else if line == "@vft" {
            bytes.extend(VFT.as_bytes());
        } else if line == "@sdp" {
            bytes.extend(SDP.as_bytes());
        } else {
            let joined = line.strip_suffix('\\');
            bytes.extend(unescape(joined.unwrap_or(line)));
            bytes.extend(if joined.is_some() { &b""[..] } else { b"\r\n" });
        }
    }
    fill_length(bytes)
}

/// `\xNN`, `\r`, `\n`, `\\` and `{n*text}`.
fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['\\', '{']) {
        bytes.extend(&rest.as_bytes()[..at]);
        let tail = &rest[at..];
        let repeat = tail.strip_prefix('{').and_then(|inner| {
            let (inner, after) = inner.split_once('}')?;
            let (count, text) = inner.split_once('*')?;
            Some((count.parse::<usize>().ok()?, text, after))
        });
        rest = match (repeat, &tail.as_bytes()[..2.min(tail.len())]) {
            (Some((count, text, after)), _) => {
                bytes.extend(unescape(text).repeat(count));
                after
            }
            (None, b"\\x") => {
                bytes.push(u8::from_str_radix(&tail[2..4], 16).unwrap());
                &tail[4..]
            }
            (None, b"\\r") => {
                bytes.push(b'\r');
                &tail[2..]
            }
            (None, b"\\n") => {
                bytes.push(b'\n');
                &tail[2..]
            }
            (None, b"\\\\") => {
                bytes.push(b'\\');
                &tail[2..]
            }
            (None, _) => {
                bytes.push(tail.as_bytes()[0]);
                &tail[1..]
            }
        };
    }
    bytes.extend(rest.as_bytes());
    bytes
}

fn fill_length(bytes: Vec<u8>) -> Vec<u8> {
    let find = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let (Some(at), Some(end)) = (find(b": *\r\n"), find(b"\r\n\r\n")) else { return bytes };
    let length = (bytes.len() - end - 4).to_string();
    [&bytes[..at + 2], length.as_bytes(), &bytes[at + 3..]].concat()
}

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
    let agent = role == Role::UserAgent;
    Element {
        role,
        methods: agent.then_some(METHODS),
        body_types: agent.then_some(types),
        ..Element::default()
    }
}

fn owed(scan: &Scan) -> String {
    let harmless = scan.diagnostics.worst().is_none_or(|worst| worst.severity < Severity::Unsupported);
    match error_reply(scan, "tag") {
        Ok(reply) => Message::from_datagram(reply).unwrap().status().unwrap().to_string(),
        Err(Silence::NothingWrong) => "-".into(),
        Err(Silence::Response) if harmless => "-".into(),
        Err(_) => "drop".into(),
    }
}

/// ES-09, ES-10: own messages for every section of RFC 4475 and RFC 5118, as any element, user agent and proxy.
#[test]
fn each_hostile_message_gets_what_it_deserves() {
    let mut wrong = Vec::new();
    for case in cases() {
        for (role, expected) in [Role::Any, Role::UserAgent, Role::Proxy].into_iter().zip(&case.owed) {
            let scan = Scanner::default().datagram(case.bytes.clone()).check(&element(role));
            let well_formed = scan.message.is_some() && scan.diagnostics.is_acceptable();
            let found = owed(&scan);
            if (well_formed, &found) != (case.well_formed, expected) {
                let codes: Vec<_> = scan.diagnostics.iter().map(|found| found.code).collect();
                wrong.push(format!(
                    "{} {role:?}: {well_formed} {found}, not {expected}: {codes:?}",
                    case.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// RFC 4475: no section is without an own message.
#[test]
fn every_section_is_covered() {
    let cases = cases();
    let covered = |section: &str| cases.iter().any(|case| case.section == section);
    for (chapter, count) in
        [("3.1.1", 13), ("3.1.2", 19), ("3.2", 1), ("3.3", 15), ("3.4", 1), ("5118-4", 10)]
    {
        for section in 1..=count {
            assert!(covered(&format!("{chapter}.{section}")), "{chapter}.{section}");
        }
    }
}

/// ES-13: what is accepted is kept byte for byte, and written back byte for byte unless it may not be forwarded.
#[test]
fn accepted_messages_are_kept_and_forwarded_unchanged() {
    for case in cases().iter().filter(|case| case.well_formed) {
        let message = Message::from_datagram(case.bytes.clone()).unwrap();
        assert!(case.bytes.starts_with(message.as_bytes()), "{}", case.name);
        let forwarded = Edits::new(&message).finish();
        let cleaned = [
            "unusual-tokens",
            "extra-blanks-in-the-start-line",
            "blanks-behind-the-start-line",
            "no-reason-and-no-space",
        ]
        .contains(&case.name.as_str());
        assert_eq!(forwarded != message.as_bytes(), cleaned, "{}", case.name);
        let again = Message::from_datagram(forwarded).unwrap();
        assert_eq!(again.headers().count(), message.headers().count(), "{}", case.name);
        assert_eq!(again.body(), message.body(), "{}", case.name);
    }
}

/// FG-04: every truncation of every case is survived.
#[test]
fn truncations_of_every_case_are_survived() {
    for case in cases() {
        for len in 0..case.bytes.len().min(1_500) {
            let scan = Scanner::default().datagram(case.bytes.slice(..len)).check(&Element::default());
            let _: Result<Bytes, Silence> = error_reply(&scan, "t");
        }
    }
}

/// What rsip can hold comes back with every header and the same body; what it cannot is refused.
#[cfg(feature = "rsip")]
#[test]
fn rsip_holds_a_message_wholly_or_refuses_it() {
    let flat = |message: &Message| -> Vec<(Vec<u8>, Vec<u8>)> {
        let single = |name: Option<sip_trunk::msg::HeaderName>| {
            name != Some(sip_trunk::msg::HeaderName::ContentLength)
        };
        let headers = message.headers().filter(|field| single(field.known));
        let mut values = Vec::new();
        for field in headers {
            let name = field.known.map_or(field.name.to_vec(), |name| name.as_str().as_bytes().to_vec());
            let line = field.unfolded().into_owned();
            let listed = matches!(&name[..], b"Via" | b"Contact" | b"Route" | b"Record-Route");
            let parts: Vec<&[u8]> =
                if listed { sip_trunk::header::split_list(&line).collect() } else { vec![&line] };
            values.extend(parts.into_iter().map(|part| (name.clone(), part.to_vec())));
        }
        values
    };
    let mut held = 0;
    for case in cases().iter().filter(|case| case.well_formed) {
        let message = Message::from_datagram(case.bytes.clone()).unwrap();
        let Ok(theirs) = rsip::SipMessage::try_from(&message) else { continue };
        let back = Message::try_from(&theirs).unwrap();
        assert_eq!(flat(&back), flat(&message), "{}", case.name);
        assert_eq!(back.body(), message.body(), "{}", case.name);
        held += 1;
    }
    assert!(held >= 25, "only {held} cases");
}
