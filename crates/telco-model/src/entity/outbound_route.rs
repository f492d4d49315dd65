//! Outbound routes: from a classification to trunks.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink, UniqueKey};
use crate::value::{Classification, Name, OutboundRouteId, SiteId, Text, TrunkGroupId, TrunkId};

/// One way out of a site. Among the enabled routes of a site a classification is used once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundRoute {
    /// Identifies the route.
    pub id: OutboundRouteId,
    /// Name, unique in its site.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The site whose calls it carries.
    pub site: SiteId,
    /// What it carries.
    pub classifications: BTreeSet<Classification>,
    /// Where to.
    pub target: RouteTarget,
    /// Whether it is in use.
    #[serde(default)]
    pub enabled: bool,
    /// Why emergency calls may leave over a trunk whose carrier was not verified for them; without it such a route
    /// is refused.
    pub emergency_acknowledgement: Option<Text>,
}

/// Where a route leads (`docs/spec/conflicts.md`, K2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    /// External trunks, chosen by the distribution pattern.
    Trunks(TrunkList),
    /// A trunk group, with its own failover and recovery.
    TrunkGroup(TrunkGroupId),
}

/// External trunks in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkList {
    /// The trunks; the order counts when the distribution is sequential.
    pub trunks: Vec<TrunkId>,
    /// How one is chosen.
    #[serde(default)]
    pub distribution: Distribution,
}

/// How a route chooses among its trunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// In order: the next trunk when one is at capacity or fails.
    #[default]
    Sequential,
    /// A random trunk for each call, then the others.
    Random,
}

impl Entity for OutboundRoute {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("site", self.site);
        match &self.target {
            RouteTarget::Trunks(list) => sink.many("target.trunks.trunks", &list.trunks),
            RouteTarget::TrunkGroup(group) => sink.one("target.trunk_group", *group),
        }
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::RouteName(self.site, self.name.folded().into()));
        if self.enabled {
            keys.extend(self.classifications.iter().map(|c| UniqueKey::RouteOf(self.site, c.clone())));
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.classifications.is_empty() {
            check.problem("classifications", "route.no_classification", "give at least one classification");
        }
        if let RouteTarget::Trunks(list) = &self.target {
            if list.trunks.is_empty() {
                check.problem("target.trunks.trunks", "route.no_trunk", "give at least one external trunk");
            }
            check.distinct("target.trunks.trunks", &list.trunks, "a trunk is listed twice");
        }
    }
}
