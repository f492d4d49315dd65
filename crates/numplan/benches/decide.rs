//! What a decision costs: `cargo bench -p numplan`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is a program")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use numplan::{Chance, SitePlan};
use telco_model::Organization;
use telco_model::value::SiteId;

#[path = "../tests/support/mod.rs"]
mod support;

/// 200 plans of all kinds and 50 routes, the last of them the ones that match.
fn organization() -> (Organization, SiteId) {
    let mut sheet = String::from("country US\n");
    for n in 0..97 {
        sheet += &format!("plan List {n}  list {}, {} -> Class {}\n", 2000 + n, 30_000 + n, n % 50);
        sheet +=
            &format!("plan Expression {n}  regex ^7{n:02}(\\d{{4}})$ => +1317{n:03}$1 -> Class {}\n", n % 50);
    }
    sheet += "defaults\n";
    for n in 0..49 {
        sheet += &format!("route Route {n}  Class {n} -> CarrierA, CarrierB\n");
    }
    sheet += "route PSTN  National, International -> CarrierA, CarrierB\n";
    let sheet = support::Sheet::read(&sheet);
    (sheet.organization, sheet.site)
}

fn decide(c: &mut Criterion) {
    let (organization, site) = organization();
    let plan = SitePlan::compile(&organization, site).unwrap();
    let mut chance = Chance::new([1; 32]);
    let mut group = c.benchmark_group("decide, 200 plans and 50 routes");
    for dialled in ["3175550123", "+442079460018", "2042", "7421234", "411"] {
        group.bench_function(dialled, |b| {
            b.iter(|| black_box(plan.decide(black_box(dialled), &mut chance)).is_ok())
        });
    }
    group.finish();
    c.bench_function("compile, 200 plans and 50 routes", |b| {
        b.iter(|| SitePlan::compile(&organization, site).unwrap())
    });
}

criterion_group!(benches, decide);
criterion_main!(benches);
