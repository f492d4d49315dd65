//! What a path between two hosts does to traffic, and the count of what it did.

use std::time::Duration;

/// The behaviour of the path from one host to another, the same in both directions.
///
/// The default is a good line: 10 ms each way and nothing else. Probabilities run from 0.0 to 1.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// One-way delay.
    pub latency: Duration,
    /// Up to this much more delay, uniformly. Jitter alone never reorders: a path is a queue.
    pub jitter: Duration,
    /// Probability that a datagram is lost. On a stream it delays a segment by one retransmission instead.
    pub loss: f64,
    /// Probability that a datagram arrives twice.
    pub duplicate: f64,
    /// Probability that a datagram is overtaken: it is held back by `reorder_by`.
    pub reorder: f64,
    /// How long an overtaken datagram is held back.
    pub reorder_by: Duration,
    /// Streams deliver pieces of at most this many units, of random length; `None` keeps every write whole.
    pub segment: Option<usize>,
}

impl Link {
    /// A path without delay or fault.
    pub const PERFECT: Self = Self {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        duplicate: 0.0,
        reorder: 0.0,
        reorder_by: Duration::from_millis(30),
        segment: None,
    };
}

impl Default for Link {
    fn default() -> Self {
        Self { latency: Duration::from_millis(10), ..Self::PERFECT }
    }
}

/// What the network has done so far; each datagram, connection attempt, write and close counts as one `sent`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Handed to the network.
    pub sent: u64,
    /// Handed to a receiver, duplicates and stream pieces each counted.
    pub delivered: u64,
    /// Lost by chance ([`Link::loss`]) or dropped on purpose ([`crate::SimNet::drop_next`]).
    pub lost: u64,
    /// Delivered a second time.
    pub duplicated: u64,
    /// Held back so that later ones overtake.
    pub reordered: u64,
    /// Swallowed by a cut between the two hosts.
    pub cut: u64,
    /// Connection attempts that nobody was listening for.
    pub refused: u64,
    /// Written to, or in flight on, a connection that was gone.
    pub stale: u64,
}
