//! AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1, RFC 6188).

use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ctr::CtrCore;
use ctr::cipher::consts::U16;
use ctr::cipher::{BlockCipher, BlockEncrypt, InnerIvInit, KeyInit, StreamCipherCore};
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// The session keys of one direction for SRTP or SRTCP.
pub(super) struct CounterMode {
    cipher: Cipher,
    /// HMAC with the key absorbed; copied for each packet.
    mac: Hmac<Sha1>,
    salt: [u8; 14],
    tag_len: usize,
}

/// A key schedule per key size. Boxed: the portable schedules are up to a kilobyte.
enum Cipher {
    Aes128(Box<Aes128Enc>),
    Aes192(Box<Aes192Enc>),
    Aes256(Box<Aes256Enc>),
}

impl CounterMode {
    pub(super) fn new(key: &[u8], mac_key: &[u8], salt: &[u8; 14], tag_len: usize) -> Self {
        const LENGTH: &str = "SrtpProfile::key_len is one of the AES key sizes";
        let cipher = match key.len() {
            16 => Cipher::Aes128(Box::new(Aes128Enc::new_from_slice(key).expect(LENGTH))),
            24 => Cipher::Aes192(Box::new(Aes192Enc::new_from_slice(key).expect(LENGTH))),
            _ => Cipher::Aes256(Box::new(Aes256Enc::new_from_slice(key).expect(LENGTH))),
        };
        let mac = <Hmac<Sha1> as Mac>::new_from_slice(mac_key).expect("HMAC takes keys of any length");
        Self { cipher, mac, salt: *salt, tag_len }
    }

    /// Encrypts or decrypts `data` in place.
    pub(super) fn apply_keystream(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        let block = self.first_counter(ssrc, index);
        match &self.cipher {
            Cipher::Aes128(cipher) => xor_keystream(&**cipher, &block, data),
            Cipher::Aes192(cipher) => xor_keystream(&**cipher, &block, data),
            Cipher::Aes256(cipher) => xor_keystream(&**cipher, &block, data),
        }
    }

    /// RFC 3711 §4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16).
    fn first_counter(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt);
        let packet = u128::from(ssrc) << 64 | u128::from(index) << 16;
        (u128::from_be_bytes(block) ^ packet).to_be_bytes()
    }

    /// Writes the tag over `parts` into `tag`, which has the suite's tag length.
    pub(super) fn tag(&self, parts: [&[u8]; 2], tag: &mut [u8]) {
        let full = self.mac_over(parts).finalize().into_bytes();
        tag.copy_from_slice(&full[..self.tag_len]);
    }

    /// Compares in constant time.
    #[must_use]
    pub(super) fn verify(&self, parts: [&[u8]; 2], tag: &[u8]) -> bool {
        tag.len() == self.tag_len && self.mac_over(parts).verify_truncated_left(tag).is_ok()
    }

    pub(super) fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn mac_over(&self, parts: [&[u8]; 2]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

fn xor_keystream<C>(cipher: &C, block: &[u8; 16], data: &mut [u8])
where
    C: BlockEncrypt + BlockCipher<BlockSize = U16>,
{
    CtrCore::<&C, Ctr128BE>::inner_iv_init(cipher, block.into()).apply_keystream_partial(data.into());
}

#[cfg(test)]
mod tests {
    use super::super::transform::hex;
    use super::*;

    /// Six blocks at their place in 65,282 blocks of keystream.
    fn check(key: &str, blocks: [&str; 6]) {
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
        let mode = CounterMode::new(&hex(key), &[0; 20], salt[..].try_into().unwrap(), 10);
        let mut stream = vec![0; 1_044_512];
        mode.apply_keystream(0, 0, &mut stream);
        for (number, expected) in [0, 1, 2, 0xFEFF, 0xFF00, 0xFF01].into_iter().zip(blocks) {
            assert_eq!(stream[number * 16..][..16], hex(expected), "block {number:#x}");
        }
    }

    /// RFC 3711 §B.2: AES-128.
    #[test]
    fn rfc_3711_keystream() {
        check(
            "2B7E151628AED2A6ABF7158809CF4F3C",
            [
                "E03EAD0935C95E80E166B16DD92B4EB4",
                "D23513162B02D0F72A43A2FE4A5F97AB",
                "41E95B3BB0A2E8DD477901E4FCA894C0",
                "EC8CDF7398607CB0F2D21675EA9EA1E4",
                "362B7C3C6773516318A077D7FC5073AE",
                "6A2CC3787889374FBEB4C81B17BA6C44",
            ],
        );
    }

    /// RFC 6188 §7.1: AES-256.
    #[test]
    fn rfc_6188_keystream_256() {
        check(
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            [
                "92bdd28a93c3f52511c677d08b5515a4",
                "9da71b2378a854f67050756ded165bac",
                "63c4868b7096d88421b563b8c94c9a31",
                "cea518c90fd91ced9cbb18c078a54711",
                "3dbc4814f4da5f00a08772b63c6a046d",
                "6eb246913062a16891433e97dd01a57f",
            ],
        );
    }

    /// RFC 6188 §7.3: AES-192.
    #[test]
    fn rfc_6188_keystream_192() {
        check(
            "eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7",
            [
                "35096cba4610028dc1b57503804ce37c",
                "5de986291dcce161d5165ec4568f5c9a",
                "474a40c77894bc17180202272a4c264d",
                "d108d1a31a00bad6367ec23eb044b415",
                "c8f57129fdeb970b59f917b257662d4c",
                "a5dab625811034e8cebdfeb6dc158dd3",
            ],
        );
    }
}
