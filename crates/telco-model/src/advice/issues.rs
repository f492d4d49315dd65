//! Issues: what is valid, but will hurt.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{DEPRECATIONS, NamePattern};
use crate::{entity::*, organization::Organization};

/// Something that should be known or mended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub target: EntityRef,
    /// What, for programs.
    pub code: String,
    /// What, for people, with what to do.
    pub message: String,
}

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Calls may fail.
    Warning,
    /// Worth knowing.
    Notice,
}

/// Capacities within one group may differ by this factor before it is told.
const SIMILAR: f64 = 1.25;

impl Issue {
    /// The issue in one line, with the name of what it is about: `warning: trunk CarrierA_BYOCCarrier_Prod: no SIP …`.
    pub fn in_words(&self, organization: &Organization) -> String {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        let kind = self.target.kind().as_str().replace('_', " ");
        let entity = organization.get(self.target);
        let name = entity.map_or_else(|| self.target.to_string(), |entity| entity.label().into_owned());
        format!("{severity}: {kind} {name}: {}", self.message)
    }
}

impl Organization {
    /// Everything worth knowing, warnings first. `now` decides what has ended or is about to.
    pub fn issues(&self, now: Timestamp) -> Vec<Issue> {
        let mut found = Issues { organization: self, now, list: Vec::new() };
        found.sites();
        found.trunks();
        found.edge_groups();
        found.phones_and_numbers();
        found.deprecations();
        found.names();
        found.list.sort();
        found.list
    }
}

struct Issues<'o> {
    organization: &'o Organization,
    now: Timestamp,
    list: Vec<Issue>,
}

