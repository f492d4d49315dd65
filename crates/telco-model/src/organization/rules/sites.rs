//! Rules of locations, sites and the organization's settings.

use std::collections::BTreeSet;

use crate::{
    entity::{Check, Location, Match, OrganizationSettings, OutboundRoute, Site, Transport},
    organization::Organization,
    value::{CountryCode, LocationId},
};

pub(super) fn location(organization: &Organization, location: &Location, check: &mut Check<'_>) {
    let mut seen = BTreeSet::from([location.id]);
    let mut next = location.parent;
    while let Some(parent) = next {
        if !seen.insert(parent) {
            check.problem("parent", "reference.cycle", "a location cannot be part of itself");
            break;
        }
        next = organization.location(parent).and_then(|place| place.parent);
    }
    if !location.available_for_sites
        && let Some(site) = organization.referring::<Site>(location.id).next()
    {
        let message =
            format!("site {:?} is here; move it before closing the location to sites", site.name.as_str());
        check.problem("available_for_sites", "location.in_use", &message);
    }
}

pub(super) fn site(organization: &Organization, site: &Site, check: &mut Check<'_>) {
    if let Some(old) = organization.site(site.id)
        && old.media_model != site.media_model
    {
        check.problem("media_model", "immutable", "the media model cannot be changed after a site was made");
    }
    available(organization, site.location, check);
    regions(organization, site, check);
    emergency_plans(organization, site, check);
    let classes: BTreeSet<_> = site.number_plans.iter().map(|plan| &plan.classification).collect();
    for route in organization.referring::<OutboundRoute>(site.id) {
        for classification in route.classifications.iter().filter(|c| !classes.contains(c)) {
            let (class, route) = (classification.as_str(), route.name.as_str());
            let message =
                format!("no number plan gives {class:?} any more, which outbound route {route:?} carries");
            check.problem("number_plans", "plan.in_use", &message);
        }
    }
}

fn available(organization: &Organization, id: LocationId, check: &mut Check<'_>) {
    if let Some(location) = organization.location(id)
        && !location.available_for_sites
    {
        let message =
            format!("location {:?} is not available for sites; flag it first", location.name.as_str());
        check.problem("location", "location.not_for_sites", &message);
    }
}

fn regions(organization: &Organization, site: &Site, check: &mut Check<'_>) {
    let Some(settings) = organization.settings() else { return };
    for (index, region) in site.media_regions.iter().enumerate() {
        if *region != settings.region && !settings.media_regions.contains(region) {
            let message =
                format!("{region} is neither the organization's region nor one of its media regions");
            check.problem(&format!("media_regions[{index}]"), "region.unknown", &message);
        }
    }
}

/// In the United States the emergency number is dialled as it is, without a prefix (47 CFR §9.16(b)(1)).
fn emergency_plans(organization: &Organization, site: &Site, check: &mut Check<'_>) {
    let country = organization.location(site.location).map(|location| location.address.country);
    if country != Some(CountryCode::US) {
        return;
    }
    for (index, plan) in
        site.number_plans.iter().enumerate().filter(|(_, plan)| plan.classification.is_emergency())
    {
        if let Match::NumberList(list) = &plan.matches {
            let prefixed = |digit: u8| list.iter().any(|range| range.contains(&format!("{digit}911")));
            if (0..=9).any(prefixed) {
                let message = "911 must be dialled without a prefix; list 911 itself";
                check.problem(&format!("number_plans[{index}].match"), "emergency.prefixed", message);
            }
        }
    }
}

pub(super) fn settings(organization: &Organization, settings: &OrganizationSettings, check: &mut Check<'_>) {
    if settings.require_tls {
        for trunk in organization.trunks().filter(|t| t.kind.is_external() && t.transport != Transport::Tls) {
            let message = format!("trunk {:?} does not use TLS; change it first", trunk.name.as_str());
            check.problem("require_tls", "trunk.tls_required", &message);
        }
    }
    for site in organization.sites() {
        for region in &site.media_regions {
            if *region != settings.region && !settings.media_regions.contains(region) {
                let message = format!("site {:?} uses region {region}", site.name.as_str());
                check.problem("media_regions", "region.in_use", &message);
            }
        }
    }
}
