//! Plans that never match, classifications nobody carries, numbers nobody knows.

use telco_model::Organization;
use telco_model::entity::{Match, RoutingEngine, Site};

use super::witness::witnesses;
use super::{Finding, FindingKind, Row, RowId, Severity, plan_row, route_row};
use crate::dialled::Dialled;
use crate::plans::{Plan, Unclassified};
use crate::site::{SitePlan, is_extension};

pub(super) fn audit(organization: &Organization, site: &Site, plan: &SitePlan, findings: &mut Vec<Finding>) {
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
    for (place, (source, compiled)) in site.number_plans.iter().zip(plan.plans.all()).enumerate() {
        let witnesses = witnesses(source, plan.home.country);
        let matched = witnesses.iter().filter_map(|number| Some((number, Dialled::parse(number).ok()?)));
        let own: Vec<_> =
            matched.filter(|(_, dialled)| plan.plans.matcher(place).ask(dialled).is_ok()).collect();
        let taken: Vec<_> = own
            .iter()
            .filter_map(|(number, dialled)| {
                Some((*number, plan.plans.first(dialled).filter(|first| *first < place)?))
            })
            .collect();
        if let Some((number, earlier)) = taken.first() {
            let (winner, rows) =
                (&plan.plans.all()[*earlier], |winner: &Plan| vec![plan_row(compiled), plan_row(winner)]);
            if taken.len() == own.len() {
                let message = format!(
                    "number plan {} of site {} never decides: {} stands above it and takes its numbers",
                    compiled.name, site.name, winner.name
                );
                report(FindingKind::ShadowedPlan, Severity::Warning, rows(winner), number, message);
            } else if matches!(source.matches, Match::NumberList(_) | Match::E164NumberList(_)) {
                let message = format!(
                    "number plan {} of site {} lists {number}, but {} stands above it and takes that number",
                    compiled.name, site.name, winner.name
                );
                report(FindingKind::ShadowedNumber, Severity::Warning, rows(winner), number, message);
            }
        }
        for (number, dialled) in &own {
            if let Err(fault @ (Unclassified::Rewriting { .. } | Unclassified::Circle { .. })) =
                plan.plans.classify(dialled)
            {
                let message = format!("at site {}: {fault}", site.name);
                report(
                    FindingKind::BrokenRewriting,
                    Severity::Blocking,
                    vec![plan_row(compiled)],
                    number,
                    message,
                );
                break;
            }
        }
        let carried = plan
            .routes
            .iter()
            .any(|route| route.enabled && route.classifications.contains(&compiled.classification));
        if plan.engine == RoutingEngine::OutboundRoutes && !carried && !is_extension(&compiled.classification)
        {
            let message = format!(
                "no enabled outbound route of site {} carries {}, which number plan {} gives",
                site.name, compiled.classification, compiled.name
            );
            let example = witnesses.first().map(String::as_str).unwrap_or_default();
            report(
                FindingKind::ClassificationWithoutRoute,
                Severity::Warning,
                vec![plan_row(compiled)],
                example,
                message,
            );
        }
    }
    for route in &plan.routes {
        let given = plan.classifications();
        for classification in
            route.classifications.iter().filter(|classification| !given.contains(classification))
        {
            let message = format!(
                "outbound route {} carries {classification}, which no number plan of site {} gives",
                route.name, site.name
            );
            report(FindingKind::RouteWithoutPlan, Severity::Warning, vec![route_row(route)], "", message);
        }
    }
    for pool in organization.extension_pools() {
        let example = pool.start.to_string();
        let message = match Dialled::parse(&example)
            .ok()
            .and_then(|dialled| plan.plans.classify(&dialled).ok())
        {
            None => {
                format!("no number plan of site {} knows the extensions of pool {}", site.name, pool.name)
            }
            Some(classified) if !is_extension(&plan.plans.all()[classified.plan].classification) => format!(
                "extensions of pool {} dialled at site {} are classified {} by number plan {}, not as extensions",
                pool.name,
                site.name,
                plan.plans.all()[classified.plan].classification,
                plan.plans.all()[classified.plan].name
            ),
            Some(_) => continue,
        };
        let row = Row { id: RowId::ExtensionPool(pool.id), name: pool.name.to_string() };
        report(FindingKind::ExtensionUnknown, Severity::Warning, vec![row], &example, message);
    }
    for range in organization.did_ranges() {
        let example = range.numbers.start().to_string();
        let known = Dialled::parse(&example).is_ok_and(|dialled| plan.plans.classify(&dialled).is_ok());
        if !known {
            let message =
                format!("no number plan of site {} knows the numbers of range {}", site.name, range.name);
            let row = Row { id: RowId::Number(range.numbers.start()), name: range.name.to_string() };
            report(FindingKind::NumberUnknown, Severity::Warning, vec![row], &example, message);
        }
    }
}
