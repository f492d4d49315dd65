//! Who may change what.

use super::{Organization, Rejected};
use crate::{
    entity::{Action, Actor, AnyEntity, AuthorityKind, EntityKind, EntityRef, Permission, RoleGrant, State},
    value::DivisionId,
};

impl Organization {
    /// Whether the actor may carry out an action on an entity, as it is and as it shall be.
    ///
    /// A grant for some divisions counts only for entities of those divisions. Whoever changes what someone is
    /// granted needs the permission to edit roles.
    pub(super) fn permit(
        &self,
        actor: Actor,
        action: Action,
        target: EntityRef,
        wanted: Option<&AnyEntity>,
    ) -> Result<(), Rejected> {
        let needed = Permission::needed(target.kind(), action);
        let forbidden = |needed| Err(Rejected::Forbidden { target, needed });
        if actor == Actor::System {
            return Ok(());
        }
        if self.is_managed(target) || wanted.is_some_and(is_managed) {
            return forbidden(needed);
        }
        let before = self.meta(target).map(|_| self.division_of(target));
        let after = wanted.map(division_of);
        if ![before, after].into_iter().flatten().all(|division| self.allows(actor, &needed, division)) {
            return forbidden(needed);
        }
        let granting = Permission::needed(EntityKind::Role, Action::Edit);
        if wanted.is_some_and(|entity| grants_of(entity) != self.grants_of(target))
            && !self.allows(actor, &granting, None)
        {
            return forbidden(granting);
        }
        Ok(())
    }

    /// Whether the roles of an actor allow something; in a division, when one is given.
    pub fn allows(&self, actor: Actor, needed: &Permission, division: Option<DivisionId>) -> bool {
        let active = |target: EntityRef| self.meta(target).is_some_and(|meta| meta.state == State::Active);
        let grants = match actor {
            Actor::System => return true,
            Actor::User(id) if active(id.into()) => self.grants_of(id.into()),
            Actor::Client(id) if active(id.into()) => self.grants_of(id.into()),
            Actor::User(_) | Actor::Client(_) => return false,
        };
        grants.iter().any(|grant| {
            let here = grant.divisions.is_empty() || division.is_some_and(|d| grant.divisions.contains(&d));
            here && self
                .role(grant.role)
                .is_some_and(|role| role.permissions.iter().any(|p| p.allows(needed)))
        })
    }

    fn grants_of(&self, target: EntityRef) -> &[RoleGrant] {
        if let EntityRef::User(id) = target {
            return self.user(id).map_or(&[], |user| &user.grants);
        }
        if let EntityRef::OAuthClient(id) = target {
            return self.oauth_client(id).map_or(&[], |client| &client.grants);
        }
        &[]
    }

    fn division_of(&self, target: EntityRef) -> Option<DivisionId> {
        if let EntityRef::User(id) = target {
            return self.user(id).map(|user| user.division);
        }
        if let EntityRef::ExtensionPool(id) = target {
            return self.extension_pool(id).map(|pool| pool.division);
        }
        if let EntityRef::Phone(id) = target {
            return self.phone(id).and_then(|phone| phone.division);
        }
        if let EntityRef::Division(id) = target { Some(id) } else { None }
    }

    /// The managed certificate authority is the system's own: read-only for everyone else.
    fn is_managed(&self, target: EntityRef) -> bool {
        if let EntityRef::CertificateAuthority(id) = target {
            self.certificate_authority(id).is_some_and(|authority| authority.kind == AuthorityKind::Managed)
        } else {
            false
        }
    }
}

fn division_of(entity: &AnyEntity) -> Option<DivisionId> {
    if let AnyEntity::User(user) = entity {
        return Some(user.division);
    }
    if let AnyEntity::ExtensionPool(pool) = entity {
        return Some(pool.division);
    }
    if let AnyEntity::Phone(phone) = entity {
        return phone.division;
    }
    if let AnyEntity::Division(division) = entity { Some(division.id) } else { None }
}

fn grants_of(entity: &AnyEntity) -> &[RoleGrant] {
    if let AnyEntity::User(user) = entity {
        return &user.grants;
    }
    if let AnyEntity::OAuthClient(client) = entity { &client.grants } else { &[] }
}

fn is_managed(entity: &AnyEntity) -> bool {
    if let AnyEntity::CertificateAuthority(authority) = entity {
        authority.kind == AuthorityKind::Managed
    } else {
        false
    }
}
