//! Instructions of a decision, counted by callgrind: `cargo bench -p numplan --bench instructions`.
//!
//! Runs itself under valgrind, once with one decision and once with a hundred more, and prints the difference.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark is a program")]

use std::hint::black_box;
use std::process::{Command, ExitCode};

use numplan::{Chance, SitePlan};

mod support;

/// Instructions a decision over 200 plans and 50 routes may take.
const BUDGET: u64 = 6_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, dialled, times] = arguments.as_slice()
        && word == "decide"
    {
        decide(dialled, times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: instructions were not counted");
        return ExitCode::SUCCESS;
    }
    let mut within = true;
    println!("decision, 200 plans and 50 routes (at most {BUDGET} instructions):");
    for dialled in support::DIALLED {
        let spent = (instructions(dialled, 101) - instructions(dialled, 1)) / 100;
        println!("  {dialled:<14} {spent:>6} instructions");
        within &= spent <= BUDGET;
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first decision builds what later ones use, and is the one left out.
fn decide(dialled: &str, times: u32) {
    let (organization, site) = support::one_site();
    let plan = SitePlan::compile(&organization, site).unwrap();
    let mut chance = Chance::new([1; 32]);
    for _ in 0..times {
        assert!(black_box(plan.decide(black_box(dialled), &mut chance)).is_ok());
    }
}

fn instructions(dialled: &str, times: u32) -> u64 {
    let out = std::env::temp_dir().join(format!("numplan.callgrind.{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["decide", dialled, &times.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(&out).unwrap();
    std::fs::remove_file(&out).unwrap();
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")).unwrap();
    total.trim().parse().unwrap()
}
