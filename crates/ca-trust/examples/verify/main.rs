//! Runs every case of a limbo-format file (C2SP x509-limbo, BetterTLS) through the verifier.
//!
//! ```text
//! cargo run -q -p ca-trust --example verify -- --limbo FILE.json [--policy web|default]
//! ```
//!
//! One line per case, `{"id","expected","actual","agrees","cause"}`, then one with the sums. `web` (the default) is
//! `VerifyPolicy::web_pki()`, what this crate demands of servers of the public web PKI; `default` is
//! `VerifyPolicy::default()`, what it demands of private authorities on trunks.

#![allow(clippy::print_stdout, reason = "a program that prints")]

mod limbo;

use std::io::Write;
use std::process::ExitCode;

use ca_trust::VerifyPolicy;
use serde_json::json;

use limbo::Outcome;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (file, policy) = match arguments[..] {
        ["--limbo", file] | ["--limbo", file, "--policy", "web"] => (file, VerifyPolicy::web_pki()),
        ["--limbo", file, "--policy", "default"] => (file, VerifyPolicy::default()),
        _ => {
            eprintln!("usage: verify --limbo FILE.json [--policy web|default]");
            return ExitCode::from(2);
        }
    };
    let cases = match std::fs::read_to_string(file)
        .map_err(|error| error.to_string())
        .and_then(|text| limbo::parse(&text))
    {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("verify: {file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut out = std::io::stdout().lock();
    let (mut agree, mut accepted_bad, mut rejected_good) = (0, 0, 0);
    for case in &cases {
        let outcome = case.run(policy);
        let (actual, cause) = match &outcome {
            Outcome::Accepted => ("SUCCESS", None),
            Outcome::Refused(cause) => ("FAILURE", Some(cause.to_string())),
        };
        let agrees = actual == case.expected;
        match (&outcome, agrees) {
            (_, true) => agree += 1,
            (Outcome::Accepted, false) => accepted_bad += 1,
            (Outcome::Refused(_), false) => rejected_good += 1,
        }
        let line = json!({"id": case.id, "expected": case.expected, "actual": actual, "agrees": agrees, "cause": cause});
        if writeln!(out, "{line}").is_err() {
            return ExitCode::SUCCESS;
        }
    }
    let sums = json!({"cases": cases.len(), "agree": agree, "accepted_bad": accepted_bad,
        "rejected_good": rejected_good, "skipped": 0});
    let _ = writeln!(out, "{sums}");
    ExitCode::SUCCESS
}
