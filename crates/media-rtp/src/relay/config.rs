//! How a relay and its legs behave.

use std::net::IpAddr;
use std::time::Duration;

use crate::dtmf::Method;
use crate::dtmf::mask::EventMask;
use crate::sdp::MediaSession;

/// Two legs and what joins them.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// The one leg.
    pub a: LegConfig,
    /// The other leg.
    pub b: LegConfig,
    /// What happens to RTCP.
    pub rtcp: RtcpMode,
    /// A leg that should receive and stays silent for so long is reported as idle. Default 60 s; `None`: never.
    pub idle: Option<Duration>,
}

impl RelayConfig {
    /// Two legs, RTCP relayed, idle after 60 s.
    #[must_use]
    pub fn new(a: LegConfig, b: LegConfig) -> Self {
        Self { a, b, rtcp: RtcpMode::Relay, idle: Some(Duration::from_secs(60)) }
    }
}

/// One leg: what was negotiated, and whom to believe.
#[derive(Debug, Clone)]
pub struct LegConfig {
    /// What offer/answer agreed on for this leg.
    pub session: MediaSession,
    /// Which source is believed to be the peer.
    pub latch: LatchPolicy,
    /// How digits are sent to this peer.
    pub digits: Method,
    /// What digits that this peer sends as events become before they are passed on or recorded.
    pub mask: Option<EventMask>,
}

impl LegConfig {
    /// A leg that believes the signalled address only, and sends digits as negotiated.
    #[must_use]
    pub fn new(session: MediaSession) -> Self {
        let digits = if session.send_dtmf.is_some() { Method::Events } else { Method::InBand };
        Self { session, latch: LatchPolicy::SignalledOnly, digits, mask: None }
    }

    /// The same leg with another latching policy.
    #[must_use]
    pub fn with_latch(self, latch: LatchPolicy) -> Self {
        Self { latch, ..self }
    }
}

/// Which source address is believed to be the peer (symmetric RTP, RFC 4961).
///
/// Whatever the policy, a packet counts only after its SRTP tag is verified, on a leg that has SRTP; and once a source is
/// taken, no packet changes it: only a new description does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatchPolicy {
    /// Only the address in the description.
    SignalledOnly,
    /// The address in the description at once; another one after `packets` valid packets in sequence from it, with
    /// nothing valid from anybody else in between.
    LearnAfter {
        /// How many packets, at least 1.
        packets: u8,
        /// The only address to learn from, at any port: normally the one the signalling comes from.
        from: Option<IpAddr>,
    },
    /// Only the address in the description, and only one RTP source (SSRC): the announced ones, else the first.
    Strict,
}

/// What happens to RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpMode {
    /// Passed on, with the identifiers rewritten that the relay rewrites in RTP.
    Relay,
    /// Ended on each leg; the relay reports what it sends and receives itself, at this interval.
    Terminate {
        /// Time between reports, at least one second; RFC 3550 §6.2 recommends 5 s.
        interval: Duration,
    },
}
