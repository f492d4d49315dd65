//! What a negotiation agreed on: everything a relay or an endpoint needs to know.

use std::net::SocketAddr;

use super::super::attribute::{Direction, Fingerprint};
use super::codec::Codec;
use super::config::IceParameters;
use crate::srtp::MasterKey;

/// The agreed audio stream, seen from this side.
#[derive(Debug, Clone)]
pub struct MediaSession {
    /// Which `m=` section carries it, counted from 0.
    pub section: usize,
    /// Where this side receives RTP.
    pub local_rtp: SocketAddr,
    /// Where this side receives RTCP; equal to `local_rtp` with [`Self::rtcp_mux`].
    pub local_rtcp: SocketAddr,
    /// Where to send RTP. `None` when the peer gave the null address (old style of hold): send nothing.
    pub remote_rtp: Option<SocketAddr>,
    /// Where to send RTCP; `None` with `remote_rtp`.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// Which way media flows, seen from this side.
    pub direction: Direction,
    /// What to send. The parameters are those the peer asked for.
    pub send: Format,
    /// What the peer may send; the first is what it is expected to.
    pub receive: Vec<Format>,
    /// How to send digits; `None`: in the audio.
    pub send_dtmf: Option<TelephoneEvent>,
    /// How digits arrive; `None`: in the audio.
    pub receive_dtmf: Option<TelephoneEvent>,
    /// Comfort noise payload type, towards the peer and from it.
    pub comfort_noise: Option<(u8, u8)>,
    /// Milliseconds of audio to send per packet.
    pub ptime: u16,
    /// How the stream is protected.
    pub security: MediaSecurity,
    /// The peer's ICE parameters, without candidates that are refused as targets.
    pub ice: Option<Box<IceParameters>>,
    /// Sources the peer announced with `a=ssrc`.
    pub ssrcs: Vec<u32>,
}

/// A payload type and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Codec.
    pub codec: Codec,
}

/// A payload type for RFC 4733 events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Payload type.
    pub payload_type: u8,
    /// Clock rate of durations and timestamps in Hz; that of the audio codec where the peer has it.
    pub clock_rate: u32,
}

/// How a stream is protected.
#[derive(Debug, Clone)]
pub enum MediaSecurity {
    /// Plain RTP.
    Plain,
    /// SRTP with keys from the descriptions (RFC 4568).
    Sdes {
        /// Protects what this side sends.
        send: Box<MasterKey>,
        /// Protects what the peer sends.
        receive: Box<MasterKey>,
    },
    /// SRTP with keys from a DTLS handshake (RFC 5763).
    Dtls {
        /// One of these must match the peer's certificate.
        fingerprints: Vec<Fingerprint>,
        /// This side's role in the handshake.
        role: DtlsRole,
    },
}

/// Who starts the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsRole {
    /// This side starts (`setup:active`).
    Client,
    /// This side waits (`setup:passive`).
    Server,
}

impl MediaSecurity {
    /// Whether packets are SRTP.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        !matches!(self, Self::Plain)
    }
}
