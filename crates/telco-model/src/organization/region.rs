//! What must be unique among the organizations of a region.

use std::collections::BTreeMap;

use super::Organization;
use crate::{
    entity::Problem,
    value::{OrganizationId, Region, TerminationId},
};

/// The inbound SIP termination identifiers of all organizations of all regions. Whoever keeps several organizations
/// keeps one of these beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionDirectory {
    claims: BTreeMap<(Region, TerminationId), OrganizationId>,
}

impl RegionDirectory {
    /// Takes over what an organization uses now, in place of what it used before.
    ///
    /// # Errors
    /// Every identifier another organization of the region has; nothing is taken over then.
    pub fn admit(&mut self, organization: &Organization) -> Result<(), Vec<Problem>> {
        let Some(settings) = organization.settings() else { return Ok(()) };
        let mut wanted = Vec::new();
        let mut problems = Vec::new();
        for trunk in organization.trunks() {
            let Some(termination) = &trunk.termination else { continue };
            let claim = (settings.region.clone(), termination.clone());
            if self.claims.get(&claim).is_some_and(|owner| *owner != settings.id) {
                let message = format!(
                    "termination identifier {termination} is used by another organization of the region"
                );
                problems.push(Problem::new(
                    format!("trunk/{}.termination", trunk.id),
                    "unique.taken",
                    message,
                ));
            }
            wanted.push(claim);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.claims.retain(|_, owner| *owner != settings.id);
        self.claims.extend(wanted.into_iter().map(|claim| (claim, settings.id)));
        Ok(())
    }

    /// The organization and region a termination identifier leads to.
    pub fn owner(&self, region: &Region, termination: &TerminationId) -> Option<OrganizationId> {
        self.claims.get(&(region.clone(), termination.clone())).copied()
    }
}
