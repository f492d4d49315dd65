//! Why something does not work: the diagnoses of the configuration, and those only the running edge can make.
//!
//! ```text
//!  Question ──► Organization::diagnose ──┐
//!          └──► Facts of the edge ───────┴──► [Diagnosis: row · evidence · what it is about]
//! ```
//!
//! The rows are those of `docs/spec/diagnoses.md`: issue, cause, resolution. The evidence is what was seen here.

mod edge;
mod facts;
mod table;
mod trunk;

use numplan::{Conditions, simulate};
use sip_trunk::trunk::Standing;
use telco_model::diagnose::{Diagnosis, Query};
use telco_model::entity::EntityRef;
use telco_model::value::{E164, EdgeId, PhoneId, SiteId, TrunkId, UserId};

pub use edge::{Check, EdgeChecks};
pub use facts::{Control, Facts, Machine, PhoneFacts, TrunkFacts};
pub use table::RUNTIME_ROWS;

/// What is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// An edge.
    Edge(EdgeId),
    /// A trunk.
    Trunk(TrunkId),
    /// A phone.
    Phone(PhoneId),
    /// A user's phones.
    User(UserId),
    /// A number calls come in on.
    Number(E164),
    /// A call from a site to what was dialled.
    Call {
        /// The site.
        site: SiteId,
        /// What was dialled.
        dialled: String,
    },
    /// Anything else the configuration is asked.
    Configuration(Query),
}

/// Everything that explains a symptom: what the configuration shows, then what the edge sees. Empty when nothing does.
pub fn diagnose(question: &Question, facts: &Facts<'_>) -> Vec<Diagnosis> {
    let mut findings = Findings { facts, found: Vec::new() };
    match question {
        Question::Edge(edge) => {
            findings.group_of(*edge);
            findings.edge(*edge);
        }
        Question::Trunk(trunk) => {
            findings.configuration(Query::Trunk(*trunk));
            findings.trunk(*trunk);
        }
        Question::Phone(phone) => {
            findings.configuration(Query::Phone(*phone));
            findings.phone(*phone);
        }
        Question::User(user) => {
            findings.configuration(Query::User(*user));
            findings.user(*user);
        }
        Question::Number(number) => {
            findings.configuration(Query::Number(*number));
            findings.number(*number);
        }
        Question::Call { site, dialled } => {
            findings.configuration(Query::Site(*site));
            findings.call(*site, dialled);
        }
        Question::Configuration(query) => findings.configuration(*query),
    }
    findings.found
}

/// Network, pairing, software and service of an edge, in this order; `None` when there is no such edge.
pub fn edge_checks(edge: EdgeId, facts: &Facts<'_>) -> Option<EdgeChecks> {
    Findings { facts, found: Vec::new() }.edge_checks(edge)
}

struct Findings<'a, 'f> {
    facts: &'a Facts<'f>,
    found: Vec<Diagnosis>,
}

impl Findings<'_, '_> {
    fn add(&mut self, row: &str, evidence: String, about: impl IntoIterator<Item = EntityRef>) {
        let row = table::find(row);
        self.found.push(Diagnosis { row, evidence, about: about.into_iter().collect() });
    }

    fn configuration(&mut self, query: Query) {
        self.found.extend(self.facts.runtime.organization.diagnose(query, self.facts.now));
    }

    /// What the configuration says about the group of an edge: links that are too slow.
    fn group_of(&mut self, edge: EdgeId) {
        let Some(group) = self.facts.runtime.organization.edge(edge).map(|edge| edge.edge_group) else {
            return;
        };
        let about_it = self.facts.runtime.organization.diagnose(Query::EdgeGroup(group), self.facts.now);
        self.found.extend(about_it.into_iter().filter(|found| found.about.contains(&edge.into())));
    }

    fn phone(&mut self, id: PhoneId) {
        let facts = self.facts;
        let Some(phone) = facts.runtime.phones.get(&id) else { return };
        let known = facts.phones.get(&id).copied().unwrap_or_default();
        let dead = |edge: Option<EdgeId>| {
            edge.filter(|edge| facts.edges.get(edge).is_some_and(|status| status.online == Some(false)))
        };
        if let Some(primary) = dead(phone.assignment.primary) {
            let here =
                if known.online { "it is reached by way of this edge" } else { "it is not registered here" };
            let evidence = format!("its primary edge does not answer; {here}");
            self.add("DG-013", evidence, [id.into(), primary.into()]);
        }
        if phone.role.is_none() && known.online {
            let evidence =
                "it is registered at an edge that is neither its primary nor its secondary".to_owned();
            self.add("DG-028", evidence, [id.into()]);
        }
        if phone.role.is_some() && !known.online {
            let evidence = match known.wrong_passwords {
                0 => "it is not registered".to_owned(),
                times => format!("it is not registered; its password was wrong {times} times"),
            };
            self.add("DG-020", evidence, [id.into()]);
        }
    }

    fn user(&mut self, id: UserId) {
        let Some(user) = self.facts.runtime.users.get(&id).cloned() else { return };
        if user.phones.is_empty() {
            self.add("DG-020", "the user has no phone".into(), [id.into()]);
        }
        user.phones.iter().for_each(|phone| self.phone(*phone));
    }

    /// Who a called number leads to, and whether they can be reached.
    fn number(&mut self, number: E164) {
        use telco_model::entity::DidTarget;
        let decision = self.facts.runtime.inbound(number);
        let before = self.found.len();
        match decision.target {
            Ok(DidTarget::Phone(phone)) => self.phone(phone),
            Ok(DidTarget::User(user)) => self.user(user),
            Ok(DidTarget::CallFlow(_)) | Err(_) => {}
        }
        let reasons: Vec<_> = self.found[before..].iter().map(|found| found.evidence.clone()).collect();
        if let Some(reason) = reasons.first() {
            let evidence = format!("{number} leads to somebody who cannot be reached: {reason}");
            self.add("DG-008", evidence, decision.target.ok().map(EntityRef::from));
        }
    }

    /// Simulates the call with what is known of trunks and edges, and names the first output that failed.
    fn call(&mut self, site: SiteId, dialled: &str) {
        let facts = self.facts;
        let up = |standing: &Standing| *standing == Standing::Up;
        let conditions = Conditions {
            trunks_up: facts
                .trunks
                .iter()
                .filter_map(|(id, known)| Some((*id, up(known.standing.as_ref()?))))
                .collect(),
            edges_online: facts.edges.iter().filter_map(|(id, status)| Some((*id, status.online?))).collect(),
            ..Conditions::as_configured(facts.now)
        };
        let Ok(simulation) = simulate(&facts.runtime.organization, site, dialled, &conditions) else {
            self.add("DG-026", "the number plans of the site cannot run".into(), [site.into()]);
            return;
        };
        if let Some(failed) = simulation.first_failure()
            && let numplan::detail::StepState::Fail { reason, fix } = &failed.state
        {
            let evidence = format!("{}: {reason}; {fix}", failed.name.label());
            self.add("DG-026", evidence, [site.into()]);
        }
    }
}
