//! Keys and identities: `crypto` (SDES), `fingerprint` and `setup` (DTLS).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::{Attribute, is_token, number};

/// `a=crypto` (RFC 4568 §4): an SRTP suite with its key. `Debug` hides the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Identifies the line within its section, 1–9 digits.
    pub tag: u32,
    /// Suite as written, for instance `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    /// Master keys; more than one only together with an MKI.
    pub keys: Vec<InlineKey>,
    /// Session parameters, for instance `UNENCRYPTED_SRTCP`.
    pub session_parameters: Vec<String>,
}

/// One `inline:` key (RFC 4568 §6.1): master key and salt, lifetime and MKI.
#[derive(Clone, PartialEq, Eq)]
pub struct InlineKey {
    /// Master key followed by master salt.
    pub key_and_salt: Vec<u8>,
    /// How many packets the key may protect.
    pub lifetime: Option<u64>,
    /// Master key identifier and its length in bytes (1–128).
    pub mki: Option<(u64, u8)>,
}

impl Attribute for Crypto {
    const NAME: &'static str = "crypto";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `tag suite inline:key[|lifetime][|MKI:length]`";
        let mut fields = value.split_ascii_whitespace();
        let tag = fields.next().filter(|tag| tag.len() <= 9).and_then(number).ok_or(wanted)?;
        let suite = fields.next().filter(|suite| is_token(suite)).ok_or(wanted)?;
        let keys = fields.next().ok_or(wanted)?.split(';').map(InlineKey::parse).collect::<Result<_, _>>()?;
        let session_parameters = fields.map(str::to_owned).collect();
        Ok(Self { tag, suite: suite.to_owned(), keys, session_parameters })
    }

    fn value(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(InlineKey::text).collect();
        let text = format!("{} {} {}", self.tag, self.suite, keys.join(";"));
        self.session_parameters.iter().fold(text, |text, parameter| format!("{text} {parameter}"))
    }
}

impl InlineKey {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let key = text.get(..7).filter(|m| m.eq_ignore_ascii_case("inline:")).map(|_| &text[7..]);
        let mut parts = key.ok_or("the key method is not inline")?.split('|');
        let key = parts.next().unwrap_or_default().trim_end_matches('=');
        let key_and_salt = STANDARD_NO_PAD.decode(key).map_err(|_| "the key is not base64")?;
        let mut inline = Self { key_and_salt, lifetime: None, mki: None };
        for part in parts {
            match part.split_once(':') {
                Some((mki, length)) if inline.mki.is_none() => {
                    let length = number(length).filter(|l| (1..=128).contains(l));
                    inline.mki =
                        Some(number(mki).zip(length).ok_or("expected MKI:length with 1 to 128 bytes")?);
                }
                None if inline.lifetime.is_none() && inline.mki.is_none() => {
                    inline.lifetime = Some(lifetime(part).ok_or("the lifetime is not a number or 2^n")?);
                }
                Some(_) | None => return Err("expected `inline:key[|lifetime][|MKI:length]`"),
            }
        }
        if inline.key_and_salt.is_empty() { Err("the key is empty") } else { Ok(inline) }
    }

    fn text(&self) -> String {
        let lifetime = self.lifetime.map_or_else(String::new, |packets| {
            if packets.is_power_of_two() { format!("|2^{}", packets.ilog2()) } else { format!("|{packets}") }
        });
        let mki = self.mki.map_or_else(String::new, |(mki, length)| format!("|{mki}:{length}"));
        format!("inline:{}{lifetime}{mki}", STANDARD.encode(&self.key_and_salt))
    }
}

fn lifetime(text: &str) -> Option<u64> {
    match text.strip_prefix("2^") {
        Some(exponent) => number::<u32>(exponent).and_then(|e| 1_u64.checked_shl(e)),
        None => number(text),
    }
    .filter(|packets| *packets > 0)
}

impl fmt::Debug for InlineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_and_salt, lifetime, mki } = self;
        write!(f, "InlineKey({} bytes ***, lifetime {lifetime:?}, MKI {mki:?})", key_and_salt.len())
    }
}

impl Drop for InlineKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key_and_salt);
    }
}

/// `a=fingerprint` (RFC 8122): hash of the certificate the DTLS peer will show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash function in lower case, for instance `sha-256`.
    pub hash: String,
    /// The hash.
    pub bytes: Vec<u8>,
}

