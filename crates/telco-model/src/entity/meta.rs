//! What the organization writes about each entity: version, stamps, state.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::value::{InvalidValue, OAuthClientId, UserId, text_form};

/// Version and stamps of an entity. Written by the organization, never by who changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// 1 when made, one more with every change. A change says which version it is based on.
    pub version: u32,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Who changed it last.
    pub modified_by: Actor,
    /// Whether it is in use.
    #[serde(default)]
    pub state: State,
}

impl Meta {
    /// The meta data of an entity made just now.
    pub fn created(by: Actor, now: Timestamp) -> Self {
        Meta {
            version: 1,
            created: now,
            created_by: by,
            modified: now,
            modified_by: by,
            state: State::Active,
        }
    }

    /// The meta data after one more change.
    pub(crate) fn changed(self, by: Actor, now: Timestamp) -> Self {
        Meta { version: self.version.saturating_add(1), modified: now, modified_by: by, ..self }
    }
}

/// Whether an entity is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In use.
    #[default]
    Active,
    /// Kept, but not used.
    Inactive,
    /// Gone; only events speak of it.
    Deleted,
}

/// Who changes the organization. Text form: `system`, `user:<id>` or `client:<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The program itself, or an administrator at its console; nothing is forbidden to it.
    System,
    /// A user, by the roles granted to them.
    User(UserId),
    /// An OAuth client, by the roles granted to it.
    Client(OAuthClientId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::System => f.write_str("system"),
            Actor::User(id) => write!(f, "user:{id}"),
            Actor::Client(id) => write!(f, "client:{id}"),
        }
    }
}

impl FromStr for Actor {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.split_once(':') {
            None if text == "system" => Ok(Actor::System),
            Some(("user", id)) => id.parse().map(Actor::User),
            Some(("client", id)) => id.parse().map(Actor::Client),
            _ => Err(InvalidValue::new("actor", "must be system, user: and an id, or client: and an id")),
        }
    }
}

text_form!(Actor);
