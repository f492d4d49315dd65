//! The telephony services a certificate authority can be trusted for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A telephony service with its own list of trusted authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// SIP over TLS between the edge and trunks, PBXs and SBCs.
    Sip,
    /// Servers the edge fetches provisioning data from.
    Provisioning,
    /// Phones fetching their configuration over HTTPS.
    PhoneProvisioning,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::Sip, Self::Provisioning, Self::PhoneProvisioning];

    /// The name in the administration API: `SIP`, `PROVISION` or `PROVISION_PHONE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "SIP",
            Self::Provisioning => "PROVISION",
            Self::PhoneProvisioning => "PROVISION_PHONE",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(name: &str) -> Result<Self, ServiceError> {
        Self::ALL.into_iter().find(|service| service.as_str() == name).ok_or(ServiceError::Unknown)
    }
}

/// Why a choice of services is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A name that is no service.
    #[error("unknown service; choose SIP, PROVISION or PROVISION_PHONE")]
    Unknown,
    /// No service at all: such an authority would be trusted for nothing.
    #[error("select at least one service for this certificate authority")]
    NoneSelected,
}

/// A non-empty set of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services(BTreeSet<Service>);

impl Services {
    /// The set of `services`; empty is an error.
    pub fn new(services: impl IntoIterator<Item = Service>) -> Result<Self, ServiceError> {
        let set: BTreeSet<_> = services.into_iter().collect();
        if set.is_empty() { Err(ServiceError::NoneSelected) } else { Ok(Self(set)) }
    }

    /// The set named by API names, see [`Service::as_str`].
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ServiceError> {
        Self::new(names.into_iter().map(Service::from_str).collect::<Result<Vec<_>, _>>()?)
    }

    /// One service.
    pub fn only(service: Service) -> Self {
        Self(BTreeSet::from([service]))
    }

    /// Whether `service` is in the set.
    pub fn contains(&self, service: Service) -> bool {
        self.0.contains(&service)
    }

    /// The services in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Service> + '_ {
        self.0.iter().copied()
    }
}
