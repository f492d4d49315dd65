//! Making a whole organization at once, and the order in which people make one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Organization, rules};
use crate::entity::{Actor, AnyEntity, Check, EntityKind, EntityRef, Meta, Problem, Sink};

impl Organization {
    /// Makes an organization of entities in any order, all made by the system at `now`.
    ///
    /// # Errors
    /// Every problem of every entity, with the path `kind/id.field`.
    pub fn from_entities(
        entities: impl IntoIterator<Item = AnyEntity>,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let entries = entities.into_iter().map(|entity| (entity.entity_ref().to_string(), entity, None));
        Organization::build(entries.collect(), now, &mut Organization::missing)
    }

    /// Makes an organization of entities with the path each was read from. What is said of a reference to nothing,
    /// if anything, is up to the caller.
    pub(crate) fn build(
        entries: Vec<(String, AnyEntity, Option<Meta>)>,
        now: Timestamp,
        missing: &mut dyn FnMut(EntityRef) -> Option<String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut organization = Organization::default();
        let mut problems = Vec::new();
        let mut kept = Vec::with_capacity(entries.len());
        // Locations first: the default number plans of a site depend on them.
        let (places, others): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(_, entity, _)| matches!(entity, AnyEntity::Location(_)));
        for (path, mut entity, meta) in places.into_iter().chain(others) {
            let mut own = Vec::new();
            let target = entity.entity_ref();
            if organization.meta(target).is_some() {
                own.push(Problem::new("id", "id.duplicate", "another entity of this kind has this id"));
            } else {
                organization.check_unique(&entity, &mut own);
            }
            if own.is_empty() {
                if meta.is_none() {
                    organization.complete(&mut entity, now);
                }
                organization.put(entity, meta.unwrap_or_else(|| Meta::created(Actor::System, now)));
            }
            problems.extend(own.into_iter().map(|problem| problem.under(&path)));
            kept.push((path, target));
        }
        for (path, target) in kept {
            let Some(entity) = organization.get(target) else { continue };
            let mut own = Vec::new();
            entity.check(&mut Check::new(&mut own));
            organization.check_references(&entity, missing, &mut own);
            rules::check(&organization, &entity, &mut Check::new(&mut own));
            problems.extend(own.into_iter().map(|problem| problem.under(&path)));
        }
        if problems.is_empty() { Ok(organization) } else { Err(problems) }
    }
}

/// A phase of the architectural build order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Divisions, roles, locations, trust.
    Foundation,
    /// Sites, trunks, edges, numbers, routes.
    Telephony,
    /// Extensions, users, phones, and what numbers are assigned to.
    People,
}

impl Phase {
    /// The phase in which entities of a kind are made.
    pub const fn of(kind: EntityKind) -> Self {
        match kind {
            EntityKind::Division
            | EntityKind::Role
            | EntityKind::OAuthClient
            | EntityKind::Location
            | EntityKind::CertificateAuthority => Phase::Foundation,
            EntityKind::Site
            | EntityKind::Organization
            | EntityKind::Trunk
            | EntityKind::TrunkGroup
            | EntityKind::EdgeGroup
            | EntityKind::Edge
            | EntityKind::DidRange
            | EntityKind::OutboundRoute
            | EntityKind::DialPlan => Phase::Telephony,
            EntityKind::ExtensionPool
            | EntityKind::User
            | EntityKind::BaseSettings
            | EntityKind::Phone
            | EntityKind::CallFlow
            | EntityKind::InboundRoute
            | EntityKind::DidAssignment => Phase::People,
        }
    }
}

/// In which order to make entities one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildPlan {
    /// What to make, phase by phase.
    pub steps: Vec<(Phase, EntityRef)>,
    /// References that point to something listed later, or to nothing: who, where, to what.
    pub out_of_order: Vec<(EntityRef, String, EntityRef)>,
}

impl BuildPlan {
    /// The plan for entities listed in any order.
    pub fn of(entities: &[AnyEntity]) -> Self {
        let place: BTreeMap<_, _> =
            entities.iter().enumerate().map(|(index, entity)| (entity.entity_ref(), index)).collect();
        let mut out_of_order = Vec::new();
        for (index, entity) in entities.iter().enumerate() {
            let this = entity.entity_ref();
            entity.references(&mut Sink::new(&mut |path, target| {
                if target != this && place.get(&target).is_none_or(|at| *at > index) {
                    out_of_order.push((this, path.to_owned(), target));
                }
            }));
        }
        let steps = place.keys().map(|target| (Phase::of(target.kind()), *target)).collect();
        BuildPlan { steps, out_of_order }
    }
}
