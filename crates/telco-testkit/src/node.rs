//! What the network carries, and what it expects of those it connects.

use std::{net::SocketAddr, time::Instant};

/// A participant: an engine under test with the few lines that adapt it, or a scripted peer.
///
/// `P` is what the network carries: bytes unless a test prefers something richer.
pub trait Node<P = Vec<u8>> {
    /// The column title in the ladder; unique among the nodes of a simulation.
    fn name(&self) -> &str;

    /// The addresses it receives on. Stream connections to them are accepted.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// Something arrived.
    fn handle_input(&mut self, arrival: Arrival<P>, now: Instant);

    /// The instant returned by [`Node::next_timeout`] has come.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing it wants done; called until `None` after every input and timeout.
    fn poll_output(&mut self) -> Option<Departure<P>>;

    /// When it wants [`Node::handle_timeout`], if ever.
    fn next_timeout(&self) -> Option<Instant>;
}

/// One end of a stream connection. The two ends have different ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub(crate) u64);

impl Conn {
    /// The end on the other side.
    pub fn peer(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// Something that reaches a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival<P = Vec<u8>> {
    /// Who sent it: the remote address.
    pub from: SocketAddr,
    /// The local address it came to.
    pub to: SocketAddr,
    /// What it is.
    pub event: Event<P>,
}

/// What arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<P = Vec<u8>> {
    /// A datagram.
    Datagram(P),
    /// The connection asked for with this `tag` is open; `to` is its local address.
    Connected {
        /// This end.
        conn: Conn,
        /// The number given in [`Departure::Connect`].
        tag: u64,
    },
    /// Nobody listens where the connection with this `tag` was to go.
    Refused {
        /// The number given in [`Departure::Connect`].
        tag: u64,
    },
    /// A peer has connected.
    Accepted(Conn),
    /// The next piece of a stream, in order.
    Stream(Conn, P),
    /// The peer closed, or the connection broke. The end is gone.
    Closed(Conn),
}

/// Something a node wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure<P = Vec<u8>> {
    /// Send a datagram.
    Datagram {
        /// Local address.
        from: SocketAddr,
        /// Remote address.
        to: SocketAddr,
        /// The content.
        body: P,
    },
    /// Open a stream connection; answered by [`Event::Connected`] or [`Event::Refused`], or by silence across a cut.
    Connect {
        /// Local address; port 0 takes a fresh one.
        from: SocketAddr,
        /// Remote address.
        to: SocketAddr,
        /// Comes back in the answer: the engine's own number for the flow.
        tag: u64,
    },
    /// Write to a connection.
    Stream(Conn, P),
    /// Close a connection once everything written has arrived; this end is gone at once.
    Close(Conn),
    /// Nothing for the network: a line in the ladder, such as an event the engine reported.
    Note(String),
}

/// What a network can carry.
pub trait Payload: Clone {
    /// Length in the units [`crate::Link::segment`] counts; 1 for things that cannot be divided.
    fn units(&self) -> usize {
        1
    }

    /// Removes and returns the first `at` units. Called only with `0 < at < units()`.
    #[must_use]
    fn take_front(&mut self, at: usize) -> Self {
        let _ = at;
        self.clone()
    }
}

impl Payload for Vec<u8> {
    fn units(&self) -> usize {
        self.len()
    }

    fn take_front(&mut self, at: usize) -> Self {
        let rest = self.split_off(at);
        std::mem::replace(self, rest)
    }
}
