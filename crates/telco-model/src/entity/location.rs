//! Locations: the civic addresses of sites, phones and users.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink};
use crate::value::{CountryCode, E164, EmailAddress, LocationId, Name, Text};

/// A place with a civic address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Identifies the location.
    pub id: LocationId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The place this one is part of, for example the campus of a building.
    pub parent: Option<LocationId>,
    /// The street address; its country is the country of every site there.
    pub address: CivicAddress,
    /// Whether the address was confirmed against the emergency service's street register.
    #[serde(default)]
    pub verified: bool,
    /// Whether sites may be put here. Only such locations are offered when a site is made.
    #[serde(default)]
    pub available_for_sites: bool,
    /// The number the emergency service calls back, often an ELIN; never the emergency number itself.
    pub emergency_number: Option<E164>,
    /// Who is told when an emergency number is dialled from here (Kari's Law, 47 CFR §9.16(b)(2)).
    #[serde(default)]
    pub notify: Vec<EmailAddress>,
}

/// A civic address, in the elements of RFC 4776 and RFC 5139 people fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CivicAddress {
    /// Country.
    pub country: CountryCode,
    /// State, province or region (A1).
    pub state: Option<Text>,
    /// County or district (A2).
    pub county: Option<Text>,
    /// City (A3).
    pub city: Text,
    /// Street name with its type and direction (RD).
    pub street: Text,
    /// House number with suffix (HNO, HNS).
    pub house_number: Option<Text>,
    /// Building (BLD).
    pub building: Option<Text>,
    /// Floor (FLR).
    pub floor: Option<Text>,
    /// Suite or apartment (UNIT).
    pub unit: Option<Text>,
    /// Room (ROOM).
    pub room: Option<Text>,
    /// Anything else that helps to find the place (LOC).
    pub additional: Option<Text>,
    /// Postal code (PC).
    pub postal_code: Option<Text>,
}

impl Entity for Location {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.optional("parent", self.parent);
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.parent == Some(self.id) {
            check.problem("parent", "reference.cycle", "a location cannot be part of itself");
        }
    }
}
