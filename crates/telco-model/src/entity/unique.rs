//! What may exist once.

use std::fmt;

use super::{EntityKind, HardwareId, HasKind};
use crate::value::{Classification, E164, Extension, SiteId, TerminationId, Text};

/// Something at most one entity may have. Besides keeping it unique, it finds the entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum UniqueKey {
    /// There is one organization.
    TheOrganization,
    /// There is one managed certificate authority.
    ManagedAuthority,
    /// A name within a kind, folded to lower case.
    Name(EntityKind, Box<str>),
    /// The name of an outbound route in its site, folded to lower case.
    RouteName(SiteId, Box<str>),
    /// A classification among the enabled outbound routes of a site.
    RouteOf(SiteId, Classification),
    /// The dial plan of a site; none: the global one.
    DialPlanOf(Option<SiteId>),
    /// A user's e-mail address, folded to lower case.
    Email(Box<str>),
    /// An inbound SIP termination identifier.
    Termination(TerminationId),
    /// The owner of a number.
    Did(E164),
    /// The owner of an extension.
    Extension(Extension),
    /// An enabled inbound rule of a number at a priority.
    InboundRule(E164, u16),
    /// The device of a phone.
    Hardware(HardwareId),
    /// An edge's serial number.
    Serial(Text),
}

impl UniqueKey {
    /// The name of an entity within its kind.
    pub fn name<T: HasKind>(entity: &T) -> Self {
        UniqueKey::Name(T::KIND, entity.label().to_lowercase().into())
    }

    /// The field that holds it, for problems.
    pub(crate) const fn path(&self) -> &'static str {
        match self {
            UniqueKey::TheOrganization => "id",
            UniqueKey::ManagedAuthority => "kind",
            UniqueKey::Name(..) | UniqueKey::RouteName(..) => "name",
            UniqueKey::RouteOf(..) => "classifications",
            UniqueKey::DialPlanOf(_) => "site",
            UniqueKey::Email(_) => "email",
            UniqueKey::Termination(_) => "termination",
            UniqueKey::Did(_) => "number",
            UniqueKey::Extension(_) => "phones",
            UniqueKey::InboundRule(..) => "numbers",
            UniqueKey::Hardware(_) => "category.hardware_id",
            UniqueKey::Serial(_) => "serial_number",
        }
    }
}

impl fmt::Display for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UniqueKey::TheOrganization => f.write_str("there is one organization; its id"),
            UniqueKey::ManagedAuthority => {
                f.write_str("there is one managed certificate authority; the kind managed")
            }
            UniqueKey::Name(kind, name) => write!(f, "the {kind} name {name:?}"),
            UniqueKey::RouteName(_, name) => write!(f, "the route name {name:?} in this site"),
            UniqueKey::RouteOf(_, classification) => {
                write!(
                    f,
                    "classification {:?} among the enabled routes of this site",
                    classification.as_str()
                )
            }
            UniqueKey::DialPlanOf(Some(_)) => f.write_str("the dial plan of this site"),
            UniqueKey::DialPlanOf(None) => f.write_str("the global dial plan"),
            UniqueKey::Email(email) => write!(f, "e-mail address {email}"),
            UniqueKey::Termination(id) => write!(f, "termination identifier {id}"),
            UniqueKey::Did(number) => write!(f, "number {number}"),
            UniqueKey::Extension(extension) => write!(f, "extension {extension}"),
            UniqueKey::InboundRule(number, priority) => write!(f, "{number} at priority {priority}"),
            UniqueKey::Hardware(HardwareId::Mac(mac)) => write!(f, "hardware id {mac}"),
            UniqueKey::Hardware(HardwareId::Fqdn(name)) => write!(f, "hardware id {name}"),
            UniqueKey::Serial(serial) => write!(f, "serial number {serial}"),
        }
    }
}
