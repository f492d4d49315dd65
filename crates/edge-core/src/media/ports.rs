//! The ports media may use: bound by the driver before the first call, handed out by the call engine.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use media_rtp::Seed;
use media_rtp::relay::PortPool;

/// A range of ports on one address: 0 is the edge's, any other the one that begins with this port, of trunks that have their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u16);

/// The ports of one range that are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Which range.
    pub id: PoolId,
    /// The address they are bound on.
    pub bind: IpAddr,
    /// The address peers are told when this host is behind NAT.
    pub advertised: Option<IpAddr>,
    /// The even ports of the pairs, in any order.
    pub ports: Vec<u16>,
}

/// A pair of ports in use: RTP here, RTCP at the next port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaAddress {
    /// From which range.
    pub pool: PoolId,
    /// Where the RTP socket is bound.
    pub bound: SocketAddr,
    /// What descriptions say: the public address behind NAT.
    pub advertised: SocketAddr,
}

/// Hands out pairs, in random order, and lets each rest after use.
#[derive(Debug)]
pub struct MediaPorts {
    /// The ports of each in order.
    pools: Vec<(Pool, PortPool)>,
    /// Pairs in use that were taken before the ranges changed.
    lent: BTreeSet<SocketAddr>,
    seed: Seed,
}

impl MediaPorts {
    /// How long a pair rests: late packets of one call must not reach the next.
    pub const REST: Duration = Duration::from_secs(5);

    /// So many pairs of a range, and no more than a sixteenth of it, are kept for emergency calls.
    pub const KEPT: usize = 8;

    /// All pairs the driver has bound.
    #[must_use]
    pub fn new(pools: Vec<Pool>, seed: &Seed) -> Self {
        let mut ports = Self { pools: Vec::new(), lent: BTreeSet::new(), seed: seed.clone() };
        ports.pools = pools.into_iter().map(|pool| ports.shuffled(pool, &BTreeSet::new())).collect();
        ports
    }

    /// Hands out these pairs from now on. Pairs in use stay with their calls, whatever range they were of, and rest before anybody
    /// else gets them.
    pub fn apply(&mut self, pools: Vec<Pool>, now: Instant) {
        let mut resting = BTreeSet::new();
        for (pool, pairs) in &self.pools {
            let at = |port| SocketAddr::new(pool.bind, port);
            self.lent.extend(pairs.taken().map(at));
            resting.extend(pairs.resting().map(at));
        }
        self.pools = pools.into_iter().map(|pool| self.shuffled(pool, &resting)).collect();
        resting.into_iter().for_each(|pair| self.admit(pair, now));
    }

    /// A pair of this range, or of the default range when there is none of that number. `None` when all are in use but those that are
    /// kept for emergency calls.
    pub fn take(&mut self, pool: PoolId, now: Instant) -> Option<MediaAddress> {
        let (_, pairs) = self.find(pool)?;
        let (free, resting, used) = pairs.usage();
        let kept = ((free + resting + used) / 16).min(Self::KEPT);
        if pairs.available(now) > kept { self.hand_out(pool, now) } else { None }
    }

    fn hand_out(&mut self, pool: PoolId, now: Instant) -> Option<MediaAddress> {
        let (pool, pairs) = self.find(pool)?;
        let port = pairs.take(now)?;
        let bound = SocketAddr::new(pool.bind, port);
        let advertised = SocketAddr::new(pool.advertised.unwrap_or(pool.bind), port);
        Some(MediaAddress { pool: pool.id, bound, advertised })
    }

    /// The same for an emergency call, which is not held back while any range has a pair.
    pub fn take_for_emergency(&mut self, pool: PoolId, now: Instant) -> Option<MediaAddress> {
        let ranges: Vec<_> = self.pools.iter().map(|(pool, _)| pool.id).collect();
        std::iter::once(pool).chain(ranges).find_map(|pool| self.hand_out(pool, now))
    }

