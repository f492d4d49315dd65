//! The office: its organization, and the edge that serves it, running.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use edge_core::cdr::CallRecord;
use edge_core::cdr::export::records;
use edge_core::compile::{Severity, compile};
use edge_core::driver::{self as edge_driver, MediaConfig, PortPlan, Running, Settings, spool};
use edge_core::edge::{EdgeConfig, Event};
use edge_core::media::PoolId;
use jiff::Timestamp;
use media_rtp::driver::SocketOptions;
use media_rtp::relay::PortRange;
use media_rtp::sdp::TargetPolicy;
use media_rtp::tone::{DEFAULT_LEVEL_DBM0, Oscillator};
use media_rtp::wav::{self, Audio};
use sip_trunk::driver;
use sip_trunk::endpoint::Listener;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::UaConfig;
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;
use tokio::sync::mpsc::Receiver;

use crate::folder;
use crate::out::say;

/// Tones that stand for the voice that says "for an extension press 2", and "dial it now".
pub(crate) const MENU: f64 = 540.0;
pub(crate) const EXTENSION: f64 = 660.0;

/// Where the peers are that the organization speaks of.
pub(crate) struct Neighbours {
    pub(crate) carrier_a: SocketAddr,
    pub(crate) carrier_b: SocketAddr,
    pub(crate) desk: SocketAddr,
}

/// A running edge with its files.
pub(crate) struct Office {
    pub(crate) organization: Organization,
    pub(crate) directory: PathBuf,
    pub(crate) running: Running,
    /// What the edge tells; the story reads it in the call records.
    pub(crate) events: Receiver<Event>,
}

/// The organization, for the peers at these addresses.
pub(crate) fn organization(peers: &Neighbours) -> Result<Organization> {
    let document = include_str!("office.toml")
        .replace("{carrier-a}", &peers.carrier_a.to_string())
        .replace("{host-a}", &peers.carrier_a.ip().to_string())
        .replace("{port-a}", &peers.carrier_a.port().to_string())
        .replace("{carrier-b}", &peers.carrier_b.to_string())
        .replace("{desk}", &peers.desk.to_string());
    // Numbers and extensions take their time to be known everywhere: this office was set up yesterday.
    let yesterday = Timestamp::now() - jiff::SignedDuration::from_hours(24);
    Organization::from_document(&document, Format::Toml, yesterday).map_err(|unread| {
        let problems: Vec<String> = unread.problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("office.toml: {}", problems.join("\n"))
    })
}

impl Office {
    /// Starts the edge at an address of this machine: on this port when it is free, else on another.
    pub(crate) fn open(organization: Organization, at: IpAddr, port: u16) -> Result<Self> {
        let directory = folder::make()?;
        for part in ["prompts", "recordings"] {
            fs::create_dir_all(directory.join(part))?;
        }
        for (name, hertz) in [("menu", MENU), ("extension", EXTENSION)] {
            prompt(&directory.join("prompts").join(name).with_extension("wav"), hertz)?;
        }
        let (runtime, issues) = compile(&organization, EdgeId::labelled("edge"));
        if let Some(error) = issues.iter().find(|issue| issue.severity == Severity::Error) {
            bail!("the organization has a fault: {error}");
        }
        let mut config = EdgeConfig::new(UaConfig::default(), at.to_string());
        config.targets = TargetPolicy::with_loopback();
        let (wanted, port) = (port, if is_free(SocketAddr::new(at, port)) { port } else { free_port(at)? });
        if wanted != 0 && port != wanted {
            say!("{wanted} is taken, so the edge listens on {port}.");
        }
        let listeners = [Transport::Udp, Transport::Tcp];
        let listener = |(id, transport)| Listener::new(SocketId(id), transport, SocketAddr::new(at, port));
        let first = free_port(at)? & !1;
        let range = PortRange::new(first.min(65_000), first.min(65_000) + 400)?;
        let settings = Settings {
            config,
            runtime,
            listeners: (0..).zip(listeners).map(listener).collect(),
            sockets: driver::SocketOptions::default(),
            network: driver::Settings::default(),
            media: MediaConfig {
                threads: 1,
                ports: vec![PortPlan { id: PoolId(0), bind: at, advertised: None, range, most: 40 }],
                sockets: SocketOptions::default(),
                prompts: directory.join("prompts"),
                recordings: directory.join("recordings"),
            },
            spool: directory.join("spool"),
        };
        let (running, events) = edge_driver::start(settings).context("the edge does not start")?;
        Ok(Self { organization, directory, running, events })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let listener = self.running.listeners().first();
        listener.map_or(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 5060), |listener| listener.local)
    }

    /// The call records, once every call is over and its record on the disk.
    pub(crate) async fn records(&self) -> Result<Vec<CallRecord>> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.running.handle().call(|edge, _| edge.status()).await?;
            if status.calls == 0 && status.records_waiting == 0 {
                let (records, read) = records(&spool::read(&self.directory.join("spool"))?);
                anyhow::ensure!(read.skipped == 0, "{} records in the spool are damaged", read.skipped);
                return Ok(records);
            }
            anyhow::ensure!(Instant::now() < end, "{} calls do not end", status.calls);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn is_free(at: SocketAddr) -> bool {
    at.port() != 0 && std::net::UdpSocket::bind(at).is_ok() && std::net::TcpListener::bind(at).is_ok()
}

/// A port that is free for datagrams and connections.
fn free_port(at: IpAddr) -> Result<u16> {
    for _ in 0..100 {
        let port = std::net::UdpSocket::bind((at, 0))?.local_addr()?.port();
        if is_free(SocketAddr::new(at, port)) {
            return Ok(port);
        }
    }
    bail!("no free port on {at}")
}

/// A second of a tone.
fn prompt(path: &std::path::Path, hertz: f64) -> Result<()> {
    let mut tone = Oscillator::new(hertz, 8000, DEFAULT_LEVEL_DBM0);
    let samples = (0..8000).map(|_| tone.sample() as i16).collect();
    Ok(wav::write(&Audio { rate: 8000, channels: 1, samples }, File::create(path)?)?)
}
