//! What happened to an organization: enough to rebuild it, and to tell who changed what and when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Organization;
use crate::entity::{Actor, AnyEntity, EntityRef, Meta, State};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Actor,
    /// The version of the entity afterwards.
    pub version: u32,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An entity was made.
    Created(AnyEntity),
    /// An entity was replaced.
    Updated(AnyEntity),
    /// An entity was put into use or out of use.
    StateChanged {
        /// Which one.
        target: EntityRef,
        /// Its state now.
        state: State,
    },
    /// An entity was removed.
    Deleted(EntityRef),
}

/// An event that does not follow from what an organization is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {index} for {target} does not follow: expected version {expected}, found {found}")]
pub struct OutOfSequence {
    /// Which event, from 0.
    pub index: usize,
    /// What it is about.
    pub target: EntityRef,
    /// The version the event makes.
    pub expected: u32,
    /// The version that would come next here.
    pub found: u32,
}

impl Event {
    /// What it is about.
    pub fn target(&self) -> EntityRef {
        match &self.what {
            What::Created(entity) | What::Updated(entity) => entity.entity_ref(),
            What::StateChanged { target, .. } | What::Deleted(target) => *target,
        }
    }
}

impl Organization {
    /// Rebuilds an organization from everything that ever happened to it.
    ///
    /// # Errors
    /// When an event is missing, repeated or out of order.
    pub fn replay<'e>(events: impl IntoIterator<Item = &'e Event>) -> Result<Self, OutOfSequence> {
        let mut organization = Organization::default();
        organization.advance(events)?;
        Ok(organization)
    }

    /// Brings an organization up to date with what happened since.
    ///
    /// # Errors
    /// When an event is missing, repeated or out of order; the events before it have been taken.
    pub fn advance<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Result<(), OutOfSequence> {
        for (index, event) in events.into_iter().enumerate() {
            let target = event.target();
            let previous = self.meta(target).copied();
            let found = previous.map_or(0, |meta| meta.version) + 1;
            let made = matches!(event.what, What::Created(_));
            if event.version != found || made != previous.is_none() {
                return Err(OutOfSequence { index, target, expected: event.version, found });
            }
            self.take(event, previous);
        }
        Ok(())
    }

    /// Carries out an event that is known to follow.
    pub(super) fn take(&mut self, event: &Event, previous: Option<Meta>) {
        let meta = match previous {
            Some(meta) => meta.changed(event.by, event.at),
            None => Meta::created(event.by, event.at),
        };
        match &event.what {
            What::Created(entity) | What::Updated(entity) => self.put(entity.clone(), meta),
            What::StateChanged { target, state } => {
                if let Some(stored) = self.store.meta_mut(*target) {
                    *stored = Meta { state: *state, ..meta };
                }
            }
            What::Deleted(target) => self.remove(*target),
        }
    }
}
