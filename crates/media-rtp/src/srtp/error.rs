//! What can go wrong, by operation.

/// Why a sender or receiver cannot be set up with a key and configuration. Configuration's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SrtpSetupError {
    /// The replay window is outside 64..=1024.
    #[error("replay window of {0} packets is not between 64 and 1024; choose one that is")]
    ReplayWindow(u16),
    /// No source may be admitted at all.
    #[error("at least one source must be allowed; raise max_sources")]
    MaxSources,
    /// A further key has another suite or another MKI length than the first.
    #[error("further key differs from the first in suite or MKI length; set up a new receiver")]
    KeyMismatch,
    /// More keys at once than a receiver holds.
    #[error("receiver already holds its most keys; remove one first")]
    TooManyKeys,
    /// The backend cannot do what key or configuration ask for.
    #[error("the backend does not support {0}; use another backend or setting")]
    Unsupported(&'static str),
    /// A rollover counter was set for more sources than allowed.
    #[error("no room for another source; raise max_sources")]
    TooManySources,
}

/// Why a packet was not protected. The caller's fault, or a limit of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The packet is no RTP or RTCP packet.
    #[error("not a well-formed RTP or RTCP packet; do not send it")]
    Malformed,
    /// The buffer has no room for tag and MKI.
    #[error("protected packet needs {need} octets, the buffer has {have}; pass a larger buffer")]
    NoRoom {
        /// Octets the protected packet needs.
        need: usize,
        /// Octets the buffer has.
        have: usize,
    },
    /// This source has used the sequence number before, or it is too old to know: sending it would repeat a keystream.
    #[error("sequence number was used already or is too old; do not send the packet")]
    Reused,
    /// Another source than those admitted.
    #[error("too many sources on one key; raise max_sources or use a new key")]
    TooManySources,
    /// The key has protected as many packets as it may (RFC 3711 §9.2).
    #[error("master key is used up; negotiate a new one")]
    KeyExpired,
}

/// Why a packet was not accepted. The sender's fault, an attack, or a limit.
///
/// The content of the packet's buffer is unspecified afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// Too short for header, tag and MKI, or the header contradicts the length.
    #[error("not a well-formed protected packet; drop it")]
    Malformed,
    /// No key has the packet's master key identifier.
    #[error("no key with the packet's MKI; drop it")]
    UnknownKey,
    /// The packet came before.
    #[error("packet is a replay; drop it")]
    Replayed,
    /// The packet is older than the replay window.
    #[error("packet is older than the replay window; drop it")]
    TooOld,
    /// The tag does not match: forged, damaged, another key, or another rollover counter.
    #[error("authentication failed; drop the packet and check keys and rollover counter")]
    Authentication,
    /// An unknown source while the most sources are admitted.
    #[error("too many sources; drop the packet")]
    TooManySources,
    /// The key has been used for as many packets as it may (RFC 3711 §9.2).
    #[error("master key is used up; negotiate a new one")]
    KeyExpired,
    /// Authentic SRTCP whose encryption flag contradicts what was negotiated.
    #[error("SRTCP encryption flag contradicts the negotiation; drop the packet")]
    ClearRtcp,
}
