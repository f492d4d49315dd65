//! The chain verdict on chains made here: one per cause, and the name rules as a matrix.
#![cfg(feature = "rustls-ring")]

mod support;

use ca_trust::diagnose::Cause;
use ca_trust::store::Deployment;
use ca_trust::verify::{
    ChainReport, Dates, LinkStatus, MatchedName, NameMode, Purpose, Rejection, Revocation, RevocationList,
    RevocationListError, Verified,
};
use ca_trust::{
    Anchors, Import, Mode, Peer, ReferenceName, Scope, Service, Services, Source, TrustStore, Verifier,
    VerifyPolicy,
};
use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};
use rustls_pki_types::{CertificateDer, UnixTime};
use support::{Authority, Leaf, at, dns, now, root, root_with, self_signed_leaf, uri};

struct Trial<'a> {
    anchors: &'a Anchors,
    policy: VerifyPolicy,
    lists: &'a [RevocationList],
    now: UnixTime,
}

impl<'a> Trial<'a> {
    fn new(anchors: &'a Anchors) -> Self {
        Self { anchors, policy: VerifyPolicy::default(), lists: &[], now: now() }
    }

    fn server(&self, leaf: &Leaf, sent: &[CertificateDer<'_>], name: &str) -> Result<Verified, Rejection> {
        let name = ReferenceName::parse(name).expect("the test's name is sound");
        self.verifier().verify(&leaf.der, sent, Peer::Server(&name), self.now)
    }

    fn client(&self, leaf: &Leaf, sent: &[CertificateDer<'_>]) -> Result<Verified, Rejection> {
        self.verifier().verify(&leaf.der, sent, Peer::Client, self.now)
    }

    fn verifier(&self) -> Verifier<'_> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        Verifier { anchors: self.anchors, algorithms, policy: &self.policy, lists: self.lists }
    }
}

fn trust(ca: &Authority) -> Anchors {
    Anchors::from_certificates([ca.certificate()])
}

fn cause(result: Result<Verified, Rejection>) -> Cause {
    result.expect_err("the chain is bad").cause
}

/// CA-008, CA-009, DG-001, DG-003: refused before import, under the wrong service and after deletion; accepted between.
#[test]
fn a_private_authority_counts_while_it_is_imported_for_the_service() {
    let carrier = root("Carrier Root");
    let leaf = carrier.leaf("sip.carrier.example");
    let mut store = TrustStore::new();
    let judge = |store: &TrustStore| {
        let anchors = store.anchors(Scope::Service(Service::Sip));
        Trial::new(&anchors).server(&leaf, &[], "sip.carrier.example").map_err(|rejection| rejection.cause)
    };
    assert_eq!(judge(&store).unwrap_err(), Cause::NotTrusted);
    let import = Import::read(Source::Text(&carrier.pem), Mode::Authorities, now()).unwrap();
    let wrong = Services::only(Service::Provisioning);
    let anyone = |_: &str| true;
    let id = store.add(&anyone, &import, &wrong, Deployment::ByocPremises, now()).unwrap().stored[0];
    assert_eq!(judge(&store).unwrap_err(), Cause::WrongService);
    store.set_services(&anyone, id, Services::only(Service::Sip)).unwrap();
    assert_eq!(judge(&store).unwrap().anchor, Some(carrier.certificate()));
    store.delete(&anyone, id, &[], false).unwrap();
    assert_eq!(judge(&store).unwrap_err(), Cause::NotTrusted);
}

/// CA-010, CT-16, DG-005: a cloud trunk whose chain ends at a remote authority is the wrong workflow.
#[test]
fn a_remote_authority_does_not_help_a_cloud_trunk() {
    let carrier = root("Carrier Root");
    let leaf = carrier.leaf("sip.carrier.example");
    let mut store = TrustStore::new();
    store.restore(carrier.certificate(), false, Services::only(Service::Sip), now());
    let anchors = store.anchors(Scope::CloudTrunk);
    let refused = Trial::new(&anchors).server(&leaf, &[], "sip.carrier.example").unwrap_err();
    assert_eq!(refused.cause, Cause::WrongWorkflow);
    assert!(refused.cause.fix().contains("TLS trunk transport documentation"));
}

/// CT-42, DG-044: the missing link is recognised by comparing the issuer with what is imported.
#[test]
fn a_missing_intermediate_is_told_from_missing_trust() {
    let organized = |params: &mut rcgen::CertificateParams| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Carrier AG");
    };
    let top = root_with("Carrier Root", organized);
    let middle = top.intermediate_with("Carrier Issuing 7", organized);
    let leaf = middle.leaf("sip.carrier.example");
    let anchors = trust(&top);
    let trial = Trial::new(&anchors);
    let refused = trial.server(&leaf, &[], "sip.carrier.example").unwrap_err();
    assert_eq!(refused.cause, Cause::MissingIntermediate);
    assert!(refused.detail.contains("Carrier Issuing 7"), "{refused}");
    assert!(refused.cause.fix().contains("its own certificate, every intermediate, and the root"));
    let complete = trial.server(&leaf, std::slice::from_ref(&middle.der), "sip.carrier.example").unwrap();
    assert_eq!((complete.intermediates, complete.anchor), (1, Some(top.certificate())));

