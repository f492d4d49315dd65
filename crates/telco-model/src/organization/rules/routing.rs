//! Rules of outbound routes, dial plans and inbound routes.

use super::trunks;
use crate::{
    entity::{Check, DialPlan, InboundRoute, Match, OutboundRoute, RouteTarget, Site, Trunk, TrunkGroup},
    organization::Organization,
};

pub(super) fn outbound(organization: &Organization, route: &OutboundRoute, check: &mut Check<'_>) {
    if let Some(old) = organization.outbound_route(route.id)
        && old.site != route.site
    {
        check.problem("site", "immutable", "an outbound route stays with its site; make another one there");
    }
    for (index, trunk) in organization.trunks_of(route).into_iter().enumerate() {
        let path = match route.target {
            RouteTarget::Trunks(_) => format!("target.trunks.trunks[{index}]"),
            RouteTarget::TrunkGroup(_) => "target.trunk_group".to_owned(),
        };
        if !trunk.kind.is_external() {
            check.problem(&path, "trunk.not_external", "an outbound route leads to external trunks only");
        }
        trunks::fits_site(organization, trunk, route.site, &path, check);
    }
    if let Some(site) = organization.site(route.site) {
        for classification in &route.classifications {
            if !site.number_plans.iter().any(|plan| plan.classification == *classification) {
                let message = format!("no number plan of the site gives {:?}", classification.as_str());
                check.problem("classifications", "classification.unknown", &message);
            }
        }
    }
    let unproven = || organization.trunks_of(route).into_iter().find(|trunk| !trunk.may_carry_emergency());
    if route.enabled
        && route.emergency_acknowledgement.is_none()
        && carries_emergency(organization, route)
        && let Some(trunk) = unproven()
    {
        let message = format!(
            "trunk {:?} has no record that its carrier handles emergency calls; record it, or acknowledge the risk",
            trunk.name.as_str()
        );
        check.problem("classifications", "emergency.unverified", &message);
    }
}

fn members<'o>(organization: &'o Organization, group: &TrunkGroup) -> Vec<&'o Trunk> {
    group.members.iter().filter_map(|member| organization.trunk(member.trunk)).collect()
}

/// Whether emergency numbers of the site's country take this route, whatever their classification is called.
pub(super) fn carries_emergency(organization: &Organization, route: &OutboundRoute) -> bool {
    let Some(site) = organization.site(route.site) else { return false };
    emergency_classes(organization, site).any(|classification| route.classifications.contains(classification))
}

fn emergency_classes<'o>(
    organization: &'o Organization,
    site: &'o Site,
) -> impl Iterator<Item = &'o crate::value::Classification> {
    let country = organization.location(site.location).map(|location| location.address.country);
    let numbers = country.map_or(&[][..], |country| country.emergency_numbers());
    let plans = site.number_plans.iter().filter(move |plan| {
        let listed = match &plan.matches {
            Match::NumberList(list) => {
                numbers.iter().any(|number| list.iter().any(|range| range.contains(number)))
            }
            Match::DigitLength(_)
            | Match::E164NumberList(_)
            | Match::InterCountryCode(_)
            | Match::IntraCountryCode(_)
            | Match::Regex(_) => false,
        };
        listed || plan.classification.is_emergency()
    });
    plans.map(|plan| &plan.classification)
}

pub(super) fn dial_plan(organization: &Organization, plan: &DialPlan, check: &mut Check<'_>) {
    let Some(site) = plan.site else { return };
    for (index, pattern) in plan.patterns.iter().enumerate() {
        let Some(group) = organization.trunk_group(pattern.trunk_group) else { continue };
        for trunk in members(organization, group) {
            trunks::fits_site(organization, trunk, site, &format!("patterns[{index}].trunk_group"), check);
        }
    }
}

pub(super) fn inbound(organization: &Organization, route: &InboundRoute, check: &mut Check<'_>) {
    for number in route.numbers.iter().filter(|number| organization.did_range_of(**number).is_none()) {
        check.problem(
            "numbers",
            "number.not_in_inventory",
            &format!("{number} is in no DID range; add the range first"),
        );
    }
}
