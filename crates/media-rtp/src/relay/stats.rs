//! What a leg has seen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Counters of one leg since the relay was made. Packets count once: by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LegStats {
    /// RTP packets accepted from the peer.
    pub received: u64,
    /// Octets of these, after decryption.
    pub received_octets: u64,
    /// RTP packets sent to the peer.
    pub sent: u64,
    /// Octets of these, before encryption.
    pub sent_octets: u64,
    /// RTCP compounds accepted from the peer.
    pub rtcp_received: u64,
    /// RTCP compounds sent to the peer.
    pub rtcp_sent: u64,
    /// Datagrams of other protocols: STUN, DTLS …
    pub not_media: u64,
    /// Datagrams that are nothing, or broken RTP or RTCP.
    pub malformed: u64,
    /// Packets from another source than the peer.
    pub wrong_source: u64,
    /// The last of these sources.
    pub last_wrong_source: Option<SocketAddr>,
    /// SRTP packets whose tag did not match.
    pub unauthentic: u64,
    /// SRTP packets refused for another reason: replayed, too old, key used up.
    pub refused_srtp: u64,
    /// RTP packets with a payload type that was not negotiated.
    pub unknown_payload: u64,
    /// The last of these payload types.
    pub last_unknown_payload: Option<u8>,
    /// RTP packets that the direction does not permit (hold), or that have nowhere to go.
    pub held: u64,
    /// Packets that could not be transcoded or protected.
    pub unsendable: u64,
    /// Payloads that changed codec on the way to the peer.
    pub transcoded: u64,
    /// Digits received, by whatever way.
    pub digits: u64,
    /// Errors the network reported for what was sent here (ICMP port or host unreachable).
    pub unreachable: u64,
    /// Outputs dropped because nobody polled.
    pub overflowed: u64,
    /// The clock the peer's timestamps run at.
    pub clock: ClockEstimate,
}

/// How fast the timestamps of the received audio advance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockEstimate {
    first: Option<(u32, u32, Instant)>,
    ticks: u64,
    last: u32,
    over: Duration,
}

impl ClockEstimate {
    pub(super) fn note(&mut self, ssrc: u32, timestamp: u32, now: Instant) {
        match self.first {
            Some((source, _, at)) if source == ssrc => {
                let ahead = timestamp.wrapping_sub(self.last) as i32;
                if ahead > 0 {
                    self.ticks += u64::from(ahead.unsigned_abs());
                    self.last = timestamp;
                    self.over = now.saturating_duration_since(at);
                }
            }
            Some(_) | None => {
                *self = Self { first: Some((ssrc, timestamp, now)), last: timestamp, ..Self::default() };
            }
        }
    }

    /// Ticks per second; `None` before two seconds of audio.
    #[must_use]
    pub fn hertz(&self) -> Option<u32> {
        let micros = self.over.as_micros();
        (self.over >= Duration::from_secs(2))
            .then(|| u32::try_from(u128::from(self.ticks) * 1_000_000 / micros).unwrap_or(u32::MAX))
    }
}
