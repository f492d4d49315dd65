//! The sheets in `tests/data`: number plans as a telephony administrator writes them, and what each dialled string becomes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use numplan::{Chance, Explanation, SitePlan};
use support::{Case, Sheet};

fn check(name: &str) -> usize {
    let path = format!("{}/tests/data/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let sheet = Sheet::read(&std::fs::read_to_string(&path).unwrap());
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    let mut wrong = Vec::new();
    for case in &sheet.cases {
        let explanation = plan.explain(&case.dialled, &mut Chance::new([1; 32]));
        let got = outcome(&explanation);
        let expected = [&case.classification, &case.address, &case.route].map(String::as_str);
        let because = case.because.as_deref().is_none_or(|words| explanation.to_string().contains(words));
        if got != expected || !because {
            wrong.push(report(name, case, &got, &explanation));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    sheet.cases.len()
}

fn report(name: &str, case: &Case, got: &[String; 3], explanation: &Explanation) -> String {
    let (line, dialled) = (case.line, &case.dialled);
    format!("{name}.txt:{line}: {dialled} gives {}\n{explanation}", got.join(" | "))
}

/// Classification, address and route the way the sheets write them.
fn outcome(explanation: &Explanation) -> [String; 3] {
    let (classification, address) = match &explanation.classified {
        Err(why) => return ["-".into(), "-".into(), why.to_string()],
        Ok((classification, address)) => (classification.to_string(), address.to_string()),
    };
    let target = if explanation.internal {
        "inside".to_owned()
    } else if let Some(why) = explanation.no_route {
        format!("none: {why}")
    } else {
        let route =
            explanation.routes.iter().find(|route| route.lost.is_none()).map(|route| route.name.to_string());
        let pattern =
            explanation.patterns.iter().find(|pattern| pattern.chosen).map(|pattern| pattern.pattern.clone());
        let tried = explanation.trunks.iter().filter(|trunk| trunk.unusable.is_none());
        let trunks: Vec<_> = tried.map(|trunk| trunk.name.to_string()).collect();
        format!("{}: {}", route.or(pattern).unwrap_or_default(), trunks.join(", ")).trim().to_owned()
    };
    [classification, address, target]
}

/// NP-001, NP-006: the six default plans, in the United States.
#[test]
fn defaults_in_the_united_states() {
    check("us_defaults");
}

/// NP-001: the default plans of ten other countries: emergency numbers, national and international forms.
#[test]
fn defaults_around_the_world() {
    for name in [
        "mx_defaults",
        "gb_defaults",
        "fr_defaults",
        "de_defaults",
        "es_defaults",
        "it_defaults",
        "au_defaults",
        "br_defaults",
        "jp_defaults",
        "in_defaults",
    ] {
        check(name);
    }
}

/// NP-003, NP-004, NP-007: transfer guide, step 6: E.164 list and number list with new classifications, above the defaults.
#[test]
fn numbers_of_an_external_device() {
    check("external_device");
}

/// NP-008, NP-012: RedSky E911: 911 and 933 with a classification that is not Emergency, two trunks in order.
#[test]
fn redsky() {
    check("redsky");
}

/// NP-005, NP-033: expressions with captures, numbers that pass the plans several times, circles.
#[test]
fn expressions() {
    check("expressions");
}

/// NP-002: the first plan that matches wins.
#[test]
fn order_of_plans() {
    check("order");
}

/// NP-011: disabled and missing routes say so; trunks out of service are passed over.
#[test]
fn routes() {
    check("routes");
}

/// NP-016, NP-018, NP-019: dial plans: the most specific pattern wins, groups go by priority, unlinked trunks are left out.
#[test]
fn dial_plans() {
    check("dial_plan");
}

/// NP-036: SIP addresses are Network and become `sip:`.
#[test]
fn sip_addresses() {
    check("sip_addresses");
}

/// Hostile and broken input has a typed reason.
#[test]
fn what_cannot_be_dialled() {
    check("undialable");
}

/// The sheets hold at least 150 cases.
#[test]
fn there_are_enough_cases() {
    let folder = format!("{}/tests/data", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".txt").map(str::to_owned)
    });
    let total: usize = names.map(|name| check(&name)).sum();
    assert!(total >= 150, "{total} cases");
}
