//! The organizations the benchmarks work on.

#![allow(dead_code, reason = "each benchmark uses a part")]

use jiff::Timestamp;
use telco_model::Organization;
use telco_model::entity::{AnyEntity, Match, NumberPlan, RegexMatch, Site};
use telco_model::value::{NumberPlanId, OutboundRouteId, SiteId};

#[path = "../../tests/support/mod.rs"]
mod sheet;

/// What the sites are asked, one for each kind of plan: intra-country, inter-country, number list, regular expression; and
/// an emergency number.
pub(crate) const DIALLED: [&str; 5] = ["3175550123", "+442079460018", "2042", "7421234", "911"];

/// A site with 200 plans of all kinds, 97 of them regular expressions, and 50 routes; the last ones are those that match.
pub(crate) fn one_site() -> (Organization, SiteId) {
    let mut text = String::from("country US\n");
    for n in 0..97 {
        text += &format!("plan List {n}  list {}, {} -> Class {}\n", 2000 + n, 30_000 + n, n % 50);
        text +=
            &format!("plan Expression {n}  regex ^7{n:02}(\\d{{4}})$ => +1317{n:03}$1 -> Class {}\n", n % 50);
    }
    text += "defaults\n";
    for n in 0..49 {
        text += &format!("route Route {n}  Class {n} -> CarrierA, CarrierB\n");
    }
    text += "route PSTN  National, International -> CarrierA, CarrierB\n";
    let sheet = sheet::Sheet::read(&text);
    (sheet.organization, sheet.site)
}

/// That site so many times: with the same plans, or with other numbers and expressions in every one.
pub(crate) fn many_sites(count: u32, alike: bool) -> Organization {
    let (one, home) = one_site();
    let home = one.site(home).unwrap();
    let others: Vec<AnyEntity> = one.locations().cloned().map(AnyEntity::from).collect();
    let trunks = one.trunks().cloned().map(AnyEntity::from);
    let mut entities: Vec<_> = others.into_iter().chain(trunks).collect();
    for n in 0..count {
        let site = branch(home, n, alike);
        for route in one.outbound_routes() {
            let mut route = route.clone();
            route.id = OutboundRouteId::labelled(&format!("{n} {}", route.name));
            route.site = site.id;
            entities.push(route.into());
        }
        entities.push(site.into());
    }
    Organization::from_entities(entities, Timestamp::UNIX_EPOCH).unwrap()
}

fn branch(home: &Site, n: u32, alike: bool) -> Site {
    let mut site = home.clone();
    site.id = SiteId::from_u128(u128::from(n) + 1);
    site.name = format!("Branch {n}").parse().unwrap();
    for plan in &mut site.number_plans {
        plan.id = NumberPlanId::labelled(&format!("{n} {}", plan.name));
        if !alike {
            differ(plan, n);
        }
    }
    site
}

/// Other numbers of the same length for every site.
fn differ(plan: &mut NumberPlan, n: u32) {
    match &mut plan.matches {
        Match::NumberList(ranges) if ranges.len() == 2 => {
            ranges[1] = format!("{}{n:04}", &ranges[1].first()[..1]).parse().unwrap();
        }
        Match::Regex(RegexMatch { pattern, .. }) if pattern.starts_with("^7") => {
            *pattern = pattern.replacen(r"(\d{4})", &format!(r"(\d{{4}}|{n:05})"), 1);
        }
        Match::NumberList(_)
        | Match::Regex(_)
        | Match::DigitLength(_)
        | Match::E164NumberList(_)
        | Match::InterCountryCode(_)
        | Match::IntraCountryCode(_) => {}
    }
}