    let stranger = root("Stranger").leaf("sip.carrier.example");
    assert_eq!(cause(trial.server(&stranger, &[], "sip.carrier.example")), Cause::NotTrusted);
    let other = root("Other");
    let below = other.intermediate("Below other").leaf("sip.carrier.example");
    let refused = trial.server(&below, std::slice::from_ref(&other.der), "sip.carrier.example").unwrap_err();
    assert_eq!(refused.cause, Cause::NotTrusted);
}

/// CA-011, CA-013: link by link, with dates and signatures, as s_client would show it.
#[test]
fn the_chain_report_shows_every_link() {
    let top = root("Root");
    let middle =
        top.intermediate_with("Issuing", |params| params.not_after = rcgen::date_time_ymd(2026, 1, 1));
    let leaf = middle.leaf("sip.example.com");
    let unrelated = root("Unrelated");
    let anchors = trust(&top);
    let statuses = |sent: &[CertificateDer<'_>], anchors: &Anchors| {
        let report = ChainReport::of(sent, anchors, now());
        let statuses: Vec<_> = report.links.iter().map(|link| link.status.clone()).collect();
        (statuses, report.missing_issuer().map(str::to_owned), report.unrelated)
    };
    let by_root = LinkStatus::SignedByTrusted { authority: "Root".to_owned() };
    let sent = [leaf.der.clone(), unrelated.der.clone(), middle.der.clone()];
    assert_eq!(statuses(&sent, &anchors), (vec![LinkStatus::Signed, by_root], None, 1));
    let report = ChainReport::of(&sent, &anchors, now());
    assert!(!report.links[0].expired && report.links[1].expired);
    assert!(report.to_string().contains("(expired)"), "{report}");

    let missing = statuses(&sent[..1], &anchors);
    assert_eq!(missing, (vec![LinkStatus::IssuerMissing], Some("CN=Issuing".to_owned()), 0));
    let full = [leaf.der.clone(), middle.der.clone(), top.der.clone()];
    let untrusted = statuses(&full, &Anchors::default());
    assert_eq!(untrusted.0, [LinkStatus::Signed, LinkStatus::Signed, LinkStatus::SelfSigned]);
    let impostor = root("Issuing");
    let forged = statuses(&[leaf.der.clone(), impostor.der], &Anchors::default());
    // The key identifiers differ, so the impostor is not even named as the issuer.
    assert_eq!(forged.0, [LinkStatus::IssuerMissing]);
}

