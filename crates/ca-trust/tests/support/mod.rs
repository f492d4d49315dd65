//! Certificate chains made for one test, valid from 2020 to 2040 unless the test says otherwise.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

#[cfg(feature = "rustls-ring")]
pub mod live;
#[cfg(feature = "rustls-ring")]
pub mod tls;

use std::time::Duration;

use ca_trust::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};

/// 2027-01-15T08:00:00Z.
pub const NOW: u64 = 1_800_000_000;
pub const DAY: u64 = 86_400;

pub fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

pub fn now() -> UnixTime {
    at(NOW)
}

/// A certificate authority with its key.
pub struct Authority {
    pub issuer: Issuer<'static, KeyPair>,
    pub der: CertificateDer<'static>,
    pub pem: String,
}

/// A leaf with its key.
pub struct Leaf {
    pub der: CertificateDer<'static>,
    pub pem: String,
    pub key: KeyPair,
}

impl Leaf {
    pub fn certificate(&self) -> Certificate {
        Certificate::from_der(&self.der).expect("the test made it")
    }

    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

impl Authority {
    pub fn certificate(&self) -> Certificate {
        Certificate::from_der(&self.der).expect("the test made it")
    }

    pub fn intermediate(&self, name: &str) -> Authority {
        self.intermediate_with(name, |_| {})
    }

    pub fn intermediate_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
        let mut params = authority_params(name);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = new_key();
        let certificate = params.signed_by(&key, &self.issuer).expect("the test's parameters are sound");
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Authority { issuer: Issuer::new(params, key), der, pem }
    }

    pub fn leaf(&self, dns: &str) -> Leaf {
        self.leaf_with(dns, |_| {})
    }

    pub fn leaf_with(&self, dns: &str, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = leaf_params(dns);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = new_key();
        let certificate = params.signed_by(&key, &self.issuer).expect("the test's parameters are sound");
        Leaf { der: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

pub fn root(name: &str) -> Authority {
    root_with(name, |_| {})
}

pub fn root_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
    let mut params = authority_params(name);
    change(&mut params);
    let key = new_key();
    let certificate = params.self_signed(&key).expect("the test's parameters are sound");
    let (der, pem) = (certificate.der().clone(), certificate.pem());
    Authority { issuer: Issuer::new(params, key), der, pem }
}

pub fn self_signed_leaf(dns: &str, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
    let mut params = leaf_params(dns);
    change(&mut params);
    let key = new_key();
    let certificate = params.self_signed(&key).expect("the test's parameters are sound");
    Leaf { der: certificate.der().clone(), pem: certificate.pem(), key }
}

pub fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    named(&mut params, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub fn leaf_params(dns: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    named(&mut params, dns);
    params.subject_alt_names = vec![SanType::DnsName(dns.try_into().expect("ASCII"))];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub fn named(params: &mut CertificateParams, name: &str) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
}

pub fn uri(value: &str) -> SanType {
    SanType::URI(value.try_into().expect("ASCII"))
}

pub fn dns(value: &str) -> SanType {
    SanType::DnsName(value.try_into().expect("ASCII"))
}

pub fn new_key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("the platform has randomness")
}
