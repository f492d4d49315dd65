//! Questions an organization answers by its indexes, without a walk over everything.

use std::ops::Bound;

use super::Organization;
use crate::{entity::*, value::*};

impl Organization {
    /// What holds for the whole organization.
    pub fn settings(&self) -> Option<&OrganizationSettings> {
        self.organizations().next()
    }

    /// The default site.
    pub fn default_site(&self) -> Option<&Site> {
        self.site(self.settings()?.default_site?)
    }

    /// The entity with this name in a kind whose names are unique, in any letter case.
    pub fn named<T: HasKind>(&self, name: &str) -> Option<&T> {
        self.find(&UniqueKey::Name(T::KIND, name.to_lowercase().into()))
    }

    /// The entity that has what may exist once, when it is of the kind asked for.
    pub fn find<T: HasKind>(&self, key: &UniqueKey) -> Option<&T> {
        T::look_up(self, T::id_in(self.owner(key)?)?)
    }

    /// The entities of one kind that refer to another, by id.
    pub fn referring<T: HasKind>(&self, target: impl Into<EntityRef>) -> impl Iterator<Item = &T> + '_ {
        self.referrers(target).filter_map(T::id_in).filter_map(|id| T::look_up(self, id))
    }

    /// The user with this e-mail address, in any letter case.
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.find(&UniqueKey::Email(email.to_lowercase().into()))
    }

    /// Everything that refers to an entity, kinds in build order.
    pub fn referrers(&self, target: impl Into<EntityRef>) -> impl Iterator<Item = EntityRef> + '_ {
        let target = target.into();
        let first = (target, EntityRef::Division(DivisionId::from_u128(0)));
        self.index
            .referrers
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(to, _)| *to == target)
            .map(|(_, from)| *from)
    }

    /// The country of a site: that of its location's address.
    pub fn country_of(&self, site: SiteId) -> Option<CountryCode> {
        Some(self.location(self.site(site)?.location)?.address.country)
    }

    /// The outbound routes of a site, by id.
    pub fn outbound_routes_of(&self, site: SiteId) -> impl Iterator<Item = &OutboundRoute> + '_ {
        self.referring::<OutboundRoute>(site)
    }

    /// The enabled outbound route of a site that carries a classification; there is at most one.
    pub fn outbound_route_for(
        &self,
        site: SiteId,
        classification: &Classification,
    ) -> Option<&OutboundRoute> {
        self.find(&UniqueKey::RouteOf(site, classification.clone()))
    }

    /// The trunks an outbound route leads to, first one first.
    pub fn trunks_of(&self, route: &OutboundRoute) -> Vec<&Trunk> {
        let ids = match &route.target {
            RouteTarget::Trunks(list) => list.trunks.clone(),
            RouteTarget::TrunkGroup(id) => self.trunk_group(*id).map_or(Vec::new(), TrunkGroup::in_order),
        };
        ids.into_iter().filter_map(|id| self.trunk(id)).collect()
    }

    /// The dial plan in force at a site: its own, else the global one.
    pub fn dial_plan_of(&self, site: SiteId) -> Option<&DialPlan> {
        let own = self.find(&UniqueKey::DialPlanOf(Some(site)));
        own.or_else(|| self.find(&UniqueKey::DialPlanOf(None)))
    }

    /// The phones of a site, by id.
    pub fn phones_of(&self, site: SiteId) -> impl Iterator<Item = &Phone> + '_ {
        self.referring::<Phone>(site)
    }

    /// The phones a user has, by id.
    pub fn phones_of_user(&self, user: UserId) -> impl Iterator<Item = &Phone> + '_ {
        let phones = self.referring::<Phone>(user);
        phones.filter(move |phone| phone.user() == Some(user))
    }

    /// The edges of a group, by id.
    pub fn edges_of(&self, group: EdgeGroupId) -> impl Iterator<Item = &Edge> + '_ {
        let edges = self.referring::<Edge>(group);
        edges.filter(move |edge| edge.edge_group == group)
    }

    /// The owner of a number.
    pub fn did_owner(&self, number: E164) -> Option<DidTarget> {
        self.find::<DidAssignment>(&UniqueKey::Did(number)).map(|assignment| assignment.target)
    }

    /// The numbers assigned to an owner, lowest first.
    pub fn dids_of(&self, target: DidTarget) -> Vec<E164> {
        let assignments = self.referring::<DidAssignment>(target);
        let mut numbers: Vec<_> = assignments.map(|assignment| assignment.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The user an extension is assigned to.
    pub fn extension_owner(&self, extension: Extension) -> Option<&User> {
        self.find(&UniqueKey::Extension(extension))
    }

    /// The enabled inbound routes of a number, first priority first.
    pub fn inbound_routes_for(&self, number: E164) -> impl Iterator<Item = &InboundRoute> + '_ {
        let rules = UniqueKey::InboundRule(number, 0)..=UniqueKey::InboundRule(number, u16::MAX);
        let owners = self.index.unique.range(rules).map(|(_, owner)| *owner);
        owners.filter_map(InboundRoute::id_in).filter_map(|id| self.inbound_route(id))
    }
}
