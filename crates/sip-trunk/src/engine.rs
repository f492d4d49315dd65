//! What every engine of this crate takes and gives: randomness and deadlines.

use std::fmt;
use std::time::Instant;

/// Randomness of an engine: 32 bytes from the operating system in a program, fixed ones in a test. `Debug` masks it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// When an engine wants its `handle_timeout` called, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// For logs and tests.
    pub why: &'static str,
}
