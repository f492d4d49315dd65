//! Dial plans: patterns that lead straight to a trunk group.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink, UniqueKey};
use crate::value::{DialPattern, DialPlanId, Name, SiteId, Text, TrunkGroupId};

/// A set of route patterns, for every site or for one. There is at most one global plan and one per site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialPlan {
    /// Identifies the dial plan.
    pub id: DialPlanId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The site it belongs to; none makes it the global plan.
    pub site: Option<SiteId>,
    /// The patterns. On overlap the most specific one wins; among equals the lowest priority value.
    pub patterns: Vec<RoutePattern>,
}

/// One pattern of a dial plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePattern {
    /// What it matches.
    pub pattern: DialPattern,
    /// Where matching calls go.
    pub trunk_group: TrunkGroupId,
    /// 1 is first among equally specific patterns.
    pub priority: u16,
}

impl Entity for DialPlan {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.optional("site", self.site);
        for (index, route) in self.patterns.iter().enumerate() {
            sink.one(&format!("patterns[{index}].trunk_group"), route.trunk_group);
        }
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::name(self));
        keys.push(UniqueKey::DialPlanOf(self.site));
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.patterns.len() > 1000 {
            check.problem("patterns", "dial_plan.too_many", "a dial plan may have at most 1000 patterns");
        }
        check.distinct(
            "patterns",
            self.patterns.iter().map(|route| (&route.pattern, route.priority)),
            "a pattern is listed twice with one priority",
        );
    }
}
