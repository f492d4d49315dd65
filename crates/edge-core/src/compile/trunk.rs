//! Trunks as the edges of one group run them.

use std::sync::Arc;

use telco_model::Organization;
use telco_model::entity::{Edge, EdgeGroup, Trunk as Entity};
use telco_model::value::{EdgeId, SiteId, TrunkId};

use super::issue::Issues;

/// A trunk of the edge group, compiled. A call keeps the one it began with, whatever is configured later.
#[derive(Debug)]
pub struct Trunk {
    /// What the administrator entered.
    pub settings: Entity,
    /// The host name calls come in on, when the trunk has a termination identifier.
    pub termination_host: Option<String>,
    /// The site whose number plans rule calls coming in: its own, else the edge's.
    pub site: SiteId,
    /// The edges of the group that run it; this one first when it does.
    pub run_by: Vec<EdgeId>,
    /// This edge.
    here: EdgeId,
}

impl Trunk {
    /// Whether this edge runs it.
    pub fn runs_here(&self) -> bool {
        self.run_by.first() == Some(&self.here)
    }

    /// The other edges that run it, for when it is down here.
    pub fn neighbours(&self) -> impl Iterator<Item = EdgeId> + '_ {
        self.run_by.iter().copied().filter(|edge| *edge != self.here)
    }

    pub(super) fn compile(
        organization: &Organization,
        id: TrunkId,
        edge: &Edge,
        group: &EdgeGroup,
        issues: &mut Issues<'_>,
    ) -> Option<Arc<Self>> {
        let entity = organization.trunk(id)?;
        let termination_host = entity
            .termination
            .as_ref()
            .and_then(|identifier| Some(organization.settings()?.termination_host(identifier)));
        if entity.kind.is_external() && entity.in_service {
            check(entity, issues);
        }
        Some(Arc::new(Self {
            termination_host,
            site: entity.site.unwrap_or(edge.site),
            run_by: run_by(organization, id, edge, group),
            here: edge.id,
            settings: entity.clone(),
        }))
    }
}

fn check(trunk: &Entity, issues: &mut Issues<'_>) {
    if trunk.servers.is_empty() && trunk.registration.is_none() {
        issues.error(
            trunk.id,
            "servers",
            "trunk.no_server",
            "there is nowhere to send calls to; enter a SIP server",
        );
    }
    if trunk.access.allow.iter().any(|block| block.is_everything()) {
        let why = "every address may send calls here; list those of the carrier";
        issues.warn(trunk.id, "access.allow", "trunk.open_access", why);
    }
}

/// Who runs a trunk: the edges with an interface it is bound to; when no interface of the group names it, all of them.
fn run_by(organization: &Organization, trunk: TrunkId, here: &Edge, group: &EdgeGroup) -> Vec<EdgeId> {
    let binds = |edge: &Edge| edge.interfaces.iter().any(|interface| interface.trunks.contains(&trunk));
    let bound = organization.edges_of(group.id).any(binds);
    let mut edges: Vec<_> = organization
        .edges_of(group.id)
        .filter(|edge| if bound { binds(edge) } else { group.trunks.contains(&trunk) })
        .map(|edge| edge.id)
        .collect();
    edges.sort_by_key(|edge| *edge != here.id);
    edges
}
