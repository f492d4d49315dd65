//! Called numbers and extensions of an organization.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use numplan::{ExtensionDecision, FindingKind, InboundMiss, audit, resolve_extension, resolve_inbound};
use serde_json::json;
use support::entity;
use telco_model::Organization;
use telco_model::entity::{
    CallFlow, DidAssignment, DidRange, DidTarget, Division, ExtensionPool, InboundRoute, Trunk, User,
};
use telco_model::value::{CallFlowId, InboundRouteId, NumberKind, UserId};

fn acme() -> Organization {
    let trunk = |name: &str| {
        entity::<Trunk>(json!({
            "id": format!("@{name}"), "name": name, "kind": "byoc_carrier", "in_service": true,
            "servers": ["sip.carrier.example.com:5060"], "termination": name, "numbers": ["+13175550100 to +13175550109"],
        }))
    };
    let rule = |name: &str, flow: &str, priority: u16| {
        entity::<InboundRoute>(json!({
            "id": format!("@{name}"), "name": name, "numbers": ["+13175550105"], "call_flow": flow, "priority": priority,
        }))
    };
    let entities = vec![
        entity::<Division>(json!({ "id": "@home", "name": "Home" })),
        entity::<User>(json!({
            "id": "@ana", "name": "Ana", "email": "ana@example.com", "division": "@home",
            "phones": [{ "kind": "work", "extension": "4100" }],
        })),
        entity::<CallFlow>(json!({ "id": "@main", "name": "Main menu", "steps": [] })),
        entity::<CallFlow>(json!({ "id": "@night", "name": "Night", "steps": [] })),
        entity::<DidRange>(json!({
            "id": "@block", "name": "US block", "numbers": "+13175550100 to +13175550109", "service_provider": "CarrierA",
        })),
        entity::<DidRange>(json!({
            "id": "@tollfree", "name": "Toll-free", "numbers": "+18005550199", "service_provider": "CarrierA",
        })),
        entity::<DidAssignment>(
            json!({ "id": "@d1", "number": "+13175550101", "target": { "user": "@ana" } }),
        ),
        entity::<DidAssignment>(
            json!({ "id": "@d2", "number": "+18005550199", "target": { "call_flow": "@main" } }),
        ),
        entity::<ExtensionPool>(
            json!({ "id": "@pool", "name": "Pool", "division": "@home", "start": "4100", "end": "4199" }),
        ),
        trunk("primary"),
        trunk("failover"),
        rule("day", "@main", 2),
        rule("night", "@night", 1),
    ];
    Organization::from_entities(entities, "2026-03-02T10:00:00Z".parse().unwrap()).unwrap()
}

fn called(number: &str) -> numplan::InboundDecision {
    resolve_inbound(&acme(), number.parse().unwrap())
}

/// NP-025: a called number leads to its owner; toll-free numbers work the same way.
#[test]
fn a_called_number_leads_to_its_owner() {
    assert_eq!(called("+13175550101").target, Ok(DidTarget::User(UserId::labelled("ana"))));
    let toll_free = called("+18005550199");
    assert_eq!(toll_free.target, Ok(DidTarget::CallFlow(CallFlowId::labelled("main"))));
    assert_eq!(toll_free.kind, NumberKind::TollFree);
    assert_eq!(called("+13175550102").target, Err(InboundMiss::Unassigned));
    assert_eq!(called("+13175550110").target, Err(InboundMiss::NotInInventory));
}

/// NP-026: with two rules for one number the priority of the rule decides, and the pair is reported.
#[test]
fn the_priority_of_the_rule_decides() {
    let decision = called("+13175550105");
    assert_eq!(decision.target, Ok(DidTarget::CallFlow(CallFlowId::labelled("night"))));
    let order: Vec<_> = decision.rules.iter().map(|rule| rule.id).collect();
    assert_eq!(order, [InboundRouteId::labelled("night"), InboundRouteId::labelled("day")]);
    let found = audit(&acme());
    let twice = found.iter().find(|finding| finding.kind == FindingKind::TwoInboundRules).unwrap();
    assert_eq!(twice.example, "+13175550105");
    assert!(twice.message.starts_with("inbound rules night and day both name +13175550105: night decides"));
    assert!(
        found.iter().any(
            |finding| finding.kind == FindingKind::NumberOnTwoTrunks && finding.example == "+13175550100"
        )
    );
}

/// NP-025: the extension directory knows who is pending, who is active, and why nobody answers.
#[test]
fn extensions_have_a_state() {
    let acme = acme();
    let at = |digits: &str, now: &str| resolve_extension(&acme, digits, now.parse().unwrap());
    let ana = UserId::labelled("ana");
    let active_at = "2026-03-02T11:00:00Z".parse().unwrap();
    assert_eq!(at("4100", "2026-03-02T10:59:59Z"), Some(ExtensionDecision::Pending { user: ana, active_at }));
    assert_eq!(at("4100", "2026-03-02T11:00:00Z"), Some(ExtensionDecision::Active(ana)));
    assert_eq!(at("4199", "2026-03-02T11:00:00Z"), Some(ExtensionDecision::Unassigned));
    assert_eq!(at("4200", "2026-03-02T11:00:00Z"), Some(ExtensionDecision::NotInPool));
    assert_eq!(at("12", "2026-03-02T11:00:00Z"), None);
}
