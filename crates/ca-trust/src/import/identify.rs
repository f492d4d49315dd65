//! Recognising what was handed over instead of a certificate.

use std::fmt;

use x509_parser::asn1_rs::{Any, Class, Oid, Sequence, Tag};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::SubjectPublicKeyInfo;

/// What a block or file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// An X.509 certificate.
    Certificate,
    /// A PKCS#7 container (`.p7b`).
    Pkcs7,
    /// A PKCS#12 container (`.p12`, `.pfx`).
    Pkcs12,
    /// A certificate signing request.
    CertificateRequest,
    /// A public key alone.
    PublicKey,
    /// A certificate revocation list.
    RevocationList,
    /// Diffie-Hellman or elliptic curve parameters.
    Parameters,
    /// An SSH or PGP public key.
    OtherPublicKey,
    /// A Java key store.
    JavaKeyStore,
    /// A private key in the clear.
    PrivateKey,
    /// A private key under a passphrase.
    EncryptedPrivateKey,
    /// Nothing this crate knows.
    Unknown,
}

impl Found {
    /// Whether it must be refused without a trace.
    pub fn is_private_key(self) -> bool {
        matches!(self, Self::PrivateKey | Self::EncryptedPrivateKey)
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Pkcs7 => "convert it: openssl pkcs7 -print_certs -in FILE",
            Self::Pkcs12 => "export only the authorities: openssl pkcs12 -cacerts -nokeys -in FILE",
            Self::CertificateRequest => "send it to the authority and import the authority's certificate",
            Self::PublicKey | Self::OtherPublicKey => "ask for the certificate that contains it",
            Self::RevocationList => {
                "revocation lists are loaded elsewhere; import the authority's certificate"
            }
            Self::JavaKeyStore => "export the authority: keytool -exportcert -rfc -keystore FILE",
            Self::Certificate
            | Self::Parameters
            | Self::PrivateKey
            | Self::EncryptedPrivateKey
            | Self::Unknown => "import the authority's certificate (.crt, PEM or DER)",
        }
    }

    /// What a PEM label promises; `None` for a label nobody uses.
    pub(super) fn from_label(label: &str) -> Option<Self> {
        Some(match label {
            // RFC 7468 §5.1 and its appendix: the two older labels are read as the same thing.
            "CERTIFICATE" | "X509 CERTIFICATE" | "X.509 CERTIFICATE" => Self::Certificate,
            "TRUSTED CERTIFICATE" => Self::Certificate,
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Self::Pkcs7,
            "PKCS12" => Self::Pkcs12,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::CertificateRequest,
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::PublicKey,
            "X509 CRL" | "CRL" => Self::RevocationList,
            "DH PARAMETERS" | "EC PARAMETERS" | "DSA PARAMETERS" => Self::Parameters,
            "SSH2 PUBLIC KEY" | "PGP PUBLIC KEY BLOCK" | "PGP MESSAGE" => Self::OtherPublicKey,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedPrivateKey,
            label if label.contains("PRIVATE KEY") => Self::PrivateKey,
            _ => return None,
        })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::Pkcs7 => "a PKCS#7 container",
            Self::Pkcs12 => "a PKCS#12 container",
            Self::CertificateRequest => "a certificate signing request",
            Self::PublicKey => "a public key",
            Self::RevocationList => "a certificate revocation list",
            Self::Parameters => "a set of key parameters",
            Self::OtherPublicKey => "an SSH or PGP public key",
            Self::JavaKeyStore => "a Java key store",
            Self::PrivateKey => "a private key",
            Self::EncryptedPrivateKey => "an encrypted private key",
            Self::Unknown => "something unknown",
        })
    }
}

/// Whether a file is binary rather than text: a DER SEQUENCE with a long length, or a Java key store.
pub(super) fn looks_like_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..] | [0xfe, 0xed, 0xfe, 0xed, ..])
}

/// Says what a DER structure is, by its shape.
pub(super) fn identify_der(der: &[u8]) -> Found {
    if der.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) {
        return Found::JavaKeyStore;
    }
    let shape = Shape::of(der);
    if let Some(found) = shape.and_then(|shape| shape.key_or_container()) {
        return found;
    }
    if X509Certificate::from_der(der).is_ok() {
        Found::Certificate
    } else if X509CertificationRequest::from_der(der).is_ok() {
        Found::CertificateRequest
    } else if CertificateRevocationList::from_der(der).is_ok() {
        Found::RevocationList
    } else if SubjectPublicKeyInfo::from_der(der).is_ok() {
        Found::PublicKey
    } else {
        Found::Unknown
    }
}

/// The first elements of the outermost SEQUENCE, which tell containers and keys apart.
struct Shape<'a> {
    first: Any<'a>,
    second: Option<Any<'a>>,
    third: Option<Any<'a>>,
}

impl<'a> Shape<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        let (_, outer) = Sequence::from_der(der).ok()?;
        let content: &'a [u8] = match outer.content {
            std::borrow::Cow::Borrowed(content) => content,
            std::borrow::Cow::Owned(_) => return None,
        };
        let (rest, first) = Any::from_der(content).ok()?;
        let (rest, second) = split(rest);
        let (_, third) = split(rest);
        Some(Self { first, second, third })
    }

    fn key_or_container(&self) -> Option<Found> {
        let second = self.second.as_ref().map(|any| any.tag());
        let third = self.third.as_ref().map(|any| any.tag());
        match self.first.tag() {
            // ContentInfo ::= SEQUENCE { contentType OID, [0] content } with an OID below pkcs-7.
            Tag::Oid => {
                let pkcs7 =
                    self.first.clone().oid().is_ok_and(|oid| starts_with(&oid, "1.2.840.113549.1.7."));
                pkcs7.then_some(Found::Pkcs7)
            }
            Tag::Integer => match (self.first.data, second?) {
                // PKCS#12: version 3 and a ContentInfo. PKCS#8: version 0 or 1, algorithm, octets.
                ([3], Tag::Sequence) => Some(Found::Pkcs12),
                ([0 | 1], Tag::Sequence) if third == Some(Tag::OctetString) => Some(Found::PrivateKey),
                // SEC 1 §C.4: version 1 and the key octets. RFC 8017 §A.1.2: version and a row of integers.
                ([1], Tag::OctetString) => Some(Found::PrivateKey),
                ([0 | 1], Tag::Integer) if third == Some(Tag::Integer) => Some(Found::PrivateKey),
                (_, Tag::Integer) => Some(Found::PublicKey),
                _ => None,
            },
            // EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm, OCTET STRING }
            Tag::Sequence if second == Some(Tag::OctetString) => Some(Found::EncryptedPrivateKey),
            _ => None,
        }
    }
}

fn split(rest: &[u8]) -> (&[u8], Option<Any<'_>>) {
    match Any::from_der(rest) {
        Ok((rest, any)) if any.class() == Class::Universal => (rest, Some(any)),
        Ok((rest, _)) => (rest, None),
        Err(_) => (&[], None),
    }
}

fn starts_with(oid: &Oid<'_>, prefix: &str) -> bool {
    oid.to_id_string().starts_with(prefix)
}
