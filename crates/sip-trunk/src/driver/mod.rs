//! Sockets, TLS, WebSocket and names around any [`Engine`], on tokio.
//!
//! ```text
//!  UDP sockets ───────────────► ┌────────────────────────┐ ──► datagrams, in the order the engine said
//!  a task per connection ─────► │ one task owns the      │ ──► a bounded outbox per connection
//!  accepts, names ────────────► │ engine by value        │ ──► events: a bounded channel, or a function called in place
//!  Handle::call(|engine| …) ──► └────────────────────────┘
//! ```
//!
//! Open [`Sockets`] first: the engine's configuration needs the addresses that were really bound. Then give both to a
//! [`Driver`], run it in a task, and reach the engine through its [`Handle`]:
//!
//! ```
//! use sip_trunk::Seed;
//! use sip_trunk::driver::{Driver, Settings, SocketOptions, Sockets};
//! use sip_trunk::endpoint::{Destination, Endpoint, EndpointConfig, Event, Listener, Outgoing};
//! use sip_trunk::msg::{Draft, HeaderName, Method};
//! use sip_trunk::transport::{SocketId, Transport};
//!
//! # fn draft() -> Draft {
//! #     Draft::request(&Method::Options, "sip:127.0.0.1").header(HeaderName::MaxForwards, "70").header(HeaderName::From, "<sip:a@b>;tag=1")
//! #         .header(HeaderName::To, "<sip:a@b>").header(HeaderName::CallId, "1").header(HeaderName::CSeq, "1 OPTIONS")
//! # }
//! # #[allow(clippy::disallowed_methods)]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = Listener::new(SocketId(0), Transport::Udp, "127.0.0.1:0".parse()?);
//! let sockets = Sockets::bind(vec![listener], SocketOptions::default())?;
//! let ourselves = format!("sip:{}", sockets.listeners()[0].local);
//! let config = EndpointConfig { listeners: sockets.listeners().to_vec(), ..EndpointConfig::default() };
//! let endpoint = Endpoint::new(config, Seed([7; 32]), std::time::Instant::now());
//!
//! let (driver, handle, mut events) = Driver::new(endpoint, sockets, Settings::default());
//! tokio::spawn(driver.run());
//! let sent = handle.call(|endpoint, now| endpoint.request(Outgoing::new(draft(), Destination::Uri(ourselves)), now)).await?;
//! assert!(sent.is_ok());
//! assert!(matches!(events.recv().await, Some(Event::Request { .. })));
//! # Ok(()) }
//! ```
//!
//! | when it is full | what happens |
//! |---|---|
//! | events to the user | nothing more is read from the network until the user catches up; commands go on |
//! | an outbox | the connection is closed as [`CloseCause::Congested`] |
//! | commands | [`Handle::call`] waits, [`Handle::post`] gives the command back as an error |
//! | a socket's send buffer | the datagram is dropped and counted; SIP repeats it |
//!
//! A panic in the engine, in a command, a handler, the resolver or the TLS configuration ends what it happened in and nothing else; the
//! engine is told ([`Engine::recover`]), and the log says so in one line with `code="PANIC"`.

#![allow(clippy::disallowed_methods, reason = "the driver is where the clock is read and tasks are started")]

mod connection;
mod events;
mod facade;
mod handle;
mod isolation;
mod resolver;
mod seed;
mod sockets;
mod tls;
mod udp;
mod websocket;

pub use events::Events;
pub use facade::{Call, CallError, CommandError, ConnectError, Connection, IncomingCall, Trunk};
pub use handle::{Handle, PostError, Stopped, Unanswered};
#[cfg(feature = "hickory")]
pub use resolver::HickoryResolver;
pub use resolver::{Lookup, Resolver, SystemResolver};
pub use seed::system_seed;
pub use sockets::{SocketOptions, Sockets};
pub use tls::{Explain, Handshake, Tls, TlsConfigs};

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::endpoint::{CloseCause, Input, Io, Output};
use crate::locate::ResolveError;
use crate::transport::{ConnectionId, SocketId, Transport};
use crate::{During, Engine, Fault};
use connection::{Near, Origin, Shared};
use events::Deliver;
use handle::Command;
use udp::Receiver;

