//! The one error of verification: a cause, the certificate at fault, and the facts.

use std::fmt;

use crate::cert::Certificate;
use crate::diagnose::Cause;

/// Why a chain was refused.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The cause.
    pub cause: Cause,
    /// The certificate at fault, where one is to blame.
    pub certificate: Option<Box<Certificate>>,
    /// The facts, as a sentence fragment.
    pub detail: String,
}

impl Rejection {
    pub(crate) fn of(cause: Cause, certificate: &Certificate, detail: impl Into<String>) -> Self {
        Self { cause, certificate: Some(Box::new(certificate.clone())), detail: detail.into() }
    }

    pub(crate) fn without_certificate(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, certificate: None, detail: detail.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.detail)
    }
}

impl std::error::Error for Rejection {}
