//! Importing certificate authorities the way people hand them over.
//!
//! ```text
//!  .crt file (PEM or DER) ─┐
//!                          ├─► limits ─► private key? refuse ─► blocks ─► Certificate ─► lint ─► Import
//!  pasted text, with dirt ─┘                                     │
//!                                                                └─ something else: named, with its line
//! ```
//!
//! No error and no lint carries octets of the input: people paste private keys by mistake.

mod error;
mod identify;
mod lint;
mod pem;

use rustls_pki_types::UnixTime;

use crate::cert::{Certificate, CertificateError};

pub use error::ImportError;
pub use identify::Found;
pub(crate) use lint::odd_serial;
pub use lint::{Lint, LintCode, lint_authority};

/// What a user handed over.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// The octets of an uploaded `.crt` file: one DER certificate, or PEM text.
    File(&'a [u8]),
    /// Text pasted into a form.
    Text(&'a str),
}

/// What the certificates are imported for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Certificate authorities; anything else in a bundle is reported and left out.
    Authorities,
    /// One server certificate that is to be trusted exactly as it is, and vouches for nothing else.
    PinnedServer,
}

/// Bounds on one import, checked before anything is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of text or file; 256 KiB.
    pub input: usize,
    /// PEM blocks; 64.
    pub certificates: usize,
    /// Octets of one DER certificate; 16 KiB.
    pub certificate: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { input: 256 * 1024, certificates: 64, certificate: 16 * 1024 }
    }
}

/// The readable result of an import: at least one usable certificate.
#[derive(Clone, Debug)]
pub struct Import {
    mode: Mode,
    usable: Vec<Imported>,
    left_out: Vec<LeftOut>,
}

/// One certificate that can be stored.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The certificate.
    pub certificate: Certificate,
    /// Line of its `BEGIN`, from 1; `None` for a DER file.
    pub line: Option<usize>,
    /// What an administrator should know before relying on it.
    pub lints: Vec<Lint>,
}

/// One certificate of a bundle that is not stored, and why.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The certificate.
    pub certificate: Certificate,
    /// Line of its `BEGIN`, from 1; `None` for a DER file.
    pub line: Option<usize>,
    /// Why it is left out, as a sentence fragment.
    pub reason: &'static str,
}

impl Import {
    /// Reads `source` with the default [`Limits`]; `now` is only used to flag expired certificates.
    pub fn read(source: Source<'_>, mode: Mode, now: UnixTime) -> Result<Self, ImportError> {
        Self::read_within(source, mode, now, &Limits::default())
    }

    /// Reads `source` within `limits`.
    ///
    /// In [`Mode::Authorities`] the result holds every certificate authority of the bundle, in order and without
    /// repetitions, and lists the rest under [`Import::left_out`]; a bundle without any authority is an error.
    pub fn read_within(
        source: Source<'_>,
        mode: Mode,
        now: UnixTime,
        limits: &Limits,
    ) -> Result<Self, ImportError> {
        let bytes = match source {
            Source::File(bytes) => bytes,
            Source::Text(text) => text.as_bytes(),
        };
        if bytes.len() > limits.input {
            return Err(ImportError::TooLarge { octets: bytes.len(), limit: limits.input });
        }
        let blocks = match source {
            Source::File(bytes) if identify::looks_like_der(bytes) => vec![der_file(bytes, limits)?],
            Source::File(_) | Source::Text(_) => pem::blocks(bytes, limits)?,
        };
        let mut read = Vec::with_capacity(blocks.len());
        for pem::Block { line, der } in blocks {
            let certificate =
                Certificate::from_der(&der).map_err(|error| not_a_certificate(&der, line, error))?;
            if !read.iter().any(|(_, seen)| *seen == certificate) {
                read.push((line, certificate));
            }
        }
        match mode {
            Mode::Authorities => authorities(read, now),
            Mode::PinnedServer => pinned_server(read, now),
        }
    }

    /// What the import was for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The certificates to store, in the order given.
    pub fn usable(&self) -> &[Imported] {
        &self.usable
    }

    /// The certificates of the bundle that are not stored.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

fn der_file(bytes: &[u8], limits: &Limits) -> Result<pem::Block, ImportError> {
    let found = identify::identify_der(bytes);
    if found.is_private_key() {
        return Err(ImportError::PrivateKey { line: None });
    }
    if bytes.len() > limits.certificate {
        return Err(ImportError::CertificateTooLarge { line: None, limit: limits.certificate });
    }
    Ok(pem::Block { line: None, der: bytes.to_vec() })
}

fn not_a_certificate(der: &[u8], line: Option<usize>, error: CertificateError) -> ImportError {
    let found = identify::identify_der(der);
    if found.is_private_key() {
        ImportError::PrivateKey { line }
    } else if matches!(found, Found::Certificate | Found::Unknown) {
        ImportError::Malformed { line, reason: error }
    } else {
        ImportError::NotACertificate { found, line }
    }
}

fn authorities(read: Vec<(Option<usize>, Certificate)>, now: UnixTime) -> Result<Import, ImportError> {
    let (mut usable, mut left_out) = (Vec::new(), Vec::new());
    for (line, certificate) in read {
        match lint::why_not_an_authority(&certificate) {
            None => {
                let lints = lint_authority(&certificate, now);
                usable.push(Imported { certificate, line, lints });
            }
            Some(reason) => left_out.push(LeftOut { certificate, line, reason }),
        }
    }
    if usable.is_empty() {
        let first = left_out.first().ok_or(ImportError::Empty)?;
        return Err(ImportError::NoAuthority {
            line: first.line,
            subject: first.certificate.display_name(),
            reason: first.reason,
            self_issued: first.certificate.is_self_issued(),
        });
    }
    Ok(Import { mode: Mode::Authorities, usable, left_out })
}

fn pinned_server(read: Vec<(Option<usize>, Certificate)>, now: UnixTime) -> Result<Import, ImportError> {
    let [(line, certificate)] = <[_; 1]>::try_from(read).map_err(|all| match all.len() {
        0 => ImportError::Empty,
        count => ImportError::PinTakesOne { count },
    })?;
    if !certificate.is_self_issued() {
        return Err(ImportError::PinNotSelfSigned { line, issuer: certificate.issuer().to_owned() });
    }
    if let Some(reason) = certificate.key().weakness() {
        return Err(ImportError::WeakKey { line, reason });
    }
    let lints = lint::lint_dates(&certificate, now);
    let usable = vec![Imported { certificate, line, lints }];
    Ok(Import { mode: Mode::PinnedServer, usable, left_out: Vec::new() })
}
