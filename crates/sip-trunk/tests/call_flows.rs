//! Every message of the call-flow RFCs, read from the RFC texts where they are present: `../shared/data/rfc` beside the
//! workspace, or `$TELCO_VECTORS/rfc`. The project's own call-flow messages are in `data/torture.txt`.

#![allow(clippy::unwrap_used)] // helpers of tests

use bytes::Bytes;
use sip_trunk::header::{CSeq, CallId, Contact, From, MaxForwards, RecordRoute, Route, To, Via};
use sip_trunk::msg::{Code, Element, HeaderName, Message, Scanner};

/// RFC, and how many messages it shows: basic calls, calls with the telephone network, services.
const FLOWS: [(u16, usize); 3] = [(3665, 178), (3666, 167), (5359, 324)];

/// Messages that are printed with a mistake: RFC, number in order, what is found.
const MISPRINTS: &[(u16, usize, Code)] = &[
    (3665, 11, Code::MissingMaxForwards),
    // Record-Route ends with a comma, and a blank line cuts the headers short.
    (3665, 159, Code::BadHeader(HeaderName::RecordRoute)),
    // `To: Bob <sip:…@ss1.a.example.com>;user=phone>`
    (3666, 32, Code::BadHeader(HeaderName::To)),
    // `Route: <ss1.a.example.com;lr>`, no scheme
    (3666, 38, Code::BadHeader(HeaderName::Route)),
    (3666, 40, Code::BadHeader(HeaderName::Route)),
    (3666, 117, Code::MissingHeader(HeaderName::From)),
    (3666, 155, Code::MissingMaxForwards),
    (5359, 68, Code::MissingMaxForwards),
    (5359, 70, Code::MissingMaxForwards),
    (5359, 82, Code::MissingMaxForwards),
    (5359, 84, Code::MissingMaxForwards),
    // `Referred-By: <alice@atlanta.example.com>`, no scheme
    (5359, 91, Code::IgnoredHeader(HeaderName::ReferredBy)),
    (5359, 97, Code::IgnoredHeader(HeaderName::ReferredBy)),
    // Only the status line is shown.
    (5359, 195, Code::MissingHeader(HeaderName::Via)),
    (5359, 198, Code::MissingHeader(HeaderName::Via)),
];

