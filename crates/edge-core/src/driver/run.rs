//! One edge, running: one task owns it, the rest of the program reaches it through a handle.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use media_rtp::driver::DriverStats;
use media_rtp::sdp::TargetPolicy;
use sip_trunk::driver::{self, Driver, Handle, SocketOptions, Sockets, system_seed};
use sip_trunk::endpoint::Listener;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{Limits, UaConfig};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::media::MediaDriver;
use super::sockets::PortPlan;
use super::spool::{Spool, Stored};
use crate::cdr::{Store, StoreFault};
use crate::compile::Runtime;
use crate::edge::{Edge, EdgeConfig, Event, Input, Status};
use crate::media::{MediaCommand, MediaEvent, MediaPorts, Pool};
use crate::program::ProgramEvent;

/// What an edge is started with.
#[derive(Debug)]
pub struct Settings {
    /// How it behaves. Listeners and the number of the next record are filled in.
    pub config: EdgeConfig,
    /// What it serves.
    pub runtime: Runtime,
    /// Where it listens; port 0 takes a free one.
    pub listeners: Vec<Listener>,
    /// How those sockets are opened.
    pub sockets: SocketOptions,
    /// TLS, names, and the bounds of queues.
    pub network: driver::Settings,
    /// Media threads, ports, files.
    pub media: MediaConfig,
    /// The directory of the call records.
    pub spool: PathBuf,
}

/// How media is run.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// Media threads.
    pub threads: usize,
    /// The ports to bind.
    pub ports: Vec<PortPlan>,
    /// Class of service and buffers of the sockets.
    pub sockets: media_rtp::driver::SocketOptions,
    /// Where prompts are that commands name without a directory.
    pub prompts: PathBuf,
    /// Where recordings go that commands name without a directory.
    pub recordings: PathBuf,
}

impl Settings {
    /// An edge at one UDP address, with its files below one directory: call records in `records`, beside `prompts` and `recordings`.
    /// Media has one thread, and as many ports of the edge's range as its capacity needs. On a loopback address peers may name such
    /// addresses too. Sessions, two to a call, are bounded to 40,000 alive and as many that linger: with the transactions of
    /// 2,000 calls a second ([`transaction::Limits`](sip_trunk::transaction::Limits)) that is at most 350 MB.
    #[must_use]
    pub fn new(runtime: Runtime, address: SocketAddr, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let limits = Limits { sessions: 40_000, ..Limits::default() };
        let ua = UaConfig { limits, ..UaConfig::default() };
        let mut config = EdgeConfig::new(ua, address.ip().to_string());
        if address.ip().is_loopback() {
            config.targets = TargetPolicy::with_loopback();
        }
        let media = MediaConfig {
            threads: 1,
            ports: PortPlan::of_edge(&runtime, address.ip(), None),
            sockets: media_rtp::driver::SocketOptions::default(),
            prompts: directory.join("prompts"),
            recordings: directory.join("recordings"),
        };
        Self {
            config,
            runtime,
            listeners: vec![Listener::new(SocketId(0), Transport::Udp, address)],
            sockets: SocketOptions::default(),
            network: driver::Settings::default(),
            media,
            spool: directory.join("records"),
        }
    }
}

