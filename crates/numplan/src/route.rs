//! From a classification, or a dial-plan pattern, to an ordered list of trunks.

use smallvec::SmallVec;
use telco_model::entity::{DialPlan, Distribution, Identity, Retry, Trunk, TrunkKind};
use telco_model::value::{
    CallingCode, Classification, DialPattern, DialPlanId, Name, OutboundRouteId, SiteId, TrunkGroupId,
    TrunkId,
};

use crate::chance::Chance;
use crate::index::pattern::PrefixTree;

/// A trunk a call may leave by, with what whoever walks the list needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The trunk in the model.
    pub id: TrunkId,
    /// Its name, for explanations.
    pub name: Name,
    /// What it connects to.
    pub kind: TrunkKind,
    /// Which failures let the next candidate try (conflicts K3).
    pub retry: Retry,
    /// How numbers and callers are written on it.
    pub identity: Identity,
    /// Whether an emergency call may leave by it: the carrier's service was verified (conflicts K7).
    pub emergency: bool,
    /// Why it cannot be used at all, as configured.
    pub unusable: Option<Unusable>,
}

/// Why a trunk of a route or group is passed over before anything is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unusable {
    /// The trunk is out of service.
    OutOfService,
    /// The trunk is linked to no dial plan, so no dial plan may choose it (guide, step 2.3).
    NotLinked,
    /// The trunk leads to phones, not outside.
    NotExternal,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unusable::OutOfService => "it is out of service",
            Unusable::NotLinked => "it is not linked to a dial plan",
            Unusable::NotExternal => "it leads to phones, not outside",
        })
    }
}

impl Candidate {
    pub(crate) fn new(trunk: &Trunk, by_dial_plan: bool) -> Self {
        let unusable = match trunk {
            trunk if !trunk.kind.is_external() => Some(Unusable::NotExternal),
            trunk if !trunk.in_service => Some(Unusable::OutOfService),
            trunk if by_dial_plan && trunk.dial_plan.is_none() => Some(Unusable::NotLinked),
            _ => None,
        };
        Self {
            id: trunk.id,
            name: trunk.name.clone(),
            kind: trunk.kind,
            retry: trunk.protocol.retry.clone(),
            identity: trunk.identity.clone(),
            emergency: trunk.may_carry_emergency(),
            unusable,
        }
    }
}

/// Trunks in the order a call tries them. Walk it with a cursor; nothing here remembers what failed.
#[derive(Debug, Clone)]
pub struct Candidates<'p> {
    all: &'p [Candidate],
    order: SmallVec<[u16; 8]>,
}

impl<'p> Candidates<'p> {
    pub(crate) fn ordered(all: &'p [Candidate], distribution: Distribution, chance: &mut Chance) -> Self {
        // A route lists at most as many trunks as an organization has; sixteen bits hold them.
        let usable = all.iter().zip(0u16..).filter(|(candidate, _)| candidate.unusable.is_none());
        let mut order: SmallVec<[u16; 8]> = usable.map(|(_, place)| place).collect();
        match distribution {
            Distribution::Sequential => {}
            // NP-015: with one trunk there is nothing to distribute, and `shuffle` does nothing.
            Distribution::Random => chance.shuffle(&mut order),
        }
        Self { all, order }
    }

    /// The candidate at a place of the order.
    pub fn get(&self, place: usize) -> Option<&'p Candidate> {
        self.order.get(place).map(|index| &self.all[usize::from(*index)])
    }

    /// The candidates in the order they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &'p Candidate> {
        self.order.iter().map(|index| &self.all[usize::from(*index)])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no trunk can be tried.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Every trunk of the route or group, the unusable ones included, in configured order.
    pub fn considered(&self) -> &'p [Candidate] {
        self.all
    }
}

/// An outbound route of a site, compiled.
#[derive(Debug)]
pub struct Route {
    /// The route in the model.
    pub id: OutboundRouteId,
    /// Its name.
    pub name: Name,
    /// Whether it is in use.
    pub enabled: bool,
    /// What it carries.
    pub classifications: Vec<Classification>,
    /// How one of its trunks is chosen; a trunk group is always sequential.
    pub distribution: Distribution,
    /// The group, when the target is one.
    pub group: Option<TrunkGroupId>,
    pub(crate) trunks: Vec<Candidate>,
}

/// A pattern of a dial plan, compiled.
#[derive(Debug)]
pub struct PatternRoute {
    /// The dial plan it belongs to.
    pub dial_plan: DialPlanId,
    /// Its name.
    pub dial_plan_name: Name,
    /// The pattern.
    pub pattern: DialPattern,
    /// 1 is first among equally specific patterns.
    pub priority: u16,
    /// Where it leads.
    pub group: TrunkGroupId,
    /// The name of that group.
    pub group_name: Name,
    pub(crate) trunks: Vec<Candidate>,
    prefix: Box<str>,
}

/// The dial plan of a site, its patterns in order of preference: the most specific first, then the lowest priority value, then
/// the order written (`docs/decisions/0012-most-specific-pattern.md`).
#[derive(Debug)]
pub(crate) struct Patterns {
    pub(crate) routes: Vec<PatternRoute>,
    tree: PrefixTree,
}

impl Patterns {
    /// Compiles a dial plan; `group` gives name and members of a trunk group.
    pub(crate) fn new(
        plan: &DialPlan,
        group: impl Fn(TrunkGroupId) -> Option<(Name, Vec<Candidate>)>,
    ) -> Self {
        let compiled = plan.patterns.iter().filter_map(|route| {
            let (group_name, trunks) = group(route.trunk_group)?;
            Some(PatternRoute {
                dial_plan: plan.id,
                dial_plan_name: plan.name.clone(),
                pattern: route.pattern.clone(),
                priority: route.priority,
                group: route.trunk_group,
                group_name,
                trunks,
                prefix: route.pattern.prefix().into(),
            })
        });
        let mut routes: Vec<PatternRoute> = compiled.collect();
        routes.sort_by_key(|route| (std::cmp::Reverse(route.prefix.len()), route.priority));
        let tree = PrefixTree::build(routes.iter().map(|route| &*route.prefix).zip(0..));
        Self { routes, tree }
    }

    /// The pattern that decides for a normalised number.
    pub(crate) fn decide(&self, number: &str) -> Option<&PatternRoute> {
        self.routes.get(self.tree.best(number)? as usize)
    }
}

impl PatternRoute {
    /// Whether a number falls under the pattern.
    pub fn matches(&self, number: &str) -> bool {
        number.starts_with(&*self.prefix)
    }

    /// How many characters the pattern fixes.
    pub fn specificity(&self) -> usize {
        self.prefix.len()
    }
}

/// What a site knows of itself when it decides.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) site: SiteId,
    pub(crate) name: Name,
    pub(crate) country: Option<CallingCode>,
    pub(crate) emergency_numbers: Vec<String>,
}
