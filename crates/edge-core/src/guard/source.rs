//! Whom a limit is for.

use std::net::IpAddr;

/// A source as limits count it: one IPv4 address, one /64 of IPv6, because that much belongs to whoever has any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey(u64, bool);

impl SourceKey {
    /// The source of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => Self(u32::from(ip).into(), false),
            IpAddr::V6(ip) => Self((u128::from(ip) >> 64) as u64, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-17: IPv4 addresses are told apart one by one, IPv6 addresses by their /64.
    #[test]
    fn sources_are_addresses_and_networks_of_64_bits() {
        let key = |text: &str| SourceKey::of(text.parse().unwrap());
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("::c000:201"), key("192.0.2.1"));
    }
}