/// Why an edge does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener cannot be bound.
    #[error("cannot listen on {0}")]
    Listen(#[source] io::Error),
    /// Media has no ports or threads.
    #[error("media cannot start: {0}")]
    Media(#[source] io::Error),
    /// The spool cannot be opened.
    #[error("the call records in {} cannot be opened: {error}", .directory.display())]
    Spool {
        /// Its directory.
        directory: PathBuf,
        /// What the operating system says; [`io::ErrorKind::WouldBlock`] when another edge has it.
        #[source]
        error: io::Error,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no random numbers: {0}")]
    Random(#[source] io::Error),
}

/// Why an edge does not take other ranges of media ports.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PortsError {
    /// It gave no answer.
    #[error(transparent)]
    Unanswered(#[from] driver::Unanswered),
    /// No port of a range can be bound.
    #[error("media ports cannot be bound: {0}")]
    Bind(#[source] io::Error),
}

/// Ranges of ports to go over to, and whom to tell what was bound.
struct Replan {
    ports: Vec<PortPlan>,
    done: oneshot::Sender<io::Result<Vec<Pool>>>,
}

/// A running edge. Dropping it ends the edge at once; [`Self::stop`] ends it in order.
pub struct Running {
    handle: Handle<Edge>,
    listeners: Vec<Listener>,
    lost: Arc<AtomicU64>,
    media: watch::Receiver<DriverStats>,
    replans: mpsc::Sender<Replan>,
    tasks: JoinSet<()>,
    /// A program is there for calls.
    serves: bool,
}

/// Events that may wait for the program; further ones are dropped and counted.
const EVENTS: usize = 4096;

/// How often the wall clock is looked at, so that stamps follow a clock that was set.
const CLOCK: Duration = Duration::from_secs(10);

/// How long the last records may take to reach the disk when the edge ends.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// How often it is looked whether they have, and whether calls are over.
const LOOK: Duration = Duration::from_millis(50);

/// How often ending all calls is tried when it panics.
const FAULTS: usize = 64;

/// Starts an edge. Its events, but for those the driver serves itself, come out of the receiver.
///
/// # Errors
/// [`StartError`]. Must be called inside a tokio runtime.
pub fn start(settings: Settings) -> Result<(Running, mpsc::Receiver<Event>), StartError> {
    launch(settings, None)
}

/// Starts an edge whose calls go to `program`; without one, offers are events like others.
pub(super) fn launch(
    settings: Settings,
    program: Option<mpsc::UnboundedSender<ProgramEvent>>,
) -> Result<(Running, mpsc::Receiver<Event>), StartError> {
    let Settings { mut config, runtime, listeners, sockets, network, media, spool: directory } = settings;
    let serves = program.is_some();
    if serves {
        config.program.serve();
    }
    let sockets = Sockets::bind(listeners, sockets).map_err(StartError::Listen)?;
    let listeners = sockets.listeners().to_vec();
    let seed = system_seed().map_err(StartError::Random)?;
    let for_media = |purpose| media_rtp::Seed(seed.derive(purpose).0);
    let (media, pools) = MediaDriver::start(media, for_media("media")).map_err(StartError::Media)?;
    let ports = MediaPorts::new(pools, &for_media("media ports"));
    let unopened = |error| StartError::Spool { directory: directory.clone(), error };
    let (spool, found) = Spool::open(&directory).map_err(unopened)?;
    let (lines, stored) = spool.start().map_err(unopened)?;
    config.ua.endpoint.listeners.clone_from(&listeners);
    config.next_record = found.last.map_or(1, |last| last + 1);

    let (commands, queue) = mpsc::unbounded_channel();
    let (news, events) = mpsc::channel(EVENTS);
    let lost = Arc::new(AtomicU64::new(0));
    let edge = Edge::new(config, runtime, ports, seed.derive("edge"), Timestamp::now(), Instant::now());
    let outlets = Outlets { commands, lines, news, program, lost: Arc::clone(&lost) };
    let (driver, handle) =
        Driver::with_handler(edge, sockets, network, move |event, edge, now| outlets.put(event, edge, now));

    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(driver.run().await) });
    let (counts, media_stats) = watch::channel(DriverStats::default());
    let (replans, plans) = mpsc::channel(1);
    tasks.spawn(run_media(media, queue, plans, handle.clone(), counts));
    tasks.spawn(report_stored(stored, handle.clone()));
    tasks.spawn(watch_clock(handle.clone()));
    Ok((Running { handle, listeners, lost, media: media_stats, replans, tasks, serves }, events))
}

impl Running {
    /// Reaches the edge from anywhere.
    #[must_use]
    pub fn handle(&self) -> &Handle<Edge> {
        &self.handle
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Where it listens, with the ports that were really bound.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Events nobody took in time.
    #[must_use]
    pub fn lost_events(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The same for who looks at it when the edge may be ending.
    pub fn loss_meter(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let lost = Arc::clone(&self.lost);
        move || lost.load(Ordering::Relaxed)
    }

    /// What the media threads have done, a second ago at most.
    #[must_use]
    pub fn media(&self) -> watch::Receiver<DriverStats> {
        self.media.clone()
    }

    /// Takes a new configuration; listeners stay those that are open.
    ///
    /// # Errors
    /// [`driver::Unanswered`]; when the edge has [panicked](driver::Unanswered::Panicked) at it, a part may be taken over: apply one that is
    /// known to be good.
    pub async fn apply(&self, mut config: EdgeConfig, runtime: Runtime) -> Result<(), driver::Unanswered> {
        config.ua.endpoint.listeners.clone_from(&self.listeners);
        if self.serves {
            config.program.serve();
        }
        self.handle.call(move |edge, now| edge.apply(config, runtime, now)).await
    }

    /// Goes over to these ranges of media ports; running calls keep theirs until they end. Before [`Self::apply`] of a runtime that
    /// has other ranges.
    ///
    /// # Errors
    /// [`PortsError`]; the edge goes on with the ranges it has.
    pub async fn apply_ports(&self, ports: Vec<PortPlan>) -> Result<(), PortsError> {
        let (done, bound) = oneshot::channel();
        self.replans.send(Replan { ports, done }).await.map_err(|_| driver::Unanswered::Stopped)?;
        let pools = bound.await.map_err(|_| driver::Unanswered::Stopped)?.map_err(PortsError::Bind)?;
        Ok(self.handle.call(move |edge, now| edge.apply_ports(pools, now)).await?)
    }

    /// Takes no new calls, and waits until there are none, for at most so long.
    ///
    /// # Errors
    /// [`driver::Unanswered`].
    pub async fn drain(&self, patience: Duration) -> Result<Status, driver::Unanswered> {
        self.handle.call(move |edge, now| edge.drain(patience, now)).await?;
        self.wait(patience, |status| status.calls == 0).await
    }

    /// Ends all calls, lets their records reach the disk, and stops.
    pub async fn stop(mut self) {
        // A call that cannot be ended is given up; the next time it is not there.
        for _ in 0..FAULTS {
            if self.handle.call(|edge, now| edge.end_all(now)).await != Err(driver::Unanswered::Panicked) {
                break;
            }
        }
        self.wait_for_records().await;
        self.handle.stop().await;
        // The first task to end is the driver's.
        self.tasks.join_next().await;
        self.tasks.shutdown().await;
    }

    /// Lets the last records reach the disk, which is tried again and again; what does not, the log has.
    async fn wait_for_records(&self) {
        let end = Instant::now() + LAST_RECORDS;
        loop {
            let told = self.handle.call(|edge, now| {
                edge.store_now(now);
                edge.status()
            });
            match told.await {
                Ok(status) if status.calls == 0 && status.records_waiting == 0 => return,
                Ok(_) | Err(driver::Unanswered::Panicked) => {}
                Err(driver::Unanswered::Stopped) => return,
            }
            if Instant::now() >= end {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let left = self.handle.call(|edge, _| edge.unstored()).await.unwrap_or_default();
        left.iter().for_each(|record| tracing::error!("call record not written: {record}"));
    }

    async fn wait(
        &self,
        patience: Duration,
        done: impl Fn(&Status) -> bool,
    ) -> Result<Status, driver::Unanswered> {
        let end = Instant::now() + patience;
        loop {
            let status = self.handle.call(|edge, _| edge.status()).await?;
            if done(&status) || Instant::now() >= end {
                return Ok(status);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Where the edge's events go.
struct Outlets {
    /// The media task is never behind for long: it waits for nothing but this.
    commands: mpsc::UnboundedSender<MediaCommand>,
    lines: SyncSender<Store>,
    program: Option<mpsc::UnboundedSender<ProgramEvent>>,
    news: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

impl Outlets {
    fn put(&self, event: Event, edge: &mut Edge, now: Instant) {
        match event {
            Event::Media(command) => {
                // Only a driver that is being torn down has no media task.
                let _ = self.commands.send(command);
            }
            Event::Store(store) => {
                let sequence = store.sequence;
                if self.lines.try_send(store).is_err() {
                    edge.handle_input(Input::StoreFailed(sequence, StoreFault::Unwritable), now);
                }
            }
            Event::Program(event) => match &self.program {
                // The programs end with the edge, not before it.
                Some(program) => drop(program.send(event)),
                None => self.tell(Event::Program(event)),
            },
            Event::Records(_)
            | Event::CallEnded(_)
            | Event::Registrar(_)
            | Event::Trunk(_)
            | Event::Group(_)
            | Event::Security(_) => self.tell(event),
        }
    }

    fn tell(&self, event: Event) {
        if self.news.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn run_media(
    mut media: MediaDriver,
    mut commands: mpsc::UnboundedReceiver<MediaCommand>,
    mut plans: mpsc::Receiver<Replan>,
    edge: Handle<Edge>,
    counts: watch::Sender<DriverStats>,
) {
    let mut count = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = count.tick() => drop(counts.send_replace(media.stats())),
            command = commands.recv() => match command {
                // All there is: one call has several for one message.
                Some(command) => {
                    let more = std::iter::from_fn(|| commands.try_recv().ok());
                    media.handle(std::iter::once(command).chain(more));
                }
                None => return,
            },
            Some(Replan { ports, done }) = plans.recv() => drop(done.send(media.apply(&ports))),
            (call, events) = media.events() => {
                if !bring_all(&edge, events).await {
                    let _ = edge.call(move |edge, now| edge.recover_media(call, now)).await;
                }
                if edge.has_ended() {
                    return;
                }
            }
        }
    }
}

async fn report_stored(mut stored: mpsc::UnboundedReceiver<Stored>, edge: Handle<Edge>) {
    while let Some(Stored { sequence, result }) = stored.recv().await {
        let input = match result {
            Ok(()) => Input::Stored(sequence),
            Err(fault) => Input::StoreFailed(sequence, fault),
        };
        if !bring(&edge, input).await && edge.has_ended() {
            return;
        }
    }
}

/// Brings the edge an input; false when it has ended, or has panicked at it.
async fn bring(edge: &Handle<Edge>, input: Input) -> bool {
    edge.call(move |edge, now| edge.handle_input(input, now)).await.is_ok()
}

/// Brings the edge what the media of one call tells; false when it has ended, or has panicked at it.
async fn bring_all(edge: &Handle<Edge>, events: Vec<MediaEvent>) -> bool {
    let bring = move |edge: &mut Edge, now| {
        events.into_iter().for_each(|event| edge.handle_input(Input::Media(event), now));
    };
    edge.call(bring).await.is_ok()
}

async fn watch_clock(edge: Handle<Edge>) {
    loop {
        tokio::time::sleep(CLOCK).await;
        if !bring(&edge, Input::Clock(Timestamp::now())).await && edge.has_ended() {
            return;
        }
    }
}
