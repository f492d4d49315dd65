//! Simulate Call from the command line.
//!
//! ```text
//! cargo run -q -p numplan --example simulate -- ORG.toml SITE DIALLED…
//! cargo run -q -p numplan --example simulate -- --audit ORG.toml
//! ```
//!
//! Each dialled string gives one JSON object per line: the six outputs in order, each with pass or fail and the reason. The
//! sentences behind them go to standard error. Without arguments the sample organization is used.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program prints, and reads the clock once"
)]

use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use numplan::detail::StepState;
use numplan::{Conditions, Simulation, audit, simulate};
use serde_json::{Value, json};
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::entity::Site;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../telco-model/samples/sample.toml");
const USAGE: &str =
    "usage: simulate ORG.json|ORG.toml SITE DIALLED…   or   simulate --audit ORG.json|ORG.toml";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => sample(),
        ["-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["--audit", file] => load(file).map(|organization| print_audit(&organization)),
        [file, site, dialled @ ..] if !dialled.is_empty() => {
            load(file).and_then(|o| simulate_all(&o, site, dialled))
        }
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn sample() -> Result<(), String> {
    let organization = load(SAMPLE)?;
    let site = organization.sites().next().map(|site| site.name.to_string()).unwrap_or_default();
    eprintln!("sample organization, site {site}; {USAGE}\n");
    simulate_all(
        &organization,
        &site,
        &["3175550123", "911", "4100", "+442079460018", "alice@example.com", "5550123"],
    )
}

fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn load(file: &str) -> Result<Organization, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let format = Format::of_path(std::path::Path::new(file));
    Organization::from_document(&text, format, now()).map_err(|unread| format!("{file}: {unread}"))
}

fn simulate_all(organization: &Organization, site: &str, dialled: &[&str]) -> Result<(), String> {
    let Some(site) = organization.named::<Site>(site) else {
        let names: Vec<_> = organization.sites().map(|site| site.name.as_str()).collect();
        return Err(format!("there is no site {site}; choose one of: {}", names.join(", ")));
    };
    for dialled in dialled {
        let simulation = simulate(organization, site.id, dialled, &Conditions::as_configured(now()))
            .map_err(|e| e.to_string())?;
        eprintln!("{}", simulation.explanation);
        println!("{}", line(dialled, &simulation));
    }
    Ok(())
}

fn line(dialled: &str, simulation: &Simulation) -> Value {
    let steps = simulation.steps.iter().map(|step| match &step.state {
        StepState::Pass { found } => json!({ "step": step.name.label(), "state": "pass", "found": found }),
        StepState::Fail { reason, fix } => {
            json!({ "step": step.name.label(), "state": "fail", "reason": reason, "fix": fix })
        }
        StepState::NotReached => json!({ "step": step.name.label(), "state": "not_reached" }),
    });
    json!({ "dialled": dialled, "passes": simulation.passes(), "steps": steps.collect::<Vec<_>>() })
}

fn print_audit(organization: &Organization) {
    for finding in audit(organization) {
        let rows: Vec<_> = finding.rows.iter().map(|row| row.name.as_str()).collect();
        println!(
            "{}",
            json!({
                "kind": format!("{:?}", finding.kind), "severity": format!("{:?}", finding.severity),
                "message": finding.message, "rows": rows, "example": finding.example,
            })
        );
    }
}
