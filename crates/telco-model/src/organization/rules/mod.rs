//! What must hold between entities. Each rule looks at one entity that shall be stored, and at the organization it
//! shall be stored in; the entity it replaces is still there.

mod edges;
mod numbers;
mod phones;
mod routing;
mod sites;
mod trunks;

use super::Organization;
use crate::entity::{AnyEntity, Check, EntityRef};

/// Everything that stands against an entity.
pub(super) fn check(organization: &Organization, entity: &AnyEntity, check: &mut Check<'_>) {
    match entity {
        AnyEntity::Location(location) => sites::location(organization, location, check),
        AnyEntity::Site(site) => sites::site(organization, site, check),
        AnyEntity::Organization(settings) => sites::settings(organization, settings, check),
        AnyEntity::Trunk(trunk) => trunks::trunk(organization, trunk, check),
        AnyEntity::TrunkGroup(group) => trunks::group(organization, group, check),
        AnyEntity::OutboundRoute(route) => routing::outbound(organization, route, check),
        AnyEntity::DialPlan(plan) => routing::dial_plan(organization, plan, check),
        AnyEntity::InboundRoute(route) => routing::inbound(organization, route, check),
        AnyEntity::Edge(edge) => edges::edge(organization, edge, check),
        AnyEntity::EdgeGroup(group) => edges::group(organization, group, check),
        AnyEntity::DidRange(range) => numbers::range(organization, range, check),
        AnyEntity::DidAssignment(assignment) => numbers::assignment(organization, assignment, check),
        AnyEntity::ExtensionPool(pool) => numbers::pool(organization, pool, check),
        AnyEntity::User(user) => numbers::user(organization, user, check),
        AnyEntity::Phone(phone) => phones::phone(organization, phone, check),
        AnyEntity::BaseSettings(settings) => phones::base_settings(organization, settings, check),
        AnyEntity::Division(_)
        | AnyEntity::Role(_)
        | AnyEntity::OAuthClient(_)
        | AnyEntity::CertificateAuthority(_)
        | AnyEntity::CallFlow(_) => {}
    }
}

/// What needs an entity without referring to it: the users of a pool's extensions, the owners of a range's numbers.
pub(super) fn holders(organization: &Organization, target: EntityRef) -> Vec<EntityRef> {
    if let EntityRef::DidRange(id) = target {
        return numbers::held_numbers(organization, id);
    }
    if let EntityRef::ExtensionPool(id) = target {
        return numbers::held_extensions(organization, id);
    }
    Vec::new()
}