    /// Gives a pair back.
    pub fn release(&mut self, address: &MediaAddress, now: Instant) {
        if self.lent.remove(&address.bound) {
            self.admit(address.bound, now);
        } else if let Some((_, pairs)) = self.holder(address.bound) {
            pairs.release(address.bound.port(), now);
        }
    }

    /// Gives back every pair but these: no call has them.
    pub fn keep(&mut self, used: &BTreeSet<SocketAddr>, now: Instant) {
        for (pool, pairs) in &mut self.pools {
            let unused = |port: &u16| !used.contains(&SocketAddr::new(pool.bind, *port));
            let lost: Vec<_> = pairs.taken().filter(unused).collect();
            lost.into_iter().for_each(|port| pairs.release(port, now));
        }
        let lost: Vec<_> = self.lent.difference(used).copied().collect();
        for pair in lost {
            self.lent.remove(&pair);
            self.admit(pair, now);
        }
    }

    /// Pairs free, resting and in use, of all ranges.
    #[must_use]
    pub fn usage(&self) -> (usize, usize, usize) {
        self.pools
            .iter()
            .map(|(_, pairs)| pairs.usage())
            .fold((0, 0, self.lent.len()), |sum, (free, resting, used)| {
                (sum.0 + free, sum.1 + resting, sum.2 + used)
            })
    }

    fn find(&mut self, id: PoolId) -> Option<&mut (Pool, PortPool)> {
        let at = |id: PoolId| self.pools.iter().position(|(pool, _)| pool.id == id);
        let at = at(id).or_else(|| at(PoolId::default()))?;
        self.pools.get_mut(at)
    }

    /// The range a pair is of.
    fn holder(&mut self, pair: SocketAddr) -> Option<&mut (Pool, PortPool)> {
        self.pools
            .iter_mut()
            .find(|(pool, _)| pool.bind == pair.ip() && pool.ports.binary_search(&pair.port()).is_ok())
    }

    /// A pair was in use until now.
    fn admit(&mut self, pair: SocketAddr, now: Instant) {
        if let Some((_, pairs)) = self.holder(pair) {
            pairs.admit(pair.port(), now);
        }
    }

