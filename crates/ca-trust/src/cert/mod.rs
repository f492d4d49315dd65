//! What one certificate says about itself, read once and owned.
//!
//! `x509-parser` reads, this module keeps the facts the rest of the crate needs, and nothing here decides trust: a
//! [`Certificate`] may be expired, forged or nonsense. Judging is [`crate::verify`].

mod keys;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use thiserror::Error;
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

pub use keys::{KeyAlgorithm, SignatureAlgorithm};
pub use text::rfc3339;
pub(crate) use text::{clean, hex, name_to_string};

/// SHA-256 of a DER structure: of the certificate it identifies the certificate, of the public key the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of `der`.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// The 32 octets.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    /// Colon-separated upper-case hexadecimal, as `openssl x509 -fingerprint -sha256` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::colon_hex(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a run of octets is not a certificate this crate can read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The octets are not a DER X.509 certificate.
    #[error("not a readable X.509 certificate: {0}")]
    Malformed(String),
    /// A certificate was read and octets were left over.
    #[error("{0} octets follow the certificate; give one certificate per block")]
    TrailingData(usize),
}

/// One entry of the subject alternative name extension (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AltName {
    /// A dNSName, as written.
    Dns(String),
    /// A uniformResourceIdentifier, as written.
    Uri(String),
    /// An iPAddress of 4 or 16 octets.
    Ip(IpAddr),
    /// Any other form, or one that could not be read; the text says which.
    Other(String),
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{}", clean(name)),
            Self::Uri(uri) => write!(f, "URI:{}", clean(uri)),
            Self::Ip(ip) => write!(f, "IP:{ip}"),
            Self::Other(what) => write!(f, "{}", clean(what)),
        }
    }
}

/// The key usage bits of RFC 5280 §4.2.1.3 that matter to TLS and to issuing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsageBits {
    /// May sign handshakes.
    pub digital_signature: bool,
    /// May be used to encrypt keys (RSA key exchange, which rustls does not do).
    pub key_encipherment: bool,
    /// May sign certificates.
    pub key_cert_sign: bool,
    /// May sign revocation lists.
    pub crl_sign: bool,
}

/// The basic constraints of RFC 5280 §4.2.1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// The subject is a certificate authority.
    pub ca: bool,
    /// How many further non-self-issued authorities may follow; `None` is no limit.
    pub path_len: Option<u32>,
    /// The extension is marked critical.
    pub critical: bool,
}

/// One certificate and the facts in it. Cheap to read, never a statement of trust.
#[derive(Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    fingerprint: Fingerprint,
    facts: Facts,
}

#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) version: u32,
    pub(crate) serial: Vec<u8>,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) display_name: Option<String>,
    pub(crate) common_name: Option<String>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsageBits>,
    pub(crate) extended_key_usage: Option<Vec<String>>,
    pub(crate) has_alt_names: bool,
    pub(crate) alt_names: Vec<AltName>,
    pub(crate) key: KeyAlgorithm,
    pub(crate) key_fingerprint: Fingerprint,
    pub(crate) signature: SignatureAlgorithm,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_names_issuer: bool,
    pub(crate) organization: Option<String>,
    pub(crate) issuer_organization: Option<String>,
    /// Where the issuer's certificate can be fetched (RFC 5280 §4.2.2.1 caIssuers), cleaned for display.
    pub(crate) issuer_url: Option<String>,
    pub(crate) fractional_dates: bool,
    pub(crate) must_staple: bool,
    pub(crate) extensions: Vec<ExtensionFact>,
}

/// Which extensions are there, in order: what lint and the strict profile look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtensionFact {
    pub(crate) oid: Oid<'static>,
    pub(crate) critical: bool,
    pub(crate) understood: bool,
    pub(crate) malformed: bool,
    pub(crate) constrains_unsupported_names: bool,
    pub(crate) constrains_nothing: bool,
    pub(crate) constrains_dotted_name: bool,
}

