//! Why something happened and what to do about it: Reason (RFC 3326), Retry-After and Warning (RFC 3261 §20.33 and §20.43).

use std::{borrow::Cow, fmt};

use super::{
    FaultKind, Header, HeaderFault, Params, Text,
    event::token_and_params,
    lex::Cursor,
    text::{Token, Word},
};
use crate::msg::HeaderName;

/// Why a request was sent (RFC 3326 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason<'a> {
    /// Where the cause comes from: `SIP`, `Q.850`, or another token.
    pub protocol: &'a str,
    /// `cause`, `text` and further ones.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// The cause: a SIP status, or a Q.850 cause value.
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        self.params.number("cause").and_then(|n| u16::try_from(n).ok())
    }

    /// The cause in words.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.params.get("text").map(|v| v.text())
    }

    /// The Q.850 cause value, if this is one.
    #[must_use]
    pub fn q850(&self) -> Option<u16> {
        self.protocol.eq_ignore_ascii_case("Q.850").then(|| self.cause()).flatten()
    }
}

impl<'a> Header<'a> for Reason<'a> {
    const NAME: HeaderName = HeaderName::Reason;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (protocol, params) = token_and_params(value)?;
        Ok(Self { protocol, params })
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Token(self.protocol), self.params)
    }
}

/// When to try again (RFC 3261 §20.33).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// In so many seconds.
    pub seconds: u32,
    /// A remark in parentheses, as written.
    pub comment: Option<Text<'a>>,
    /// `duration` and further ones.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Without remark and parameters.
    #[must_use]
    pub fn new(seconds: u32) -> Self {
        Self { seconds, comment: None, params: Params::NONE }
    }

    /// How long the sender will be reachable then, in seconds.
    #[must_use]
    pub fn duration(&self) -> Option<u32> {
        self.params.number("duration")
    }
}

impl<'a> Header<'a> for RetryAfter<'a> {
    const NAME: HeaderName = HeaderName::RetryAfter;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let seconds = cursor.number_u32()?;
        cursor.skip_lws();
        let comment = match cursor.peek() {
            Some(b'(') => Some(Text::quoted(cursor.comment()?)),
            Some(_) | None => None,
        };
        Ok(Self { seconds, comment, params: Params::read(&mut cursor)? })
    }
}

/// Prints without the remark.
impl fmt::Display for RetryAfter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.seconds, self.params)
    }
}

/// A remark about the answer, for people (RFC 3261 §20.43).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits, 300 to 399 for SIP.
    pub code: u16,
    /// The host, host and port, or pseudonym of who warns.
    pub agent: &'a str,
    /// The remark.
    pub text: Text<'a>,
}

impl<'a> Header<'a> for Warning<'a> {
    const NAME: HeaderName = HeaderName::Warning;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let at = cursor.at();
        let code = cursor.number(999)?;
        if cursor.at() != at + 3 {
            return Err(HeaderFault { kind: FaultKind::Number(999), at });
        }
        cursor.skip_lws();
        let agent = cursor.word()?;
        cursor.skip_lws();
        let text = Text::quoted(cursor.quoted()?);
        cursor.end()?;
        // Three digits fit.
        Ok(Self { code: u16::try_from(code).unwrap_or_default(), agent, text })
    }
}

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {} {}", self.code, Word(self.agent), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3326 §2: the examples.
    #[test]
    fn reasons_carry_a_cause_of_their_protocol() {
        let reason = Reason::parse(b"Q.850 ;cause=16 ;text=\"Terminated\"").unwrap();
        assert_eq!((reason.q850(), reason.text().as_deref()), (Some(16), Some("Terminated")));
        let sip = Reason::parse(b"SIP;cause=600;text=\"Busy Everywhere\"").unwrap();
        assert_eq!((sip.q850(), sip.cause()), (None, Some(600)));
        assert_eq!(sip.to_string(), "SIP;cause=600;text=\"Busy Everywhere\"");
        let new = Reason {
            protocol: "SIP",
            params: Params::from_pairs(&[("cause", Some("200")), ("text", Some("Call completed elsewhere"))]),
        };
        assert_eq!(Reason::parse(new.to_string().as_bytes()), Ok(new));
    }

    /// RFC 3261 §20.33: the examples.
    #[test]
    fn retry_after_has_seconds_remark_and_duration() {
        let after = RetryAfter::parse(b"18000;duration=3600").unwrap();
        assert_eq!((after.seconds, after.duration()), (18000, Some(3600)));
        let remark = RetryAfter::parse(b"120 (I'm in (a) meeting)").unwrap();
        assert_eq!(remark.comment.unwrap().decoded(), "I'm in (a) meeting");
        assert_eq!(RetryAfter::new(5).to_string(), "5");
        for bad in ["", "x", "1 (", "1 2", "4294967296"] {
            assert!(RetryAfter::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    /// RFC 3261 §20.43: the examples.
    #[test]
    fn warnings_have_code_agent_and_text() {
        let warning = Warning::parse(b"307 isi.edu:5060 \"Session parameter 'foo' not understood\"").unwrap();
        assert_eq!((warning.code, warning.agent), (307, "isi.edu:5060"));
        assert_eq!(Warning::parse(warning.to_string().as_bytes()), Ok(warning));
        for bad in ["", "30 h \"x\"", "3070 h \"x\"", "307 \"x\"", "307 h x", "307 h \"x\" y"] {
            assert!(Warning::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
