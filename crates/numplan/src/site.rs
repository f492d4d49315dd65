//! One site's routing, compiled: dialled string in, decision out.

use telco_model::Organization;
use telco_model::entity::{RouteTarget, RoutingEngine, Site};
use telco_model::value::{Classification, Name, SiteId, TrunkGroupId, TrunkId};

use crate::address::Address;
use crate::chance::Chance;
use crate::compiler::{CompileError, Compiler};
use crate::dialled::Dialled;
use crate::plans::{Classified, Plan, Plans, Unclassified};
use crate::route::{Candidate, Candidates, Home, PatternRoute, Patterns, Route};

/// Everything a site needs to decide where a dialled string goes. Immutable; compile a new one when the configuration changes.
///
/// ```text
/// "317-555-0123" ─► Dialled ─► number plans ─► class National ─► outbound route ─► trunks in order
///                              first match     +13175550123  └─► dial plan ──────► trunk group
/// ```
#[derive(Debug)]
pub struct SitePlan {
    pub(crate) home: Home,
    pub(crate) engine: RoutingEngine,
    pub(crate) plans: Plans,
    pub(crate) routes: Vec<Route>,
    /// By place of the plan: place of the route that carries its classification.
    route_of_plan: Vec<Option<usize>>,
    pub(crate) patterns: Option<Patterns>,
}

/// Where a call goes.
#[derive(Debug, Clone)]
pub struct Decision<'p> {
    /// The number plan whose classification counts.
    pub plan: &'p Plan,
    /// The normalised destination.
    pub address: Address,
    /// Whether this is an emergency call: by classification, or because the number is an emergency number of the site's country.
    pub emergency: bool,
    /// What the decision leads to.
    pub outcome: Outcome<'p>,
}

/// What a decision leads to.
#[derive(Debug, Clone)]
pub enum Outcome<'p> {
    /// An extension: the call stays inside and never takes an external trunk.
    Internal,
    /// An outbound route carries the classification.
    Route {
        /// The route.
        route: &'p Route,
        /// Its trunks in the order to try.
        trunks: Candidates<'p>,
    },
    /// A pattern of the dial plan matched.
    Pattern {
        /// The pattern.
        pattern: &'p PatternRoute,
        /// The trunks of its group in the order to try.
        trunks: Candidates<'p>,
    },
    /// Nothing carries the call.
    NoRoute(NoRoute),
}

/// Why nothing carries a classified call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRoute {
    /// A route has the classification, but it is switched off.
    Disabled,
    /// No route of the site has the classification.
    NoMatchingClassification,
    /// No pattern of the dial plan matches the number.
    NoMatchingPattern,
    /// The site uses a dial plan, and neither it nor the organization has one.
    NoDialPlan,
}

impl std::fmt::Display for NoRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NoRoute::Disabled => "the outbound route with this classification is disabled",
            NoRoute::NoMatchingClassification => "no outbound route of the site has this classification",
            NoRoute::NoMatchingPattern => "no pattern of the dial plan matches the number",
            NoRoute::NoDialPlan => "the site uses a dial plan, and there is none for it",
        })
    }
}

impl SitePlan {
    /// Compiles the number plans, routes and dial plan of one site; for many, take a [`Compiler`].
    ///
    /// # Errors
    /// [`CompileError`] when the site is not there, or with every regular expression that cannot run.
    pub fn compile(organization: &Organization, site: SiteId) -> Result<Self, CompileError> {
        Compiler::new(organization).site(site)
    }

    pub(crate) fn new(organization: &Organization, site: &Site, plans: Plans) -> Self {
        let home = home(organization, site);
        let routes: Vec<Route> = organization
            .outbound_routes_of(site.id)
            .map(|route| compile_route(organization, route))
            .collect();
        let route_of_plan = plans.all().iter().map(|plan| route_for(&routes, &plan.classification)).collect();
        let patterns = organization
            .dial_plan_of(site.id)
            .map(|plan| Patterns::new(plan, |id| group(organization, id, true)));
        Self { home, engine: site.routing, plans, routes, route_of_plan, patterns }
    }

    /// The site in the model.
    pub fn site(&self) -> SiteId {
        self.home.site
    }

    /// The classifications the site's plans can give, each once, in the order of the plans.
    pub fn classifications(&self) -> Vec<&Classification> {
        let mut seen = Vec::new();
        for plan in self.plans.all() {
            if !seen.contains(&&plan.classification) {
                seen.push(&plan.classification);
            }
        }
        seen
    }

