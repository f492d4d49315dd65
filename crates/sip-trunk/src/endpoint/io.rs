//! What a driver and an engine say to each other.

use std::net::SocketAddr;

use bytes::Bytes;
use thiserror::Error;

use super::event::Event;
use crate::locate::{Answer, LookupId, Query};
use crate::transport::{ConnectionId, SocketId, TlsPeer, Transport};

/// Something that happened outside the engine.
#[derive(Debug)]
pub enum Input {
    /// A datagram arrived.
    Datagram {
        /// The UDP listener it came to.
        socket: SocketId,
        /// Its sender.
        remote: SocketAddr,
        /// The content.
        bytes: Bytes,
    },
    /// A datagram could not be sent (ICMP, no route).
    SendFailed {
        /// The listener it was to leave by.
        socket: SocketId,
        /// Where it was to go.
        remote: SocketAddr,
        /// What the system said.
        cause: String,
    },
    /// A peer connected. On TLS and WebSocket listeners the handshakes are still to come; [`Connected`](Self::Connected)
    /// says that they are done.
    Accepted {
        /// Its number, [`ConnectionId::accepted`].
        connection: ConnectionId,
        /// The listener it came to.
        listener: SocketId,
        /// The peer.
        remote: SocketAddr,
        /// Our end.
        local: SocketAddr,
    },
    /// A connection is ready for messages: one that [`Io::Connect`] asked for, or an accepted one after its handshakes.
    Connected {
        /// Which.
        connection: ConnectionId,
        /// Our end.
        local: SocketAddr,
        /// What TLS learnt about the peer.
        tls: Option<TlsPeer>,
    },
    /// Bytes were read from a connection; on WebSocket one whole message.
    Received {
        /// Which.
        connection: ConnectionId,
        /// The bytes.
        bytes: Bytes,
    },
    /// A connection ended, or never came to be.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        cause: CloseCause,
    },
    /// The answer to [`Io::Resolve`].
    Resolved {
        /// The number of the question.
        id: LookupId,
        /// The answer.
        answer: Answer,
    },
    /// Addresses or routes of this machine changed: what was learnt about the network is forgotten.
    NetworkChanged,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseCause {
    /// The peer closed it.
    #[error("closed by the peer")]
    ByPeer,
    /// The peer refused it, or the system reported an error.
    #[error("{0}")]
    Io(String),
    /// The TLS handshake failed.
    #[error("TLS handshake error: {0}")]
    Tls(TlsFault),
    /// The WebSocket handshake failed.
    #[error("WebSocket handshake error: {0}")]
    WebSocket(String),
    /// The peer does not read what is sent to it.
    #[error("the peer does not read")]
    Congested,
    /// It took too long to come to be.
    #[error("no connection in time")]
    TimedOut,
    /// The peer answered no keep-alive, or no request, any more (RFC 5626 §4.4.1).
    #[error("the peer has gone silent")]
    Silent,
    /// What arrived was no SIP, or crossed a limit.
    #[error("the peer broke the rules: {0}")]
    Misbehaved(&'static str),
    /// It was idle for too long, or had to make room.
    #[error("closed to save resources")]
    Evicted,
    /// The listener or the engine's user gave it up.
    #[error("closed by this side")]
    ByUs,
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct TlsFault {
    /// What the TLS stack or the certificate verifier said.
    pub text: String,
    /// The peer's certificate it was said about, DER; `None` when it never arrived.
    pub certificate: Option<Bytes>,
}

/// What the driver should do: the part of an engine's output that is not for its user.
#[derive(Debug)]
pub enum Io {
    /// Send a datagram.
    Datagram {
        /// The UDP listener it leaves by.
        socket: SocketId,
        /// Where it goes.
        remote: SocketAddr,
        /// The content.
        bytes: Bytes,
    },
    /// Open a connection; answered by [`Input::Connected`] or [`Input::Closed`].
    Connect {
        /// Its number.
        connection: ConnectionId,
        /// TCP, TLS, WS or WSS.
        transport: Transport,
        /// Where it goes.
        remote: SocketAddr,
        /// The name the peer's certificate must have (RFC 5922 §7.2), and the host of a WebSocket handshake.
        server_name: Option<String>,
        /// The local address to connect from, by the listener that has it.
        from: Option<SocketId>,
    },
    /// Write to a connection; on WebSocket as one message.
    Write {
        /// Which.
        connection: ConnectionId,
        /// The bytes.
        bytes: Bytes,
    },
    /// Close a connection when everything written has left. It is forgotten already: no [`Input::Closed`] is needed.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Ask the domain name system; answered by [`Input::Resolved`].
    Resolve {
        /// Comes back in the answer.
        id: LookupId,
        /// The question.
        query: Query,
    },
}

/// The one ordered queue of an engine over sockets: `E` is what it tells its user.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "events carry whole messages and pass by in a queue")]
pub enum Output<E = Event> {
    /// For the driver.
    Io(Io),
    /// For the user.
    Event(E),
}
