//! Network values: addresses, names, ports and markings.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidValue, text_form};

/// A MAC address. Text form: `0004f2aabbcc`; separators `:`, `-` and `.` are read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// The six octets in transmission order.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddr {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const BAD: InvalidValue = InvalidValue::new("MAC address", "must have twelve hexadecimal digits");
        let mut octets = [0; 6];
        let mut digits = 0;
        for c in text.chars().filter(|c| !matches!(c, ':' | '-' | '.')) {
            let value = c.to_digit(16).ok_or(BAD)?;
            let octet = octets.get_mut(digits / 2).ok_or(BAD)?;
            *octet = (*octet << 4) | value as u8;
            digits += 1;
        }
        if digits == 12 && text.len() <= 17 { Ok(MacAddr(octets)) } else { Err(BAD) }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

text_form!(MacAddr);

/// A fully qualified domain name: at least two labels, lower case, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fqdn(Box<str>);

impl Fqdn {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Fqdn {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        // RFC 3696 §2: the last label is not all digits, so that a name is never taken for an address.
        let top = name.rsplit('.').next().unwrap_or_default();
        if name.len() <= 253
            && name.contains('.')
            && name.split('.').all(label)
            && !top.bytes().all(|b| b.is_ascii_digit())
        {
            Ok(Fqdn(name.into()))
        } else {
            Err(InvalidValue::new("domain name", "must be fully qualified, such as sip.carrier.example"))
        }
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_form!(Fqdn);

/// Where a peer is: an address or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A domain name.
    Name(Fqdn),
}

impl FromStr for Host {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        match bare.parse() {
            Ok(ip) => Ok(Host::Ip(ip)),
            Err(_) => text.parse().map(Host::Name),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => name.fmt(f),
        }
    }
}

text_form!(Host);

/// A host and, when given, a port. Text form: `sip.carrier.example:5061`, `[2001:db8::1]:5060`.
///
/// Without a port the default of the transport holds (5060, TLS 5061), or what DNS says (RFC 3263).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, never zero.
    pub port: Option<u16>,
}

impl FromStr for HostPort {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(InvalidValue::new("port", "must be 1 to 65535")),
        };
        Ok(HostPort { host: host.parse()?, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

text_form!(HostPort);

/// One address or a CIDR block. Text form: `203.0.113.7` or `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpPrefix(ipnet::IpNet);

impl IpPrefix {
    /// Whether the address lies in the block. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether the block is every address there is.
    pub fn is_everything(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl FromStr for IpPrefix {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let net = match text.parse::<IpAddr>() {
            Ok(ip) => Ok(ipnet::IpNet::from(ip)),
            Err(_) => text.parse().map(|net: ipnet::IpNet| net.trunc()),
        };
        net.map(IpPrefix).map_err(|_| InvalidValue::new("address", "must be an IP address or a CIDR block"))
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

text_form!(IpPrefix);

/// A DSCP marking, 0 to 63 (RFC 2474).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Dscp(u8);

impl Dscp {
    /// Class selector 3, usual for signalling.
    pub const CS3: Dscp = Dscp(24);
    /// Expedited forwarding, usual for voice.
    pub const EF: Dscp = Dscp(46);

    /// The six-bit code point.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Dscp {
    type Error = InvalidValue;

    fn try_from(value: u8) -> Result<Self, InvalidValue> {
        if value <= 63 { Ok(Dscp(value)) } else { Err(InvalidValue::new("DSCP", "must be 0 to 63")) }
    }
}

impl From<Dscp> for u8 {
    fn from(dscp: Dscp) -> u8 {
        dscp.0
    }
}

/// A range of UDP ports, both ends included. Text form: `10000-20000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The documented default of a trunk, 10000 to 20000 (`docs/spec/conflicts.md`, K5).
    pub const TRUNK_DEFAULT: PortRange = PortRange { first: 10_000, last: 20_000 };

    /// A range; `None` unless 1 ≤ first ≤ last.
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first > 0 && first <= last { Some(PortRange { first, last }) } else { None }
    }

    /// The lowest port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub const fn last(self) -> u16 {
        self.last
    }
}

impl FromStr for PortRange {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bad = InvalidValue::new("port range", "must be two ports in order, such as 10000-20000");
        let (first, last) = text.split_once('-').ok_or(bad.clone())?;
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) => PortRange::new(first, last).ok_or(bad),
            _ => Err(bad),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

text_form!(PortRange);

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = InvalidValue> + fmt::Display>(input: &str, expected: &str) {
        assert_eq!(input.parse::<T>().unwrap().to_string(), expected);
    }

    #[test]
    fn values_have_one_text_form() {
        check::<MacAddr>("00:04:F2:AA:bb:0c", "0004f2aabb0c");
        check::<Fqdn>("SIP.Carrier.Example.", "sip.carrier.example");
        check::<HostPort>("sip.carrier.example:5061", "sip.carrier.example:5061");
        check::<HostPort>("[2001:db8::1]:5060", "[2001:db8::1]:5060");
        check::<HostPort>("2001:db8::1", "[2001:db8::1]");
        check::<IpPrefix>("203.0.113.7/24", "203.0.113.0/24");
        check::<IpPrefix>("203.0.113.7", "203.0.113.7");
        check::<PortRange>("10000-20000", "10000-20000");
    }

    #[test]
    fn wrong_values_are_refused() {
        for mac in ["", "0004f2aabb", "0004f2aabb0c0d", "0004f2aabbzz", "::::::::::::0004f2aabbcc"] {
            assert!(mac.parse::<MacAddr>().is_err(), "{mac}");
        }
        for name in
            ["", "localhost", "a..b", "-a.b", "a.b-", "1.2.3.4", "a b.c", &format!("{}.x", "a".repeat(64))]
        {
            assert!(name.parse::<Fqdn>().is_err(), "{name}");
        }
        assert!("sip.example.com:0".parse::<HostPort>().is_err());
        assert!("sip.example.com:65536".parse::<HostPort>().is_err());
        assert!("10.0.0.0/33".parse::<IpPrefix>().is_err());
        assert!("20000-10000".parse::<PortRange>().is_err());
    }

    #[test]
    fn a_mapped_address_matches_its_ipv4_block() {
        let block: IpPrefix = "203.0.113.0/24".parse().unwrap();
        assert!(block.contains("::ffff:203.0.113.9".parse().unwrap()));
        assert!(!block.contains("203.0.114.9".parse().unwrap()));
    }

    /// TM-051: a DSCP outside 0 to 63 is rejected.
    #[test]
    fn dscp_is_six_bits() {
        assert_eq!(Dscp::try_from(63).unwrap().get(), 63);
        assert!(Dscp::try_from(64).is_err());
        assert!(serde_json::from_str::<Dscp>("64").is_err());
    }
}