impl Certificate {
    /// Reads one DER certificate; octets after it are an error.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| CertificateError::Malformed(asn1_reason(&error)))?;
        if !rest.is_empty() {
            return Err(CertificateError::TrailingData(rest.len()));
        }
        let facts = Facts::read(&parsed);
        Ok(Self { der: CertificateDer::from(der.to_vec()), fingerprint: Fingerprint::of(der), facts })
    }

    /// The DER octets exactly as read.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// SHA-256 over [`Certificate::der`].
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// SHA-256 over the subject public key info: equal for a renewal that kept its key.
    pub fn key_fingerprint(&self) -> Fingerprint {
        self.facts.key_fingerprint
    }

    /// What a table shows in its name column: the common name, else the organization, else the first alternative name,
    /// else the fingerprint. Control characters and bidirectional overrides are replaced, and it has at most 128
    /// characters.
    pub fn display_name(&self) -> String {
        self.facts.display_name.clone().unwrap_or_else(|| self.fingerprint.to_string())
    }

    /// The subject as text (RFC 4514 order of the certificate, cleaned for display).
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// The issuer as text, like [`Certificate::subject`].
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// The first common name of the subject, cleaned for display.
    pub fn common_name(&self) -> Option<&str> {
        self.facts.common_name.as_deref()
    }

    /// The serial number in lower-case hexadecimal without separators.
    pub fn serial(&self) -> String {
        text::hex(&self.facts.serial)
    }

    /// First second of validity, in seconds since 1970 (negative before).
    pub fn not_before(&self) -> i64 {
        self.facts.not_before
    }

    /// Last second of validity, in seconds since 1970.
    pub fn not_after(&self) -> i64 {
        self.facts.not_after
    }

    /// Whether `now` lies before the validity.
    pub fn is_not_yet_valid(&self, now: UnixTime) -> bool {
        seconds(now) < self.facts.not_before
    }

    /// Whether `now` lies after the validity.
    pub fn is_expired(&self, now: UnixTime) -> bool {
        seconds(now) > self.facts.not_after
    }

    /// Whether the basic constraints say this is a certificate authority.
    pub fn is_ca(&self) -> bool {
        self.facts.basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    /// The basic constraints extension, if present.
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.facts.basic_constraints
    }

    /// The key usage extension, if present.
    pub fn key_usage(&self) -> Option<KeyUsageBits> {
        self.facts.key_usage
    }

    /// The extended key usages as dotted object identifiers, if the extension is present.
    pub fn extended_key_usage(&self) -> Option<&[String]> {
        self.facts.extended_key_usage.as_deref()
    }

    /// The subject alternative names in order.
    pub fn alt_names(&self) -> &[AltName] {
        &self.facts.alt_names
    }

    /// The subject's public key algorithm and size.
    pub fn key(&self) -> &KeyAlgorithm {
        &self.facts.key
    }

    /// How the issuer signed this certificate.
    pub fn signature(&self) -> &SignatureAlgorithm {
        &self.facts.signature
    }

    /// Whether subject and issuer are the same name. A self-signed certificate always is; so is a key rollover link.
    pub fn is_self_issued(&self) -> bool {
        self.facts.subject_der == self.facts.issuer_der
    }

    /// Whether it asks for a stapled OCSP answer (RFC 7633).
    pub fn must_staple(&self) -> bool {
        self.facts.must_staple
    }

    /// Whether `issuer` could have issued this: the names agree, and the key identifiers where both are present.
    pub fn names_issuer(&self, issuer: &Certificate) -> bool {
        let ids_agree = match (&self.facts.authority_key_id, &issuer.facts.subject_key_id) {
            (Some(wanted), Some(offered)) => wanted == offered,
            (None, _) | (_, None) => true,
        };
        self.facts.issuer_der == issuer.facts.subject_der && ids_agree
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.facts.subject)
            .field("issuer", &self.facts.issuer)
            .field("not_after", &rfc3339(self.facts.not_after))
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}

pub(crate) const SUBJECT_ALT_NAME: Oid<'_> = oid!(2.5.29.17);
const TLS_FEATURE: Oid<'_> = oid!(1.3.6.1.5.5.7.1.24);

