//! Session keys from a master key (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use zeroize::Zeroizing;

use super::MasterKey;

/// The octet that tells the session keys apart (RFC 3711 §4.3.2).
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    RtpKey = 0,
    RtpTag = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpTag = 4,
    RtcpSalt = 5,
}

/// Derives `len` octets for `label`, with a key derivation rate of 0.
pub(super) fn derive(master: &MasterKey, label: Label, len: usize) -> Zeroizing<Vec<u8>> {
    let (key, salt) = master.expose();
    // RFC 3711 §4.3.1: x = label || 0 XOR salt, as a 112-bit number, then times 2^16 for the counter.
    // RFC 7714 §11: 96-bit salts are padded with zeroes on the right.
    let mut block = [0; 16];
    block[..salt.len()].copy_from_slice(salt);
    block[7] ^= label as u8;
    let mut out = Zeroizing::new(vec![0; len]);
    match key.len() {
        16 => keystream::<Ctr128BE<Aes128>>(key, &block, &mut out),
        24 => keystream::<Ctr128BE<Aes192>>(key, &block, &mut out),
        _ => keystream::<Ctr128BE<Aes256>>(key, &block, &mut out),
    }
    out
}

fn keystream<C: KeyIvInit + StreamCipher>(key: &[u8], block: &[u8; 16], out: &mut [u8]) {
    let mut cipher = C::new_from_slices(key, block).expect("MasterKey has checked the key length");
    cipher.apply_keystream(out);
}

#[cfg(test)]
mod tests {
    use super::super::SrtpProfile;
    use super::super::transform::hex;
    use super::*;

    fn check(profile: SrtpProfile, key: &str, salt: &str, expected: [&str; 3]) {
        let master = MasterKey::new(profile, &hex(key), &hex(salt)).unwrap();
        let [cipher, tag, cipher_salt] = expected.map(hex);
        assert_eq!(*derive(&master, Label::RtpKey, cipher.len()), cipher);
        assert_eq!(*derive(&master, Label::RtpTag, tag.len()), tag);
        assert_eq!(*derive(&master, Label::RtpSalt, cipher_salt.len()), cipher_salt);
    }

    /// RFC 3711 §B.3: cipher key, 94 octets of authentication key, salt.
    #[test]
    fn rfc_3711_vectors() {
        check(
            SrtpProfile::AesCm128HmacSha1_80,
            "E1F97A0D3E018BE0D64FA32C06DE4139",
            "0EC675AD498AFEEBB6960B3AABE6",
            [
                "C61E7A93744F39EE10734AFE3FF7A087",
                "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                 E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                 6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2",
                "30CBBC08863D8C85D49DB34A9AE1",
            ],
        );
    }

    /// RFC 6188 §7.2, §7.4: the same for AES-256 and AES-192.
    #[test]
    fn rfc_6188_vectors() {
        check(
            SrtpProfile::AesCm256HmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            [
                "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
                "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
                "fa31791685ca444a9e07c6c64e93",
            ],
        );
        check(
            SrtpProfile::AesCm192HmacSha1_80,
            "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1",
            "c8522f3acd4ce86d5add78edbb11",
            [
                "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb",
                "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb",
                "2372b82d639b6d8503a47adc0a6c",
            ],
        );
    }
}
