//! The endpoint: from bytes to requests and answers, and back, outside any notion of a dialog.
//!
//! ```text
//!               Input ──►  limits ─ framer ─ scanner ─ stamp Via ─ transactions ──► Event::Request, Response
//!  driver                                                                                        user
//!               Io    ◄──  flows ◄─ Via, Contact ◄─ next server ◄─ locate ◄──── request(), respond(), cancel()
//! ```
//!
//! A driver gives [`Input`]s and carries out [`Io`]; a user sends with [`Endpoint::request`], answers with
//! [`Endpoint::respond`] and reads [`Event`]s. Everything is one value that owns its state and never waits:
//!
//! ```
//! use std::time::Instant;
//! use sip_trunk::Seed;
//! use sip_trunk::endpoint::{Destination, Endpoint, EndpointConfig, Io, Listener, Outgoing, Output};
//! use sip_trunk::msg::{Draft, HeaderName, Method};
//! use sip_trunk::transport::{SocketId, Transport};
//!
//! # #[allow(clippy::disallowed_methods)] let now = Instant::now();
//! let listener = Listener::new(SocketId(0), Transport::Udp, "192.0.2.1:5060".parse()?);
//! let config = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
//! let mut endpoint = Endpoint::new(config, Seed([7; 32]), now);
//!
//! let options = Draft::request(&Method::Options, "sip:carrier.example")
//!     .header(HeaderName::MaxForwards, "70")
//!     .header(HeaderName::From, "<sip:192.0.2.1>;tag=a")
//!     .header(HeaderName::To, "<sip:carrier.example>")
//!     .header(HeaderName::CallId, "6f2b")
//!     .header(HeaderName::CSeq, "1 OPTIONS");
//! endpoint.request(Outgoing::new(options, Destination::Uri("sip:203.0.113.10".into())), now)?;
//! let Some(Output::Io(Io::Datagram { remote, bytes, .. })) = endpoint.poll_output() else { panic!() };
//! assert_eq!(remote, "203.0.113.10:5060".parse()?);
//! assert!(bytes.starts_with(b"OPTIONS sip:carrier.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod connections;
mod deliver;
mod event;
mod hop;
mod io;
mod outgoing;
mod pings;
mod public;
mod receive;
mod request;
mod send;
mod stats;
mod via;
mod wire;

pub use config::{EndpointConfig, Limits, Listener, Strangers};
pub use event::{Event, Failure, RequestId, Source};
pub use io::{CloseCause, Input, Io, Output, TlsFault};
pub use outgoing::{ContactSpec, Destination, Outgoing, SendError};
pub use stats::Stats;

use std::collections::VecDeque;
use std::time::Instant;

use crate::engine::{KeyedState, Tokens};
use crate::locate::{self, Locator};
use crate::msg::Draft;
use crate::overload::Control;
use crate::transaction::{ServerId, Transactions};
use crate::transport::{Flows, Path, SocketId, Sources};
use crate::{Deadline, Engine, Seed};
use deliver::Prompt;
use pings::Pings;
use public::Discovery;
use request::Requests;

