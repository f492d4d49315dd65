//! Numbers that come in twice: on two trunks (conflicts K6), or under two rules.

use telco_model::Organization;

use super::{Finding, FindingKind, Row, RowId, Severity};

pub(super) fn audit(organization: &Organization, findings: &mut Vec<Finding>) {
    two_trunks(organization, findings);
    two_rules(organization, findings);
}

fn two_trunks(organization: &Organization, findings: &mut Vec<Finding>) {
    let mut ranges: Vec<_> = organization
        .trunks()
        .flat_map(|trunk| trunk.numbers.iter().map(move |range| (*range, trunk)))
        .collect();
    ranges.sort_by_key(|(range, trunk)| (range.start(), trunk.id));
    for (place, (range, trunk)) in ranges.iter().enumerate() {
        let overlapping = ranges[place + 1..].iter().take_while(|(other, _)| other.start() <= range.end());
        for (other, second) in overlapping.filter(|(_, second)| second.id != trunk.id) {
            let row = |trunk: &telco_model::entity::Trunk| Row {
                id: RowId::Trunk(trunk.id),
                name: trunk.name.to_string(),
            };
            findings.push(Finding {
                kind: FindingKind::NumberOnTwoTrunks,
                severity: Severity::Note,
                site: None,
                rows: vec![row(trunk), row(second)],
                example: other.start().to_string(),
                message: format!(
                    "trunks {} and {} deliver the same number: a call may come in on either, and a flow must not depend on which",
                    trunk.name, second.name
                ),
            });
        }
    }
}

fn two_rules(organization: &Organization, findings: &mut Vec<Finding>) {
    let mut seen = std::collections::BTreeSet::new();
    let numbers = organization
        .inbound_routes()
        .filter(|route| route.enabled)
        .flat_map(|route| route.numbers.iter().copied());
    for number in numbers.filter(|number| seen.insert(*number)) {
        let rules: Vec<_> = organization.inbound_routes_for(number).collect();
        let [first, second, ..] = rules.as_slice() else { continue };
        let row = |route: &telco_model::entity::InboundRoute| Row {
            id: RowId::InboundRoute(route.id),
            name: route.name.to_string(),
        };
        findings.push(Finding {
            kind: FindingKind::TwoInboundRules,
            severity: Severity::Warning,
            site: None,
            rows: vec![row(second), row(first)],
            example: number.to_string(),
            message: format!(
                "inbound rules {} and {} both name {number}: {} decides by its priority, whichever trunk the call comes by",
                first.name, second.name, first.name
            ),
        });
    }
}
