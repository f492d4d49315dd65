//! Why a call goes where it goes: every candidate considered, and the reason it lost.

use std::fmt;

use telco_model::entity::RoutingEngine;
use telco_model::value::{Classification, Name, NumberPlanId, OutboundRouteId, TrunkId};

use crate::address::Address;
use crate::chance::Chance;
use crate::dialled::Dialled;
use crate::plan::{Miss, Outcome as PlanOutcome};
use crate::plans::Unclassified;
use crate::route::{Candidate, Unusable};
use crate::site::{NoRoute, Outcome, SitePlan};

/// A decision with everything that was considered on the way. Prints as sentences, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was dialled.
    pub dialled: String,
    /// The name of the site.
    pub site: Name,
    /// The passes over the number plans; more than one when a plan rewrote the number.
    pub passes: Vec<Pass>,
    /// What the plans made of it.
    pub classified: Result<(Classification, Address), Unclassified>,
    /// Which engine chose the target.
    pub engine: RoutingEngine,
    /// Outbound routes considered, in order; empty when a dial plan decides.
    pub routes: Vec<ConsideredRoute>,
    /// Patterns that match the number, most preferred first; empty when outbound routes decide.
    pub patterns: Vec<ConsideredPattern>,
    /// Trunks of the chosen target in the order they are tried, then the unusable ones.
    pub trunks: Vec<ConsideredTrunk>,
    /// Why there is no target.
    pub no_route: Option<NoRoute>,
    /// Whether the call stays inside.
    pub internal: bool,
    /// Whether it is an emergency call.
    pub emergency: bool,
}

/// One pass over the number plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The number that was looked for.
    pub number: String,
    /// Plans that did not decide, in order, with the reason.
    pub lost: Vec<(NumberPlanId, Name, Miss)>,
    /// The plan that matched.
    pub winner: Option<(NumberPlanId, Name)>,
    /// What it made of the number, when it changed it.
    pub rewritten: Option<Address>,
}

/// An outbound route that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsideredRoute {
    /// The route.
    pub id: OutboundRouteId,
    /// Its name.
    pub name: Name,
    /// Why it was not taken; `None` for the one that was.
    pub lost: Option<RouteMiss>,
}

/// Why an outbound route was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteMiss {
    /// It does not carry the classification.
    OtherClassification,
    /// It is disabled.
    Disabled,
    /// An earlier route was taken.
    Later,
}

/// A dial-plan pattern that matches the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsideredPattern {
    /// The pattern as written.
    pub pattern: String,
    /// Its priority.
    pub priority: u16,
    /// The trunk group it leads to.
    pub group: Name,
    /// Whether it decided; the others are less specific, or equally specific with a higher priority value.
    pub chosen: bool,
}

/// A trunk of the chosen target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsideredTrunk {
    /// The trunk.
    pub id: TrunkId,
    /// Its name.
    pub name: Name,
    /// Why it is not tried; `None` for one that is.
    pub unusable: Option<Unusable>,
}

impl SitePlan {
    /// Explains what [`decide`](Self::decide) does with a dialled string, with the same code.
    pub fn explain(&self, dialled: &str, chance: &mut Chance) -> Explanation {
        let mut explanation = Explanation {
            dialled: dialled.to_owned(),
            site: self.home.name.clone(),
            passes: Vec::new(),
            classified: Err(Unclassified::NoPlan { number: "".into() }),
            engine: self.engine,
            routes: Vec::new(),
            patterns: Vec::new(),
            trunks: Vec::new(),
            no_route: None,
            internal: false,
            emergency: false,
        };
        let parsed = match Dialled::parse(dialled) {
            Ok(parsed) => parsed,
            Err(fault) => {
                explanation.classified = Err(fault.into());
                return explanation;
            }
        };
        let classified = self.plans.classify(&parsed);
        explanation.passes = self.passes(parsed, &classified);
        let classified = match classified {
            Ok(classified) => classified,
            Err(unclassified) => {
                explanation.classified = Err(unclassified);
                return explanation;
            }
        };
        let decision = self.route(&parsed, &classified, chance);
        let classification = &decision.plan.classification;
        explanation.classified = Ok((classification.clone(), decision.address));
        explanation.emergency = decision.emergency;
        if self.engine == RoutingEngine::OutboundRoutes {
            explanation.routes = self.considered_routes(classification, &decision.outcome);
        } else {
            explanation.patterns = self.considered_patterns(decision.address.as_str(), &decision.outcome);
        }
        match &decision.outcome {
            Outcome::Internal => explanation.internal = true,
            Outcome::NoRoute(why) => explanation.no_route = Some(*why),
            Outcome::Route { trunks, .. } | Outcome::Pattern { trunks, .. } => {
                let unusable = trunks.considered().iter().filter(|trunk| trunk.unusable.is_some());
                explanation.trunks = trunks.iter().chain(unusable).map(ConsideredTrunk::from).collect();
            }
        }
        explanation
    }

