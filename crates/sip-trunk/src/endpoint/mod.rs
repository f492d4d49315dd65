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
mod event;
mod io;
mod outgoing;
mod receive;
mod send;
mod via;

pub use config::{EndpointConfig, Limits, Listener, Strangers};
pub use event::{Event, Failure, RequestId, Source};
pub use io::{CloseCause, Input, Io, Output, TlsFault};
pub use outgoing::{ContactSpec, Destination, Outgoing, SendError};

use std::collections::VecDeque;
use std::time::Instant;

use crate::engine::Tokens;
use crate::msg::{Draft, Message};
use crate::store::Store;
use crate::transaction::{self, ServerId, Transactions};
use crate::transport::{Path, SocketId};
use crate::{Deadline, Seed};
use send::{Request, Requests};

/// Sends and receives SIP over all its listeners and connections.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    transactions: Transactions,
    requests: Requests,
    tokens: Tokens,
    out: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint without connections.
    pub fn new(config: EndpointConfig, seed: Seed, _now: Instant) -> Self {
        let transactions =
            Transactions::new(config.timing, config.limits.transactions, seed.derive("transactions"));
        Self {
            transactions,
            requests: Store::<Request>::new().into(),
            tokens: Tokens::new(&seed, "endpoint"),
            out: VecDeque::new(),
            config,
        }
    }

    /// Takes what happened outside.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Datagram { socket, remote, bytes } => self.receive_datagram(socket, remote, bytes, now),
            Input::SendFailed { socket, remote, .. } => {
                self.transactions.path_failed(Path::Datagram { socket, remote });
                self.settle(None, now);
            }
            Input::Accepted { .. }
            | Input::Connected { .. }
            | Input::Received { .. }
            | Input::Closed { .. }
            | Input::Resolved { .. }
            | Input::NetworkChanged => {}
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transactions.handle_timeout(now);
        self.settle(None, now);
    }

    /// Replaces the configuration. Listeners that are gone are no longer sent from; what runs goes on.
    pub fn apply(&mut self, config: EndpointConfig, _now: Instant) {
        self.config = config;
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.transactions.next_timeout()
    }

    /// Sends an answer; the first final one counts. The draft holds everything, To tag and Contact included
    /// ([`contact`](Self::contact)). Returns whether the answer was sent: not when the draft is faulty, the transaction is
    /// gone or its state does not allow that answer any more.
    pub fn respond(&mut self, transaction: ServerId, answer: Draft, now: Instant) -> bool {
        let Some(status) = answer.status() else { return false };
        let Ok(bytes) = answer.finish() else { return false };
        let sent = self.transactions.respond(transaction, status, bytes, now);
        self.settle(None, now);
        sent
    }

    /// The Contact value that is right for one way: our address as that peer reaches it. `None` when the way is gone.
    pub fn contact(&self, path: Path, spec: &ContactSpec) -> Option<String> {
        Some(self.hop(path)?.contact(spec))
    }

    /// The way a request came, while its transaction lives.
    pub fn path_of(&self, transaction: ServerId) -> Option<Path> {
        self.transactions.path_of(transaction)
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

    /// Counters of the transaction layer since the start.
    pub fn transaction_stats(&self) -> transaction::Stats {
        self.transactions.stats()
    }

    fn send_bytes(&mut self, path: Path, bytes: bytes::Bytes) {
        let io = match path {
            Path::Datagram { socket, remote } => Io::Datagram { socket, remote, bytes },
            Path::Stream(connection) => Io::Write { connection, bytes },
        };
        self.out.push_back(Output::Io(io));
    }

    /// Passes on what the transaction layer has to say. `source` is who sent the message it was just given.
    fn settle(&mut self, source: Option<&Source>, now: Instant) {
        while let Some(output) = self.transactions.poll_output() {
            match output {
                transaction::Output::Transmit { path, bytes } => self.send_bytes(path, bytes),
                transaction::Output::Request { transaction, cancels, message, .. } => {
                    let Some(source) = source.cloned() else { continue };
                    self.out.push_back(Output::Event(Event::Request {
                        transaction,
                        cancels,
                        message,
                        source,
                    }));
                }
                transaction::Output::Response { transaction, message } => {
                    let Some(source) = source.cloned() else { continue };
                    self.answered(transaction, message, source, now);
                }
                transaction::Output::StrayResponse { message, .. } => {
                    let Some(source) = source.cloned() else { continue };
                    self.stray(message, source);
                }
                transaction::Output::Failed { transaction, cause } => {
                    self.unanswered(transaction, cause, now);
                }
                transaction::Output::Unacknowledged { transaction } => {
                    self.out.push_back(Output::Event(Event::Unacknowledged { transaction }));
                }
                transaction::Output::Refused { message, .. } => {
                    let Some(source) = source.cloned() else { continue };
                    self.refuse(message, source);
                }
            }
        }
    }

    fn stray(&mut self, message: Message, source: Source) {
        self.out.push_back(Output::Event(Event::StrayResponse { message, source }));
    }
}
