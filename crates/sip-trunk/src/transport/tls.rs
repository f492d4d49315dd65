//! What TLS says about a peer.

use bytes::Bytes;

/// The peer of a TLS connection, as its handshake left it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsPeer {
    /// DER of the certificate the peer showed; `None` when it showed none, as phones and browsers do.
    pub certificate: Option<Bytes>,
    /// DNS names and SIP domains the verified certificate stands for (RFC 5922 §7.1), lower case; filled by the driver
    /// from the certificate's alternative names.
    pub names: Vec<String>,
    /// The name the peer asked for, or the one it was asked by (server name indication).
    pub server_name: Option<String>,
}
