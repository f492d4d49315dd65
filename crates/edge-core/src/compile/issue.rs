//! What stands in the way of running a configuration as it was meant.

use std::borrow::Cow;
use std::fmt;

use telco_model::Organization;
use telco_model::entity::EntityRef;

/// A problem of a configuration that is valid and still cannot run as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub entity: EntityRef,
    /// The name people know the entity by; its id when it has none.
    pub name: String,
    /// The field inside the entity, such as `digest.realm`; empty for the entity as a whole.
    pub path: Cow<'static, str>,
    /// What, for programs; stable.
    pub code: &'static str,
    /// What, for people, with what to do.
    pub message: String,
}

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// What it is about does not work at all.
    Error,
    /// It works, but hardly as it was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// `error: trunk "MTY_A": servers: give at least one [trunk.no_server]`
impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {:?}: ", self.severity, self.entity.kind(), self.name)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

/// Collects issues while an organization is compiled.
pub(super) struct Issues<'o> {
    organization: &'o Organization,
    list: Vec<Issue>,
}

impl<'o> Issues<'o> {
    pub(super) fn new(organization: &'o Organization) -> Self {
        Self { organization, list: Vec::new() }
    }

    pub(super) fn error(
        &mut self,
        entity: impl Into<EntityRef>,
        path: impl Into<Cow<'static, str>>,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.add(Severity::Error, entity.into(), path.into(), code, message.into());
    }

    pub(super) fn warn(
        &mut self,
        entity: impl Into<EntityRef>,
        path: impl Into<Cow<'static, str>>,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.add(Severity::Warning, entity.into(), path.into(), code, message.into());
    }

    /// The issues, errors first, in the order of entities.
    pub(super) fn into_list(mut self) -> Vec<Issue> {
        self.list.sort();
        self.list.dedup();
        self.list
    }

    fn add(
        &mut self,
        severity: Severity,
        entity: EntityRef,
        path: Cow<'static, str>,
        code: &'static str,
        message: String,
    ) {
        let name = self
            .organization
            .get(entity)
            .map_or_else(|| entity.to_string(), |found| found.label().into_owned());
        self.list.push(Issue { severity, entity, name, path, code, message });
    }
}
