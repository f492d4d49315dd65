//! Public key and signature algorithms, named the way an administrator reads them.

use std::fmt;

use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::extensions::ExtendedKeyUsage;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// A subject's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// RSA with the modulus size in bits.
    Rsa(usize),
    /// ECDSA on P-256.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// ECDSA on P-521.
    EcP521,
    /// ECDSA on a curve TLS libraries refuse, or with explicit parameters.
    EcOther,
    /// Ed25519.
    Ed25519,
    /// DSA, which TLS dropped.
    Dsa,
    /// Anything else, by object identifier.
    Other(String),
}

impl KeyAlgorithm {
    pub(crate) fn read(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &info.algorithm.algorithm;
        if *algorithm == RSA || *algorithm == RSA_PSS {
            return match info.parsed() {
                Ok(PublicKey::RSA(key)) => Self::Rsa(significant_bits(key.modulus)),
                _ => Self::Rsa(0),
            };
        }
        if *algorithm == EC {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            let known = CURVES.iter().find(|(known, _)| curve.as_ref() == Some(known));
            return known.map_or(Self::EcOther, |(_, key)| key.clone());
        }
        match algorithm {
            it if *it == ED25519 => Self::Ed25519,
            it if *it == DSA => Self::Dsa,
            other => Self::Other(other.to_id_string()),
        }
    }

    /// Why TLS peers refuse this key, or `None` when it is sound.
    ///
    /// RSA must have at least 2048 bits (ring and aws-lc-rs refuse less) in whole octets; DSA, P-192, explicit curves
    /// and unknown algorithms are out.
    pub fn weakness(&self) -> Option<&'static str> {
        match self {
            Self::Rsa(bits) if *bits < 2048 => Some("an RSA key shorter than 2048 bits"),
            Self::Rsa(bits) if bits % 8 != 0 => Some("an RSA key whose size is not a multiple of 8 bits"),
            Self::Rsa(_) | Self::EcP256 | Self::EcP384 | Self::EcP521 | Self::Ed25519 => None,
            Self::EcOther => Some("an elliptic curve other than P-256, P-384 and P-521"),
            Self::Dsa => Some("a DSA key"),
            Self::Other(_) => Some("a key algorithm unknown to TLS"),
        }
    }
}

/// The modulus size: DER integers carry a leading zero octet when the top bit is set.
fn significant_bits(modulus: &[u8]) -> usize {
    let digits = match modulus.iter().position(|octet| *octet != 0) {
        Some(start) => &modulus[start..],
        None => return 0,
    };
    digits.len() * 8 - digits[0].leading_zeros() as usize
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA-{bits}"),
            Self::EcP256 => f.write_str("ECDSA P-256"),
            Self::EcP384 => f.write_str("ECDSA P-384"),
            Self::EcP521 => f.write_str("ECDSA P-521"),
            Self::EcOther => f.write_str("ECDSA on another curve"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Dsa => f.write_str("DSA"),
            Self::Other(oid) => f.write_str(oid),
        }
    }
}

/// The algorithm an issuer signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// Any algorithm over MD2, MD4 or MD5.
    Md5,
    /// Any algorithm over SHA-1.
    Sha1,
    /// SHA-2 or Ed25519, by its usual name.
    Sound(&'static str),
    /// Anything else, by object identifier.
    Other(String),
}

impl SignatureAlgorithm {
    pub(super) fn read(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let known = SIGNATURES.iter().find(|(known, _)| *known == algorithm.algorithm);
        known.map_or_else(|| Self::Other(algorithm.algorithm.to_id_string()), |(_, it)| it.clone())
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5 => f.write_str("MD5"),
            Self::Sha1 => f.write_str("SHA-1"),
            Self::Sound(name) => f.write_str(name),
            Self::Other(oid) => f.write_str(oid),
        }
    }
}

const RSA: Oid<'_> = oid!(1.2.840.113549.1.1.1);
const RSA_PSS: Oid<'_> = oid!(1.2.840.113549.1.1.10);
const EC: Oid<'_> = oid!(1.2.840.10045.2.1);
const ED25519: Oid<'_> = oid!(1.3.101.112);
const DSA: Oid<'_> = oid!(1.2.840.10040.4.1);

static CURVES: [(Oid<'_>, KeyAlgorithm); 3] = [
    (oid!(1.2.840.10045.3.1.7), KeyAlgorithm::EcP256),
    (oid!(1.3.132.0.34), KeyAlgorithm::EcP384),
    (oid!(1.3.132.0.35), KeyAlgorithm::EcP521),
];

/// The frequent ones first.
static SIGNATURES: [(Oid<'_>, SignatureAlgorithm); 15] = [
    (oid!(1.2.840.113549.1.1.11), SignatureAlgorithm::Sound("sha256WithRSAEncryption")),
    (oid!(1.2.840.10045.4.3.2), SignatureAlgorithm::Sound("ecdsa-with-SHA256")),
    (oid!(1.2.840.10045.4.3.3), SignatureAlgorithm::Sound("ecdsa-with-SHA384")),
    (oid!(1.2.840.113549.1.1.12), SignatureAlgorithm::Sound("sha384WithRSAEncryption")),
    (oid!(1.2.840.113549.1.1.13), SignatureAlgorithm::Sound("sha512WithRSAEncryption")),
    (RSA_PSS, SignatureAlgorithm::Sound("RSASSA-PSS")),
    (oid!(1.2.840.10045.4.3.4), SignatureAlgorithm::Sound("ecdsa-with-SHA512")),
    (ED25519, SignatureAlgorithm::Sound("ED25519")),
    (oid!(1.2.840.113549.1.1.5), SignatureAlgorithm::Sha1),
    (oid!(1.3.14.3.2.29), SignatureAlgorithm::Sha1),
    (oid!(1.2.840.10045.4.1), SignatureAlgorithm::Sha1),
    (oid!(1.2.840.10040.4.3), SignatureAlgorithm::Sha1),
    (oid!(1.2.840.113549.1.1.2), SignatureAlgorithm::Md5),
    (oid!(1.2.840.113549.1.1.3), SignatureAlgorithm::Md5),
    (oid!(1.2.840.113549.1.1.4), SignatureAlgorithm::Md5),
];

/// Every purpose as a dotted identifier, the named ones first.
pub(super) fn extended_key_usage_oids(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let named = [
        (usage.any, "2.5.29.37.0"),
        (usage.server_auth, "1.3.6.1.5.5.7.3.1"),
        (usage.client_auth, "1.3.6.1.5.5.7.3.2"),
        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let named = named.into_iter().filter(|(present, _)| *present).map(|(_, oid)| oid.to_owned());
    named.chain(usage.other.iter().map(|oid| oid.to_id_string())).collect()
}
