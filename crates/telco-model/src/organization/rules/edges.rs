//! Rules of edges and edge groups.

use super::trunks;
use crate::{
    entity::{Check, Edge, EdgeGroup, MediaModel},
    organization::Organization,
};

pub(super) fn edge(organization: &Organization, edge: &Edge, check: &mut Check<'_>) {
    if organization.site(edge.site).is_some_and(|site| site.media_model == MediaModel::Cloud) {
        check.problem("site", "deployment.mixed", "edges exist for Premises sites only");
    }
    if let Some(old) = organization.edge(edge.id)
        && old.edge_group != edge.edge_group
        && old.in_service
    {
        check.problem(
            "edge_group",
            "edge.in_service",
            "take the edge out of service before moving it to another group",
        );
    }
    for (index, interface) in edge.interfaces.iter().enumerate() {
        trunks::on_premises(organization, &interface.trunks, &format!("interfaces[{index}].trunks"), check);
    }
}

pub(super) fn group(organization: &Organization, group: &EdgeGroup, check: &mut Check<'_>) {
    trunks::on_premises(organization, &group.trunks, "trunks", check);
    for (index, link) in group.links.iter().enumerate() {
        for (end, edge) in [("from", link.from), ("to", link.to)] {
            if organization.edge(edge).is_some_and(|edge| edge.edge_group != group.id) {
                let path = format!("links[{index}].{end}");
                check.problem(&path, "group.not_a_member", "the edge belongs to another group");
            }
        }
    }
}
