//! An authority that issues: the organization's root, or the one of an edge group.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyIdMethod, KeyUsagePurpose, NameConstraints,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use time::OffsetDateTime;

use super::signer::ForRcgen;
use super::{EdgeIdentity, IssueError, MacAddress, PhoneIdentity, Signer, SigningRequest};
use crate::cert::{Certificate, Fingerprint, seconds};

/// The seed of an authority's serial numbers. Every process start needs a fresh one from the operating system; a fixed
/// one makes tests repeatable.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// How long things live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuePolicy {
    /// Life of edge and phone certificates; at most 90 days, longer values are cut.
    pub leaf_life: Duration,
    /// Life of a group authority; 2 years.
    pub group_life: Duration,
    /// Life of the root; 10 years.
    pub root_life: Duration,
    /// How far certificates begin before now, for peers with slow clocks; 5 minutes.
    pub backdate: Duration,
    /// How long a revocation list counts; 7 days.
    pub list_life: Duration,
}

const DAY: Duration = Duration::from_secs(86_400);
const LONGEST_LEAF: Duration = Duration::from_secs(90 * 86_400);

impl Default for IssuePolicy {
    fn default() -> Self {
        Self {
            leaf_life: LONGEST_LEAF,
            group_life: DAY * 730,
            root_life: DAY * 3_650,
            backdate: Duration::from_secs(300),
            list_life: DAY * 7,
        }
    }
}

/// Why a certificate was revoked (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// No particular reason.
    Unspecified,
    /// The private key is known to others.
    KeyCompromise,
    /// Another certificate took its place.
    Superseded,
    /// The edge or phone is out of service.
    CessationOfOperation,
}

impl RevocationReason {
    fn rcgen(self) -> rcgen::RevocationReason {
        match self {
            Self::Unspecified => rcgen::RevocationReason::Unspecified,
            Self::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
            Self::Superseded => rcgen::RevocationReason::Superseded,
            Self::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
        }
    }
}

/// A certificate just issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// What the owner presents: the certificate and the authorities up to, without, the root.
    pub chain: Vec<CertificateDer<'static>>,
}

struct Record {
    not_after: i64,
    phone: Option<(MacAddress, Fingerprint)>,
    revoked: Option<(i64, RevocationReason)>,
}

/// An authority with its signer and the ledger of what it issued.
///
/// Nothing here returns a private key: the signer has no method for it.
pub struct Authority {
    signer: Box<dyn Signer>,
    certificate: Certificate,
    /// Authorities to send along below the root; empty for the root itself.
    chain: Vec<CertificateDer<'static>>,
    organization: String,
    permitted: Option<Vec<String>>,
    policy: IssuePolicy,
    serials: ChaCha20Rng,
    ledger: BTreeMap<Vec<u8>, Record>,
    list_number: u64,
}