/// Seconds since 1970, for comparison with certificate dates (which may lie before).
pub(crate) fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Facts {
    fn read(parsed: &X509Certificate<'_>) -> Self {
        let common_name = parsed.subject().iter_common_name().find_map(text::attribute_value);
        let organization = parsed.subject().iter_organization().find_map(text::attribute_value);
        let issuer_organization = parsed.issuer().iter_organization().find_map(text::attribute_value);
        let mut facts = Self {
            version: parsed.version().0 + 1,
            serial: parsed.raw_serial().to_vec(),
            subject: name_to_string(parsed.subject()),
            issuer: name_to_string(parsed.issuer()),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
            display_name: None,
            common_name: common_name.as_deref().map(clean),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            has_alt_names: false,
            alt_names: Vec::new(),
            key: KeyAlgorithm::read(parsed.public_key()),
            key_fingerprint: Fingerprint::of(parsed.public_key().raw),
            signature: SignatureAlgorithm::read(&parsed.signature_algorithm),
            subject_key_id: None,
            authority_key_id: None,
            authority_key_names_issuer: false,
            organization: organization.as_deref().map(str::to_owned),
            issuer_organization: issuer_organization.map(Cow::into_owned),
            issuer_url: None,
            fractional_dates: has_fractional_date(parsed),
            must_staple: false,
            extensions: Vec::with_capacity(parsed.extensions().len()),
        };
        for extension in parsed.extensions() {
            facts.read_extension(extension);
        }
        let first_alt_name = || facts.alt_names.first().map(|name| Cow::Owned(name.to_string()));
        facts.display_name = common_name
            .or(organization)
            .or_else(first_alt_name)
            .map(|name| clean(&name))
            .filter(|name| !name.trim().is_empty());
        facts
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "x509-parser's enum; extensions not listed carry no fact"
    )]
    fn read_extension(&mut self, extension: &x509_parser::extensions::X509Extension<'_>) {
        let mut constrains_unsupported_names = false;
        let mut constrains_nothing = false;
        let mut constrains_dotted_name = false;
        let mut malformed = false;
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(value) => {
                self.basic_constraints = Some(BasicConstraints {
                    ca: value.ca,
                    path_len: value.path_len_constraint,
                    critical: extension.critical,
                });
            }
            ParsedExtension::KeyUsage(value) => {
                self.key_usage = Some(KeyUsageBits {
                    digital_signature: value.digital_signature(),
                    key_encipherment: value.key_encipherment(),
                    key_cert_sign: value.key_cert_sign(),
                    crl_sign: value.crl_sign(),
                });
            }
            ParsedExtension::ExtendedKeyUsage(value) => {
                self.extended_key_usage = Some(keys::extended_key_usage_oids(value));
            }
            ParsedExtension::SubjectAlternativeName(value) => {
                self.alt_names = value.general_names.iter().map(alt_name).collect();
            }
            ParsedExtension::SubjectKeyIdentifier(value) => self.subject_key_id = Some(value.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(value) => {
                self.authority_key_id = value.key_identifier.as_ref().map(|id| id.0.to_vec());
                self.authority_key_names_issuer =
                    value.authority_cert_issuer.is_some() || value.authority_cert_serial.is_some();
            }
            ParsedExtension::AuthorityInfoAccess(value) => {
                const CA_ISSUERS: Oid<'_> = oid!(1.3.6.1.5.5.7.48.2);
                let url = value.accessdescs.iter().find_map(|access| match access.access_location {
                    GeneralName::URI(url) if access.access_method == CA_ISSUERS => Some(url),
                    _ => None,
                });
                self.issuer_url = url.map(clean);
            }
            ParsedExtension::ParseError { .. } => malformed = true,
            ParsedExtension::NameConstraints(value) => {
                let trees = [&value.permitted_subtrees, &value.excluded_subtrees];
                let mut bases = trees.into_iter().flatten().flatten().map(|tree| &tree.base).peekable();
                constrains_nothing = bases.peek().is_none();
                for base in bases {
                    match base {
                        GeneralName::DNSName(name) => constrains_dotted_name |= name.starts_with('.'),
                        GeneralName::IPAddress(_) => {}
                        _ => constrains_unsupported_names = true,
                    }
                }
            }
            _ => {}
        }
        // RFC 7633 §4.1: the TLS feature extension lists the feature status_request (5).
        if extension.oid == TLS_FEATURE && extension.value.ends_with(&[0x02, 0x01, 0x05]) {
            self.must_staple = true;
        }
        self.has_alt_names |= extension.oid == SUBJECT_ALT_NAME;
        let understood = !extension.parsed_extension().unsupported();
        let critical = extension.critical;
        self.extensions.push(ExtensionFact {
            oid: extension.oid.to_owned(),
            critical,
            understood,
            malformed,
            constrains_unsupported_names,
            constrains_nothing,
            constrains_dotted_name,
        });
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "x509-parser's enum; the other forms never match a peer name"
)]
fn alt_name(name: &GeneralName<'_>) -> AltName {
    match name {
        GeneralName::DNSName(name) => AltName::Dns((*name).to_owned()),
        GeneralName::URI(uri) => AltName::Uri((*uri).to_owned()),
        GeneralName::IPAddress(octets) => match (<[u8; 4]>::try_from(*octets), <[u8; 16]>::try_from(*octets))
        {
            (Ok(v4), _) => AltName::Ip(v4.into()),
            (_, Ok(v6)) => AltName::Ip(v6.into()),
            (Err(_), Err(_)) => AltName::Other("an IP address of wrong length".to_owned()),
        },
        GeneralName::RFC822Name(mail) => AltName::Other(format!("email:{mail}")),
        GeneralName::DirectoryName(name) => AltName::Other(format!("DirName:{}", name_to_string(name))),
        _ => AltName::Other("othername".to_owned()),
    }
}

/// RFC 5280 §4.1.2.5.2: generalized times have whole seconds. The fraction is not kept by the parser, so the raw
/// form is looked at: the type octet, a length above 15, and a point.
fn has_fractional_date(parsed: &X509Certificate<'_>) -> bool {
    let tbs: &[u8] = parsed.tbs_certificate.as_ref();
    memchr::memchr_iter(0x18, tbs).filter_map(|at| tbs.get(at..at + 17)).any(|time| {
        (17..=32).contains(&time[1]) && time[2..16].iter().all(u8::is_ascii_digit) && time[16] == b'.'
    })
}

/// A short reason without any octet of the input: the input may hold a secret pasted by mistake.
fn asn1_reason<E: fmt::Debug>(error: &x509_parser::nom::Err<E>) -> String {
    match error {
        x509_parser::nom::Err::Incomplete(_) => "the structure is cut off".to_owned(),
        x509_parser::nom::Err::Error(inner) | x509_parser::nom::Err::Failure(inner) => {
            let reason = format!("{inner:?}");
            reason.split(['(', '{', '[']).next().unwrap_or_default().trim().to_owned()
        }
    }
}
