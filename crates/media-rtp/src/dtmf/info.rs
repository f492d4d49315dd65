//! Digits in SIP INFO bodies: `application/dtmf-relay` and `application/dtmf`.
//!
//! Neither has an RFC; what is read and written here is what the common gateways and phones do.

use super::Digit;
use std::time::Duration;

/// Which of the two body formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InfoKind {
    /// `application/dtmf-relay`: lines of `Signal=5` and `Duration=160`.
    #[default]
    Relay,
    /// `application/dtmf`: the digit alone.
    Plain,
}

impl InfoKind {
    /// The value of the `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            InfoKind::Relay => "application/dtmf-relay",
            InfoKind::Plain => "application/dtmf",
        }
    }

    /// From a `Content-Type` value, whatever its case and parameters.
    pub fn from_content_type(value: &str) -> Option<InfoKind> {
        let essence = value.split(';').next().unwrap_or_default().trim();
        [InfoKind::Relay, InfoKind::Plain]
            .into_iter()
            .find(|kind| kind.content_type().eq_ignore_ascii_case(essence))
    }
}

/// A digit as an INFO body tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoSignal {
    /// Which digit.
    pub digit: Digit,
    /// How long it was pressed, if told; at most five seconds.
    pub duration: Option<Duration>,
}

impl InfoSignal {
    /// Five seconds: a longer duration is more likely a unit mistaken (some send RTP ticks).
    pub const LONGEST: Duration = Duration::from_secs(5);

    /// The duration to play where none is told: 250 ms, the custom of this body.
    pub const USUAL: Duration = Duration::from_millis(250);

    /// The body for the digit; the plain kind leaves the duration out.
    pub fn to_body(self, kind: InfoKind) -> String {
        match kind {
            InfoKind::Relay => {
                let duration = self.duration.unwrap_or(InfoSignal::USUAL).min(InfoSignal::LONGEST);
                let signal = if self.digit == Digit::FLASH { "16".into() } else { self.digit.to_string() };
                format!("Signal={signal}\r\nDuration={}\r\n", duration.as_millis())
            }
            InfoKind::Plain => self.digit.to_string(),
        }
    }
}

/// Reads a body.
///
/// Lenient where senders differ: spaces around `=`, either line end, any case and order, `10` to `16` or letters for the
/// special keys, `hf` and `flash`. A duration that is no number, or too long, is left out rather than the digit lost.
///
/// # Errors
/// [`InfoError`] when there is no digit in it.
pub fn parse_info(kind: InfoKind, body: &[u8]) -> Result<InfoSignal, InfoError> {
    if body.len() > InfoError::LONGEST_BODY {
        return Err(InfoError::TooLong);
    }
    let text = std::str::from_utf8(body).map_err(|_| InfoError::NoSignal)?;
    match kind {
        // Some senders put the relay lines under the plain type.
        InfoKind::Plain if !text.contains('=') => {
            Ok(InfoSignal { digit: signal(text.trim()).ok_or(InfoError::NotADigit)?, duration: None })
        }
        InfoKind::Plain | InfoKind::Relay => relay(text),
    }
}

fn relay(text: &str) -> Result<InfoSignal, InfoError> {
    let (mut digit, mut duration) = (None, None);
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("signal") && digit.is_none() {
            digit = Some(signal(value).ok_or(InfoError::NotADigit)?);
        } else if name.eq_ignore_ascii_case("duration") {
            duration = value.parse().ok().map(Duration::from_millis).filter(|d| *d <= InfoSignal::LONGEST);
        }
    }
    Ok(InfoSignal { digit: digit.ok_or(InfoError::NoSignal)?, duration })
}

fn signal(value: &str) -> Option<Digit> {
    if value.eq_ignore_ascii_case("hf") || value.eq_ignore_ascii_case("flash") {
        return Some(Digit::FLASH);
    }
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Digit::from_char(c),
        _ if value.len() == 2 => value.parse().ok().and_then(Digit::from_code),
        _ => None,
    }
}

