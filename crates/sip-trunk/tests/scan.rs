//! What the scanner accepts, refuses and keeps.

#![allow(clippy::unwrap_used)] // helpers of tests

use bytes::Bytes;
use sip_trunk::msg::{Code, HeaderName, Limits, Message, Method, Scan, Scanner, StartLine, Strictness};

const HEAD: &str = "OPTIONS sip:b@example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n\
    From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n";

fn scan(text: impl AsRef<[u8]>) -> Scan {
    Scanner::default().datagram(Bytes::copy_from_slice(text.as_ref()))
}

fn codes(scan: &Scan) -> Vec<Code> {
    scan.diagnostics.iter().map(|found| found.code).collect()
}

fn with(headers: &str) -> String {
    format!("{HEAD}{headers}\r\n")
}

#[test]
fn a_plain_request_has_no_findings_and_keeps_every_byte() {
    let text = format!("{HEAD}X-Mine:\t kept  as is \r\nContent-Length: 3\r\n\r\na\0b");
    let scan = scan(&text);
    assert_eq!(codes(&scan), []);
    let message = scan.accepted().unwrap();
    assert_eq!(message.as_bytes(), text.as_bytes());
    assert_eq!(message.method(), Some(Method::Options));
    assert_eq!(
        message.start_line(),
        StartLine::Request { method: Method::Options, uri: b"sip:b@example.com" }
    );
    assert_eq!(message.header("x-mine"), Some(&b"kept  as is"[..]));
    assert_eq!(message.header("v"), message.header(HeaderName::Via));
    assert_eq!(message.body(), b"a\0b");
    assert_eq!(message.headers().count(), 8);
}

#[test]
fn folded_spaced_and_compact_headers_are_the_same_header() {
    let text = "SIP/2.0 200 OK\r\nTO :\r\n sip:b@c ;   tag    = 1\r\ns :\r\nv:  SIP  / 2.0\r\n  / TCP  a ,\r\n\tb\r\nVIA\t : c\r\n\r\n";
    let message = Message::from_datagram(text.as_bytes()).unwrap();
    assert_eq!(message.header(HeaderName::To), Some(&b"sip:b@c ;   tag    = 1"[..]));
    assert_eq!(message.header(HeaderName::Subject), Some(&b""[..]));
    let vias: Vec<_> = message.values(HeaderName::Via).collect();
    assert_eq!(vias, [&b"SIP  / 2.0\r\n  / TCP  a"[..], b"b", b"c"]);
    let via = message.headers().find(|field| field.known == Some(HeaderName::Via)).unwrap();
    assert_eq!(&*via.unfolded(), b"SIP  / 2.0 / TCP  a , b");
}

/// RFC 3261 §7.5: line ends before the start line are skipped; nothing else is a keep-alive.
#[test]
fn leading_line_ends_are_skipped() {
    let text = format!("\r\n\r\n{}", with(""));
    let found = scan(&text);
    assert_eq!(codes(&found), [Code::LeadingLineEnds]);
    assert_eq!(found.message.unwrap().as_bytes(), with("").as_bytes());
    for keep_alive in ["\r\n\r\n", "\r\n", ""] {
        let found = scan(keep_alive);
        assert_eq!(codes(&found), [Code::Empty]);
        assert!(found.message.is_none());
    }
}

/// ES-05, RFC 3261 §18.3: Content-Length on a datagram.
#[test]
fn content_length_on_a_datagram() {
    let body = |headers: &str, body: &str| scan(format!("{}{body}", with(headers)));
    let accepted = |headers: &str, text: &str| body(headers, text).accepted().unwrap().body().to_vec();
    assert_eq!(accepted("", "all of it"), b"all of it");
    assert_eq!(accepted("Content-Length: 4\r\n", "body"), b"body");
    assert_eq!(accepted("l:0002\r\n", "bodyINVITE"), b"bo");
    assert_eq!(codes(&body("Content-Length: 2\r\n", "body")), [Code::TrailingOctets]);
    assert_eq!(codes(&body("l: 4\r\nContent-Length: 4\r\n", "body")), [Code::ContentLengthRepeated]);
    for (headers, code) in [
        ("Content-Length: 5\r\n", Code::ContentLengthBeyondEnd),
        ("Content-Length: 4\r\nl: 3\r\n", Code::ContentLengthConflict),
        ("Content-Length: -1\r\n", Code::BadContentLength),
        ("Content-Length: +4\r\n", Code::BadContentLength),
        ("Content-Length: 4,4\r\n", Code::BadContentLength),
        ("Content-Length: 4 4\r\n", Code::BadContentLength),
        ("Content-Length: 0x4\r\n", Code::BadContentLength),
        ("Content-Length:\r\n", Code::BadContentLength),
        ("Content-Length: five\r\n", Code::BadContentLength),
        ("Content-Length: 1\r\n 2\r\n", Code::BadContentLength),
        ("Content-Length: 2147483648\r\n", Code::ContentLengthBeyondEnd),
        ("Content-Length: 2147483649\r\n", Code::BadContentLength),
        ("Content-Length: 18446744073709551616\r\n", Code::BadContentLength),
        ("Content-Length: 18446744073709551620\r\n", Code::BadContentLength),
        ("Content-Length: 000000000000000000000000000000004\r\n", Code::BadContentLength),
    ] {
        let found = body(headers, "body");
        assert_eq!(codes(&found), [code], "{headers}");
        assert!(found.accepted().is_err());
    }
}

