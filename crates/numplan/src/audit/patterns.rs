//! Dial plans: patterns that lead past a failover group, and trunks they may not use.

use telco_model::Organization;
use telco_model::entity::{DialPlan, RoutePattern};

use super::{Finding, FindingKind, Row, RowId, Severity};

pub(super) fn audit(organization: &Organization, findings: &mut Vec<Finding>) {
    for plan in organization.dial_plans() {
        bypasses(organization, plan, findings);
        unlinked(organization, plan, findings);
    }
}

/// BYOC guide, "Specificity Conflicts": `+1.800` to another group while `+1.*` goes to the failover group.
fn bypasses(organization: &Organization, plan: &DialPlan, findings: &mut Vec<Finding>) {
    for (specific_at, specific) in plan.patterns.iter().enumerate() {
        let prefix = specific.pattern.prefix();
        let general = plan.patterns.iter().enumerate().filter(|(_, general)| {
            let shorter = general.pattern.prefix();
            prefix.len() > shorter.len()
                && prefix.starts_with(&shorter)
                && general.trunk_group != specific.trunk_group
        });
        // The nearest more general pattern is the one an administrator expects to decide.
        let Some((general_at, general)) = general.max_by_key(|(_, general)| general.pattern.prefix().len())
        else {
            continue;
        };
        let members = |route: &RoutePattern| {
            organization.trunk_group(route.trunk_group).map_or(0, |group| group.members.len())
        };
        let loses_failover = members(specific) < 2 && members(general) >= 2;
        let name = |route: &RoutePattern| {
            let group = organization.trunk_group(route.trunk_group);
            group.map(|group| group.name.to_string()).unwrap_or_default()
        };
        let message = format!(
            "in dial plan {}, {} goes to trunk group {} and bypasses {}, where {} leads{}",
            plan.name,
            specific.pattern,
            name(specific),
            name(general),
            general.pattern,
            if loses_failover { "; those calls have no failover" } else { "" }
        );
        let row = |at, route: &RoutePattern| Row {
            id: RowId::Pattern(plan.id, at),
            name: route.pattern.to_string(),
        };
        findings.push(Finding {
            kind: FindingKind::BypassedTrunkGroup,
            severity: if loses_failover { Severity::Warning } else { Severity::Note },
            site: plan.site,
            rows: vec![row(specific_at, specific), row(general_at, general)],
            example: example(&prefix),
            message,
        });
    }
}

fn unlinked(organization: &Organization, plan: &DialPlan, findings: &mut Vec<Finding>) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, route) in plan.patterns.iter().enumerate() {
        let Some(group) = organization.trunk_group(route.trunk_group) else { continue };
        for trunk in group.in_order().into_iter().filter_map(|id| organization.trunk(id)) {
            if trunk.dial_plan.is_none() && seen.insert(trunk.id) {
                findings.push(Finding {
                    kind: FindingKind::UnlinkedTrunk,
                    severity: Severity::Warning,
                    site: plan.site,
                    rows: vec![
                        Row { id: RowId::Trunk(trunk.id), name: trunk.name.to_string() },
                        Row { id: RowId::Pattern(plan.id, at), name: route.pattern.to_string() },
                    ],
                    example: example(&route.pattern.prefix()),
                    message: format!(
                        "trunk {} of group {} is linked to no dial plan and gets no outbound calls, registered or not",
                        trunk.name, group.name
                    ),
                });
            }
        }
    }
}

/// A number under a prefix, as long as numbers usually are.
fn example(prefix: &str) -> String {
    let wanted = if prefix.starts_with('+') { 12 } else { 10 };
    let filler = "2025550199".chars().cycle().take(usize::saturating_sub(wanted, prefix.len()));
    prefix.chars().chain(filler).collect()
}
