//! What an endpoint tells its user.

use std::net::SocketAddr;
use std::sync::Arc;

use super::io::{CloseCause, TlsFault};
use crate::msg::{Diagnostics, Message};
use crate::store::Slot;
use crate::transaction::ServerId;
use crate::transport::{Path, SocketId, TlsPeer, Transport};

/// A request of ours, from its sending to its final answer, over as many servers as that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) Slot);

/// What happened.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "messages pass by in a queue; a box would cost an allocation each"
)]
pub enum Event {
    /// A peer asks for something.
    Request {
        /// Answer through this; `None` for the ACK of a 2xx, which nothing answers.
        transaction: Option<ServerId>,
        /// For CANCEL: the INVITE that should end, when it is still known. Answer both.
        cancels: Option<ServerId>,
        /// The request; its top Via says where it came from (RFC 3261 §18.2.1, RFC 3581).
        message: Message,
        /// Who sent it.
        source: Source,
    },
    /// An answer to a request of ours; repeats of 2xx to INVITE included.
    Response {
        /// The request.
        request: RequestId,
        /// The answer.
        message: Message,
        /// Who sent it.
        source: Source,
    },
    /// An answer that belongs to nothing here any more, such as a late 2xx to INVITE: acknowledge it and end its session.
    StrayResponse {
        /// The answer.
        message: Message,
        /// Who sent it.
        source: Source,
    },
    /// A request of ours got no final answer from any server. The id is no longer valid.
    Failed {
        /// The request.
        request: RequestId,
        /// Why; for several servers, what the last one did.
        failure: Failure,
    },
    /// A non-2xx final answer of ours to INVITE was never acknowledged (timer H).
    Unacknowledged {
        /// The INVITE. The id is no longer valid.
        transaction: ServerId,
    },
    /// A connection is ready for messages.
    FlowOpened {
        /// Who is at the other end.
        source: Source,
    },
    /// A connection ended: bindings and dialogs that depend on it have lost their way (RFC 5626 §4.4).
    FlowLost {
        /// Who was at the other end.
        source: Source,
        /// Why.
        cause: CloseCause,
    },
    /// A STUN server has told the address others see, and it is another one than before: bindings and dialogs made with the old
    /// one may no longer be reached.
    PublicAddress {
        /// The listener.
        listener: SocketId,
        /// The address.
        address: SocketAddr,
    },
    /// A connection attempt of a peer failed before it was ready, such as a TLS handshake.
    HandshakeFailed {
        /// The peer.
        remote: SocketAddr,
        /// The listener it came to.
        listener: SocketId,
        /// Why.
        cause: CloseCause,
    },
    /// A message was refused before anything looked at its meaning.
    Rejected {
        /// Who sent it.
        source: Source,
        /// What was wrong.
        diagnostics: Diagnostics,
        /// The status of the answer; `None` when silence was right.
        answered: Option<u16>,
    },
    /// A source sends more than it may; its messages are dropped until it slows down. Told once for each burst.
    Throttled {
        /// The source.
        source: Source,
    },
    /// A request was dropped because the transaction table is full.
    Refused {
        /// Who sent it.
        source: Source,
        /// The request.
        message: Message,
    },
}

/// Who sent a message, and by which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The way back; for sending by exactly this flow.
    pub path: Path,
    /// What was spoken.
    pub transport: Transport,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// The listener it came to; on connections we opened, the one they were opened for, if any.
    pub listener: Option<SocketId>,
    /// What TLS knows of the peer.
    pub tls: Option<Arc<TlsPeer>>,
}

/// Why a request of ours got no final answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing came in time (timers B and F): treat as 408 (RFC 3261 §8.1.3.1).
    #[error("no answer in time")]
    Timeout,
    /// The transport failed: treat as 503 (RFC 3261 §8.1.3.1).
    #[error("{0}")]
    Transport(CloseCause),
    /// The TLS handshake failed; kept apart because an administrator can do something about it.
    #[error("TLS handshake error: {0}")]
    Tls(TlsFault),
    /// The name leads to no server.
    #[error("{name} cannot be resolved: {cause}")]
    Unresolvable {
        /// The name.
        name: String,
        /// Why.
        cause: String,
    },
    /// It was withdrawn before it was sent: treat as 487.
    #[error("withdrawn before it was sent")]
    Withdrawn,
    /// No listener, address family or transport of ours fits any server of the list.
    #[error("no transport of ours reaches the server")]
    NoRoute,
}
