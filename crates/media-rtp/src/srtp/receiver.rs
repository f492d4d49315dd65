//! Verifying and decrypting what comes in.

use super::sender::{ActiveKey, RtpShape, rtcp_ssrc};
use super::sources::{Sources, Unusable};
use super::transform::{ENCRYPTED, INDEX, Place, Transform};
use super::{MasterKey, SrtpConfig, SrtpProfile, SrtpSetupError, UnprotectError};
use crate::wire::u32_at;

/// The most keys a receiver holds at once, told apart by their MKI.
pub const MAX_KEYS: usize = 4;

/// Verifies and decrypts the packets of one direction of a stream.
///
/// State is kept for authenticated sources only, and for at most `max_sources` of them.
pub struct SrtpReceiver {
    profile: SrtpProfile,
    mki_len: usize,
    keys: Vec<ActiveKey>,
    rtp: Sources,
    rtcp: Sources,
    clear_rtcp: bool,
    stats: SrtpStats,
}

/// Packets by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SrtpStats {
    /// Authentic SRTP packets.
    pub rtp: u64,
    /// Authentic SRTCP packets.
    pub rtcp: u64,
    /// Too short, or a header that contradicts the length.
    pub malformed: u64,
    /// No key with their MKI.
    pub unknown_key: u64,
    /// Seen before.
    pub replayed: u64,
    /// Older than the replay window.
    pub too_old: u64,
    /// The tag did not match.
    pub unauthentic: u64,
    /// From a source too many.
    pub refused_sources: u64,
    /// For a key that was used up.
    pub expired: u64,
    /// SRTCP with the wrong encryption flag.
    pub clear_rtcp: u64,
}

impl SrtpReceiver {
    /// A receiver without sources yet.
    ///
    /// # Errors
    /// [`SrtpSetupError`] when `config` is out of range.
    pub fn new(master: &MasterKey, config: &SrtpConfig) -> Result<Self, SrtpSetupError> {
        config.check()?;
        Ok(Self {
            profile: master.profile(),
            mki_len: master.mki().len(),
            keys: vec![ActiveKey::new(master)],
            rtp: Sources::new(config),
            rtcp: Sources::new(config),
            clear_rtcp: config.clear_rtcp,
            stats: SrtpStats::default(),
        })
    }