/// How a driver works. All of it may stay as it is for UDP and TCP.
#[derive(Clone)]
pub struct Settings {
    /// TLS configurations; connections that need one fail without.
    pub tls: Arc<dyn Tls>,
    /// Who answers questions to DNS.
    pub resolver: Arc<dyn Resolver>,
    /// Events that may wait for the user; 1,024.
    pub events: usize,
    /// Commands that may wait for the engine; 1,024.
    pub commands: usize,
    /// Messages that may wait for one connection; 256.
    pub outbox: usize,
    /// Bytes of a WebSocket message beyond which the connection ends; 65,536.
    pub largest_message: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tls: Arc::new(TlsConfigs::new()),
            resolver: Arc::new(SystemResolver),
            events: 1024,
            commands: 1024,
            outbox: 256,
            largest_message: 64 * 1024,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("events", &self.events)
            .field("commands", &self.commands)
            .finish_non_exhaustive()
    }
}

/// News of the network other than datagrams.
enum News {
    Accepted {
        listener: SocketId,
        transport: Transport,
        stream: TcpStream,
        remote: SocketAddr,
    },
    Input(Input),
    /// A task of the driver has failed.
    Fault(Fault),
}

/// The far end of a connection's task.
struct Far {
    outbox: mpsc::Sender<Bytes>,
    /// Dropped to tell the task that the engine has closed the connection.
    _alive: oneshot::Sender<()>,
}

/// An engine with its sockets. Everything happens while [`run`](Self::run) runs.
pub struct Driver<E: Engine> {
    engine: E,
    sockets: Sockets,
    settings: Settings,
    shared: Arc<Shared>,
    news: mpsc::Receiver<News>,
    commands: mpsc::Receiver<Command<E>>,
    events: Deliver<E>,
    connections: BTreeMap<ConnectionId, Far>,
    accepted: u64,
    tasks: JoinSet<()>,
    receiver: Receiver,
    /// The UDP socket read last.
    last_read: usize,
    batch: Vec<(SocketAddr, Bytes)>,
    /// A timer has panicked: none is looked at before then.
    rest_until: Option<Instant>,
}

impl<E: Engine> fmt::Debug for Driver<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

/// News taken in one go, so that none of them keeps datagrams waiting.
const NEWS_AT_ONCE: usize = 64;
/// How long connections may take to send what was written when the driver ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long timers rest after one of them has panicked: it may be due again at once.
const REST: Duration = Duration::from_millis(100);
/// How often outputs are gone on with in one go after one of them has panicked.
const ATTEMPTS: usize = 64;

impl<E: Engine> Driver<E> {
    /// A driver whose events go to a channel.
    pub fn new(engine: E, sockets: Sockets, settings: Settings) -> (Self, Handle<E>, Events<E::Event>) {
        let (sender, events) = events::channel(settings.events);
        let (driver, handle) = Self::build(engine, sockets, settings, sender);
        (driver, handle, events)
    }

    /// A driver that calls `handler` for each event, in its own task and with the engine at hand: no hop and no
    /// queue. The handler must not block.
    pub fn with_handler(
        engine: E,
        sockets: Sockets,
        settings: Settings,
        handler: impl FnMut(E::Event, &mut E, Instant) + Send + 'static,
    ) -> (Self, Handle<E>) {
        Self::build(engine, sockets, settings, Deliver::Handler(Box::new(handler)))
    }

    fn build(engine: E, sockets: Sockets, settings: Settings, events: Deliver<E>) -> (Self, Handle<E>) {
        let (sender, news) = mpsc::channel(1024);
        let (handle, commands) = handle::channel(settings.commands);
        let shared = Arc::new(Shared {
            tls: settings.tls.clone(),
            options: sockets.options,
            largest_message: settings.largest_message,
            news: sender,
        });
        let driver = Self {
            engine,
            sockets,
            settings,
            shared,
            news,
            commands,
            events,
            connections: BTreeMap::new(),
            accepted: 0,
            tasks: JoinSet::new(),
            receiver: Receiver::new(),
            last_read: 0,
            batch: Vec::new(),
            rest_until: None,
        };
        (driver, handle)
    }