impl Authority {
    /// Creates the root of `organization` and its self-signed certificate.
    pub fn create_root(
        organization: &str,
        signer: Box<dyn Signer>,
        policy: IssuePolicy,
        seed: &Seed,
        now: UnixTime,
    ) -> Result<Self, IssueError> {
        let mut serials = ChaCha20Rng::from_seed(seed.0);
        let mut params = authority_params(organization, "Managed Root CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.serial_number = Some(SerialNumber::from(new_serial(&mut serials)));
        (params.not_before, params.not_after) = lifetime(now, policy.backdate, policy.root_life, None)?;
        let certificate = params.self_signed(&ForRcgen(&*signer)).map_err(signing)?;
        let certificate = Certificate::from_der(certificate.der()).map_err(signing)?;
        Ok(Self {
            signer,
            certificate,
            chain: Vec::new(),
            organization: organization.to_owned(),
            permitted: None,
            policy,
            serials,
            ledger: BTreeMap::new(),
            list_number: 0,
        })
    }

    /// Takes up a root again from its stored certificate. The ledger starts empty; replay it with
    /// [`Authority::restore_issued`].
    pub fn load_root(
        organization: &str,
        signer: Box<dyn Signer>,
        certificate: Certificate,
        policy: IssuePolicy,
        seed: &Seed,
    ) -> Result<Self, IssueError> {
        if !certificate.is_ca() {
            return Err(IssueError::NotAnAuthority);
        }
        let key = rcgen::PublicKeyData::subject_public_key_info(&ForRcgen(&*signer));
        if Fingerprint::of(&key) != certificate.key_fingerprint() {
            return Err(IssueError::WrongSigner);
        }
        Ok(Self {
            signer,
            certificate,
            chain: Vec::new(),
            organization: organization.to_owned(),
            permitted: None,
            policy,
            serials: ChaCha20Rng::from_seed(seed.0),
            ledger: BTreeMap::new(),
            list_number: 0,
        })
    }

    /// The authority's own certificate; of the root, this is the managed authority of the trust store.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Creates the authority of an edge group, which may only issue for names at or below `permitted` domains.
    pub fn issue_group(
        &mut self,
        group: &str,
        permitted: &[&str],
        signer: Box<dyn Signer>,
        now: UnixTime,
    ) -> Result<Self, IssueError> {
        if !self.chain.is_empty() {
            return Err(IssueError::NotTheRoot);
        }
        let mut params = authority_params(&self.organization, &format!("Edge Group {group}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        // RFC 5280 §4.2.1.10: below these domains only; addresses not at all.
        let all_addresses =
            [rcgen::CidrSubnet::from_v4_prefix([0; 4], 0), rcgen::CidrSubnet::from_v6_prefix([0; 16], 0)];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted
                .iter()
                .map(|domain| GeneralSubtree::DnsName((*domain).to_owned()))
                .collect(),
            excluded_subtrees: all_addresses.into_iter().map(GeneralSubtree::IpAddress).collect(),
        });
        let key = ForRcgen(&*signer);
        let certificate = self.sign(params, &key, self.policy.group_life, now, None)?;
        Ok(Self {
            chain: vec![certificate.der().clone()],
            certificate,
            signer,
            organization: self.organization.clone(),
            permitted: Some(permitted.iter().map(|domain| domain.to_ascii_lowercase()).collect()),
            policy: self.policy,
            serials: self.fork_serials(),
            ledger: BTreeMap::new(),
            list_number: 0,
        })
    }

    /// Certifies an edge: client authentication, and server authentication where it serves TLS.
    pub fn issue_edge(
        &mut self,
        request: &SigningRequest,
        edge: &EdgeIdentity,
        now: UnixTime,
    ) -> Result<Issued, IssueError> {
        if edge.dns_names.is_empty() {
            return Err(IssueError::NoName);
        }
        let mut params = leaf_params(&self.organization, &edge.edge_id);
        for name in &edge.dns_names {
            self.check_permitted(name)?;
            params.subject_alt_names.push(SanType::DnsName(ia5(name)?));
        }
        if let (Some(permitted), Some(address)) = (&self.permitted, edge.addresses.first()) {
            let permitted = permitted.join(", ");
            return Err(IssueError::OutsideConstraint { name: address.to_string(), permitted });
        }
        params.subject_alt_names.extend(edge.addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.subject_alt_names.push(SanType::URI(ia5(&format!("urn:telco:edge:{}", edge.edge_id))?));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if edge.serves_tls {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        self.issue(params, request, None, now)
    }

    /// Certifies a phone: client authentication only, identified by MAC address.
    ///
    /// A phone that already holds a valid certificate under another key is refused unless `rekey`, which revokes the
    /// earlier one as superseded. The same key may be certified again at any time: that is a renewal.
    pub fn issue_phone(
        &mut self,
        request: &SigningRequest,
        phone: &PhoneIdentity,
        rekey: bool,
        now: UnixTime,
    ) -> Result<Issued, IssueError> {
        let mut params = leaf_params(&self.organization, &phone.mac.to_string());
        params.distinguished_name.push(DnType::OrganizationalUnitName, phone.model.as_str());
        params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 5]), phone.mac.to_string());
        params.subject_alt_names.push(SanType::URI(ia5(&format!("urn:telco:phone:{}", phone.mac))?));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = Fingerprint::of(&rcgen::PublicKeyData::subject_public_key_info(&request.key));
        let clock = seconds(now);
        let other_key = |record: &&mut Record| {
            record.revoked.is_none()
                && record.not_after >= clock
                && record.phone.is_some_and(|(mac, known)| mac == phone.mac && known != key)
        };
        let replaced: Vec<_> = self.ledger.values_mut().filter(other_key).collect();
        if !replaced.is_empty() && !rekey {
            return Err(IssueError::DuplicatePhone(phone.mac));
        }
        for record in replaced {
            record.revoked = Some((clock, RevocationReason::Superseded));
        }
        self.issue(params, request, Some((phone.mac, key)), now)
    }

