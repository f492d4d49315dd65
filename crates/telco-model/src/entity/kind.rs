//! The closed list of entity kinds, and everything that follows from it.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    BaseSettings, CallFlow, CertificateAuthority, Check, DialPlan, DidAssignment, DidRange, Division, Edge,
    EdgeGroup, ExtensionPool, InboundRoute, Location, Meta, OAuthClient, OrganizationSettings, OutboundRoute,
    Phone, Role, Sink, Site, Trunk, TrunkGroup, UniqueKey, User,
};
use crate::{organization::Organization, value::*};

/// Hands the list of kinds to another macro. The order is the order in which an organization is built: an entity
/// mostly refers to kinds before its own. The last word is the field people know it by.
macro_rules! for_each_kind {
    ($apply:ident) => {
        $apply! {
            Division, Division, DivisionId, "division", division, divisions, name;
            Role, Role, RoleId, "role", role, roles, name;
            OAuthClient, OAuthClient, OAuthClientId, "oauth_client", oauth_client, oauth_clients, name;
            Location, Location, LocationId, "location", location, locations, name;
            CertificateAuthority, CertificateAuthority, CertificateAuthorityId, "certificate_authority", certificate_authority, certificate_authorities, name;
            Site, Site, SiteId, "site", site, sites, name;
            Organization, OrganizationSettings, OrganizationId, "organization", organization, organizations, name;
            Trunk, Trunk, TrunkId, "trunk", trunk, trunks, name;
            TrunkGroup, TrunkGroup, TrunkGroupId, "trunk_group", trunk_group, trunk_groups, name;
            EdgeGroup, EdgeGroup, EdgeGroupId, "edge_group", edge_group, edge_groups, name;
            Edge, Edge, EdgeId, "edge", edge, edges, name;
            DidRange, DidRange, DidRangeId, "did_range", did_range, did_ranges, name;
            OutboundRoute, OutboundRoute, OutboundRouteId, "outbound_route", outbound_route, outbound_routes, name;
            DialPlan, DialPlan, DialPlanId, "dial_plan", dial_plan, dial_plans, name;
            ExtensionPool, ExtensionPool, ExtensionPoolId, "extension_pool", extension_pool, extension_pools, name;
            User, User, UserId, "user", user, users, name;
            BaseSettings, BaseSettings, BaseSettingsId, "base_settings", base_settings, base_settings_profiles, name;
            Phone, Phone, PhoneId, "phone", phone, phones, name;
            CallFlow, CallFlow, CallFlowId, "call_flow", call_flow, call_flows, name;
            InboundRoute, InboundRoute, InboundRouteId, "inbound_route", inbound_route, inbound_routes, name;
            DidAssignment, DidAssignment, DidAssignmentId, "did_assignment", did_assignment, did_assignments, number;
        }
    };
}
pub(crate) use for_each_kind;

