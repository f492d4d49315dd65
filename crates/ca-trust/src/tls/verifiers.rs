//! The chain verdict inside rustls handshakes.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{Capture, ClientAuth};
use crate::diagnose::Cause;
use crate::store::Anchors;
use crate::verify::{
    Dates, Peer, ReferenceName, Rejection, RevocationList, Verified, Verifier, VerifyPolicy,
};

/// What is trusted now; replaced as a whole.
#[derive(Debug, Default)]
pub(super) struct Trust {
    pub(super) anchors: Anchors,
    pub(super) lists: Vec<RevocationList>,
}

/// The shared, swappable cell.
#[derive(Debug)]
pub(super) struct HotTrust(RwLock<Arc<Trust>>);

impl HotTrust {
    pub(super) fn new(anchors: Anchors) -> Self {
        Self(RwLock::new(Arc::new(Trust { anchors, lists: Vec::new() })))
    }

    pub(super) fn set(&self, anchors: Anchors, lists: Vec<RevocationList>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Trust { anchors, lists });
    }

    pub(super) fn current(&self) -> Arc<Trust> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Judges servers.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) trust: Arc<HotTrust>,
    pub(super) policy: VerifyPolicy,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) capture: Capture,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let trust = self.trust.current();
        let verifier = Verifier {
            anchors: &trust.anchors,
            algorithms: self.algorithms,
            policy: &self.policy,
            lists: &trust.lists,
        };
        let reference = ReferenceName::from_server_name(server_name);
        let verdict = verifier.verify(end_entity, intermediates, Peer::Server(&reference), now);
        let rejection = verdict.err();
        self.capture.presented(end_entity, intermediates, rejection.as_ref(), !ocsp_response.is_empty());
        match rejection {
            None => Ok(ServerCertVerified::assertion()),
            Some(rejection) => Err(to_rustls(rejection)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Judges clients: phones, edges, mutually authenticated trunks.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pub(super) trust: Arc<HotTrust>,
    pub(super) policy: VerifyPolicy,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) auth: ClientAuth,
    pub(super) capture: Capture,
}

impl ClientVerifier {
    pub(super) fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Verified, Rejection> {
        let trust = self.trust.current();
        let dates = match self.auth {
            ClientAuth::RequiredAllowExpired => Dates::AllowExpired,
            ClientAuth::None | ClientAuth::Optional | ClientAuth::Required | ClientAuth::TokenBootstrap => {
                self.policy.dates
            }
        };
        let policy = VerifyPolicy { dates, ..self.policy };
        let verifier = Verifier {
            anchors: &trust.anchors,
            algorithms: self.algorithms,
            policy: &policy,
            lists: &trust.lists,
        };
        verifier.verify(end_entity, intermediates, Peer::Client, now)
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.auth != ClientAuth::None
    }

    fn client_auth_mandatory(&self) -> bool {
        matches!(self.auth, ClientAuth::Required | ClientAuth::RequiredAllowExpired)
    }

    /// None: a list of the authorities would tell strangers whom the organization trusts.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let rejection = self.judge(end_entity, intermediates, now).err();
        self.capture.presented(end_entity, intermediates, rejection.as_ref(), false);
        match rejection {
            None => Ok(ClientCertVerified::assertion()),
            // The phone may still prove itself with a one-time token; cut off here it could not even say so.
            Some(_) if self.auth == ClientAuth::TokenBootstrap => Ok(ClientCertVerified::assertion()),
            Some(rejection) => Err(to_rustls(rejection)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The rustls error whose alert tells the peer most; the full rejection stays in the capture.
fn to_rustls(rejection: Rejection) -> Error {
    let error = match rejection.cause {
        Cause::Expired | Cause::AuthorityExpired => CertificateError::Expired,
        Cause::NotYetValid => CertificateError::NotValidYet,
        Cause::NotTrusted
        | Cause::WrongService
        | Cause::WrongWorkflow
        | Cause::MissingIntermediate
        | Cause::SelfSigned
        | Cause::BadSignature
        | Cause::NotAnAuthority => CertificateError::UnknownIssuer,
        Cause::WrongName | Cause::WildcardNotAllowed | Cause::NameOnlyInCommonName => {
            CertificateError::NotValidForName
        }
        Cause::WrongUsage => CertificateError::InvalidPurpose,
        Cause::Revoked => CertificateError::Revoked,
        Cause::RevocationUnknown | Cause::RevocationListUnusable => CertificateError::UnknownRevocationStatus,
        Cause::RevocationListExpired => CertificateError::ExpiredRevocationList,
        Cause::UnknownCriticalExtension => CertificateError::UnhandledCriticalExtension,
        Cause::Malformed | Cause::OldCertificateVersion => CertificateError::BadEncoding,
        Cause::CaUsedAsPeer
        | Cause::WeakKey
        | Cause::WeakSignature
        | Cause::UnsupportedNameConstraint
        | Cause::NameConstraintViolated
        | Cause::PathTooLong
        | Cause::NonConformant
        | Cause::TooComplex
        | Cause::VersionMismatch
        | Cause::CipherMismatch
        | Cause::ClientCertificateRequired
        | Cause::NoClientCertificate
        | Cause::OwnCertificateRefused
        | Cause::PlainTextOnTlsPort
        | Cause::TlsToPlainPort
        | Cause::NotTls
        | Cause::UnknownServerName
        | Cause::HandshakeTimeout
        | Cause::ClosedDuringHandshake
        | Cause::PeerAlert
        | Cause::ProtocolViolation
        | Cause::LocalConfiguration => CertificateError::Other(OtherError(Arc::new(rejection))),
    };
    Error::InvalidCertificate(error)
}
