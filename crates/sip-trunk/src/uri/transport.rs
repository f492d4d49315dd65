use std::fmt;

/// A transport as named in Via and in the `transport` URI parameter; an open set, compared without case.
#[derive(Debug, Clone, Copy)]
pub enum Transport<'a> {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// SCTP (RFC 4168).
    Sctp,
    /// TLS over SCTP (RFC 4168).
    TlsSctp,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
    /// Any other token.
    Other(&'a str),
}

impl<'a> Transport<'a> {
    /// Reads a token.
    #[must_use]
    pub fn parse(token: &'a str) -> Self {
        Self::known(token.as_bytes()).unwrap_or(Self::Other(token))
    }

    /// Reads bytes that are known to be a token.
    pub(crate) fn of_token(token: &'a [u8]) -> Self {
        Self::known(token).unwrap_or_else(|| Self::Other(std::str::from_utf8(token).unwrap_or_default()))
    }

    fn known(token: &[u8]) -> Option<Self> {
        let is_named = |(name, _): &&(&str, Self)| name.as_bytes().eq_ignore_ascii_case(token);
        Self::KNOWN.iter().find(is_named).map(|(_, transport)| *transport)
    }

    /// The token as Via writes it, upper case for the known ones.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Sctp => "SCTP",
            Self::TlsSctp => "TLS-SCTP",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(token) => token,
        }
    }

    /// Whether messages arrive whole and in order, so that nothing is retransmitted. Unknown ones count as unreliable.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        !matches!(self, Self::Udp | Self::Other(_))
    }

    /// Whether the hop is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Tls | Self::TlsSctp | Self::Wss)
    }

    const KNOWN: [(&'static str, Transport<'static>); 7] = [
        ("UDP", Transport::Udp),
        ("TCP", Transport::Tcp),
        ("TLS", Transport::Tls),
        ("WSS", Transport::Wss),
        ("WS", Transport::Ws),
        ("SCTP", Transport::Sctp),
        ("TLS-SCTP", Transport::TlsSctp),
    ];
}

impl PartialEq for Transport<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for Transport<'_> {}

impl std::hash::Hash for Transport<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().bytes().for_each(|b| state.write_u8(b.to_ascii_lowercase()));
    }
}

impl fmt::Display for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tokens_are_read_in_any_case_and_others_kept() {
        assert_eq!(Transport::parse("udp"), Transport::Udp);
        assert_eq!(Transport::parse("tls-SCTP"), Transport::TlsSctp);
        assert_eq!(Transport::parse("Carrier-Pigeon").as_str(), "Carrier-Pigeon");
        assert_eq!(Transport::parse("QUIC"), Transport::parse("quic"));
        assert!(Transport::Wss.is_secure() && Transport::Wss.is_reliable() && !Transport::Udp.is_reliable());
    }
}