    /// Runs until every [`Handle`] is dropped or one says [`stop`](Handle::stop); gives the engine back.
    pub async fn run(mut self) -> E {
        for (listener, transport, socket) in std::mem::take(&mut self.sockets.tcp) {
            self.tasks.spawn(accept(listener, transport, socket, self.shared.news.clone()));
        }
        let mut alarm = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        udp::writable(&self.sockets.udp).await;
        self.settle(Instant::now());
        loop {
            let listens = self.events.has_room();
            let due = self.due().map(tokio::time::Instant::from_std);
            if let Some(at) = due.filter(|at| *at != alarm.deadline()) {
                alarm.as_mut().reset(at);
            }
            let wake = tokio::select! {
                biased;
                command = self.commands.recv() => Wake::Command(command),
                () = self.events.wait(), if self.events.is_waiting() => Wake::Nothing,
                index = udp::readable(&self.sockets.udp, self.last_read), if listens => Wake::Datagrams(index),
                Some(news) = self.news.recv(), if listens => Wake::News(news),
                () = &mut alarm, if due.is_some() => Wake::Nothing,
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => Wake::Nothing,
            };
            let now = Instant::now();
            match wake {
                Wake::Command(Some(Command::Run(command))) => {
                    self.guarded(|| During::Command, now, |driver| command(&mut driver.engine, now));
                }
                Wake::Command(Some(Command::Stop) | None) => return self.finish().await,
                Wake::Datagrams(index) => self.take_datagrams(index, now),
                Wake::News(news) => self.take_news(news, now),
                Wake::Nothing => {}
            }
            if self.due().is_some_and(|at| at <= now) {
                let done = self.guarded(|| During::Timeout, now, |driver| driver.engine.handle_timeout(now));
                self.rest_until = (!done).then(|| now + REST);
            }
            self.settle(now);
        }
    }

    /// When timers want to be looked at.
    fn due(&self) -> Option<Instant> {
        let Ok(next) = isolation::guard(|| During::Timeout, || self.engine.next_timeout()) else {
            // What cannot say when it is due is looked at again and again.
            return Some(self.rest_until.unwrap_or_else(|| Instant::now() + REST));
        };
        let at = next?.at;
        Some(self.rest_until.map_or(at, |rest| rest.max(at)))
    }

    /// Does something with the engine. False when it panicked: the engine has given up what it was about, or tried to.
    fn guarded(
        &mut self,
        during: impl FnOnce() -> During,
        now: Instant,
        work: impl FnOnce(&mut Self),
    ) -> bool {
        let Err(fault) = isolation::guard(during, || work(self)) else { return true };
        self.recover(&fault, now);
        false
    }

    fn recover(&mut self, fault: &Fault, now: Instant) {
        // What cannot be given up either stays as it is; the line in the log is all there is to do.
        let _ = isolation::guard(|| fault.during.clone(), || self.engine.recover(fault, now));
    }

    /// Carries out what the engine wants, past outputs that panic.
    fn settle(&mut self, now: Instant) {
        for _ in 0..ATTEMPTS {
            if self.guarded(|| During::Output, now, |driver| driver.carry_out(now)) {
                return;
            }
        }
    }

    /// Brings the engine an input, and carries out what follows.
    fn bring(&mut self, input: Input, now: Instant) {
        let mut stream = None;
        let during = match &input {
            Input::Datagram { bytes, .. } => During::Bytes(bytes.clone()),
            Input::Received { connection, bytes } => {
                stream = Some(*connection);
                During::Bytes(bytes.clone())
            }
            Input::SendFailed { .. }
            | Input::Accepted { .. }
            | Input::Connected { .. }
            | Input::Closed { .. }
            | Input::Resolved { .. }
            | Input::NetworkChanged => During::Input,
        };
        let work = |driver: &mut Self| {
            driver.engine.handle_input(input, now);
            driver.carry_out(now);
        };
        if self.guarded(|| during, now, work) {
            return;
        }
        if let Some(connection) = stream {
            // Where its next message begins may not be known any more.
            self.connections.remove(&connection);
            let closed = Input::Closed { connection, cause: CloseCause::ByUs };
            self.guarded(|| During::Connection, now, |driver| driver.engine.handle_input(closed, now));
        }
        self.settle(now);
    }

    fn take_datagrams(&mut self, index: usize, now: Instant) {
        self.last_read = index;
        let Some((socket, udp)) = self.sockets.udp.get(index) else { return };
        let socket = *socket;
        let mut batch = std::mem::take(&mut self.batch);
        self.receiver.receive(udp, &mut batch);
        for (remote, bytes) in batch.drain(..) {
            self.bring(Input::Datagram { socket, remote, bytes }, now);
        }
        self.batch = batch;
    }