    /// Decides about a dialled string as it came from a phone or a program.
    ///
    /// # Errors
    /// [`Unclassified`]: the string cannot be dialled, or no plan knows it.
    pub fn decide(&self, dialled: &str, chance: &mut Chance) -> Result<Decision<'_>, Unclassified> {
        self.decide_parsed(&Dialled::parse(dialled)?, chance)
    }

    /// Decides about a string that was read before. Allocates nothing when a plan and a route match.
    ///
    /// # Errors
    /// [`Unclassified`]: no plan knows the number.
    pub fn decide_parsed(
        &self,
        dialled: &Dialled,
        chance: &mut Chance,
    ) -> Result<Decision<'_>, Unclassified> {
        let classified = self.plans.classify(dialled)?;
        Ok(self.route(dialled, &classified, chance))
    }

    pub(crate) fn route(
        &self,
        dialled: &Dialled,
        classified: &Classified,
        chance: &mut Chance,
    ) -> Decision<'_> {
        let plan = &self.plans.all()[classified.plan];
        let emergency = plan.classification.is_emergency() || self.is_emergency_number(dialled.as_str());
        let outcome = self.outcome(classified, chance);
        Decision { plan, address: classified.address, emergency, outcome }
    }

    /// Whether the string is an emergency number of the site's country.
    pub fn is_emergency_number(&self, dialled: &str) -> bool {
        self.home.emergency_numbers.iter().any(|number| number == dialled)
    }

    fn outcome(&self, classified: &Classified, chance: &mut Chance) -> Outcome<'_> {
        let classification = &self.plans.all()[classified.plan].classification;
        if is_extension(classification) {
            return Outcome::Internal;
        }
        match self.engine {
            RoutingEngine::OutboundRoutes => match self.route_of_plan[classified.plan] {
                Some(place) => {
                    let route = &self.routes[place];
                    Outcome::Route {
                        route,
                        trunks: Candidates::ordered(&route.trunks, route.distribution, chance),
                    }
                }
                None if self.routes.iter().any(|route| route.classifications.contains(classification)) => {
                    Outcome::NoRoute(NoRoute::Disabled)
                }
                None => Outcome::NoRoute(NoRoute::NoMatchingClassification),
            },
            RoutingEngine::DialPlan => match &self.patterns {
                None => Outcome::NoRoute(NoRoute::NoDialPlan),
                Some(patterns) => match patterns.decide(classified.address.as_str()) {
                    Some(pattern) => {
                        let trunks = Candidates::ordered(
                            &pattern.trunks,
                            telco_model::entity::Distribution::Sequential,
                            chance,
                        );
                        Outcome::Pattern { pattern, trunks }
                    }
                    None => Outcome::NoRoute(NoRoute::NoMatchingPattern),
                },
            },
        }
    }
}

/// Extension is the classification of the default plan by that name; what it matches stays inside (NP-035).
pub(crate) fn is_extension(classification: &Classification) -> bool {
    classification.as_str().eq_ignore_ascii_case("Extension")
}

fn home(organization: &Organization, site: &Site) -> Home {
    let country = organization.country_of(site.id);
    let emergency = country.map(|country| country.emergency_numbers()).unwrap_or_default();
    Home {
        site: site.id,
        name: site.name.clone(),
        country: country.and_then(|country| country.calling_code()),
        emergency_numbers: emergency.iter().map(|number| (*number).to_owned()).collect(),
    }
}

fn compile_route(organization: &Organization, route: &telco_model::entity::OutboundRoute) -> Route {
    let (distribution, target, trunks) = match &route.target {
        RouteTarget::Trunks(list) => (list.distribution, None, candidates(organization, &list.trunks, false)),
        RouteTarget::TrunkGroup(id) => {
            let members = group(organization, *id, false).map(|(_, members)| members).unwrap_or_default();
            (telco_model::entity::Distribution::Sequential, Some(*id), members)
        }
    };
    Route {
        id: route.id,
        name: route.name.clone(),
        enabled: route.enabled,
        classifications: route.classifications.iter().cloned().collect(),
        distribution,
        group: target,
        trunks,
    }
}

/// NP-011: the first enabled route whose list has the classification.
fn route_for(routes: &[Route], classification: &Classification) -> Option<usize> {
    routes.iter().position(|route| route.enabled && route.classifications.contains(classification))
}

fn group(
    organization: &Organization,
    id: TrunkGroupId,
    by_dial_plan: bool,
) -> Option<(Name, Vec<Candidate>)> {
    let group = organization.trunk_group(id)?;
    Some((group.name.clone(), candidates(organization, &group.in_order(), by_dial_plan)))
}

fn candidates(organization: &Organization, trunks: &[TrunkId], by_dial_plan: bool) -> Vec<Candidate> {
    trunks
        .iter()
        .filter_map(|id| organization.trunk(*id))
        .map(|trunk| Candidate::new(trunk, by_dial_plan))
        .collect()
}
