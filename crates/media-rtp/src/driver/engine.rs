//! What a driver asks of an engine.

use std::net::SocketAddr;
use std::time::Instant;

/// One call's media logic: a relay, an echo, a recorder. No sockets, no clock, no waiting.
///
/// Ports are numbered as the sockets were handed to the driver, from 0.
pub trait MediaEngine: Send + 'static {
    /// What signalling may ask of a running call: hold, a new key, another address.
    type Command: Send + 'static;
    /// What the call reports: a digit, silence, the final statistics.
    type Event: Send + 'static;

    /// One datagram arrived: `buffer[..len]`, with room behind it. The answer may be sent straight from the buffer.
    fn handle_datagram(
        &mut self,
        port: usize,
        source: SocketAddr,
        buffer: &mut [u8],
        len: usize,
        now: Instant,
    ) -> Forward;

    /// Signalling wants something.
    fn handle_command(&mut self, command: Self::Command, now: Instant);

    /// A deadline has passed.
    fn handle_timeout(&mut self, now: Instant);

    /// The network refused what was sent from this port: no route, or an ICMP message. Ignored unless overridden.
    fn handle_unreachable(&mut self, _port: usize) {}

    /// The next thing to do, until there is none. Asked after each of the above.
    fn poll_output(&mut self) -> Option<EngineOutput<Self::Event>>;

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    fn next_timeout(&self) -> Option<Instant>;

    /// A panic with this message has cut the engine short on a [media thread](super::MediaThreads), which ends the call now: its sockets
    /// close, and this event is the last that signalling hears of it. Nothing is told unless overridden.
    fn lost(&self, _message: &str) -> Option<Self::Event> {
        None
    }
}

/// What to do with the buffer a datagram came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// Nothing; it was consumed or dropped.
    Nothing,
    /// Send `buffer[..len]`.
    Send {
        /// From this port.
        port: usize,
        /// To this address.
        to: SocketAddr,
        /// This much of it.
        len: usize,
    },
}

/// What an engine wants done beside forwarding.
#[derive(Debug)]
pub enum EngineOutput<E> {
    /// Send a packet the engine made.
    Transmit {
        /// From this port.
        port: usize,
        /// To this address.
        to: SocketAddr,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// Tell signalling.
    Event(E),
}
