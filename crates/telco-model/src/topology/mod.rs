//! Topology: sites, trunks, edges and phones as a graph, for people to look at.
//!
//! The graph is configuration; what is known of the running system is put into it by [`Topology::set_status`]. It can
//! be written for Graphviz ([`Topology::to_dot`]) and drawn ([`Topology::to_svg`]).

mod dot;
mod lanes;
mod svg;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    entity::{EdgeGroup, Entity, EntityRef, HasKind, OutboundRoute, PhoneCategory, RouteTarget, Sink, State},
    organization::Organization,
};

/// A node: one thing that is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Which entity.
    pub entity: EntityRef,
    /// Its name.
    pub label: String,
    /// What kind of thing, in the words of administrators.
    pub kind: String,
    /// How it is.
    pub status: Status,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not known.
    #[default]
    Unknown,
    /// In order.
    Up,
    /// Partly in order.
    Degraded,
    /// Not reachable, or failed.
    Down,
    /// Out of service by configuration.
    OutOfService,
}

/// How one thing is connected with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// A phone belongs to a site.
    PhoneOfSite,
    /// A phone registers to an edge first.
    PrimaryEdge,
    /// A phone falls back to an edge.
    SecondaryEdge,
    /// An edge serves a site.
    EdgeOfSite,
    /// An edge belongs to a group.
    EdgeOfGroup,
    /// A group of edges has a trunk.
    TrunkOfEdges,
    /// A trunk belongs to a trunk group.
    TrunkOfGroup,
    /// Calls of a site leave by a trunk or a trunk group.
    Outbound,
    /// Calls coming in on a trunk are treated by a site.
    Inbound,
}

/// A connection between two nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// From.
    pub from: EntityRef,
    /// To.
    pub to: EntityRef,
    /// How.
    pub relation: Relation,
    /// What is written beside it; empty for nothing.
    pub label: String,
}

/// The graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Its title: the name of the organization.
    pub title: String,
    /// What there is.
    pub nodes: BTreeMap<EntityRef, Node>,
    /// How it is connected, in a fixed order.
    pub links: Vec<Link>,
}

impl Topology {
    /// Puts in what is known of a running thing; false when it is not in the graph.
    pub fn set_status(&mut self, entity: impl Into<EntityRef>, status: Status) -> bool {
        self.nodes.get_mut(&entity.into()).map(|node| node.status = status).is_some()
    }
}

impl Organization {
    /// The graph of the organization. Statuses are unknown, or out of service where the configuration says so.
    pub fn topology(&self) -> Topology {
        let mut graph = Graph { organization: self, nodes: BTreeMap::new(), links: Vec::new() };
        for site in self.sites() {
            graph.node(site, "site", true);
        }
        for trunk in self.trunks() {
            graph.node(trunk, trunk.kind.label(), trunk.in_service);
            if let Some(site) = trunk.site {
                graph.link(trunk.id, site, Relation::Inbound, "");
            }
        }
        for group in self.trunk_groups() {
            graph.node(group, "trunk group", true);
            for member in &group.members {
                graph.link(group.id, member.trunk, Relation::TrunkOfGroup, &member.priority.to_string());
            }
        }
        for group in self.edge_groups() {
            graph.edges(group);
        }
        for edge in self.edges() {
            graph.node(edge, "edge", edge.in_service);
            graph.link(edge.id, edge.edge_group, Relation::EdgeOfGroup, "");
            graph.link(edge.id, edge.site, Relation::EdgeOfSite, "");
        }
        for route in self.outbound_routes() {
            graph.route(route);
        }
        for phone in self.phones() {
            let kind = match phone.category {
                PhoneCategory::Managed(_) => "managed phone",
                PhoneCategory::Unmanaged(_) => "unmanaged phone",
                PhoneCategory::Webrtc(_) => "WebRTC phone",
                PhoneCategory::Remote(_) => "remote phone",
            };
            graph.node(phone, kind, true);
            graph.link(phone.id, phone.site, Relation::PhoneOfSite, "");
            for (edge, relation) in
                [(phone.primary_edge, Relation::PrimaryEdge), (phone.secondary_edge, Relation::SecondaryEdge)]
            {
                if let Some(edge) = edge {
                    graph.link(phone.id, edge, relation, "");
                }
            }
        }
        graph.links.sort();
        graph.links.dedup();
        let title = self.settings().map_or(String::new(), |settings| settings.name.to_string());
        Topology { title, nodes: graph.nodes, links: graph.links }
    }
}

struct Graph<'o> {
    organization: &'o Organization,
    nodes: BTreeMap<EntityRef, Node>,
    links: Vec<Link>,
}

impl Graph<'_> {
    fn node<T: HasKind>(&mut self, entity: &T, kind: &str, in_service: bool) {
        let id: EntityRef = entity.id().into();
        let active = self.organization.meta(id).is_some_and(|meta| meta.state == State::Active);
        let status = if in_service && active { Status::Unknown } else { Status::OutOfService };
        self.nodes.insert(
            id,
            Node { entity: id, label: entity.label().into_owned(), kind: kind.to_owned(), status },
        );
    }

    fn link(
        &mut self,
        from: impl Into<EntityRef>,
        to: impl Into<EntityRef>,
        relation: Relation,
        label: &str,
    ) {
        self.links.push(Link { from: from.into(), to: to.into(), relation, label: label.to_owned() });
    }

    fn edges(&mut self, group: &EdgeGroup) {
        self.node(group, "edge group", true);
        for trunk in &group.trunks {
            self.link(group.id, *trunk, Relation::TrunkOfEdges, "");
        }
    }

    fn route(&mut self, route: &OutboundRoute) {
        if !route.enabled {
            return;
        }
        let name = route.name.as_str();
        match &route.target {
            RouteTarget::TrunkGroup(group) => self.link(route.site, *group, Relation::Outbound, name),
            RouteTarget::Trunks(_) => {
                let mut targets = Vec::new();
                route.references(&mut Sink::new(&mut |_, target| targets.push(target)));
                for target in targets.into_iter().filter(|target| matches!(target, EntityRef::Trunk(_))) {
                    self.link(route.site, target, Relation::Outbound, name);
                }
            }
        }
    }
}
