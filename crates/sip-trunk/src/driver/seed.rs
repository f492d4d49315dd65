//! Randomness of the operating system.

use std::io;

use crate::Seed;

/// A fresh seed for an engine.
///
/// # Errors
/// The system has no randomness to give.
pub fn system_seed() -> io::Result<Seed> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Seed(bytes))
}
