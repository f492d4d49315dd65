//! The seam behind which another SRTP implementation can stand.

use super::{MasterKey, ProtectError, SrtpConfig, SrtpReceiver, SrtpSender, SrtpSetupError, UnprotectError};

/// Both directions of a protected stream, whoever does the cryptography.
///
/// Packets are worked on in place: protecting needs room behind the packet for at most
/// [`MAX_OVERHEAD`](super::MAX_OVERHEAD) octets; unprotecting returns the shorter length.
pub trait SrtpBackend {
    /// Protects the RTP packet `buffer[..len]`; returns its new length.
    ///
    /// # Errors
    /// [`ProtectError`].
    fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError>;

    /// Protects the RTCP compound `buffer[..len]`; returns its new length.
    ///
    /// # Errors
    /// [`ProtectError`].
    fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError>;

    /// Verifies and decrypts an SRTP packet; returns the length of the plain packet.
    ///
    /// # Errors
    /// [`UnprotectError`].
    fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError>;

    /// Verifies and decrypts an SRTCP packet; returns the length of the plain compound.
    ///
    /// # Errors
    /// [`UnprotectError`].
    fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError>;
}

/// This crate's own implementation of both directions.
pub struct SrtpSession {
    /// What goes out, under the key we chose.
    pub sender: SrtpSender,
    /// What comes in, under the key the peer chose.
    pub receiver: SrtpReceiver,
}

impl SrtpSession {
    /// A session that sends with `local` and receives with `remote`.
    ///
    /// # Errors
    /// [`SrtpSetupError`] when `config` is out of range.
    pub fn new(local: &MasterKey, remote: &MasterKey, config: &SrtpConfig) -> Result<Self, SrtpSetupError> {
        Ok(Self { sender: SrtpSender::new(local, config)?, receiver: SrtpReceiver::new(remote, config)? })
    }
}

impl SrtpBackend for SrtpSession {
    fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        self.sender.protect_rtp(buffer, len)
    }

    fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        self.sender.protect_rtcp(buffer, len)
    }

    fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        self.receiver.unprotect_rtp(packet)
    }

    fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        self.receiver.unprotect_rtcp(packet)
    }
}