/// ES-05, RFC 3261 §20.14: Content-Length is mandatory on a stream.
#[test]
fn content_length_on_a_stream() {
    let found = Scanner::default().stream(Bytes::from(with("")));
    assert_eq!(codes(&found), [Code::MissingContentLength]);
    assert!(found.accepted().is_err());
    assert!(Scanner::default().stream(Bytes::from(with("l: 0\r\n"))).accepted().is_ok());
}

/// ES-11: the smuggling matrix. Each of these could end a header early in some receiver, so none passes.
#[test]
fn line_end_tricks_and_control_characters_are_refused() {
    for (headers, code) in [
        ("Z: a\rb\r\n", Code::BareCr),
        ("Z: a\r\r\n", Code::BareCr),
        ("Z: a\nVia: smuggled\r\n", Code::BareLf),
        ("Z: a\n\r\n", Code::BareLf),
        ("Z: a\0b\r\n", Code::Nul),
        ("Z\0: a\r\n", Code::BadHeaderLine),
        ("Z: a\x1b[31m\r\n", Code::ControlCharacter),
        ("Z: a\x0b\r\n", Code::ControlCharacter),
        ("Z: \"a\\\r\n\r\n", Code::HeaderSectionUnfinished),
        ("no colon here\r\n", Code::BadHeaderLine),
        (": no name\r\n", Code::BadHeaderLine),
        ("Bad Name: x\r\n", Code::BadHeaderLine),
        ("Content-Length\r\n : 5\r\n", Code::BadHeaderLine),
    ] {
        let found = if code == Code::HeaderSectionUnfinished {
            scan(format!("{HEAD}Z: a"))
        } else {
            scan(with(headers))
        };
        assert!(codes(&found).contains(&code), "{headers:?}: {:?}", codes(&found));
        assert!(found.message.is_some(), "the reply needs what could be read");
        assert!(!found.diagnostics.is_acceptable(), "{headers:?}");
    }
    let found = scan(HEAD.replacen("\r\n", "\r\n fold before any header\r\n", 1) + "\r\n");
    assert_eq!(codes(&found), [Code::BadHeaderLine]);
}

#[test]
fn findings_say_where() {
    let text = with("Z: a\0b\r\n");
    let found = scan(&text);
    let nul = found.diagnostics.worst().unwrap();
    assert_eq!(nul.span.range(), text.find('\0').unwrap()..text.find('\0').unwrap() + 1);
    let repeated = scan(with("t: <sip:other>\r\n"));
    let repeated = repeated.diagnostics.worst().unwrap();
    assert_eq!((repeated.code, repeated.span.len()), (Code::RepeatedHeader(HeaderName::To), 14));
}

/// ES-11: legal but dangerous text is accepted with a warning.
#[test]
fn escaped_controls_latin1_and_bidi_are_warned_about() {
    assert_eq!(codes(&scan(with("Z: \"a\\\x07\"\r\n"))), [Code::EscapedControl]);
    assert_eq!(codes(&scan(with("Subject: \u{202e}gnp.exe\r\n"))), [Code::BidiControl]);
    let mut latin = with("").into_bytes();
    let at = latin.windows(4).position(|bytes| bytes == b"<sip").unwrap();
    latin.splice(at..at, *b"M\xfcller ");
    let found = scan(&latin);
    assert_eq!(codes(&found), [Code::NotUtf8]);
    assert!(found.diagnostics.is_acceptable());
    let strict = Scanner { strictness: Strictness::Strict, ..Scanner::default() };
    assert!(strict.datagram(Bytes::from(latin)).accepted().is_err());
    assert_eq!(codes(&scan(with("Subject: plain \u{e4}\u{4e2d}\u{6587}\r\n"))), []);
}