macro_rules! define {
    ($($kind:ident, $type:ident, $id:ident, $text:literal, $one:ident, $many:ident, $label:ident;)*) => {
        /// A kind of entity, in the order in which an organization is built.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EntityKind {
            $(#[doc = concat!("[`", stringify!($type), "`].")] #[serde(rename = $text)] $kind,)*
        }

        impl EntityKind {
            /// All kinds in build order.
            pub const ALL: &[EntityKind] = &[$(EntityKind::$kind),*];

            /// The word for the kind in paths and problems.
            pub const fn as_str(self) -> &'static str {
                match self { $(EntityKind::$kind => $text),* }
            }
        }

        /// Names one entity of any kind. Text form: `site/<id>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EntityRef {
            $(#[doc = concat!("A [`", stringify!($type), "`].")] $kind($id),)*
        }

        impl EntityRef {
            /// The kind.
            pub const fn kind(self) -> EntityKind {
                match self { $(EntityRef::$kind(_) => EntityKind::$kind),* }
            }
        }

        impl fmt::Display for EntityRef {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(EntityRef::$kind(id) => write!(f, "{}/{id}", $text)),* }
            }
        }

        impl FromStr for EntityRef {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                match text.split_once('/') {
                    $(Some(($text, id)) => id.parse().map(EntityRef::$kind),)*
                    _ => Err(InvalidValue::new("reference", "must be a kind, / and an id, such as site/@mty")),
                }
            }
        }

        $(impl From<$id> for EntityRef {
            fn from(id: $id) -> Self {
                EntityRef::$kind(id)
            }
        })*

        /// An entity of any kind.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum AnyEntity {
            $(#[doc = concat!("A [`", stringify!($type), "`].")] #[serde(rename = $text)] $kind(Box<$type>),)*
        }

        impl AnyEntity {
            /// Its name as an entity of any kind.
            pub fn entity_ref(&self) -> EntityRef {
                match self { $(AnyEntity::$kind(entity) => EntityRef::$kind(entity.id)),* }
            }

            /// The name people see.
            pub fn label(&self) -> Cow<'_, str> {
                match self { $(AnyEntity::$kind(entity) => entity.label()),* }
            }

            pub(crate) fn references(&self, sink: &mut Sink<'_>) {
                match self { $(AnyEntity::$kind(entity) => entity.references(sink)),* }
            }

            pub(crate) fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
                match self { $(AnyEntity::$kind(entity) => entity.unique_keys(keys)),* }
            }

            pub(crate) fn check(&self, check: &mut Check<'_>) {
                match self { $(AnyEntity::$kind(entity) => entity.check(check)),* }
            }
        }

        $(impl From<$type> for AnyEntity {
            fn from(entity: $type) -> Self {
                AnyEntity::$kind(Box::new(entity))
            }
        }

        impl HasKind for $type {
            type Id = $id;
            const KIND: EntityKind = EntityKind::$kind;

            fn id(&self) -> $id {
                self.id
            }

            fn label(&self) -> Cow<'_, str> {
                self.$label.as_label()
            }

            fn id_in(target: EntityRef) -> Option<$id> {
                if let EntityRef::$kind(id) = target { Some(id) } else { None }
            }

            fn look_up(organization: &Organization, id: $id) -> Option<&Self> {
                organization.$one(id)
            }
        })*

        /// All entities, by kind and id.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub(crate) struct Store {
            $(pub(crate) $many: BTreeMap<$id, Record<$type>>,)*
        }

        impl Store {
            pub(crate) fn meta(&self, target: EntityRef) -> Option<&Meta> {
                match target { $(EntityRef::$kind(id) => self.$many.get(&id).map(|record| &record.meta)),* }
            }

            pub(crate) fn meta_mut(&mut self, target: EntityRef) -> Option<&mut Meta> {
                match target { $(EntityRef::$kind(id) => self.$many.get_mut(&id).map(|record| &mut record.meta)),* }
            }

            pub(crate) fn get(&self, target: EntityRef) -> Option<AnyEntity> {
                match target {
                    $(EntityRef::$kind(id) => {
                        self.$many.get(&id).map(|record| AnyEntity::$kind(Box::new(record.entity.clone())))
                    })*
                }
            }

            pub(crate) fn insert(&mut self, entity: AnyEntity, meta: Meta) {
                match entity {
                    $(AnyEntity::$kind(entity) => {
                        self.$many.insert(entity.id, Record { entity: *entity, meta });
                    })*
                }
            }

            pub(crate) fn remove(&mut self, target: EntityRef) -> Option<AnyEntity> {
                match target {
                    $(EntityRef::$kind(id) => {
                        self.$many.remove(&id).map(|record| AnyEntity::$kind(Box::new(record.entity)))
                    })*
                }
            }

            /// Every entity, kinds in build order.
            pub(crate) fn refs(&self) -> impl Iterator<Item = EntityRef> + '_ {
                std::iter::empty()$(.chain(self.$many.keys().map(|id| EntityRef::$kind(*id))))*
            }
        }
    };
}

for_each_kind!(define);

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

text_form!(EntityRef);

/// An entity with what the organization writes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<T> {
    pub(crate) entity: T,
    pub(crate) meta: Meta,
}

/// What every entity has. The kinds are a closed list: see [`EntityKind`].
pub trait HasKind: Sized + 'static {
    /// The type of its id.
    type Id: Copy + Ord + Into<EntityRef> + fmt::Debug;
    /// Its kind.
    const KIND: EntityKind;
    /// Its id.
    fn id(&self) -> Self::Id;
    /// The name people see.
    fn label(&self) -> Cow<'_, str>;
    /// The id in a reference, when it refers to this kind.
    fn id_in(target: EntityRef) -> Option<Self::Id>;
    /// The entity with this id in an organization.
    fn look_up(organization: &Organization, id: Self::Id) -> Option<&Self>;
}

/// What an entity refers to, what of it is unique, and what must hold inside it.
pub trait Entity: HasKind {
    /// Walks the references.
    fn references(&self, sink: &mut Sink<'_>);

    /// What no other entity may have: the name, unless the kind says otherwise.
    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::name(self));
    }

    /// What must hold inside the entity.
    fn check(&self, check: &mut Check<'_>) {
        let _ = check;
    }
}

/// A field people know an entity by.
trait AsLabel {
    fn as_label(&self) -> Cow<'_, str>;
}

impl AsLabel for Name {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }
}

impl AsLabel for E164 {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}
