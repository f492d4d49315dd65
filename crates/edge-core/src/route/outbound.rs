//! What phones, flows and PBXs dial.

use numplan::{Candidates, Chance, Decision, Outcome};
use telco_model::value::TrunkId;

use super::internal::extension;
use super::{Query, Refusal, Route, Target};
use crate::compile::{Runtime, Site};

pub(super) fn decide(runtime: &Runtime, query: Query<'_>, chance: &mut Chance) -> Result<Route, Refusal> {
    let site = query.origin.site(runtime).ok_or(Refusal::NoSite)?;
    let Some(plan) = &site.plan else {
        return emergency_without_plans(runtime, site, query.dialled)
            .ok_or(Refusal::NoPlans(site.name.clone()));
    };
    let decision = match plan.decide(query.dialled, chance) {
        Ok(decision) => decision,
        Err(fault) => {
            return emergency_without_plans(runtime, site, query.dialled)
                .ok_or_else(|| Refusal::Unclassified(fault.to_string()));
        }
    };
    let mut route = started(site, &decision);
    route.target = match &decision.outcome {
        Outcome::Internal => extension(runtime, decision.address.as_str(), query.now)?,
        Outcome::Route { route: chosen, trunks } => {
            route.explanation.push(format!("outbound route {} carries it", chosen.name));
            Target::Trunks { group: chosen.group, trunks: usable(trunks, decision.emergency) }
        }
        Outcome::Pattern { pattern, trunks } => {
            route.explanation.push(format!("pattern {} of the dial plan matches", pattern.pattern));
            Target::Trunks { group: Some(pattern.group), trunks: usable(trunks, decision.emergency) }
        }
        Outcome::NoRoute(why) if decision.emergency => {
            route.explanation.push(why.to_string());
            any_emergency_trunk(runtime).ok_or(Refusal::NoRoute(why.to_string()))?
        }
        Outcome::NoRoute(why) => return Err(Refusal::NoRoute(why.to_string())),
    };
    if let Target::Trunks { trunks, .. } = &route.target
        && trunks.is_empty()
    {
        return Err(Refusal::NoTrunk);
    }
    Ok(route)
}

fn started(site: &Site, decision: &Decision<'_>) -> Route {
    let plan = &decision.plan;
    let mut explanation = vec![format!(
        "number plan {} of site {} matches: {}, {}",
        plan.name, site.name, plan.classification, decision.address
    )];
    if decision.emergency {
        explanation.push("it is an emergency call".into());
    }
    Route {
        address: Some(decision.address),
        classification: Some(plan.classification.clone()),
        emergency: decision.emergency,
        target: Target::Trunks { group: None, trunks: Vec::new() },
        explanation,
    }
}

/// An emergency call takes verified trunks first, but rather an unverified one than none.
fn usable(candidates: &Candidates<'_>, emergency: bool) -> Vec<TrunkId> {
    let mut trunks: Vec<_> = candidates.iter().collect();
    if emergency {
        trunks.sort_by_key(|candidate| !candidate.emergency);
    }
    trunks.into_iter().map(|candidate| candidate.id).collect()
}

/// A configuration that forgot emergency numbers must not cost a life: the number is known by the site's country, and any
/// trunk that may carry such calls is taken.
fn emergency_without_plans(runtime: &Runtime, site: &Site, dialled: &str) -> Option<Route> {
    if !site.is_emergency_number(dialled) {
        return None;
    }
    Some(Route {
        address: numplan::Dialled::parse(dialled).ok().map(Into::into),
        classification: None,
        emergency: true,
        target: any_emergency_trunk(runtime)?,
        explanation: vec![format!(
            "{dialled} is an emergency number of site {}, and no plan knows it",
            site.name
        )],
    })
}

fn any_emergency_trunk(runtime: &Runtime) -> Option<Target> {
    let external = |proved: bool| {
        runtime.trunks.values().filter(move |trunk| {
            let settings = &trunk.settings;
            settings.kind.is_external() && settings.in_service && settings.may_carry_emergency() == proved
        })
    };
    let trunks: Vec<TrunkId> = external(true).chain(external(false)).map(|trunk| trunk.settings.id).collect();
    (!trunks.is_empty()).then_some(Target::Trunks { group: None, trunks })
}