    fn take_news(&mut self, first: News, now: Instant) {
        let mut next = Some(first);
        for left in (0..NEWS_AT_ONCE).rev() {
            match next {
                Some(News::Accepted { listener, transport, stream, remote }) => {
                    self.accept(listener, transport, stream, remote, now);
                }
                Some(News::Input(input)) => {
                    if let Input::Closed { connection, .. } = &input {
                        self.connections.remove(connection);
                    }
                    self.bring(input, now);
                }
                Some(News::Fault(fault)) => {
                    self.recover(&fault, now);
                    self.settle(now);
                }
                None => return,
            }
            next = if left > 0 { self.news.try_recv().ok() } else { None };
        }
    }

    fn accept(
        &mut self,
        listener: SocketId,
        transport: Transport,
        stream: TcpStream,
        remote: SocketAddr,
        now: Instant,
    ) {
        let Ok(local) = stream.local_addr() else { return };
        let connection = ConnectionId::accepted(self.accepted);
        self.accepted += 1;
        self.start(connection, transport, Origin::Accepted { stream, listener });
        self.bring(Input::Accepted { connection, listener, remote, local }, now);
    }

    fn start(&mut self, id: ConnectionId, transport: Transport, origin: Origin) {
        let (outbox, receiver) = mpsc::channel(self.settings.outbox);
        let (alive, gone) = oneshot::channel();
        self.connections.insert(id, Far { outbox, _alive: alive });
        let near = Near { outbox: receiver, gone };
        self.tasks.spawn(connection::run(id, transport, origin, self.shared.clone(), near));
    }

    /// Carries out what the engine wants, in its order.
    fn carry_out(&mut self, now: Instant) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Event(event) => self.events.deliver(event, &mut self.engine, now),
                Output::Io(io) => self.perform(io, now),
            }
        }
    }

    fn perform(&mut self, io: Io, now: Instant) {
        match io {
            Io::Datagram { socket, remote, bytes } => {
                if let Err(cause) = udp::send(&self.sockets.udp, socket, remote, &bytes) {
                    self.engine.handle_input(Input::SendFailed { socket, remote, cause }, now);
                }
            }
            Io::Write { connection, bytes } => {
                let Some(far) = self.connections.get(&connection) else { return };
                if let Err(TrySendError::Full(_)) = far.outbox.try_send(bytes) {
                    self.connections.remove(&connection);
                    let cause = CloseCause::Congested;
                    self.engine.handle_input(Input::Closed { connection, cause }, now);
                }
            }
            Io::Connect { connection, transport, remote, server_name, from } => {
                let from = from.and_then(|listener| self.sockets.address(listener));
                self.start(connection, transport, Origin::Opened { remote, server_name, from });
            }
            Io::Close { connection } => {
                self.connections.remove(&connection);
            }
            Io::Resolve { id, query } => {
                let (resolver, news) = (Arc::clone(&self.settings.resolver), self.shared.news.clone());
                self.tasks.spawn(async move {
                    let lookup = async { resolver.resolve(query).await };
                    let answer = match isolation::isolated(During::Lookup, lookup).await {
                        Ok(answer) => answer,
                        Err(fault) => {
                            let _ = news.send(News::Fault(fault)).await;
                            Err(ResolveError::Failed("a fault of the resolver".into()))
                        }
                    };
                    let _ = news.send(News::Input(Input::Resolved { id, answer })).await;
                });
            }
        }
    }

    /// Lets what was written leave, for a moment.
    async fn finish(mut self) -> E {
        self.settle(Instant::now());
        self.connections.clear();
        self.news.close();
        let left = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, left).await;
        self.engine
    }
}

enum Wake<E> {
    Command(Option<Command<E>>),
    Datagrams(usize),
    News(News),
    Nothing,
}

/// Accepts connections until the driver is gone.
async fn accept(listener: SocketId, transport: Transport, socket: TcpListener, news: mpsc::Sender<News>) {
    loop {
        match socket.accept().await {
            Ok((stream, remote)) => {
                let _ = stream.set_nodelay(true);
                let accepted = News::Accepted { listener, transport, stream, remote };
                if news.send(accepted).await.is_err() {
                    return;
                }
            }
            // Out of file descriptors, most likely: others must close first.
            Err(_) => tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
                () = news.closed() => return,
            },
        }
    }
}
