//! Trunk groups: trunks that stand in for each other.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink};
use crate::value::{Name, Text, TrunkGroupId, TrunkId};

/// Trunks in order of priority, with the rules for failing over and coming back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkGroup {
    /// Identifies the group.
    pub id: TrunkGroupId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The trunks; priorities are unique, 1 is first.
    pub members: Vec<TrunkGroupMember>,
    /// When the next member is used.
    #[serde(default)]
    pub failover: FailoverType,
    /// When a member that failed is used again.
    #[serde(default)]
    pub recovery: RecoveryType,
}

/// One trunk of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkGroupMember {
    /// The trunk.
    pub trunk: TrunkId,
    /// 1 is first.
    pub priority: u16,
}

/// When the next member of a group is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverType {
    /// On loss of registration, or when a call fails in a way the trunk's retry rules name.
    #[default]
    OnFailure,
}

/// When a member that failed is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryType {
    /// As soon as it is healthy again.
    #[default]
    OnSuccess,
    /// When an administrator says so.
    Never,
}

impl TrunkGroup {
    /// The trunks, first priority first.
    pub fn in_order(&self) -> Vec<TrunkId> {
        let mut members = self.members.clone();
        members.sort_by_key(|member| member.priority);
        members.into_iter().map(|member| member.trunk).collect()
    }
}

impl Entity for TrunkGroup {
    fn references(&self, sink: &mut Sink<'_>) {
        for (index, member) in self.members.iter().enumerate() {
            sink.one(&format!("members[{index}].trunk"), member.trunk);
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.members.is_empty() {
            check.problem("members", "group.empty", "give at least one trunk");
        }
        check.distinct("members", self.members.iter().map(|m| m.trunk), "a trunk is listed twice");
        check.distinct("members", self.members.iter().map(|m| m.priority), "two trunks have one priority");
    }
}
