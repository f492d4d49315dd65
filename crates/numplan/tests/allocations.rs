//! A decision costs no allocation when a plan and a route match.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use numplan::{Chance, Dialled, SitePlan};
use support::Sheet;

#[test]
fn a_matching_decision_allocates_nothing() {
    let sheet = Sheet::read(
        "country US\nplan Nine  regex ^9(\\d{10})$ => $1 -> Outside\ndefaults\nroute PSTN random  National, International -> A, B, C",
    );
    let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
    let mut chance = Chance::new([1; 32]);
    for dialled in ["3175550123", "+442079460018", "93175550123", "4100"] {
        // The first search of an expression fills the cache it keeps for later ones.
        plan.decide(dialled, &mut chance).unwrap();
        let parsed = Dialled::parse(dialled).unwrap();
        let counted = allocation_counter::measure(|| {
            assert!(plan.decide_parsed(&parsed, &mut chance).is_ok());
        });
        assert_eq!(counted.count_total, 0, "{dialled}");
    }
}
