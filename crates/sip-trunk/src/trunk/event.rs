//! What the set of trunks tells its user.

use std::fmt;

use super::config::TrunkId;
use super::health::Standing;
use crate::registration::State;

/// Something about a trunk changed. `Display` is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrunkEvent {
    /// A registration has another state.
    RegistrationChanged {
        /// The trunk.
        trunk: TrunkId,
        /// Its name.
        name: String,
        /// The registrar.
        registrar: String,
        /// The address of record.
        uri: String,
        /// The state.
        state: State,
    },
    /// A registration that is no longer wanted has been taken back, or its registrar did not answer.
    Withdrawn {
        /// The trunk it belonged to.
        trunk: TrunkId,
        /// The registrar.
        registrar: String,
        /// The address of record.
        uri: String,
    },
    /// The trunk can carry calls, or can no longer.
    HealthChanged {
        /// The trunk.
        trunk: TrunkId,
        /// Its name.
        name: String,
        /// Its health.
        standing: Standing,
    },
}

impl TrunkEvent {
    /// The trunk it is about.
    pub fn trunk(&self) -> TrunkId {
        match self {
            Self::RegistrationChanged { trunk, .. }
            | Self::Withdrawn { trunk, .. }
            | Self::HealthChanged { trunk, .. } => *trunk,
        }
    }
}

impl fmt::Display for TrunkEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegistrationChanged { name, registrar, uri, state, .. } => {
                write!(f, "trunk {name:?}: {uri} at {registrar}: {state}")
            }
            Self::Withdrawn { trunk, registrar, uri } => {
                write!(f, "trunk {trunk}: registration of {uri} at {registrar} is withdrawn")
            }
            Self::HealthChanged { name, standing, .. } => write!(f, "trunk {name:?} is {standing}"),
        }
    }
}
