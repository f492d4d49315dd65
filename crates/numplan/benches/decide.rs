//! How long a decision and a compilation take: `cargo bench -p numplan --bench decide`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is a program")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use numplan::{Chance, SitePlan};

mod support;

fn decide(c: &mut Criterion) {
    let (organization, site) = support::one_site();
    let plan = SitePlan::compile(&organization, site).unwrap();
    let mut chance = Chance::new([1; 32]);
    let mut group = c.benchmark_group("decide, 200 plans and 50 routes");
    for dialled in support::DIALLED {
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
