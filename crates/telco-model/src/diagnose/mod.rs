//! Diagnoses: from a symptom to cause, evidence and resolution, as far as the configuration shows them.
//!
//! The rows are those of `docs/spec/diagnoses.md`. What only the running system knows is for the edge to add.

mod network;
mod numbers;
mod table;

use jiff::Timestamp;
use serde::Serialize;

pub use table::{ROWS, Row};

use crate::{
    entity::{Actor, EntityRef},
    organization::Organization,
    value::{CertificateAuthorityId, E164, EdgeGroupId, Extension, PhoneId, SiteId, TrunkId, UserId},
};

/// What is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// A DID or toll-free number.
    Number(E164),
    /// An extension.
    Extension(Extension),
    /// A user's phones.
    User(UserId),
    /// A phone.
    Phone(PhoneId),
    /// A site.
    Site(SiteId),
    /// A trunk.
    Trunk(TrunkId),
    /// An edge group.
    EdgeGroup(EdgeGroupId),
    /// A certificate authority.
    Authority(CertificateAuthorityId),
    /// What an administrator may do.
    Administrator(Actor),
    /// The dial plans.
    DialPlans,
    /// The topology map.
    Topology,
}

/// One possible explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The row of the table.
    pub row: &'static Row,
    /// What in the configuration shows it.
    pub evidence: String,
    /// What it is about.
    pub about: Vec<EntityRef>,
}

impl Organization {
    /// Everything in the configuration that explains a symptom; empty when nothing does. `now` is for what takes time.
    pub fn diagnose(&self, query: Query, now: Timestamp) -> Vec<Diagnosis> {
        let mut findings = Findings { organization: self, found: Vec::new() };
        match query {
            Query::Number(number) => findings.number(number),
            Query::Extension(extension) => findings.extension(extension, now),
            Query::User(user) => findings.user(user, now),
            Query::Phone(phone) => findings.phone(phone),
            Query::Site(site) => findings.site(site),
            Query::Trunk(trunk) => findings.trunk(trunk),
            Query::EdgeGroup(group) => findings.edge_group(group),
            Query::Authority(authority) => findings.authority(authority, now),
            Query::Administrator(actor) => findings.administrator(actor),
            Query::DialPlans => findings.dial_plans(),
            Query::Topology => findings.topology(now),
        }
        findings.found
    }
}

struct Findings<'o> {
    organization: &'o Organization,
    found: Vec<Diagnosis>,
}

impl Findings<'_> {
    fn add(&mut self, row: &str, evidence: String, about: impl IntoIterator<Item = EntityRef>) {
        let row = ROWS.iter().find(|known| known.id == row).expect("rows are named out of the table");
        self.found.push(Diagnosis { row, evidence, about: about.into_iter().collect() });
    }
}
