//! What compiled sites weigh: `cargo bench -p numplan --bench memory`.
//!
//! 1,000 sites of 200 plans (97 regular expressions) and 50 routes. "compiled" is what the sites hold before the first
//! call; "in use" is after each has decided five calls, with the caches of the automata.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark is a program")]

use std::alloc::System;

use numplan::{Chance, Compiler, SitePlan};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

mod support;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SITES: u32 = 1_000;

fn main() {
    for (name, alike) in [("every site has its own plans", false), ("all sites have the same plans", true)] {
        let organization = support::many_sites(SITES, alike);
        let region = Region::new(ALLOCATOR);
        let held = || {
            let stats = region.change();
            stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
        };
        let sites = compile(&organization);
        let compiled = held();
        let mut chance = Chance::new([1; 32]);
        for site in &sites {
            for dialled in support::DIALLED {
                assert!(site.decide(dialled, &mut chance).is_ok(), "{dialled}");
            }
        }
        let used = held();
        println!("{name}:");
        report("compiled", compiled);
        report("in use", used);
    }
}

/// The compiler and what it knows are gone when this returns.
fn compile(organization: &telco_model::Organization) -> Vec<SitePlan> {
    let mut compiler = Compiler::new(organization);
    organization.sites().map(|site| compiler.site(site.id).unwrap()).collect()
}

fn report(when: &str, bytes: i64) {
    let sites = i64::from(SITES);
    println!(
        "  {when:<9} {:>4} MB, {:>4} kB a site, {:>4} bytes a plan",
        bytes / 1_000_000,
        bytes / sites / 1_000,
        bytes / sites / 200
    );
}
