//! Emergency calling: location lookup, and the proof that a carrier handles emergency calls.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::value::{Secret, ShortRange, Text};

/// HELD (RFC 5985) settings of a trunk or of phone base settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSettings {
    /// The location information server, an `https` URL.
    pub lis_url: Text,
    /// The account with the emergency routing service, or its token.
    pub account: Option<Secret<String>>,
}

impl HeldSettings {
    pub(super) fn check(&self, at: &str, check: &mut super::Check<'_>) {
        if !self.lis_url.as_str().starts_with("https://") {
            check.problem(&format!("{at}.lis_url"), "held.url", "the location server must be an https URL");
        }
    }
}

/// The record that a carrier confirmed it handles emergency calls for the trunk's numbers and locations
/// (`docs/spec/conflicts.md`, K7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyCarrier {
    /// Who confirmed it, at the carrier or emergency service provider.
    pub confirmed_by: Text,
    /// When.
    pub confirmed: Timestamp,
    /// The reference: contract, ticket or certificate.
    pub reference: Option<Text>,
    /// The numbers it was confirmed for; empty means every emergency number.
    #[serde(default)]
    pub numbers: Vec<ShortRange>,
}

impl EmergencyCarrier {
    /// Whether it was confirmed for the number.
    pub fn covers(&self, digits: &str) -> bool {
        self.numbers.is_empty() || self.numbers.iter().any(|range| range.contains(digits))
    }
}
