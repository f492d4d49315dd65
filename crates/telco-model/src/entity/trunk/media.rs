//! Media settings of a trunk.

use serde::{Deserialize, Serialize};

use crate::{
    entity::Check,
    value::{Dscp, PortRange},
};

/// Codecs, DTMF, encryption and ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkMedia {
    /// Codecs offered, most preferred first.
    pub codecs: Vec<Codec>,
    /// How DTMF is sent.
    pub dtmf: DtmfMethod,
    /// Payload type of RTP events, 96 to 127.
    pub dtmf_payload: u8,
    /// Whether media is encrypted.
    pub srtp: SrtpPolicy,
    /// Marking of media packets.
    pub dscp: Dscp,
    /// Marking of signalling packets.
    pub sip_dscp: Dscp,
    /// UDP ports for media (`docs/spec/conflicts.md`, K5); those of the edge when absent.
    pub ports: Option<PortRange>,
    /// Whether a call without media for a while is ended.
    pub disconnect_on_idle: bool,
}

impl Default for TrunkMedia {
    fn default() -> Self {
        TrunkMedia {
            codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            dtmf: DtmfMethod::RtpEvents,
            dtmf_payload: 101,
            srtp: SrtpPolicy::default(),
            dscp: Dscp::EF,
            sip_dscp: Dscp::CS3,
            ports: None,
            disconnect_on_idle: true,
        }
    }
}

/// A codec, by its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Codec {
    /// Opus (RFC 7587).
    #[serde(rename = "audio/opus")]
    Opus,
    /// G.711 µ-law.
    #[serde(rename = "audio/pcmu")]
    Pcmu,
    /// G.711 A-law.
    #[serde(rename = "audio/pcma")]
    Pcma,
    /// G.722.
    #[serde(rename = "audio/g722")]
    G722,
    /// G.729.
    #[serde(rename = "audio/g729")]
    G729,
}

/// How DTMF is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DtmfMethod {
    /// Out of band, RFC 4733.
    #[default]
    RtpEvents,
    /// As tones in the audio.
    InBand,
    /// Not at all.
    None,
}

/// Whether media is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SrtpPolicy {
    /// Offered on TLS trunks, used when the other side agrees.
    #[default]
    Negotiated,
    /// Calls without it fail.
    Required,
    /// Never offered.
    Off,
}

impl TrunkMedia {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if self.codecs.is_empty() {
            check.problem("media.codecs", "media.no_codec", "give at least one codec");
        }
        check.distinct("media.codecs", &self.codecs, "a codec is listed twice");
        check.dtmf_payload("media.dtmf_payload", self.dtmf_payload);
    }
}
