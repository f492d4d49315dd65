//! The organization as a tree of text.

use telco_model::Organization;
use telco_model::entity::RouteTarget;

use crate::out::{count, say};

/// Prints sites with their phones and ways out, then trunk groups and edges.
pub(crate) fn print(organization: &Organization) {
    let counts = [
        count(organization.sites().len(), "site"),
        count(organization.trunks().len(), "trunk"),
        count(organization.edges().len(), "edge"),
        count(organization.phones().len(), "phone"),
        count(organization.users().len(), "user"),
    ];
    say!("  {}", counts.join(", "));
    for site in organization.sites() {
        say!("\n  site {} ({:?})", site.name, site.media_model);
        for phone in organization.phones_of(site.id) {
            say!("  ├─ {:<9} {}", phone.category.label(), phone.name);
        }
        for route in organization.outbound_routes_of(site.id) {
            let classes: Vec<_> = route.classifications.iter().map(|class| class.as_str()).collect();
            say!("  ├─ {} → {}", classes.join(", "), target(organization, &route.target));
        }
        say!("  └─ {}", count(site.number_plans.len(), "number plan"));
    }
    for group in organization.trunk_groups() {
        let members: Vec<_> = group.in_order().into_iter().filter_map(|id| organization.trunk(id)).collect();
        let names: Vec<_> = members.iter().map(|trunk| trunk.name.as_str()).collect();
        say!("\n  trunk group {}: {}", group.name, names.join(", then "));
    }
    for group in organization.edge_groups() {
        let edges: Vec<_> = organization.edges_of(group.id).map(|edge| edge.name.as_str()).collect();
        say!("  edge group {}: {}", group.name, edges.join(", "));
    }
}

fn target(organization: &Organization, target: &RouteTarget) -> String {
    match target {
        RouteTarget::Trunks(list) => {
            let names =
                list.trunks.iter().filter_map(|id| organization.trunk(*id)).map(|trunk| trunk.name.as_str());
            names.collect::<Vec<_>>().join(", then ")
        }
        RouteTarget::TrunkGroup(id) => organization
            .trunk_group(*id)
            .map(|group| format!("trunk group {}", group.name))
            .unwrap_or_default(),
    }
}
