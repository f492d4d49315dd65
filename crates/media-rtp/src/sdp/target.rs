//! Where media may be sent: a description must not aim this host at itself or its neighbours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// Which addresses in a description are accepted as media targets.
///
/// Everything is checked after unwrapping IPv4 addresses embedded in IPv6 ones (`::ffff:127.0.0.1`, 6to4, NAT64).
/// Private addresses are accepted: calls inside a network use them, and a relay at its edge learns the real source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPolicy {
    /// Accept 127.0.0.0/8 and ::1. For tests on one machine.
    pub loopback: bool,
    /// Accept 169.254.0.0/16 and fe80::/10, except cloud metadata addresses.
    pub link_local: bool,
    /// Lowest accepted port, 1024 by default.
    pub lowest_port: u16,
    /// Addresses never accepted, for instance this host's own control addresses.
    pub denied: Vec<IpAddr>,
    /// Addresses accepted whatever the other rules say, except port 0 and what is no unicast address.
    pub allowed: Vec<IpAddr>,
}

impl Default for TargetPolicy {
    fn default() -> Self {
        Self {
            loopback: false,
            link_local: false,
            lowest_port: 1024,
            denied: Vec::new(),
            allowed: Vec::new(),
        }
    }
}

/// Why an address is refused as a media target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetRefusal {
    /// Port 0.
    #[error("port 0 is no media target")]
    PortZero,
    /// A port below [`TargetPolicy::lowest_port`].
    #[error("port {0} is reserved for other services; media needs a higher port")]
    LowPort(u16),
    /// 0.0.0.0/8 or ::.
    #[error("{0} is the unspecified address")]
    Unspecified(IpAddr),
    /// A multicast group.
    #[error("{0} is a multicast address")]
    Multicast(IpAddr),
    /// A broadcast or reserved address.
    #[error("{0} is a reserved address")]
    Reserved(IpAddr),
    /// This host.
    #[error("{0} is a loopback address; allow loopback to use it")]
    Loopback(IpAddr),
    /// The local link.
    #[error("{0} is a link-local address; allow link-local to use it")]
    LinkLocal(IpAddr),
    /// A cloud metadata or platform service.
    #[error("{0} is a cloud metadata address")]
    Metadata(IpAddr),
    /// Listed in [`TargetPolicy::denied`].
    #[error("{0} is denied by configuration")]
    Denied(IpAddr),
}

/// Metadata and platform addresses of the large clouds, outside the link-local range or inside it.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

impl TargetPolicy {
    /// Accepts loopback targets, for tests and demonstrations on one machine.
    #[must_use]
    pub fn with_loopback() -> Self {
        Self { loopback: true, ..Self::default() }
    }

    /// Accepts a target, or says why not.
    ///
    /// # Errors
    /// See [`TargetRefusal`].
    pub fn check(&self, target: SocketAddr) -> Result<(), TargetRefusal> {
        let address = embedded_v4(target.ip());
        if target.port() == 0 {
            return Err(TargetRefusal::PortZero);
        }
        if is_unspecified(address) {
            return Err(TargetRefusal::Unspecified(address));
        }
        if address.is_multicast() {
            return Err(TargetRefusal::Multicast(address));
        }
        if is_reserved(address) {
            return Err(TargetRefusal::Reserved(address));
        }
        let listed = |list: &[IpAddr]| list.iter().any(|entry| embedded_v4(*entry) == address);
        if listed(&self.denied) {
            return Err(TargetRefusal::Denied(address));
        }
        if listed(&self.allowed) {
            return Ok(());
        }
        if METADATA.contains(&address) {
            return Err(TargetRefusal::Metadata(address));
        }
        if address.is_loopback() && !self.loopback {
            return Err(TargetRefusal::Loopback(address));
        }
        if is_link_local(address) && !self.link_local {
            return Err(TargetRefusal::LinkLocal(address));
        }
        if target.port() < self.lowest_port { Err(TargetRefusal::LowPort(target.port())) } else { Ok(()) }
    }
}

