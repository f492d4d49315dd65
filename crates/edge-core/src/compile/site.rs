//! Sites: how their phones dial, and where they stand.

use std::collections::BTreeSet;
use std::sync::Arc;

use numplan::SitePlan;
use telco_model::Organization;
use telco_model::entity::{CivicAddress, RoutingEngine, Site as Entity};
use telco_model::value::{CallingCode, E164, EmailAddress, LocationId, Name, SiteId, Text, ZoneName};

use super::issue::Issues;

/// A site, compiled.
#[derive(Debug)]
pub struct Site {
    /// The site in the model.
    pub id: SiteId,
    /// Its name.
    pub name: Name,
    /// Decides where what its phones dial goes; `None` when it could not be compiled, and then nothing but emergency numbers
    /// can be dialled there.
    pub plan: Option<SitePlan>,
    /// The calling code of its country, for trunks that want national numbers.
    pub country: Option<CallingCode>,
    /// The emergency numbers of its country.
    pub emergency_numbers: Vec<&'static str>,
    /// The number shown when a call has none of its own.
    pub caller_address: Option<E164>,
    /// The name shown with it.
    pub caller_name: Option<Text>,
    /// Its civil time.
    pub time_zone: ZoneName,
    /// Where it is.
    pub place: Arc<Place>,
}

/// Where somebody calls from, as an emergency call needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The location in the model.
    pub id: LocationId,
    /// Its name.
    pub name: Name,
    /// The street address.
    pub address: CivicAddress,
    /// Whether the address was confirmed against the emergency service's register.
    pub verified: bool,
    /// The number the emergency service calls back: its own, else that of the place it is part of.
    pub callback: Option<E164>,
    /// Who is told of an emergency call from here: its own list, else that of the place it is part of.
    pub notify: Vec<EmailAddress>,
}

impl Site {
    /// Whether a dialled string is an emergency number here. Asked before anything else about a call.
    pub fn is_emergency_number(&self, dialled: &str) -> bool {
        self.emergency_numbers.contains(&dialled)
    }

    pub(super) fn compile(
        organization: &Organization,
        site: &Entity,
        issues: &mut Issues<'_>,
    ) -> Option<Self> {
        let Some(place) = Place::resolve(organization, site.location) else {
            issues.error(site.id, "location", "site.no_location", "the location is not there");
            return None;
        };
        let country = organization.country_of(site.id);
        let plan = match SitePlan::compile(organization, site.id) {
            Ok(plan) => Some(plan),
            Err(fault) => {
                issues.error(site.id, "number_plans", "site.plans", fault.to_string());
                None
            }
        };
        if site.routing == RoutingEngine::DialPlan && organization.dial_plan_of(site.id).is_none() {
            issues.error(
                site.id,
                "routing",
                "site.no_dial_plan",
                "it routes by dial plan and there is none; add one",
            );
        }
        if place.callback.is_none() {
            issues.warn(
                site.id,
                "location",
                "emergency.no_callback",
                "its location has no emergency number: whoever answers an emergency call cannot call back",
            );
        }
        Some(Self {
            id: site.id,
            name: site.name.clone(),
            plan,
            country: country.and_then(|country| country.calling_code()),
            emergency_numbers: country
                .map_or_else(|| vec!["112"], |country| country.emergency_numbers().to_vec()),
            caller_address: site.caller_address,
            caller_name: site.caller_name.clone(),
            time_zone: site.time_zone.clone(),
            place: Arc::new(place),
        })
    }
}

impl Place {
    /// A location with what it inherits from the places around it; `None` when it is not there.
    pub(super) fn resolve(organization: &Organization, id: LocationId) -> Option<Self> {
        let location = organization.location(id)?;
        let mut place = Self {
            id,
            name: location.name.clone(),
            address: location.address.clone(),
            verified: location.verified,
            callback: location.emergency_number,
            notify: location.notify.clone(),
        };
        // The model refuses circles of parents; what was seen is remembered all the same.
        let mut seen = BTreeSet::from([id]);
        let mut parent = location.parent;
        while let Some(outer) = parent.filter(|id| seen.insert(*id)).and_then(|id| organization.location(id))
        {
            place.callback = place.callback.or(outer.emergency_number);
            if place.notify.is_empty() {
                place.notify.clone_from(&outer.notify);
            }
            parent = outer.parent;
        }
        Some(place)
    }
}
