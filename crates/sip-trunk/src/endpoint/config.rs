//! What an endpoint is told about itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::frame::StreamLimits;
use crate::locate::Reach;
use crate::msg::Scanner;
use crate::overload::ControlConfig;
use crate::transaction::{self, Timing};
use crate::transport::{FlowLimits, Network, Patience, Rate, SocketId, SourceRules, Transport};

/// Everything an endpoint is configured with. [`Endpoint::apply`](super::Endpoint::apply) takes a whole new one.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Where it listens. Order matters: of several that fit, the first one sends.
    pub listeners: Vec<Listener>,
    /// Bounds on what peers may make it do.
    pub limits: Limits,
    /// Base values of the transaction timers.
    pub timing: Timing,
    /// Bounds and strictness of messages.
    pub scanner: Scanner,
    /// Largest request sent as a datagram; larger ones go by TCP when the peer takes it (RFC 3261 §18.1.1). 1,300 bytes.
    pub largest_datagram: usize,
    /// How long a connection may take to come to be, handshakes included; 5 s.
    pub connect_within: Duration,
    /// When the next server of a list is tried although the current one has not refused: it has said nothing for so
    /// long. RFC 3263 §4.3 would wait for the transaction to time out, 32 s. 4 s.
    pub next_server_after: Duration,
    /// For how long a server that failed is tried last; 30 s.
    pub avoid_failed_for: Duration,
    /// Who is served without per-source limits and told about its mistakes.
    pub peers: Vec<Network>,
    /// How everybody else is treated.
    pub strangers: Strangers,
    /// Overload control with neighbours (RFC 7339); `None` takes no part.
    pub overload: Option<ControlConfig>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            limits: Limits::default(),
            timing: Timing::default(),
            scanner: Scanner::default(),
            largest_datagram: 1300,
            connect_within: Duration::from_secs(5),
            next_server_after: Duration::from_secs(4),
            avoid_failed_for: Duration::from_secs(30),
            peers: Vec::new(),
            strangers: Strangers::Served,
            overload: None,
        }
    }
}

impl EndpointConfig {
    pub(super) fn flow_limits(&self) -> FlowLimits {
        FlowLimits {
            connections: self.limits.connections,
            per_source: self.limits.connections_per_source,
            stream: self.limits.stream,
            patience: Patience {
                connect: self.connect_within,
                handshake: self.limits.handshake_within,
                first_message: self.limits.first_message_within,
                idle: self.limits.idle_for,
            },
        }
    }

    /// Transports and address families to choose from: those of the listeners, in their order.
    pub(super) fn reach(&self) -> Reach {
        let mut transports = Vec::new();
        for listener in &self.listeners {
            if !transports.contains(&listener.transport) {
                transports.push(listener.transport);
            }
        }
        let any = self.listeners.is_empty();
        Reach {
            transports: if any { vec![Transport::Tcp] } else { transports },
            ipv4: any || self.listeners.iter().any(|listener| listener.local.is_ipv4()),
            ipv6: any || self.listeners.iter().any(|listener| listener.local.is_ipv6()),
        }
    }

    pub(super) fn source_rules(&self) -> SourceRules {
        SourceRules {
            guarded: self.strangers == Strangers::Guarded,
            rate: self.limits.messages_per_source,
            peers: self.peers.clone(),
        }
    }
}

/// How sources are treated that are neither among the configured peers nor [vouched for](super::Endpoint::vouch).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strangers {
    /// Like peers.
    #[default]
    Served,
    /// Per-source limits hold. Answers in datagrams never add up to more bytes than came from them, so that nobody can be
    /// flooded through us; malformed requests, and requests no table has room for, get no answer.
    Guarded,
}

/// A local address to receive on and send from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its number, which inputs, outputs and paths carry.
    pub id: SocketId,
    /// What it speaks.
    pub transport: Transport,
    /// Where it is bound.
    pub local: SocketAddr,
    /// Host written into Via and Contact instead of the local address: a public address or a name.
    pub advertised: Option<String>,
    /// Port written into Via and Contact instead of the local one.
    pub advertised_port: Option<u16>,
    /// UDP behind an address translator: the STUN server that tells the public address, which then stands in Via and Contact
    /// ([`Event::PublicAddress`](super::Event::PublicAddress)). What is advertised by configuration needs none.
    pub stun: Option<SocketAddr>,
    /// Answer datagrams to where they came from, also when the sender did not ask for it with `rport` (RFC 3581).
    pub force_rport: bool,
}

impl Listener {
    /// A listener that advertises the address it is bound to.
    pub fn new(id: SocketId, transport: Transport, local: SocketAddr) -> Self {
        Self { id, transport, local, advertised: None, advertised_port: None, stun: None, force_rport: false }
    }

    /// Host and port peers reach this listener by, IPv6 addresses in brackets.
    pub fn sent_by(&self) -> String {
        let port = self.advertised_port.unwrap_or(self.local.port());
        match &self.advertised {
            Some(host) => format!("{}:{port}", bracketed(host)),
            None => SocketAddr::new(self.local.ip(), port).to_string(),
        }
    }
}

fn bracketed(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Ok(IpAddr::V4(_)) | Err(_) => host.to_owned(),
    }
}

/// Bounds on what peers may make an endpoint do.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Transactions alive at once.
    pub transactions: transaction::Limits,
    /// Requests of ours that wait for a name, a connection or an answer; 50,000.
    pub requests: usize,
    /// Of one connection: message size, time for one message, keep-alives.
    pub stream: StreamLimits,
    /// Connections in all; 20,000.
    pub connections: usize,
    /// Accepted connections from one address (one /64 for IPv6) that is no configured peer; 20.
    pub connections_per_source: usize,
    /// From accepting a connection to the end of its handshakes; 5 s.
    pub handshake_within: Duration,
    /// From accepting a connection to its first whole message; 10 s.
    pub first_message_within: Duration,
    /// How long a connection may carry nothing before it is closed; 10 min.
    pub idle_for: Duration,
    /// Messages of one source (one /64 for IPv6) that is no configured peer; 200 in 1 s.
    pub messages_per_source: Rate,
    /// Sources remembered at once; 100,000.
    pub sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transactions: transaction::Limits::default(),
            requests: 50_000,
            stream: StreamLimits::default(),
            connections: 20_000,
            connections_per_source: 20,
            handshake_within: Duration::from_secs(5),
            first_message_within: Duration::from_secs(10),
            idle_for: Duration::from_secs(600),
            messages_per_source: Rate { events: 200, per: Duration::from_secs(1) },
            sources: 100_000,
        }
    }
}
