//! Entities: everything an organization is made of, as typed data.
//!
//! An entity is plain data: public fields, each value checked when it was made. What must hold inside one entity is
//! its [`Entity::check`]; what must hold between entities is the business of
//! [`Organization`](crate::organization::Organization).

mod base_settings;
mod call_flow;
mod certificate_authority;
mod check;
mod dial_plan;
mod did;
mod division;
mod edge;
mod edge_group;
mod emergency;
mod extension;
mod inbound_route;
mod kind;
mod location;
mod meta;
mod number_plan;
mod oauth_client;
mod outbound_route;
mod phone;
mod role;
mod settings;
mod site;
mod trunk;
mod trunk_group;
mod unique;
mod user;

pub use base_settings::{BaseSettings, CategoryName, Firmware, FirmwareUpdate, PersistentConnection};
pub use call_flow::{CallFlow, FlowStep, Menu, MenuChoice};
pub use certificate_authority::{AuthorityKind, AuthorityService, CertificateAuthority};
pub use check::{Check, Problem, Sink};
pub use dial_plan::{DialPlan, RoutePattern};
pub use did::{DidAssignment, DidRange, DidTarget};
pub use division::Division;
pub use edge::{Edge, EdgeCapacity, EdgeInterface, HardwareSolution};
pub use edge_group::{EdgeGroup, EdgeLink};
pub use emergency::{EmergencyCarrier, HeldSettings};
pub use extension::{ExtensionAssignment, ExtensionPool, PROPAGATION_LIMIT, Propagation};
pub use inbound_route::InboundRoute;
pub use kind::{AnyEntity, Entity, EntityKind, EntityRef, HasKind};
pub(crate) use kind::{Store, for_each_kind};
pub use location::{CivicAddress, Location};
pub use meta::{Actor, Meta, State};
pub use number_plan::{DigitLength, IntraCountry, MAX_NUMBER_PLANS, Match, NumberPlan, RegexMatch};
pub use oauth_client::OAuthClient;
pub use outbound_route::{Distribution, OutboundRoute, RouteTarget, TrunkList};
pub use phone::{
    HardwareId, LineIdentity, LineKey, LineKeyFunction, ManagedPhone, Phone, PhoneCategory, RemoteAddress,
    RemotePhone, UnmanagedPhone, WebrtcPhone,
};
pub use role::{Action, Permission, Role};
pub use settings::{OrganizationSettings, TelephonyOption};
pub use site::{MediaModel, RelayBehavior, RoutingEngine, Site};
pub use trunk::*;
pub use trunk_group::{FailoverType, RecoveryType, TrunkGroup, TrunkGroupMember};
pub use unique::UniqueKey;
pub use user::{ExtensionOutcome, PhoneEntry, PhoneEntryKind, RoleGrant, User};
