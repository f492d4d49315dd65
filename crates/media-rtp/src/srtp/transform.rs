//! Where ciphertext, index, MKI and tag lie in a packet, for both families of suites.

use super::counter_mode::CounterMode;
use super::derive::{Label, derive};
use super::gcm::{Gcm, TAG};
use super::{MasterKey, SrtpProfile};

/// Octets of the RTCP header that stay readable: the fixed header and the sender's SSRC (RFC 3711 §3.4).
pub(super) const RTCP_CLEAR: usize = 8;

/// Octets of the encryption flag and SRTCP index.
pub(super) const INDEX: usize = 4;

/// The encryption flag in front of the 31-bit SRTCP index.
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// The session keys of SRTP or SRTCP in one direction.
pub(super) enum Transform {
    CounterMode(CounterMode),
    Gcm(Box<Gcm>),
}

/// A packet's place in its stream: whose it is and the index that makes its keystream unique.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    pub(super) index: u64,
}

impl Transform {
    /// The session keys for SRTP.
    pub(super) fn rtp(master: &MasterKey) -> Self {
        let tag_len = master.profile().rtp_tag_len();
        Self::derived(master, tag_len, [Label::RtpKey, Label::RtpTag, Label::RtpSalt])
    }

    /// The session keys for SRTCP.
    pub(super) fn rtcp(master: &MasterKey) -> Self {
        let tag_len = master.profile().rtcp_tag_len();
        Self::derived(master, tag_len, [Label::RtcpKey, Label::RtcpTag, Label::RtcpSalt])
    }

    fn derived(master: &MasterKey, tag_len: usize, [key, mac_key, salt]: [Label; 3]) -> Self {
        let profile = master.profile();
        let key = derive(master, key, profile.key_len());
        let mac_key = derive(master, mac_key, 20);
        let salt = derive(master, salt, profile.salt_len());
        Self::from_session_keys(profile, &key, &mac_key, &salt, tag_len)
    }

    pub(super) fn from_session_keys(
        profile: SrtpProfile,
        key: &[u8],
        mac_key: &[u8],
        salt: &[u8],
        tag_len: usize,
    ) -> Self {
        const LENGTH: &str = "SrtpProfile::salt_len is the length both modes take";
        if profile.is_aead() {
            Self::Gcm(Box::new(Gcm::new(key, salt.try_into().expect(LENGTH))))
        } else {
            Self::CounterMode(CounterMode::new(key, mac_key, salt.try_into().expect(LENGTH), tag_len))
        }
    }

