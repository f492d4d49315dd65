//! Which way bytes leave and came.

use std::net::SocketAddr;

/// A local listener, by the number its driver and its configuration agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u16);

/// A connection (TCP, TLS, WebSocket). Numbers are never used twice, so a closed one is never mistaken for its successor.
///
/// Both ends of the engine's contract name connections without asking each other: the engine numbers those it asks
/// for, the driver those it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The `count`-th connection the driver accepted.
    pub fn accepted(count: u64) -> Self {
        Self(count << 1 | 1)
    }

    /// The `count`-th connection the engine asked for.
    pub(crate) fn opened(count: u64) -> Self {
        Self(count << 1)
    }

    /// Whether the peer opened it.
    pub fn is_accepted(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The way between us and one peer: a datagram socket with the peer's address, or a connection.
///
/// A datagram path is a value, not an entry in a table: strangers who send datagrams create no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Datagrams between a local socket and a remote address.
    Datagram {
        /// Our socket.
        socket: SocketId,
        /// The peer.
        remote: SocketAddr,
    },
    /// An open connection.
    Stream(ConnectionId),
}

impl Path {
    /// Whether the transport repeats and orders for us, so that transactions do not (RFC 3261 §17).
    pub fn is_reliable(&self) -> bool {
        matches!(self, Path::Stream(_))
    }
}
