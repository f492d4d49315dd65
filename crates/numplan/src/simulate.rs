//! Simulate Call: what would happen, step by step, without anything happening (handbook, "Simulate Call Tab").

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use telco_model::Organization;
use telco_model::entity::{DidTarget, MediaModel};
use telco_model::value::{E164, EdgeId, SiteId, TrunkId, UserId};

use crate::chance::Chance;
use crate::compiler::CompileError;
use crate::explain::Explanation;
use crate::inbound::{ExtensionDecision, InboundMiss, resolve_extension, resolve_inbound};
use crate::route::{Candidate, Candidates};
use crate::site::{Decision, NoRoute, Outcome, SitePlan};

/// What is known about the running system; what is absent counts as configured.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// The civil time, for extensions that are not propagated yet.
    pub now: Timestamp,
    /// Trunks that are known to be up or down.
    pub trunks_up: BTreeMap<TrunkId, bool>,
    /// Edges that are known to be online or offline.
    pub edges_online: BTreeMap<EdgeId, bool>,
}

impl Conditions {
    /// Nothing is known but the time: everything runs as configured.
    pub fn as_configured(now: Timestamp) -> Self {
        Self { now, trunks_up: BTreeMap::new(), edges_online: BTreeMap::new() }
    }
}

/// The six outputs of Simulate Call, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Normalisation, classification, outbound route, trunk settings, in-service edges, destination site.
    pub steps: [Step; 6],
    /// Everything the routing considered.
    pub explanation: Explanation,
}

/// One output of Simulate Call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which output.
    pub name: StepName,
    /// What was found, or why not.
    pub state: StepState,
}

/// How one output turned out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// As it should be.
    Pass {
        /// What was found.
        found: String,
    },
    /// The call would stop here.
    Fail {
        /// Why.
        reason: String,
        /// The setting to change, as a path through the administration.
        fix: String,
    },
    /// An earlier output failed, so there was nothing to look at.
    NotReached,
}

/// The outputs by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// The number after the plans.
    Normalization,
    /// The word the plans give it.
    Classification,
    /// The outbound route or dial-plan pattern.
    OutboundRoute,
    /// The trunks of the route.
    TrunkSettings,
    /// Edges that can carry the call; Premises only.
    InServiceEdges,
    /// Where the call ends.
    DestinationSite,
}

impl StepName {
    /// The name on the page.
    pub fn label(self) -> &'static str {
        match self {
            StepName::Normalization => "Number normalization",
            StepName::Classification => "Classification",
            StepName::OutboundRoute => "Outbound route",
            StepName::TrunkSettings => "Trunk settings",
            StepName::InServiceEdges => "In-service Edges",
            StepName::DestinationSite => "Destination site",
        }
    }
}

impl Simulation {
    /// The first output that failed: the setting to look at first.
    pub fn first_failure(&self) -> Option<&Step> {
        self.steps.iter().find(|step| matches!(step.state, StepState::Fail { .. }))
    }

    /// Whether every output passed.
    pub fn passes(&self) -> bool {
        self.first_failure().is_none()
    }
}

/// Simulates a call from a site to a number or SIP address.
///
/// It reads and returns; there is no socket, queue or counter it could touch. The routing inside is [`SitePlan::decide`], the
/// code of the live path.
///
/// # Errors
/// [`CompileError`] when the site is unknown or its plans cannot run.
pub fn simulate(
    organization: &Organization,
    site: SiteId,
    dialled: &str,
    conditions: &Conditions,
) -> Result<Simulation, CompileError> {
    let plan = SitePlan::compile(organization, site)?;
    // The order of a random route does not matter here: every trunk is looked at.
    let mut chance = Chance::new([0; 32]);
    let explanation = plan.explain(dialled, &mut chance);
    let mut run = Run { organization, site, conditions, steps: Vec::new() };
    run.all(&plan, dialled, &explanation, &mut chance);
    run.steps.extend(
        NAMES[run.steps.len()..].iter().map(|name| Step { name: *name, state: StepState::NotReached }),
    );
    let steps = run
        .steps
        .try_into()
        .unwrap_or_else(|_| NAMES.map(|name| Step { name, state: StepState::NotReached }));
    Ok(Simulation { steps, explanation })
}

const NAMES: [StepName; 6] = [
    StepName::Normalization,
    StepName::Classification,
    StepName::OutboundRoute,
    StepName::TrunkSettings,
    StepName::InServiceEdges,
    StepName::DestinationSite,
];

struct Run<'a> {
    organization: &'a Organization,
    site: SiteId,
    conditions: &'a Conditions,
    steps: Vec<Step>,
}

