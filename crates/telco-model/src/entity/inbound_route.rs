//! Inbound routes: what happens with a called number.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink, UniqueKey};
use crate::value::{CallFlowId, E164, InboundRouteId, Name, Text};

/// A rule that sends called numbers to a call flow. Two rules may name one number only with different priorities;
/// the enabled one with the lowest value then decides (`docs/spec/conflicts.md`, K6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundRoute {
    /// Identifies the route.
    pub id: InboundRouteId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The called numbers; each must be in a DID range.
    pub numbers: BTreeSet<E164>,
    /// Where they go.
    pub call_flow: CallFlowId,
    /// 1 is first.
    #[serde(default = "first")]
    pub priority: u16,
    /// Whether it is in use.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn first() -> u16 {
    1
}

const fn yes() -> bool {
    true
}

impl Entity for InboundRoute {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("call_flow", self.call_flow);
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::name(self));
        if self.enabled {
            keys.extend(self.numbers.iter().map(|number| UniqueKey::InboundRule(*number, self.priority)));
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.numbers.is_empty() {
            check.problem("numbers", "route.no_number", "give at least one called number");
        }
    }
}
