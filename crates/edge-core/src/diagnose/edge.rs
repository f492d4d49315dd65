//! Why an edge is offline, does not provision, or fails calls.

use std::fmt;

use telco_model::value::EdgeId;

use super::Findings;
use super::facts::Control;
use crate::group::Service;

/// The four things an edge needs, in the order to look at them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeChecks {
    /// Network, pairing, software, service.
    pub checks: [Check; 4],
}

/// One thing an edge needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub what: &'static str,
    /// Whether it is in order; `None` when nobody knows.
    pub passed: Option<bool>,
    /// What was seen.
    pub evidence: String,
}

impl EdgeChecks {
    /// The first that is not in order.
    pub fn first_failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.passed == Some(false))
    }
}

/// `network: ok, answers; pairing: …`
impl fmt::Display for EdgeChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, check) in self.checks.iter().enumerate() {
            let verdict = match check.passed {
                Some(true) => "ok",
                Some(false) => "FAILED",
                None => "unknown",
            };
            let comma = if index > 0 { "; " } else { "" };
            write!(f, "{comma}{}: {verdict}, {}", check.what, check.evidence)?;
        }
        Ok(())
    }
}

impl Findings<'_, '_> {
    pub(super) fn edge_checks(&self, id: EdgeId) -> Option<EdgeChecks> {
        let facts = self.facts;
        let edge = facts.runtime.organization.edge(id)?;
        let own = facts.runtime.edge.as_ref().is_some_and(|edge| edge.id == id);
        let status = facts.edges.get(&id);
        let check = |what, passed, evidence: String| Check { what, passed, evidence };

        let network = match (own, &facts.control) {
            (true, Control::Unreachable(why)) => {
                check("network", Some(false), format!("the control plane cannot be reached: {why}"))
            }
            (true, Control::NotPaired(_) | Control::Connected) => {
                check("network", Some(true), "the control plane answers".into())
            }
            (true, Control::Standalone) => check("network", Some(true), "it runs from a file".into()),
            (false, _) => match status.and_then(|status| status.online) {
                Some(true) => check("network", Some(true), "it answers this edge".into()),
                Some(false) => check("network", Some(false), "it does not answer this edge".into()),
                None => check("network", None, "this edge has not heard of it".into()),
            },
        };
        let pairing = match (own, &facts.control) {
            (true, Control::NotPaired(why)) => check("pairing", Some(false), why.clone()),
            (true, _) => check("pairing", Some(true), "the control plane knows it".into()),
            (false, _) => check("pairing", None, "only the edge itself knows".into()),
        };
        let software = match status
            .map(|status| &status.software)
            .filter(|software| !software.installed.is_empty())
        {
            None => check("software", None, "only the edge itself knows".into()),
            Some(software) => match &software.staged {
                Some(staged) if *staged != software.installed => {
                    check("software", Some(false), format!("{} runs, {staged} is staged", software.installed))
                }
                Some(_) | None => check("software", Some(true), format!("{} runs", software.installed)),
            },
        };
        let service = match status.map(|status| status.service) {
            _ if !edge.in_service => {
                check("service", Some(false), "it is out of service by configuration".into())
            }
            Some(Service::Out) => check("service", Some(false), "it says that it takes no calls".into()),
            Some(Service::Draining { .. }) => check("service", Some(false), "it is draining".into()),
            Some(Service::Drained) => {
                check("service", Some(false), "it is drained and waits for its update".into())
            }
            Some(Service::In) | None => check("service", Some(true), "it is in service".into()),
        };
        Some(EdgeChecks { checks: [network, pairing, software, service] })
    }

    pub(super) fn edge(&mut self, id: EdgeId) {
        let facts = self.facts;
        let Some(edge) = facts.runtime.organization.edge(id) else { return };
        if let Some(failed) = self.edge_checks(id).as_ref().and_then(EdgeChecks::first_failure) {
            self.add("DG-011", format!("{}: {}", failed.what, failed.evidence), [id.into()]);
        }
        let status = facts.edges.get(&id);
        if status.is_some_and(|status| status.online == Some(false)) {
            self.add("DG-027", "it does not answer this edge".into(), [id.into()]);
        }
        if let Some(software) = status.map(|status| &status.software)
            && let Some(staged) = software.staged.as_ref().filter(|staged| **staged != software.installed)
        {
            let evidence = format!("{} is installed, {staged} is staged", software.installed);
            self.add("DG-014", evidence, [id.into()]);
        }
        let own = facts.runtime.edge.as_ref().is_some_and(|edge| edge.id == id);
        if let Some(machine) = facts.machine.as_ref().filter(|_| own) {
            if machine.serial_number != edge.serial_number.as_str() {
                let evidence = format!(
                    "the machine is {:?}, entered was {:?}",
                    machine.serial_number,
                    edge.serial_number.as_str()
                );
                self.add("DG-015", evidence, [id.into()]);
            }
            if machine.solution != edge.solution {
                let evidence =
                    format!("the machine is {:?}, entered was {:?}", machine.solution, edge.solution);
                self.add("DG-015", evidence, [id.into()]);
            }
        }
    }
}
