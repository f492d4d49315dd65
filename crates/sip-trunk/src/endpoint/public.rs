//! Our addresses as the outside sees them: a STUN server is asked from the socket that sends SIP, again and again, which also
//! keeps the address translator awake.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Endpoint, Event, Io, Listener, Output};
use crate::engine::Tokens;
use crate::stun::{Answer, TransactionId, answer, binding_request};
use crate::transport::{SocketId, Transport};

/// What is going on at each listener that asks.
#[derive(Debug, Default)]
pub(super) struct Discovery(Vec<Probe>);

#[derive(Debug)]
struct Probe {
    socket: SocketId,
    server: SocketAddr,
    id: TransactionId,
    /// Requests sent since the last answer.
    sent: u32,
    next: Instant,
    known: Option<SocketAddr>,
}

/// RFC 8489 §6.2.1: RTO, Rc and Rm.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const REQUESTS: u32 = 7;
const LAST_WAIT: u32 = 16;
/// RFC 8445 §11: address translators may forget after 30 s; well below that.
const REFRESH: Duration = Duration::from_secs(25);
/// After a server that does not answer.
const PAUSE: Duration = Duration::from_secs(60);

impl Discovery {
    pub(super) fn new(listeners: &[Listener], tokens: &mut Tokens, now: Instant) -> Self {
        let mut discovery = Self::default();
        discovery.apply(listeners, tokens, now);
        discovery
    }

    /// Listeners that are still there with the same server keep what they have learned.
    fn apply(&mut self, listeners: &[Listener], tokens: &mut Tokens, now: Instant) {
        let mut before = std::mem::take(&mut self.0);
        let asking = listeners
            .iter()
            .filter(|listener| listener.transport == Transport::Udp && listener.advertised.is_none());
        for listener in asking {
            let Some(server) = listener.stun else { continue };
            let same = before.iter().position(|probe| (probe.socket, probe.server) == (listener.id, server));
            self.0.push(match same {
                Some(index) => before.swap_remove(index),
                None => {
                    let id = new_id(tokens);
                    Probe { socket: listener.id, server, id, sent: 0, next: now, known: None }
                }
            });
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|probe| probe.next).min()
    }
}

impl Endpoint {
    /// Listeners have changed.
    pub(super) fn rediscover(&mut self, now: Instant) {
        self.discovery.apply(&self.config.listeners, &mut self.tokens, now);
        for probe in &self.discovery.0 {
            advertise(&mut self.config.listeners, probe);
        }
    }

    /// Asks where that is due.
    pub(super) fn run_discovery(&mut self, now: Instant) {
        for probe in &mut self.discovery.0 {
            if probe.next > now {
                continue;
            }
            if probe.sent == REQUESTS {
                tracing::warn!("STUN server {} does not answer; the public address is unknown", probe.server);
                (probe.sent, probe.id, probe.next) = (0, new_id(&mut self.tokens), now + PAUSE);
                continue;
            }
            probe.sent += 1;
            let factor = if probe.sent == REQUESTS { LAST_WAIT } else { 1 << (probe.sent - 1) };
            probe.next = now + FIRST_REPEAT * factor;
            let bytes = Bytes::copy_from_slice(&binding_request(probe.id));
            let (socket, remote) = (probe.socket, probe.server);
            self.out.push_back(Output::Io(Io::Datagram { socket, remote, bytes }));
        }
    }

    /// Whether a datagram is of a STUN server we ask; then it is dealt with.
    pub(super) fn discovered(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> bool {
        let ours = |probe: &&mut Probe| (probe.socket, probe.server) == (socket, remote);
        let Some(probe) = self.discovery.0.iter_mut().find(ours) else { return false };
        let Some(said) = answer(bytes, probe.id).filter(|_| probe.sent > 0) else {
            // RFC 8489 §5: the two leading bits tell STUN from everything else; late repeats are no SIP either.
            return bytes.first().is_some_and(|byte| byte & 0xc0 == 0);
        };
        probe.id = new_id(&mut self.tokens);
        probe.sent = 0;
        match said {
            Answer::Mapped(address) => {
                probe.next = now + REFRESH;
                if probe.known.replace(address) != Some(address) {
                    tracing::info!("public address {address}, says STUN server {remote}");
                    advertise(&mut self.config.listeners, probe);
                    let event = Event::PublicAddress { listener: socket, address };
                    self.out.push_back(Output::Event(event));
                }
            }
            Answer::Refused(code) => {
                tracing::warn!("STUN server {remote} refuses with {code}; the public address is unknown");
                probe.next = now + PAUSE;
            }
        }
        true
    }
}

/// Puts what was learned into Via and Contact from here on.
fn advertise(listeners: &mut [Listener], probe: &Probe) {
    let Some(address) = probe.known else { return };
    if let Some(listener) = listeners.iter_mut().find(|listener| listener.id == probe.socket) {
        listener.advertised = Some(address.ip().to_string());
        listener.advertised_port = Some(address.port());
    }
}

fn new_id(tokens: &mut Tokens) -> TransactionId {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&tokens.number().to_be_bytes());
    id[8..].copy_from_slice(&tokens.number().to_be_bytes()[..4]);
    TransactionId(id)
}
