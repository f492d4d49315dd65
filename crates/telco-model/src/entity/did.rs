//! DID and toll-free numbers: the inventory and who owns what.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, EntityKind, EntityRef, Sink, UniqueKey};
use crate::value::{CallFlowId, DidAssignmentId, DidRangeId, E164, E164Range, Name, PhoneId, Text, UserId};

/// A block of numbers the organization has. Numbers of two ranges never overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DidRange {
    /// Identifies the range.
    pub id: DidRangeId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The numbers, of one country; start and end alike for a single number.
    pub numbers: E164Range,
    /// The carrier the numbers come from.
    pub service_provider: Text,
}

impl Entity for DidRange {
    fn references(&self, _: &mut Sink<'_>) {}

    fn check(&self, check: &mut Check<'_>) {
        if self.numbers.count() > 1_000_000 {
            check.problem("numbers", "range.too_long", "a range may have at most 1000000 numbers");
        }
    }
}

/// Who owns a number: one owner at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DidAssignment {
    /// Identifies the assignment.
    pub id: DidAssignmentId,
    /// The number; it must be in a range.
    pub number: E164,
    /// Its owner.
    pub target: DidTarget,
}

/// What a number may be assigned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DidTarget {
    /// A person.
    User(UserId),
    /// A device.
    Phone(PhoneId),
    /// An inbound call flow.
    CallFlow(CallFlowId),
}

impl Entity for DidAssignment {
    fn references(&self, sink: &mut Sink<'_>) {
        match self.target {
            DidTarget::User(user) => sink.one("target.user", user),
            DidTarget::Phone(phone) => sink.one("target.phone", phone),
            DidTarget::CallFlow(flow) => sink.one("target.call_flow", flow),
        }
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::Did(self.number));
    }
}

impl From<DidTarget> for EntityRef {
    fn from(target: DidTarget) -> Self {
        match target {
            DidTarget::User(id) => id.into(),
            DidTarget::Phone(id) => id.into(),
            DidTarget::CallFlow(id) => id.into(),
        }
    }
}

impl DidTarget {
    /// The kind of the owner.
    pub const fn kind(self) -> EntityKind {
        match self {
            DidTarget::User(_) => EntityKind::User,
            DidTarget::Phone(_) => EntityKind::Phone,
            DidTarget::CallFlow(_) => EntityKind::CallFlow,
        }
    }
}
