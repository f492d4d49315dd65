//! Naming the cause of a failure and its cure.
//!
//! A [`Diagnosis`] is made from what rustls said, what the peer presented, and the first octets it sent. It carries
//! public facts only: names, dates and fingerprints of certificates.

mod cause;
mod event;
mod octets;

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::cert::{Certificate, Fingerprint, rfc3339};
use crate::tls::Capture;
use crate::verify::Rejection;

pub use cause::Cause;
pub use event::HandshakeFailed;
pub use octets::{FirstOctets, classify_first_octets};

/// Which side of the connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We connected.
    Client,
    /// We accepted.
    Server,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    /// rustls reported an error.
    Tls(&'a Error),
    /// The peer closed the connection before the handshake was finished.
    Closed,
    /// Time ran out.
    TimedOut,
}

/// The facts about the certificate at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// First second of validity, in seconds since 1970.
    pub not_before: i64,
    /// Last second of validity, in seconds since 1970.
    pub not_after: i64,
    /// SHA-256 over the certificate.
    pub fingerprint: Fingerprint,
}

impl Evidence {
    /// The facts of `certificate`.
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().to_owned(),
            issuer: certificate.issuer().to_owned(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            fingerprint: certificate.fingerprint(),
        }
    }

    fn boxed(certificate: &Certificate) -> Box<Self> {
        Box::new(Self::of(certificate))
    }
}

/// Why a handshake failed, with the evidence and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause; [`Cause::code`] is stable, [`Cause::fix`] says what to do.
    pub cause: Cause,
    /// The facts, as a sentence fragment.
    pub detail: String,
    /// The certificate at fault, or the peer's own where none is.
    pub evidence: Option<Box<Evidence>>,
}

impl Diagnosis {
    /// Explains how a handshake ended.
    pub fn of(side: Side, failure: Failure<'_>, capture: &Capture) -> Self {
        let (cause, detail) = match failure {
            Failure::Tls(error) => match explain_certificate(error, capture) {
                Some(diagnosis) => return diagnosis,
                None => explain_error(side, error, capture),
            },
            Failure::Closed => explain_close(side, capture),
            Failure::TimedOut => match capture.first_octets().len() {
                0 => (Cause::HandshakeTimeout, "the peer sent nothing".to_owned()),
                _ => (Cause::HandshakeTimeout, "the peer stopped in the middle of the handshake".to_owned()),
            },
        };
        let presented = capture.chain().first().and_then(|der| Certificate::from_der(der).ok());
        Self { cause, detail, evidence: presented.as_ref().map(Evidence::boxed) }
    }

    /// What to do.
    pub fn fix(&self) -> &'static str {
        self.cause.fix()
    }
}

impl From<Rejection> for Diagnosis {
    fn from(rejection: Rejection) -> Self {
        Self {
            cause: rejection.cause,
            detail: rejection.detail,
            evidence: rejection.certificate.as_deref().map(Evidence::boxed),
        }
    }
}

impl fmt::Display for Diagnosis {
    /// Four lines at most: verdict, certificate, validity and fingerprint, fix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "verdict   {}: {}", self.cause, self.detail)?;
        if let Some(evidence) = &self.evidence {
            writeln!(f, "subject   {} (issuer {})", evidence.subject, evidence.issuer)?;
            let (begin, end) = (rfc3339(evidence.not_before), rfc3339(evidence.not_after));
            writeln!(f, "validity  {begin} to {end}, SHA-256 {}", evidence.fingerprint)?;
        }
        writeln!(f, "fix       {}", self.fix())
    }
}