/// Sends and receives SIP over all its listeners and connections.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    transactions: Transactions,
    flows: Flows,
    locator: Locator,
    sources: Sources,
    requests: Requests,
    pings: Pings,
    discovery: Discovery,
    tokens: Tokens,
    overload: Option<Control>,
    stats: Stats,
    out: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint without connections.
    pub fn new(config: EndpointConfig, seed: Seed, now: Instant) -> Self {
        let state = KeyedState::new(&seed.derive("tables"));
        let limits = &config.limits;
        let mut tokens = Tokens::new(&seed, "endpoint");
        Self {
            transactions: Transactions::new(config.timing, limits.transactions, seed.derive("transactions")),
            flows: Flows::new(config.flow_limits(), state),
            locator: Locator::new(config.reach(), config.avoid_failed_for, &seed),
            sources: Sources::new(config.source_rules(), limits.sources, state),
            requests: Requests::new(),
            pings: Pings::default(),
            discovery: Discovery::new(&config.listeners, &mut tokens, now),
            tokens,
            overload: config.overload.map(|control| Control::new(control, seed, now)),
            stats: Stats::default(),
            out: VecDeque::new(),
            config,
        }
    }

    /// Replaces the configuration. What runs goes on; listeners that are gone are no longer sent from. Table sizes and
    /// transaction timers stay as they were at the start.
    pub fn apply(&mut self, config: EndpointConfig, now: Instant) {
        self.flows.apply(config.flow_limits());
        self.locator.apply(config.reach(), config.avoid_failed_for);
        self.sources.apply(config.source_rules());
        self.config = config;
        self.rediscover(now);
    }

    /// Takes the load of the system: busy share of its time, or calls held by calls it can hold; 1 is full. From it follows
    /// what neighbours are asked to leave out, and how many of those who do not listen are refused (RFC 7339).
    pub fn report_load(&mut self, load: f64, now: Instant) {
        if let Some(control) = &mut self.overload {
            control.observe(load, now);
        }
    }

    /// Takes what happened outside.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Datagram { socket, remote, bytes } => self.receive_datagram(socket, remote, bytes, now),
            Input::SendFailed { socket, remote, cause } => {
                self.transactions.path_failed(Path::Datagram { socket, remote });
                self.settle(&Prompt::Lost(&CloseCause::Io(cause)), now);
            }
            Input::Accepted { connection, listener, remote, local } => {
                self.accepted(connection, listener, (remote, local), now);
            }
            Input::Connected { connection, local, tls } => self.connected(connection, local, tls, now),
            Input::Received { connection, bytes } => self.received(connection, bytes, now),
            Input::Closed { connection, cause } => self.closed(connection, cause, now),
            Input::Resolved { id, answer } => {
                self.locator.answer(id, answer, now);
                self.settle(&Prompt::None, now);
            }
            Input::NetworkChanged => self.locator.forget(),
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transactions.handle_timeout(now);
        self.settle(&Prompt::None, now);
        self.locator.handle_timeout(now);
        self.run_turns(now);
        self.run_flows(now);
        self.run_discovery(now);
        self.settle(&Prompt::None, now);
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let turn = self.requests.next_turn().map(|at| Deadline { at, why: "try the next server" });
        let ping = self.pings.next().map(|at| Deadline { at, why: "keep an address translator awake" });
        let probe = self.discovery.next().map(|at| Deadline { at, why: "ask for our public address" });
        let parts = [
            self.transactions.next_timeout(),
            self.flows.next_timeout(),
            self.locator.next_timeout(),
            turn,
            ping,
            probe,
        ];
        parts.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Sends an answer; the first final one counts. The draft holds everything, To tag and Contact included
    /// ([`contact`](Self::contact)). Returns whether the answer was sent: not when the draft is faulty, the transaction is
    /// gone or its state does not allow that answer any more.
    pub fn respond(&mut self, transaction: ServerId, answer: Draft, now: Instant) -> bool {
        let Some(status) = answer.status() else { return false };
        let Ok(bytes) = answer.finish() else { return false };
        let sent = self.transactions.respond(transaction, status, bytes, now);
        self.settle(&Prompt::None, now);
        sent
    }

    /// The Contact value that is right for one way: our address as that peer reaches it. `None` when the way is gone.
    pub fn contact(&self, path: Path, spec: &ContactSpec) -> Option<String> {
        Some(self.hop(path)?.contact(spec))
    }

    /// The way answers to a request take, while its transaction lives.
    pub fn path_of(&self, transaction: ServerId) -> Option<Path> {
        self.transactions.path_of(transaction)
    }

    /// Who is at the other end of a connection, while it lives.
    pub fn source_of(&self, path: Path) -> Option<&Source> {
        match path {
            Path::Datagram { .. } => None,
            Path::Stream(connection) => self.flows.get(connection).map(|flow| &flow.source),
        }
    }

    /// The configured listener of that number.
    pub fn listener(&self, id: SocketId) -> Option<&Listener> {
        self.config.listeners.iter().find(|listener| listener.id == id)
    }

    /// The configuration.
    pub fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// Transactions alive now: ours, and those of peers.
    pub fn in_use(&self) -> (usize, usize) {
        self.transactions.in_use()
    }

    /// Counters since the start, and what is held now.
    pub fn stats(&self) -> Stats {
        let (client_transactions, server_transactions) = self.in_use();
        Stats {
            connections: self.flows.len(),
            requests: self.requests.len(),
            sources: self.sources.len(),
            client_transactions,
            server_transactions,
            transactions: self.transactions.stats(),
            ..self.stats
        }
    }

    /// Passes on what the locator wants or has found.
    fn settle_locator(&mut self, now: Instant) {
        while let Some(output) = self.locator.poll_output() {
            match output {
                locate::Output::Ask(id, query) => self.out.push_back(Output::Io(Io::Resolve { id, query })),
                locate::Output::Done(slot, located) => self.located(slot, located, now),
            }
        }
    }
}

impl Engine for Endpoint {
    type Event = Event;

    fn handle_input(&mut self, input: Input, now: Instant) {
        self.handle_input(input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.poll_output()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.next_timeout()
    }
}