/// ES-04: each limit holds at its value and refuses one more.
#[test]
fn limits_hold_at_plus_and_minus_one() {
    let lines = |count: usize, line: &str| line.repeat(count);
    let refused = |text: String, code: Code| {
        let found = scan(&text);
        assert!(codes(&found).contains(&code), "{code:?}: {:?}", codes(&found));
        assert!(found.message.is_some());
        assert!(found.accepted().is_err());
    };
    let accepted = |text: String| {
        let found = scan(&text);
        assert_eq!(codes(&found), []);
        assert_eq!(found.message.unwrap().as_bytes(), text.as_bytes());
    };

    let message = |size: usize| {
        let head = with("");
        let body = "b".repeat(size - head.len());
        head + &body
    };
    accepted(message(65_536));
    refused(message(65_537), Code::MessageTooLarge);

    let section = |size: usize| {
        let mut text = String::from(HEAD);
        while size - text.len() > 5_000 {
            text += &format!("Z: {}\r\n", "x".repeat(4_000));
        }
        let rest = size - text.len() - "Z: \r\n\r\n".len();
        text + &format!("Z: {}\r\n\r\n", "x".repeat(rest))
    };
    assert_eq!(section(32_768).len(), 32_768);
    accepted(section(32_768));
    refused(section(32_769), Code::HeaderSectionTooLarge);

    accepted(with(&lines(200 - 6, "Z: y\r\n")));
    refused(with(&lines(201 - 6, "Z: y\r\n")), Code::TooManyHeaders);
    refused(with(&lines(2_000, "Z: y\r\n")), Code::TooManyHeaders);

    accepted(with(&format!("Z: {}\r\n", "x".repeat(8_192 - 3))));
    refused(with(&format!("Z: {}\r\n", "x".repeat(8_193 - 3))), Code::HeaderTooLarge);
    let folded = |size: usize| format!("Z:\r\n {}\r\n", "x".repeat(size - 5));
    accepted(with(&folded(8_192)));
    refused(with(&folded(8_193)), Code::HeaderTooLarge);

    accepted(with(&lines(69, "v: a\r\n")));
    refused(with(&lines(70, "v: a\r\n")), Code::TooManyVias);
    accepted(with(&format!("v: a{}\r\n", lines(68, ",a"))));
    refused(with(&format!("v: a{}\r\n", lines(69, ",a"))), Code::TooManyVias);

    accepted(with(&lines(30, "Route: <sip:a;lr>\r\n")));
    refused(with(&lines(31, "Route: <sip:a;lr>\r\n")), Code::TooManyRoutes(HeaderName::Route));
    accepted(with(&format!("Record-Route: <sip:a;lr>{}\r\n", lines(29, ",<sip:a,b>"))));
    refused(
        with(&format!("Record-Route: <sip:a;lr>{}\r\n", lines(30, ",<sip:a,b>"))),
        Code::TooManyRoutes(HeaderName::RecordRoute),
    );

    accepted(with(&format!("Contact: <sip:a{}>\r\n", lines(100, ";p"))));
    refused(with(&format!("Contact: <sip:a{}>\r\n", lines(101, ";p"))), Code::TooManyUriParams);
    accepted(with(&format!("X-Free: {}\r\n", lines(101, ";"))));
    accepted(with("").replacen("example.com", &format!("example.com{}", lines(100, ";p")), 1));
    refused(
        with("").replacen("example.com", &format!("example.com{}", lines(101, ";p")), 1),
        Code::TooManyUriParams,
    );

    let uri = |size: usize| {
        let fixed = "OPTIONS sip: SIP/2.0".len();
        with("").replacen("sip:b@example.com", &format!("sip:{}", "u".repeat(size - fixed)), 1)
    };
    accepted(uri(8_192));
    refused(uri(8_193), Code::RequestUriTooLong);
}

#[test]
fn limits_can_be_tightened() {
    let scanner = Scanner { limits: Limits { headers: 5, ..Limits::default() }, ..Scanner::default() };
    let found = scanner.datagram(Bytes::from(with("")));
    assert_eq!(found.diagnostics.worst().unwrap().code, Code::TooManyHeaders);
    assert_eq!(found.message.unwrap().headers().count(), 5);
}

/// RFC 4475 §3.3.8: a header that says who or what may not be said twice.
#[test]
fn headers_that_stand_alone_are_not_repeated() {
    for (line, name) in [
        ("f: <sip:x>\r\n", HeaderName::From),
        ("TO: <sip:x>\r\n", HeaderName::To),
        ("i: x\r\n", HeaderName::CallId),
        ("cseq : 2 OPTIONS\r\n", HeaderName::CSeq),
        ("Max-Forwards: 3\r\n", HeaderName::MaxForwards),
    ] {
        assert_eq!(codes(&scan(with(line))), [Code::RepeatedHeader(name)]);
    }
    assert_eq!(codes(&scan(with("Contact: <sip:a>\r\nm: <sip:b>\r\n"))), []);
}

#[test]
fn what_is_logged_is_escaped() {
    let text = with("").replacen("Call-ID: c", "Call-ID: c\x1b[2J", 1);
    let found = scan(&text);
    let shown = format!("{:?}", found.message.unwrap());
    assert_eq!(shown, "Message(OPTIONS sip:b@example.com SIP/2.0 [c\\x1b[2J])");
}

/// FG-04: every truncation of a message is survived and none of the head's is accepted.
#[test]
fn truncations_never_panic() {
    let text = with("Content-Length: 4\r\n") + "body";
    for len in 0..text.len() {
        let found = scan(&text[..len]);
        assert!(found.accepted().is_err(), "{len}");
    }
}
