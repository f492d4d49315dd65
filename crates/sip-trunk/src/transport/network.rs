//! Address ranges, and the unit in which sources are counted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// A range of addresses: `203.0.113.0/24`, `2001:db8::/32`, or one address.
///
/// ```
/// use sip_trunk::transport::Network;
/// let carrier: Network = "203.0.113.0/24".parse()?;
/// assert!(carrier.contains("203.0.113.7".parse()?));
/// assert!(carrier.contains("::ffff:203.0.113.7".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The part before the slash is no address.
    #[error("the address is neither IPv4 nor IPv6")]
    Address,
    /// The part behind the slash is no number, or larger than the address is long.
    #[error("the prefix length is not between 0 and 32, or 128 for IPv6")]
    Prefix,
    /// Bits behind the prefix are set, so that the range meant is unclear.
    #[error("bits behind the prefix are set: write the first address of the range")]
    HostBits,
}

impl Network {
    /// The range of all addresses that share the first `prefix` bits of `address`.
    ///
    /// # Errors
    /// [`NetworkError::Prefix`], [`NetworkError::HostBits`].
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        if prefix > width(address) {
            return Err(NetworkError::Prefix);
        }
        if masked(address, prefix) != address {
            return Err(NetworkError::HostBits);
        }
        Ok(Self { address, prefix })
    }

    /// Whether an address is in the range; an IPv4 address counts also when written as IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }

    /// The unit one peer is expected to control: an IPv4 address, or an IPv6 /64 (ES-17).
    pub fn unit_of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { 32 } else { 64 };
        Self { address: masked(address, prefix), prefix }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: width(address) }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) =
            text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        match prefix {
            None => Ok(address.into()),
            Some(prefix) => Self::new(address, prefix.parse().map_err(|_| NetworkError::Prefix)?),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if self.prefix < width(self.address) { write!(f, "/{}", self.prefix) } else { Ok(()) }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Result<Network, NetworkError> {
        text.parse()
    }

    #[test]
    fn ranges_and_single_addresses_are_read() {
        for (range, inside, outside) in [
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "::1", "127.0.0.1"),
        ] {
            let range: Network = range.parse().unwrap();
            assert!(range.contains(inside.parse().unwrap()), "{range} {inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{range} {outside}");
            assert_eq!(range.to_string().parse(), Ok(range));
        }
    }

    #[test]
    fn unclear_ranges_are_refused() {
        assert_eq!(network("203.0.113.7/24"), Err(NetworkError::HostBits));
        assert_eq!(network("203.0.113.0/33"), Err(NetworkError::Prefix));
        assert_eq!(network("carrier.example"), Err(NetworkError::Address));
        assert_eq!(network("::1/x"), Err(NetworkError::Prefix));
    }

    /// ES-17: sources are counted by IPv4 address and by IPv6 /64.
    #[test]
    fn sources_are_counted_by_the_unit_one_peer_controls() {
        let unit = |text: &str| Network::unit_of(text.parse().unwrap());
        assert_eq!(unit("2001:db8::1"), unit("2001:db8::ffff:1"));
        assert_ne!(unit("2001:db8::1"), unit("2001:db8:0:1::1"));
        assert_ne!(unit("192.0.2.1"), unit("192.0.2.2"));
        assert_eq!(unit("::ffff:192.0.2.1"), unit("192.0.2.1"));
    }
}
