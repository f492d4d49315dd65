//! Caller identity on a trunk.

use serde::{Deserialize, Serialize};

use crate::{
    entity::Check,
    value::{E164, Text},
};

/// What the other side is told about the caller, and how numbers are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The number shown when the trunk decides.
    pub caller_address: Option<E164>,
    /// The name shown when the trunk decides.
    pub caller_name: Option<Text>,
    /// Where the caller number is taken from: the first source that has one. Empty: `address_override` rules.
    pub prioritized_caller: Vec<CallerSource>,
    /// The older way to say it; must be absent when `prioritized_caller` is used.
    pub address_override: Option<AddressOverride>,
    /// How the calling number is written.
    pub calling: Party,
    /// How the called number is written.
    pub called: Party,
}

/// A source of the caller number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerSource {
    /// The call itself: queue, campaign, the user's DID, or the number of a transferred caller.
    CallSource,
    /// The user's extension.
    UserExtension,
    /// The site's caller address.
    Site,
    /// The trunk's caller address.
    Trunk,
}

/// When the trunk's caller address replaces the caller's own (`docs/spec/conflicts.md`, K15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressOverride {
    /// On every call.
    Always,
    /// Only when the caller has no number of their own.
    UnassignedDid,
}

impl AddressOverride {
    /// The same in prioritized caller selection.
    pub fn as_prioritized(self) -> Vec<CallerSource> {
        match self {
            AddressOverride::Always => vec![CallerSource::Trunk],
            AddressOverride::UnassignedDid => vec![CallerSource::CallSource, CallerSource::Trunk],
        }
    }
}

/// How the number of one party is written on the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Party {
    /// Whether the `+` is left out.
    pub omit_plus: bool,
    /// E.164 or the national form.
    pub format: NumberFormat,
}

/// The form of numbers a carrier expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// `+12025550199`.
    #[default]
    E164,
    /// Numbers of the site's country without their country code, as `2025550199`; others as E.164.
    National,
}

impl Identity {
    /// The order in force, whichever way it was configured.
    pub fn caller_order(&self) -> Vec<CallerSource> {
        match self.address_override {
            Some(legacy) if self.prioritized_caller.is_empty() => legacy.as_prioritized(),
            _ if self.prioritized_caller.is_empty() => {
                vec![CallerSource::CallSource, CallerSource::Site, CallerSource::Trunk]
            }
            _ => self.prioritized_caller.clone(),
        }
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        check.distinct("identity.prioritized_caller", &self.prioritized_caller, "a source is listed twice");
        if self.address_override.is_some() && !self.prioritized_caller.is_empty() {
            let why = "prioritized caller selection replaces the address override; use one of them";
            check.problem("identity.address_override", "identity.both", why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TM-021: prioritized caller selection is an ordered list over four sources; the older setting maps onto it.
    #[test]
    fn the_order_in_force_is_one_list() {
        let new = Identity {
            prioritized_caller: vec![CallerSource::UserExtension, CallerSource::Site, CallerSource::Trunk],
            ..Identity::default()
        };
        assert_eq!(new.caller_order(), new.prioritized_caller);
        let old = |address_override| Identity { address_override, ..Identity::default() }.caller_order();
        assert_eq!(old(Some(AddressOverride::Always)), [CallerSource::Trunk]);
        assert_eq!(
            old(Some(AddressOverride::UnassignedDid)),
            [CallerSource::CallSource, CallerSource::Trunk]
        );
    }
}
