//! What is wrong with the routing of an organization before a call finds out. Each finding names the rows and shows a number.

mod emergency;
mod inbound;
mod patterns;
mod plans;
mod witness;

use std::fmt;

use telco_model::Organization;
use telco_model::value::{
    DialPlanId, E164, ExtensionPoolId, InboundRouteId, NumberPlanId, OutboundRouteId, SiteId, TrunkId,
};

use crate::site::SitePlan;

/// One thing an administrator should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The site it concerns; `None` for the whole organization.
    pub site: Option<SiteId>,
    /// The rows that make it, the one to change first.
    pub rows: Vec<Row>,
    /// A number that shows it when it is dialled, or called.
    pub example: String,
    /// What happens, in a sentence.
    pub message: String,
}

/// A row of the configuration, by id and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which row.
    pub id: RowId,
    /// What people call it.
    pub name: String,
}

/// The identity of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowId {
    /// A number plan of a site.
    NumberPlan(NumberPlanId),
    /// An outbound route.
    OutboundRoute(OutboundRouteId),
    /// A pattern of a dial plan, by its place.
    Pattern(DialPlanId, usize),
    /// A trunk.
    Trunk(TrunkId),
    /// An inbound route.
    InboundRoute(InboundRouteId),
    /// An extension pool.
    ExtensionPool(ExtensionPoolId),
    /// A number.
    Number(E164),
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Allowed, and worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Must not go live: calls fail, or an emergency call may.
    Blocking,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// An earlier plan takes every number of a plan.
    ShadowedPlan,
    /// An earlier plan takes some numbers a plan lists one by one.
    ShadowedNumber,
    /// The format of a plan writes something that cannot be dialled, or plans rewrite in a circle.
    BrokenRewriting,
    /// No enabled route carries a classification.
    ClassificationWithoutRoute,
    /// A route carries a classification no plan of its site gives.
    RouteWithoutPlan,
    /// A more specific pattern leads past the trunk group of a general one.
    BypassedTrunkGroup,
    /// A trunk of a dial plan's group is linked to no dial plan.
    UnlinkedTrunk,
    /// An emergency number may leave by a trunk whose carrier was not verified.
    UnverifiedEmergency,
    /// An emergency number is prefixed or rewritten.
    AlteredEmergency,
    /// No plan of the site knows an emergency number of its country.
    EmergencyUnknown,
    /// Two trunks deliver the same number.
    NumberOnTwoTrunks,
    /// Two enabled inbound rules name the same number.
    TwoInboundRules,
    /// No plan of a site knows the extensions of a pool, or another than the extension plan does.
    ExtensionUnknown,
    /// No plan of a site knows the numbers of the organization itself.
    NumberUnknown,
}

/// Looks through the routing of an organization. Sites that do not compile are left out: the compiler names their faults.
pub fn audit(organization: &Organization) -> Vec<Finding> {
    let mut findings = Vec::new();
    for site in organization.sites() {
        let Ok(plan) = SitePlan::compile(organization, site.id) else { continue };
        plans::audit(organization, site, &plan, &mut findings);
        emergency::audit(organization, site, &plan, &mut findings);
    }
    patterns::audit(organization, &mut findings);
    inbound::audit(organization, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Blocking => "BLOCKING",
        };
        write!(f, "{severity}: {} (try {})", self.message, self.example)
    }
}

/// A number plan as a row.
fn plan_row(plan: &crate::plans::Plan) -> Row {
    Row { id: RowId::NumberPlan(plan.id), name: plan.name.to_string() }
}

/// A route as a row.
fn route_row(route: &crate::route::Route) -> Row {
    Row { id: RowId::OutboundRoute(route.id), name: route.name.to_string() }
}
