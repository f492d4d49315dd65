//! Bounds on handshakes in progress, as a policy without sockets.
//!
//! Before a peer is authenticated it may cost neither memory without bound nor time without end: a handshake has five
//! seconds, an address twenty at once, and when all places are taken the oldest gives way.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Identifies one handshake in progress; never reused within a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateId(u64);

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// From the first octet to the finished handshake; 5 s.
    pub deadline: Duration,
    /// Handshakes in progress; 1,024.
    pub pending: usize,
    /// Of those, from one address; 20.
    pub per_address: usize,
    /// Octets a peer may send before the handshake is finished; 128 KiB.
    pub octets: usize,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(5), pending: 1_024, per_address: 20, octets: 128 * 1024 }
    }
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateRefusal {
    /// The address has its share already.
    TooManyFromAddress,
}

/// A handshake to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateEvent {
    /// The deadline has passed.
    Expired(GateId),
    /// All places were taken and this one was the oldest.
    Evicted(GateId),
    /// The peer sent too much.
    Flooded(GateId),
}

/// When [`HandshakeGate::handle_timeout`] has something to do, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The time.
    pub at: Instant,
    /// The reason.
    pub why: &'static str,
}

struct Pending {
    address: IpAddr,
    begun: Instant,
    octets: usize,
}

/// The handshakes in progress of one listener.
pub struct HandshakeGate {
    limits: GateLimits,
    next: u64,
    /// In order of admission, which is the order of deadlines.
    pending: BTreeMap<GateId, Pending>,
    by_address: BTreeMap<IpAddr, usize>,
    events: VecDeque<GateEvent>,
}

impl HandshakeGate {
    /// Nothing in progress.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            next: 0,
            pending: BTreeMap::new(),
            by_address: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Admits a connection just accepted; with all places taken, the oldest handshake is evicted for it.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Result<GateId, GateRefusal> {
        if self.by_address.get(&address).is_some_and(|count| *count >= self.limits.per_address) {
            return Err(GateRefusal::TooManyFromAddress);
        }
        if self.pending.len() >= self.limits.pending
            && let Some((oldest, _)) = self.pending.first_key_value()
        {
            let oldest = *oldest;
            self.remove(oldest);
            self.events.push_back(GateEvent::Evicted(oldest));
        }
        let id = GateId(self.next);
        self.next += 1;
        self.pending.insert(id, Pending { address, begun: now, octets: 0 });
        *self.by_address.entry(address).or_default() += 1;
        Ok(id)
    }

    /// Counts octets received before the handshake is finished.
    pub fn received(&mut self, id: GateId, octets: usize) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        pending.octets = pending.octets.saturating_add(octets);
        if pending.octets > self.limits.octets {
            self.remove(id);
            self.events.push_back(GateEvent::Flooded(id));
        }
    }

    /// The handshake is over, well or badly.
    pub fn finished(&mut self, id: GateId) {
        self.remove(id);
    }

    /// Handshakes in progress.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Expires what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((id, pending)) = self.pending.first_key_value() {
            if now < pending.begun + self.limits.deadline {
                return;
            }
            let id = *id;
            self.remove(id);
            self.events.push_back(GateEvent::Expired(id));
        }
    }

    /// The next connection to close.
    pub fn poll_output(&mut self) -> Option<GateEvent> {
        self.events.pop_front()
    }

    /// When the oldest handshake expires.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let (_, oldest) = self.pending.first_key_value()?;
        Some(Deadline { at: oldest.begun + self.limits.deadline, why: "handshake deadline" })
    }

    fn remove(&mut self, id: GateId) {
        let Some(pending) = self.pending.remove(&id) else { return };
        if let Some(count) = self.by_address.get_mut(&pending.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&pending.address);
            }
        }
    }
}
