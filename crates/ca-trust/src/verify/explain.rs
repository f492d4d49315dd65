//! From webpki's one error to a cause and the certificate at fault.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use super::path;
use super::{Peer, Rejection, Verifier};
use crate::cert::{Certificate, SignatureAlgorithm};
use crate::diagnose::Cause;
use crate::store::{Anchor, Anchors, Scope};

/// Certificates of a peer that are looked at for an explanation; more are noise.
const MOST_EXPLAINED: usize = 16;

/// webpki could not even read the peer's certificate.
pub(super) fn unreadable(leaf: &Certificate, error: &webpki::Error) -> Rejection {
    if leaf.facts().version < 3 {
        let detail = format!("it is an X.509 version {} certificate", leaf.facts().version);
        return Rejection::of(Cause::OldCertificateVersion, leaf, detail);
    }
    if let Some(extension) = leaf.facts().extensions.iter().find(|it| it.critical && !it.understood) {
        let detail = format!("critical extension {}", extension.oid.to_id_string());
        return Rejection::of(Cause::UnknownCriticalExtension, leaf, detail);
    }
    Rejection::of(Cause::Malformed, leaf, error.to_string())
}

/// The latest time at which everything the peer sent was valid, at most `now`.
pub(super) fn time_within_validity(
    leaf: &Certificate,
    sent: &[CertificateDer<'_>],
    now: UnixTime,
) -> UnixTime {
    let ends = read(sent).into_iter().map(|certificate| certificate.not_after());
    let end = ends.chain([leaf.not_after()]).min().unwrap_or(i64::MAX);
    let at = crate::cert::seconds(now).min(end).max(leaf.not_before().min(crate::cert::seconds(now)));
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}

/// Why webpki found no path.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "webpki's enum is non-exhaustive; new errors are malformed input"
)]
pub(super) fn path_error(
    verifier: &Verifier<'_>,
    leaf: &Certificate,
    sent: &[CertificateDer<'_>],
    peer: Peer<'_>,
    error: &webpki::Error,
    now: UnixTime,
) -> Rejection {
    use webpki::Error;
    let chain = Chain::of(leaf, read(sent), verifier.anchors);
    let blame = |cause, culprit: Option<&Certificate>, detail: String| match culprit {
        Some(culprit) => Rejection::of(cause, culprit, detail),
        None => Rejection::of(cause, leaf, detail),
    };
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => chain.dates(now),
        Error::CaUsedAsEndEntity => {
            let own = if leaf.is_self_issued() { "self-signed " } else { "" };
            Rejection::of(
                Cause::CaUsedAsPeer,
                leaf,
                format!("the peer presents a {own}certificate with CA:TRUE"),
            )
        }
        Error::UnknownIssuer => unknown_issuer(verifier, &chain, sent, peer, now),
        Error::EndEntityUsedAsCa => {
            let culprit = chain.authorities().find(|authority| !authority.is_ca());
            blame(Cause::NotAnAuthority, culprit, "it signs certificates without CA:TRUE".to_owned())
        }
        Error::InvalidSignatureForPublicKey => chain.signature(),
        Error::RequiredEkuNotFoundContext(context) => {
            let present: Vec<_> = context.present.iter().map(|id| dotted(id)).collect();
            let culprit = chain.all().find(|certificate| certificate.extended_key_usage() == Some(&present));
            blame(Cause::WrongUsage, culprit, format!("its extended key usage is {}", usages(&present)))
        }
        Error::EmptyEkuExtension => Rejection::of(Cause::WrongUsage, leaf, "its extended key usage is empty"),
        Error::NameConstraintViolation => {
            let unsupported = |it: &&Certificate| {
                it.facts().extensions.iter().any(|extension| extension.constrains_unsupported_names)
            };
            match chain.authorities().find(unsupported) {
                Some(culprit) => Rejection::of(
                    Cause::UnsupportedNameConstraint,
                    culprit,
                    "it constrains names other than DNS and IP",
                ),
                None => Rejection::of(
                    Cause::NameConstraintViolated,
                    leaf,
                    "an authority forbids one of its names",
                ),
            }
        }
        Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => {
            Rejection::of(Cause::PathTooLong, leaf, error.to_string())
        }
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => Rejection::of(Cause::TooComplex, leaf, error.to_string()),
        Error::CertRevoked => {
            Rejection::of(Cause::Revoked, leaf, "it or an authority above it is on a revocation list")
        }
        Error::UnknownRevocationStatus => Rejection::of(
            Cause::RevocationUnknown,
            leaf,
            "no revocation list covers it or an authority above it",
        ),
        Error::CrlExpired { next_update, .. } => {
            let due = crate::cert::rfc3339(crate::cert::seconds(*next_update));
            Rejection::of(Cause::RevocationListExpired, leaf, format!("the next list was due on {due}"))
        }
        Error::IssuerNotCrlSigner | Error::InvalidCrlSignatureForPublicKey => {
            Rejection::of(Cause::RevocationListUnusable, leaf, error.to_string())
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => chain.signature_algorithm(),
        Error::UnsupportedCertVersion => {
            let culprit = chain.all().find(|certificate| certificate.facts().version < 3);
            blame(Cause::OldCertificateVersion, culprit, "it is an X.509 version 1 certificate".to_owned())
        }
        Error::UnsupportedCriticalExtension => {
            let unknown =
                |it: &&Certificate| it.facts().extensions.iter().any(|x| x.critical && !x.understood);
            blame(Cause::UnknownCriticalExtension, chain.all().find(unknown), error.to_string())
        }
        _ => Rejection::of(Cause::Malformed, leaf, error.to_string()),
    }
}

fn unknown_issuer(
    verifier: &Verifier<'_>,
    chain: &Chain<'_>,
    sent: &[CertificateDer<'_>],
    peer: Peer<'_>,
    now: UnixTime,
) -> Rejection {
    if let Some(rejection) = trusted_elsewhere(verifier, chain.leaf, sent, peer, now) {
        return rejection;
    }
    let top = chain.top();
    if top.is_self_issued() {
        if std::ptr::eq(top, chain.leaf) {
            return Rejection::of(Cause::SelfSigned, top, "the peer signed its own certificate");
        }
        let detail = format!("the chain ends at {:?}, which is not trusted here", top.subject());
        return Rejection::of(Cause::NotTrusted, top, detail);
    }
    let issuer = top.issuer();
    // An imported authority of the same organization, or a hint where to fetch the issuer, says that a link is
    // missing rather than that trust is.
    let relative = verifier.anchors.iter().filter_map(Anchor::certificate).find(|anchor| {
        anchor.facts().organization.is_some()
            && anchor.facts().organization == top.facts().issuer_organization
    });
    match (relative, &top.facts().issuer_url) {
        (Some(anchor), _) => {
            let detail = format!(
                "issued by {issuer:?}, which was not sent; the imported {:?} is of the same organization",
                anchor.display_name()
            );
            Rejection::of(Cause::MissingIntermediate, top, detail)
        }
        (None, Some(url)) => {
            let detail = format!("issued by {issuer:?}, which was not sent; its certificate is at {url}");
            Rejection::of(Cause::MissingIntermediate, top, detail)
        }
        (None, None) => {
            let detail = format!(
                "issued by {issuer:?}: import that authority, or if it is an intermediate have the peer send it"
            );
            Rejection::of(Cause::NotTrusted, top, detail)
        }
    }
}

/// Whether an authority bound to other services would have accepted the chain.
fn trusted_elsewhere(
    verifier: &Verifier<'_>,
    leaf: &Certificate,
    sent: &[CertificateDer<'_>],
    peer: Peer<'_>,
    now: UnixTime,
) -> Option<Rejection> {
    let elsewhere = verifier.anchors.elsewhere();
    if elsewhere.is_empty() {
        return None;
    }
    let others = Anchors::from_certificates(elsewhere.iter().map(|other| other.certificate.clone()));
    let parsed = EndEntityCert::try_from(leaf.der()).ok()?;
    let path = parsed.verify_for_usage(
        verifier.algorithms.all,
        others.trust_anchors(),
        sent,
        now,
        path::usage(verifier.policy.purpose, peer),
        None,
        None,
    );
    let anchor = match &path {
        Ok(path) => others.find(path.anchor()).and_then(Anchor::certificate)?,
        Err(_) => leaf,
    };
    let found = elsewhere.iter().find(|other| other.certificate == *anchor)?;
    if verifier.anchors.scope() == Some(Scope::CloudTrunk) {
        let detail =
            format!("{:?} is a remote authority, and this is a BYOC Cloud trunk", anchor.display_name());
        return Some(Rejection::of(Cause::WrongWorkflow, anchor, detail));
    }
    let services: Vec<_> = found.services.iter().map(|service| service.as_str()).collect();
    let detail = format!("{:?} is imported, but for {} only", anchor.display_name(), services.join(" and "));
    Some(Rejection::of(Cause::WrongService, anchor, detail))
}

/// What the peer sent, in order from its own certificate upwards as far as the names lead.
struct Chain<'a> {
    leaf: &'a Certificate,
    sent: Vec<Certificate>,
    /// Indices into `sent`.
    links: Vec<usize>,
    anchors: &'a Anchors,
}

impl<'a> Chain<'a> {
    fn of(leaf: &'a Certificate, sent: Vec<Certificate>, anchors: &'a Anchors) -> Self {
        let mut links: Vec<usize> = Vec::new();
        let mut top = leaf;
        while !top.is_self_issued() {
            let next =
                (0..sent.len()).find(|index| !links.contains(index) && top.names_issuer(&sent[*index]));
            let Some(next) = next else { break };
            links.push(next);
            top = &sent[next];
        }
        Self { leaf, sent, links, anchors }
    }

    fn top(&self) -> &Certificate {
        self.links.last().map_or(self.leaf, |last| &self.sent[*last])
    }

    /// The authorities above the leaf: those sent, then the anchors that could have issued the top one.
    fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        let anchors = self.anchors.iter().filter_map(Anchor::certificate);
        let issuers = anchors.filter(|anchor| self.top().names_issuer(anchor));
        self.links.iter().map(|index| &self.sent[*index]).chain(issuers)
    }

    fn all(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(self.leaf).chain(self.authorities())
    }

    fn dates(&self, now: UnixTime) -> Rejection {
        let checked = path::check_dates(self.leaf, Cause::Expired, now);
        let above = self.authorities().map(|it| path::check_dates(it, Cause::AuthorityExpired, now));
        let first = std::iter::once(checked).chain(above).find_map(Result::err);
        first.unwrap_or_else(|| {
            Rejection::of(Cause::Expired, self.leaf, "a certificate of the chain is not valid now")
        })
    }

    /// A signature did not verify: the issuer's key is too weak for the library, or it is another key.
    fn signature(&self) -> Rejection {
        let weak = self.authorities().find(|authority| authority.key().weakness().is_some());
        if let Some(Err(rejection)) = weak.map(path::check_key) {
            return rejection;
        }
        let below = self.top();
        let detail = format!("its signature does not verify with the key of {:?}", below.issuer());
        Rejection::of(Cause::BadSignature, below, detail)
    }

    fn signature_algorithm(&self) -> Rejection {
        let unsound = |it: &&Certificate| !matches!(it.signature(), SignatureAlgorithm::Sound(_));
        if let Some(culprit) = self.all().find(unsound) {
            let detail = format!("it is signed with {}", culprit.signature());
            return Rejection::of(Cause::WeakSignature, culprit, detail);
        }
        if let Some(Err(rejection)) = self.all().find(|it| it.key().weakness().is_some()).map(path::check_key)
        {
            return rejection;
        }
        let detail =
            format!("its signature {} is not supported with the issuer's key", self.leaf.signature());
        Rejection::of(Cause::WeakSignature, self.leaf, detail)
    }
}

fn read(sent: &[CertificateDer<'_>]) -> Vec<Certificate> {
    sent.iter().take(MOST_EXPLAINED).filter_map(|der| Certificate::from_der(der).ok()).collect()
}

fn dotted(id: &[usize]) -> String {
    id.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
}

fn usages(ids: &[String]) -> String {
    let name = |id: &String| match id.as_str() {
        "1.3.6.1.5.5.7.3.1" => "serverAuth".to_owned(),
        "1.3.6.1.5.5.7.3.2" => "clientAuth".to_owned(),
        "1.3.6.1.5.5.7.3.20" => "sipDomain".to_owned(),
        "2.5.29.37.0" => "anyExtendedKeyUsage".to_owned(),
        other => other.to_owned(),
    };
    ids.iter().map(name).collect::<Vec<_>>().join(", ")
}
