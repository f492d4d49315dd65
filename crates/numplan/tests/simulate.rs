//! Simulate Call and the audits on organizations written as sheets.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use jiff::Timestamp;
use numplan::detail::StepState;
use numplan::{Chance, Conditions, FindingKind, Outcome, Severity, Simulation, SitePlan, audit, simulate};
use support::Sheet;
use telco_model::value::TrunkId;

const HOME: &str = "
country US
defaults
route PSTN  National, International -> CarrierA, CarrierB
route Old off  Suicide Prevention -> CarrierA
route Emergency  Emergency -> CarrierA
trunk CarrierA verified
";

fn run(text: &str, dialled: &str) -> Simulation {
    let sheet = Sheet::read(text);
    simulate(&sheet.organization, sheet.site, dialled, &Conditions::as_configured(Timestamp::UNIX_EPOCH))
        .unwrap()
}

/// The reason of the first failure.
fn reason(simulation: &Simulation) -> String {
    match &simulation.first_failure().unwrap().state {
        StepState::Fail { reason, fix } => format!("{reason} ({fix})"),
        StepState::Pass { .. } | StepState::NotReached => unreachable!("it is a failure"),
    }
}

/// NP-020, NP-021: six outputs in order for a number, each with what was found.
#[test]
fn a_good_call_passes_six_steps() {
    let simulation = run(HOME, "317-555-0123");
    assert!(simulation.passes());
    expect_test::expect![[r#"
        pass  Number normalization 317-555-0123 becomes tel:+13175550123
        pass  Classification       National, by number plan National
        pass  Outbound route       PSTN (2 trunks)
        pass  Trunk settings       CarrierA (BYOC Carrier, 1 SIP server)
        pass  In-service Edges     none needed: the media model is Cloud
        pass  Destination site     outside the organization
    "#]]
    .assert_eq(&simulation.to_string());
}

/// NP-020, NP-036: a SIP address is simulated like a number.
#[test]
fn a_sip_address_is_simulated() {
    let simulation = run(&format!("{HOME}\nroute SIP  Network -> CarrierA"), "sip:alice@example.com");
    assert!(simulation.passes(), "{simulation}");
}

/// NP-023: the first incomplete setting is the one that is named.
#[test]
fn failures_name_the_setting_to_fix() {
    let check = |text: &str, dialled: &str, expected: &str| assert_eq!(reason(&run(text, dialled)), expected);
    check(HOME, "5550123", "no number plan of the site matches 5550123 (Sites > Number Plans)");
    check(
        HOME,
        "988",
        "the outbound route that carries Suicide Prevention is disabled (Sites > Outbound Routes > State)",
    );
    check(
        HOME,
        "alice@example.com",
        "no outbound route of site Home carries Network (Sites > Outbound Routes > Classifications)",
    );
    check(HOME, "4100", "extension 4100 is in no pool (Extensions > Extension Pools)");
    check(HOME, "31+7", "a plus sign may only come first, found one at offset 2 (the number dialled)");
    let off = format!(
        "{HOME}\ntrunk CarrierB off\ntrunk CarrierC off\nplan Club  list 3000 -> Club\nroute Club  Club -> CarrierC"
    );
    let off = off.replace("defaults\n", "").replace("plan Club", "defaults\nplan Club");
    check(&off.replace("4-6", ""), "3000", "extension 3000 is in no pool (Extensions > Extension Pools)");
}

/// NP-021: trunks that are down, and emergency numbers on unverified trunks, fail at the trunk settings.
#[test]
fn live_state_counts() {
    let sheet = Sheet::read(HOME);
    let mut conditions = Conditions::as_configured(Timestamp::UNIX_EPOCH);
    for name in ["CarrierA", "CarrierB"] {
        conditions.trunks_up.insert(TrunkId::labelled(name), false);
    }
    let simulation = simulate(&sheet.organization, sheet.site, "3175550123", &conditions).unwrap();
    assert_eq!(reason(&simulation), "no trunk of the route is up (Trunks > Trunk State)");
    let unverified =
        run(&HOME.replace(" verified", "").replace("route Emergency", "route Emergency acknowledged"), "911");
    assert!(reason(&unverified).starts_with("911 is an emergency number, and the carrier of trunk CarrierA"));
}

/// NP-022: nothing is changed by a simulation; by type it gets only shared references.
#[test]
fn a_simulation_changes_nothing() {
    let sheet = Sheet::read(HOME);
    let before = sheet.organization.clone();
    for dialled in ["911", "3175550123", "", "4100", "a@b"] {
        let _ = simulate(
            &sheet.organization,
            sheet.site,
            dialled,
            &Conditions::as_configured(Timestamp::UNIX_EPOCH),
        );
    }
    assert_eq!(sheet.organization, before);
}

/// NP-013, NP-014, NP-015: sequential keeps the order; random is uniform (chi-square over 9,000 calls) and repeatable.
#[test]
fn random_routes_spread_evenly() {
    let sheet = Sheet::read(
        "country US\ndefaults\nroute PSTN random  National -> A, B, C\nroute One random  Emergency -> A\ntrunk A verified",
    );
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    let firsts = |seed| {
        let mut chance = Chance::new([seed; 32]);
        let first = |chance: &mut Chance| match plan.decide("3175550123", chance).unwrap().outcome {
            Outcome::Route { trunks, .. } => {
                assert_eq!(trunks.len(), 3, "every trunk is tried once");
                trunks.get(0).unwrap().name.to_string()
            }
            Outcome::Internal | Outcome::Pattern { .. } | Outcome::NoRoute(_) => {
                unreachable!("the route carries it")
            }
        };
        (0..9000).map(|_| first(&mut chance)).collect::<Vec<_>>()
    };
    let counts =
        |names: &[String]| ["A", "B", "C"].map(|name| names.iter().filter(|n| *n == name).count() as f64);
    let drawn = firsts(1);
    let chi_square: f64 = counts(&drawn).iter().map(|count| (count - 3000.0).powi(2) / 3000.0).sum();
    // 13.8 is the 99.9 % point of the chi-square distribution with two degrees of freedom.
    assert!(chi_square < 13.8, "{chi_square}");
    assert_eq!(drawn, firsts(1));
    assert_ne!(drawn, firsts(2));
    match plan.decide("911", &mut Chance::new([1; 32])).unwrap().outcome {
        Outcome::Route { trunks, .. } => assert_eq!(trunks.len(), 1),
        Outcome::Internal | Outcome::Pattern { .. } | Outcome::NoRoute(_) => {
            unreachable!("the route carries it")
        }
    }
}

/// NP-035: whatever routes exist, an extension stays inside.
#[test]
fn extensions_never_leave() {
    let sheet = Sheet::read("country US\ndefaults\nroute All  Extension, National -> CarrierA");
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    assert!(matches!(plan.decide("4100", &mut Chance::new([1; 32])).unwrap().outcome, Outcome::Internal));
}

/// NP-024: a remote phone dials by the plans of its site: the decision knows sites and numbers, not kinds of phones.
#[test]
fn every_phone_of_a_site_dials_alike() {
    let sheet = Sheet::read(HOME);
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    let decision = plan.decide("3175550123", &mut Chance::new([1; 32])).unwrap();
    assert_eq!(decision.address.to_string(), "tel:+13175550123");
}

/// NP-032: what goes into the Request-URI and To is the normalised number, written as the trunk wants the called party.
#[test]
fn the_called_party_is_written_for_the_trunk() {
    let sheet = Sheet::read(HOME);
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    let decision = plan.decide("3175550123", &mut Chance::new([1; 32])).unwrap();
    let Outcome::Route { trunks, .. } = decision.outcome else { unreachable!("the route carries it") };
    let called = trunks.get(0).unwrap().identity.called;
    assert_eq!(
        numplan::write_number(decision.address.e164().unwrap(), called, None).as_str(),
        "+13175550123"
    );
}

/// NP-037: the classifications of a site can be listed; a plan whose classification a route uses cannot go.
#[test]
fn classifications_are_enumerable() {
    let sheet = Sheet::read(
        "country US\nplan Four  length 4 -> Internal\nplan Five  length 5 -> Internal\nroute R  Internal -> A",
    );
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    assert_eq!(plan.classifications().iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["Internal"]);
    assert!(
        refused("country US\nplan Four  length 4 -> Internal\nroute R  Internal, Gone -> A")
            .contains(&"plan.in_use".to_owned())
    );
}

/// Codes of what the model says against a sheet.
fn refused(text: &str) -> Vec<String> {
    Sheet::try_read(text).map(|_| ()).unwrap_err().into_iter().map(|problem| problem.code).collect()
}

fn findings(sheet: &Sheet) -> Vec<String> {
    // A US site without plans for 911 is always told so; the sheets here are about other things.
    let found = audit(&sheet.organization)
        .into_iter()
        .filter(|finding| finding.kind != FindingKind::EmergencyUnknown);
    found.map(|finding| format!("{:?} {:?}", finding.severity, finding.kind)).collect()
}

fn audited(text: &str) -> Vec<String> {
    audit(&Sheet::read(text).organization).iter().map(ToString::to_string).collect()
}

/// NP-008, NP-010, K7: emergency numbers towards a trunk whose carrier was not verified are refused, and reported when acknowledged or
/// when a dial plan leads there, whatever their classification is called.
#[test]
fn unverified_emergency_trunks_are_refused_or_reported() {
    let red_sky = "country US\nplan RedSky  list 911, 933 -> E911\nroute E911  E911 -> RedSky";
    assert!(refused(red_sky).contains(&"emergency.unverified".to_owned()));
    let message = "911 dialled at site Home may leave by trunk RedSky, whose carrier is not recorded as verified for emergency calls (try 911)";
    assert_eq!(
        audited(&red_sky.replace("route E911", "route E911 acknowledged")),
        [format!("warning: {message}")]
    );
    let pattern = "country US\nplan RedSky  list 911, 933 -> E911\ngroup G = RedSky\npattern * G 1";
    assert_eq!(audited(pattern), [format!("BLOCKING: {message}")]);
    assert!(audited(&format!("{red_sky}\ntrunk RedSky verified")).is_empty());
}

/// NP-009: in the United States 911 is neither prefixed, which is refused, nor changed, which blocks.
#[test]
fn altered_emergency_numbers_block() {
    let prefixed = "plan E  list 911, 9911 -> Emergency\nroute E  Emergency -> A\ntrunk A verified";
    assert!(refused(&format!("country US\n{prefixed}")).contains(&"emergency.prefixed".to_owned()));
    let changed = audited(
        "country US\nplan E  regex ^911$ => 1911 -> Emergency\nroute E  Emergency -> A\ntrunk A verified",
    );
    assert_eq!(changed, ["BLOCKING: number plan E of site Home changes 911 to tel:1911 (try 911)"]);
    let elsewhere = audited(&format!("country MX\n{prefixed}"));
    assert_eq!(
        elsewhere,
        ["warning: number plan E of site Home takes 9911: people must reach 911 without a prefix (try 9911)"]
    );
    assert!(
        audited("country US\nplan Four  length 4 -> Extension")[0]
            .starts_with("BLOCKING: no number plan of site Home knows the emergency number 911")
    );
}

/// NP-002: a plan behind one that takes all its numbers never decides, and is found with a number that shows it.
#[test]
fn shadowed_plans_are_found() {
    let text = "country US\nplan Four  length 4 -> A\nplan Late  list 9991 -> B\nplan Mixed  list 12345, 1234 -> C\nroute R  A, B, C -> T";
    let found = audited(text);
    assert!(
        found.iter().any(|f| f.contains("number plan Late of site Home never decides: Four stands above it")
            && f.ends_with("(try 9991)"))
    );
    assert!(
        found
            .iter()
            .any(|f| f.contains("number plan Mixed of site Home lists 1234, but Four stands above it"))
    );
    let regex = audited(
        "country US\nplan All  regex ^\\d+$ -> A\nplan Nine  regex ^9(\\d{3})$ => $1 -> B\nroute R  A, B -> T",
    );
    assert!(
        regex
            .iter()
            .any(|f| f.contains("number plan Nine of site Home never decides") && f.ends_with("(try 9222)"))
    );
}

/// NP-017: the specific pattern that leads past the failover group is named, with a number.
#[test]
fn bypassed_trunk_groups_are_found() {
    let text = "country US\ndefaults\ngroup Failover = A, B\ngroup Single = C\npattern +1.* Failover 1\npattern +1.800 Single 2\ntrunk A verified\ntrunk B verified";
    let found = audited(text);
    let expected = "warning: in dial plan Global, +1.800 goes to trunk group Single and bypasses Failover, where +1.* leads; those calls have no failover (try +18002025550)";
    assert!(found.iter().any(|f| f == expected), "{found:#?}");
}

/// NP-019: a trunk linked to no dial plan gets no calls of it, and is found.
#[test]
fn unlinked_trunks_are_found() {
    let text = "country US\ndefaults\ngroup G = A, B\npattern * G 1\ntrunk B unlinked\ntrunk A verified";
    assert!(audited(text).iter().any(|f| f.contains("trunk B of group G is linked to no dial plan")));
}

/// NP-006: a classification nobody carries is found before a call is.
#[test]
fn classifications_without_route_are_found() {
    let sheet = Sheet::read("country US\nplan Club  list 3000 -> Club");
    assert_eq!(findings(&sheet), ["Warning ClassificationWithoutRoute"]);
    assert!(Severity::Blocking > Severity::Warning);
}
