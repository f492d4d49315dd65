//! The first line: Request-Line and Status-Line (RFC 3261 §7.1, §7.2).

use super::diagnostic::Code;
use super::method::Method;
use super::span::Span;
use super::token::is_token;

/// The start line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request: what is asked, and of whom.
    Request {
        /// The method, in its own spelling.
        method: Method<'a>,
        /// The Request-URI as received; [`UriRef::parse`](crate::uri::UriRef::parse) reads it.
        uri: &'a [u8],
    },
    /// A response: the answer's code and its text.
    Response {
        /// 100 to 699; 0 when it was unusable, which was reported.
        code: u16,
        /// For people; may be empty or not ASCII.
        reason: &'a [u8],
    },
}

/// The start line by offsets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    Request { method: Span, uri: Span },
    Response { code: u16, reason: Span },
}

/// Reads the start line `bytes[at..end]`; faults go to `fault`. `None` when it is not SIP at all.
pub(super) fn read(bytes: &[u8], at: usize, end: usize, fault: &mut impl FnMut(Code, Span)) -> Option<Start> {
    let line = &bytes[at..end];
    if line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/")) {
        Some(status_line(bytes, at, end, fault))
    } else {
        request_line(bytes, at, end, fault)
    }
}

fn request_line(bytes: &[u8], at: usize, end: usize, fault: &mut impl FnMut(Code, Span)) -> Option<Start> {
    let whole = Span::new(at, end);
    let line_end = at + bytes[at..end].trim_ascii_end().len();
    let line = &bytes[at..line_end];
    let first = memchr::memchr(b' ', line)?;
    let last = memchr::memrchr(b' ', line)?;
    let method = Span::new(at, at + first);
    if !is_token(&line[..first]) {
        if !line[last + 1..].eq_ignore_ascii_case(b"SIP/2.0") {
            return None;
        }
        fault(Code::BadMethod, method);
    }

    let version = &line[last + 1..];
    let uri_end = if version.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/")) {
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            let code = if is_version(version) { Code::UnsupportedVersion } else { Code::BadStartLine };
            fault(code, Span::new(at + last + 1, line_end));
        }
        last
    } else if version.contains(&b'/') && !version.contains(&b':') {
        return None; // Another protocol's version: not ours to answer.
    } else {
        fault(Code::BadStartLine, whole);
        line.len()
    };

    let between = line.get(first + 1..uri_end).unwrap_or_default();
    let uri = between.trim_ascii();
    let uri_at = at + first + 1 + (between.len() - between.trim_ascii_start().len());
    let uri_span = Span::new(uri_at, uri_at + uri.len());
    // RFC 4475 §3.1.2.9, §3.1.2.10: extra spaces may be tolerated, but are never forwarded.
    if uri.len() != between.len() || line_end != end {
        fault(Code::SpacesInStartLine, whole);
    }
    // RFC 3261 §7.1: no unescaped spaces and no angle brackets around the Request-URI.
    // Without an early exit this becomes vector instructions.
    let spoilt =
        uri.iter().fold(false, |spoilt, byte| spoilt | matches!(byte, b' ' | b'\t' | b'<' | b'>' | b'"'));
    if uri.is_empty() || spoilt {
        fault(Code::BadRequestUri, uri_span);
    }
    Some(Start::Request { method, uri: uri_span })
}

fn status_line(bytes: &[u8], at: usize, end: usize, fault: &mut impl FnMut(Code, Span)) -> Start {
    let line = &bytes[at..end];
    let version_len = memchr::memchr(b' ', line).unwrap_or(line.len());
    let version = &line[..version_len];
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let code = if is_version(version) { Code::UnsupportedVersion } else { Code::BadStartLine };
        fault(code, Span::new(at, at + version_len));
    }
    let mut code_at = (version_len + 1).min(line.len());
    let spaces = line[code_at..].iter().take_while(|&&byte| byte == b' ').count();
    if spaces > 0 {
        fault(Code::SpacesInStartLine, Span::new(at, end));
        code_at += spaces;
    }
    let rest = &line[code_at..];
    let digits = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    // RFC 3261 §7.2: exactly three digits; RFC 4475 §3.1.2.19: anything larger is dropped.
    let code = match rest[..digits] {
        [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => {
            fault(Code::BadStatusCode, Span::new(at + code_at, at + code_at + digits));
            0
        }
    };
    if digits == rest.len() {
        fault(Code::MissingReasonSpace, Span::new(end, end));
    }
    let reason = Span::new((at + code_at + digits + 1).min(end), end);
    Start::Response { code, reason }
}

