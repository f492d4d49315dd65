//! Divisions: the boundary within which an administrator may act.

use serde::{Deserialize, Serialize};

use super::{Entity, Sink};
use crate::value::{DivisionId, Name, Text};

/// A division: extension pools, users and phones belong to one, and roles are granted in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    /// Identifies the division.
    pub id: DivisionId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
}

impl Entity for Division {
    fn references(&self, _: &mut Sink<'_>) {}
}
