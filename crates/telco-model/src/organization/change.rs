//! What can be asked of an organization, and why it may refuse.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::{AnyEntity, EntityRef, Permission, Problem, State};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Makes an entity. Assigning a number is making a [`DidAssignment`](crate::entity::DidAssignment).
    Create(AnyEntity),
    /// Replaces an entity.
    Update {
        /// The whole entity as it shall be.
        entity: AnyEntity,
        /// The version it is based on.
        expected: u32,
    },
    /// Puts an entity into use or out of use.
    SetState {
        /// Which one.
        target: EntityRef,
        /// [`State::Active`] or [`State::Inactive`].
        state: State,
        /// The version it is based on.
        expected: u32,
    },
    /// Removes an entity nothing refers to.
    Delete {
        /// Which one.
        target: EntityRef,
        /// The version it is based on.
        expected: u32,
    },
}

impl Change {
    /// Makes an entity.
    pub fn create(entity: impl Into<AnyEntity>) -> Self {
        Change::Create(entity.into())
    }

    /// Replaces an entity that has version `expected`.
    pub fn update(entity: impl Into<AnyEntity>, expected: u32) -> Self {
        Change::Update { entity: entity.into(), expected }
    }

    /// Removes an entity that has version `expected`.
    pub fn delete(target: impl Into<EntityRef>, expected: u32) -> Self {
        Change::Delete { target: target.into(), expected }
    }

    /// What it changes.
    pub fn target(&self) -> EntityRef {
        match self {
            Change::Create(entity) | Change::Update { entity, .. } => entity.entity_ref(),
            Change::SetState { target, .. } | Change::Delete { target, .. } => *target,
        }
    }
}

/// Why a change was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The actor may not do this.
    #[error("permission {needed} is missing for {target}; have it granted in the entity's division")]
    Forbidden {
        /// What was to be changed.
        target: EntityRef,
        /// What would allow it.
        needed: Permission,
    },
    /// There is no such entity.
    #[error("{0} does not exist")]
    NotFound(EntityRef),
    /// An entity with this id exists already.
    #[error("{0} exists already; update it instead")]
    Exists(EntityRef),
    /// The entity was changed by someone else in the meantime.
    #[error("{target} has version {actual}, the change is based on {expected}; read it again")]
    Stale {
        /// What was to be changed.
        target: EntityRef,
        /// The version the change is based on.
        expected: u32,
        /// The version there is.
        actual: u32,
    },
    /// The entity cannot go while these refer to it.
    #[error("{target} is still used by {}", Listed(.by))]
    Referenced {
        /// What was to be deleted.
        target: EntityRef,
        /// What refers to it.
        by: Vec<EntityRef>,
    },
    /// The organization would not be valid: everything that is wrong.
    #[error("the change is not valid: {}", Listed(.0))]
    Invalid(Vec<Problem>),
}

impl Rejected {
    /// The HTTP status that says the same.
    pub const fn http_status(&self) -> u16 {
        match self {
            Rejected::Forbidden { .. } => 403,
            Rejected::NotFound(_) => 404,
            Rejected::Exists(_) | Rejected::Stale { .. } | Rejected::Referenced { .. } => 409,
            Rejected::Invalid(_) => 400,
        }
    }

    /// The problems, when the change was not valid.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Rejected::Invalid(problems) => problems,
            Rejected::Forbidden { .. }
            | Rejected::NotFound(_)
            | Rejected::Exists(_)
            | Rejected::Stale { .. }
            | Rejected::Referenced { .. } => &[],
        }
    }
}

/// The first few of a list, and how many more there are.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (index, element) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{element}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