/// The verifier's own verdict, where the error comes from it.
fn explain_certificate(error: &Error, capture: &Capture) -> Option<Diagnosis> {
    let Error::InvalidCertificate(error) = error else { return None };
    if let Some(rejection) = capture.rejection() {
        return Some(rejection.into());
    }
    // The verifier was content, so the handshake signature is at fault: rustls refuses weak keys here, and it is also
    // what a peer without the certificate's key looks like.
    let presented = capture.chain().first().and_then(|der| Certificate::from_der(der).ok());
    let weakness = presented.as_ref().and_then(|certificate| certificate.key().weakness());
    let (cause, detail) = match (error, weakness) {
        (_, Some(weakness)) => (Cause::WeakKey, format!("it has {weakness}")),
        (CertificateError::BadSignature, None) => {
            (Cause::BadSignature, "the peer did not prove that it holds the certificate's key".to_owned())
        }
        (other, None) => (Cause::Malformed, other.to_string()),
    };
    Some(Diagnosis { cause, detail, evidence: presented.as_ref().map(Evidence::boxed) })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls' enums are non-exhaustive; the rest are protocol violations"
)]
fn explain_error(side: Side, error: &Error, capture: &Capture) -> (Cause, String) {
    match error {
        Error::AlertReceived(alert) => explain_alert(side, *alert, capture),
        Error::NoCertificatesPresented => {
            (Cause::NoClientCertificate, "the client presented no certificate".to_owned())
        }
        Error::PeerIncompatible(why) => explain_incompatible(why),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => explain_octets(side, error, capture),
        Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::DecryptError => (Cause::ProtocolViolation, error.to_string()),
        Error::General(detail)
            if side == Side::Server && detail.contains("no server certificate chain resolved") =>
        {
            (
                Cause::UnknownServerName,
                "the client asked for a name without certificate here, or for none".to_owned(),
            )
        }
        Error::NoApplicationProtocol => {
            (Cause::CipherMismatch, "no application protocol in common".to_owned())
        }
        Error::EncryptError
        | Error::FailedToGetCurrentTime
        | Error::FailedToGetRandomBytes
        | Error::InconsistentKeys(_)
        | Error::BadMaxFragmentSize
        | Error::General(_) => (Cause::LocalConfiguration, error.to_string()),
        _ => (Cause::ProtocolViolation, error.to_string()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls' enum is non-exhaustive; the rest concern parameters"
)]
fn explain_incompatible(why: &PeerIncompatible) -> (Cause, String) {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            (Cause::VersionMismatch, format!("no TLS version in common ({why:?})"))
        }
        // Only clients older than TLS 1.2 leave the extension out (RFC 5246 §7.4.1.4.1); rustls looks at it before it
        // looks at the version.
        PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            (Cause::VersionMismatch, "the client offers TLS 1.1 or older".to_owned())
        }
        _ => (Cause::CipherMismatch, format!("no parameters in common ({why:?})")),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls' enum is non-exhaustive; other alerts are named as they are"
)]
fn explain_alert(side: Side, alert: AlertDescription, capture: &Capture) -> (Cause, String) {
    let (requested, presented) = capture.client_certificate();
    let detail = format!("the peer sent the alert {alert:?}");
    let cause = match alert {
        AlertDescription::ProtocolVersion | AlertDescription::InappropriateFallback => Cause::VersionMismatch,
        AlertDescription::InsufficientSecurity => Cause::CipherMismatch,
        AlertDescription::UnrecognisedName => Cause::UnknownServerName,
        AlertDescription::CertificateRequired => Cause::ClientCertificateRequired,
        AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate
        | AlertDescription::NoCertificate
        | AlertDescription::AccessDenied
            if side == Side::Client && requested && !presented =>
        {
            Cause::ClientCertificateRequired
        }
        AlertDescription::HandshakeFailure if side == Side::Client && presented => {
            Cause::OwnCertificateRefused
        }
        AlertDescription::HandshakeFailure => Cause::CipherMismatch,
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError
            if side == Side::Server || presented =>
        {
            Cause::OwnCertificateRefused
        }
        _ => Cause::PeerAlert,
    };
    (cause, detail)
}

fn explain_octets(side: Side, error: &Error, capture: &Capture) -> (Cause, String) {
    let plain_text = match side {
        Side::Client => Cause::TlsToPlainPort,
        Side::Server => Cause::PlainTextOnTlsPort,
    };
    match classify_first_octets(&capture.first_octets()) {
        FirstOctets::Sip => (plain_text, "the peer speaks SIP in plain text".to_owned()),
        FirstOctets::Http => (plain_text, "the peer speaks HTTP in plain text".to_owned()),
        FirstOctets::OldSsl => (Cause::VersionMismatch, "the peer speaks SSL 2 or 3".to_owned()),
        FirstOctets::Tls => (Cause::ProtocolViolation, error.to_string()),
        FirstOctets::Unknown | FirstOctets::TooFew => {
            (Cause::NotTls, "the first octets belong to no protocol known here".to_owned())
        }
    }
}

fn explain_close(side: Side, capture: &Capture) -> (Cause, String) {
    let first = capture.first_octets();
    match classify_first_octets(&first) {
        FirstOctets::Sip | FirstOctets::Http if side == Side::Client => {
            (Cause::TlsToPlainPort, "the peer answered in plain text and closed".to_owned())
        }
        FirstOctets::Sip | FirstOctets::Http => {
            (Cause::PlainTextOnTlsPort, "the peer spoke plain text and closed".to_owned())
        }
        FirstOctets::OldSsl => (Cause::VersionMismatch, "the peer speaks SSL 2 or 3".to_owned()),
        FirstOctets::Tls | FirstOctets::Unknown | FirstOctets::TooFew => {
            let (requested, presented) = capture.client_certificate();
            if side == Side::Client && requested && !presented {
                let detail = "the peer asked for a client certificate, got none and closed".to_owned();
                return (Cause::ClientCertificateRequired, detail);
            }
            let detail = if first.is_empty() {
                "closed before the peer sent anything"
            } else {
                "closed in the middle of the handshake"
            };
            (Cause::ClosedDuringHandshake, detail.to_owned())
        }
    }
}