impl Attribute for Fingerprint {
    const NAME: &'static str = "fingerprint";

    fn parse(value: &str) -> Result<Self, &'static str> {
        let wanted = "expected `hash-function AA:BB:…`";
        let (hash, bytes) = value.split_once(' ').ok_or(wanted)?;
        let byte = |hex: &str| {
            let digits = hex.len() == 2 && hex.bytes().all(|b| b.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(hex, 16).ok()).flatten()
        };
        let bytes: Vec<u8> = bytes.trim().split(':').map(byte).collect::<Option<_>>().ok_or(wanted)?;
        let hash = hash.to_ascii_lowercase();
        let length = match hash.as_str() {
            "md5" => Some(16),
            "sha-1" => Some(20),
            "sha-224" => Some(28),
            "sha-256" => Some(32),
            "sha-384" => Some(48),
            "sha-512" => Some(64),
            _ => None,
        };
        if !is_token(&hash) || length.is_some_and(|length| length != bytes.len()) {
            return Err("the hash has the wrong length");
        }
        Ok(Self { hash, bytes })
    }

    fn value(&self) -> String {
        let bytes: Vec<_> = self.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{} {}", self.hash, bytes.join(":"))
    }
}

/// `a=setup` (RFC 4145, RFC 5763): who starts the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The writer starts.
    Active,
    /// The writer waits.
    Passive,
    /// The answerer chooses.
    ActPass,
    /// No connection for now.
    HoldConn,
}

impl Attribute for Setup {
    const NAME: &'static str = "setup";

    fn parse(value: &str) -> Result<Self, &'static str> {
        match value {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "actpass" => Ok(Self::ActPass),
            "holdconn" => Ok(Self::HoldConn),
            _ => Err("expected active, passive, actpass or holdconn"),
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, same};
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn crypto_with_lifetime_and_mki() {
        // RFC 4568 §9.1: the parameters of its examples.
        let crypto: Crypto =
            same(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4 FEC_ORDER=FEC_SRTP"));
        assert_eq!((crypto.keys[0].lifetime, crypto.keys[0].mki), (Some(1 << 20), Some((1, 4))));
        assert_eq!(crypto.keys[0].key_and_salt.len(), 30);
        assert_eq!(crypto.session_parameters, ["FEC_ORDER=FEC_SRTP"]);
        same::<Crypto>(&format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1:4;inline:{KEY}|2:4"));
        same::<Crypto>(&format!("999999999 F8_128_HMAC_SHA1_80 inline:{KEY}|1000"));
    }

    #[test]
    fn crypto_padding_is_optional() {
        let with =
            Crypto::parse("1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==").unwrap();
        let without =
            Crypto::parse("1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw").unwrap();
        assert_eq!(with, without);
        assert_eq!(with.keys[0].key_and_salt.len(), 28);
    }

    #[test]
    fn broken_crypto_is_refused() {
        refused::<Crypto>(&[
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "1 AES_CM_128_HMAC_SHA1_80 inline:",
            "1 AES_CM_128_HMAC_SHA1_80 outline:AAAA",
            "1 AES_CM_128_HMAC_SHA1_80 inline:!!!!",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA|2^64",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA|0",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA|1:129",
            "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA|1:4|2^20",
            "1234567890 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            "x AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            "1 AES_CM_128_HMAC_SHA1_80 in\u{e4}line:AAAA",
        ]);
    }

    /// ES-35: a key does not reach a log through `Debug`.
    #[test]
    fn debug_of_a_key_shows_its_length_only() {
        let crypto = Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).unwrap();
        let text = format!("{crypto:?}");
        assert!(text.contains("30 bytes ***") && !text.contains("89, 83"), "{text}");
    }

    #[test]
    fn fingerprints_have_the_length_of_their_hash() {
        let text = format!("sha-256 {}", ["AB"; 32].join(":"));
        assert_eq!(same::<Fingerprint>(&text).bytes, [0xAB; 32]);
        assert_eq!(Fingerprint::parse(&text.replace("sha", "SHA")).unwrap().value(), text);
        refused::<Fingerprint>(&["", "sha-256", "sha-256 AB", "sha-1 +1:00", "sha-1 AB-CD", "x ABC"]);
    }

    #[test]
    fn setup_roles() {
        for role in ["active", "passive", "actpass", "holdconn"] {
            same::<Setup>(role);
        }
        refused::<Setup>(&["", "Active", "both"]);
    }
}
