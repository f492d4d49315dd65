//! How media is spoken with one kind of peer: what a trunk or a phone is configured for.

use std::sync::Arc;
use std::time::Duration;

use media_rtp::dtmf::InfoKind;
use media_rtp::dtmf::mask::EventMask;
use media_rtp::sdp::offer_answer::{Codec, Dtmf, DynamicPayloadType, SrtpPolicy};
use media_rtp::sdp::{MediaConfig, TargetPolicy};
use media_rtp::srtp::SrtpProfile;

use super::ports::PoolId;

/// What is offered to, accepted from and believed of one kind of peer.
#[derive(Debug, Clone)]
pub struct LegProfile {
    /// Codecs, best first.
    pub codecs: Vec<Codec>,
    /// How digits travel.
    pub dtmf: DtmfMethod,
    /// Whether SRTP is wanted.
    pub srtp: SrtpPolicy,
    /// SRTP suites, best first.
    pub suites: Vec<SrtpProfile>,
    /// Whether comfort noise is offered and accepted.
    pub comfort_noise: bool,
    /// Whether RTP and RTCP may share a port.
    pub rtcp_mux: bool,
    /// Audio per packet.
    pub packet_time: Duration,
    /// Whose packets are believed to be the peer's.
    pub latch: Latching,
    /// Which addresses the peer may name.
    pub targets: TargetPolicy,
    /// Which ports are used towards it.
    pub pool: PoolId,
    /// What its digits become before anybody else sees them.
    pub mask: Option<EventMask>,
}

impl Default for LegProfile {
    /// G.711 both laws, RTP events, SRTP where the peer has it, 20 ms, media from the host that signals.
    fn default() -> Self {
        let MediaConfig { codecs, suites, targets, .. } = MediaConfig::default();
        Self {
            codecs,
            dtmf: DtmfMethod::default(),
            srtp: SrtpPolicy::Optional,
            suites,
            comfort_noise: false,
            rtcp_mux: false,
            packet_time: Duration::from_millis(20),
            latch: Latching::default(),
            targets,
            pool: PoolId::default(),
            mask: None,
        }
    }
}

impl LegProfile {
    pub(super) fn media_config(&self) -> MediaConfig {
        let dtmf = match self.dtmf {
            DtmfMethod::RtpEvents(payload_type) => Dtmf::RtpEvents(payload_type),
            DtmfMethod::InBand | DtmfMethod::SipInfo(_) => Dtmf::InBand,
        };
        MediaConfig {
            codecs: self.codecs.clone(),
            dtmf,
            comfort_noise: self.comfort_noise,
            srtp: self.srtp,
            suites: self.suites.clone(),
            rtcp_mux: self.rtcp_mux,
            ptime: u16::try_from(self.packet_time.as_millis()).unwrap_or(20),
            max_ptime: None,
            targets: self.targets.clone(),
        }
    }
}

/// What the sides of calls can do: one value for all that can do the same.
#[derive(Debug, Default)]
pub(crate) struct Abilities(Vec<Arc<MediaConfig>>);

impl Abilities {
    /// What a profile says.
    pub(crate) fn of(&mut self, profile: &LegProfile) -> Arc<MediaConfig> {
        let config = profile.media_config();
        if let Some(known) = self.0.iter().find(|known| ***known == config) {
            return Arc::clone(known);
        }
        // What an older configuration said goes with the last call that began under it.
        self.0.retain(|known| Arc::strong_count(known) > 1);
        let config = Arc::new(config);
        self.0.push(Arc::clone(&config));
        config
    }
}

/// How DTMF digits travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtmfMethod {
    /// RTP events (RFC 4733), with this payload type where we choose it.
    RtpEvents(DynamicPayloadType),
    /// Tones in the audio.
    InBand,
    /// SIP INFO.
    SipInfo(InfoKind),
}

impl Default for DtmfMethod {
    /// RTP events with payload type 101.
    fn default() -> Self {
        let Dtmf::RtpEvents(payload_type) = Dtmf::default() else { return Self::InBand };
        Self::RtpEvents(payload_type)
    }
}

/// Whose packets are believed to be the peer's (symmetric RTP). The signalled address always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latching {
    /// Nobody else's.
    Signalled,
    /// Those from the host that signals, at any port, after so many in sequence: a phone behind NAT.
    SignallingHost {
        /// How many.
        packets: u8,
    },
    /// Those of anybody after so many in sequence: a carrier with media servers it does not name.
    Anybody {
        /// How many.
        packets: u8,
    },
    /// The signalled address, and only one stream from it.
    Strict,
}

impl Default for Latching {
    /// The host that signals, after five packets.
    fn default() -> Self {
        Self::SignallingHost { packets: 5 }
    }
}
