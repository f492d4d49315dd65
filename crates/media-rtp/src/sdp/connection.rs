//! `c=`: where media goes.

use std::fmt;
use std::net::IpAddr;

/// The `c=` line (RFC 8866 §5.7): `IN IP4|IP6 address[/ttl[/count]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where media goes.
    pub host: Host,
    /// What followed the address after `/`: TTL and address count of a multicast group. Kept, never used.
    pub suffix: Option<String>,
}

/// An IP address, or a host name that the caller may resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A literal address.
    Ip(IpAddr),
    /// A host name.
    Name(String),
}

impl Connection {
    /// A unicast address.
    #[must_use]
    pub fn ip(address: IpAddr) -> Self {
        Self { host: Host::Ip(address), suffix: None }
    }

    /// Reads the value of a `c=` line. An address of the other family than the one named is refused.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split_ascii_whitespace();
        let (network, family, address) = (fields.next()?, fields.next()?, fields.next()?);
        let v6 = match family {
            _ if family.eq_ignore_ascii_case("IP4") => false,
            _ if family.eq_ignore_ascii_case("IP6") => true,
            _ => return None,
        };
        if fields.next().is_some() || !network.eq_ignore_ascii_case("IN") {
            return None;
        }
        let (address, suffix) = match address.split_once('/') {
            Some((address, suffix)) => (address, Some(suffix.to_owned())),
            None => (address, None),
        };
        let host = Host::parse(address)?;
        match host {
            Host::Ip(ip) if ip.is_ipv6() != v6 => None,
            Host::Ip(_) | Host::Name(_) => Some(Self { host, suffix }),
        }
    }

    /// The literal address; `None` for a host name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ip(ip) => Some(ip),
            Host::Name(_) => None,
        }
    }
}

impl Host {
    /// Reads an address or a host name; a dotted number that is no address is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(ip) = text.parse() {
            return Some(Self::Ip(ip));
        }
        let name = !text.is_empty()
            && text.len() <= 255
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            && text.bytes().any(|b| b.is_ascii_alphabetic())
            && !text.starts_with("0x")
            && !text.starts_with("0X");
        name.then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if matches!(self.host, Host::Ip(IpAddr::V6(_))) { "IP6" } else { "IP4" };
        write!(f, "IN {family} {}", self.host)?;
        self.suffix.iter().try_for_each(|suffix| write!(f, "/{suffix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        assert_eq!(Connection::parse(value).map(|c| c.to_string()).as_deref(), expected, "{value}");
    }

    #[test]
    fn reads_addresses_of_both_families() {
        check("IN IP4 192.0.2.1", Some("IN IP4 192.0.2.1"));
        check("in ip6 2001:DB8::1", Some("IN IP6 2001:db8::1"));
        check("IN IP4 224.2.1.1/127/3", Some("IN IP4 224.2.1.1/127/3"));
        check("IN IP4 media.example.com", Some("IN IP4 media.example.com"));
    }

    /// ES-36: decimal, hexadecimal and short forms of an address are not host names.
    #[test]
    fn refuses_disguised_addresses() {
        for value in
            ["IN IP4 2130706433", "IN IP4 0x7f000001", "IN IP4 127.1", "IN IP4 ::1", "IN IP6 127.0.0.1"]
        {
            check(value, None);
        }
        for value in ["", "IN IP4", "IN IPX 1.2.3.4", "ATM IP4 1.2.3.4", "IN IP4 1.2.3.4 x", "IN IP4 a:b"] {
            check(value, None);
        }
    }
}
