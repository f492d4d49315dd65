//! Certificate signing requests: only the key and the proof that the sender holds it are taken from them.

use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::cert::KeyAlgorithm;

/// Why a signing request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not PKCS#10.
    #[error("not a certificate signing request in DER form")]
    Malformed,
    /// Longer than 16 KiB.
    #[error("signing request longer than 16 KiB")]
    TooLarge,
    /// The signature does not prove possession of the key.
    #[error("the request is not signed with its own key")]
    NoProofOfPossession,
    /// The key is too weak.
    #[error("the request has {0}")]
    WeakKey(&'static str),
    /// The key type cannot be certified here.
    #[error("the request has a key of type {0}; use ECDSA P-256, P-384 or RSA")]
    UnsupportedKey(String),
}

/// The public key of a request whose sender has proved to hold the private key.
///
/// Names, usages and every other wish in the request are ignored: the issuer decides what it certifies.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    pub(super) key: rcgen::SubjectPublicKeyInfo,
    key_type: KeyAlgorithm,
}

impl SigningRequest {
    const LONGEST: usize = 16 * 1024;

    /// Reads a PKCS#10 request (RFC 2986) and checks its signature.
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > Self::LONGEST {
            return Err(RequestError::TooLarge);
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| RequestError::Malformed)?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed);
        }
        let info = &request.certification_request_info.subject_pki;
        let key_type = KeyAlgorithm::read(info);
        if let Some(weakness) = key_type.weakness() {
            return Err(RequestError::WeakKey(weakness));
        }
        request.verify_signature().map_err(|_| RequestError::NoProofOfPossession)?;
        let key = rcgen::SubjectPublicKeyInfo::from_der(info.raw)
            .map_err(|_| RequestError::UnsupportedKey(key_type.to_string()))?;
        Ok(Self { key, key_type })
    }

    /// The key's algorithm and size.
    pub fn key_type(&self) -> &KeyAlgorithm {
        &self.key_type
    }
}
