//! Sites: the home of a set of phones, and how those phones dial.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, MAX_NUMBER_PLANS, NumberPlan, Sink};
use crate::value::{E164, LocationId, Name, Region, SiteId, Text, ZoneName};

/// A site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Identifies the site.
    pub id: SiteId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// Where it is; the location must be available for sites, and its country is the site's.
    pub location: LocationId,
    /// The civil time of the site.
    pub time_zone: ZoneName,
    /// Cloud or Premises; fixed when the site is made.
    pub media_model: MediaModel,
    /// The media regions for WebRTC, most preferred first.
    #[serde(default)]
    pub media_regions: Vec<Region>,
    /// Where relays (TURN) are taken from.
    #[serde(default)]
    pub relay: RelayBehavior,
    /// The number shown when a call of this site leaves with no number of its own.
    pub caller_address: Option<E164>,
    /// The name shown with it.
    pub caller_name: Option<Text>,
    /// Ordered rules for what is dialled: the first match decides. A site made without any gets the defaults of
    /// its country.
    #[serde(default)]
    pub number_plans: Vec<NumberPlan>,
    /// Which engine picks the target of an outbound call.
    #[serde(default)]
    pub routing: RoutingEngine,
    /// The sites whose edges phones of this site register to first; empty means the site itself.
    #[serde(default)]
    pub primary_sites: Vec<SiteId>,
    /// The sites whose edges phones of this site fall back to.
    #[serde(default)]
    pub secondary_sites: Vec<SiteId>,
}

/// Where the media of a site is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaModel {
    /// In the media tier of the cloud.
    Cloud,
    /// On edges at the customer's premises.
    Premises,
}

/// How relay regions are chosen for WebRTC calls that need one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayBehavior {
    /// Any media region set on the site, and no other.
    #[default]
    SiteRegions,
    /// The region with the lowest latency, found by the caller's address.
    LowestLatency,
}

/// The two ways from a dialled number to its trunks (`docs/spec/conflicts.md`, K1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingEngine {
    /// Number plan, classification, outbound route.
    #[default]
    OutboundRoutes,
    /// Patterns of the site's dial plan, or of the global one when the site has none.
    DialPlan,
}

impl Entity for Site {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("location", self.location);
        sink.many("primary_sites", &self.primary_sites);
        sink.many("secondary_sites", &self.secondary_sites);
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.number_plans.len() > MAX_NUMBER_PLANS {
            check.problem("number_plans", "site.too_many_plans", "a site may have at most 200 number plans");
        }
        let plans = &self.number_plans;
        check.distinct("number_plans", plans.iter().map(|plan| plan.id), "two number plans have this id");
        check.distinct(
            "number_plans",
            plans.iter().map(|plan| plan.name.folded()),
            "two number plans have this name",
        );
        for (index, plan) in plans.iter().enumerate() {
            plan.check(&format!("number_plans[{index}]"), check);
        }
        check.distinct("media_regions", &self.media_regions, "a region is listed twice");
        check.distinct("primary_sites", &self.primary_sites, "a site is listed twice");
        check.distinct("secondary_sites", &self.secondary_sites, "a site is listed twice");
        if let Some(both) = self.primary_sites.iter().position(|site| self.secondary_sites.contains(site)) {
            check.problem(
                &format!("primary_sites[{both}]"),
                "site.primary_and_secondary",
                "a site cannot be both primary and secondary",
            );
        }
    }
}
