//! Writing a document.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Format, VERSION, for_each_list};
use crate::{entity::*, organization::Organization, value::reveal};

/// Whether secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    /// As `***`.
    #[default]
    Redacted,
    /// As they are: for storage and for the link to an edge.
    Exposed,
}

macro_rules! document {
    ($($key:ident: $type:ident,)*) => {
        #[derive(Serialize)]
        struct Document<'o> {
            format: u64,
            #[serde(skip_serializing_if = "Option::is_none")] organization: Option<&'o OrganizationSettings>,
            $(#[serde(skip_serializing_if = "Vec::is_empty")] $key: Vec<&'o $type>,)*
            meta: BTreeMap<EntityRef, &'o Meta>,
        }
    };
}

for_each_list!(document);

impl Organization {
    /// The whole organization as a document.
    pub fn to_document(&self, format: Format, secrets: Secrets) -> String {
        let document = Document {
            format: VERSION,
            organization: self.settings(),
            divisions: self.divisions().collect(),
            roles: self.roles().collect(),
            oauth_clients: self.oauth_clients().collect(),
            locations: self.locations().collect(),
            certificate_authorities: self.certificate_authorities().collect(),
            sites: self.sites().collect(),
            trunks: self.trunks().collect(),
            trunk_groups: self.trunk_groups().collect(),
            edge_groups: self.edge_groups().collect(),
            edges: self.edges().collect(),
            did_ranges: self.did_ranges().collect(),
            outbound_routes: self.outbound_routes().collect(),
            dial_plans: self.dial_plans().collect(),
            extension_pools: self.extension_pools().collect(),
            users: self.users().collect(),
            base_settings: self.base_settings_profiles().collect(),
            phones: self.phones().collect(),
            call_flows: self.call_flows().collect(),
            inbound_routes: self.inbound_routes().collect(),
            did_assignments: self.did_assignments().collect(),
            meta: self.refs().filter_map(|target| Some((target, self.meta(target)?))).collect(),
        };
        let write = || match format {
            Format::Json => {
                serde_json::to_string_pretty(&document).expect("entities are JSON values with text keys")
            }
            Format::Toml => toml::to_string(&document).expect("entities are TOML tables"),
        };
        match secrets {
            Secrets::Redacted => write(),
            Secrets::Exposed => reveal(write),
        }
    }
}
