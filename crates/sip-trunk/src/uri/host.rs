use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{UriFault, UriFaultKind, fault::fault};
use crate::msg::token::{Class, run};

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
        let read = HostPort::read(text.as_bytes())?;
        if read.host_len == text.len() {
            Ok(read.host(text.as_bytes()))
        } else {
            Err(fault(UriFaultKind::Host, read.host_len))
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

    /// Opens a host that [`HostPort::read`] has accepted.
    pub(super) fn checked(text: &'a str) -> Self {
        if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'))
            && let Some(ip) = address_v6(inner)
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

/// `host [":" port]` at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostPort {
    kind: Kind,
    /// Length of the host.
    pub(crate) host_len: usize,
    pub(crate) port: Option<u16>,
    /// Length of it all; what follows is the caller's.
    pub(crate) len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl HostPort {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, UriFault> {
        let (kind, host_len) = if bytes.first() == Some(&b'[') { ipv6(bytes)? } else { name_or_ipv4(bytes)? };
        if bytes.get(host_len) != Some(&b':') {
            return Ok(Self { kind, host_len, port: None, len: host_len });
        }
        let digits = &bytes[host_len + 1..];
        let len = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
        let number =
            |n: u32, b: &u8| Some(n * 10 + u32::from(b - b'0')).filter(|n| *n <= u32::from(u16::MAX));
        let port = digits[..len].iter().try_fold(0, number).and_then(|n| u16::try_from(n).ok());
        if len == 0 || port.is_none() {
            return Err(fault(UriFaultKind::Port, host_len + 1));
        }
        Ok(Self { kind, host_len, port, len: host_len + 1 + len })
    }

    /// The host; `bytes` are those it was read from.
    pub(crate) fn host<'a>(&self, bytes: &'a [u8]) -> Host<'a> {
        match self.kind {
            // The characters of a name were checked to be ASCII.
            Kind::Name => Host::Name(std::str::from_utf8(&bytes[..self.host_len]).unwrap_or_default()),
            Kind::V4(ip) => Host::V4(ip),
            Kind::V6(ip) => Host::V6(ip),
        }
    }
}

fn ipv6(bytes: &[u8]) -> Result<(Kind, usize), UriFault> {
    let close = memchr::memchr(b']', bytes).ok_or(fault(UriFaultKind::Host, 0))?;
    // RFC 5954 §4.1: the corrected IPv6 grammar is the one the standard library implements.
    let ip = std::str::from_utf8(&bytes[1..close]).ok().and_then(address_v6);
    Ok((Kind::V6(ip.ok_or(fault(UriFaultKind::Host, 1))?), close + 1))
}

fn address_v6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| {
        // RFC 5118 §4.10: the old grammar led peers to a third colon before an IPv4 part; both must be tolerated.
        let (head, tail) = text.split_once(":::")?;
        tail.parse::<Ipv4Addr>().ok()?;
        format!("{head}::{tail}").parse().ok()
    })
}

fn name_or_ipv4(bytes: &[u8]) -> Result<(Kind, usize), UriFault> {
    let in_label = |byte: Option<&u8>| byte.is_some_and(|byte| LABEL[usize::from(*byte)]);
    if let Some((ip, len)) = ipv4(bytes)
        && bytes.get(len) != Some(&b'.')
        && !in_label(bytes.get(len))
    {
        return Ok((Kind::V4(ip), len));
    }
    let refused = fault(UriFaultKind::Host, 0);
    let (mut start, mut last) = (0, &bytes[..0]);
    let len = loop {
        let rest = &bytes[start..];
        let label = &rest[..run(rest, &LABEL)];
        let end = start + label.len();
        match label.len() {
            // A dot may end the name, but not begin it.
            0 if start == 0 => return Err(refused),
            0 => break end,
            1..=63 => last = label,
            _ => return Err(refused),
        }
        if bytes.get(end) != Some(&b'.') {
            break end;
        }
        start = end + 1;
    };
    let dot = usize::from(bytes[..len].ends_with(b"."));
    // RFC 3261 §25.1: the last label of a name starts with a letter, so digits alone could only be a bad IPv4 address.
    if len > 253 + dot || last.iter().all(u8::is_ascii_digit) {
        return Err(refused);
    }
    Ok((Kind::Name, len))
}

/// What may stand in a label of a host name; `_` may not by the grammar, but is in use.
static LABEL: Class = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'-' | b'_');
        b += 1;
    }
    table
};

/// Four numbers up to 255 without leading zeros at the start of `bytes`, and their length.
fn ipv4(bytes: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let digit =
        |at: usize| bytes.get(at).map(|byte| u16::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let (mut octets, mut at) = ([0; 4], 0);
    for (part, octet) in octets.iter_mut().enumerate() {
        if part > 0 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let mut value = digit(at)?;
        at += 1;
        while value > 0 && value < 100 {
            let Some(next) = digit(at) else { break };
            value = value * 10 + next;
            at += 1;
        }
        *octet = u8::try_from(value).ok()?;
    }
    Some((octets.into(), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5118 §4.10: a third colon before an IPv4 part is tolerated, and only there.
    #[test]
    fn three_colons_before_ipv4_are_two() {
        let two = Host::parse("[2001:db8::192.0.2.1]").unwrap();
        assert_eq!(Host::parse("[2001:db8:::192.0.2.1]").unwrap(), two);
        assert!(Host::parse("[2001:db8:::1]").is_err());
    }

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
            "299.1.1.1",
            "1.2.3.04",
            "1.2.3.4.5",
            "1.2..4",
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
        let read = HostPort::read(b"h:65535;x").unwrap();
        assert_eq!((read.host_len, read.port, read.len), (1, Some(65535), 7));
        for bad in ["h:65536", "h:", "h:-1", "h:99999999999999999999"] {
            assert_eq!(HostPort::read(bad.as_bytes()), Err(fault(UriFaultKind::Port, 2)), "{bad}");
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
