//! Requests to send.

use thiserror::Error;

use crate::msg::{Draft, DraftError};
use crate::transport::{Path, SocketId, Transport};

/// A request to send. The endpoint adds the top Via and, when asked, a Contact that is right for the way chosen.
///
/// The draft holds everything else: Max-Forwards, From, To, Call-ID, CSeq, Route and so on.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The request without Via.
    pub draft: Draft,
    /// Where it goes.
    pub to: Destination,
    /// The Contact to add.
    pub contact: Option<ContactSpec>,
    /// The transport to use whatever DNS prefers; a `transport` parameter in the destination still counts more.
    pub transport: Option<Transport>,
    /// The listener to send from; the first one that fits unless given. A connection is opened from its address.
    pub listener: Option<SocketId>,
}

impl Outgoing {
    /// A request without Contact, by whichever transport and listener fit.
    pub fn new(draft: Draft, to: Destination) -> Self {
        Self { draft, to, contact: None, transport: None, listener: None }
    }

    /// With a Contact.
    #[must_use]
    pub fn contact(mut self, contact: ContactSpec) -> Self {
        self.contact = Some(contact);
        self
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Exactly this way.
    Path(Path),
    /// To the servers of this next-hop `sip:` or `sips:` URI (RFC 3263), with failover along their list. The URI is the
    /// topmost Route or else the Request-URI (RFC 3261 §8.1.2).
    Uri(String),
    /// This way while it lives, else to the servers of the URI. For requests in a dialog or to a registered contact,
    /// whose peer can often be reached by no other way.
    Flow {
        /// The way.
        path: Path,
        /// The next-hop URI, if there is another way at all.
        otherwise: Option<String>,
    },
}

/// The parts of a Contact that do not depend on the way a request takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactSpec {
    /// User part of the URI, escaped; empty for none.
    pub user: String,
    /// Further URI parameters, each with its semicolon: `;ob`.
    pub uri_params: String,
    /// Header parameters, each with its semicolon: `;+sip.instance="<urn:uuid:…>";reg-id=1`.
    pub params: String,
}

impl ContactSpec {
    /// A Contact with nothing but a user.
    pub fn user(user: impl Into<String>) -> Self {
        Self { user: user.into(), ..Self::default() }
    }

    /// Whether it stays inside its line and its brackets.
    pub(super) fn is_writable(&self) -> bool {
        let is_plain = |byte: u8| byte > b' ' && byte != 0x7f && !matches!(byte, b'<' | b'>' | b'"');
        let is_text = |byte: u8| byte >= b' ' && byte != 0x7f;
        self.user.bytes().chain(self.uri_params.bytes()).all(is_plain) && self.params.bytes().all(is_text)
    }
}

/// Why a request was not sent. Nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// Too many requests are under way.
    #[error("{0} requests are under way, wait for some to end or raise the limit")]
    Full(usize),
    /// The draft is no message.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The draft has no CSeq, or is a response.
    #[error("the draft is no request with a CSeq")]
    NotARequest,
    /// The Contact would not stay inside its line or its brackets.
    #[error("the contact holds white space, brackets or control characters: escape them")]
    BadContact,
    /// The destination is no `sip:` or `sips:` URI, or names a transport this crate does not drive.
    #[error("{0:?} is no next hop: give a sip or sips URI with a transport of udp, tcp, tls, ws or wss")]
    BadDestination(String),
    /// TLS to an address: no certificate could prove who answers there (RFC 5922 §7.2).
    #[error("{0:?} asks for TLS to an address: give the name in the peer's certificate")]
    TlsNeedsName(String),
    /// The connection is gone and there is no other way.
    #[error("the connection is gone and no other way was given")]
    FlowGone,
    /// No listener speaks the transport in the address family of the destination.
    #[error("no listener reaches the destination")]
    NoRoute,
}
