//! What an edge is told about itself; what it serves is in [`Runtime`](crate::compile::Runtime).

use std::path::PathBuf;
use std::time::Duration;

use media_rtp::sdp::TargetPolicy;
use sip_trunk::auth::{Algorithm, Secret};
use sip_trunk::endpoint::Strangers;
use sip_trunk::transport::Network;
use sip_trunk::trunk::TrunksConfig;
use sip_trunk::ua::UaConfig;

use super::recording::Recorded;
use crate::compile::Runtime;
use crate::diagnose::Machine;
use crate::group::Watch;
use crate::guard;
use crate::program::ProgramConfig;
use crate::registrar;

/// Everything an edge is configured with, beside what it was compiled from.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Listeners, timers, limits of signalling. Strangers are guarded whatever it says ([`Strangers::Guarded`]), and the peers of the
    /// trunks are added to its peers.
    pub ua: UaConfig,
    /// The digest algorithms phones are challenged with, strongest first. MD5 alone unless given: phones built on libre (baresip 1.x)
    /// give up a call when any other is offered beside it, against RFC 8760 §2.6.
    pub digest: Vec<Algorithm>,
    /// What protects it.
    pub guard: guard::Config,
    /// Proxies between phones and us that are believed where phones are ([`registrar::Config::trusted_proxies`]).
    pub trusted_proxies: Vec<Network>,
    /// Budgets of calls to the outside.
    pub fraud: guard::FraudLimits,
    /// The host in addresses we write: a domain or an address.
    pub host: String,
    /// Where call flows find their prompts, as WAV files, when that is not where the media threads look anyway.
    pub prompts: Option<PathBuf>,
    /// Which calls a program decides about.
    pub program: ProgramConfig,
    /// Which calls are recorded.
    pub recording: Recorded,
    /// Which addresses peers may name for media.
    pub targets: TargetPolicy,
    /// The port edges of a group speak to each other on, over UDP, the same on all of them; 5060.
    pub group_port: u16,
    /// What the edges of the group prove to each other with that a call is given on by one of them, the same on all of them. Without
    /// it an address is proof enough, which is right only where nobody else can send from it.
    pub group_key: Option<Secret>,
    /// How neighbours are watched.
    pub watch: Watch,
    /// The version of the software that runs.
    pub software: String,
    /// What the machine says of itself, when that is known: for the diagnosis of an edge that does not provision.
    pub machine: Option<Machine>,
    /// How long phones ring.
    pub ring: Duration,
    /// Call records held in memory while the disk cannot be written.
    pub record_bound: usize,
    /// The number of the next call record: one more than the spool's last.
    pub next_record: u64,
}

impl EdgeConfig {
    /// An edge that writes `host` into addresses, with 60 s of ringing and 10,000 records of patience.
    pub fn new(ua: UaConfig, host: impl Into<String>) -> Self {
        Self {
            ua,
            digest: vec![Algorithm::MD5],
            guard: guard::Config::default(),
            trusted_proxies: Vec::new(),
            fraud: guard::FraudLimits::default(),
            host: host.into(),
            prompts: None,
            program: ProgramConfig::default(),
            recording: Recorded::default(),
            targets: TargetPolicy::default(),
            group_port: 5060,
            group_key: None,
            watch: Watch::default(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            machine: None,
            ring: Duration::from_secs(60),
            record_bound: 10_000,
            next_record: 1,
        }
    }

    pub(super) fn ua_config(&self, runtime: &Runtime) -> UaConfig {
        let mut ua = self.ua.clone();
        ua.endpoint.strangers = Strangers::Guarded;
        ua.endpoint.peers.extend(runtime.peer_networks());
        ua
    }

    pub(super) fn guard_config(&self, runtime: &Runtime) -> guard::Config {
        let mut guard = self.guard.clone();
        guard.phones.extend(runtime.phone_networks());
        guard
    }

    pub(super) fn trunks_config(&self, runtime: &Runtime) -> TrunksConfig {
        TrunksConfig { domains: runtime.termination_domains(), own: self.ingress() }
    }

    pub(super) fn registrar_config(&self, runtime: &Runtime) -> registrar::Config {
        let own = self.ua.endpoint.listeners.iter().map(|listener| listener.local).collect();
        let mut config = registrar::Config {
            own,
            trusted_proxies: self.trusted_proxies.clone(),
            gruu_domain: self.host.clone(),
            ..registrar::Config::new(&runtime.realm)
        };
        config.digest.algorithms.clone_from(&self.digest);
        config
    }

    fn ingress(&self) -> Vec<sip_trunk::trunk::Ingress> {
        let listeners = self.ua.endpoint.listeners.iter();
        listeners.map(|l| (l.local.ip().to_string(), l.local.port())).collect()
    }
}
