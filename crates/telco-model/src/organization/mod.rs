//! The organization: one validated aggregate of entities.

mod lookup;

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::{AnyEntity, Check, EntityRef, Meta, Problem, Sink, Store, UniqueKey, for_each_kind};

/// A telephony organization.
///
/// Everything in it is checked: references lead somewhere, what must be unique is. Iteration is in the order of ids,
/// so equal organizations are walked alike.
#[derive(Debug, Clone, Default)]
pub struct Organization {
    store: Store,
    index: Index,
}

/// What is derived from the entities, kept in step with every change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Index {
    /// Who has what may exist once.
    unique: BTreeMap<UniqueKey, EntityRef>,
    /// Pairs of an entity and one that refers to it.
    referrers: BTreeSet<(EntityRef, EntityRef)>,
}

impl PartialEq for Organization {
    fn eq(&self, other: &Self) -> bool {
        self.store == other.store
    }
}

impl Eq for Organization {}

macro_rules! accessors {
    ($($kind:ident, $type:ident, $id:ident, $text:literal, $one:ident, $many:ident, $label:ident;)*) => {
        use crate::{entity::*, value::*};

        /// Entities by kind. Each pair is one look-up by id and one walk in the order of ids.
        impl Organization {
            $(
                #[doc = concat!("The [`", stringify!($type), "`] with this id.")]
                pub fn $one(&self, id: $id) -> Option<&$type> {
                    self.store.$many.get(&id).map(|record| &record.entity)
                }

                #[doc = concat!("Every [`", stringify!($type), "`].")]
                pub fn $many(&self) -> impl ExactSizeIterator<Item = &$type> + Clone {
                    self.store.$many.values().map(|record| &record.entity)
                }
            )*
        }
    };
}

mod accessors {
    use super::{Organization, for_each_kind};

    for_each_kind!(accessors);
}

impl Organization {
    /// Makes an organization of entities in any order.
    ///
    /// # Errors
    /// Every problem of every entity, with the path `kind/id.field`.
    pub fn from_entities(
        entities: impl IntoIterator<Item = (AnyEntity, Meta)>,
    ) -> Result<Self, Vec<Problem>> {
        let mut organization = Organization::default();
        let mut problems = Vec::new();
        for (entity, meta) in entities {
            let this = entity.entity_ref();
            let mut own = Vec::new();
            entity.check(&mut Check::new(&mut own));
            if organization.store.meta(this).is_some() {
                own.push(Problem::new("id", "id.duplicate", "two entities have this id"));
            }
            let mut keys = Vec::new();
            entity.unique_keys(&mut keys);
            for key in keys {
                if let Some(other) = organization.index.unique.insert(key.clone(), this) {
                    own.push(Problem::new(
                        key.path(),
                        "unique.taken",
                        format!("{key} is already used by {other}"),
                    ));
                }
            }
            entity.references(&mut Sink::new(&mut |_, target| {
                organization.index.referrers.insert((target, this));
            }));
            organization.store.insert(entity, meta);
            problems.extend(own.into_iter().map(|p| Problem { path: format!("{this}.{}", p.path), ..p }));
        }
        for &(target, from) in &organization.index.referrers {
            if organization.store.meta(target).is_none() {
                let message = format!("refers to {target}, which does not exist");
                problems.push(Problem::new(from.to_string(), "reference.missing", message));
            }
        }
        if problems.is_empty() { Ok(organization) } else { Err(problems) }
    }

    /// Version, stamps and state of an entity.
    pub fn meta(&self, target: impl Into<EntityRef>) -> Option<&Meta> {
        self.store.meta(target.into())
    }

    /// An entity of any kind, copied.
    pub fn get(&self, target: EntityRef) -> Option<AnyEntity> {
        self.store.get(target)
    }

    /// Every entity, kinds in build order, then by id.
    pub fn refs(&self) -> impl Iterator<Item = EntityRef> + '_ {
        self.store.refs()
    }

    /// The entity that has what may exist once.
    pub fn owner(&self, key: &UniqueKey) -> Option<EntityRef> {
        self.index.unique.get(key).copied()
    }
}
