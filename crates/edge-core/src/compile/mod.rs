//! An organization, resolved and indexed for one edge: everything a call needs is one look-up away.
//!
//! ```text
//!  Organization ──► Runtime ─┬─ edge, group, neighbours
//!                            ├─ trunks ◄── shared with the calls that run over them
//!                            ├─ sites: number plans, emergency numbers, places
//!                            ├─ phones, accounts, users
//!                            └─ numbers, extensions and flows, asked through the organization
//! ```
//!
//! A runtime never changes. A new configuration is a new runtime; running calls keep what they hold of the old one.

mod assignment;
mod issue;
mod peer;
mod phone;
mod ports;
mod site;
mod trunk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use numplan::{ExtensionDecision, InboundDecision};
use sip_trunk::trunk::Ingress;
use telco_model::Organization;
use telco_model::entity::{CallFlow, Edge, EdgeGroup, TrunkGroup, TrunkKind};
use telco_model::value::{CallFlowId, E164, EdgeId, PhoneId, SiteId, TrunkGroupId, TrunkId, UserId};

pub use assignment::{Assignment, Role};
pub use issue::{Issue, Severity};
pub use phone::{Account, Phone, Reach, User};
pub use ports::MediaRange;
pub use site::{Place, Site};
pub use trunk::Trunk;

use issue::Issues;
use phone::Phones;
use ports::Ranges;

use crate::flow::prompt_file;

/// What one edge runs with.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The organization it was compiled from.
    pub organization: Arc<Organization>,
    /// This edge; `None` when the organization has no edge with the id asked for, and then nothing else is here either.
    pub edge: Option<Arc<Edge>>,
    /// The group it shares trunks with.
    pub group: Option<Arc<EdgeGroup>>,
    /// The other edges of the group, by id.
    pub neighbours: BTreeMap<EdgeId, Arc<Edge>>,
    /// The realm phones are challenged with: the domain of the region.
    pub realm: Arc<str>,
    /// The trunks of the group, whether this edge runs them or a neighbour.
    pub trunks: BTreeMap<TrunkId, Arc<Trunk>>,
    /// The ranges of media ports: the edge's first, then those of trunks that have their own.
    pub media_ranges: Vec<MediaRange>,
    /// Trunk groups with a member among these trunks.
    pub trunk_groups: BTreeMap<TrunkGroupId, Arc<TrunkGroup>>,
    /// Sites this edge decides for.
    pub sites: BTreeMap<SiteId, Arc<Site>>,
    /// Every phone of the organization.
    pub phones: BTreeMap<PhoneId, Arc<Phone>>,
    /// Every person.
    pub users: BTreeMap<UserId, Arc<User>>,
    /// Every call flow.
    pub flows: BTreeMap<CallFlowId, Arc<CallFlow>>,
    /// Who may register, by user name of the digest.
    pub accounts: Arc<BTreeMap<Box<str>, Arc<Account>>>,
}

impl Runtime {
    /// Where a called number leads.
    pub fn inbound(&self, number: E164) -> InboundDecision {
        numplan::resolve_inbound(&self.organization, number)
    }

    /// Where digits lead as an extension; `None` when they cannot be one. `now` is the wall time.
    pub fn extension(&self, digits: &str, now: Timestamp) -> Option<ExtensionDecision> {
        numplan::resolve_extension(&self.organization, digits, now)
    }

    /// The trunk that carries the phones of this edge, with its media settings and access list.
    pub fn phone_trunk(&self) -> Option<&Arc<Trunk>> {
        self.trunks.values().find(|trunk| trunk.runs_here() && trunk.settings.kind == TrunkKind::SipPhone)
    }

    /// What is wrong with the trunks of this edge when it receives requests at these places, besides what [`compile`] tells, which knows
    /// the addresses of its interfaces and not where the program listens: a trunk that registers there registers with ourselves.
    pub fn check_trunks(&self, own: &[Ingress]) -> Vec<Issue> {
        let mut issues = Issues::new(&self.organization);
        self.trunks.values().for_each(|trunk| trunk.check(own, &mut issues));
        issues.into_list()
    }

    /// The prompts that call flows play and for which `exists` knows no file. `exists` is asked with names such as `welcome.wav`.
    pub fn check_prompts(&self, exists: impl Fn(&str) -> bool) -> Vec<Issue> {
        let mut issues = Issues::new(&self.organization);
        for flow in self.flows.values() {
            for prompt in flow.prompts() {
                match prompt_file(prompt.as_str()) {
                    None => issues.warn(
                        flow.id,
                        "steps",
                        "flow.prompt_name",
                        format!("{prompt:?} is no name of a prompt and stays silent; write one without slashes and leading dots"),
                    ),
                    Some(file) if !exists(&file) => issues.warn(
                        flow.id,
                        "steps",
                        "flow.no_prompt",
                        format!("there is no {file}, so callers hear nothing; put a WAV file of that name among the prompts"),
                    ),
                    Some(_) => {}
                }
            }
        }
        issues.into_list()
    }

    /// The site a phone dials by.
    pub fn site_of(&self, phone: &Phone) -> Option<&Arc<Site>> {
        self.sites.get(&phone.site)
    }
}

