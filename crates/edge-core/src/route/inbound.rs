//! What trunks bring: the called number, and who owns it.

use std::sync::Arc;

use numplan::InboundMiss;
use telco_model::entity::DidTarget;
use telco_model::value::E164;

use super::internal::person;
use super::{Query, Refusal, Route, Target};
use crate::compile::{Runtime, Trunk};

pub(super) fn decide(runtime: &Runtime, trunk: &Arc<Trunk>, query: Query<'_>) -> Result<Route, Refusal> {
    let spellings = spellings(runtime, trunk, query.dialled);
    let known = spellings
        .iter()
        .find(|number| !matches!(runtime.inbound(**number).target, Err(InboundMiss::NotInInventory)));
    let Some(number) = known.or_else(|| spellings.first()).copied() else {
        return Err(Refusal::UnknownNumber { called: query.dialled.into() });
    };
    by_number(runtime, number, vec![format!("trunk {} brings a call to {number}", trunk.settings.name)])
}

/// Where a number of ours leads.
pub(super) fn by_number(
    runtime: &Runtime,
    number: E164,
    mut explanation: Vec<String>,
) -> Result<Route, Refusal> {
    let decision = runtime.inbound(number);
    let target = decision.target.map_err(|miss| match miss {
        InboundMiss::NotInInventory => Refusal::UnknownNumber { called: number.to_string() },
        InboundMiss::Unassigned | _ => Refusal::UnassignedNumber(number),
    })?;
    if let Some(rule) = decision.rules.first() {
        explanation.push(format!("inbound rule {} with priority {} decides", rule.name, rule.priority));
    }
    let target = match target {
        DidTarget::CallFlow(flow) => {
            let flow = runtime.flows.get(&flow).ok_or(Refusal::MissingTarget)?;
            explanation.push(format!("call flow {}", flow.name));
            Target::Flow(Arc::clone(flow))
        }
        DidTarget::User(user) => person(runtime, user)?,
        DidTarget::Phone(phone) => {
            let phone = runtime.phones.get(&phone).ok_or(Refusal::MissingTarget)?;
            explanation.push(format!("phone {}", phone.name));
            Target::Phones { user: None, phones: vec![Arc::clone(phone)] }
        }
    };
    Ok(Route { explanation, ..Route::internal(target) })
}

/// The numbers a called string may mean, likeliest first: carriers write `+12025550123`, `12025550123` or `2025550123`.
fn spellings(runtime: &Runtime, trunk: &Trunk, called: &str) -> Vec<E164> {
    let digits = called.strip_prefix('+');
    let mut found = Vec::new();
    let mut add = |number: Option<E164>| found.extend(number.filter(|number| !found.contains(number)));
    match digits {
        Some(digits) => add(E164::from_digits(digits).ok()),
        None => {
            add(E164::from_digits(called).ok());
            let country = runtime.sites.get(&trunk.site).and_then(|site| site.country);
            add(country.and_then(|code| E164::from_digits(&format!("{code}{called}")).ok()));
            let international = called.strip_prefix("00").or_else(|| called.strip_prefix("011"));
            add(international.and_then(|digits| E164::from_digits(digits).ok()));
        }
    }
    found
}
