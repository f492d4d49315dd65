//! What a routed call and a registration cost the edge, beside Kamailio: SIPp runs against both, one after the other, at the
//! same rate, again and again.
//!
//! ```text
//! cargo run --release -p edge-bench                       # everything, about half an hour
//! cargo run --release -p edge-bench -- --only udp         # calls over UDP alone
//! cargo run --release -p edge-bench -- --quick            # whether it works; no figures
//!
//!  SIPp calls ──► [stunnel] ──► edge | Kamailio ──► [stunnel] ──► SIPp answers
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `place` | addresses of a run, certificate, stunnel |
//! | `server` | the edge and Kamailio, as they are started |
//! | `load` | SIPp: calls, answers, registrations |
//! | `measure` | time and memory of a process tree |
//! | `run` | warm-up, idle time, load, drain; the interleaved series |
//! | `report` | Markdown |

#![allow(clippy::disallowed_methods, reason = "a benchmark runs in real time")]

mod load;
mod measure;
mod place;
mod report;
mod run;
mod server;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use telco_testkit::peer::installed;

use load::Amount;
use place::Wire;
use run::{Plan, Work};

/// Compares the edge with Kamailio: CPU time per 1,000 calls and registrations, in one interleaved run, with SIPp on both sides.
///
/// Needs the Debian packages kamailio, kamailio-tls-modules, sip-tester, openssl and stunnel4. Progress goes to standard error, the
/// report to standard output as Markdown. A run with a failed call or a retransmission does not count and is repeated.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// New calls, or registrations, per second.
    #[arg(long, default_value_t = 1000)]
    rate: usize,
    /// Calls, or registrations, of each run.
    #[arg(long, default_value_t = 5000)]
    calls: usize,
    /// Runs of each server; ratios count from five on.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Does this alone; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// A short look whether everything works: few calls, one run each, transactions not drained. Its figures mean nothing.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Calls over UDP, also beside Kamailio with dialogs and topology hiding.
    Udp,
    /// Calls over TCP.
    Tcp,
    /// Calls over TLS.
    Tls,
    /// Registrations with digest, over UDP.
    Register,
}

fn main() -> ExitCode {
    match measure_all(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(arguments: &Arguments) -> Result<(), String> {
    let missing: Vec<_> =
        ["kamailio", "sipp", "openssl"].into_iter().filter(|name| !installed(name)).collect();
    if !missing.is_empty() {
        return Err(format!(
            "{} missing: apt-get install kamailio kamailio-tls-modules sip-tester openssl stunnel4",
            missing.join(", ")
        ));
    }
    if arguments.rate == 0 || arguments.calls == 0 || arguments.repeats == 0 {
        return Err("--rate, --calls and --repeats are at least 1".into());
    }
    eprintln!("building the edge …");
    let edge = server::binary()?;
    eprintln!("measuring {}", edge.display());
    let plan = if arguments.quick {
        Plan { amount: Amount { calls: 200, rate: 100 }, repeats: 1, hurry: true }
    } else {
        let amount = Amount { calls: arguments.calls, rate: arguments.rate };
        Plan { amount, repeats: arguments.repeats, hurry: false }
    };
    let mut costs = Vec::new();
    for (part, work) in [
        (Part::Udp, Work::Call(Wire::Udp)),
        (Part::Tcp, Work::Call(Wire::Tcp)),
        (Part::Tls, Work::Call(Wire::Tls)),
        (Part::Register, Work::Register),
    ] {
        if !arguments.wants(part) {
            continue;
        }
        if part == Part::Tls && !installed("stunnel4") {
            eprintln!("no figures for TLS: Debian's SIPp does not speak it, and stunnel4 is not installed");
            continue;
        }
        costs.push((work, run::interleaved(work, plan)?));
    }
    report::head();
    report::costs(&costs);
    Ok(())
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}