/// Compiles an organization for one edge, and lists everything that will not work as it was meant, errors first.
///
/// What is at fault is left out of the runtime and the rest runs: a broken number plan of one site takes no phone away from
/// another. No organization makes this fail.
pub fn compile(organization: &Organization, edge: EdgeId) -> (Runtime, Vec<Issue>) {
    let mut issues = Issues::new(organization);
    let mut runtime = empty(organization);
    let Some(entity) = organization.edge(edge) else {
        issues.error(edge, "", "edge.unknown", "the organization has no such edge");
        return (runtime, issues.into_list());
    };
    runtime.edge = Some(Arc::new(entity.clone()));
    if !entity.in_service {
        issues.warn(edge, "in_service", "edge.out_of_service", "the edge takes no calls; put it in service");
    }
    if let Some(group) = organization.edge_group(entity.edge_group) {
        let others = organization.edges_of(group.id).filter(|other| other.id != edge);
        runtime.neighbours = others.map(|other| (other.id, Arc::new(other.clone()))).collect();
        let mut ranges = Ranges::new(entity, &mut issues);
        runtime.trunks = trunks(organization, entity, group, &mut ranges, &mut issues);
        runtime.media_ranges = ranges.into_list();
        runtime.group = Some(Arc::new(group.clone()));
    }
    let own = ingress(entity);
    runtime.trunks.values().for_each(|trunk| trunk.check(&own, &mut issues));
    let of_trunks =
        |group: &&TrunkGroup| group.members.iter().any(|member| runtime.trunks.contains_key(&member.trunk));
    runtime.trunk_groups = organization
        .trunk_groups()
        .filter(of_trunks)
        .map(|group| (group.id, Arc::new(group.clone())))
        .collect();

    let phones = Phones::compile(organization, edge, &runtime.realm, &mut issues);
    (runtime.phones, runtime.accounts) = (phones.phones, Arc::new(phones.accounts));
    runtime.users =
        organization.users().map(|user| (user.id, Arc::new(User::compile(organization, user)))).collect();
    runtime.flows = organization.call_flows().map(|flow| (flow.id, Arc::new(flow.clone()))).collect();
    runtime.sites = sites(organization, entity, &runtime, &mut issues);
    routes(&runtime, &mut issues);
    if runtime.phone_trunk().is_none() && runtime.phones.values().any(|phone| phone.role.is_some()) {
        let why = "phones register here and no SIP phone trunk runs here; add one to the edge group";
        issues.error(edge, "interfaces", "edge.no_phone_trunk", why);
    }
    (runtime, issues.into_list())
}

fn empty(organization: &Organization) -> Runtime {
    let realm = organization.settings().map_or("localhost", |settings| settings.region_domain.as_str());
    Runtime {
        organization: Arc::new(organization.clone()),
        edge: None,
        group: None,
        neighbours: BTreeMap::new(),
        realm: realm.into(),
        trunks: BTreeMap::new(),
        media_ranges: Vec::new(),
        trunk_groups: BTreeMap::new(),
        sites: BTreeMap::new(),
        phones: BTreeMap::new(),
        users: BTreeMap::new(),
        flows: BTreeMap::new(),
        accounts: Arc::default(),
    }
}

/// Where an edge receives requests, as far as the model knows: at the addresses of its interfaces, on the ports of SIP.
fn ingress(edge: &Edge) -> Vec<Ingress> {
    let addresses = edge.interfaces.iter().flat_map(|i| i.addresses.iter().chain(&i.public_address));
    addresses.flat_map(|address| [5060, 5061].map(|port| (address.to_string(), port))).collect()
}

/// The trunks of the group and of its members' interfaces. Those of other groups are not here: they are never shared.
fn trunks(
    organization: &Organization,
    edge: &Edge,
    group: &EdgeGroup,
    ranges: &mut Ranges<'_>,
    issues: &mut Issues<'_>,
) -> BTreeMap<TrunkId, Arc<Trunk>> {
    let bound = organization.edges_of(group.id).flat_map(|edge| &edge.interfaces).flat_map(|i| &i.trunks);
    let ids: BTreeSet<_> = group.trunks.iter().chain(bound).copied().collect();
    ids.into_iter()
        .filter_map(|id| Some((id, Trunk::compile(organization, id, (edge, group), ranges, issues)?)))
        .collect()
}

/// The edge's own site, those of its trunks, and those of phones that register here or have no edge at all.
fn sites(
    organization: &Organization,
    edge: &Edge,
    runtime: &Runtime,
    issues: &mut Issues<'_>,
) -> BTreeMap<SiteId, Arc<Site>> {
    let of_phones = runtime
        .phones
        .values()
        .filter(|phone| phone.role.is_some() || phone.assignment == Assignment::default())
        .map(|phone| phone.site);
    let of_trunks = runtime.trunks.values().map(|trunk| trunk.site);
    let ids: BTreeSet<_> = [edge.site].into_iter().chain(of_trunks).chain(of_phones).collect();
    ids.into_iter()
        .filter_map(|id| {
            let site = Site::compile(organization, organization.site(id)?, issues)?;
            Some((id, Arc::new(site)))
        })
        .collect()
}

/// Routes whose trunks all run somewhere else.
fn routes(runtime: &Runtime, issues: &mut Issues<'_>) {
    let organization = &runtime.organization;
    let served =
        runtime.edge.iter().map(|edge| edge.site).chain(runtime.trunks.values().map(|trunk| trunk.site));
    let served: BTreeSet<_> = served.collect();
    for route in
        served.into_iter().flat_map(|site| organization.outbound_routes_of(site)).filter(|r| r.enabled)
    {
        let trunks = organization.trunks_of(route);
        if !trunks.is_empty() && !trunks.iter().any(|trunk| runtime.trunks.contains_key(&trunk.id)) {
            let why = "none of its trunks is shared with this edge group; add one to the group";
            issues.error(route.id, "target", "route.no_shared_trunk", why);
        }
    }
}