    /// Octets of the tag.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::CounterMode(mode) => mode.tag_len(),
            Self::Gcm(_) => TAG,
        }
    }

    /// Protects the RTP packet `buffer[..len]`; `buffer` has exactly room for tag and MKI behind it.
    pub(super) fn seal_rtp(&self, buffer: &mut [u8], header: usize, len: usize, place: Place, mki: &[u8]) {
        match self {
            Self::CounterMode(mode) => {
                // RFC 3711 §3.1: ciphertext, MKI, then the tag over header, ciphertext and rollover counter.
                mode.apply_keystream(place.ssrc, place.index, &mut buffer[header..len]);
                let (packet, trailer) = buffer.split_at_mut(len);
                let (slot, tag) = trailer.split_at_mut(mki.len());
                slot.copy_from_slice(mki);
                mode.tag([packet, &place.roc()], tag);
            }
            Self::Gcm(gcm) => {
                // RFC 7714 §8.2: the header is associated data; ciphertext, tag, then the MKI.
                let (aad, rest) = buffer.split_at_mut(header);
                let (data, trailer) = rest.split_at_mut(len - header);
                let (tag, slot) = trailer.split_at_mut(TAG);
                tag.copy_from_slice(gcm.seal(place.ssrc, place.index, aad, data).as_ref());
                slot.copy_from_slice(mki);
            }
        }
    }

    /// Verifies and decrypts an SRTP packet whose plain length is `len`.
    #[must_use]
    pub(super) fn open_rtp(&self, packet: &mut [u8], header: usize, len: usize, place: Place) -> bool {
        match self {
            Self::CounterMode(mode) => {
                let (body, trailer) = packet.split_at_mut(len);
                let tag = &trailer[trailer.len() - mode.tag_len()..];
                let authentic = mode.verify([body, &place.roc()], tag);
                if authentic {
                    mode.apply_keystream(place.ssrc, place.index, &mut body[header..]);
                }
                authentic
            }
            Self::Gcm(gcm) => {
                let (aad, rest) = packet.split_at_mut(header);
                gcm.open(place.ssrc, place.index, aad, &mut rest[..len - header + TAG])
            }
        }
    }

    /// Protects the RTCP compound `buffer[..len]`; `buffer` has exactly room for index, tag and MKI behind it.
    pub(super) fn seal_rtcp(&self, buffer: &mut [u8], len: usize, place: Place, encrypt: bool, mki: &[u8]) {
        let word = place.rtcp_word(encrypt);
        match self {
            Self::CounterMode(mode) => {
                // RFC 3711 §3.4: ciphertext, flag and index, MKI, then the tag over the first two.
                if encrypt {
                    mode.apply_keystream(place.ssrc, place.index, &mut buffer[RTCP_CLEAR..len]);
                }
                let (packet, trailer) = buffer.split_at_mut(len);
                let (index, trailer) = trailer.split_at_mut(INDEX);
                index.copy_from_slice(&word);
                let (slot, tag) = trailer.split_at_mut(mki.len());
                slot.copy_from_slice(mki);
                mode.tag([packet, &word], tag);
            }
            Self::Gcm(gcm) => {
                // RFC 7714 §9.2, §9.3: ciphertext, tag, flag and index, MKI; what is not encrypted is associated data.
                let tag = if encrypt {
                    let (clear, rest) = buffer.split_at_mut(RTCP_CLEAR);
                    let aad = rtcp_aad(clear, word);
                    gcm.seal(place.ssrc, place.index, &aad, &mut rest[..len - RTCP_CLEAR])
                } else {
                    buffer[len..len + INDEX].copy_from_slice(&word);
                    gcm.seal(place.ssrc, place.index, &buffer[..len + INDEX], &mut [])
                };
                let trailer = &mut buffer[len..];
                trailer[..TAG].copy_from_slice(tag.as_ref());
                trailer[TAG..TAG + INDEX].copy_from_slice(&word);
                trailer[TAG + INDEX..].copy_from_slice(mki);
            }
        }
    }

    /// Verifies and, when its flag says so, decrypts an SRTCP packet whose plain length is `len`.
    #[must_use]
    pub(super) fn open_rtcp(&self, packet: &mut [u8], len: usize, place: Place, encrypted: bool) -> bool {
        let word = place.rtcp_word(encrypted);
        match self {
            Self::CounterMode(mode) => {
                let (body, trailer) = packet.split_at_mut(len);
                let tag = &trailer[trailer.len() - mode.tag_len()..];
                let authentic = mode.verify([body, &word], tag);
                if authentic && encrypted {
                    mode.apply_keystream(place.ssrc, place.index, &mut body[RTCP_CLEAR..]);
                }
                authentic
            }
            Self::Gcm(gcm) if encrypted => {
                let (clear, rest) = packet.split_at_mut(RTCP_CLEAR);
                let aad = rtcp_aad(clear, word);
                gcm.open(place.ssrc, place.index, &aad, &mut rest[..len - RTCP_CLEAR + TAG])
            }
            Self::Gcm(gcm) => {
                let mut tag = [0; TAG];
                tag.copy_from_slice(&packet[len..len + TAG]);
                packet[len..len + INDEX].copy_from_slice(&word);
                gcm.open(place.ssrc, place.index, &packet[..len + INDEX], &mut tag)
            }
        }
    }

    /// Where flag and index start in an SRTCP packet of `len` octets.
    pub(super) fn rtcp_index_at(&self, len: usize, mki_len: usize) -> usize {
        match self {
            Self::CounterMode(mode) => len - mode.tag_len() - mki_len - INDEX,
            Self::Gcm(_) => len - mki_len - INDEX,
        }
    }

    /// The MKI of a protected packet.
    pub(super) fn mki<'a>(&self, packet: &'a [u8], mki_len: usize) -> &'a [u8] {
        let end = match self {
            Self::CounterMode(mode) => packet.len() - mode.tag_len(),
            Self::Gcm(_) => packet.len(),
        };
        &packet[end - mki_len..end]
    }
}

