//! The chain as a table: what `openssl s_client -showcerts` would let you see, judged link by link.

use std::fmt;

use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::cert::{Certificate, rfc3339};
use crate::store::{Anchor, Anchors};

/// How one certificate is connected to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStatus {
    /// Signed by the next certificate of the report.
    Signed,
    /// Signed by a trusted authority.
    SignedByTrusted {
        /// That authority's display name.
        authority: String,
    },
    /// Itself a trusted authority.
    Trusted,
    /// Signed by itself, and not trusted.
    SelfSigned,
    /// A certificate of the issuer's name is at hand, but its key did not make the signature.
    Forged,
    /// Nobody sent the issuer and none is trusted.
    IssuerMissing,
}

/// One certificate of the chain.
#[derive(Clone, Debug)]
pub struct Link {
    /// The certificate.
    pub certificate: Certificate,
    /// Its validity is over.
    pub expired: bool,
    /// Its validity has not begun.
    pub not_yet_valid: bool,
    /// How it is connected.
    pub status: LinkStatus,
}

/// The chain from the peer's certificate upwards.
#[derive(Clone, Debug)]
pub struct ChainReport {
    /// The links in order, the peer's own certificate first.
    pub links: Vec<Link>,
    /// Certificates sent that belong to no link.
    pub unrelated: usize,
}

impl ChainReport {
    /// Reports on what a peer sent, its own certificate first, at most 16 certificates.
    ///
    /// This explains; it does not decide. [`super::Verifier::verify`] decides.
    pub fn of(sent: &[CertificateDer<'_>], anchors: &Anchors, now: UnixTime) -> Self {
        let mut left: Vec<Certificate> =
            sent.iter().take(16).filter_map(|der| Certificate::from_der(der).ok()).collect();
        let mut links = Vec::new();
        let mut next = (!left.is_empty()).then(|| left.remove(0));
        while let Some(certificate) = next.take() {
            let (status, issuer) = connect(&certificate, &left, anchors);
            links.push(Link {
                expired: certificate.is_expired(now),
                not_yet_valid: certificate.is_not_yet_valid(now),
                status,
                certificate,
            });
            next = issuer.map(|index| left.remove(index));
        }
        Self { links, unrelated: left.len() }
    }

    /// The issuer nobody sent, where the chain breaks off: what the peer has to add, or the administrator to import.
    pub fn missing_issuer(&self) -> Option<&str> {
        let last = self.links.last()?;
        (last.status == LinkStatus::IssuerMissing).then(|| last.certificate.issuer())
    }
}

fn connect(
    certificate: &Certificate,
    sent: &[Certificate],
    anchors: &Anchors,
) -> (LinkStatus, Option<usize>) {
    let mut trusted = anchors.iter().filter_map(Anchor::certificate).chain(anchors.pinned_servers());
    if trusted.any(|anchor| anchor == certificate) {
        return (LinkStatus::Trusted, None);
    }
    let by_name = |anchor: &&Certificate| certificate.names_issuer(anchor);
    let anchor =
        anchors.iter().filter_map(Anchor::certificate).filter(by_name).find(|it| signs(it, certificate));
    if let Some(anchor) = anchor {
        return (LinkStatus::SignedByTrusted { authority: anchor.display_name() }, None);
    }
    if certificate.is_self_issued() && signs(certificate, certificate) {
        return (LinkStatus::SelfSigned, None);
    }
    let mut named =
        sent.iter().enumerate().filter(|(_, candidate)| certificate.names_issuer(candidate)).peekable();
    let any_named =
        named.peek().is_some() || anchors.iter().filter_map(Anchor::certificate).any(|it| by_name(&it));
    match named.find(|(_, candidate)| signs(candidate, certificate)) {
        Some((index, _)) => (LinkStatus::Signed, Some(index)),
        None if any_named => (LinkStatus::Forged, None),
        None => (LinkStatus::IssuerMissing, None),
    }
}

fn signs(issuer: &Certificate, certificate: &Certificate) -> bool {
    let (Ok((_, issuer)), Ok((_, certificate))) =
        (X509Certificate::from_der(issuer.der()), X509Certificate::from_der(certificate.der()))
    else {
        return false;
    };
    certificate.verify_signature(Some(issuer.public_key())).is_ok()
}

impl fmt::Display for ChainReport {
    /// Two lines per certificate: ` 0 s:subject` and `   i:issuer`, then dates and verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, link) in self.links.iter().enumerate() {
            let certificate = &link.certificate;
            writeln!(f, "{depth:>2} s:{}", certificate.subject())?;
            writeln!(f, "   i:{}", certificate.issuer())?;
            let validity = match (link.expired, link.not_yet_valid) {
                (true, _) => " (expired)",
                (_, true) => " (not yet valid)",
                (false, false) => "",
            };
            writeln!(
                f,
                "   {} to {}{validity}; {}, {}",
                rfc3339(certificate.not_before()),
                rfc3339(certificate.not_after()),
                certificate.key(),
                certificate.signature()
            )?;
            match &link.status {
                LinkStatus::Signed => writeln!(f, "   signed by the next")?,
                LinkStatus::SignedByTrusted { authority } => {
                    writeln!(f, "   signed by trusted {authority:?}")?
                }
                LinkStatus::Trusted => writeln!(f, "   trusted")?,
                LinkStatus::SelfSigned => writeln!(f, "   self-signed, not trusted")?,
                LinkStatus::Forged => writeln!(f, "   NOT signed by the certificate of its issuer's name")?,
                LinkStatus::IssuerMissing => writeln!(f, "   issuer not sent and not trusted")?,
            }
        }
        match self.unrelated {
            0 => Ok(()),
            count => writeln!(f, "   {count} further certificates belong to no link"),
        }
    }
}