    /// Revokes by serial number (hexadecimal, as [`Certificate::serial`] prints it). Repeating it changes nothing.
    pub fn revoke(
        &mut self,
        serial: &str,
        reason: RevocationReason,
        now: UnixTime,
    ) -> Result<(), IssueError> {
        let known = self.ledger.iter_mut().find(|(key, _)| crate::cert::hex(key) == serial);
        let (_, record) = known.ok_or_else(|| IssueError::UnknownSerial(serial.to_owned()))?;
        record.revoked.get_or_insert((seconds(now), reason));
        Ok(())
    }

    /// The current revocation list. Certificates that have ended are dropped from it and from the ledger.
    pub fn revocation_list(
        &mut self,
        now: UnixTime,
    ) -> Result<CertificateRevocationListDer<'static>, IssueError> {
        let clock = seconds(now);
        self.ledger.retain(|_, record| record.not_after >= clock);
        self.list_number += 1;
        let revoked = self.ledger.iter().filter_map(|(serial, record)| {
            record.revoked.map(|(at, reason)| {
                Ok(RevokedCertParams {
                    serial_number: SerialNumber::from(serial.clone()),
                    revocation_time: date(at)?,
                    reason_code: Some(reason.rcgen()),
                    invalidity_date: None,
                })
            })
        });
        let life = i64::try_from(self.policy.list_life.as_secs()).unwrap_or(i64::MAX);
        let params = CertificateRevocationListParams {
            this_update: date(clock)?,
            next_update: date(clock.saturating_add(life))?,
            // The number must rise across restarts, so the time leads and the counter breaks ties (RFC 5280 §5.2.3).
            crl_number: SerialNumber::from(
                ((now.as_secs() << 16) | (self.list_number & 0xffff)).to_be_bytes().to_vec(),
            ),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect::<Result<_, IssueError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.rcgen_issuer()?).map_err(signing)?;
        Ok(list.der().clone())
    }

    /// Puts a certificate issued earlier back into the ledger, with its revocation if there was one.
    pub fn restore_issued(
        &mut self,
        certificate: &Certificate,
        phone: Option<MacAddress>,
        revoked: Option<(i64, RevocationReason)>,
    ) {
        let phone = phone.map(|mac| (mac, certificate.key_fingerprint()));
        let record = Record { not_after: certificate.not_after(), phone, revoked };
        self.ledger.insert(certificate.facts().serial.clone(), record);
    }

    /// End of the longest-lived certificate in the ledger, in seconds since 1970; what a rollover waits for.
    pub fn last_end(&self) -> Option<i64> {
        self.ledger.values().map(|record| record.not_after).max()
    }

    fn issue(
        &mut self,
        params: CertificateParams,
        request: &SigningRequest,
        phone: Option<(MacAddress, Fingerprint)>,
        now: UnixTime,
    ) -> Result<Issued, IssueError> {
        let life = self.policy.leaf_life.min(LONGEST_LEAF);
        let certificate = self.sign(params, &request.key, life, now, phone)?;
        let chain = std::iter::once(certificate.der().clone()).chain(self.chain.iter().cloned()).collect();
        Ok(Issued { certificate, chain })
    }

    fn sign(
        &mut self,
        mut params: CertificateParams,
        key: &impl rcgen::PublicKeyData,
        life: Duration,
        now: UnixTime,
        phone: Option<(MacAddress, Fingerprint)>,
    ) -> Result<Certificate, IssueError> {
        let mut serial = new_serial(&mut self.serials);
        while self.ledger.contains_key(&serial) {
            serial = new_serial(&mut self.serials);
        }
        params.serial_number = Some(SerialNumber::from(serial.clone()));
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) =
            lifetime(now, self.policy.backdate, life, Some(&self.certificate))?;
        let signed = params.signed_by(key, &self.rcgen_issuer()?).map_err(signing)?;
        let certificate = Certificate::from_der(signed.der()).map_err(signing)?;
        self.ledger.insert(serial, Record { not_after: certificate.not_after(), phone, revoked: None });
        Ok(certificate)
    }

    fn rcgen_issuer(&self) -> Result<rcgen::Issuer<'static, ForRcgen<'_>>, IssueError> {
        rcgen::Issuer::from_ca_cert_der(self.certificate.der(), ForRcgen(&*self.signer)).map_err(signing)
    }

    fn check_permitted(&self, name: &str) -> Result<(), IssueError> {
        let Some(permitted) = &self.permitted else { return Ok(()) };
        let lower = name.to_ascii_lowercase();
        let below = |domain: &String| {
            lower == *domain || lower.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        if permitted.iter().any(below) {
            return Ok(());
        }
        Err(IssueError::OutsideConstraint { name: name.to_owned(), permitted: permitted.join(", ") })
    }

    fn fork_serials(&mut self) -> ChaCha20Rng {
        let mut seed = [0; 32];
        self.serials.fill_bytes(&mut seed);
        ChaCha20Rng::from_seed(seed)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("certificate", &self.certificate)
            .field("signer", &self.signer)
            .field("issued", &self.ledger.len())
            .finish_non_exhaustive()
    }
}

