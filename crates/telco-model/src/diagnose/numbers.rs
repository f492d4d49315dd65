//! Numbers, extensions, users and administrators.

use jiff::Timestamp;

use super::Findings;
use crate::{
    entity::{
        Actor, DidTarget, EntityRef, ExtensionAssignment, ExtensionOutcome, Permission, PhoneCategory,
        Propagation, State, User,
    },
    value::{E164, Extension, NumberKind, UserId},
};

impl Findings<'_> {
    pub(super) fn number(&mut self, number: E164) {
        let organization = self.organization;
        if organization.did_range_of(number).is_none() {
            self.add("DG-006", format!("{number} is in no DID range"), []);
            self.add("DG-007", format!("{number} is not in inventory"), []);
            if number.kind() == NumberKind::TollFree {
                self.add("DG-010", format!("toll-free {number} is in no range"), []);
            }
            return;
        }
        let routes: Vec<_> = organization.inbound_routes_for(number).collect();
        if routes.len() > 1 {
            let evidence = format!("{} rules; {:?} decides", routes.len(), routes[0].name.as_str());
            self.add("DG-052", evidence, routes.iter().map(|route| route.id.into()));
        }
        self.split_brain(number);
        let Some(owner) = organization.did_owner(number) else {
            if routes.is_empty() {
                self.add("DG-008", format!("{number} is assigned to nobody and has no inbound route"), []);
            }
            return;
        };
        let target = EntityRef::from(owner);
        self.add("DG-007", format!("{number} is assigned to {target}"), [target]);
        if let Some(route) = routes.first()
            && owner != DidTarget::CallFlow(route.call_flow)
        {
            let evidence =
                format!("assigned to {target}, but inbound route {:?} decides", route.name.as_str());
            self.add("DG-009", evidence, [target, route.id.into()]);
        }
        let idle = organization.meta(target).is_none_or(|meta| meta.state != State::Active);
        let dead_end = match owner {
            DidTarget::User(user) => organization.phones_of_user(user).next().is_none(),
            DidTarget::Phone(_) => false,
            DidTarget::CallFlow(flow) => {
                organization.call_flow(flow).is_none_or(|flow| flow.steps.is_empty())
            }
        };
        if idle || dead_end {
            let evidence = format!("{target} is inactive, has no phone, or is a flow without steps");
            self.add("DG-008", evidence, [target]);
        }
    }

    /// Registered trunks in service that all deliver a number: the carrier decides which of them rings.
    fn split_brain(&mut self, number: E164) {
        let trunks = self.organization.trunks().filter(|trunk| {
            trunk.in_service
                && trunk.registration.is_some()
                && trunk.numbers.iter().any(|range| range.contains(number))
        });
        let trunks: Vec<EntityRef> = trunks.map(|trunk| trunk.id.into()).collect();
        if trunks.len() > 1 {
            self.add(
                "DG-047",
                format!("{number} is delivered by {} registered trunks", trunks.len()),
                trunks,
            );
        }
    }

    pub(super) fn extension(&mut self, extension: Extension, now: Timestamp) {
        let organization = self.organization;
        let Some(pool) = organization.extension_pool_of(extension) else {
            self.add("DG-016", format!("{extension} is in no extension pool"), []);
            return;
        };
        if pool.last() != pool.start {
            let evidence = format!("{extension} is part of pool {:?}", pool.name.as_str());
            self.add("DG-019", evidence, [pool.id.into()]);
        }
        if let Some(user) = organization.extension_owner(extension) {
            let evidence = format!("{extension} is assigned to {:?}", user.name.as_str());
            self.add("DG-017", evidence.clone(), [user.id.into()]);
            self.add("DG-019", evidence, [user.id.into()]);
            self.pending(user, extension, now);
            return;
        }
        let mut users = organization.users();
        if let Some(user) =
            users.find(|user| user.phones.iter().any(|entry| entry.extension == Some(extension)))
        {
            let evidence = format!("it stands in an entry of {:?} that assigns nothing", user.name.as_str());
            self.add("DG-018", evidence, [user.id.into()]);
        }
    }

    fn pending(&mut self, user: &User, extension: Extension, now: Timestamp) {
        let entry = user.extensions().find(|(mine, _)| *mine == extension);
        let Some(assigned) = entry.and_then(|(_, entry)| entry.assigned) else { return };
        let assignment = ExtensionAssignment { extension, user: user.id, assigned };
        if let Propagation::Pending(active) = assignment.propagation(now) {
            let evidence =
                format!("assigned at {assigned}; known to Dial By Extension at {active} at the latest");
            self.add("DG-021", evidence, [user.id.into()]);
        }
    }

    pub(super) fn user(&mut self, user: UserId, now: Timestamp) {
        let organization = self.organization;
        let Some(person) = organization.user(user) else { return };
        for entry in &person.phones {
            let Some(extension) = entry.extension else { continue };
            if entry.extension_outcome() == Some(ExtensionOutcome::Assigned) {
                self.pending(person, extension, now);
            } else {
                let evidence = format!("extension {extension} stands in an entry that assigns nothing");
                self.add("DG-018", evidence.clone(), [user.into()]);
                self.add("DG-020", evidence, [user.into()]);
            }
        }
        let phones: Vec<_> = organization.phones_of_user(user).collect();
        if phones.is_empty() {
            self.add("DG-020", format!("{:?} has no phone", person.name.as_str()), [user.into()]);
        }
        if !phones.iter().any(|phone| matches!(phone.category, PhoneCategory::Webrtc(_))) {
            self.add("DG-040", format!("{:?} has no WebRTC phone", person.name.as_str()), [user.into()]);
        }
    }

    pub(super) fn administrator(&mut self, actor: Actor) {
        if !self.organization.allows(actor, &Permission::telephony_all(), None) {
            self.add("DG-004", format!("{actor} has no role with {}", Permission::telephony_all()), []);
        }
    }
}
