//! `m=`: kind of media, port, transport and formats.

use std::fmt;

/// The `m=` line (RFC 8866 §5.14): `media port[/count] protocol format…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLine {
    /// `audio`, `video`, `image`, `application`, `message` or another token.
    pub media: String,
    /// Port; 0 when the stream is refused or removed (RFC 3264 §6).
    pub port: u16,
    /// Number of ports after `/`, normally absent.
    pub port_count: Option<u16>,
    /// Transport.
    pub protocol: Protocol,
    /// Formats: RTP payload types as text, or what the transport defines (`t38`, `webrtc-datachannel`, `*`).
    pub formats: Vec<String>,
}

impl MediaLine {
    /// Reads the value of an `m=` line.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split_ascii_whitespace();
        let (media, port, protocol) = (fields.next()?, fields.next()?, fields.next()?);
        let (port, port_count) = match port.split_once('/') {
            Some((port, count)) => (port, Some(count.parse().ok()?)),
            None => (port, None),
        };
        if port.starts_with('+') {
            return None;
        }
        let formats: Vec<_> = fields.map(str::to_owned).collect();
        (!formats.is_empty()).then_some(())?;
        Some(Self {
            media: media.to_owned(),
            port: port.parse().ok()?,
            port_count,
            protocol: Protocol::parse(protocol),
            formats,
        })
    }

    /// The formats that are RTP payload types (0–127), in order of preference.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(|f| f.parse().ok()).filter(|pt| *pt < 128)
    }

    /// Whether this is the audio of a call.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.media.eq_ignore_ascii_case("audio")
    }
}

impl fmt::Display for MediaLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.media, self.port)?;
        self.port_count.iter().try_for_each(|count| write!(f, "/{count}"))?;
        write!(f, " {}", self.protocol)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))
    }
}

/// The transport of a media stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// `RTP/AVP`: plain RTP.
    Avp,
    /// `RTP/AVPF`: RTP with early feedback (RFC 4585).
    Avpf,
    /// `RTP/SAVP`: SRTP (RFC 3711).
    Savp,
    /// `RTP/SAVPF`: SRTP with early feedback (RFC 5124).
    Savpf,
    /// `UDP/TLS/RTP/SAVP`: SRTP keyed by DTLS (RFC 5764).
    DtlsSavp,
    /// `UDP/TLS/RTP/SAVPF`: the same with early feedback.
    DtlsSavpf,
    /// `udptl`: T.38 fax.
    Udptl,
    /// Any other token, as it was written.
    Other(String),
}

impl Protocol {
    const KNOWN: [(Self, &'static str); 7] = [
        (Self::Avp, "RTP/AVP"),
        (Self::Avpf, "RTP/AVPF"),
        (Self::Savp, "RTP/SAVP"),
        (Self::Savpf, "RTP/SAVPF"),
        (Self::DtlsSavp, "UDP/TLS/RTP/SAVP"),
        (Self::DtlsSavpf, "UDP/TLS/RTP/SAVPF"),
        (Self::Udptl, "udptl"),
    ];

    fn parse(token: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(token));
        known.map_or_else(|| Self::Other(token.to_owned()), |(protocol, _)| protocol)
    }

    /// Whether the stream must be SRTP.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        match self {
            Self::Savp | Self::Savpf | Self::DtlsSavp | Self::DtlsSavpf => true,
            Self::Avp | Self::Avpf | Self::Udptl | Self::Other(_) => false,
        }
    }

    /// Whether the keys come from a DTLS handshake on the media path.
    #[must_use]
    pub fn is_dtls(&self) -> bool {
        matches!(self, Self::DtlsSavp | Self::DtlsSavpf)
    }

    /// Whether the stream is RTP over UDP.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        !matches!(self, Self::Udptl | Self::Other(_))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(token) = self {
            return f.write_str(token);
        }
        let name = Self::KNOWN.iter().find(|(protocol, _)| protocol == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_media_lines() {
        for value in [
            "audio 49170 RTP/AVP 0 8 101",
            "video 51372/2 UDP/TLS/RTP/SAVPF 96",
            "image 4002 udptl t38",
            "application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "message 7654 TCP/MSRP *",
        ] {
            assert_eq!(MediaLine::parse(value).unwrap().to_string(), value);
        }
        assert_eq!(MediaLine::parse("audio 1 rtp/savp 0 ").unwrap().protocol, Protocol::Savp);
    }

    #[test]
    fn refuses_impossible_media_lines() {
        for value in [
            "",
            "audio",
            "audio 1 RTP/AVP",
            "audio 65536 RTP/AVP 0",
            "audio -1 RTP/AVP 0",
            "audio +1 RTP/AVP 0",
            "audio 1/x RTP/AVP 0",
        ] {
            assert_eq!(MediaLine::parse(value), None, "{value}");
        }
    }

    #[test]
    fn payload_types_stay_below_128() {
        let line = MediaLine::parse("audio 1 RTP/AVP 0 127 128 256 t38").unwrap();
        assert_eq!(line.payload_types().collect::<Vec<_>>(), [0, 127]);
    }
}