/// Whether `version` reads `SIP/1*DIGIT.1*DIGIT`.
fn is_version(version: &[u8]) -> bool {
    let Some(dot) = memchr::memchr(b'.', version) else { return false };
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    version.get(4..dot).is_some_and(digits) && digits(&version[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, &str)>, codes: &[Code]) {
        let mut found = Vec::new();
        let start = read(line.as_bytes(), 0, line.len(), &mut |code, _| found.push(code));
        assert_eq!(found, codes, "{line:?}");
        let parts = start.map(|start| match start {
            Start::Request { method, uri } => (line[method.range()].to_owned(), line[uri.range()].to_owned()),
            Start::Response { code, reason } => (code.to_string(), line[reason.range()].to_owned()),
        });
        assert_eq!(parts.as_ref().map(|(a, b)| (a.as_str(), b.as_str())), expected, "{line:?}");
    }

    /// RFC 3261 §7.1; RFC 4475 §3.1.2.7-10, §3.1.2.16.
    #[test]
    fn request_lines() {
        check("INVITE sip:a@b SIP/2.0", Some(("INVITE", "sip:a@b")), &[]);
        check("INVITE sip:a@b sip/2.0", Some(("INVITE", "sip:a@b")), &[]);
        check("INVITE  sip:a@b  SIP/2.0", Some(("INVITE", "sip:a@b")), &[Code::SpacesInStartLine]);
        check("INVITE sip:a@b SIP/2.0  ", Some(("INVITE", "sip:a@b")), &[Code::SpacesInStartLine]);
        check("INVITE sip:a; lr SIP/2.0", Some(("INVITE", "sip:a; lr")), &[Code::BadRequestUri]);
        check("INVITE <sip:a> SIP/2.0", Some(("INVITE", "<sip:a>")), &[Code::BadRequestUri]);
        check("INVITE SIP/2.0", Some(("INVITE", "")), &[Code::BadRequestUri]);
        check("INVITE sip:a SIP/7.0", Some(("INVITE", "sip:a")), &[Code::UnsupportedVersion]);
        check("INVITE sip:a SIP/x", Some(("INVITE", "sip:a")), &[Code::BadStartLine]);
        check("INVITE sip:a@b", Some(("INVITE", "sip:a@b")), &[Code::BadStartLine]);
        check("IN<ITE sip:a@b SIP/2.0", Some(("IN<ITE", "sip:a@b")), &[Code::BadMethod]);
    }

    #[test]
    fn other_protocols_are_not_answered() {
        for line in ["GET / HTTP/1.1", "", " ", "\u{16}\u{3}\u{1} x", "hello", "OPTIONS rtsp://a RTSP/1.0"] {
            check(line, None, &[]);
        }
    }

    /// RFC 3261 §7.2; RFC 4475 §3.1.1.12-13, §3.1.2.19.
    #[test]
    fn status_lines() {
        check("SIP/2.0 200 OK", Some(("200", "OK")), &[]);
        check("SIP/2.0 100 ", Some(("100", "")), &[]);
        check("SIP/2.0 100", Some(("100", "")), &[Code::MissingReasonSpace]);
        check("SIP/2.0  200 a  b", Some(("200", "a  b")), &[Code::SpacesInStartLine]);
        check("SIP/3.0 200 OK", Some(("200", "OK")), &[Code::UnsupportedVersion]);
        for bad in ["99", "700", "000", "2000", "4294967301", "20x", "-20", ""] {
            check(
                &format!("SIP/2.0 {bad} x"),
                Some(("0", if bad.is_empty() { "" } else { "x" })),
                if bad.is_empty() {
                    &[Code::SpacesInStartLine, Code::BadStatusCode, Code::MissingReasonSpace]
                } else {
                    &[Code::BadStatusCode]
                },
            );
        }
    }
}