    /// Verifies and decrypts an SRTP packet in place; returns the length of the plain packet.
    ///
    /// # Errors
    /// [`UnprotectError`]. No state changes but the counters.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let opened = self.open_rtp(packet);
        self.stats.count(opened, |stats| &mut stats.rtp);
        opened
    }

    /// Verifies and decrypts an SRTCP packet in place; returns the length of the plain compound.
    ///
    /// # Errors
    /// [`UnprotectError`]. No state changes but the counters.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let opened = self.open_rtcp(packet);
        self.stats.count(opened, |stats| &mut stats.rtcp);
        opened
    }

    fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let overhead = self.profile.rtp_tag_len() + self.mki_len;
        let len = packet.len().checked_sub(overhead).ok_or(UnprotectError::Malformed)?;
        let shape = RtpShape::read(&packet[..len]).ok_or(UnprotectError::Malformed)?;
        let found = self.rtp.locate(shape.ssrc, shape.sequence)?;
        let key = select(&mut self.keys, self.mki_len, packet, |key| &key.rtp)?;
        let left = key.rtp_left.checked_sub(1).ok_or(UnprotectError::KeyExpired)?;
        let place = Place { ssrc: shape.ssrc, index: found.index };
        if !key.rtp.open_rtp(packet, shape.header, len, place) {
            return Err(UnprotectError::Authentication);
        }
        key.rtp_left = left;
        self.rtp.admit(found);
        Ok(len)
    }

    fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let overhead = self.profile.rtcp_tag_len() + self.mki_len + INDEX;
        let len = packet.len().checked_sub(overhead).ok_or(UnprotectError::Malformed)?;
        let ssrc = rtcp_ssrc(&packet[..len]).ok_or(UnprotectError::Malformed)?;
        let key = select(&mut self.keys, self.mki_len, packet, |key| &key.rtcp)?;
        let at = key.rtcp.rtcp_index_at(packet.len(), self.mki_len);
        let word = u32_at(packet, at).ok_or(UnprotectError::Malformed)?;
        let (encrypted, index) = (word & ENCRYPTED != 0, u64::from(word & !ENCRYPTED));
        let found = self.rtcp.locate_index(ssrc, index)?;
        let left = key.rtcp_left.checked_sub(1).ok_or(UnprotectError::KeyExpired)?;
        // RFC 3711 §3.4: the tag is mandatory and covers the flag, so a cleared flag hides nothing.
        if !key.rtcp.open_rtcp(packet, len, Place { ssrc, index }, encrypted) {
            return Err(UnprotectError::Authentication);
        }
        if encrypted == self.clear_rtcp {
            return Err(UnprotectError::ClearRtcp);
        }
        key.rtcp_left = left;
        self.rtcp.admit(found);
        Ok(len)
    }

    /// Continues with a new key and forgets all others. Rollover counters and replay windows run on (RFC 3711 §3.3.1).
    pub fn rekey(&mut self, master: &MasterKey) {
        self.profile = master.profile();
        self.mki_len = master.mki().len();
        self.keys = vec![ActiveKey::new(master)];
    }

    /// Adds a key told apart by its MKI, replacing one with the same MKI.
    ///
    /// # Errors
    /// [`SrtpSetupError::KeyMismatch`], [`SrtpSetupError::TooManyKeys`] above [`MAX_KEYS`].
    pub fn add_key(&mut self, master: &MasterKey) -> Result<(), SrtpSetupError> {
        if master.profile() != self.profile || master.mki().len() != self.mki_len {
            return Err(SrtpSetupError::KeyMismatch);
        }
        self.remove_key(master.mki());
        if self.keys.len() == MAX_KEYS {
            return Err(SrtpSetupError::TooManyKeys);
        }
        self.keys.push(ActiveKey::new(master));
        Ok(())
    }

    /// Removes the key with this MKI, if there is one.
    pub fn remove_key(&mut self, mki: &[u8]) {
        self.keys.retain(|key| *key.mki != *mki);
    }

    /// The rollover counter of a source.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.rtp.roc(ssrc)
    }

    /// Sets the rollover counter of a source's next packet, as a receiver that joins late must (RFC 3711 §3.3.1).
    ///
    /// The source's replay window starts anew.
    ///
    /// # Errors
    /// [`SrtpSetupError::TooManySources`].
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), SrtpSetupError> {
        self.rtp.set_roc(ssrc, roc)
    }

    /// Gives up a source that will not come back, to make room. Its old packets could then be replayed until a new key.
    pub fn forget(&mut self, ssrc: u32) {
        self.rtp.forget(ssrc);
        self.rtcp.forget(ssrc);
    }

    /// Sources with state: SRTP, SRTCP.
    #[must_use]
    pub fn sources(&self) -> (usize, usize) {
        (self.rtp.len(), self.rtcp.len())
    }

    /// The counts so far.
    #[must_use]
    pub fn stats(&self) -> SrtpStats {
        self.stats
    }
}

/// The key a packet names by its MKI; without MKI, the only one.
fn select<'k>(
    keys: &'k mut [ActiveKey],
    mki_len: usize,
    packet: &[u8],
    side: fn(&ActiveKey) -> &Transform,
) -> Result<&'k mut ActiveKey, UnprotectError> {
    let named = keys.iter_mut().find(|key| mki_len == 0 || side(key).mki(packet, mki_len) == &*key.mki);
    named.ok_or(UnprotectError::UnknownKey)
}

impl SrtpStats {
    /// Packets refused for any reason.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.malformed
            + self.unknown_key
            + self.replayed
            + self.too_old
            + self.unauthentic
            + self.refused_sources
            + self.expired
            + self.clear_rtcp
    }

    fn count(&mut self, opened: Result<usize, UnprotectError>, accepted: fn(&mut Self) -> &mut u64) {
        let counter = match opened {
            Ok(_) => accepted(self),
            Err(UnprotectError::Malformed) => &mut self.malformed,
            Err(UnprotectError::UnknownKey) => &mut self.unknown_key,
            Err(UnprotectError::Replayed) => &mut self.replayed,
            Err(UnprotectError::TooOld) => &mut self.too_old,
            Err(UnprotectError::Authentication) => &mut self.unauthentic,
            Err(UnprotectError::TooManySources) => &mut self.refused_sources,
            Err(UnprotectError::KeyExpired) => &mut self.expired,
            Err(UnprotectError::ClearRtcp) => &mut self.clear_rtcp,
        };
        *counter += 1;
    }
}

impl From<Unusable> for UnprotectError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Replayed => Self::Replayed,
            Unusable::TooOld => Self::TooOld,
            Unusable::Full => Self::TooManySources,
            Unusable::Exhausted => Self::KeyExpired,
        }
    }
}