/// CT-22: forty name decisions.
#[test]
fn names_follow_rfc_5922_or_the_web() {
    let ca = root("Root");
    let anchors = trust(&ca);
    let (rfc, web) = (NameMode::Rfc5922, NameMode::WebPki);
    let ip = |text: &str| SanType::IpAddress(text.parse().unwrap());
    let certificates: Vec<(&str, Leaf)> = vec![
        ("dns", named(&ca, vec![dns("example.com")])),
        ("upper", named(&ca, vec![dns("EXAMPLE.com")])),
        ("wild", named(&ca, vec![dns("*.example.com")])),
        ("uri", named(&ca, vec![uri("sip:example.com")])),
        ("uri and dns", named(&ca, vec![uri("sip:example.com"), dns("other.example.com")])),
        ("user", named(&ca, vec![uri("sip:alice@example.com"), dns("example.com")])),
        ("sips", named(&ca, vec![uri("sips:example.com")])),
        ("ip", named(&ca, vec![ip("192.0.2.1"), ip("2001:db8::1")])),
        ("ip as dns", named(&ca, vec![dns("192.0.2.1")])),
        ("none", named(&ca, vec![])),
    ];
    let matrix = [
        ("dns", "example.com", rfc, true),
        ("dns", "EXAMPLE.COM", rfc, true),
        ("dns", "example.com.", rfc, true),
        ("dns", "sub.example.com", rfc, false),
        ("dns", "example.org", rfc, false),
        ("dns", "example.com", web, true),
        ("dns", "Example.Com", web, true),
        ("dns", "sub.example.com", web, false),
        ("upper", "example.com", rfc, true),
        ("upper", "example.com", web, true),
        // RFC 5922 §7.2: no wildcard.
        ("wild", "sip.example.com", rfc, false),
        ("wild", "sip.example.com", web, true),
        ("wild", "a.b.example.com", web, false),
        ("wild", "example.com", web, false),
        ("wild", "example.com", rfc, false),
        ("uri", "example.com", rfc, true),
        ("uri", "Example.COM", rfc, true),
        ("uri", "sub.example.com", rfc, false),
        ("uri", "example.com", web, false),
        // RFC 5922 §7.1: with a sip URI present, DNS names do not count.
        ("uri and dns", "example.com", rfc, true),
        ("uri and dns", "other.example.com", rfc, false),
        ("uri and dns", "other.example.com", web, true),
        ("uri and dns", "example.com", web, false),
        // A URI with a user part is no domain identity, so DNS names count.
        ("user", "example.com", rfc, true),
        ("user", "alice.example.com", rfc, false),
        ("sips", "example.com", rfc, false),
        ("sips", "example.com", web, false),
        ("ip", "192.0.2.1", rfc, true),
        ("ip", "192.0.2.1", web, true),
        ("ip", "192.0.2.2", rfc, false),
        ("ip", "192.0.2.2", web, false),
        ("ip", "[2001:db8::1]", rfc, true),
        ("ip", "2001:db8:0::1", web, true),
        ("ip", "2001:db8::2", web, false),
        ("ip", "example.com", rfc, false),
        ("ip as dns", "192.0.2.1", rfc, false),
        ("ip as dns", "192.0.2.1", web, false),
        ("none", "example.com", rfc, false),
        ("none", "example.com", web, false),
        ("none", "192.0.2.1", rfc, false),
    ];
    assert_eq!(matrix.len(), 40);
    for (which, name, names, accepted) in matrix {
        let (_, leaf) = certificates.iter().find(|(label, _)| *label == which).unwrap();
        let trial =
            Trial { policy: VerifyPolicy { names, ..VerifyPolicy::default() }, ..Trial::new(&anchors) };
        assert_eq!(trial.server(leaf, &[], name).is_ok(), accepted, "{which} {name} {names:?}");
    }
    let trial = Trial { policy: VerifyPolicy::sip(), ..Trial::new(&anchors) };
    let wild = &certificates[2].1;
    assert_eq!(cause(trial.server(wild, &[], "sip.example.com")), Cause::WildcardNotAllowed);
    assert_eq!(cause(trial.server(wild, &[], "example.com")), Cause::WrongName);
    let proved = trial.server(&certificates[4].1, &[], "example.com").unwrap();
    assert_eq!(proved.name, Some(MatchedName::SipUri("sip:example.com".to_owned())));
}

