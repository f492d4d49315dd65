use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::{UriFault, UriFaultKind, fault::fault};

/// The host of a URI or of a Via: a name or an address (RFC 3261 §25.1 `host`).
#[derive(Debug, Clone, Copy)]
pub enum Host<'a> {
    /// A domain name as written, possibly with a trailing dot.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads `text` as one whole host.
    ///
    /// # Errors
    /// [`UriFaultKind::Host`] with the offset in `text`.
    pub fn parse(text: &'a str) -> Result<Self, UriFault> {
        match host_and_port(text.as_bytes())? {
            (end, None, after) if end == text.len() && after == end => Ok(Self::checked(text)),
            (end, _, _) => Err(fault(UriFaultKind::Host, end)),
        }
    }

    /// The address, when it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(ip) => Some((*ip).into()),
            Self::V6(ip) => Some((*ip).into()),
        }
    }

    /// Opens a host that [`host_and_port`] has accepted.
    pub(crate) fn checked(text: &'a str) -> Self {
        if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'))
            && let Ok(ip) = inner.parse()
        {
            return Self::V6(ip);
        }
        if text.ends_with(|c: char| c.is_ascii_digit())
            && let Ok(ip) = text.parse()
        {
            return Self::V4(ip);
        }
        Self::Name(text)
    }
}

impl From<IpAddr> for Host<'_> {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6(ip),
        }
    }
}

// RFC 3261 §19.1.4: host names compare without case, addresses by value, and a name never equals an address.
impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            (Self::Name(_) | Self::V4(_) | Self::V6(_), _) => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(ip) => write!(f, "{ip}"),
            Self::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// Reads `host [":" port]` at the start of `bytes`: end of the host, port, end of it all. What follows is the caller's.
pub(crate) fn host_and_port(bytes: &[u8]) -> Result<(usize, Option<u16>, usize), UriFault> {
    let end = if bytes.first() == Some(&b'[') { ipv6(bytes)? } else { name_or_ipv4(bytes)? };
    if bytes.get(end) != Some(&b':') {
        return Ok((end, None, end));
    }
    let digits = &bytes[end + 1..];
    let len = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    let number = |n: u32, b: &u8| Some(n * 10 + u32::from(b - b'0')).filter(|n| *n <= u32::from(u16::MAX));
    let port = digits[..len].iter().try_fold(0, number).and_then(|n| u16::try_from(n).ok());
    match port {
        Some(port) if len > 0 => Ok((end, Some(port), end + 1 + len)),
        _ => Err(fault(UriFaultKind::Port, end + 1)),
    }
}

fn ipv6(bytes: &[u8]) -> Result<usize, UriFault> {
    let close = memchr::memchr(b']', bytes).ok_or(fault(UriFaultKind::Host, 0))?;
    // RFC 5954 §4.1: the corrected IPv6 grammar is the one the standard library implements.
    address::<Ipv6Addr>(&bytes[1..close]).ok_or(fault(UriFaultKind::Host, 1))?;
    Ok(close + 1)
}

fn name_or_ipv4(bytes: &[u8]) -> Result<usize, UriFault> {
    let host = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let end = bytes.iter().position(|b| !host(b)).unwrap_or(bytes.len());
    let name = &bytes[..end];
    let labels = name.strip_suffix(b".").unwrap_or(name);
    let last = labels.rsplit(|b| *b == b'.').next().unwrap_or_default();
    // RFC 3261 §25.1: the last label of a name starts with a letter, so digits there mean an IPv4 address.
    let numeric = last.first().is_some_and(u8::is_ascii_digit);
    let sound = if numeric && last.iter().all(u8::is_ascii_digit) {
        labels.len() == name.len() && address::<Ipv4Addr>(name).is_some()
    } else {
        labels.len() <= 253 && labels.split(|b| *b == b'.').all(|l| !l.is_empty() && l.len() <= 63)
    };
    if sound { Ok(end) } else { Err(fault(UriFaultKind::Host, 0)) }
}

fn address<T: FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        assert!(matches!(Host::parse("example.com."), Ok(Host::Name("example.com."))));
        assert!(matches!(Host::parse("my_pbx-1.local"), Ok(Host::Name(_))));
        assert!(matches!(Host::parse("192.0.2.4"), Ok(Host::V4(_))));
        assert!(matches!(Host::parse("[::ffff:192.0.2.4]"), Ok(Host::V6(_))));
        assert!(matches!(Host::parse("1.example.com"), Ok(Host::Name(_))));
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for bad in [
            "",
            ".",
            "a..b",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.",
            "[::1",
            "[1.2.3.4]",
            "[:::]",
            "2001:db8::1",
            "a b",
        ] {
            assert!(Host::parse(bad).is_err(), "{bad:?}");
        }
        let long = "a".repeat(64);
        assert!(Host::parse(&long).is_err());
        assert!(Host::parse(&long[..63]).is_ok());
    }

    #[test]
    fn ports_end_at_65535() {
        assert_eq!(host_and_port(b"h:65535;x"), Ok((1, Some(65535), 7)));
        for bad in ["h:65536", "h:", "h:-1", "h:99999999999999999999"] {
            assert_eq!(host_and_port(bad.as_bytes()), Err(fault(UriFaultKind::Port, 2)), "{bad}");
        }
    }

    #[test]
    fn names_compare_without_case_and_addresses_by_value() {
        let same = |a, b| Host::parse(a).unwrap() == Host::parse(b).unwrap();
        assert!(same("EXAMPLE.com", "example.COM"));
        assert!(same("[2001:DB8::1]", "[2001:db8:0:0::1]"));
        assert!(!same("example.com", "192.0.2.1"));
    }
}