    fn passes(
        &self,
        dialled: Dialled,
        classified: &Result<crate::plans::Classified, Unclassified>,
    ) -> Vec<Pass> {
        let places: &[usize] = match classified {
            Ok(classified) => &classified.passes,
            Err(_) => &[],
        };
        let mut passes = Vec::new();
        let mut current = dialled;
        for place in places.iter().map(|place| Some(*place)).chain(places.is_empty().then_some(None)) {
            let lost = self.plans.misses(&current, place);
            let lost = lost.map(|(plan, miss)| (plan.id, plan.name.clone(), miss)).collect();
            let winner = place.map(|place| &self.plans.all()[place]);
            let rewritten = place.and_then(|place| match self.plans.matcher(place).normalise(&current) {
                PlanOutcome::Rewritten(address) => Some(address),
                PlanOutcome::Unchanged | PlanOutcome::Broken(_) => None,
            });
            let number = current.to_string();
            passes.push(Pass {
                number,
                lost,
                winner: winner.map(|plan| (plan.id, plan.name.clone())),
                rewritten,
            });
            match rewritten {
                Some(Address::Tel(number)) => current = Dialled::Number(number),
                Some(Address::Sip(address)) => current = Dialled::SipAddress(address),
                None => break,
            }
        }
        passes
    }

    fn considered_routes(
        &self,
        classification: &Classification,
        outcome: &Outcome<'_>,
    ) -> Vec<ConsideredRoute> {
        let taken = match outcome {
            Outcome::Route { route, .. } => self.routes.iter().position(|other| other.id == route.id),
            Outcome::Internal | Outcome::Pattern { .. } | Outcome::NoRoute(_) => None,
        };
        let lost = |place: usize, route: &crate::route::Route| match taken {
            Some(taken) if place == taken => None,
            Some(taken) if place > taken => Some(RouteMiss::Later),
            _ if !route.classifications.contains(classification) => Some(RouteMiss::OtherClassification),
            _ => Some(RouteMiss::Disabled),
        };
        let considered = self.routes.iter().enumerate();
        considered
            .map(|(at, r)| ConsideredRoute { id: r.id, name: r.name.clone(), lost: lost(at, r) })
            .collect()
    }

    fn considered_patterns(&self, number: &str, outcome: &Outcome<'_>) -> Vec<ConsideredPattern> {
        let routes = self.patterns.iter().flat_map(|patterns| &patterns.routes);
        let chosen = |route: &crate::route::PatternRoute| match outcome {
            Outcome::Pattern { pattern, .. } => std::ptr::eq(*pattern, route),
            Outcome::Internal | Outcome::Route { .. } | Outcome::NoRoute(_) => false,
        };
        let matching = routes.filter(|route| route.matches(number));
        let considered = matching.map(|route| ConsideredPattern {
            pattern: route.pattern.to_string(),
            priority: route.priority,
            group: route.group_name.clone(),
            chosen: chosen(route),
        });
        considered.collect()
    }
}

impl From<&Candidate> for ConsideredTrunk {
    fn from(candidate: &Candidate) -> Self {
        Self { id: candidate.id, name: candidate.name.clone(), unusable: candidate.unusable }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} dialled at site {}.", self.dialled, self.site)?;
        for pass in &self.passes {
            write!(f, "{pass}")?;
        }
        match &self.classified {
            Err(unclassified) => return writeln!(f, "The call goes nowhere: {unclassified}."),
            Ok((classification, address)) => writeln!(f, "So it is {classification}, {address}.")?,
        }
        if self.emergency {
            writeln!(f, "It is an emergency call: no limit and no fraud guard holds it back.")?;
        }
        if self.internal {
            return writeln!(f, "Extensions stay inside; no external trunk is used.");
        }
        for route in &self.routes {
            match route.lost {
                None => writeln!(f, "Outbound route {} carries it.", route.name)?,
                Some(RouteMiss::OtherClassification) => {
                    writeln!(f, "Outbound route {} is not for this classification.", route.name)?;
                }
                Some(RouteMiss::Disabled) => {
                    writeln!(f, "Outbound route {} would carry it, but is disabled.", route.name)?
                }
                Some(RouteMiss::Later) => {}
            }
        }
        for pattern in &self.patterns {
            let (text, group, priority) = (&pattern.pattern, &pattern.group, pattern.priority);
            if pattern.chosen {
                writeln!(f, "Dial-plan pattern {text} (priority {priority}) leads to trunk group {group}.")?;
            } else {
                writeln!(
                    f,
                    "Pattern {text} (priority {priority}, trunk group {group}) matches too, but is less specific or comes later."
                )?;
            }
        }
        if let Some(why) = self.no_route {
            return writeln!(f, "The call goes nowhere: {why}.");
        }
        let (tried, passed): (Vec<_>, Vec<_>) =
            self.trunks.iter().partition(|trunk| trunk.unusable.is_none());
        for (trunk, place) in tried.iter().zip(1..) {
            writeln!(f, "{place}. trunk {}.", trunk.name)?;
        }
        for trunk in passed {
            if let Some(why) = trunk.unusable {
                writeln!(f, "Trunk {} is passed over: {why}.", trunk.name)?;
            }
        }
        if tried.is_empty() { writeln!(f, "The call goes nowhere: no trunk can be tried.") } else { Ok(()) }
    }
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, name, miss) in self.lost.iter().filter(|(.., miss)| *miss != Miss::Later) {
            writeln!(f, "Plan {name} does not match {}: {miss}.", self.number)?;
        }
        match (&self.winner, &self.rewritten) {
            (Some((_, name)), Some(address)) => {
                writeln!(f, "Plan {name} matches {} and makes it {address}.", self.number)
            }
            (Some((_, name)), None) => writeln!(f, "Plan {name} matches {}.", self.number),
            (None, _) => Ok(()),
        }
    }
}