/// CT-23: the common name counts only when asked for, and only without alternative names.
#[test]
fn the_common_name_is_a_last_resort() {
    let ca = root("Root");
    let anchors = trust(&ca);
    let only_common_name = ca.leaf_with("pbx.example.com", |params| params.subject_alt_names.clear());
    let both =
        ca.leaf_with("pbx.example.com", |params| params.subject_alt_names = vec![dns("other.example.com")]);
    for names in [NameMode::Rfc5922, NameMode::WebPki] {
        let judge = |common_name_fallback, leaf: &Leaf| {
            let policy = VerifyPolicy { names, common_name_fallback, ..VerifyPolicy::default() };
            Trial { policy, ..Trial::new(&anchors) }.server(leaf, &[], "pbx.example.com")
        };
        assert_eq!(cause(judge(false, &only_common_name)), Cause::NameOnlyInCommonName);
        assert_eq!(judge(true, &only_common_name).unwrap().name, Some(MatchedName::CommonName));
        assert_eq!(cause(judge(true, &both)), Cause::WrongName);
    }
}

/// CT-24: an address literal is matched by an iPAddress entry and nothing else.
#[test]
fn address_literals_match_address_entries_only() {
    let ca = root("Root");
    let anchors = trust(&ca);
    let by_name = ca.leaf_with("192.0.2.1", |params| params.subject_alt_names.clear());
    let policy = VerifyPolicy { common_name_fallback: true, ..VerifyPolicy::sip() };
    let trial = Trial { policy, ..Trial::new(&anchors) };
    assert_eq!(cause(trial.server(&by_name, &[], "192.0.2.1")), Cause::WrongName);
}

/// CT-25, RFC 5922 §7.3: the configured domain is proved, not the host an SRV record named.
#[test]
fn the_reference_is_the_domain_and_not_the_srv_target() {
    let ca = root("Root");
    let anchors = trust(&ca);
    let (domain, target) = ("carrier.example", "sbc7.hosting.example");
    let trial = Trial { policy: VerifyPolicy::sip(), ..Trial::new(&anchors) };
    // _sips._tcp.carrier.example SRV 0 0 5061 sbc7.hosting.example: the connection goes to the target, the name checked
    // stays the domain, so a certificate for the target alone is refused and one for the domain is accepted.
    assert_eq!(cause(trial.server(&ca.leaf(target), &[], domain)), Cause::WrongName);
    assert!(trial.server(&ca.leaf(domain), &[], domain).is_ok());
}

/// CT-26: purposes, with RFC 5924's sipDomain as an option.
#[test]
fn purposes_are_checked() {
    use ExtendedKeyUsagePurpose::{ClientAuth, CodeSigning, ServerAuth};
    let ca = root("Root");
    let anchors = trust(&ca);
    let sip_domain = || ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 20]);
    let leaf = |purposes| ca.leaf_with("sip.example.com", |params| params.extended_key_usages = purposes);
    let judge = |purpose, leaf: &Leaf, server: bool| {
        let policy = VerifyPolicy { purpose, ..VerifyPolicy::default() };
        let trial = Trial { policy, ..Trial::new(&anchors) };
        let result =
            if server { trial.server(leaf, &[], "sip.example.com") } else { trial.client(leaf, &[]) };
        result.map(|_| ()).map_err(|rejection| rejection.cause)
    };
    let wrong = Err(Cause::WrongUsage);
    for (purposes, tls_server, tls_client, sip) in [
        (vec![], Ok(()), Ok(()), Ok(())),
        (vec![ServerAuth], Ok(()), wrong, wrong),
        (vec![ClientAuth], wrong, Ok(()), wrong),
        (vec![ServerAuth, ClientAuth], Ok(()), Ok(()), wrong),
        (vec![sip_domain()], wrong, wrong, Ok(())),
        (vec![ServerAuth, sip_domain()], Ok(()), wrong, Ok(())),
        (vec![ExtendedKeyUsagePurpose::Any], wrong, wrong, Ok(())),
        (vec![CodeSigning], wrong, wrong, wrong),
    ] {
        let leaf = leaf(purposes.clone());
        assert_eq!(judge(Purpose::Tls, &leaf, true), tls_server, "server {purposes:?}");
        assert_eq!(judge(Purpose::Tls, &leaf, false), tls_client, "client {purposes:?}");
        assert_eq!(judge(Purpose::SipDomain, &leaf, true), sip, "sip {purposes:?}");
    }
}

