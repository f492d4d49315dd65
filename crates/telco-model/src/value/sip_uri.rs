//! SIP addresses in text form.

use std::{fmt, str::FromStr};

use super::{Host, HostPort, InvalidValue, text_form};

/// A `sip:` or `sips:` URI as configured, kept as text.
///
/// Only the parts an administrator writes are understood here (scheme, user, host, port); the full grammar of
/// RFC 3261 §19.1 is the business of the `sip-trunk` crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SipUri(Box<str>);

impl SipUri {
    /// The whole URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the scheme is `sips`.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("sips:")
    }

    /// The user part, without a password.
    pub fn user(&self) -> Option<&str> {
        let (user_info, _) = split_user(after_scheme(&self.0))?;
        Some(user_info.split(':').next().unwrap_or(user_info))
    }

    /// Host and port.
    pub fn host_port(&self) -> HostPort {
        host_port(&self.0).expect("checked when the value was made")
    }

    /// The host.
    pub fn host(&self) -> Host {
        self.host_port().host
    }
}

impl FromStr for SipUri {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bad = |why| InvalidValue::new("SIP URI", why);
        if text.len() > 512
            || !text.bytes().all(|b| b.is_ascii_graphic())
            || text.contains(['<', '>', '"', '\\'])
        {
            return Err(bad("must be at most 512 visible ASCII characters without <, >, \" and \\"));
        }
        let (scheme, rest) = text.split_once(':').ok_or(bad("must begin with sip: or sips:"))?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "sip" && scheme != "sips" {
            return Err(bad("must begin with sip: or sips:"));
        }
        let uri = format!("{scheme}:{rest}");
        host_port(&uri).map_err(|_| bad("must name a host after the user part"))?;
        if split_user(rest).is_some_and(|(user, _)| user.is_empty() || user.starts_with(':')) {
            return Err(bad("must have a user part before the @"));
        }
        Ok(SipUri(uri.into()))
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_form!(SipUri);

fn after_scheme(uri: &str) -> &str {
    uri.split_once(':').map_or(uri, |(_, rest)| rest)
}

/// User part and the rest; the user part may itself hold `;` and `?`, but no `@`.
fn split_user(rest: &str) -> Option<(&str, &str)> {
    rest.split_once('@')
}

fn host_port(uri: &str) -> Result<HostPort, InvalidValue> {
    let rest = after_scheme(uri);
    let host = split_user(rest).map_or(rest, |(_, host)| host);
    let end = host.find([';', '?']).unwrap_or(host.len());
    let text = &host[..end];
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found() {
        let uri: SipUri = "SIP:+12125550123:pw@[2001:db8::1]:5070;transport=tcp?x=y".parse().unwrap();
        assert_eq!(uri.user(), Some("+12125550123"));
        assert_eq!(uri.host_port().to_string(), "[2001:db8::1]:5070");
        assert!(!uri.is_secure());
        assert_eq!("sips:edge.example.com".parse::<SipUri>().unwrap().user(), None);
    }

    #[test]
    fn what_is_no_sip_address_is_refused() {
        for text in
            ["", "sip:", "tel:+12125550123", "sip:@host.example", "sip:a b@c.example", "sip:a@", "x\r\ny:z"]
        {
            assert!(text.parse::<SipUri>().is_err(), "{text:?}");
        }
    }
}
