//! Emergency numbers: known, unaltered, and only on trunks whose carrier was verified (conflicts K7; 47 CFR §9.16).

use telco_model::Organization;
use telco_model::entity::{Match, Site};
use telco_model::value::CountryCode;

use super::{Finding, FindingKind, Row, RowId, Severity, plan_row, route_row};
use crate::chance::Chance;
use crate::dialled::Dialled;
use crate::site::{Outcome, SitePlan};

pub(super) fn audit(organization: &Organization, site: &Site, plan: &SitePlan, findings: &mut Vec<Finding>) {
    let country = organization.country_of(site.id);
    let mut report = |kind, severity, rows: Vec<Row>, example: &str, message: String| {
        findings.push(Finding {
            kind,
            severity,
            site: Some(site.id),
            rows,
            example: example.to_owned(),
            message,
        });
    };
    for number in &plan.home.emergency_numbers {
        let Ok(dialled) = Dialled::parse(number) else { continue };
        let Ok(classified) = plan.plans.classify(&dialled) else {
            let message = format!("no number plan of site {} knows the emergency number {number}", site.name);
            report(FindingKind::EmergencyUnknown, Severity::Blocking, Vec::new(), number, message);
            continue;
        };
        let decider = &plan.plans.all()[classified.plan];
        if classified.address.as_str() != number {
            let message = format!(
                "number plan {} of site {} changes {number} to {}",
                decider.name, site.name, classified.address
            );
            report(FindingKind::AlteredEmergency, altered(country), vec![plan_row(decider)], number, message);
        }
        let decision = plan.route(&dialled, &classified, &mut Chance::new([0; 32]));
        let (row, acknowledged, trunks) = match &decision.outcome {
            Outcome::Route { route, trunks } => {
                let entity = organization.outbound_route(route.id);
                (
                    Some(route_row(route)),
                    entity.is_some_and(|r| r.emergency_acknowledgement.is_some()),
                    trunks,
                )
            }
            Outcome::Pattern { trunks, .. } => (None, false, trunks),
            Outcome::Internal | Outcome::NoRoute(_) => continue,
        };
        for trunk in trunks.iter().filter(|trunk| !covers(organization, trunk.id, number)) {
            let severity = if acknowledged { Severity::Warning } else { Severity::Blocking };
            let message = format!(
                "{number} dialled at site {} may leave by trunk {}, whose carrier is not recorded as verified for emergency calls",
                site.name, trunk.name
            );
            let trunk = Row { id: RowId::Trunk(trunk.id), name: trunk.name.to_string() };
            report(
                FindingKind::UnverifiedEmergency,
                severity,
                row.iter().cloned().chain([trunk]).collect(),
                number,
                message,
            );
        }
    }
    prefixes(site, plan, country, &mut report);
}

fn covers(organization: &Organization, trunk: telco_model::value::TrunkId, number: &str) -> bool {
    let Some(trunk) = organization.trunk(trunk) else { return false };
    !trunk.kind.is_external() || trunk.emergency.as_ref().is_some_and(|verified| verified.covers(number))
}

/// In the United States the law forbids a prefix; elsewhere it is only unwise.
fn altered(country: Option<CountryCode>) -> Severity {
    if country == Some(CountryCode::US) { Severity::Blocking } else { Severity::Warning }
}

/// Emergency plans that list an emergency number with something in front of it, such as `9911`.
fn prefixes(
    site: &Site,
    plan: &SitePlan,
    country: Option<CountryCode>,
    report: &mut impl FnMut(FindingKind, Severity, Vec<Row>, &str, String),
) {
    for (source, compiled) in site.number_plans.iter().zip(plan.plans.all()) {
        let Match::NumberList(ranges) = &source.matches else { continue };
        if !source.classification.is_emergency() {
            continue;
        }
        for listed in ranges.iter().map(|range| range.first().to_string()) {
            let behind = |number: &String| listed.len() > number.len() && listed.ends_with(number.as_str());
            if let Some(number) = plan.home.emergency_numbers.iter().find(|number| behind(number)) {
                let message = format!(
                    "number plan {} of site {} takes {listed}: people must reach {number} without a prefix",
                    compiled.name, site.name
                );
                report(
                    FindingKind::AlteredEmergency,
                    altered(country),
                    vec![plan_row(compiled)],
                    &listed,
                    message,
                );
            }
        }
    }
}
