//! The only source of randomness: 32 bytes from the caller.

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// 32 unpredictable bytes that feed the keys, identifiers and starting values of one engine.
///
/// Take them from the operating system in the driver; tests use fixed bytes. `Debug` hides them.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    pub(crate) fn into_rng(self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(***)")
    }
}
