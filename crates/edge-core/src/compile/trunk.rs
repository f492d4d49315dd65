//! Trunks as the edges of one group run them.

use std::sync::Arc;

use sip_trunk::trunk::{Ingress, Problem, check};
use telco_model::Organization;
use telco_model::entity::{Edge, EdgeGroup, Trunk as Entity};
use telco_model::value::{EdgeId, SiteId, TrunkId};

use super::issue::Issues;
use super::ports::Ranges;
use crate::media::PoolId;

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
    /// The ports its media uses.
    pub pool: PoolId,
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

    /// What `sip-trunk` finds wrong with it, when this edge runs it and it is in service. `own` is where the edge receives requests.
    pub(super) fn check(&self, own: &[Ingress], issues: &mut Issues<'_>) {
        if !(self.runs_here() && self.settings.kind.is_external() && self.settings.in_service) {
            return;
        }
        for Problem { field, text, .. } in check(&self.config(), own) {
            let (path, code) = place(&field);
            issues.error(self.settings.id, path, code, text);
        }
    }

    pub(super) fn compile(
        organization: &Organization,
        id: TrunkId,
        (edge, group): (&Edge, &EdgeGroup),
        ranges: &mut Ranges<'_>,
        issues: &mut Issues<'_>,
    ) -> Option<Arc<Self>> {
        let entity = organization.trunk(id)?;
        let termination_host = entity
            .termination
            .as_ref()
            .and_then(|identifier| Some(organization.settings()?.termination_host(identifier)));
        if entity.kind.is_external() && entity.in_service {
            exposure(entity, issues);
        }
        let run_by = run_by(organization, id, edge, group);
        let runs_here = run_by.first() == Some(&edge.id);
        let pool = if runs_here { ranges.of(entity, issues) } else { PoolId::default() };
        Some(Arc::new(Self {
            termination_host,
            pool,
            site: entity.site.unwrap_or(edge.site),
            run_by,
            here: edge.id,
            settings: entity.clone(),
        }))
    }
}

fn exposure(trunk: &Entity, issues: &mut Issues<'_>) {
    if trunk.access.allow.iter().any(|block| block.is_everything()) {
        let why = "every address may send calls here; list those of the carrier";
        issues.warn(trunk.id, "access.allow", "trunk.open_access", why);
    }
}

/// The path in the model of what `sip-trunk` names its own way, and the code of an issue there.
fn place(field: &str) -> (String, &'static str) {
    // The model has one registration to a trunk.
    let path = field.replace("registrations[0]", "registration").replace("limits.calls", "max_calls");
    let code = match path.split(['.', '[']).next() {
        Some("servers") if path == "servers" => "trunk.no_server",
        Some("servers") => "trunk.server",
        Some("registration") => "trunk.registration",
        Some("protocol") => "trunk.custom_header",
        Some(_) | None => "trunk.configuration",
    };
    (path, code)
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
