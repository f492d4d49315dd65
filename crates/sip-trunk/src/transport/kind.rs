//! The transports this crate drives.

use std::fmt;

use crate::uri;

/// A transport protocol this crate can listen on and connect with. What URIs and Vias may name is the open set
/// [`uri::Transport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// Whether messages arrive whole and in order.
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Whether the hop is encrypted.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Where peers listen unless they say otherwise: 5060, 5061 for TLS (RFC 3261 §19.1.2), 80 and 443 for WebSocket
    /// (RFC 6455 §3).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// The token as Via writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The value of the `transport` URI parameter (RFC 3261 §19.1.1, RFC 7118 §5.3: `ws` for both).
    pub(crate) fn uri_param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// The transport a URI or a Via names; `None` for one this crate does not drive.
    pub fn named(named: uri::Transport<'_>) -> Option<Self> {
        match named {
            uri::Transport::Udp => Some(Self::Udp),
            uri::Transport::Tcp => Some(Self::Tcp),
            uri::Transport::Tls => Some(Self::Tls),
            uri::Transport::Ws => Some(Self::Ws),
            uri::Transport::Wss => Some(Self::Wss),
            uri::Transport::Sctp | uri::Transport::TlsSctp | uri::Transport::Other(_) => None,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
