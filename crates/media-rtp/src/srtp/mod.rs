//! SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714), in place and without allocation per packet.
//!
//! ```text
//!  plain packet ─► SrtpSender ──► header │ ciphertext │ [MKI] │ tag        (AES-CM + HMAC-SHA1)
//!                                 header │ ciphertext+tag │ [MKI]          (AES-GCM)
//!  packet on the wire ─► SrtpReceiver
//!       1 shape      header, tag and MKI fit, or Malformed
//!       2 source     known, or room for one more, or TooManySources
//!       3 index      48 bits estimated from the sequence number (RFC 3711 §3.3.1)
//!       4 replay     not seen and not older than the window, or Replayed / TooOld
//!       5 tag        verified, or Authentication — nothing before this line has changed any state
//!       6 decrypt    in place; the source is admitted and the window moves
//! ```
//!
//! One [`SrtpSender`] and one [`SrtpReceiver`] belong to a media stream; [`SrtpSession`] joins them for code that
//! works with any [`SrtpBackend`]. Rollover counters can be read and set, because a receiver that joins late or keeps
//! an SSRC over a hold cannot guess them.
//!
//! Not implemented, on purpose: the NULL and F8 ciphers, unauthenticated SRTP or SRTCP, a key derivation rate other than 0
//! (RFC 3711 §4.3.1 permits it, nobody uses it), encrypted header extensions (RFC 6904), 8-octet GCM tags.
//!
//! ```
//! use media_rtp::rtp::RtpBuilder;
//! use media_rtp::srtp::{MasterKey, SrtpConfig, SrtpProfile, SrtpReceiver, SrtpSender, UnprotectError};
//!
//! let inline = [7; 30]; // key and salt from a=crypto
//! let key = MasterKey::from_inline(SrtpProfile::AesCm128HmacSha1_80, &inline)?;
//! let mut sender = SrtpSender::new(&key, &SrtpConfig::default())?;
//! let mut receiver = SrtpReceiver::new(&key, &SrtpConfig::default())?;
//!
//! let mut buffer = [0; 200];
//! let plain = RtpBuilder::new(0, 1, 160, 0xCAFE).payload(b"speech").write(&mut buffer)?;
//! let protected = sender.protect_rtp(&mut buffer, plain)?;
//! let mut again = buffer;
//! assert_eq!(receiver.unprotect_rtp(&mut buffer[..protected])?, plain);
//! assert_eq!(receiver.unprotect_rtp(&mut again[..protected]), Err(UnprotectError::Replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod counter_mode;
mod derive;
mod error;
mod gcm;
mod key;
mod profile;
mod receiver;
mod replay;
mod sender;
mod sources;
mod transform;
#[cfg(feature = "webrtc-srtp")]
mod webrtc;

pub use backend::{SrtpBackend, SrtpSession};
pub use error::{ProtectError, SrtpSetupError, UnprotectError};
pub use key::{KeyError, MAX_MKI, MasterKey};
pub use profile::SrtpProfile;
pub use receiver::{MAX_KEYS, SrtpReceiver, SrtpStats};
pub use sender::SrtpSender;
#[cfg(feature = "webrtc-srtp")]
pub use webrtc::WebrtcSrtp;

/// The most octets protection adds to a packet: the GCM tag, the SRTCP index and the longest MKI.
pub const MAX_OVERHEAD: usize = 16 + 4 + MAX_MKI;

/// How one direction of a stream is protected, beside its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpConfig {
    /// Packets behind the newest that are still accepted once, 64..=1024. Default 128. Replay protection cannot be
    /// turned off.
    pub replay_window: u16,
    /// Sources one key may carry, 1..=255. Default 8.
    pub max_sources: u8,
    /// The rollover counter of a source's first packet. Default 0.
    pub initial_roc: u32,
    /// SRTCP is authenticated but not encrypted: `UNENCRYPTED_SRTCP` of RFC 4568 §6.3.2. Default false.
    pub clear_rtcp: bool,
}

impl Default for SrtpConfig {
    fn default() -> Self {
        Self { replay_window: 128, max_sources: 8, initial_roc: 0, clear_rtcp: false }
    }
}

impl SrtpConfig {
    fn check(&self) -> Result<(), SrtpSetupError> {
        // RFC 3711 §3.3.2: the window is at least 64 packets.
        if !(64..=1024).contains(&self.replay_window) {
            return Err(SrtpSetupError::ReplayWindow(self.replay_window));
        }
        if self.max_sources == 0 { Err(SrtpSetupError::MaxSources) } else { Ok(()) }
    }
}
