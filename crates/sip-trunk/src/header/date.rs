use std::{fmt, time::SystemTime};

use super::{FaultKind, Header, HeaderFault, lex::Cursor};
use crate::msg::HeaderName;

/// When the message was sent (RFC 3261 §20.17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(
    /// To the second.
    pub SystemTime,
);

impl<'a> Header<'a> for Date {
    const NAME: HeaderName = HeaderName::Date;

    // RFC 3261 §20.17: only the RFC 1123 form, and only in GMT.
    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let cursor = Cursor::begin(value)?;
        let fault = cursor.fault(FaultKind::Date);
        let text = cursor.rest().trim_ascii_end();
        let text =
            std::str::from_utf8(text).ok().filter(|t| t.len() == "Sat, 13 Nov 2010 23:29:00 GMT".len());
        let time = text.filter(|t| t.ends_with(" GMT")).and_then(|t| httpdate::parse_http_date(t).ok());
        time.map(Self).ok_or(fault)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    /// RFC 3261 §20.17: the example; RFC 4475 §3.1.2.12: no other time zone.
    #[test]
    fn dates_are_rfc1123_in_gmt() {
        let date = Date::parse(b" Sat, 13 Nov 2010 23:29:00 GMT ").unwrap();
        assert_eq!(date, Date(UNIX_EPOCH + Duration::from_secs(1_289_690_940)));
        assert_eq!(date.to_string(), "Sat, 13 Nov 2010 23:29:00 GMT");
        for bad in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 32 Jan 2010 16:00:00 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "2010-11-13T23:29:00Z",
            "Sat, 13 Nov 2010 23:29:00 GMT x",
            "",
        ] {
            assert!(Date::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
