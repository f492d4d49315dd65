//! Rules of DID ranges, assignments, extension pools and the extensions of users.

use std::collections::BTreeSet;

use crate::{
    entity::{Check, DidAssignment, DidRange, EntityRef, ExtensionPool, UniqueKey, User},
    organization::Organization,
    value::{DidRangeId, E164, Extension, ExtensionPoolId},
};

pub(super) fn range(organization: &Organization, range: &DidRange, check: &mut Check<'_>) {
    let (start, end) = (range.numbers.start(), range.numbers.end());
    if let Some(other) = organization.index.did_range_over(start, end, Some(range.id)) {
        let name = organization.did_range(other).map_or("", |other| other.name.as_str());
        check.problem(
            "numbers",
            "range.overlap",
            &format!("range {name:?} has some of these numbers already"),
        );
    }
    if let Some(old) = organization.did_range(range.id) {
        for (number, holder) in used_numbers(organization, old.numbers.start(), old.numbers.end()) {
            if !range.numbers.contains(number) {
                check.problem("numbers", "range.in_use", &format!("{number} is still used by {holder}"));
            }
        }
    }
}

/// Numbers between two that are assigned or have an inbound route, and by what.
fn used_numbers(organization: &Organization, first: E164, last: E164) -> Vec<(E164, EntityRef)> {
    let unique = &organization.index.unique;
    let dids = unique.range(UniqueKey::Did(first)..=UniqueKey::Did(last));
    let rules = unique.range(UniqueKey::InboundRule(first, 0)..=UniqueKey::InboundRule(last, u16::MAX));
    let number = |(key, holder): (&UniqueKey, &EntityRef)| match key {
        UniqueKey::Did(number) | UniqueKey::InboundRule(number, _) => Some((*number, *holder)),
        UniqueKey::TheOrganization
        | UniqueKey::ManagedAuthority
        | UniqueKey::Name(..)
        | UniqueKey::RouteName(..)
        | UniqueKey::RouteOf(..)
        | UniqueKey::DialPlanOf(_)
        | UniqueKey::Email(_)
        | UniqueKey::Termination(_)
        | UniqueKey::Extension(_)
        | UniqueKey::Hardware(_)
        | UniqueKey::Serial(_) => None,
    };
    dids.chain(rules).filter_map(number).collect()
}

pub(super) fn held_numbers(organization: &Organization, range: DidRangeId) -> Vec<EntityRef> {
    let Some(range) = organization.did_range(range) else { return Vec::new() };
    let used = used_numbers(organization, range.numbers.start(), range.numbers.end());
    used.into_iter().map(|(_, holder)| holder).collect::<BTreeSet<_>>().into_iter().collect()
}

pub(super) fn assignment(organization: &Organization, assignment: &DidAssignment, check: &mut Check<'_>) {
    if organization.did_range_of(assignment.number).is_none() {
        let message = format!("{} is in no DID range; add the range first", assignment.number);
        check.problem("number", "number.not_in_inventory", &message);
    }
    if organization.did_assignment(assignment.id).is_some_and(|old| old != assignment) {
        check.problem("target", "number.assigned", "unassign the number first, then assign it again");
    }
}

pub(super) fn pool(organization: &Organization, pool: &ExtensionPool, check: &mut Check<'_>) {
    if let Some(other) = organization.index.pool_over(pool.start, pool.last(), Some(pool.id)) {
        let name = organization.extension_pool(other).map_or("", |other| other.name.as_str());
        check.problem(
            "start",
            "pool.overlap",
            &format!("pool {name:?} has some of these extensions already"),
        );
    }
    if let Some(old) = organization.extension_pool(pool.id)
        && !(pool.contains(old.start) && pool.contains(old.last()))
    {
        let message = "single extensions of a pool cannot be deleted, only the whole pool";
        check.problem("start", "pool.partial_delete", message);
    }
}

pub(super) fn held_extensions(organization: &Organization, pool: ExtensionPoolId) -> Vec<EntityRef> {
    let Some(pool) = organization.extension_pool(pool) else { return Vec::new() };
    let keys = |extension: Extension| UniqueKey::Extension(extension);
    let users = organization.index.unique.range(keys(pool.start)..=keys(pool.last()));
    users.map(|(_, user)| *user).collect::<BTreeSet<_>>().into_iter().collect()
}

pub(super) fn user(organization: &Organization, user: &User, check: &mut Check<'_>) {
    for (extension, entry) in user.extensions() {
        if organization.extension_pool_of(extension).is_none() {
            let index = user.phones.iter().position(|phone| phone == entry).unwrap_or_default();
            let message = format!("extension {extension} is in no pool; add the pool first");
            check.problem(&format!("phones[{index}].extension"), "extension.not_in_pool", &message);
        }
    }
}
