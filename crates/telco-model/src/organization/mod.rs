//! The organization: one validated aggregate of entities, changed by [`Organization::apply`] and rebuilt from its
//! events by [`Organization::replay`].

mod access;
mod apply;
mod build;
mod change;
mod event;
mod index;
mod lookup;
mod region;
mod rules;

pub use build::{BuildPlan, Phase};
pub use change::{Change, Rejected};
pub use event::{Event, OutOfSequence, What};
pub use region::RegionDirectory;

use crate::entity::{AnyEntity, EntityRef, Meta, Store, UniqueKey, for_each_kind};
use index::Index;

/// A telephony organization.
///
/// Everything in it is checked: references lead somewhere, what must be unique is, and the rules between entities
/// hold. Iteration is in the order of ids, so equal organizations are walked alike.
#[derive(Debug, Clone, Default)]
pub struct Organization {
    store: Store,
    index: Index,
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
