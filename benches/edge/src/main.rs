//! What a routed call and a registration cost the edge in time and memory, beside Kamailio: SIPp runs against both, one after the
//! other, at the same rate, again and again.
//!
//! ```text
//! cargo run --release -p edge-bench                       # everything, about an hour
//! cargo run --release -p edge-bench -- --only udp         # calls over UDP alone
//! cargo run --release -p edge-bench -- --quick            # minutes: whether it works; no figures
//!
//!  SIPp calls ──► [stunnel] ──► edge | Kamailio ──► [stunnel] ──► SIPp answers
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `arguments` | the command line |
//! | `place` | addresses of a run, certificate, stunnel |
//! | `server` | the edge and Kamailio, as they are started |
//! | `load` | SIPp: calls, answers, registrations |
//! | `stage` | a server with all that around it, and its warm-up |
//! | `measure` | time and memory of a process tree |
//! | `run` | CPU time: idle time, load, drain; the interleaved series |
//! | `memory` | what a contact and a call take |
//! | `setup` | how long a call takes to set up, by a clock of our own |
//! | `progress`, `report` | what is going on; Markdown |

#![allow(clippy::disallowed_methods, reason = "a benchmark runs in real time")]

mod arguments;
mod load;
mod measure;
mod memory;
mod place;
mod progress;
mod report;
mod run;
mod server;
mod setup;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use telco_testkit::peer::installed;

use arguments::{Arguments, Part};
use load::Amount;
use memory::Kept;
use place::Wire;
use progress::Progress;
use run::{Plan, Work};
use stage::Pace;

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
        ["kamailio", "kamcmd", "sipp", "openssl"].into_iter().filter(|name| !installed(name)).collect();
    if !missing.is_empty() {
        return Err(format!(
            "{} missing: apt-get install kamailio kamailio-tls-modules sip-tester openssl stunnel4",
            missing.join(", ")
        ));
    }
    let numbers = [arguments.rate, arguments.calls, arguments.repeats, arguments.contacts, arguments.held];
    if numbers.contains(&0) {
        return Err("--rate, --calls, --repeats, --contacts and --held are at least 1".into());
    }
    if arguments.held > server::MOST_CALLS {
        return Err(format!("--held: {} at most", server::MOST_CALLS));
    }
    eprintln!("building the edge …");
    let edge = server::binary()?;
    eprintln!("measuring {}", edge.display());
    let todo = Todo::of(arguments);
    let mut progress = Progress::new(&todo.lengths());
    let (plan, pace) = (todo.plan, todo.plan.pace);
    let (mut costs, mut times, mut footprints) = (Vec::new(), Vec::new(), Vec::new());
    for work in &todo.work {
        costs.push((*work, run::interleaved(*work, plan, &mut progress)?));
    }
    if let Some(amount) = todo.setup {
        times = setup::interleaved(amount, plan.repeats, pace, &mut progress)?;
    }
    for (kept, amount) in &todo.kept {
        for kind in kept.servers() {
            footprints.push(memory::footprint(*kept, kind, *amount, pace, &mut progress)?);
        }
    }
    report::head();
    if !costs.is_empty() {
        report::costs(&costs);
    }
    if let Some(amount) = todo.setup {
        report::setup_times(&times, amount);
    }
    if !footprints.is_empty() {
        report::memory(&footprints);
    }
    Ok(())
}

/// What is measured.
struct Todo {
    plan: Plan,
    work: Vec<Work>,
    setup: Option<Amount>,
    kept: Vec<(Kept, Amount)>,
}

impl Todo {
    fn of(arguments: &Arguments) -> Self {
        let quick = arguments.quick;
        let rate = if quick { 100 } else { arguments.rate };
        let amount = |calls| Amount { calls: if quick { 200 } else { calls }, rate };
        // More than phones have addresses: the edge is to know them all by the time it is measured.
        let warm_up = Amount { calls: 300, rate: 100 };
        let plan = Plan {
            amount: amount(arguments.calls),
            repeats: if quick { 1 } else { arguments.repeats },
            pace: Pace { warm_up, hurry: quick },
        };
        let wants = |part| arguments.only.is_empty() || arguments.only.contains(&part);
        let tls = wants(Part::Tls) && installed("stunnel4");
        if wants(Part::Tls) && !tls {
            eprintln!("no figures for TLS: Debian's SIPp does not speak it, and stunnel4 is not installed");
        }
        let works = [
            (wants(Part::Udp), Work::Call(Wire::Udp)),
            (wants(Part::Tcp), Work::Call(Wire::Tcp)),
            (tls, Work::Call(Wire::Tls)),
            (wants(Part::Register), Work::Register),
        ];
        let kept = [(Kept::Contact, amount(arguments.contacts)), (Kept::Call, amount(arguments.held))];
        Self {
            plan,
            work: works.into_iter().filter_map(|(wanted, work)| wanted.then_some(work)).collect(),
            setup: wants(Part::Setup).then(|| amount(arguments.calls.min(setup::MOST))),
            kept: if wants(Part::Memory) { kept.to_vec() } else { Vec::new() },
        }
    }

    /// About how long each step takes.
    fn lengths(&self) -> Vec<Duration> {
        let Plan { repeats, pace, .. } = self.plan;
        let mut all = Vec::new();
        for _ in 0..repeats {
            let kinds = self.work.iter().flat_map(|work| work.servers());
            all.extend(kinds.map(|kind| run::length(*kind, self.plan)));
            all.extend(self.setup.iter().flat_map(|amount| [setup::length(*amount, pace); 3]));
        }
        for (kept, amount) in &self.kept {
            all.extend(kept.servers().map(|kind| memory::length(kind, *amount, pace)));
        }
        all
    }
}
