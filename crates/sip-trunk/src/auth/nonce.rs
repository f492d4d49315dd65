use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use super::key::Key;

/// What a nonce is bound to: requests of another class cannot use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceClass([u8; 17]);

impl SourceClass {
    /// The class of an address: the address itself for IPv4, its /64 for IPv6.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let mut class = [0; 17];
        match address.to_canonical() {
            IpAddr::V4(ip) => {
                class[0] = 4;
                class[1..5].copy_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                class[0] = 6;
                class[1..9].copy_from_slice(&ip.octets()[..8]);
            }
        }
        Self(class)
    }

    /// A class of the caller's own making, such as a trunk or connection id.
    #[must_use]
    pub fn custom(id: [u8; 16]) -> Self {
        let mut class = [0; 17];
        class[1..].copy_from_slice(&id);
        Self(class)
    }
}

/// Makes nonces that prove by themselves when, where and for whom they were made.
#[derive(Debug)]
pub(super) struct NonceMint {
    key: Key,
    epoch: Instant,
    next: u64,
}

/// What tells nonces apart and orders them by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NonceId {
    /// Milliseconds since the mint was made.
    issued: u64,
    serial: u64,
}

/// Time, serial number and the first half of an HMAC-SHA-256.
const LENGTH: usize = 8 + 8 + 16;

impl NonceMint {
    pub(super) fn new(key: Key, now: Instant) -> Self {
        Self { key, epoch: now, next: 0 }
    }

    pub(super) fn issue(&mut self, realm: &str, source: SourceClass, now: Instant) -> String {
        self.next += 1;
        let id = NonceId { issued: self.millis(now), serial: self.next };
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&id.issued.to_be_bytes());
        bytes[8..16].copy_from_slice(&id.serial.to_be_bytes());
        bytes[16..].copy_from_slice(&self.tag(id, realm, source));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The id of a nonce this mint made for this realm and source.
    pub(super) fn check(&self, nonce: &str, realm: &str, source: SourceClass) -> Option<NonceId> {
        let mut bytes = [0; LENGTH];
        let full = URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) == Ok(LENGTH);
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        let id = NonceId { issued: number(0), serial: number(8) };
        let genuine: bool = self.tag(id, realm, source).ct_eq(&bytes[16..]).into();
        (full && genuine).then_some(id)
    }

    pub(super) fn age(&self, id: NonceId, now: Instant) -> Duration {
        Duration::from_millis(self.millis(now).saturating_sub(id.issued))
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    fn tag(&self, id: NonceId, realm: &str, source: SourceClass) -> [u8; 16] {
        let (issued, serial) = (id.issued.to_be_bytes(), id.serial.to_be_bytes());
        let mac = self.key.authenticate(&[&issued, &serial, &source.0, realm.as_bytes()]);
        std::array::from_fn(|n| mac[n])
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
mod tests {
    use super::*;
    use crate::Seed;

    fn class(address: &str) -> SourceClass {
        SourceClass::of(address.parse().unwrap())
    }

    /// ES-21: a nonce is bound to its source, its realm and its mint, and tells its age.
    #[test]
    fn a_nonce_is_good_only_where_it_was_given() {
        let t0 = Instant::now();
        let mut mint = NonceMint::new(Key::derive(Seed([1; 32]), ""), t0);
        let here = class("192.0.2.1");
        let nonce = mint.issue("r", here, t0 + Duration::from_secs(5));
        let id = mint.check(&nonce, "r", here).unwrap();
        assert_eq!(mint.age(id, t0 + Duration::from_secs(35)), Duration::from_secs(30));
        assert_eq!(mint.age(id, t0), Duration::ZERO);
        assert_eq!(mint.check(&nonce, "r", class("192.0.2.2")), None);
        assert_eq!(mint.check(&nonce, "s", here), None);
        assert_eq!(NonceMint::new(Key::derive(Seed([2; 32]), ""), t0).check(&nonce, "r", here), None);
        assert_ne!(nonce, mint.issue("r", here, t0 + Duration::from_secs(5)));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let t0 = Instant::now();
        let mut mint = NonceMint::new(Key::derive(Seed([1; 32]), ""), t0);
        let here = class("192.0.2.1");
        let nonce = mint.issue("r", here, t0);
        for at in 0..nonce.len() {
            for other in ["A", "B", "_", "=", "é"] {
                let mut forged = nonce.clone();
                forged.replace_range(at..=at, other);
                assert!(forged == nonce || mint.check(&forged, "r", here).is_none(), "{forged}");
            }
        }
        for forged in ["", "AAAA", &nonce[1..], &format!("{nonce}A"), &format!("{nonce}=")] {
            assert_eq!(mint.check(forged, "r", here), None);
        }
    }

    #[test]
    fn ipv6_sources_share_the_class_of_their_network() {
        assert_eq!(class("2001:db8::1"), class("2001:db8::2"));
        assert_ne!(class("2001:db8::1"), class("2001:db8:0:1::1"));
        assert_eq!(class("::ffff:192.0.2.1"), class("192.0.2.1"));
        assert_ne!(SourceClass::custom([0; 16]), class("0.0.0.0"));
    }
}
