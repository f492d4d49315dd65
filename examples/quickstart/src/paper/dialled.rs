//! Calls on paper: what each site does with a dialled number, and why.

use anyhow::Result;
use jiff::Timestamp;
use numplan::detail::StepState;
use numplan::{Conditions, Simulation, simulate};
use telco_model::Organization;

use crate::out::say;

/// Simulates dialled strings at every site.
pub(crate) fn at_sites(organization: &Organization, dialled: &[&str], now: Timestamp) -> Result<()> {
    let conditions = Conditions::as_configured(now);
    for site in organization.sites() {
        say!("  site {}", site.name);
        for dialled in dialled {
            let simulation = simulate(organization, site.id, dialled, &conditions)?;
            let verdict = match simulation.first_failure() {
                None => format!("✓ {}", way(&simulation)),
                Some(step) => format!("✗ {}", found(step)),
            };
            say!("    {dialled:<20} {verdict}");
        }
    }
    Ok(())
}

/// What the number became, and the stops on its way.
fn way(simulation: &Simulation) -> String {
    let number = simulation.explanation.classified.iter();
    let number = number.map(|(classification, address)| format!("{address}, {classification}"));
    let stops = simulation.steps.iter().skip(2).map(found).filter(|stop| !stop.starts_with("none needed"));
    number.chain(stops).collect::<Vec<_>>().join(" → ")
}

fn found(step: &numplan::Step) -> String {
    match &step.state {
        StepState::Pass { found } => found.clone(),
        StepState::Fail { reason, fix } => format!("{}: {reason}. Look at: {fix}", step.name.label()),
        StepState::NotReached => "not reached".to_owned(),
    }
}
