//! The organization itself: what holds for all of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Check, Entity, MediaModel, Sink};
use crate::value::{Fqdn, Name, OrganizationId, Region, SiteId, TerminationId, Text};

/// Settings of the organization. There is at most one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationSettings {
    /// Identifies the organization.
    pub id: OrganizationId,
    /// Its name.
    pub name: Name,
    /// What it is.
    pub description: Option<Text>,
    /// The region it lives in.
    pub region: Region,
    /// The domain of the region, for example `mypurecloud.com`.
    pub region_domain: Fqdn,
    /// Further regions media may be handled in.
    #[serde(default)]
    pub media_regions: BTreeSet<Region>,
    /// How it reaches the telephone network.
    pub options: BTreeSet<TelephonyOption>,
    /// Whether Premises may stand beside the cloud options (`docs/spec/conflicts.md`, K12).
    #[serde(default)]
    pub hybrid: bool,
    /// Whether external trunks must use TLS (`docs/spec/conflicts.md`, K4).
    #[serde(default)]
    pub require_tls: bool,
    /// The default site: at most one, because it is named here.
    pub default_site: Option<SiteId>,
    /// The greatest round-trip time between edges of one group, in milliseconds.
    #[serde(default = "default_latency")]
    pub edge_group_latency_ms: u16,
}

const fn default_latency() -> u16 {
    10
}

/// The ways to the telephone network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TelephonyOption {
    /// The provider's own carrier service.
    GenesysCloudVoice,
    /// The customer's carrier, trunks end in the cloud media tier.
    ByocCloud,
    /// The customer's carrier, trunks end at an edge on the premises.
    ByocPremises,
}

impl TelephonyOption {
    /// All of them.
    pub const ALL: [TelephonyOption; 3] =
        [TelephonyOption::GenesysCloudVoice, TelephonyOption::ByocCloud, TelephonyOption::ByocPremises];

    /// The media model of its sites.
    pub const fn media_model(self) -> MediaModel {
        match self {
            TelephonyOption::GenesysCloudVoice | TelephonyOption::ByocCloud => MediaModel::Cloud,
            TelephonyOption::ByocPremises => MediaModel::Premises,
        }
    }

    /// The name administrators know.
    pub const fn label(self) -> &'static str {
        match self {
            TelephonyOption::GenesysCloudVoice => "Genesys Cloud Voice",
            TelephonyOption::ByocCloud => "BYOC Cloud",
            TelephonyOption::ByocPremises => "BYOC Premises",
        }
    }
}

impl OrganizationSettings {
    /// The host name calls for a trunk come in on: `<identifier>.byoc.<region domain>`.
    pub fn termination_host(&self, identifier: &TerminationId) -> String {
        format!("{identifier}.byoc.{}", self.region_domain)
    }
}

impl Entity for OrganizationSettings {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.optional("default_site", self.default_site);
    }

    fn unique_keys(&self, keys: &mut Vec<super::UniqueKey>) {
        keys.push(super::UniqueKey::TheOrganization);
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.options.is_empty() {
            check.problem("options", "organization.no_option", "give at least one telephony option");
        }
        let premises = self.options.contains(&TelephonyOption::ByocPremises);
        if premises && self.options.len() > 1 && !self.hybrid {
            check.problem(
                "hybrid",
                "organization.hybrid",
                "BYOC Premises beside a cloud option needs hybrid = true",
            );
        }
    }
}
