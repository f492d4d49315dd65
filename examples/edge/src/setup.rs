//! From the configuration file to what the edge is started with.

use std::fs;
use std::sync::Arc;

use edge_core::compile::Runtime;
use edge_core::driver::tls::EdgeTls;
use edge_core::driver::{MediaConfig, PortPlan, Settings};
use edge_core::edge::EdgeConfig;
use edge_core::guard;
use media_rtp::driver::SocketOptions;
use media_rtp::sdp::TargetPolicy;
use sip_trunk::driver::{self, HickoryResolver, Resolver, SystemResolver};
use sip_trunk::endpoint::Listener;
use sip_trunk::transport::SocketId;
use sip_trunk::ua::UaConfig;

use crate::config::Config;

/// Everything the edge is started with.
///
/// # Errors
/// What in the configuration cannot be used.
pub(crate) fn settings(config: Config, tls: Arc<EdgeTls>) -> Result<Settings, String> {
    let section = &config.edge;
    Ok(Settings {
        config: edge(&config),
        listeners: listeners(&config),
        sockets: driver::SocketOptions::default(),
        network: driver::Settings { tls, resolver: resolver(), ..driver::Settings::default() },
        media: media(&config)?,
        spool: section.spool.clone(),
        runtime: config.runtime,
    })
}

/// The part of the settings that a reload may change.
pub(crate) fn edge(config: &Config) -> EdgeConfig {
    let section = &config.edge;
    let ua =
        UaConfig { product: concat!("telco-edge/", env!("CARGO_PKG_VERSION")).into(), ..UaConfig::default() };
    let targets =
        if section.allow_loopback { TargetPolicy::with_loopback() } else { TargetPolicy::default() };
    EdgeConfig {
        guard: guard::Config { silent: section.silent, ..guard::Config::default() },
        prompts: Some(section.prompts.clone()),
        recording: section.recorded(),
        targets,
        trusted_proxies: section.trusted_proxies.clone(),
        group_key: section.group_key.clone(),
        ..EdgeConfig::new(ua, &section.host)
    }
}

/// The name servers of this machine, with the records carriers spread their load by; its addresses alone where they are not
/// known.
fn resolver() -> Arc<dyn Resolver> {
    match HickoryResolver::from_system() {
        Ok(resolver) => Arc::new(resolver),
        Err(_) => Arc::new(SystemResolver),
    }
}

fn listeners(config: &Config) -> Vec<Listener> {
    let listener = |(number, listen): (u16, &crate::config::Listen)| {
        let advertised = listen.advertise.clone().or_else(|| Some(config.edge.host.clone()));
        Some(Listener { advertised, ..Listener::new(SocketId(number), listen.transport()?, listen.address) })
    };
    (0..).zip(&config.edge.listen).filter_map(listener).collect()
}

/// The ranges of media ports: that of the edge, and those of trunks that have their own.
///
/// # Errors
/// There is no address to bind on.
pub(crate) fn ports(config: &Config) -> Result<Vec<PortPlan>, String> {
    let section = &config.edge;
    let address = section.media.or_else(|| section.listen.first().map(|listen| listen.address.ip()));
    let address = address.ok_or("edge.listen: there is nothing to listen on")?;
    Ok(PortPlan::of_edge(&config.runtime, address, section.public_media))
}

fn media(config: &Config) -> Result<MediaConfig, String> {
    let section = &config.edge;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(MediaConfig {
        threads: section.media_threads.unwrap_or(cores).max(1),
        ports: ports(config)?,
        sockets: SocketOptions::default(),
        prompts: section.prompts.clone(),
        recordings: section.recordings.clone(),
    })
}

/// Who is trusted, and the certificate that is shown.
///
/// # Errors
/// Which file or authority cannot be used, and why.
pub(crate) fn tls(config: &Config) -> Result<EdgeTls, String> {
    let read = |path: &std::path::Path| {
        fs::read(path).map_err(|error| format!("edge.tls: {}: {error}", path.display()))
    };
    let own = match &config.edge.tls {
        Some(files) => Some((read(&files.certificate)?, read(&files.key)?)),
        None => None,
    };
    let bundles = config.edge.trust.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    tls_of(&config.runtime, own, &bundles)
}

fn tls_of(
    runtime: &Runtime,
    own: Option<(Vec<u8>, Vec<u8>)>,
    bundles: &[Vec<u8>],
) -> Result<EdgeTls, String> {
    let own = own.as_ref().map(|(certificate, key)| (certificate.as_slice(), key.as_slice()));
    EdgeTls::new(&runtime.organization, own, bundles).map_err(|error| format!("edge.tls: {error}"))
}