/// CT-18, CT-19: the gaps of webpki: anchor dates, keyCertSign, anchor constraints, leaf with CA powers.
#[test]
fn what_webpki_leaves_out_is_checked() {
    let expired = root_with("Root", |params| params.not_after = rcgen::date_time_ymd(2026, 1, 1));
    let anchors = trust(&expired);
    let trial = Trial::new(&anchors);
    assert_eq!(cause(trial.server(&expired.leaf("a.example"), &[], "a.example")), Cause::AuthorityExpired);

    let ca = root("Root");
    let anchors = trust(&ca);
    let trial = Trial::new(&anchors);
    let silent = ca.intermediate_with("No keyCertSign", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let refused = trial.server(&silent.leaf("a.example"), std::slice::from_ref(&silent.der), "a.example");
    assert_eq!(cause(refused), Cause::NotAnAuthority);
    let disguised = ca.leaf_with("a.example", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    });
    assert_eq!(cause(trial.server(&disguised, &[], "a.example")), Cause::CaUsedAsPeer);

    let short = root_with("Short", |params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0)));
    let anchors = trust(&short);
    let trial = Trial::new(&anchors);
    let below = short.intermediate("Too deep");
    let refused = trial.server(&below.leaf("a.example"), std::slice::from_ref(&below.der), "a.example");
    assert_eq!(cause(refused), Cause::PathTooLong);
    let mut strange = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    strange.set_criticality(true);
    let odd = root_with("Odd", |params| params.custom_extensions = vec![strange]);
    let anchors = trust(&odd);
    let refused = Trial::new(&anchors).server(&odd.leaf("a.example"), &[], "a.example");
    assert_eq!(cause(refused), Cause::UnknownCriticalExtension);
}

