//! SRTP keys in descriptions (RFC 4568).

use rand_core::RngCore as _;
use zeroize::Zeroizing;

use super::super::attribute::{Crypto, InlineKey};
use crate::Seed;
use crate::srtp::{MasterKey, SrtpProfile};

/// This side's keys, one per suite; a suite keeps its key until [`Self::forget`].
#[derive(Debug, Clone)]
pub(super) struct LocalKeys {
    /// Makes the next key.
    seed: Seed,
    keys: Vec<MasterKey>,
}

impl LocalKeys {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, keys: Vec::new() }
    }

    pub(super) fn forget(&mut self) {
        self.keys.clear();
    }

    pub(super) fn of(&mut self, profile: SrtpProfile) -> MasterKey {
        if let Some(key) = self.keys.iter().find(|key| key.profile() == profile) {
            return key.clone();
        }
        let mut bytes = Zeroizing::new(vec![0; profile.key_len() + profile.salt_len()]);
        let mut rng = self.seed.clone().into_rng();
        rng.fill_bytes(&mut bytes);
        rng.fill_bytes(&mut self.seed.0);
        let key = MasterKey::from_inline(profile, &bytes).expect("the length is the suite's own");
        self.keys.push(key.clone());
        key
    }
}

/// The `a=crypto` line that tells the peer this key.
pub(super) fn line(tag: u32, key: &MasterKey) -> Crypto {
    let (secret, salt) = key.expose();
    Crypto {
        tag,
        suite: key.profile().sdes_name().to_owned(),
        keys: vec![InlineKey { key_and_salt: [secret, salt].concat(), lifetime: None, mki: None }],
        session_parameters: Vec::new(),
    }
}

/// The peer's key in an `a=crypto` line; `None` when the line asks for something this side does not do.
pub(super) fn key(crypto: &Crypto, suites: &[SrtpProfile]) -> Option<MasterKey> {
    let profile = SrtpProfile::from_sdes_name(&crypto.suite).filter(|suite| suites.contains(suite))?;
    let [inline] = crypto.keys.as_slice() else { return None };
    // RFC 4568 §6.3.7: an unknown session parameter makes the line unusable, unless it starts with "-".
    // WSH is only advice (§6.3.6), and KDR=0 is what happens anyway (§6.3.1).
    let harmless = |p: &String| p.starts_with('-') || p.starts_with("WSH=") || p == "KDR=0";
    if !crypto.session_parameters.iter().all(harmless) {
        return None;
    }
    let key = MasterKey::from_inline(profile, &inline.key_and_salt).ok()?;
    let key = match inline.lifetime {
        Some(packets) => key.with_lifetime(packets).ok()?,
        None => key,
    };
    match inline.mki {
        Some((mki, length)) => key.with_mki(&big_endian(mki, length)?).ok(),
        None => Some(key),
    }
}

fn big_endian(value: u64, length: u8) -> Option<Vec<u8>> {
    let (bytes, length) = (value.to_be_bytes(), usize::from(length));
    let used = bytes.iter().skip_while(|b| **b == 0).count();
    let mut out = vec![0; length.checked_sub(used)?];
    out.extend_from_slice(&bytes[bytes.len() - used..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Attribute as _;

    fn parse(tail: &str) -> Option<MasterKey> {
        let text = format!("1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz{tail}");
        key(&Crypto::parse(&text).unwrap(), &[SrtpProfile::AesCm128HmacSha1_80])
    }

    #[test]
    fn session_parameters_decide_whether_a_line_is_usable() {
        for tail in ["", " WSH=60", " KDR=0", " -FOO=1", "|2^31|1:4"] {
            assert!(parse(tail).is_some(), "{tail}");
        }
        for tail in
            [" UNENCRYPTED_SRTP", " UNAUTHENTICATED_SRTP", " KDR=1", " FOO", "|2^49", "|1:4;inline:AAAA|2:4"]
        {
            assert!(parse(tail).is_none(), "{tail}");
        }
    }

    #[test]
    fn a_key_identifier_has_the_length_it_names() {
        assert_eq!(parse("|258:4").unwrap().mki(), [0, 0, 1, 2]);
        assert_eq!(parse("|0:1").unwrap().mki(), [0]);
        assert!(parse("|256:1").is_none());
        assert_eq!(parse("|1:128").unwrap().mki().len(), 128);
    }

    #[test]
    fn a_key_of_the_wrong_length_is_unusable() {
        let crypto = Crypto::parse("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA").unwrap();
        assert!(key(&crypto, &SrtpProfile::ALL).is_none());
    }

    #[test]
    fn local_keys_stay_until_forgotten_and_read_back() {
        let mut keys = LocalKeys::new(Seed([7; 32]));
        for profile in SrtpProfile::ALL {
            let first = keys.of(profile);
            assert_eq!(keys.of(profile).expose(), first.expose());
            let read = key(&Crypto::parse(&line(1, &first).value()).unwrap(), &[profile]).unwrap();
            assert_eq!(read.expose(), first.expose());
        }
        let before = keys.of(SrtpProfile::AeadAes128Gcm);
        keys.forget();
        assert_ne!(keys.of(SrtpProfile::AeadAes128Gcm).expose(), before.expose());
    }
}
