//! What a user of the agent asks for.

use std::time::Duration;

use bytes::Bytes;

use crate::auth::ClientConfig;
use crate::endpoint::{ContactSpec, Destination};
use crate::transport::Transport;

/// A message body with its type. Session descriptions pass through unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The value of Content-Type, such as `application/sdp`.
    pub content_type: String,
    /// The content.
    pub bytes: Bytes,
}

impl Body {
    /// A session description.
    pub fn sdp(bytes: impl Into<Bytes>) -> Self {
        Self { content_type: "application/sdp".into(), bytes: bytes.into() }
    }
}

/// Header lines to add to a message: name and value.
pub type Headers = Vec<(String, String)>;

/// A call to place.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Where the request is to arrive, such as `sip:+12025550123@carrier.example`.
    pub request_uri: String,
    /// Who calls, as a header value without tag: `"Alice" <sip:+14085550100@example.com>`.
    pub from: String,
    /// Who is called, as a header value without tag.
    pub to: String,
    /// How many proxies may still handle it; a B2BUA takes one from what the caller had (RFC 7332).
    pub max_forwards: u8,
    /// Which way the request leaves.
    pub destination: Destination,
    /// Our Contact: the endpoint adds host, port and transport.
    pub contact: ContactSpec,
    /// The transport to use when the destination is a URI that does not say.
    pub transport: Option<Transport>,
    /// Further header lines.
    pub headers: Headers,
    /// The offer; without one the peer makes it in its answer, and [`answer_offer`](super::UserAgent::answer_offer) is due.
    pub body: Option<Body>,
    /// Answers 401 and 407.
    pub credentials: Option<ClientConfig>,
    /// Whether and how the session is kept alive; `None` takes the agent's.
    pub session_timer: Option<SessionTimer>,
    /// Reliable provisional answers; `None` takes the agent's.
    pub reliable: Option<Reliable>,
    /// How long to wait for a final answer before the call is withdrawn and rejected with 408.
    pub timeout: Option<Duration>,
    /// The Call-ID; by default a random one.
    pub call_id: Option<String>,
}

impl Invite {
    /// A call to `request_uri` routed by it, from `from`, with nothing added.
    pub fn new(request_uri: impl Into<String>, from: impl Into<String>) -> Self {
        let request_uri = request_uri.into();
        Self {
            from: from.into(),
            to: format!("<{request_uri}>"),
            max_forwards: 70,
            destination: Destination::Uri(request_uri.clone()),
            request_uri,
            contact: ContactSpec::default(),
            transport: None,
            headers: Vec::new(),
            body: None,
            credentials: None,
            session_timer: None,
            reliable: None,
            timeout: None,
            call_id: None,
        }
    }
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionTimer {
    /// Not offered; a peer that wants one has to refresh it itself.
    Off,
    /// Offered in calls we place, accepted in those we take.
    On {
        /// How long a session lasts without being refreshed. At least `min`.
        interval: Duration,
        /// The shortest interval we take from a peer; at least 90 s (RFC 4028 §5).
        min: Duration,
    },
}

impl Default for SessionTimer {
    /// 30 minutes, at least 90 seconds (RFC 4028 §4).
    fn default() -> Self {
        Self::On { interval: Duration::from_secs(1800), min: Duration::from_secs(90) }
    }
}

/// Reliable provisional answers (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliable {
    /// Not supported.
    Never,
    /// Offered in calls we place. Used in calls we take only where the peer requires it.
    WhenRequired,
    /// Offered in calls we place, used in calls we take whenever the peer supports it.
    #[default]
    WhenSupported,
    /// Required in calls we place.
    Always,
}

/// A provisional answer to an incoming call.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// 101 to 199; 0 stands for 180.
    pub status: u16,
    /// Early media.
    pub body: Option<Body>,
    /// Further header lines.
    pub headers: Headers,
}

/// A 200 to an incoming call.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The answer, or the offer if the call came without one.
    pub body: Option<Body>,
    /// Further header lines.
    pub headers: Headers,
}

/// A 3xx to 6xx to an incoming call.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// 300 to 699.
    pub status: u16,
    /// Another reason phrase than the registered one.
    pub reason: Option<String>,
    /// Retry-After.
    pub retry_after: Option<Duration>,
    /// Further header lines, such as Contact of a redirection or Reason.
    pub headers: Headers,
}

impl Rejection {
    /// A plain rejection.
    pub fn new(status: u16) -> Self {
        Self { status, reason: None, retry_after: None, headers: Vec::new() }
    }
}

/// A transfer to ask the peer for (RFC 3515).
#[derive(Debug, Clone)]
pub struct Refer {
    /// The value of Refer-To, with Replaces inside the URI for an attended transfer.
    pub refer_to: String,
    /// The value of Referred-By.
    pub referred_by: Option<String>,
    /// Whether progress is wanted; without it `Refer-Sub: false` is sent (RFC 4488).
    pub progress: bool,
    /// Further header lines.
    pub headers: Headers,
}

impl Refer {
    /// A transfer to `refer_to`, with progress.
    pub fn new(refer_to: impl Into<String>) -> Self {
        Self { refer_to: refer_to.into(), referred_by: None, progress: true, headers: Vec::new() }
    }
}

/// A subscription to ask for (RFC 6665).
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// Whose state is wanted.
    pub request_uri: String,
    /// Who asks, as a header value without tag.
    pub from: String,
    /// Who is asked, as a header value without tag.
    pub to: String,
    /// How many proxies may still handle it; a B2BUA takes one from what the caller had (RFC 7332).
    pub max_forwards: u8,
    /// Which way the request leaves.
    pub destination: Destination,
    /// Our Contact.
    pub contact: ContactSpec,
    /// The transport to use when the destination is a URI that does not say.
    pub transport: Option<Transport>,
    /// The value of Event, such as `dialog` or `message-summary`.
    pub event: String,
    /// The value of Accept: the types of body understood.
    pub accept: Option<String>,
    /// For how long; refreshed until it is ended. Zero asks once.
    pub expires: Duration,
    /// Further header lines.
    pub headers: Headers,
    /// A filter or the like.
    pub body: Option<Body>,
    /// Answers 401 and 407.
    pub credentials: Option<ClientConfig>,
}

impl Subscribe {
    /// A subscription to `event` of `request_uri` for an hour at a time.
    pub fn new(request_uri: impl Into<String>, from: impl Into<String>, event: impl Into<String>) -> Self {
        let request_uri = request_uri.into();
        Self {
            from: from.into(),
            to: format!("<{request_uri}>"),
            max_forwards: 70,
            destination: Destination::Uri(request_uri.clone()),
            request_uri,
            contact: ContactSpec::default(),
            transport: None,
            event: event.into(),
            accept: None,
            expires: Duration::from_secs(3600),
            headers: Vec::new(),
            body: None,
            credentials: None,
        }
    }
}
