//! Pairs of ports for media: even for RTP, the next one for RTCP.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand_core::RngCore as _;
use thiserror::Error;

use crate::Seed;

/// A range of ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// A range that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PortRangeError {
    /// Below 1024.
    #[error("port {0} is below 1024; start the range at 1024 or higher")]
    Reserved(u16),
    /// No even port with its successor fits in.
    #[error("{0} to {1} holds no pair of an even port and the next; widen the range")]
    Empty(u16, u16),
}

impl PortRange {
    /// What trunks use: 10000–20000.
    pub const TRUNK: Self = Self { first: 10_000, last: 20_000 };
    /// What phones use: 4000 and up.
    pub const PHONE: Self = Self { first: 4000, last: 65_535 };
    /// What emergency-service trunks use: 30000–60000.
    pub const EMERGENCY: Self = Self { first: 30_000, last: 60_000 };

    /// A range from `first` to `last`.
    ///
    /// # Errors
    /// See [`PortRangeError`].
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        let range = Self { first, last };
        if first < 1024 {
            return Err(PortRangeError::Reserved(first));
        }
        if range.pairs().next().is_none() { Err(PortRangeError::Empty(first, last)) } else { Ok(range) }
    }

    /// The even ports whose successor is in the range too.
    pub fn pairs(self) -> impl Iterator<Item = u16> {
        let first = u32::from(self.first).next_multiple_of(2);
        (first..u32::from(self.last)).step_by(2).filter_map(|port| u16::try_from(port).ok())
    }
}

/// Hands out port pairs in random order, and lets a returned pair rest before it is used again.
///
/// Rest keeps the late packets of one call out of the next; random order keeps strangers from guessing.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    taken: Vec<u16>,
    quarantine: Duration,
}

impl PortPool {
    /// All pairs of a range, with the time a returned pair rests.
    #[must_use]
    pub fn new(range: PortRange, quarantine: Duration, seed: Seed) -> Self {
        Self::of_pairs(range.pairs(), quarantine, seed)
    }

    /// Certain pairs only, named by their even ports: those a program has bound beforehand.
    #[must_use]
    pub fn of_pairs(pairs: impl IntoIterator<Item = u16>, quarantine: Duration, seed: Seed) -> Self {
        let mut rng = seed.into_rng();
        let mut pairs: Vec<u16> = pairs.into_iter().collect();
        for i in (1..pairs.len()).rev() {
            pairs.swap(i, rng.next_u32() as usize % (i + 1));
        }
        Self { free: pairs.into(), resting: VecDeque::new(), taken: Vec::new(), quarantine }
    }

    /// How many pairs could be taken now.
    pub fn available(&mut self, now: Instant) -> usize {
        while let Some((_, port)) = self.resting.front().copied().filter(|(until, _)| *until <= now) {
            self.resting.pop_front();
            self.free.push_back(port);
        }
        self.free.len()
    }

    /// A pair to use: its even port. `None` when all are taken or resting.
    pub fn take(&mut self, now: Instant) -> Option<u16> {
        self.available(now);
        let port = self.free.pop_front()?;
        self.taken.insert(self.taken.partition_point(|p| *p < port), port);
        Some(port)
    }

    /// Gives a pair back. A port that is not taken is ignored, so that no pair is ever handed out twice.
    pub fn release(&mut self, port: u16, now: Instant) {
        if let Ok(at) = self.taken.binary_search(&port) {
            self.taken.remove(at);
            self.resting.push_back((now + self.quarantine, port));
        }
    }

    /// Takes in a pair that was used elsewhere: it rests first.
    pub fn admit(&mut self, port: u16, now: Instant) {
        self.resting.push_back((now + self.quarantine, port));
    }

    /// Pairs that are taken.
    pub fn taken(&self) -> impl Iterator<Item = u16> {
        self.taken.iter().copied()
    }

    /// Pairs that rest.
    pub fn resting(&self) -> impl Iterator<Item = u16> {
        self.resting.iter().map(|(_, port)| *port)
    }

    /// Drops a pair that another program holds: it could not be bound.
    pub fn discard(&mut self, port: u16) {
        if let Ok(at) = self.taken.binary_search(&port) {
            self.taken.remove(at);
        }
    }

    /// Pairs free at once, resting, and taken.
    #[must_use]
    pub fn usage(&self) -> (usize, usize, usize) {
        (self.free.len(), self.resting.len(), self.taken.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// MR-001: ports from 1024 to 65535, phones start at 4000; anything else is refused.
    #[test]
    fn ranges_are_checked() {
        assert_eq!(PortRange::PHONE.pairs().next(), Some(4000));
        assert!(PortRange::new(1024, 65_535).is_ok());
        assert_eq!(PortRange::new(1023, 2000), Err(PortRangeError::Reserved(1023)));
        assert_eq!(PortRange::new(0, 2000), Err(PortRangeError::Reserved(0)));
        assert_eq!(PortRange::new(2001, 2002), Err(PortRangeError::Empty(2001, 2002)));
        assert_eq!(PortRange::new(3000, 2000), Err(PortRangeError::Empty(3000, 2000)));
        assert_eq!(PortRange::new(65_534, 65_535).unwrap().pairs().collect::<Vec<_>>(), [65_534]);
    }

    /// MR-007, MR-012: the ranges of trunks and of emergency trunks are as documented, and pairs stay inside.
    #[test]
    fn each_peer_has_its_range() {
        for (range, first, last) in
            [(PortRange::TRUNK, 10_000, 20_000), (PortRange::EMERGENCY, 30_000, 60_000)]
        {
            let mut pool = PortPool::new(range, Duration::ZERO, Seed([5; 32]));
            let mut ports: Vec<_> = std::iter::from_fn(|| pool.take(origin())).collect();
            ports.sort_unstable();
            ports.dedup();
            assert_eq!(ports.len(), usize::from(last - first) / 2);
            assert!(ports.iter().all(|p| p.is_multiple_of(2) && *p >= first && *p < last));
        }
    }

    #[test]
    fn a_returned_pair_rests() {
        let now = origin();
        let rest = Duration::from_secs(10);
        let mut pool = PortPool::new(PortRange::new(2000, 2003).unwrap(), rest, Seed([6; 32]));
        let (one, two) = (pool.take(now).unwrap(), pool.take(now).unwrap());
        assert_eq!(pool.take(now), None);
        pool.release(one, now);
        pool.release(one, now);
        pool.release(9999, now);
        assert_eq!((pool.usage(), pool.take(now)), ((0, 1, 1), None));
        assert_eq!(pool.take(now + rest), Some(one));
        pool.discard(two);
        assert_eq!(pool.usage(), (0, 0, 1));
    }
}
