//! OAuth clients: programs that act.

use serde::{Deserialize, Serialize};

use super::{Entity, RoleGrant, Sink};
use crate::value::{Name, OAuthClientId, Secret, Text};

/// A program with its own credentials (client-credentials grant, RFC 6749 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClient {
    /// Identifies the client; its `client_id`.
    pub id: OAuthClientId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// Its `client_secret`.
    pub secret: Secret<String>,
    /// What it may administer.
    #[serde(default)]
    pub grants: Vec<RoleGrant>,
}

impl Entity for OAuthClient {
    fn references(&self, sink: &mut Sink<'_>) {
        RoleGrant::references(&self.grants, sink);
    }
}