/// The IPv4 address inside an IPv6 one: mapped, compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let s = v6.segments();
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => pair(high, low),
        [0x2002, high, low, ..] => pair(high, low),
        _ => address,
    }
}

fn is_unspecified(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unspecified(),
    }
}

fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] >= 240,
        // fec0::/10 (site-local, RFC 3879) and 100::/64 (discard, RFC 6666).
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfec0 || v6.segments()[..4] == [0x100, 0, 0, 0],
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(target: &str) -> bool {
        TargetPolicy::default().check(target.parse().unwrap()).is_err()
    }

    /// ES-36, ES-37: the matrix of targets a description must not name.
    #[test]
    fn dangerous_targets_are_refused() {
        for target in [
            "0.0.0.0:4000",
            "0.1.2.3:4000",
            "[::]:4000",
            "127.0.0.1:4000",
            "127.8.8.8:4000",
            "[::1]:4000",
            "[::ffff:127.0.0.1]:4000",
            "[::127.0.0.1]:4000",
            "[64:ff9b::7f00:1]:4000",
            "[2002:7f00:1::]:4000",
            "169.254.1.1:4000",
            "169.254.169.254:4000",
            "169.254.170.2:4000",
            "[::ffff:169.254.169.254]:4000",
            "[fe80::1]:4000",
            "[febf::1]:4000",
            "[fec0::1]:4000",
            "[fd00:ec2::254]:4000",
            "100.100.100.200:4000",
            "168.63.129.16:4000",
            "224.0.0.1:4000",
            "239.255.255.250:4000",
            "[ff02::1]:4000",
            "240.0.0.1:4000",
            "255.255.255.255:4000",
            "192.0.2.1:0",
            "192.0.2.1:53",
            "192.0.2.1:1023",
            "[100::1]:4000",
        ] {
            assert!(refused(target), "{target}");
        }
        for target in [
            "192.0.2.1:1024",
            "10.0.0.1:4000",
            "172.16.0.1:65535",
            "192.168.1.1:4000",
            "[2001:db8::1]:4000",
            "[fd12::1]:4000",
        ] {
            assert!(!refused(target), "{target}");
        }
    }

    /// ES-37: own control addresses are refused also when written as IPv6, and exceptions are explicit.
    #[test]
    fn lists_override_the_rules() {
        let policy = TargetPolicy {
            denied: vec!["198.51.100.7".parse().unwrap()],
            allowed: vec![
                "127.0.0.1".parse().unwrap(),
                "0.0.0.0".parse().unwrap(),
                "224.0.0.1".parse().unwrap(),
            ],
            ..TargetPolicy::default()
        };
        let check = |target: &str| policy.check(target.parse().unwrap());
        assert!(matches!(check("198.51.100.7:4000"), Err(TargetRefusal::Denied(_))));
        assert!(matches!(check("[::ffff:198.51.100.7]:4000"), Err(TargetRefusal::Denied(_))));
        assert_eq!(check("127.0.0.1:4000"), Ok(()));
        assert!(matches!(check("127.0.0.2:4000"), Err(TargetRefusal::Loopback(_))));
        assert!(matches!(check("0.0.0.0:4000"), Err(TargetRefusal::Unspecified(_))));
        assert!(matches!(check("224.0.0.1:4000"), Err(TargetRefusal::Multicast(_))));
    }

    #[test]
    fn loopback_and_link_local_can_be_allowed_but_metadata_cannot() {
        let policy = TargetPolicy { loopback: true, link_local: true, ..TargetPolicy::default() };
        let check = |target: &str| policy.check(target.parse().unwrap());
        assert_eq!(check("127.0.0.1:4000"), Ok(()));
        assert_eq!(check("169.254.1.1:4000"), Ok(()));
        assert!(matches!(check("169.254.169.254:4000"), Err(TargetRefusal::Metadata(_))));
    }
}
