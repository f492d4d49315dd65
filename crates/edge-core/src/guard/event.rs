//! Security events: stable codes, and one line for fail2ban or nftables each.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use jiff::Timestamp;
use sip_trunk::transport::Transport;

/// Something a security engineer wants to know. One line each, see [`SecurityEvent::line`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// What.
    pub code: Code,
    /// Who, by address.
    pub source: SocketAddr,
    /// By which transport.
    pub transport: Transport,
    /// The account or identity it was about; as the peer wrote it, escaped when it is printed.
    pub user: Option<String>,
    /// More, for people; as the peer wrote it, escaped when it is printed.
    pub detail: Option<String>,
    /// How many events of this code and source this one stands for.
    pub count: u32,
}

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loudness {
    /// In order.
    Notice,
    /// Worth counting: a few are nobody's fault.
    Warning,
    /// Worth blocking the source for.
    Alert,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $loud:ident;)*) => {
        /// What happened. The texts are stable; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }

            /// How loud it is.
            pub const fn loudness(self) -> Loudness {
                match self { $(Code::$name => Loudness::$loud),* }
            }
        }
    };
}

codes! {
    /// An account was proved.
    AuthProved = "AUTH_PROVED", Notice;
    /// The user name belongs to no account that may be used.
    AuthUnknownUser = "AUTH_UNKNOWN_USER", Warning;
    /// The response does not prove the password.
    AuthWrongPassword = "AUTH_WRONG_PASSWORD", Warning;
    /// Algorithm or protection were not offered.
    AuthNotOffered = "AUTH_NOT_OFFERED", Warning;
    /// The credentials cannot be read.
    AuthMalformed = "AUTH_MALFORMED", Warning;
    /// Too many wrong passwords: source and account, or one of them, are locked out.
    AuthLocked = "AUTH_LOCKED", Alert;
    /// A request of somebody who is locked out.
    AuthWhileLocked = "AUTH_WHILE_LOCKED", Alert;
    /// The address is on no list that lets it in, or on one that keeps it out.
    AclDenied = "ACL_DENIED", Alert;
    /// A request names a trunk, but comes from elsewhere, by another transport or with another certificate.
    UnexpectedAddress = "UNEXPECTED_ADDRESS", Alert;
    /// A request names a termination identifier that does not exist.
    UnknownTermination = "UNKNOWN_TERMINATION", Warning;
    /// The identity asserted is not the sender's.
    IdentityMismatch = "IDENTITY_MISMATCH", Warning;
    /// A request that strangers may not send.
    RequestNotAllowed = "REQUEST_NOT_ALLOWED", Warning;
    /// A method or extension that is not known.
    RequestUnsupported = "REQUEST_UNSUPPORTED", Warning;
    /// A message that is no SIP or breaks its limits.
    RequestMalformed = "REQUEST_MALFORMED", Warning;
    /// A transport that may not be used.
    TransportNotAllowed = "TRANSPORT_NOT_ALLOWED", Warning;
    /// A TLS handshake failed.
    TlsFailed = "TLS_FAILED", Warning;
    /// A known scanning tool introduced itself.
    Scanner = "SCANNER", Alert;
    /// A request or a binding that would go round in circles.
    Loop = "LOOP", Warning;
    /// One source sends more than it may.
    SourceRate = "SOURCE_RATE", Alert;
    /// One account sends more than it may.
    AccountRate = "ACCOUNT_RATE", Alert;
    /// All strangers together send more than is looked at.
    StrangerRate = "STRANGER_RATE", Warning;
    /// A table has reached its bound.
    TableFull = "TABLE_FULL", Alert;
    /// More calls at once than a budget allows.
    FraudCalls = "FRAUD_CALLS", Alert;
    /// More new calls in a time than a budget allows.
    FraudRate = "FRAUD_RATE", Alert;
    /// More minutes than a budget allows; running calls were cut.
    FraudMinutes = "FRAUD_MINUTES", Alert;
    /// A destination that is not allowed.
    FraudDestination = "FRAUD_DESTINATION", Alert;
    /// A destination that is not allowed at this hour.
    FraudHours = "FRAUD_HOURS", Alert;
    /// Media from a source that never signalled.
    MediaSpray = "MEDIA_SPRAY", Warning;
    /// Events were left out because there were too many.
    EventsSuppressed = "EVENTS_SUPPRESSED", Notice;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl SecurityEvent {
    /// The event as one line of visible ASCII, without line end:
    ///
    /// ```text
    /// edge-security: 2026-03-02T10:00:00Z code=AUTH_WRONG_PASSWORD level=warning source=203.0.113.9 port=5060 transport=UDP count=1 user="alice"
    /// ```
    ///
    /// What a peer wrote stands behind the address, quoted and escaped, so it can neither end the line nor pose as another field. What
    /// else a program logs may have peers' text in the middle of a line: a watcher looks at the beginning, as [`FAILREGEX`] does.
    pub fn line(&self, wall: Timestamp) -> String {
        let level = match self.code.loudness() {
            Loudness::Notice => "notice",
            Loudness::Warning => "warning",
            Loudness::Alert => "alert",
        };
        let (address, port) = (self.source.ip().to_canonical(), self.source.port());
        let (code, transport, count) = (self.code, self.transport.as_str(), self.count);
        let mut line = format!(
            "edge-security: {wall} code={code} level={level} source={address} port={port} transport={transport} count={count}"
        );
        for (name, value) in [("user", &self.user), ("detail", &self.detail)] {
            if let Some(value) = value {
                // Writing into a String cannot fail.
                let _ = write!(line, " {name}={}", Quoted(value));
            }
        }
        line
    }
}

/// The `failregex` for fail2ban: a security line as `tracing-subscriber` writes it, behind nothing but its time and its level. fail2ban takes
/// the time out before it matches, other watchers do not. Where a line has more in front of it, that belongs into the expression; `.*` does
/// not, because other lines have text of peers in them.
pub const FAILREGEX: &str = r"^(?:\S+Z)?\s+(?:INFO|WARN) edge-security: \S+ code=(?:AUTH_LOCKED|SCANNER|ACL_DENIED) level=\S+ source=<HOST> port=";

/// Longest value that is printed, in characters.
const LONGEST: usize = 64;

/// Text of a peer as it may stand in a log: between quotes, everything but plain visible ASCII written as `\u{…}`, cut after 64 characters.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars().take(LONGEST) {
            match c {
                ' ' | '!' | '#'..='[' | ']'..='~' => f.write_char(c)?,
                other => write!(f, "\\u{{{:x}}}", u32::from(other))?,
            }
        }
        f.write_str(if self.0.chars().nth(LONGEST).is_some() { "...\"" } else { "\"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(user: Option<&str>) -> SecurityEvent {
        SecurityEvent {
            code: Code::AuthWrongPassword,
            source: "203.0.113.9:5060".parse().unwrap(),
            transport: Transport::Udp,
            user: user.map(Into::into),
            detail: None,
            count: 1,
        }
    }

    fn wall() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    /// ES-45: codes are stable, at least the 15 of Asterisk's framework, and each event is one line a log watcher can read.
    #[test]
    fn codes_and_lines_are_stable() {
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let expected = "AUTH_PROVED AUTH_UNKNOWN_USER AUTH_WRONG_PASSWORD AUTH_NOT_OFFERED AUTH_MALFORMED AUTH_LOCKED \
             AUTH_WHILE_LOCKED ACL_DENIED UNEXPECTED_ADDRESS UNKNOWN_TERMINATION IDENTITY_MISMATCH REQUEST_NOT_ALLOWED \
             REQUEST_UNSUPPORTED REQUEST_MALFORMED TRANSPORT_NOT_ALLOWED TLS_FAILED SCANNER LOOP SOURCE_RATE ACCOUNT_RATE \
             STRANGER_RATE TABLE_FULL FRAUD_CALLS FRAUD_RATE FRAUD_MINUTES FRAUD_DESTINATION FRAUD_HOURS MEDIA_SPRAY \
             EVENTS_SUPPRESSED";
        assert_eq!(codes, expected.split_whitespace().collect::<Vec<_>>());
        assert_eq!(
            event(Some("alice")).line(wall()),
            "edge-security: 2026-03-02T10:00:00Z code=AUTH_WRONG_PASSWORD level=warning source=203.0.113.9 port=5060 \
             transport=UDP count=1 user=\"alice\""
        );
        let mapped = SecurityEvent { source: "[::ffff:203.0.113.9]:5060".parse().unwrap(), ..event(None) };
        assert!(mapped.line(wall()).contains(" source=203.0.113.9 "));
    }

    /// ES-46: what is given to fail2ban finds our lines and nothing a peer makes other lines say.
    #[test]
    fn no_other_line_poses_as_a_security_event() {
        let watcher = regex::Regex::new(&FAILREGEX.replace("<HOST>", r"(\S+)")).unwrap();
        let line = SecurityEvent { code: Code::Scanner, ..event(None) }.line(wall());
        let host = |line: &str| watcher.captures(line).map(|found| found[1].to_owned());
        assert_eq!(
            host(&format!("2026-03-02T10:00:00.000001Z  WARN {line}")).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(host(&format!("  WARN {line}")).as_deref(), Some("203.0.113.9"));
        for other in [
            format!("2026-03-02T10:00:00.000001Z  INFO call to {line}"),
            format!("2026-03-02T10:00:00.000001Z  INFO call to 2026-03-02T10:00:00Z  WARN {line}"),
            format!("2026-03-02T10:00:00.000001Z  INFO {}", Quoted(&line)),
            format!("    | 2026-03-02T10:00:00.000001Z  WARN {line}"),
            line,
        ] {
            assert_eq!(host(&other), None, "{other}");
        }
    }

    proptest! {
        /// ES-46: whatever a peer writes, the event stays one line of visible ASCII, and its fields stay where they are.
        #[test]
        fn nothing_a_peer_writes_leaves_its_quotes(user in any::<String>(), detail in "(\\PC|[\r\n\u{1b}\"\\\\ =]){0,80}") {
            let hostile = SecurityEvent { user: Some(user), detail: Some(detail), ..event(None) };
            let line = hostile.line(wall());
            prop_assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert_eq!(line.matches('"').count(), 4);
            let fields: Vec<_> = line.split('"').step_by(2).collect();
            prop_assert!(fields[0].contains(" source=203.0.113.9 port=5060 ") && fields[0].ends_with(" user="));
            prop_assert_eq!(&fields[1..], [" detail=", ""]);
        }
    }
}
