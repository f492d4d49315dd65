//! Session timers (RFC 4028).

use std::fmt;

use super::{FaultKind, Header, HeaderFault, Params, lex::Cursor};
use crate::msg::HeaderName;

/// Who keeps the session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The caller of this transaction.
    Uac,
    /// The callee of this transaction.
    Uas,
}

/// How long a session lasts without being refreshed (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, once agreed.
    pub refresher: Option<Refresher>,
}

impl<'a> Header<'a> for SessionExpires {
    const NAME: HeaderName = HeaderName::SessionExpires;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let (seconds, params, at) = seconds_and_params(value)?;
        let refresher = match params.find("refresher") {
            None => None,
            Some(value) => match value.and_then(|v| v.token()) {
                Some(v) if v.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                Some(v) if v.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                _ => return Err(HeaderFault { kind: FaultKind::Missing("refresher=uac or uas"), at }),
            },
        };
        Ok(Self { seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        f.write_str(match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        })
    }
}

/// The shortest session interval the sender takes (RFC 4028 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinSe(
    /// Seconds; not below 90 by the RFC.
    pub u32,
);

impl<'a> Header<'a> for MinSe {
    const NAME: HeaderName = HeaderName::MinSe;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        seconds_and_params(value).map(|(seconds, _, _)| Self(seconds))
    }
}

impl fmt::Display for MinSe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Also says where the parameters start.
fn seconds_and_params(value: &[u8]) -> Result<(u32, Params<'_>, usize), HeaderFault> {
    let mut cursor = Cursor::begin(value)?;
    let seconds = cursor.number_u32()?;
    let at = cursor.at();
    Ok((seconds, Params::read(&mut cursor)?, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4028 §4 and §5.
    #[test]
    fn timers_are_read_and_printed() {
        let timer = SessionExpires::parse(b"1800 ;refresher=UAC;x=1").unwrap();
        assert_eq!((timer.seconds, timer.refresher), (1800, Some(Refresher::Uac)));
        assert_eq!(timer.to_string(), "1800;refresher=uac");
        assert_eq!(SessionExpires::parse(b"90").unwrap().refresher, None);
        assert_eq!(MinSe::parse(b"90;x").unwrap().to_string(), "90");
    }

    #[test]
    fn malformed_timers_are_refused() {
        for bad in ["", "x", "4294967296", "90;refresher", "90;refresher=me", "90 90"] {
            assert!(SessionExpires::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
