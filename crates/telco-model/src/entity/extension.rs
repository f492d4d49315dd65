//! Extension pools, and when a new extension can be dialled.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink};
use crate::value::{DivisionId, Extension, ExtensionPoolId, Name, Text, UserId};

/// A block of internal numbers. No extension is in two pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionPool {
    /// Identifies the pool.
    pub id: ExtensionPoolId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The division whose administrators manage it.
    pub division: DivisionId,
    /// The first extension.
    pub start: Extension,
    /// The last extension, as long as the first; absent for a single one.
    pub end: Option<Extension>,
}

impl ExtensionPool {
    /// The last extension.
    pub fn last(&self) -> Extension {
        self.end.unwrap_or(self.start)
    }

    /// Whether the extension belongs to the pool.
    pub fn contains(&self, extension: Extension) -> bool {
        extension.len() == self.start.len() && self.start <= extension && extension <= self.last()
    }
}

impl Entity for ExtensionPool {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("division", self.division);
    }

    fn check(&self, check: &mut Check<'_>) {
        let last = self.last();
        if last.len() != self.start.len() {
            check.problem("end", "pool.length", "start and end must have the same number of digits");
        } else if last < self.start {
            check.problem("end", "pool.order", "the pool must not end before it starts");
        } else if last.value() - self.start.value() >= 100_000 {
            check.problem("end", "pool.too_long", "a pool may have at most 100000 extensions");
        }
    }
}

/// An extension in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionAssignment {
    /// The extension.
    pub extension: Extension,
    /// Who has it.
    pub user: UserId,
    /// Since when.
    pub assigned: Timestamp,
}

/// How long Dial By Extension may take to know a new extension.
pub const PROPAGATION_LIMIT: SignedDuration = SignedDuration::from_mins(60);

/// Whether Dial By Extension knows an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Propagation {
    /// Perhaps not yet; certainly at the given time.
    Pending(Timestamp),
    /// Yes.
    Active,
}

impl ExtensionAssignment {
    /// Whether the extension is certainly known to Dial By Extension at `now`.
    pub fn propagation(&self, now: Timestamp) -> Propagation {
        match self.assigned.checked_add(PROPAGATION_LIMIT) {
            Ok(active) if now < active => Propagation::Pending(active),
            _ => Propagation::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TM-040: a new extension is pending, and active after at most 60 minutes.
    #[test]
    fn propagation_ends_after_an_hour() {
        let assigned: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let one = ExtensionAssignment {
            extension: "4100".parse().unwrap(),
            user: UserId::labelled("ana"),
            assigned,
        };
        let at = |text: &str| one.propagation(text.parse().unwrap());
        let active = "2026-03-02T11:00:00Z".parse().unwrap();
        assert_eq!(at("2026-03-02T10:00:00Z"), Propagation::Pending(active));
        assert_eq!(at("2026-03-02T10:59:59Z"), Propagation::Pending(active));
        assert_eq!(at("2026-03-02T11:00:00Z"), Propagation::Active);
    }
}
