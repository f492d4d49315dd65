//! `edge check`: every problem of a configuration at once.

use std::process::ExitCode;

use edge_core::compile::Severity;

use crate::config::Config;
use crate::setup;

/// Prints what is wrong, errors first; fails when the edge would not start or part of it would not work.
pub(crate) fn print(read: Result<Config, Vec<String>>) -> ExitCode {
    let findings = Findings::of(&read);
    findings.lines.iter().for_each(|line| println!("{line}"));
    if let Ok(config) = &read {
        summary(config);
    }
    println!("{}, {}", count(findings.errors, "error"), count(findings.warnings, "warning"));
    if findings.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// What is wrong, a line each.
#[derive(Default)]
struct Findings {
    lines: Vec<String>,
    errors: usize,
    warnings: usize,
}

impl Findings {
    fn of(read: &Result<Config, Vec<String>>) -> Self {
        let mut findings = Self::default();
        match read {
            Err(problems) => problems.iter().for_each(|problem| findings.error(problem)),
            Ok(config) => {
                for issue in &config.issues {
                    match issue.severity {
                        Severity::Error => findings.errors += 1,
                        Severity::Warning => findings.warnings += 1,
                    }
                    findings.lines.push(issue.to_string());
                }
                if let Err(problem) = setup::tls(config) {
                    findings.error(&problem);
                }
            }
        }
        findings
    }

    fn error(&mut self, problem: &str) {
        self.errors += 1;
        self.lines.push(format!("error: {problem}"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    /// ST-007, ST-033: what keeps a trunk from working is told with its place and what to do, all of it at once.
    #[test]
    fn every_problem_of_a_trunk_is_printed() {
        let broken = crate::config::SAMPLE
            .replace("servers = [\"127.0.0.2:5070\"]", "servers = [\"127.0.0.2:5070\", \"gateway.example\"]\nregistration = { registrar = \"127.0.0.1\", transport = \"udp\", username = \"us\", password = \"secret\", uri = \"sip:us@carrier.example\", expires = 600 }\nprotocol = { custom_headers = [{ name = \"Session-Expires\", value = \"us\" }] }")
            .replace("site = \"@office\"\ntransport = \"udp\"\nservers", "site = \"@office\"\ntransport = \"tls\"\nservers");
        let findings = Findings::of(&load_text(&broken, "2026-03-02T10:00:00Z".parse().unwrap()));
        let told = findings.lines.join("\n");
        for line in [
            "error: trunk \"Carrier\": servers[0]: 127.0.0.2 is an address; enter the name in the server's certificate",
            "error: trunk \"Carrier\": registration.registrar: 127.0.0.1:5060 is this system's own address; enter the carrier's",
            "error: trunk \"Carrier\": protocol.custom_headers[0]: Session-Expires is written by the SIP stack; take it out",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
        assert_eq!((findings.errors, findings.lines.len()), (3, 3), "{told}");
    }

    /// ST-007: where the edge listens is its own address, whatever the port.
    #[test]
    fn a_registrar_at_our_own_listener_is_told() {
        let broken = crate::config::SAMPLE
            .replace("127.0.0.1:5060", "127.0.0.3:5080")
            .replace("max_calls = 100", "max_calls = 100\nregistration = { registrar = \"127.0.0.3\", port = 5080, transport = \"udp\", username = \"us\", password = \"secret\", uri = \"sip:us@carrier.example\", expires = 600 }");
        let findings = Findings::of(&load_text(&broken, "2026-03-02T10:00:00Z".parse().unwrap()));
        assert!(findings.lines.iter().any(|line| line.contains("own address")), "{:?}", findings.lines);
        assert_eq!(findings.errors, 1);
    }
}
