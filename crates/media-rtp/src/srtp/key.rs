//! Master keys: what signalling or DTLS hands over.

use std::fmt;

use zeroize::Zeroizing;

use super::SrtpProfile;

/// The longest master key identifier (RFC 4568 §6.1: 1 to 128 octets).
pub const MAX_MKI: usize = 128;

/// A master key and salt with its suite, lifetime and optional identifier.
///
/// Wiped from memory when dropped; `Debug` masks key and salt.
#[derive(Clone)]
pub struct MasterKey {
    profile: SrtpProfile,
    key_and_salt: Zeroizing<Vec<u8>>,
    mki: Vec<u8>,
    lifetime: u64,
}

/// Why key material does not make a [`MasterKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Key and salt have another length than the suite needs.
    #[error("key material has {have} octets, the suite needs {need}; check the inline parameter")]
    Length {
        /// Octets given.
        have: usize,
        /// Octets of key and salt the suite needs.
        need: usize,
    },
    /// The identifier is empty or longer than 128 octets.
    #[error("MKI of {0} octets is not between 1 and 128; refuse the key")]
    Mki(usize),
    /// A lifetime of 0 or above 2^48 packets (RFC 3711 §9.2).
    #[error("key lifetime of {0} packets is not between 1 and 2^48; refuse the key")]
    Lifetime(u64),
}

impl MasterKey {
    /// The most SRTP packets one master key may protect (RFC 3711 §9.2).
    pub const MAX_LIFETIME: u64 = 1 << 48;

    /// A key from separate key and salt.
    ///
    /// # Errors
    /// [`KeyError::Length`] when either has another length than `profile` needs.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        let need = profile.key_len() + profile.salt_len();
        let have = key.len() + salt.len();
        if key.len() != profile.key_len() || have != need {
            return Err(KeyError::Length { have, need });
        }
        let mut key_and_salt = Zeroizing::new(Vec::with_capacity(need));
        key_and_salt.extend_from_slice(key);
        key_and_salt.extend_from_slice(salt);
        Ok(Self { profile, key_and_salt, mki: Vec::new(), lifetime: Self::MAX_LIFETIME })
    }

    /// A key from key and salt in one piece, as the decoded `inline:` parameter carries them (RFC 4568 §6.1).
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn from_inline(profile: SrtpProfile, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        let (key, salt) = key_and_salt.split_at(profile.key_len().min(key_and_salt.len()));
        Self::new(profile, key, salt)
    }

    /// The client's and the server's key from exported DTLS keying material (RFC 5764 §4.2).
    ///
    /// # Errors
    /// [`KeyError::Length`] unless `material` has twice the octets of key and salt.
    pub fn from_dtls(profile: SrtpProfile, material: &[u8]) -> Result<(Self, Self), KeyError> {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        if material.len() != 2 * (key + salt) {
            return Err(KeyError::Length { have: material.len(), need: 2 * (key + salt) });
        }
        let (keys, salts) = material.split_at(2 * key);
        let client = Self::new(profile, &keys[..key], &salts[..salt])?;
        Ok((client, Self::new(profile, &keys[key..], &salts[salt..])?))
    }

    /// Gives the key an identifier that every packet carries (RFC 3711 §3.1).
    ///
    /// # Errors
    /// [`KeyError::Mki`].
    pub fn with_mki(mut self, mki: &[u8]) -> Result<Self, KeyError> {
        if !(1..=MAX_MKI).contains(&mki.len()) {
            return Err(KeyError::Mki(mki.len()));
        }
        self.mki = mki.to_vec();
        Ok(self)
    }

    /// Limits the packets the key may protect; SRTP and SRTCP are counted apart.
    ///
    /// # Errors
    /// [`KeyError::Lifetime`].
    pub fn with_lifetime(mut self, packets: u64) -> Result<Self, KeyError> {
        if !(1..=Self::MAX_LIFETIME).contains(&packets) {
            return Err(KeyError::Lifetime(packets));
        }
        self.lifetime = packets;
        Ok(self)
    }

    /// The suite.
    #[must_use]
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The identifier, empty when there is none.
    #[must_use]
    pub fn mki(&self) -> &[u8] {
        &self.mki
    }

    /// Packets the key may protect.
    #[must_use]
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The secret: key, then salt.
    #[must_use]
    pub fn expose(&self) -> (&[u8], &[u8]) {
        self.key_and_salt.split_at(self.profile.key_len())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("profile", &self.profile)
            .field("key_and_salt", &"***")
            .field("mki", &self.mki)
            .field("lifetime", &self.lifetime)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-35: the key never reaches a log through `Debug`.
    #[test]
    fn debug_masks_the_key() {
        let key = MasterKey::from_inline(SrtpProfile::AesCm128HmacSha1_80, &[0xA5; 30]).unwrap();
        let text = format!("{key:?} {key:#?}");
        assert!(
            text.contains("***") && !text.contains("165") && !text.to_lowercase().contains("a5"),
            "{text}"
        );
    }

    #[test]
    fn wrong_material_is_refused() {
        let profile = SrtpProfile::AeadAes256Gcm;
        assert_eq!(
            MasterKey::from_inline(profile, &[0; 43]).unwrap_err(),
            KeyError::Length { have: 43, need: 44 }
        );
        assert_eq!(
            MasterKey::new(profile, &[0; 31], &[0; 13]).unwrap_err(),
            KeyError::Length { have: 44, need: 44 }
        );
        assert_eq!(MasterKey::from_inline(profile, &[]).unwrap_err(), KeyError::Length { have: 0, need: 44 });
        let key = MasterKey::from_inline(profile, &[0; 44]).unwrap();
        assert_eq!(key.clone().with_mki(&[]).unwrap_err(), KeyError::Mki(0));
        assert_eq!(key.clone().with_mki(&[0; 129]).unwrap_err(), KeyError::Mki(129));
        assert_eq!(key.clone().with_lifetime(0).unwrap_err(), KeyError::Lifetime(0));
        assert_eq!(key.with_lifetime((1 << 48) + 1).unwrap_err(), KeyError::Lifetime((1 << 48) + 1));
    }

    /// RFC 5764 §4.2: client key, server key, client salt, server salt.
    #[test]
    fn dtls_material_is_split_in_order() {
        let material: Vec<u8> = (0..60).collect();
        let (client, server) = MasterKey::from_dtls(SrtpProfile::AesCm128HmacSha1_80, &material).unwrap();
        assert_eq!(client.expose(), (&material[..16], &material[32..46]));
        assert_eq!(server.expose(), (&material[16..32], &material[46..]));
        assert!(MasterKey::from_dtls(SrtpProfile::AesCm128HmacSha1_80, &material[..59]).is_err());
    }
}