/// What the last step found, or the reason and the setting to fix. An error ends the simulation.
type Found = Result<String, (String, &'static str)>;

impl Run<'_> {
    /// Notes the next output; `None` when it failed.
    fn step(&mut self, found: Found) -> Option<()> {
        let name = NAMES[self.steps.len()];
        let passed = found.is_ok();
        let state = match found {
            Ok(found) => StepState::Pass { found },
            Err((reason, fix)) => StepState::Fail { reason, fix: fix.to_owned() },
        };
        self.steps.push(Step { name, state });
        passed.then_some(())
    }

    fn all(
        &mut self,
        plan: &SitePlan,
        dialled: &str,
        explanation: &Explanation,
        chance: &mut Chance,
    ) -> Option<()> {
        let decision = match plan.decide(dialled, chance) {
            Ok(decision) => decision,
            Err(unclassified) => {
                use crate::plans::Unclassified as U;
                let fix = match unclassified {
                    U::Dialled(_) => "the number dialled",
                    U::NoPlan { .. } | U::Rewriting { .. } | U::Circle { .. } => "Sites > Number Plans",
                };
                return self.step(Err((unclassified.to_string(), fix)));
            }
        };
        self.step(Ok(if decision.address.as_str() == dialled {
            format!("{dialled} stays as it is")
        } else {
            format!("{dialled} becomes {}", decision.address)
        }))?;
        self.step(Ok(format!("{}, by number plan {}", decision.plan.classification, decision.plan.name)))?;
        let trunks = match &decision.outcome {
            Outcome::Internal => {
                self.step(Ok("none needed: extensions stay inside".into()))?;
                self.step(Ok("none needed".into()))?;
                self.step(self.edges(None))?;
                return self.step(self.extension(decision.address.as_str()));
            }
            Outcome::NoRoute(why) => {
                let fix = match why {
                    NoRoute::Disabled => "Sites > Outbound Routes > State",
                    NoRoute::NoMatchingClassification => "Sites > Outbound Routes > Classifications",
                    NoRoute::NoMatchingPattern | NoRoute::NoDialPlan => "Dial Plans > Route Patterns",
                };
                return self.step(Err((self.no_route(*why, &decision), fix)));
            }
            Outcome::Route { route, trunks } => {
                let (usable, all) = (trunks.len(), trunks.considered().len());
                self.step(Ok(if usable == all {
                    format!("{} ({})", route.name, counted(all, "trunk"))
                } else {
                    format!("{} ({usable} of {} usable)", route.name, counted(all, "trunk"))
                }))?;
                trunks
            }
            Outcome::Pattern { pattern, .. } if explanation.trunks.is_empty() => {
                let why = format!(
                    "pattern {} leads to trunk group {}, which has no trunk",
                    pattern.pattern, pattern.group_name
                );
                return self.step(Err((why, "Trunk Groups > Members")));
            }
            Outcome::Pattern { pattern, trunks } => {
                self.step(Ok(format!(
                    "dial-plan pattern {}, trunk group {}",
                    pattern.pattern, pattern.group_name
                )))?;
                trunks
            }
        };
        self.step(self.trunk_settings(trunks, decision.emergency, dialled))?;
        self.step(self.edges(Some(trunks)))?;
        self.step(self.destination(decision.address.e164()))
    }

    fn no_route(&self, why: NoRoute, decision: &Decision<'_>) -> String {
        let classification = &decision.plan.classification;
        match why {
            NoRoute::Disabled => format!("the outbound route that carries {classification} is disabled"),
            NoRoute::NoMatchingClassification => {
                let site = self.organization.site(self.site).map_or("", |site| site.name.as_str());
                format!("no outbound route of site {site} carries {classification}")
            }
            NoRoute::NoMatchingPattern => {
                format!("no pattern of the dial plan matches {}", decision.address.as_str())
            }
            NoRoute::NoDialPlan => why.to_string(),
        }
    }

    fn trunk_settings(&self, trunks: &Candidates<'_>, emergency: bool, dialled: &str) -> Found {
        let Some(first) = trunks.iter().find(|trunk| self.is_up(trunk)) else {
            let why = match trunks.considered().iter().find_map(|trunk| Some((&trunk.name, trunk.unusable?)))
            {
                Some((name, unusable)) => format!("no trunk can be tried: {name}: {unusable}"),
                None if trunks.is_empty() => "the route has no trunk".to_owned(),
                None => "no trunk of the route is up".to_owned(),
            };
            return Err((why, "Trunks > Trunk State"));
        };
        if emergency && !first.emergency {
            let why = format!(
                "{dialled} is an emergency number, and the carrier of trunk {} is not recorded as verified",
                first.name
            );
            return Err((why, "Trunks > Emergency services verification"));
        }
        let trunk = self.organization.trunk(first.id);
        let servers = trunk.map(|trunk| trunk.servers.len()).unwrap_or_default();
        let registers = trunk.is_some_and(|trunk| trunk.registration.is_some());
        if servers == 0 && !registers {
            let why = format!(
                "trunk {} has no SIP server and no registration, so there is nobody to send to",
                first.name
            );
            return Err((why, "Trunks > SIP Servers or Proxies"));
        }
        let via = if servers == 0 { "the registrar".to_owned() } else { counted(servers, "SIP server") };
        Ok(format!("{} ({}, {via})", first.name, first.kind.label()))
    }

    fn is_up(&self, trunk: &Candidate) -> bool {
        self.conditions.trunks_up.get(&trunk.id).copied().unwrap_or(true)
    }

    /// Edges matter for Premises sites only; a cloud site passes.
    fn edges(&self, trunks: Option<&Candidates<'_>>) -> Found {
        let premises =
            self.organization.site(self.site).is_some_and(|site| site.media_model == MediaModel::Premises);
        if !premises {
            return Ok("none needed: the media model is Cloud".into());
        }
        let carries = |group| match trunks {
            None => true,
            Some(trunks) => {
                let group = self.organization.edge_group(group);
                group.is_some_and(|group| trunks.iter().any(|trunk| group.trunks.contains(&trunk.id)))
            }
        };
        let edges: Vec<_> = self
            .organization
            .edges()
            .filter(|edge| edge.site == self.site || carries(edge.edge_group))
            .collect();
        let carrying: Vec<_> = edges.iter().filter(|edge| carries(edge.edge_group)).collect();
        let online = |edge: &EdgeId| self.conditions.edges_online.get(edge).copied().unwrap_or(true);
        let ready: Vec<_> = carrying.iter().filter(|edge| edge.in_service && online(&edge.id)).collect();
        match (ready.as_slice(), carrying.is_empty(), edges.is_empty()) {
            ([_, ..], ..) => {
                let names: Vec<_> = ready.iter().map(|edge| edge.name.as_str()).collect();
                Ok(names.join(", "))
            }
            ([], _, true) => Err(("the site has no edge".into(), "Edges > Provision New Edge")),
            ([], true, false) => Err(("no edge of the site has the trunk".into(), "Edge Groups > Trunks")),
            ([], false, false) => {
                Err(("no edge that has the trunk is in service and online".into(), "Edges > State"))
            }
        }
    }

    fn extension(&self, digits: &str) -> Found {
        match resolve_extension(self.organization, digits, self.conditions.now) {
            Some(ExtensionDecision::Active(user)) => self.user(user),
            Some(ExtensionDecision::Pending { active_at, .. }) => Err((
                format!("extension {digits} is new and may not be known before {active_at:.0}"),
                "wait for the propagation",
            )),
            Some(ExtensionDecision::Unassigned) => {
                Err((format!("extension {digits} is assigned to nobody"), "Extensions > Assignments"))
            }
            Some(ExtensionDecision::NotInPool) | None => {
                Err((format!("extension {digits} is in no pool"), "Extensions > Extension Pools"))
            }
        }
    }

    fn user(&self, user: UserId) -> Found {
        let name = self.organization.user(user).map(|user| user.name.to_string()).unwrap_or_default();
        let Some(phone) = self.organization.phones_of_user(user).next() else {
            return Err((format!("{name} has no phone"), "Phone Management > Phones"));
        };
        let site = self.organization.site(phone.site).map(|site| site.name.to_string()).unwrap_or_default();
        Ok(format!("{site}, phone {} of {name}", phone.name))
    }

    fn destination(&self, number: Option<E164>) -> Found {
        let Some(number) = number else { return Ok("outside the organization".into()) };
        match resolve_inbound(self.organization, number).target {
            Ok(DidTarget::User(user)) => self.user(user),
            Ok(DidTarget::Phone(phone)) => {
                let phone = self.organization.phone(phone);
                let site = phone.and_then(|phone| self.organization.site(phone.site));
                Ok(site.map(|site| site.name.to_string()).unwrap_or_default())
            }
            Ok(DidTarget::CallFlow(flow)) => {
                let name =
                    self.organization.call_flow(flow).map(|flow| flow.name.to_string()).unwrap_or_default();
                Ok(format!("call flow {name} of this organization"))
            }
            Err(InboundMiss::Unassigned) => Err((
                format!("{number} belongs to this organization and is assigned to nobody"),
                "DID Numbers > DID Assignments",
            )),
            Err(InboundMiss::NotInInventory) => Ok("outside the organization".into()),
        }
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

impl fmt::Display for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.name.label();
        match &self.state {
            StepState::Pass { found } => write!(f, "pass  {label:<21}{found}"),
            StepState::Fail { reason, fix } => write!(f, "FAIL  {label:<21}{reason}. Look at: {fix}"),
            StepState::NotReached => write!(f, "  -   {label:<21}not reached"),
        }
    }
}