fn authority_params(organization: &str, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, format!("{organization} {name}"));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(organization: &str, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // RFC 7093 §2 method 1; the subject key identifier helps path building.
    params.key_identifier_method = KeyIdMethod::Sha256;
    params
}

/// 127 random bits: positive, never zero, sixteen octets (RFC 5280 §4.1.2.2; the baseline asks for 64 bits).
fn new_serial(random: &mut ChaCha20Rng) -> Vec<u8> {
    let mut serial = [0; 16];
    random.fill_bytes(&mut serial);
    serial[0] = (serial[0] & 0x3f) | 0x40;
    serial.to_vec()
}

/// From a little before now for `life`, but never beyond the issuer.
fn lifetime(
    now: UnixTime,
    backdate: Duration,
    life: Duration,
    issuer: Option<&Certificate>,
) -> Result<(OffsetDateTime, OffsetDateTime), IssueError> {
    let now = seconds(now);
    let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let mut begin = now.saturating_sub(whole(backdate));
    let mut end = begin.saturating_add(whole(life));
    if let Some(issuer) = issuer {
        begin = begin.max(issuer.not_before());
        end = end.min(issuer.not_after());
        if now < issuer.not_before() || now >= end {
            return Err(IssueError::AuthorityNotValid);
        }
    }
    Ok((date(begin)?, date(end)?))
}

fn date(seconds: i64) -> Result<OffsetDateTime, IssueError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(signing)
}

fn ia5(name: &str) -> Result<rcgen::string::Ia5String, IssueError> {
    rcgen::string::Ia5String::try_from(name).map_err(|_| IssueError::Name(name.to_owned()))
}

fn signing(error: impl fmt::Display) -> IssueError {
    IssueError::Signing(error.to_string())
}