/// Why an INFO body gives no digit. Answer 400 to the first two, 413 to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// No signal line, or not text.
    #[error("the body has no signal; answer 400")]
    NoSignal,
    /// The signal is no DTMF digit.
    #[error("the signal is not a DTMF digit; answer 400")]
    NotADigit,
    /// The body is longer than any digit needs.
    #[error("the body is longer than {} bytes; answer 413", InfoError::LONGEST_BODY)]
    TooLong,
}

impl InfoError {
    /// The longest body that is read, in bytes.
    pub const LONGEST_BODY: usize = 1024;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(kind: InfoKind, body: &str, expected: Result<(char, Option<u64>), InfoError>) {
        let expected = expected.map(|(c, milliseconds)| InfoSignal {
            digit: Digit::from_char(c).unwrap(),
            duration: milliseconds.map(Duration::from_millis),
        });
        assert_eq!(parse_info(kind, body.as_bytes()), expected, "{body:?}");
    }

    /// MR-003: the bodies that gateways and phones send.
    #[test]
    fn relay_bodies_are_read_as_they_are_sent() {
        use InfoKind::Relay;
        check(Relay, "Signal=5\r\nDuration=160\r\n", Ok(('5', Some(160))));
        check(Relay, "Signal= *\nDuration= 250", Ok(('*', Some(250))));
        check(Relay, "duration=100\r\nsignal=d", Ok(('D', Some(100))));
        check(Relay, "Signal=11", Ok(('#', None)));
        check(Relay, "Signal=10\r\nDuration=x\r\n", Ok(('*', None)));
        check(Relay, "Signal=hf\r\n", Ok(('!', None)));
        check(Relay, "Signal=1\r\nDuration=16000\r\n", Ok(('1', None)));
        check(Relay, "Signal=17", Err(InfoError::NotADigit));
        check(Relay, "Signal=", Err(InfoError::NotADigit));
        check(Relay, "Duration=160", Err(InfoError::NoSignal));
        check(Relay, "", Err(InfoError::NoSignal));
    }

    #[test]
    fn plain_bodies_are_the_digit_itself() {
        use InfoKind::Plain;
        check(Plain, "5", Ok(('5', None)));
        check(Plain, "#\r\n", Ok(('#', None)));
        check(Plain, "12", Ok(('A', None)));
        check(Plain, "Signal=7\r\nDuration=90\r\n", Ok(('7', Some(90))));
        check(Plain, "", Err(InfoError::NotADigit));
        check(Plain, "123", Err(InfoError::NotADigit));
        assert_eq!(parse_info(Plain, &[b' '; 1025]), Err(InfoError::TooLong));
        assert_eq!(parse_info(Plain, &[0xff]), Err(InfoError::NoSignal));
    }

    #[test]
    fn what_is_built_reads_back() {
        for code in 0..=16 {
            let signal = InfoSignal {
                digit: Digit::from_code(code).unwrap(),
                duration: Some(Duration::from_millis(80)),
            };
            for kind in [InfoKind::Relay, InfoKind::Plain] {
                let read = parse_info(kind, signal.to_body(kind).as_bytes()).unwrap();
                assert_eq!(read.digit, signal.digit);
            }
        }
        assert_eq!(InfoKind::from_content_type("Application/DTMF-Relay; x=y"), Some(InfoKind::Relay));
        assert_eq!(InfoKind::from_content_type("application/dtmf"), Some(InfoKind::Plain));
        assert_eq!(InfoKind::from_content_type("application/sdp"), None);
    }

    proptest! {
        #[test]
        fn hostile_bodies_never_panic(body in prop::collection::vec(any::<u8>(), 0..1100), text in "\\PC{0,80}") {
            for kind in [InfoKind::Relay, InfoKind::Plain] {
                let _ = parse_info(kind, &body);
                let _ = parse_info(kind, format!("Signal={text}").as_bytes());
            }
        }
    }
}
