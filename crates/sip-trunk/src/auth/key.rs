use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Seed;

/// A key for one purpose, derived from the seed of an engine; it tells nothing about the keys for other purposes.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(super) fn derive(seed: Seed, purpose: &str) -> Self {
        let root = Self(Zeroizing::new(seed.0));
        Self(Zeroizing::new(root.authenticate(&[purpose.as_bytes()])))
    }

    /// HMAC-SHA-256 over `parts`, each preceded by its length.
    pub(super) fn authenticate(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as Mac>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_lengths_are_kept_apart() {
        let key = |purpose| Key::derive(Seed([7; 32]), purpose);
        assert_eq!(key("a").authenticate(&[]), key("a").authenticate(&[]));
        assert_ne!(key("a").authenticate(&[]), key("b").authenticate(&[]));
        assert_ne!(key("a").authenticate(&[b"ab", b"c"]), key("a").authenticate(&[b"a", b"bc"]));
        assert_eq!(format!("{:?}", key("a")), "Key(***)");
    }
}
