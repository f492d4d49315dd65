//! What the `phonenumber` crate makes of the example numbers of all regions. Its mismatches misroute calls, which is why routing
//! takes nothing from it but trunk prefixes (`docs/decisions/0008-phonenumber.md`).

#![cfg(feature = "phonenumber")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fmt::Write as _;

use numplan::{Chance, SitePlan};
use phonenumber::Mode;
use phonenumber::metadata::{DATABASE, Metadata};
use support::Sheet;

/// Example numbers of a region, complete with `+` and calling code.
fn examples(region: &Metadata) -> impl Iterator<Item = (String, String)> {
    let of = region.descriptors();
    let kinds = [of.fixed_line(), of.mobile(), of.toll_free(), of.voip(), of.uan()];
    let national = kinds.into_iter().flatten().filter_map(|kind| kind.example()).map(str::to_owned);
    let code = region.country_code();
    national.map(move |national| (format!("+{code}{national}"), national))
}

/// Every complete number goes in without a region and must come back as it went in; those that do not are listed, and the list is
/// committed. `UPDATE_EXPECT=1` rewrites it after an update of the crate.
#[test]
fn mismatches_of_the_crate_are_known() {
    let (mut tried, mut wrong) = (0, String::new());
    let mut regions: Vec<&Metadata> = DATABASE.iter().collect();
    regions.sort_by_key(|region| (region.id(), region.country_code()));
    for region in regions {
        for (complete, _) in examples(region) {
            tried += 1;
            let read = match phonenumber::parse(None, &complete) {
                Ok(number) => number.format().mode(Mode::E164).to_string(),
                Err(error) => format!("an error: {error}"),
            };
            if read != complete {
                writeln!(wrong, "{} {complete} becomes {read}", region.id()).unwrap();
            }
        }
    }
    assert!(tried > 500, "{tried} example numbers");
    expect_test::expect_file!["phonenumber/mismatches.txt"].assert_eq(&wrong);
}

/// The same numbers through the routing: complete ones stay digit for digit, and national ones of the length a plan names gain
/// their calling code and lose their trunk prefix.
#[test]
fn routing_keeps_every_digit() {
    let mut wrong = Vec::new();
    for region in DATABASE.iter().filter(|region| region.id().len() == 2 && region.is_main_country_for_code())
    {
        let code = region.country_code();
        let prefix =
            region.national_prefix().filter(|prefix| *prefix != code.to_string()).unwrap_or_default();
        for (complete, national) in
            examples(region).filter(|(complete, _)| (11..=16).contains(&complete.len()))
        {
            let dialled = format!("{prefix}{national}");
            let plan = format!("plan Home  intra +{code} length {} -> Home", dialled.len());
            let sheet = Sheet::read(&format!("country {}\n{plan}", region.id()));
            let plan = SitePlan::compile(&sheet.organization, sheet.site).unwrap();
            for text in [&complete, &dialled] {
                let address =
                    plan.decide(text, &mut Chance::new([1; 32])).map(|decision| decision.address.to_string());
                if address.as_deref() != Ok(&format!("tel:{complete}")) {
                    wrong.push(format!("{} {text}: {address:?}", region.id()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