impl Issues<'_> {
    fn warn(&mut self, target: impl Into<EntityRef>, code: &str, message: String) {
        self.list.push(Issue {
            severity: Severity::Warning,
            target: target.into(),
            code: code.into(),
            message,
        });
    }

    fn notice(&mut self, target: impl Into<EntityRef>, code: &str, message: String) {
        self.list.push(Issue {
            severity: Severity::Notice,
            target: target.into(),
            code: code.into(),
            message,
        });
    }

    fn sites(&mut self) {
        let organization = self.organization;
        for site in organization.sites() {
            let options = organization.settings().map(|settings| &settings.options);
            if options.is_some_and(|options| !options.iter().any(|o| o.media_model() == site.media_model)) {
                let message = "the organization has no telephony option with this site's media model";
                self.warn(site.id, "site.deployment", message.into());
            }
            if let Some(location) = organization.location(site.location)
                && !(location.verified && location.emergency_number.is_some())
            {
                let message = format!(
                    "location {:?} is not verified, or has no emergency number",
                    location.name.as_str()
                );
                self.warn(site.id, "emergency.location", message);
            }
            if site.routing == RoutingEngine::DialPlan && organization.dial_plan_of(site.id).is_none() {
                self.warn(
                    site.id,
                    "site.no_dial_plan",
                    "there is no dial plan for this site; add one".into(),
                );
            }
            if site.routing == RoutingEngine::OutboundRoutes {
                for plan in &site.number_plans {
                    let class = &plan.classification;
                    let internal = matches!(class.as_str(), "Extension" | "Network");
                    if !internal && organization.outbound_route_for(site.id, class).is_none() {
                        let message = format!("no enabled outbound route carries {:?}", class.as_str());
                        self.notice(site.id, "classification.no_route", message);
                    }
                }
            }
        }
        for route in organization.outbound_routes().filter(|route| route.emergency_acknowledgement.is_some())
        {
            let message =
                "emergency calls leave by a carrier not verified for them, acknowledged by an administrator";
            self.warn(route.id, "emergency.acknowledged", message.into());
        }
    }

    fn trunks(&mut self) {
        let organization = self.organization;
        for trunk in organization.trunks().filter(|trunk| trunk.kind.is_external()) {
            if trunk.in_service && trunk.access.allow.is_empty() {
                let message = "no SIP access control; list the carrier's signalling addresses";
                self.warn(trunk.id, "trunk.no_acl", message.into());
            }
            if trunk.access.allow.iter().any(|block| block.is_everything()) {
                self.warn(trunk.id, "trunk.open_acl", "SIP access control admits every address".into());
            }
            if trunk.identity.address_override.is_some() {
                let message =
                    "the address override method is superseded by prioritized caller selection (April 2022)";
                self.notice(trunk.id, "identity.legacy", message.into());
            }
        }
    }

    fn edge_groups(&mut self) {
        let organization = self.organization;
        let limit = organization.settings().map_or(u16::MAX, |settings| settings.edge_group_latency_ms);
        for group in organization.edge_groups() {
            for link in group.links.iter().filter(|link| link.latency_ms > limit) {
                let name = |id| organization.edge(id).map_or("?", |edge| edge.name.as_str());
                let (from, to, latency) = (name(link.from), name(link.to), link.latency_ms);
                let message =
                    format!("{from} and {to} are {latency} ms apart, more than {limit} ms; split the group");
                self.warn(group.id, "group.latency", message);
            }
            let calls: Vec<u32> = organization
                .edges_of(group.id)
                .filter(|edge| edge.in_service)
                .map(|edge| edge.capacity.calls)
                .collect();
            let (Some(most), Some(least)) = (calls.iter().max(), calls.iter().min()) else { continue };
            if f64::from(*most) > f64::from(*least) * SIMILAR {
                let message = format!("capacities differ from {least} to {most} calls; keep them similar");
                self.notice(group.id, "group.capacity", message);
            }
            let left: u64 = calls.iter().copied().map(u64::from).sum::<u64>() - u64::from(*most);
            let demand = group.peak_calls.map_or(1, u64::from);
            if left < demand {
                let message =
                    format!("with one edge lost {left} calls can be carried, {demand} are needed (N+1)");
                self.warn(group.id, "group.n_plus_1", message);
            }
        }
    }

    fn phones_and_numbers(&mut self) {
        let organization = self.organization;
        for phone in organization.phones() {
            let cloud =
                organization.site(phone.site).is_some_and(|site| site.media_model == MediaModel::Cloud);
            if cloud && matches!(phone.category, PhoneCategory::Unmanaged(_)) {
                let message = "generic SIP phones are not compatible with Genesys Cloud Voice and BYOC Cloud";
                self.notice(phone.id, "phone.incompatible", message.into());
            }
        }
        let mut lengths =
            organization.sites().flat_map(|site| &site.number_plans).filter_map(|plan| match &plan.matches {
                Match::DigitLength(length) if plan.classification.as_str() == "Extension" => Some(*length),
                Match::DigitLength(_)
                | Match::E164NumberList(_)
                | Match::InterCountryCode(_)
                | Match::IntraCountryCode(_)
                | Match::NumberList(_)
                | Match::Regex(_) => None,
            });
        let shortest_and_longest = lengths.next().map(|first| {
            lengths
                .fold((first.from, first.to), |(from, to), length| (from.max(length.from), to.min(length.to)))
        });
        for pool in organization.extension_pools() {
            if let Some((from, to)) = shortest_and_longest
                && !(from..=to).contains(&pool.start.len())
            {
                let message = format!(
                    "not every site's Extension plan ({from} to {to} digits) matches these extensions"
                );
                self.notice(pool.id, "pool.length", message);
            }
        }
    }

    fn deprecations(&mut self) {
        let organization = self.organization;
        let today = self.now.to_zoned(TimeZone::UTC).date();
        let tell = |index: usize| {
            let what = &DEPRECATIONS[index];
            let tense = if today < what.ends { "ends" } else { "ended" };
            format!("{} {tense} on {}; {}", what.what, what.ends, what.instead)
        };
        for edge in organization.edges().filter(|edge| edge.solution == HardwareSolution::GenesysHardware) {
            self.warn(edge.id, "deprecated.hardware", tell(0));
        }
        for site in organization.sites().filter(|site| site.media_model == MediaModel::Premises) {
            self.notice(site.id, "deprecated.survivability", tell(1));
        }
        for authority in organization.certificate_authorities() {
            let Some(end) = authority.not_after else { continue };
            let days = end.duration_since(self.now).as_hours() / 24;
            if days < 30 {
                let message = if end <= self.now {
                    format!("expired on {end}")
                } else {
                    format!("expires in {days} days")
                };
                self.warn(authority.id, "certificate.expiry", message);
            }
        }
    }

    fn names(&mut self) {
        let organization = self.organization;
        let mut check = |target: EntityRef, pattern: NamePattern, name: &str| {
            if let Err(unconventional) = pattern.check(name) {
                self.notice(target, "name.convention", format!("{name:?}: {unconventional}"));
            }
        };
        for site in organization.sites() {
            check(site.id.into(), NamePattern::Site, site.name.as_str());
        }
        for trunk in organization.trunks() {
            check(trunk.id.into(), NamePattern::Trunk, trunk.name.as_str());
        }
        for group in organization.trunk_groups() {
            check(group.id.into(), NamePattern::TrunkGroup, group.name.as_str());
        }
        for edge in organization.edges() {
            check(edge.id.into(), NamePattern::Edge, edge.name.as_str());
        }
        for group in organization.edge_groups() {
            check(group.id.into(), NamePattern::EdgeGroup, group.name.as_str());
        }
        for pool in organization.extension_pools() {
            check(pool.id.into(), NamePattern::ExtensionPool, pool.name.as_str());
        }
        for settings in organization.base_settings_profiles().filter(|s| s.category == CategoryName::Webrtc) {
            check(settings.id.into(), NamePattern::WebrtcBaseSettings, settings.name.as_str());
        }
    }
}
