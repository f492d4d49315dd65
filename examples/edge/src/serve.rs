//! Running an edge: signals, reloads, the log.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge_core::driver::tls::EdgeTls;
use edge_core::driver::{self, Running};
use edge_core::edge::Event;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Config, Section};
use crate::news::Counts;
use crate::{diagnoses, log, metrics, setup};

/// Runs an edge until it is told to stop.
///
/// # Errors
/// Why it cannot start.
pub(crate) fn run(config: Config, path: Option<PathBuf>) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.edge.log).map_err(|error| format!("edge.log: {error}"))?;
    log::start(filter);
    driver::raise_file_limit();
    // One task owns the edge: with one thread for it and what it works with, nothing in a call wakes another processor. Log and metrics
    // are on the main thread, media on threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(serve(config, path))
}

async fn serve(config: Config, path: Option<PathBuf>) -> Result<(), String> {
    config.issues.iter().for_each(|issue| warn!("{issue}"));
    let (metrics, drain) = (config.edge.metrics, config.edge.drain());
    let name = config.runtime.edge.as_ref().map(|edge| edge.name.to_string()).unwrap_or_default();
    let (started, tls) = (config.edge.clone(), Arc::new(setup::tls(&config)?));
    // Before anybody can send one: SIGHUP ends a program that does not listen for it.
    let mut signals = Signals::new().map_err(|error| error.to_string())?;
    let settings = setup::settings(config, Arc::clone(&tls))?;
    let (running, events) = driver::start(settings).map_err(|error| explain(&error))?;
    let edge = Started { running, section: started, tls };
    let running = &edge.running;
    let counts = Arc::new(Mutex::new(Counts::default()));
    let numbers = metrics::Sources {
        edge: running.handle().clone(),
        media: running.media(),
        counts: Arc::clone(&counts),
        lost: Arc::new(running.loss_meter()),
    };
    for listener in running.listeners() {
        info!("{name} listens on {} {}", listener.transport, listener.local);
    }
    // Log and metrics go on until the last call has ended.
    let mut log = pin!(follow(events, &counts));
    let watched = running.handle().clone();
    let mut beside =
        pin!(async { tokio::join!(diagnoses::watch(watched, &counts), serve_metrics(metrics, numbers)) });
    tokio::select! {
        () = &mut log => return Err("the edge has ended by itself".into()),
        _ = &mut beside => {}
        () = obey(&mut signals, &edge, path.as_deref()) => {}
    }
    info!("no new calls from now on; waiting for the running ones, Ctrl-C ends them");
    let end = async {
        tokio::select! {
            _ = edge.running.drain(drain) => {}
            () = signals.stop() => info!("ending the calls that are left"),
        }
        edge.running.stop().await;
    };
    // The log ends with the edge; what that told last is in it.
    tokio::select! {
        _ = async { tokio::join!(end, log) } => {}
        _ = beside => {}
    }
    info!("stopped");
    Ok(())
}

/// Events written to the log in one go.
const AT_ONCE: usize = 4096;

/// How long events wait for those before them.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes what the edge tells to the log, until the edge has ended.
async fn follow(mut events: mpsc::Receiver<Event>, counts: &Mutex<Counts>) {
    let mut told = Vec::new();
    while events.recv_many(&mut told, AT_ONCE).await > 0 {
        {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            told.drain(..).for_each(|event| counts.take(&event, Timestamp::now()));
        }
        // A busy edge wakes this thread for many events, not for each.
        tokio::time::sleep(PAUSE).await;
    }
}

/// Serves metrics; a port that is taken is no reason to take no calls.
async fn serve_metrics(address: Option<std::net::SocketAddr>, sources: metrics::Sources) {
    if let Some(address) = address {
        info!("metrics on http://{address}/metrics");
        if let Err(problem) = metrics::serve(address, sources).await {
            error!("no metrics on {address}: {problem}");
        }
    }
    std::future::pending().await
}

/// Reads the configuration again when told to, until told to stop.
async fn obey(signals: &mut Signals, edge: &Started, path: Option<&Path>) {
    while signals.next().await == Told::Reload {
        edge.reload(path).await;
    }
}

/// An edge, and what it was started with.
struct Started {
    running: Running,
    section: Section,
    tls: Arc<EdgeTls>,
}

impl Started {
    async fn reload(&self, path: Option<&Path>) {
        match self.take_over(path).await {
            Ok(()) => info!(
                "the configuration was taken over; running calls keep their way, their trunks and their ports"
            ),
            Err(problems) => {
                problems.iter().for_each(|problem| error!("{problem}"));
                error!("the configuration was not taken over; the edge goes on with the last one");
            }
        }
    }

    /// Takes a whole configuration over, or nothing of it: everything that can go wrong comes first.
    async fn take_over(&self, path: Option<&Path>) -> Result<(), Vec<String>> {
        let mut config = config::load(path, Timestamp::now())?;
        config.issues.iter().for_each(|issue| warn!("{issue}"));
        for setting in self.section.awaiting_restart(&config.edge) {
            warn!("edge.{setting} has changed: that takes effect with the next start");
        }
        config.edge.stays(&self.section).map_err(|problem| vec![problem])?;
        let tls = setup::tls(&config).map_err(|problem| vec![problem])?;
        let ports = setup::ports(&config).map_err(|problem| vec![problem])?;
        self.running.apply_ports(ports).await.map_err(|error| vec![explain(&error)])?;
        let applied = self.running.apply(setup::edge(&config), config.runtime).await;
        applied.map_err(|error| vec![format!("{error}; a part of the configuration may be in force")])?;
        self.tls.replace(&tls);
        Ok(())
    }
}

/// What the operating system may tell.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.reload.recv() => Told::Reload,
        }
    }

    /// Waits until it is told to stop, whatever else it is told.
    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Stop,
    Reload,
}

/// An error with its causes.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
