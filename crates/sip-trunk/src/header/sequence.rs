//! The numbers that order messages inside a dialog: CSeq (RFC 3261 §20.16), RSeq and RAck (RFC 3262 §7).

use std::fmt;

use super::{FaultKind, Header, HeaderFault, lex::Cursor, text::Token};
use crate::msg::{HeaderName, Method};

/// Number and method of a request (RFC 3261 §20.16).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq<'a> {
    /// Rises by one with each new request in a dialog.
    pub number: u32,
    /// The method of the request, repeated.
    pub method: Method<'a>,
}

impl<'a> Header<'a> for CSeq<'a> {
    const NAME: HeaderName = HeaderName::CSeq;

    // RFC 3261 §8.1.1.5 asks senders to stay below 2**31; §20.16 lets receivers take any 32-bit number.
    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let number = cursor.number_u32()?;
        let method = spaced_method(&mut cursor)?;
        cursor.end()?;
        Ok(Self { number, method })
    }
}

impl fmt::Display for CSeq<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, Token(self.method.as_str()))
    }
}

/// Number of a reliable provisional answer (RFC 3262 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RSeq(pub u32);

impl<'a> Header<'a> for RSeq {
    const NAME: HeaderName = HeaderName::RSeq;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let number = cursor.number_u32()?;
        cursor.end()?;
        Ok(Self(number))
    }
}

impl fmt::Display for RSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which reliable provisional answer a PRACK confirms (RFC 3262 §7.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RAck<'a> {
    /// The RSeq of the answer.
    pub response: u32,
    /// The CSeq number of the answer.
    pub number: u32,
    /// The CSeq method of the answer.
    pub method: Method<'a>,
}

impl<'a> Header<'a> for RAck<'a> {
    const NAME: HeaderName = HeaderName::RAck;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let response = cursor.number_u32()?;
        blank(&mut cursor)?;
        let number = cursor.number_u32()?;
        let method = spaced_method(&mut cursor)?;
        cursor.end()?;
        Ok(Self { response, number, method })
    }
}

impl fmt::Display for RAck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.response, self.number, Token(self.method.as_str()))
    }
}

fn spaced_method<'a>(cursor: &mut Cursor<'a>) -> Result<Method<'a>, HeaderFault> {
    blank(cursor)?;
    let at = cursor.at();
    Method::parse(cursor.token_bytes()?).ok_or(HeaderFault { kind: FaultKind::Token, at })
}

fn blank(cursor: &mut Cursor<'_>) -> Result<(), HeaderFault> {
    let at = cursor.at();
    cursor.skip_lws();
    if cursor.at() == at { Err(cursor.fault(FaultKind::Separator(' '))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::fault::fault;

    const U32: FaultKind = FaultKind::Number(u32::MAX as u64);

    #[test]
    fn sequences_are_read_and_printed() {
        let cseq = CSeq::parse(b" 0009\r\n  INVITE ").unwrap();
        assert_eq!(cseq, CSeq { number: 9, method: Method::Invite });
        assert_eq!(cseq.to_string(), "9 INVITE");
        assert_eq!(CSeq::parse(b"4294967295 x-Method").unwrap().to_string(), "4294967295 x-Method");
        assert_eq!(RSeq::parse(b"988789").unwrap(), RSeq(988_789));
        let rack = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!(rack, RAck { response: 776_656, number: 1, method: Method::Invite });
        assert_eq!(rack.to_string(), "776656 1 INVITE");
    }

    /// RFC 4475 §3.1.2.4: a CSeq number beyond 32 bits is refused, not cut.
    #[test]
    fn malformed_sequences_are_refused() {
        for (input, kind, at) in [
            ("36893488147419103232 REGISTER", U32, 0),
            ("4294967296 INVITE", U32, 0),
            ("-1 INVITE", U32, 0),
            ("INVITE", U32, 0),
            ("1", FaultKind::Separator(' '), 1),
            ("1 ", FaultKind::Token, 2),
            ("1INVITE", U32, 0),
            ("1 INVITE 2", FaultKind::Trailing, 9),
            ("", FaultKind::Empty, 0),
        ] {
            assert_eq!(CSeq::parse(input.as_bytes()), Err(fault(kind, at)), "{input:?}");
        }
        assert_eq!(RAck::parse(b"1 INVITE"), Err(fault(U32, 2)));
    }
}
