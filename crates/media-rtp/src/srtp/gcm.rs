//! AES in Galois/counter mode (RFC 7714).

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

/// Octets of the tag.
pub(super) const TAG: usize = 16;

/// The session key and salt of one direction for SRTP or SRTCP.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    pub(super) fn new(key: &[u8], salt: &[u8; 12]) -> Self {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let key =
            UnboundKey::new(algorithm, key).expect("SrtpProfile::key_len is one of the AES-GCM key sizes");
        Self { key: LessSafeKey::new(key), salt: *salt }
    }

    /// Encrypts `data` in place and returns the tag over `aad` and `data`.
    pub(super) fn seal(&self, ssrc: u32, index: u64, aad: &[u8], data: &mut [u8]) -> Tag {
        self.key
            .seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(aad), data)
            .expect("a datagram is far below the 64 GiB limit of GCM")
    }

    /// Verifies and decrypts `data`, which ends in the tag.
    #[must_use]
    pub(super) fn open(&self, ssrc: u32, index: u64, aad: &[u8], data: &mut [u8]) -> bool {
        self.key.open_in_place(self.nonce(ssrc, index), Aad::from(aad), data).is_ok()
    }

    /// RFC 7714 §8.1, §9.1: two zero octets, the SSRC, and 48 bits of index (for SRTCP 31), XOR the salt.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut iv = self.salt;
        let packet = (u128::from(ssrc) << 48 | u128::from(index)).to_be_bytes();
        iv.iter_mut().zip(&packet[4..]).for_each(|(iv, packet)| *iv ^= packet);
        Nonce::assume_unique_for_key(iv)
    }
}