    /// The pairs of a range that nobody has.
    fn shuffled(&self, mut pool: Pool, resting: &BTreeSet<SocketAddr>) -> (Pool, PortPool) {
        pool.ports.sort_unstable();
        let mut seed = self.seed.clone();
        seed.0.iter_mut().zip(pool.id.0.to_be_bytes()).for_each(|(byte, id)| *byte ^= id);
        let is_free = |port: &u16| {
            let pair = SocketAddr::new(pool.bind, *port);
            !self.lent.contains(&pair) && !resting.contains(&pair)
        };
        let pairs = PortPool::of_pairs(pool.ports.iter().copied().filter(is_free), Self::REST, seed);
        (pool, pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(id: u16, ports: &[u16]) -> Pool {
        let advertised = Some("203.0.113.5".parse().unwrap());
        Pool { id: PoolId(id), bind: "10.0.0.5".parse().unwrap(), advertised, ports: ports.to_vec() }
    }

    /// ST-038: behind NAT, what peers are told is the public address, and the port is the one that is bound.
    #[test]
    fn pairs_carry_the_public_address() {
        let now = telco_testkit::Clock::new().now();
        let mut ports = MediaPorts::new(vec![pool(0, &[10_000])], &Seed([1; 32]));
        let address = ports.take(PoolId(0), now).unwrap();
        assert_eq!(address.bound, "10.0.0.5:10000".parse().unwrap());
        assert_eq!(address.advertised, "203.0.113.5:10000".parse().unwrap());
        assert_eq!(ports.take(PoolId(0), now), None);
        ports.release(&address, now);
        assert_eq!(ports.take(PoolId(0), now), None, "it rests");
        assert_eq!(ports.take(PoolId(0), now + MediaPorts::REST), Some(address));
    }

    /// K5: a new configuration moves a boundary between two ranges and the address of a third while pairs are in use: they stay with
    /// their calls, and no pair is given twice.
    #[test]
    fn ranges_change_under_running_calls() {
        let now = telco_testkit::Clock::new().now();
        let mut ports = MediaPorts::new(vec![pool(0, &[10_000, 10_002, 10_004])], &Seed([1; 32]));
        let used: Vec<_> = (0..2).map(|_| ports.take(PoolId(0), now).unwrap()).collect();
        let resting = ports.take(PoolId(0), now).unwrap();
        ports.release(&resting, now);
        let own = PoolId(10_002);
        ports.apply(vec![pool(0, &[10_000]), pool(10_002, &[10_002, 10_004, 10_006])], now);
        assert_eq!(ports.usage(), (1, 1, 2));
        assert_eq!(ports.take(own, now).unwrap().bound.port(), 10_006, "the only one that is new");
        assert_eq!((ports.take(own, now), ports.take(PoolId(0), now)), (None, None));
        used.iter().for_each(|address| ports.release(address, now));
        let later = now + MediaPorts::REST;
        let mut again: Vec<_> =
            [own, own, PoolId(0)].map(|id| ports.take(id, later).unwrap().bound.port()).into();
        again.sort_unstable();
        assert_eq!(again, [10_000, 10_002, 10_004]);
        ports.apply(Vec::new(), later);
        assert_eq!((ports.take(own, later), ports.usage().2), (None, 4));
    }

    /// ES-44: ordinary calls leave some pairs of a range to emergency calls.
    #[test]
    fn some_pairs_are_kept_for_emergencies() {
        let now = telco_testkit::Clock::new().now();
        let all: Vec<u16> = (0..48).map(|n| 10_000 + 2 * n).collect();
        let mut ports = MediaPorts::new(vec![pool(0, &all)], &Seed([1; 32]));
        let ordinary: Vec<_> = std::iter::from_fn(|| ports.take(PoolId(0), now)).collect();
        assert_eq!(ordinary.len(), 45);
        let urgent: Vec<_> = std::iter::from_fn(|| ports.take_for_emergency(PoolId(0), now)).collect();
        assert_eq!(urgent.len(), 3);
        ordinary[..4].iter().for_each(|address| ports.release(address, now));
        let later = now + MediaPorts::REST;
        assert!(ports.take(PoolId(0), later).is_some() && ports.take(PoolId(0), later).is_none());
    }

    /// ES-01: pairs that were taken for nobody come back, and rest; those of calls stay with them, whatever range they were of.
    #[test]
    fn pairs_that_no_call_has_come_back() {
        let now = telco_testkit::Clock::new().now();
        let mut ports = MediaPorts::new(vec![pool(0, &[10_000, 10_002])], &Seed([1; 32]));
        let before: Vec<_> = (0..2).map(|_| ports.take(PoolId(0), now).unwrap()).collect();
        ports.apply(vec![pool(0, &[10_000, 10_002, 10_004, 10_006])], now);
        let after: Vec<_> = (0..2).map(|_| ports.take(PoolId(0), now).unwrap()).collect();
        let used = [before[0].bound, after[0].bound].into();
        ports.keep(&used, now);
        assert_eq!(ports.usage(), (0, 2, 2));
        ports.release(&before[0], now);
        ports.release(&after[0], now);
        assert_eq!(ports.usage(), (0, 4, 0));
    }

    /// ST-036: a trunk with a port range of its own uses that, everybody else the default one.
    #[test]
    fn ranges_are_kept_apart() {
        let now = telco_testkit::Clock::new().now();
        let mut ports = MediaPorts::new(vec![pool(0, &[10_000]), pool(1, &[30_000])], &Seed([1; 32]));
        assert_eq!(ports.take(PoolId(1), now).unwrap().bound.port(), 30_000);
        assert_eq!(ports.take(PoolId(9), now).unwrap().bound.port(), 10_000);
        assert_eq!(ports.usage(), (0, 0, 2));
    }
}
