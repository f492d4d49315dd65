//! Revocation lists as the verifier takes them.

use std::sync::Arc;

use rustls_pki_types::CertificateRevocationListDer;
use thiserror::Error;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use crate::cert::{Certificate, name_to_string};

/// Why octets are not a usable revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// Not a version 2 list, damaged, or of a kind that is not supported (indirect, delta).
    #[error("not a usable revocation list: {0}")]
    Unusable(String),
    /// RFC 5280 §5.2.3: the list number must be there and not critical.
    #[error("the revocation list has no list number, or marks it critical")]
    ListNumber,
    /// Longer than 1 MiB.
    #[error("the revocation list is longer than 1 MiB; have the authority partition it")]
    TooLarge,
}

/// One readable revocation list. Whether its signature is good is checked with each chain.
#[derive(Clone, Debug)]
pub struct RevocationList {
    list: Arc<CertRevocationList<'static>>,
    issuer: String,
    next_update: Option<i64>,
}

impl RevocationList {
    const LONGEST: usize = 1024 * 1024;

    /// Reads a DER list.
    pub fn from_der(der: &CertificateRevocationListDer<'_>) -> Result<Self, RevocationListError> {
        if der.len() > Self::LONGEST {
            return Err(RevocationListError::TooLarge);
        }
        let list = OwnedCertRevocationList::from_der(der)
            .map_err(|error| RevocationListError::Unusable(error.to_string()))?;
        let (_, parsed) = x509_parser::revocation_list::CertificateRevocationList::from_der(der)
            .map_err(|_| RevocationListError::Unusable("damaged".to_owned()))?;
        let number = parsed
            .extensions()
            .iter()
            .find(|extension| matches!(extension.parsed_extension(), ParsedExtension::CRLNumber(_)));
        if number.is_none_or(|number| number.critical) {
            return Err(RevocationListError::ListNumber);
        }
        Ok(Self {
            list: Arc::new(list.into()),
            issuer: name_to_string(parsed.issuer()),
            next_update: parsed.next_update().map(|time| time.timestamp()),
        })
    }

    /// The issuer's name, cleaned for display.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When the next list was promised, in seconds since 1970.
    pub fn next_update(&self) -> Option<i64> {
        self.next_update
    }

    pub(super) fn as_webpki(&self) -> &CertRevocationList<'static> {
        &self.list
    }

    /// Whether `authority` issued it by name but may not sign lists (key usage without cRLSign).
    pub(super) fn is_signed_without_permission(&self, authority: &Certificate) -> bool {
        self.issuer == authority.subject() && authority.key_usage().is_some_and(|usage| !usage.crl_sign)
    }
}
