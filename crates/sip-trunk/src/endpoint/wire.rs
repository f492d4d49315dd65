//! Messages as they came and went, for people who look for a fault: TRACE of target `sip.wire`.
//!
//! What gives access is masked: digest responses, keys and passwords of media, credentials of other schemes. Numbers, names and
//! bodies are not: the target is for those who may read them.

use std::borrow::Cow;
use std::fmt;

use super::Source;
use crate::transport::Path;

const TARGET: &str = "sip.wire";

/// A message that arrived.
pub(super) fn received(source: &Source, bytes: &[u8]) {
    let Source { transport, remote, .. } = source;
    tracing::trace!(target: TARGET, "received from {remote} by {transport:?}\n{}", Masked(bytes));
}

/// A message that leaves.
pub(super) fn sent(path: Path, bytes: &[u8]) {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    match path {
        Path::Datagram { remote, .. } => {
            tracing::trace!(target: TARGET, "sent to {remote} by Udp\n{}", Masked(bytes));
        }
        Path::Stream(connection) => {
            tracing::trace!(target: TARGET, "sent on {connection:?}\n{}", Masked(bytes));
        }
    }
}

/// Where a secret begins, and which bytes end it. A quote that opens it is no part of it.
const SECRETS: [(&str, &[u8]); 5] = [
    // RFC 7616 §3.4, §3.5: enough to try passwords on.
    ("response=", b"\", \t\r\n"),
    ("rspauth=", b"\", \t\r\n"),
    // RFC 4568 §6.1: the key of the media.
    ("inline:", b"| \t\r\n"),
    // RFC 8839 §5.4.
    ("a=ice-pwd:", b"\r\n"),
    // RFC 7617 §2: the password itself.
    ("authorization: basic ", b"\r\n"),
];

/// A message with its secrets masked.
struct Masked<'a>(&'a [u8]);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((start, end)) = next_secret(rest) {
            write!(f, "{}***", text(&rest[..start]))?;
            rest = &rest[end..];
        }
        write!(f, "{}", text(rest).trim_end())
    }
}

/// Where the next secret begins and ends.
fn next_secret(bytes: &[u8]) -> Option<(usize, usize)> {
    let begins = |at: usize, marker: &str| {
        let found = bytes.get(at..at + marker.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(marker.as_bytes()))
    };
    let (at, (marker, stops)) =
        (0..bytes.len()).find_map(|at| Some((at, SECRETS.iter().find(|(marker, _)| begins(at, marker))?)))?;
    let mut start = at + marker.len();
    start += usize::from(bytes.get(start) == Some(&b'"'));
    let length = bytes[start..].iter().position(|byte| stops.contains(byte));
    Some((start, length.map_or(bytes.len(), |length| start + length)))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        assert_eq!(Masked(message.as_bytes()).to_string(), expected);
    }

    #[test]
    fn what_gives_access_is_masked_and_nothing_else() {
        check(
            "Authorization: Digest username=\"a\", nonce=\"n\", Response=\"0af3\", qop=auth\r\n\r\n",
            "Authorization: Digest username=\"a\", nonce=\"n\", Response=\"***\", qop=auth",
        );
        check(
            "Authentication-Info: rspauth=\"6629\", nc=1\r\n",
            "Authentication-Info: rspauth=\"***\", nc=1",
        );
        check("Proxy-Authorization: Basic YTpi\r\nTo: b\r\n", "Proxy-Authorization: Basic ***\r\nTo: b");
        check(
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3|2^20\r\na=ice-pwd:asd8\r\nm=audio\r\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^20\r\na=ice-pwd:***\r\nm=audio",
        );
        check("response=\"cut", "response=\"***");
        check(
            "SIP/2.0 200 OK\r\nWarning: 399 x \"response\"\r\n",
            "SIP/2.0 200 OK\r\nWarning: 399 x \"response\"",
        );
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(Masked(b"\xff\xfe response=\xff ").to_string(), "\u{fffd}\u{fffd} response=***");
    }
}
