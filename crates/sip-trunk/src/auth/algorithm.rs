use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use subtle::ConstantTimeEq;

/// A hash function of digest authentication (RFC 7616 §3.2, RFC 8760 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// MD5, for peers that know nothing else.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512_256,
}

/// The `algorithm` parameter: a hash, alone or with a session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Algorithm {
    /// The hash function.
    pub hash: Hash,
    /// `-sess`: the key also depends on both nonces.
    pub session: bool,
}

impl Algorithm {
    /// `MD5`, which an absent parameter means.
    pub const MD5: Self = Self { hash: Hash::Md5, session: false };
    /// `SHA-256`.
    pub const SHA256: Self = Self { hash: Hash::Sha256, session: false };
    /// `SHA-512-256`.
    pub const SHA512_256: Self = Self { hash: Hash::Sha512_256, session: false };

    const TOKENS: [(&'static str, Algorithm); 6] = [
        ("MD5", Self::MD5),
        ("SHA-256", Self::SHA256),
        ("SHA-512-256", Self::SHA512_256),
        ("MD5-sess", Self { session: true, ..Self::MD5 }),
        ("SHA-256-sess", Self { session: true, ..Self::SHA256 }),
        ("SHA-512-256-sess", Self { session: true, ..Self::SHA512_256 }),
    ];

    /// Reads the token in any case; `None` for one this crate does not compute.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        Self::TOKENS.iter().find(|(name, _)| name.eq_ignore_ascii_case(token)).map(|(_, a)| *a)
    }

    /// The token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        // Every value is in the table.
        Self::TOKENS.iter().find(|(_, a)| *a == self).map_or("MD5", |(name, _)| name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The quality of protection (RFC 7616 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Qop {
    /// Method and URI are protected.
    Auth,
    /// The body too.
    AuthInt,
}

impl Qop {
    /// Reads the token in any case.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|q| q.as_str().eq_ignore_ascii_case(token))
    }

    /// The token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// A hash in lower-case hexadecimal, as digest authentication sends and hashes it.
///
/// Compares in constant time; `Debug` hides it, since a hash of user, realm and password is as good as the password.
#[derive(Clone, Copy)]
pub struct HexDigest {
    hex: [u8; 64],
    len: usize,
}

impl HexDigest {
    /// Hashes `parts` joined by colons.
    pub(super) fn of(hash: Hash, parts: &[&[u8]]) -> Self {
        match hash {
            Hash::Md5 => Self::hex(&joined::<Md5>(parts)),
            Hash::Sha256 => Self::hex(&joined::<Sha256>(parts)),
            Hash::Sha512_256 => Self::hex(&joined::<Sha512_256>(parts)),
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.hex[..self.len]
    }

    /// Whether `response` is the same, in either case of letters; takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, response: &str) -> bool {
        let mut lower = [0; 64];
        let Some(lower) = lower.get_mut(..response.len()) else { return false };
        lower.copy_from_slice(response.as_bytes());
        lower.make_ascii_lowercase();
        self.as_bytes().ct_eq(lower).into()
    }

    fn hex(bytes: &[u8]) -> Self {
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self { hex, len: bytes.len() * 2 }
    }
}

impl fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexDigest(***)")
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut hasher = D::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_in_any_case_and_printed_as_registered() {
        for (token, algorithm) in Algorithm::TOKENS {
            assert_eq!(Algorithm::parse(&token.to_ascii_lowercase()), Some(algorithm));
            assert_eq!(algorithm.to_string(), token);
        }
        assert_eq!(Algorithm::parse("SHA256"), None);
        assert_eq!(Algorithm::parse("AKAv1-MD5"), None);
        assert_eq!(Qop::parse("AUTH-INT"), Some(Qop::AuthInt));
    }

    /// RFC 8760 §2.6: the hash of an empty body is the hash of nothing.
    #[test]
    fn hashes_are_the_standard_ones() {
        let of = |hash| HexDigest::of(hash, &[b""]).as_str().to_owned();
        assert_eq!(of(Hash::Md5), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(of(Hash::Sha256), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(of(Hash::Sha512_256), "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a");
    }

    /// ES-23: every byte is looked at wherever the first difference is; only the length, which is no secret, ends it early.
    #[test]
    fn comparing_takes_any_length_and_case() {
        let digest = HexDigest::of(Hash::Md5, &[b""]);
        assert!(digest.matches("D41D8CD98F00B204E9800998ECF8427E"));
        for wrong in
            ["", "d41d8cd98f00b204e9800998ecf8427", "d41d8cd98f00b204e9800998ecf8427f", &"0".repeat(65)]
        {
            assert!(!digest.matches(wrong), "{wrong}");
        }
        assert_eq!(format!("{digest:?}"), "HexDigest(***)");
    }
}
