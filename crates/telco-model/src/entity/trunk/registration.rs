//! Registration with a carrier.

use serde::{Deserialize, Serialize};

use super::Transport;
use crate::value::{Host, Secret, SipUri, Text};

/// Connection mode SIP Registration: the trunk registers with the carrier (RFC 3261 §10.2) and the carrier sends
/// calls to the registered contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The carrier's registrar.
    pub registrar: Host,
    /// Its port; absent, the default of the transport or what DNS says.
    pub port: Option<u16>,
    /// The transport to the registrar.
    pub transport: Transport,
    /// User name for the digest.
    pub username: Text,
    /// The password itself, not its hash.
    pub password: Secret<String>,
    /// The address of record that is registered.
    pub uri: SipUri,
    /// The expiry asked for, in seconds.
    #[serde(default = "default_expiry")]
    pub expires: u32,
}

const fn default_expiry() -> u32 {
    3600
}
