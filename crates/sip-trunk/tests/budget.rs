//! Instructions per message, counted by callgrind on the release build. Says plainly when valgrind is not installed.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests; absence is said plainly

use std::path::{Path, PathBuf};
use std::process::Command;

/// Work, and the most instructions it may take on the 1,333-byte INVITE.
const BUDGETS: [(&str, u64); 3] = [("scan", 10_000), ("typed", 18_000), ("forward", 22_000)];

/// DESIGN §9: scan within 10 k instructions, with typed views within 18 k, forwarded within 22 k.
#[test]
fn a_message_stays_within_its_instruction_budget() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: instructions were not counted");
        return;
    }
    let program = build_cost_program();
    for (work, budget) in BUDGETS {
        let spent = (instructions(&program, work, 101) - instructions(&program, work, 1)) / 100;
        println!("{work}: {spent} instructions of {budget}");
        assert!(spent <= budget, "{work} takes {spent} instructions, more than {budget}");
        assert!(spent > 500, "{work} took {spent} instructions: nothing was measured");
    }
}

/// The example, built as it would be for production.
fn build_cost_program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("budget");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "-p", "sip-trunk", "--example", "cost", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    target.join("release/examples/cost")
}

fn instructions(program: &Path, work: &str, times: u32) -> u64 {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("callgrind.{work}.{times}"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args([work, &times.to_string()])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fixtures/invite.sip"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(&out).unwrap();
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")).unwrap();
    total.trim().parse().unwrap()
}
