//! What every engine of this crate takes and gives: randomness and deadlines.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher};
use std::time::Instant;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::endpoint::{Input, Output};

/// Randomness of an engine: 32 bytes from the operating system in a program, fixed ones in a test. `Debug` masks it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A seed of its own for a part of an engine.
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.derive_bytes(purpose.as_bytes()))
    }

    fn derive_bytes(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

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

/// A protocol engine over sockets: what a driver runs and a simulation tests.
///
/// After every call the outputs are taken until there are none, then the engine sleeps until the next input or
/// [`next_timeout`](Self::next_timeout).
pub trait Engine {
    /// What it tells its user.
    type Event;

    /// Takes what happened outside.
    fn handle_input(&mut self, input: Input, now: Instant);

    /// Runs what is due.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing to do or to know.
    fn poll_output(&mut self) -> Option<Output<Self::Event>>;

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    fn next_timeout(&self) -> Option<Deadline>;

    /// A panic has cut short what the driver was doing with the engine; the driver has caught it and goes on. What the engine knows of
    /// the thing it was about may be half changed: give that up. Nothing is given up unless overridden.
    fn recover(&mut self, _fault: &Fault, _now: Instant) {}
}

/// A panic that a driver has caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was being done.
    pub during: During,
    /// What the panic said.
    pub message: String,
}

/// What was being done when a panic was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum During {
    /// These bytes of a datagram or a connection were being handled, and what followed from them. The connection is closed.
    Bytes(Bytes),
    /// Other news of the network was being handled.
    Input,
    /// Timers that were due.
    Timeout,
    /// A command of the program.
    Command,
    /// What the engine wanted done, or the function its events go to.
    Output,
    /// The life of one connection, TLS included. The connection is closed.
    Connection,
    /// A question to the resolver. It is answered as failed.
    Lookup,
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "the handling of a message",
            Self::Input => "the handling of network news",
            Self::Timeout => "the handling of timers",
            Self::Command => "a command",
            Self::Output => "an output",
            Self::Connection => "the life of a connection",
            Self::Lookup => "a look-up",
        })
    }
}

/// Hashes under a secret, so that peers who choose the keys cannot choose where they land in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedState([u8; 16]);

impl KeyedState {
    pub(crate) fn new(seed: &Seed) -> Self {
        let mut secret = [0; 16];
        secret.copy_from_slice(&seed.0[..16]);
        Self(secret)
    }

    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self([7; 16])
    }
}

impl BuildHasher for KeyedState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher
    }
}

/// Numbers and names nobody can guess: HMAC of a counter under the seed.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: Seed,
    count: u64,
    block: [u8; 32],
    used: usize,
}

impl Tokens {
    /// `purpose` keeps generators of one seed apart.
    pub(crate) fn new(seed: &Seed, purpose: &str) -> Self {
        Self { key: seed.derive(purpose), count: 0, block: [0; 32], used: 32 }
    }

    /// 64 random bits.
    pub(crate) fn number(&mut self) -> u64 {
        if self.used + 8 > self.block.len() {
            self.count += 1;
            self.block = self.key.derive_bytes(&self.count.to_be_bytes());
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_be_bytes(bytes)
    }

    /// A number below `bound`, which is at least 1; the bias is below 2⁻³² for any 32-bit bound.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u32
    }

    /// 100 random bits as 20 letters and digits, fit for branches, tags and Call-IDs.
    pub(crate) fn push(&mut self, text: &mut String) {
        const SYMBOLS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        for mut bits in [self.number(), self.number()] {
            for _ in 0..10 {
                text.push(char::from(SYMBOLS[(bits & 31) as usize]));
                bits >>= 5;
            }
        }
    }

    /// The same as a text of its own.
    pub(crate) fn token(&mut self) -> String {
        let mut text = String::with_capacity(20);
        self.push(&mut text);
        text
    }
}