/// CT-41: dates, self-signed and CA certificates as peers, constraints, wrong keys.
#[test]
fn each_fault_has_its_cause() {
    let ca = root("Root");
    let anchors = trust(&ca);
    let trial = Trial::new(&anchors);
    let judge = |leaf: &Leaf, sent: &[CertificateDer<'_>]| cause(trial.server(leaf, sent, "a.example"));
    let old = ca.leaf_with("a.example", |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    assert_eq!(judge(&old, &[]), Cause::Expired);
    let new = ca.leaf_with("a.example", |params| params.not_before = rcgen::date_time_ymd(2030, 1, 1));
    assert_eq!(judge(&new, &[]), Cause::NotYetValid);
    let expired = ca.intermediate_with("Old", |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1));
    assert_eq!(
        judge(&expired.leaf("a.example"), std::slice::from_ref(&expired.der)),
        Cause::AuthorityExpired
    );
    assert_eq!(judge(&self_signed_leaf("a.example", |_| {}), &[]), Cause::SelfSigned);
    let as_peer = self_signed_leaf("a.example", |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert_eq!(judge(&as_peer, &[]), Cause::CaUsedAsPeer);
    let impostor = root("Root");
    let forged =
        impostor.leaf_with("a.example", |params| params.use_authority_key_identifier_extension = false);
    assert_eq!(judge(&forged, &[]), Cause::BadSignature);
    let not_ca = ca.intermediate_with("Not an authority", |params| params.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(judge(&not_ca.leaf("a.example"), std::slice::from_ref(&not_ca.der)), Cause::NotAnAuthority);
    let constrained = ca.intermediate_with("Constrained", |params| {
        let only = rcgen::GeneralSubtree::DnsName("b.example".to_owned());
        params.name_constraints =
            Some(rcgen::NameConstraints { permitted_subtrees: vec![only], excluded_subtrees: vec![] });
    });
    let refused = judge(&constrained.leaf("a.example"), std::slice::from_ref(&constrained.der));
    assert_eq!(refused, Cause::NameConstraintViolated);
    let by_mail = ca.intermediate_with("By mail", |params| {
        let only = rcgen::GeneralSubtree::Rfc822Name("example.com".to_owned());
        params.name_constraints =
            Some(rcgen::NameConstraints { permitted_subtrees: vec![only], excluded_subtrees: vec![] });
    });
    let mailed = by_mail.leaf_with("a.example", |params| {
        params.subject_alt_names.push(SanType::Rfc822Name("a@example.com".try_into().unwrap()));
    });
    assert_eq!(judge(&mailed, std::slice::from_ref(&by_mail.der)), Cause::UnsupportedNameConstraint);
    let mut strange = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    strange.set_criticality(true);
    let critical = ca.leaf_with("a.example", |params| params.custom_extensions = vec![strange]);
    assert_eq!(judge(&critical, &[]), Cause::UnknownCriticalExtension);
    let name = ReferenceName::parse("a.example").unwrap();
    let damaged = CertificateDer::from(ca.leaf("a.example").der[..200].to_vec());
    let refused = trial.verifier().verify(&damaged, &[], Peer::Server(&name), now()).unwrap_err();
    assert_eq!(refused.cause, Cause::Malformed);
}

/// CT-09: a pinned self-signed server is trusted as it is, whatever it calls itself, and vouches for nothing.
#[test]
fn a_pinned_server_is_trusted_as_it_is() {
    let server = self_signed_leaf("pbx.local", |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    });
    let anchors = Anchors::default().with_pinned_server(server.certificate());
    let trial = Trial::new(&anchors);
    assert_eq!(trial.server(&server, &[], "192.0.2.9").unwrap().name, Some(MatchedName::Pinned));
    let signed = Authority {
        issuer: rcgen::Issuer::from_ca_cert_der(&server.der, server.key).unwrap(),
        der: server.der.clone(),
        pem: server.pem.clone(),
    };
    assert!(trial.server(&signed.leaf("a.example"), &[], "a.example").is_err());
    let late = Trial { now: at(2_300_000_000), ..Trial::new(&anchors) };
    let server = Leaf { der: server.der, pem: server.pem, key: support::new_key() };
    assert_eq!(cause(late.server(&server, &[], "192.0.2.9")), Cause::Expired);
}

/// CT-38: revocation lists, their dates and the policy for unknown status.
#[test]
fn revocation_follows_the_policy() {
    let ca = root("Root");
    let anchors = trust(&ca);
    let good = ca.leaf_with("good.example", |params| params.serial_number = Some(7u64.into()));
    let bad = ca.leaf_with("bad.example", |params| params.serial_number = Some(8u64.into()));
    let list = [revocation_list(&ca, 8)];
    let strict = Revocation { deny_unknown: true, deny_expired_list: true, check_intermediates: true };
    let policy = VerifyPolicy { revocation: strict, ..VerifyPolicy::default() };
    let trial = Trial { policy, lists: &list, ..Trial::new(&anchors) };
    assert!(trial.server(&good, &[], "good.example").is_ok());
    assert_eq!(cause(trial.server(&bad, &[], "bad.example")), Cause::Revoked);
    let late = Trial { policy, lists: &list, now: at(1_900_000_000), ..Trial::new(&anchors) };
    assert_eq!(cause(late.server(&good, &[], "good.example")), Cause::RevocationListExpired);
    let lenient = Revocation { deny_expired_list: false, ..strict };
    let warn = Trial { policy: VerifyPolicy { revocation: lenient, ..policy }, ..late };
    assert!(warn.server(&good, &[], "good.example").is_ok());
    assert_eq!(cause(warn.server(&bad, &[], "bad.example")), Cause::Revoked);

    let none = Trial { policy, ..Trial::new(&anchors) };
    assert_eq!(cause(none.server(&good, &[], "good.example")), Cause::RevocationUnknown);
    let other = [revocation_list(&root("Other"), 8)];
    let uncovered = Trial { policy, lists: &other, ..Trial::new(&anchors) };
    assert_eq!(cause(uncovered.server(&good, &[], "good.example")), Cause::RevocationUnknown);
    let allowed = Trial { lists: &other, ..Trial::new(&anchors) };
    assert!(allowed.server(&good, &[], "good.example").is_ok());

    let no_lists = root_with("No lists", |params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let anchors = trust(&no_lists);
    let mut signer_params = support::authority_params("No lists");
    signer_params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signer = rcgen::Issuer::new(
        signer_params,
        rcgen::KeyPair::from_pem(&no_lists.issuer.key().serialize_pem()).unwrap(),
    );
    let unlawful = Authority { issuer: signer, der: no_lists.der.clone(), pem: no_lists.pem.clone() };
    let list = [revocation_list(&unlawful, 8)];
    let trial = Trial { lists: &list, ..Trial::new(&anchors) };
    assert_eq!(
        cause(trial.server(&no_lists.leaf("a.example"), &[], "a.example")),
        Cause::RevocationListUnusable
    );
    let damaged = rustls_pki_types::CertificateRevocationListDer::from(vec![0x30, 3, 2, 1, 1]);
    assert!(matches!(RevocationList::from_der(&damaged), Err(RevocationListError::Unusable(_))));
}

/// CT-21: no change of one octet in leaf, intermediate or list makes the verifier panic.
#[test]
fn mutated_chains_never_panic() {
    let ca = root("Root");
    let middle = ca.intermediate("Middle");
    let leaf = middle.leaf("a.example");
    let anchors = trust(&ca);
    let list = revocation_list_der(&ca, 8);
    let trial = Trial::new(&anchors);
    let name = ReferenceName::parse("a.example").unwrap();
    for change in [0x01, 0x80, 0xff] {
        for index in 0..leaf.der.len() {
            let mut der = leaf.der.to_vec();
            der[index] ^= change;
            let der = CertificateDer::from(der);
            let sent = std::slice::from_ref(&middle.der);
            let _ = trial.verifier().verify(&der, sent, Peer::Server(&name), now());
        }
        for index in 0..middle.der.len() {
            let mut der = middle.der.to_vec();
            der[index] ^= change;
            let refused = trial.server(&leaf, &[CertificateDer::from(der)], "a.example");
            assert!(refused.is_err(), "octet {index} of the intermediate is covered by its signature");
        }
        for index in 0..list.len() {
            let mut der = list.clone();
            der[index] ^= change;
            let _ = RevocationList::from_der(&der.into());
        }
    }
}

/// Expired device certificates pass only where the policy says so, and are reported.
#[test]
fn expired_devices_pass_only_by_policy() {
    let maker = root_with("Maker Root", |params| params.not_after = rcgen::date_time_ymd(2026, 1, 1));
    let anchors = trust(&maker);
    let phone = maker.leaf_with("0004f2aabbcc", |params| {
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_eq!(cause(Trial::new(&anchors).client(&phone, &[])), Cause::Expired);
    let policy = VerifyPolicy { dates: Dates::AllowExpired, ..VerifyPolicy::default() };
    let trial = Trial { policy, ..Trial::new(&anchors) };
    assert!(trial.client(&phone, &[]).unwrap().expired);
    let stranger = root("Stranger").leaf_with("0004f2aabbcc", |params| {
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_eq!(cause(trial.client(&stranger, &[])), Cause::NotTrusted);
    let early = maker.leaf_with("0004f2aabbcc", |params| {
        params.not_before = rcgen::date_time_ymd(2030, 1, 1);
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert!(trial.client(&early, &[]).is_err());
}

fn named(ca: &Authority, names: Vec<SanType>) -> Leaf {
    ca.leaf_with("someone", |params| params.subject_alt_names = names)
}

fn revocation_list(ca: &Authority, serial: u64) -> RevocationList {
    RevocationList::from_der(&revocation_list_der(ca, serial).into()).expect("a sound list")
}

fn revocation_list_der(ca: &Authority, serial: u64) -> Vec<u8> {
    let revoked = rcgen::RevokedCertParams {
        serial_number: serial.into(),
        revocation_time: rcgen::date_time_ymd(2026, 6, 1),
        reason_code: Some(rcgen::RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 12, 1),
        next_update: rcgen::date_time_ymd(2027, 3, 1),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(&ca.issuer).expect("sound parameters").der().to_vec()
}
