//! The way of one call through the candidates.

use std::fmt;
use std::time::Instant;

use crate::trunk::{Permit, Refusal, TrunkId, Trunks, Urgency};

/// Where a call has got among its candidates, and what became of each. It lives in the call.
#[derive(Debug)]
pub struct Cursor {
    order: Vec<TrunkId>,
    /// The next candidate: index of the trunk, and of its server.
    next: (usize, usize),
    emergency: bool,
    /// The second round of an emergency call: also what looks down.
    last_resort: bool,
    considered: Vec<Considered>,
}

/// A candidate and what became of it. `Display` is a line of the explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// The trunk.
    pub trunk: TrunkId,
    /// Which of its servers, counted from 0.
    pub way: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was not tried.
    Skipped(Refusal),
    /// It is being tried, or carries the call.
    Chosen,
    /// It was tried, and the call moved on.
    MovedOn(String),
    /// It was tried, and the call ended there with this status.
    Stopped(u16),
}

impl Cursor {
    /// Through these trunks in this order.
    pub fn new(order: Vec<TrunkId>, emergency: bool) -> Self {
        Self { order, next: (0, 0), emergency, last_resort: false, considered: Vec::new() }
    }

    /// The next candidate that takes the call; `None` when there is none left.
    pub fn next(&mut self, trunks: &mut Trunks, now: Instant) -> Option<Permit> {
        loop {
            let (index, way) = self.next;
            let Some(&trunk) = self.order.get(index) else {
                if !self.emergency || self.last_resort {
                    return None;
                }
                (self.last_resort, self.next) = (true, (0, 0));
                continue;
            };
            let ways = trunks.get(trunk).map_or(0, |trunk| trunk.ways());
            self.next = if way + 1 < ways { (index, way + 1) } else { (index + 1, 0) };
            if self.last_resort && self.was_tried(trunk, way) {
                continue;
            }
            let urgency = match (self.emergency, self.last_resort) {
                (false, _) => Urgency::Ordinary,
                (true, false) => Urgency::Emergency,
                (true, true) => Urgency::LastResort,
            };
            let admitted = trunks.admit_outbound(trunk, way, urgency, now);
            let outcome = match &admitted {
                Ok(_) => Outcome::Chosen,
                Err(refusal) => {
                    // What is true of the trunk is true of all its servers.
                    if !matches!(refusal, Refusal::Avoided { .. } | Refusal::Overloaded) {
                        self.next = (index + 1, 0);
                    }
                    Outcome::Skipped(refusal.clone())
                }
            };
            self.considered.push(Considered { trunk, way, outcome });
            if let Ok(permit) = admitted {
                return Some(permit);
            }
        }
    }

    /// The candidate chosen last did not take the call.
    pub fn moved_on(&mut self, why: impl Into<String>) {
        self.settle(Outcome::MovedOn(why.into()));
    }

    /// The candidate chosen last ended the call.
    pub fn stopped(&mut self, status: u16) {
        self.settle(Outcome::Stopped(status));
    }

    /// The trunks it leads through, in order.
    pub fn trunks(&self) -> &[TrunkId] {
        &self.order
    }

    /// Every candidate considered so far, and what became of it.
    pub fn considered(&self) -> &[Considered] {
        &self.considered
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(last) = self.considered.iter_mut().rfind(|one| one.outcome == Outcome::Chosen) {
            last.outcome = outcome;
            match last.outcome {
                Outcome::MovedOn(_) => tracing::warn!("call on {last}"),
                Outcome::Stopped(_) | Outcome::Skipped(_) | Outcome::Chosen => {
                    tracing::info!("call on {last}")
                }
            }
        }
    }

    fn was_tried(&self, trunk: TrunkId, way: usize) -> bool {
        let same = |one: &&Considered| (one.trunk, one.way) == (trunk, way);
        self.considered.iter().filter(same).any(|one| !matches!(one.outcome, Outcome::Skipped(_)))
    }
}

impl fmt::Display for Considered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trunk {}", self.trunk)?;
        if self.way > 0 {
            write!(f, ", server {}", self.way + 1)?;
        }
        match &self.outcome {
            Outcome::Skipped(refusal) => write!(f, ": skipped, {refusal}"),
            Outcome::Chosen => f.write_str(": chosen"),
            Outcome::MovedOn(why) => write!(f, ": tried, {why}, moved on"),
            Outcome::Stopped(status) => write!(f, ": tried, ended with {status}"),
        }
    }
}
