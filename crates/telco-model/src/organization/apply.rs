//! Changing an organization: everything is checked first, then the change and its event are one.

use jiff::Timestamp;

use super::{Change, Event, Organization, Rejected, What, rules};
use crate::entity::{
    Action, Actor, AnyEntity, Check, EntityRef, ExtensionOutcome, Meta, NumberPlan, Problem, Sink, State,
};

impl Organization {
    /// Carries out one change, or says everything that stands against it.
    ///
    /// The cost does not grow with the organization: only what the entity refers to, and what refers to it, is
    /// looked at. `now` is the wall time of the change.
    ///
    /// # Errors
    /// [`Rejected`]; the organization is then as it was.
    pub fn apply(&mut self, change: Change, actor: Actor, now: Timestamp) -> Result<Vec<Event>, Rejected> {
        let target = change.target();
        let previous = self.meta(target).copied();
        let what = match change {
            Change::Create(_) if previous.is_some() => return Err(Rejected::Exists(target)),
            Change::Create(entity) => {
                self.permit(actor, Action::Add, target, Some(&entity))?;
                What::Created(self.admitted(entity, now)?)
            }
            Change::Update { entity, expected } => {
                self.permit(actor, Action::Edit, target, Some(&entity))?;
                expect(target, expected, previous)?;
                What::Updated(self.admitted(entity, now)?)
            }
            Change::SetState { target, state, expected } => {
                self.permit(actor, Action::Edit, target, None)?;
                expect(target, expected, previous)?;
                if state == State::Deleted {
                    let message = "the state deleted is reached by deleting";
                    return Err(Rejected::Invalid(vec![Problem::new("state", "state.deleted", message)]));
                }
                What::StateChanged { target, state }
            }
            Change::Delete { target, expected } => {
                self.permit(actor, Action::Delete, target, None)?;
                expect(target, expected, previous)?;
                self.may_go(target)?;
                What::Deleted(target)
            }
        };
        let version = previous.map_or(1, |meta| meta.version.saturating_add(1));
        let event = Event { at: now, by: actor, version, what };
        self.take(&event, previous);
        Ok(vec![event])
    }

    /// The entity as it will be stored, when nothing stands against it.
    fn admitted(&self, mut entity: AnyEntity, now: Timestamp) -> Result<AnyEntity, Rejected> {
        self.complete(&mut entity, now);
        let mut problems = Vec::new();
        entity.check(&mut Check::new(&mut problems));
        self.check_unique(&entity, &mut problems);
        self.check_references(&entity, &mut Self::missing, &mut problems);
        // Rules between entities look up what is referred to; they say nothing about what is missing.
        rules::check(self, &entity, &mut Check::new(&mut problems));
        if problems.is_empty() { Ok(entity) } else { Err(Rejected::Invalid(problems)) }
    }

    /// Fills in what the organization decides: the default number plans of a new site, and since when an extension
    /// is assigned.
    pub(super) fn complete(&self, entity: &mut AnyEntity, now: Timestamp) {
        self.default_plans(entity);
        let AnyEntity::User(user) = entity else { return };
        let before = self.user(user.id);
        for entry in &mut user.phones {
            let known =
                before.and_then(|user| user.phones.iter().find(|old| old.extension == entry.extension));
            entry.assigned = match entry.extension_outcome() {
                Some(ExtensionOutcome::Assigned) => known.and_then(|old| old.assigned).or(Some(now)),
                Some(ExtensionOutcome::EntryHoldsNumber | ExtensionOutcome::NotWorkPhone) | None => None,
            };
        }
    }

    fn default_plans(&self, entity: &mut AnyEntity) {
        if let AnyEntity::Site(site) = entity
            && self.site(site.id).is_none()
            && site.number_plans.is_empty()
            && let Some(location) = self.location(site.location)
        {
            site.number_plans = NumberPlan::defaults(site.id, location.address.country);
        }
    }

    pub(super) fn check_unique(&self, entity: &AnyEntity, problems: &mut Vec<Problem>) {
        let this = entity.entity_ref();
        let mut keys = Vec::new();
        entity.unique_keys(&mut keys);
        for key in keys {
            if let Some(other) = self.owner(&key).filter(|other| *other != this) {
                problems.push(Problem::new(
                    key.path(),
                    "unique.taken",
                    format!("{key} is already used by {other}"),
                ));
            }
        }
    }

    /// What is said of a reference to nothing.
    pub(super) fn missing(target: EntityRef) -> Option<String> {
        Some(format!("{target} does not exist; make it first"))
    }

    pub(super) fn check_references(
        &self,
        entity: &AnyEntity,
        missing: &mut dyn FnMut(EntityRef) -> Option<String>,
        problems: &mut Vec<Problem>,
    ) {
        let this = entity.entity_ref();
        entity.references(&mut Sink::new(&mut |path, target| {
            if target != this
                && self.meta(target).is_none()
                && let Some(message) = missing(target)
            {
                problems.push(Problem::new(path, "reference.missing", message));
            }
        }));
    }

    /// Whether nothing holds an entity back.
    fn may_go(&self, target: EntityRef) -> Result<(), Rejected> {
        let mut by: Vec<_> = self.referrers(target).filter(|from| *from != target).collect();
        by.extend(rules::holders(self, target));
        if !by.is_empty() {
            return Err(Rejected::Referenced { target, by });
        }
        if matches!(target, EntityRef::Organization(_)) {
            let message = "the organization itself cannot be deleted";
            return Err(Rejected::Invalid(vec![Problem::new("id", "organization.needed", message)]));
        }
        Ok(())
    }
}

fn expect(target: EntityRef, expected: u32, previous: Option<Meta>) -> Result<(), Rejected> {
    match previous {
        None => Err(Rejected::NotFound(target)),
        Some(Meta { version, .. }) if version != expected => {
            Err(Rejected::Stale { target, expected, actual: version })
        }
        Some(_) => Ok(()),
    }
}
