//! What one side of a call can do and wants.

use std::net::SocketAddr;

use thiserror::Error;

use super::super::attribute::{Candidate, Fingerprint, IcePwd, IceUfrag};
use super::super::target::TargetPolicy;
use super::codec::{Codec, CodecError};
use crate::srtp::SrtpProfile;

/// What this side can do: codecs in order of preference, DTMF, SRTP, packet time, permitted targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConfig {
    /// Codecs, best first. Decides the order of an offer and the choice in an answer.
    pub codecs: Vec<Codec>,
    /// How digits travel.
    pub dtmf: Dtmf,
    /// Whether comfort noise (RFC 3389) is offered and accepted.
    pub comfort_noise: bool,
    /// Whether SRTP is wanted.
    pub srtp: SrtpPolicy,
    /// SRTP suites, best first.
    pub suites: Vec<SrtpProfile>,
    /// Whether RTP and RTCP may share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// Milliseconds of audio wanted per packet.
    pub ptime: u16,
    /// Most milliseconds of audio accepted per packet.
    pub max_ptime: Option<u16>,
    /// Which addresses the peer may name.
    pub targets: TargetPolicy,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            codecs: vec![Codec::pcmu(), Codec::pcma()],
            dtmf: Dtmf::default(),
            comfort_noise: false,
            srtp: SrtpPolicy::Optional,
            suites: vec![
                SrtpProfile::AesCm128HmacSha1_80,
                SrtpProfile::AesCm128HmacSha1_32,
                SrtpProfile::AeadAes256Gcm,
                SrtpProfile::AeadAes128Gcm,
            ],
            rtcp_mux: true,
            ptime: 20,
            max_ptime: None,
            targets: TargetPolicy::default(),
        }
    }
}

impl MediaConfig {
    /// The defaults with this codec preference list, for instance `["audio/opus", "audio/PCMU"]`.
    ///
    /// # Errors
    /// The first name that makes no codec.
    pub fn from_mime_list<'a>(mimes: impl IntoIterator<Item = &'a str>) -> Result<Self, CodecError> {
        let codecs = mimes.into_iter().map(Codec::from_mime).collect::<Result<_, _>>()?;
        Ok(Self { codecs, ..Self::default() })
    }
}

/// How DTMF digits travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtmf {
    /// Out of band as RTP events (RFC 4733), with the payload type offered for the first clock rate.
    RtpEvents(DynamicPayloadType),
    /// As tones in the audio.
    InBand,
}

impl Default for Dtmf {
    /// RTP events with payload type 101.
    fn default() -> Self {
        Self::RtpEvents(DynamicPayloadType(101))
    }
}

/// A payload type of the dynamic range, 96–127 (RFC 3551 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DynamicPayloadType(u8);

/// A payload type outside the dynamic range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("payload type {0} is outside 96 to 127")]
pub struct NotDynamic(pub u8);

impl TryFrom<u8> for DynamicPayloadType {
    type Error = NotDynamic;

    fn try_from(payload_type: u8) -> Result<Self, NotDynamic> {
        if (96..128).contains(&payload_type) { Ok(Self(payload_type)) } else { Err(NotDynamic(payload_type)) }
    }
}

impl From<DynamicPayloadType> for u8 {
    fn from(payload_type: DynamicPayloadType) -> Self {
        payload_type.0
    }
}

/// Whether SRTP is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpPolicy {
    /// Plain RTP only.
    Off,
    /// SRTP when the peer has it (offered as RFC 8643 does), else plain RTP.
    Optional,
    /// SRTP or no call.
    Required,
}

/// Whether every signalling hop under our control is encrypted, so that keys may travel in SDP (RFC 4568 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalling {
    /// TLS or WSS: `a=crypto` is written and read.
    Secure,
    /// UDP, TCP or WS: `a=crypto` is neither written nor read.
    Insecure,
}

/// Where this side receives, and its ICE and DTLS parameters.
#[derive(Debug, Clone)]
pub struct LocalMedia {
    /// Address and port for RTP, as the peer must see them.
    pub rtp: SocketAddr,
    /// Address and port for RTCP; normally the next port.
    pub rtcp: SocketAddr,
    /// ICE parameters, when an ICE agent serves this stream.
    pub ice: Option<Box<IceParameters>>,
    /// Certificate fingerprint, when a DTLS endpoint serves this stream.
    pub dtls: Option<Box<Fingerprint>>,
}

impl LocalMedia {
    /// RTP at this address and RTCP at the next port, without ICE and DTLS.
    #[must_use]
    pub fn new(rtp: SocketAddr) -> Self {
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
        Self { rtp, rtcp, ice: None, dtls: None }
    }
}

/// ICE credentials and candidates of one side (RFC 8839).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceParameters {
    /// User name fragment.
    pub ufrag: IceUfrag,
    /// Password.
    pub pwd: IcePwd,
    /// Candidates.
    pub candidates: Vec<Candidate>,
    /// `a=ice-lite`: this side only answers checks.
    pub lite: bool,
    /// `a=ice-options`, for instance `trickle`.
    pub options: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MR-004: the DTMF payload type is 96 to 127.
    #[test]
    fn dtmf_payload_type_is_dynamic() {
        assert_eq!(DynamicPayloadType::try_from(95), Err(NotDynamic(95)));
        assert_eq!(DynamicPayloadType::try_from(128), Err(NotDynamic(128)));
        for payload_type in 96..=127 {
            assert_eq!(u8::from(DynamicPayloadType::try_from(payload_type).unwrap()), payload_type);
        }
    }
}
