//! Protecting what goes out.

use super::sources::{Candidate, Sources, Unusable};
use super::transform::{INDEX, Place, RTCP_CLEAR, Transform};
use super::{MasterKey, ProtectError, SrtpConfig, SrtpSetupError};
use crate::wire::{u16_at, u32_at};

/// Protects the packets of one direction of a stream.
pub struct SrtpSender {
    key: ActiveKey,
    rtp: Sources,
    rtcp: Sources,
    clear_rtcp: bool,
}

/// Session keys with what is left of their lifetime.
pub(super) struct ActiveKey {
    pub(super) rtp: Transform,
    pub(super) rtcp: Transform,
    pub(super) mki: Box<[u8]>,
    pub(super) rtp_left: u64,
    pub(super) rtcp_left: u64,
}

/// The SRTCP index has 31 bits (RFC 3711 §3.4, §9.2).
const MAX_RTCP: u64 = 1 << 31;

impl ActiveKey {
    pub(super) fn new(master: &MasterKey) -> Self {
        Self {
            rtp: Transform::rtp(master),
            rtcp: Transform::rtcp(master),
            mki: master.mki().into(),
            rtp_left: master.lifetime(),
            rtcp_left: master.lifetime().min(MAX_RTCP),
        }
    }
}

impl SrtpSender {
    /// A sender without sources yet.
    ///
    /// # Errors
    /// [`SrtpSetupError`] when `config` is out of range.
    pub fn new(master: &MasterKey, config: &SrtpConfig) -> Result<Self, SrtpSetupError> {
        config.check()?;
        Ok(Self {
            key: ActiveKey::new(master),
            rtp: Sources::new(config),
            rtcp: Sources::new(config),
            clear_rtcp: config.clear_rtcp,
        })
    }

    /// Octets [`protect_rtp`](Self::protect_rtp) adds.
    #[must_use]
    pub fn rtp_overhead(&self) -> usize {
        self.key.rtp.tag_len() + self.key.mki.len()
    }

    /// Octets [`protect_rtcp`](Self::protect_rtcp) adds.
    #[must_use]
    pub fn rtcp_overhead(&self) -> usize {
        self.key.rtcp.tag_len() + self.key.mki.len() + INDEX
    }

    /// Protects the RTP packet `buffer[..len]` in place and returns its new length.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet is then unchanged and nothing was recorded.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let (need, have) = (len.saturating_add(self.rtp_overhead()), buffer.len());
        let whole = buffer.get_mut(..need).ok_or(ProtectError::NoRoom { need, have })?;
        let shape = RtpShape::read(&whole[..len]).ok_or(ProtectError::Malformed)?;
        let found = self.rtp.locate(shape.ssrc, shape.sequence)?;
        self.key.rtp_left = self.key.rtp_left.checked_sub(1).ok_or(ProtectError::KeyExpired)?;
        let place = Place { ssrc: shape.ssrc, index: found.index };
        self.key.rtp.seal_rtp(whole, shape.header, len, place, &self.key.mki);
        self.rtp.admit(found);
        Ok(need)
    }

    /// Protects the RTCP compound `buffer[..len]` in place and returns its new length.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet is then unchanged and nothing was recorded.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let (need, have) = (len.saturating_add(self.rtcp_overhead()), buffer.len());
        let whole = buffer.get_mut(..need).ok_or(ProtectError::NoRoom { need, have })?;
        let ssrc = rtcp_ssrc(&whole[..len]).ok_or(ProtectError::Malformed)?;
        let found: Candidate = self.rtcp.next_index(ssrc)?;
        if found.index >= MAX_RTCP {
            return Err(ProtectError::KeyExpired);
        }
        self.key.rtcp_left = self.key.rtcp_left.checked_sub(1).ok_or(ProtectError::KeyExpired)?;
        let place = Place { ssrc, index: found.index };
        self.key.rtcp.seal_rtcp(whole, len, place, !self.clear_rtcp, &self.key.mki);
        self.rtcp.admit(found);
        Ok(need)
    }

    /// Continues with a new key. Rollover counters and sequence numbers run on (RFC 3711 §3.3.1); the lifetime starts anew.
    pub fn rekey(&mut self, master: &MasterKey) {
        self.key = ActiveKey::new(master);
    }

    /// Packets the key may still protect: SRTP, SRTCP.
    #[must_use]
    pub fn packets_left(&self) -> (u64, u64) {
        (self.key.rtp_left, self.key.rtcp_left)
    }

    /// The rollover counter of a source.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.rtp.roc(ssrc)
    }

    /// Sets the rollover counter of a source's next packet.
    ///
    /// Going back to a counter that was used under this key repeats keystreams; do so only with a new key.
    ///
    /// # Errors
    /// [`SrtpSetupError::TooManySources`].
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), SrtpSetupError> {
        self.rtp.set_roc(ssrc, roc)
    }
}

impl From<Unusable> for ProtectError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Replayed | Unusable::TooOld => Self::Reused,
            Unusable::Full => Self::TooManySources,
            Unusable::Exhausted => Self::KeyExpired,
        }
    }
}

/// What SRTP needs of an RTP header; padding is encrypted and not looked at.
pub(super) struct RtpShape {
    pub(super) header: usize,
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
}

impl RtpShape {
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let &first = packet.first()?;
        let mut header = crate::rtp::RTP_FIXED_HEADER + 4 * usize::from(first & 0x0F);
        if first & 0x10 != 0 {
            header += 4 + 4 * usize::from(u16_at(packet, header + 2)?);
        }
        let fits = first >> 6 == 2 && header <= packet.len();
        fits.then_some(Self { header, sequence: u16_at(packet, 2)?, ssrc: u32_at(packet, 8)? })
    }
}

/// The sender's SSRC of a compound that is long enough for SRTCP.
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let &[first, packet_type, ..] = packet else { return None };
    let fits = first >> 6 == 2 && (192..=223).contains(&packet_type) && packet.len() >= RTCP_CLEAR;
    if fits { u32_at(packet, 4) } else { None }
}
