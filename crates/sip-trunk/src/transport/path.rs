//! Which way bytes leave and came.

use std::net::SocketAddr;

/// A local datagram socket, by the number its driver gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u16);

/// A connection (TCP, TLS, WebSocket): slot and generation, so that a closed one is never mistaken for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
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
