//! How much an edge carries, and how new calls are spread over a group.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sip_trunk::transport::{Rate, TokenBucket};
use telco_model::entity::EdgeCapacity;
use telco_model::value::EdgeId;

/// Call capacity and calls per second of an edge, for the information panel and for its neighbours.
///
/// Text form, as neighbours tell it: `calls=12;capacity=60;cps=3;max-cps=5;service=in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Calls now.
    pub calls: u32,
    /// Calls it can carry at once.
    pub capacity: u32,
    /// Calls begun in the last second.
    pub calls_per_second: u32,
    /// New calls it can take in a second.
    pub most_per_second: u32,
    /// Whether it takes new calls.
    pub in_service: bool,
}

/// The text is no load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a load is written calls=12;capacity=60;cps=3;max-cps=5;service=in")]
pub struct LoadError;

impl Load {
    /// Calls it could take more; none when it is out of service.
    pub fn free(&self) -> u32 {
        if self.in_service { self.capacity.saturating_sub(self.calls) } else { 0 }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = if self.in_service { "in" } else { "out" };
        let Self { calls, capacity, calls_per_second, most_per_second, .. } = self;
        write!(
            f,
            "calls={calls};capacity={capacity};cps={calls_per_second};max-cps={most_per_second};service={service}"
        )
    }
}

impl FromStr for Load {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let value = |name: &str| {
            let mut parts = text.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find(|(found, _)| *found == name).map(|(_, value)| value).ok_or(LoadError)
        };
        let number = |name: &str| value(name)?.parse().map_err(|_| LoadError);
        Ok(Self {
            calls: number("calls")?,
            capacity: number("capacity")?,
            calls_per_second: number("cps")?,
            most_per_second: number("max-cps")?,
            in_service: match value("service")? {
                "in" => true,
                "out" => false,
                _ => return Err(LoadError),
            },
        })
    }
}

/// Chooses one of several edges for a new call: by chance, in proportion to the capacity each has left. `draw` is 64 random bits.
/// `None` when all are full.
pub fn spread(edges: &[(EdgeId, Load)], draw: u64) -> Option<EdgeId> {
    let free = |load: &Load| u64::from(load.free());
    let all: u64 = edges.iter().map(|(_, load)| free(load)).sum();
    // A multiplication instead of a remainder: no edge is favoured for standing first.
    let mut point = u64::try_from((u128::from(draw) * u128::from(all)) >> 64).unwrap_or(0);
    edges.iter().filter(|(_, load)| load.free() > 0).find_map(|(edge, load)| {
        let here = point < free(load);
        point = point.saturating_sub(free(load));
        here.then_some(*edge)
    })
}

/// Counts calls that begin against what the edge can take.
#[derive(Debug)]
pub(super) struct Meter {
    capacity: EdgeCapacity,
    bucket: TokenBucket,
    /// Calls begun in each tenth of a second, and which tenth each place is for.
    tenths: [(u64, u32); 10],
    start: Instant,
}

impl Meter {
    pub(super) fn new(capacity: EdgeCapacity, now: Instant) -> Self {
        Self { capacity, bucket: TokenBucket::new(now), tenths: [(0, 0); 10], start: now }
    }

    pub(super) fn apply(&mut self, capacity: EdgeCapacity) {
        self.capacity = capacity;
    }

    pub(super) fn has_room(&self, calls: usize) -> bool {
        u32::try_from(calls).is_ok_and(|calls| calls < self.capacity.calls)
    }

    /// Takes one of the new calls of this second; `false` when there is none left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let rate = Rate { events: self.capacity.calls_per_second.into(), per: Duration::from_secs(1) };
        self.bucket.take(rate, now)
    }

    pub(super) fn begun(&mut self, now: Instant) {
        let tenth = self.tenth(now);
        let place = &mut self.tenths[(tenth % 10) as usize];
        *place = if place.0 == tenth { (tenth, place.1 + 1) } else { (tenth, 1) };
    }

    pub(super) fn load(&self, calls: usize, in_service: bool, now: Instant) -> Load {
        let tenth = self.tenth(now);
        let recent = self.tenths.iter().filter(|(of, _)| tenth.saturating_sub(*of) < 10);
        Load {
            calls: u32::try_from(calls).unwrap_or(u32::MAX),
            capacity: self.capacity.calls,
            calls_per_second: recent.map(|(_, begun)| begun).sum(),
            most_per_second: self.capacity.calls_per_second.into(),
            in_service,
        }
    }

    fn tenth(&self, now: Instant) -> u64 {
        // One is added so that the place of a tenth that never was is not taken for the first.
        (now.saturating_duration_since(self.start).as_millis() / 100) as u64 + 1
    }
}
