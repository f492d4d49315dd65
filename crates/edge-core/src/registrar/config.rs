//! What a registrar is told about itself.

use std::net::{IpAddr, SocketAddr};

use sip_trunk::auth::ServerConfig;
use sip_trunk::transport::Network;

/// Everything a registrar is configured with, beside its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How requests are authenticated; the realm stands here.
    pub digest: ServerConfig,
    /// Hosts that are ours, lower case: domains, advertised names, addresses. Requests for other hosts are refused; empty takes
    /// any.
    pub domains: Vec<String>,
    /// Our own addresses; a contact there would be a loop.
    pub own: Vec<SocketAddr>,
    /// Proxies between phones and us whose Path decides where calls go (RFC 3327 §6.1). Nobody else sends a call anywhere but to where
    /// its registration came from; empty unless given.
    pub trusted_proxies: Vec<Network>,
    /// The domain written into GRUUs.
    pub gruu_domain: String,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds of a registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Shorter registrations are refused with 423; 60 s.
    pub min_expires: u32,
    /// Longer ones are cut; 3,600 s.
    pub max_expires: u32,
    /// For requests that name no time; 600 s.
    pub default_expires: u32,
    /// Contacts of one address of record; 10.
    pub contacts_per_aor: usize,
    /// Contacts in all; 100,000.
    pub contacts: usize,
    /// What a client on an outbound flow is told to keep it alive within (RFC 5626 §5.4), in seconds; 120.
    pub flow_timer: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_expires: 60,
            max_expires: 3600,
            default_expires: 600,
            contacts_per_aor: 10,
            contacts: 100_000,
            flow_timer: 120,
        }
    }
}

impl Config {
    /// A registrar for one realm that takes requests for any host.
    pub fn new(realm: &str) -> Self {
        Self {
            digest: ServerConfig { realm: realm.into(), ..ServerConfig::default() },
            domains: Vec::new(),
            own: Vec::new(),
            trusted_proxies: Vec::new(),
            gruu_domain: realm.into(),
            limits: Limits::default(),
        }
    }

    pub(super) fn trusts(&self, proxy: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(proxy))
    }
}