/// ES-10: the messages that show how SIP is used are read without a finding, every header by its view.
#[test]
fn every_message_of_the_call_flows_is_read_without_a_finding() {
    let mut wrong = Vec::new();
    for (rfc, expected) in FLOWS {
        let Some(path) = telco_testkit::shared_data(&format!("rfc/rfc{rfc}.txt")) else { return };
        let messages = messages_of(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        assert_eq!(messages.len(), expected, "RFC {rfc}");
        for (index, bytes) in messages.into_iter().enumerate() {
            let element = Element { extensions: &["replaces"], ..Element::default() };
            let scan = Scanner::default().datagram(bytes.clone()).check(&element);
            let misprint = MISPRINTS.iter().find(|(at, number, _)| (*at, *number) == (rfc, index + 1));
            match misprint {
                Some((_, _, code)) if scan.diagnostics.contains(*code) => {}
                None if scan.diagnostics.is_empty() => read_typed(&scan.accepted().unwrap(), &bytes),
                None | Some(_) => wrong.push(format!("RFC {rfc}, {}: {:?}", index + 1, scan.diagnostics)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Views of what every message carries, and what routing needs.
fn read_typed(message: &Message, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(message.as_bytes(), bytes);
    let via = message.typed::<Via<'_>>().unwrap().unwrap();
    assert!(via.unique_branch().is_some(), "{text}");
    assert!(message.typed::<From<'_>>().unwrap().unwrap().tag().is_some(), "{text}");
    message.typed::<To<'_>>().unwrap().unwrap();
    message.typed::<CallId<'_>>().unwrap().unwrap();
    let cseq = message.typed::<CSeq<'_>>().unwrap().unwrap();
    match message.method() {
        Some(method) => {
            assert_eq!(method, cseq.method, "{text}");
            assert!(message.typed::<MaxForwards>().is_some_and(|hops| hops.is_ok()), "{text}");
        }
        None => assert!((100..700).contains(&message.status().unwrap()), "{text}"),
    }
    assert!(message.all::<Via<'_>>().all(|via| via.is_ok()), "{text}");
    assert!(message.all::<Contact<'_>>().all(|contact| contact.is_ok()), "{text}");
    assert!(message.all::<Route<'_>>().all(|route| route.is_ok()), "{text}");
    assert!(message.all::<RecordRoute<'_>>().all(|route| route.is_ok()), "{text}");
}

/// The messages an RFC prints, in order; a Content-Length that is given becomes that of the body as it is printed.
fn messages_of(text: &str) -> Vec<Bytes> {
    let lines = without_page_breaks(text);
    let (mut messages, mut at) = (Vec::new(), 0);
    while let Some(line) = lines.get(at) {
        at += 1;
        if !is_start_line(line.trim()) {
            continue;
        }
        let indent = indent(line);
        let mut head = vec![line.trim().to_owned()];
        while let Some(line) = lines.get(at).filter(|line| !line.trim().is_empty()) {
            match indent_of_field(line, indent) {
                Some(folded) => head.push(format!("{}{}", if folded { " " } else { "" }, line.trim())),
                None => break,
            }
            at += 1;
        }
        let body = body(&head, &lines, &mut at);
        let length = format!("Content-Length: {}", body.len());
        let head: String = head
            .iter()
            .map(|line| if line.starts_with("Content-Length") { &length } else { line })
            .map(|line| format!("{line}\r\n"))
            .collect();
        messages.push(Bytes::from(format!("{head}\r\n{body}")));
    }
    messages
}

/// The lines of an RFC; a page break is as if it were not there, nor the blank lines around it.
fn without_page_breaks(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = Vec::new();
    let mut rest = text.lines().map(|line| line.trim_end().trim_start_matches('\u{c}')).peekable();
    while let Some(line) = rest.next() {
        if !(line.ends_with(']') && line.contains("[Page ")) {
            lines.push(line);
            continue;
        }
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        // Blank lines, the running title, blank lines.
        while rest.next_if(|line| line.is_empty()).is_some() {}
        rest.next();
        while rest.next_if(|line| line.is_empty()).is_some() {}
    }
    lines
}

fn is_start_line(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["SIP/2.0", code, ..] => words.len() > 2 && code.len() == 3 && code.parse::<u16>().is_ok(),
        [method, uri, "SIP/2.0"] => {
            method.bytes().all(|byte| byte.is_ascii_uppercase()) && !method.is_empty() && uri.contains(':')
        }
        _ => false,
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line belongs to a header section that is indented so far, and if so, whether it continues a header.
fn indent_of_field(line: &str, base: usize) -> Option<bool> {
    let name = line.trim().split(':').next().unwrap_or_default().trim_end();
    let is_name = line.contains(':') && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    match indent(line).cmp(&base) {
        std::cmp::Ordering::Greater => Some(true),
        std::cmp::Ordering::Equal if is_name => Some(false),
        std::cmp::Ordering::Equal | std::cmp::Ordering::Less => None,
    }
}

/// The body its Content-Type announces: SDP lines, all parts of a multipart, or what stands before the next blank line.
fn body(head: &[String], lines: &[&str], at: &mut usize) -> String {
    let Some(kind) = head.iter().find(|line| line.starts_with("Content-Type")) else { return String::new() };
    *at += lines[*at..].iter().take_while(|line| line.is_empty()).count();
    let rest = &lines[*at..];
    let is_sdp = |line: &&str| line.trim().as_bytes().get(1) == Some(&b'=');
    let count = if let Some((_, boundary)) = kind.split_once("boundary=") {
        let last = format!("--{}--", boundary.trim_matches('"'));
        rest.iter().position(|line| line.trim() == last).map_or(0, |end| end + 1)
    } else if kind.contains("sdp") {
        rest.iter().take_while(|line| is_sdp(line)).count()
    } else {
        rest.iter().take_while(|line| !line.is_empty()).count()
    };
    *at += count;
    rest[..count].iter().map(|line| format!("{}\r\n", line.trim())).collect()
}
