use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// 32 bytes from which an engine derives everything it must not let others guess.
///
/// A driver fills it once from the operating system; a test fixes it, so that nonces stay the same from run to run.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A seed for one purpose; knowing it tells nothing about this one or those for other purposes.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self::new(self.authenticate(&[purpose.as_bytes()]))
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

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_lengths_are_kept_apart() {
        let seed = Seed::new([7; 32]);
        assert_eq!(seed.derive("a").authenticate(&[]), Seed::new([7; 32]).derive("a").authenticate(&[]));
        assert_ne!(seed.derive("a").authenticate(&[]), seed.derive("b").authenticate(&[]));
        assert_ne!(seed.authenticate(&[b"ab", b"c"]), seed.authenticate(&[b"a", b"bc"]));
        assert_eq!(format!("{seed:?}"), "Seed(***)");
    }
}