impl Place {
    fn roc(self) -> [u8; 4] {
        ((self.index >> 16) as u32).to_be_bytes()
    }

    fn rtcp_word(self, encrypted: bool) -> [u8; INDEX] {
        (self.index as u32 | if encrypted { ENCRYPTED } else { 0 }).to_be_bytes()
    }
}

fn rtcp_aad(clear: &[u8], word: [u8; INDEX]) -> [u8; RTCP_CLEAR + INDEX] {
    let mut aad = [0; RTCP_CLEAR + INDEX];
    aad[..RTCP_CLEAR].copy_from_slice(clear);
    aad[RTCP_CLEAR..].copy_from_slice(&word);
    aad
}

/// Octets from hexadecimal text; spaces are skipped.
#[cfg(test)]
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|it| u8::try_from(it).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "51756964 2070726f 2071756f";
    const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 \
                       69736120 696e2070 61727465 73207472 6573";
    const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 \
                        deadbeef deadbeef deadbeef deadbeef deadbeef";

    fn gcm(profile: SrtpProfile) -> Transform {
        let key: Vec<u8> = (0..).take(profile.key_len()).collect();
        Transform::from_session_keys(profile, &key, &[], &hex(SALT), TAG)
    }

    fn check_rtp(profile: SrtpProfile, expected: &str) {
        let plain = hex(RTP);
        let place = Place { ssrc: 0x5501_A0B2, index: 0xF17B };
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + TAG, 0);
        gcm(profile).seal_rtp(&mut buffer, 12, plain.len(), place, &[]);
        assert_eq!(buffer, hex(expected));
        assert!(gcm(profile).open_rtp(&mut buffer, 12, plain.len(), place));
        assert_eq!(buffer[..plain.len()], plain);
    }

    fn check_rtcp(profile: SrtpProfile, encrypt: bool, expected: &str) {
        let plain = hex(RTCP);
        let place = Place { ssrc: 0x4D61_7273, index: 0x5D4 };
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + TAG + INDEX, 0);
        gcm(profile).seal_rtcp(&mut buffer, plain.len(), place, encrypt, &[]);
        assert_eq!(buffer, hex(expected));
        assert!(gcm(profile).open_rtcp(&mut buffer, plain.len(), place, encrypt));
        assert_eq!(buffer[..plain.len()], plain);
    }

    /// RFC 7714 §16.1, §16.2: SRTP packets of both key sizes.
    #[test]
    fn rfc_7714_rtp_vectors() {
        check_rtp(
            SrtpProfile::AeadAes128Gcm,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a \
             51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        );
        check_rtp(
            SrtpProfile::AeadAes256Gcm,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 \
             76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        );
    }

    /// RFC 7714 §17.1 to §17.4: SRTCP encrypted, and tagged only.
    #[test]
    fn rfc_7714_rtcp_vectors() {
        check_rtcp(
            SrtpProfile::AeadAes128Gcm,
            true,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda \
             4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        );
        check_rtcp(
            SrtpProfile::AeadAes256Gcm,
            true,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be \
             8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        );
        check_rtcp(
            SrtpProfile::AeadAes128Gcm,
            false,
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef \
             deadbeef deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4",
        );
        check_rtcp(
            SrtpProfile::AeadAes256Gcm,
            false,
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef \
             deadbeef deadbeef deadbeef 91db4afb feee5a97 8fab4393 ed2615fe 000005d4",
        );
    }
}
