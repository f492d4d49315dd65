//! What is derived from the entities and kept in step with every change, so that no change walks over everything.

use std::collections::{BTreeMap, BTreeSet};

use super::Organization;
use crate::{
    entity::{AnyEntity, DidRange, EntityRef, ExtensionPool, Meta, Sink, UniqueKey},
    value::{DidRangeId, E164, Extension, ExtensionPoolId},
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Who has what may exist once.
    pub(super) unique: BTreeMap<UniqueKey, EntityRef>,
    /// Pairs of an entity and one that refers to it.
    pub(super) referrers: BTreeSet<(EntityRef, EntityRef)>,
    /// DID ranges by their first number, with their last.
    did_ranges: BTreeMap<E164, (E164, DidRangeId)>,
    /// Extension pools by their first extension, with their last.
    pools: BTreeMap<Extension, (Extension, ExtensionPoolId)>,
}

impl Index {
    pub(super) fn add(&mut self, entity: &AnyEntity) {
        let this = entity.entity_ref();
        let mut keys = Vec::new();
        entity.unique_keys(&mut keys);
        self.unique.extend(keys.into_iter().map(|key| (key, this)));
        entity.references(&mut Sink::new(&mut |_, target| {
            self.referrers.insert((target, this));
        }));
        if let AnyEntity::DidRange(range) = entity {
            self.did_ranges.insert(range.numbers.start(), (range.numbers.end(), range.id));
        }
        if let AnyEntity::ExtensionPool(pool) = entity {
            self.pools.insert(pool.start, (pool.last(), pool.id));
        }
    }

    fn drop(&mut self, entity: &AnyEntity) {
        let this = entity.entity_ref();
        let mut keys = Vec::new();
        entity.unique_keys(&mut keys);
        for key in &keys {
            self.unique.remove(key);
        }
        entity.references(&mut Sink::new(&mut |_, target| {
            self.referrers.remove(&(target, this));
        }));
        if let AnyEntity::DidRange(range) = entity {
            self.did_ranges.remove(&range.numbers.start());
        }
        if let AnyEntity::ExtensionPool(pool) = entity {
            self.pools.remove(&pool.start);
        }
    }

    /// A range other than `except` that has a number of `first..=last`.
    pub(super) fn did_range_over(
        &self,
        first: E164,
        last: E164,
        except: Option<DidRangeId>,
    ) -> Option<DidRangeId> {
        let before = self.did_ranges.range(..=last).rev().filter(|(_, (_, id))| Some(*id) != except);
        before.map(|(_, found)| *found).next().filter(|(end, _)| *end >= first).map(|(_, id)| id)
    }

    /// A pool other than `except` that has an extension of `first..=last`.
    pub(super) fn pool_over(
        &self,
        first: Extension,
        last: Extension,
        except: Option<ExtensionPoolId>,
    ) -> Option<ExtensionPoolId> {
        let before = self.pools.range(..=last).rev().filter(|(_, (_, id))| Some(*id) != except);
        before.map(|(_, found)| *found).next().filter(|(end, _)| *end >= first).map(|(_, id)| id)
    }
}

impl Organization {
    /// Stores an entity, in place of the one with its id.
    pub(super) fn put(&mut self, entity: AnyEntity, meta: Meta) {
        self.remove(entity.entity_ref());
        self.index.add(&entity);
        self.store.insert(entity, meta);
    }

    pub(super) fn remove(&mut self, target: EntityRef) {
        if let Some(old) = self.store.remove(target) {
            self.index.drop(&old);
        }
    }

    /// The range that has a number in inventory.
    pub fn did_range_of(&self, number: E164) -> Option<&DidRange> {
        self.did_range(self.index.did_range_over(number, number, None)?)
    }

    /// The pool that has an extension.
    pub fn extension_pool_of(&self, extension: Extension) -> Option<&ExtensionPool> {
        self.extension_pool(self.index.pool_over(extension, extension, None)?)
    }
}
