//! `edge check`: every problem of a configuration at once.

use std::process::ExitCode;

use edge_core::compile::Severity;

use crate::config::Config;
use crate::setup;

/// Prints what is wrong, errors first; fails when the edge would not start or part of it would not work.
pub(crate) fn print(read: Result<Config, Vec<String>>) -> ExitCode {
    let (mut errors, mut warnings) = (0, 0);
    match read {
        Err(problems) => {
            errors = problems.len();
            problems.iter().for_each(|problem| println!("error: {problem}"));
        }
        Ok(config) => {
            for issue in &config.issues {
                match issue.severity {
                    Severity::Error => errors += 1,
                    Severity::Warning => warnings += 1,
                }
                println!("{issue}");
            }
            let trunks = config.runtime.trunk_configs();
            for problem in trunks.iter().flat_map(|trunk| sip_trunk::trunk::check(trunk, &[])) {
                errors += 1;
                println!("error: {problem}");
            }
            if let Err(problem) = setup::tls(&config) {
                errors += 1;
                println!("error: {problem}");
            }
            summary(&config);
        }
    }
    println!("{errors} errors, {warnings} warnings");
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn summary(config: &Config) {
    let runtime = &config.runtime;
    let names = |names: Vec<String>| if names.is_empty() { "none".into() } else { names.join(", ") };
    let edge = runtime.edge.as_ref().map_or("no edge", |edge| edge.name.as_str());
    let trunks = runtime.trunks.values().filter(|trunk| trunk.runs_here());
    println!("{edge} listens on {}", names(config.edge.listen.iter().map(ToString::to_string).collect()));
    println!("  trunks: {}", names(trunks.map(|trunk| trunk.settings.name.to_string()).collect()));
    println!("  accounts of phones: {}", names(runtime.accounts.keys().map(ToString::to_string).collect()));
    println!("  sites: {}", names(runtime.sites.values().map(|site| site.name.to_string()).collect()));
}
