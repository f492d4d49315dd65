//! The organization as a tree of text.

use telco_model::Organization;
use telco_model::entity::RouteTarget;

/// Prints sites with their phones and ways out, then trunk groups and edges.
pub(crate) fn print(organization: &Organization) {
    let counts = [
        (organization.sites().len(), "sites"),
        (organization.trunks().len(), "trunks"),
        (organization.edges().len(), "edges"),
        (organization.phones().len(), "phones"),
        (organization.users().len(), "users"),
    ];
    let counts = counts.map(|(count, what)| match count {
        1 => format!("1 {}", what.trim_end_matches('s')),
        _ => format!("{count} {what}"),
    });
    println!("  {}", counts.join(", "));
    for site in organization.sites() {
        println!("\n  site {} ({:?})", site.name, site.media_model);
        for phone in organization.phones_of(site.id) {
            println!("  ├─ {:<9} {}", phone.category.label(), phone.name);
        }
        for route in organization.outbound_routes_of(site.id) {
            let classes: Vec<_> = route.classifications.iter().map(|class| class.as_str()).collect();
            println!("  ├─ {} → {}", classes.join(", "), target(organization, &route.target));
        }
        println!("  └─ {} number plans", site.number_plans.len());
    }
    for group in organization.trunk_groups() {
        let members: Vec<_> = group.in_order().into_iter().filter_map(|id| organization.trunk(id)).collect();
        let names: Vec<_> = members.iter().map(|trunk| trunk.name.as_str()).collect();
        println!("\n  trunk group {}: {}", group.name, names.join(", then "));
    }
    for group in organization.edge_groups() {
        let edges: Vec<_> = organization.edges_of(group.id).map(|edge| edge.name.as_str()).collect();
        println!("  edge group {}: {}", group.name, edges.join(", "));
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
