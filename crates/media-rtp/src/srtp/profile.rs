//! The cipher suites and their lengths.

/// A cipher suite for SRTP and SRTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SrtpProfile {
    /// AES-128 counter mode, 80-bit HMAC-SHA1 tag (RFC 3711). Every SRTP implementation has it.
    AesCm128HmacSha1_80,
    /// AES-128 counter mode, 32-bit tag on SRTP and 80-bit tag on SRTCP (RFC 3711).
    AesCm128HmacSha1_32,
    /// AES-192 counter mode, 80-bit tag (RFC 6188).
    AesCm192HmacSha1_80,
    /// AES-192 counter mode, 32-bit tag on SRTP (RFC 6188).
    AesCm192HmacSha1_32,
    /// AES-256 counter mode, 80-bit tag (RFC 6188).
    AesCm256HmacSha1_80,
    /// AES-256 counter mode, 32-bit tag on SRTP (RFC 6188).
    AesCm256HmacSha1_32,
    /// AES-128 in Galois/counter mode, 16-octet tag (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode, 16-octet tag (RFC 7714).
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// All suites, strongest first within each family.
    pub const ALL: [Self; 8] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm192HmacSha1_80,
        Self::AesCm192HmacSha1_32,
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
    ];

    /// Octets of the master key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm192HmacSha1_80 | Self::AesCm192HmacSha1_32 => 24,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of the master salt.
    #[must_use]
    pub fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Octets of the tag on SRTP packets.
    #[must_use]
    pub fn rtp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm192HmacSha1_80 | Self::AesCm256HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 | Self::AesCm192HmacSha1_32 | Self::AesCm256HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Octets of the tag on SRTCP packets.
    #[must_use]
    pub fn rtcp_tag_len(self) -> usize {
        // RFC 4568 §6.2.2, RFC 6188 §4: the 32-bit suites still tag SRTCP with 80 bits.
        if self.is_aead() { 16 } else { 10 }
    }

    /// True for the Galois/counter mode suites.
    #[must_use]
    pub fn is_aead(self) -> bool {
        matches!(self, Self::AeadAes128Gcm | Self::AeadAes256Gcm)
    }

    /// The name in `a=crypto` (RFC 4568 §6.2, RFC 6188 §6, RFC 7714 §14.2).
    #[must_use]
    pub fn sdes_name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm192HmacSha1_80 => "AES_192_CM_HMAC_SHA1_80",
            Self::AesCm192HmacSha1_32 => "AES_192_CM_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite an `a=crypto` line names, in any letter case (RFC 4568 §9.2: names are ABNF literals).
    #[must_use]
    pub fn from_sdes_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.sdes_name().eq_ignore_ascii_case(name))
    }

    /// The number in the DTLS `use_srtp` extension, `None` for suites DTLS does not have (RFC 5764 §4.1.2, RFC 7714 §14.2).
    #[must_use]
    pub fn dtls_id(self) -> Option<u16> {
        match self {
            Self::AesCm128HmacSha1_80 => Some(1),
            Self::AesCm128HmacSha1_32 => Some(2),
            Self::AeadAes128Gcm => Some(7),
            Self::AeadAes256Gcm => Some(8),
            Self::AesCm192HmacSha1_80
            | Self::AesCm192HmacSha1_32
            | Self::AesCm256HmacSha1_80
            | Self::AesCm256HmacSha1_32 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_suite() {
        for profile in SrtpProfile::ALL {
            assert_eq!(SrtpProfile::from_sdes_name(profile.sdes_name()), Some(profile));
            assert_eq!(SrtpProfile::from_sdes_name(&profile.sdes_name().to_lowercase()), Some(profile));
        }
        assert_eq!(SrtpProfile::from_sdes_name("F8_128_HMAC_SHA1_80"), None);
        assert_eq!(SrtpProfile::from_sdes_name("NULL_HMAC_SHA1_80"), None);
    }
}
