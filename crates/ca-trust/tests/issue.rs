//! The managed authority: what it issues, who agrees with it, and how it is replaced.
#![cfg(feature = "rustls-ring")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ca_trust::diagnose::Cause;
use ca_trust::expiry::ExpiryMonitor;
use ca_trust::issue::{
    Authority, EdgeIdentity, FileSigner, IssueError, IssuePolicy, Issued, MacAddress, MemorySigner,
    PhoneIdentity, RequestError, RevocationReason, Rollover, RolloverError, RolloverPhase, Seed, Signer,
    SignerError, SigningKeyType, SigningRequest, renewal_time,
};
use ca_trust::verify::{Revocation, RevocationList};
use ca_trust::{
    Anchors, Certificate, Peer, ReferenceName, Rejection, Scope, Service, TrustStore, Verifier, VerifyPolicy,
};
use rcgen::KeyPair;
use rustls_pki_types::{CertificateDer, UnixTime};
use support::{DAY, NOW, at, new_key, now};

const EDGE_NAME: &str = "edge1.berlin.edges.example";

fn signer(key_type: SigningKeyType) -> Box<dyn Signer> {
    Box::new(MemorySigner::generate(key_type).expect("the platform has randomness"))
}

fn organization() -> Authority {
    organization_with(SigningKeyType::EcdsaP384, IssuePolicy::default())
}

fn organization_with(key_type: SigningKeyType, policy: IssuePolicy) -> Authority {
    Authority::create_root("Example AG", signer(key_type), policy, &Seed([7; 32]), now())
        .expect("a sound root")
}

fn request(key: &KeyPair) -> SigningRequest {
    let wishes = support::authority_params("I want to be an authority");
    let csr = wishes.serialize_request(key).expect("sound parameters");
    SigningRequest::from_der(csr.der()).expect("a sound request")
}

fn edge() -> EdgeIdentity {
    EdgeIdentity {
        edge_id: "0c9e8a5e-edge-1".to_owned(),
        dns_names: vec![EDGE_NAME.to_owned()],
        addresses: Vec::new(),
        serves_tls: true,
    }
}

fn phone() -> PhoneIdentity {
    PhoneIdentity { mac: "0004f2aabbcc".parse().expect("a MAC address"), model: "VVX 450".to_owned() }
}

fn check(
    root: &Certificate,
    issued: &Issued,
    peer: Peer<'_>,
    policy: VerifyPolicy,
    lists: &[RevocationList],
    now: UnixTime,
) -> Result<(), Rejection> {
    let anchors = Anchors::from_certificates([root.clone()]);
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let verifier = Verifier { anchors: &anchors, algorithms, policy: &policy, lists };
    verifier.verify(&issued.chain[0], &issued.chain[1..], peer, now).map(|_| ())
}

/// CT-32, CT-35, CT-40: edges and phones, under the root and under a group; the strict profile, `openssl verify
/// -x509_strict` and, where it is installed, Python's `cryptography` accept them. (The Go verifier of CT-35 is replaced
/// by the latter: no Go toolchain is at hand.)
#[test]
fn everything_issued_satisfies_independent_verifiers() {
    for key_type in [SigningKeyType::EcdsaP256, SigningKeyType::EcdsaP384] {
        let mut root = organization_with(key_type, IssuePolicy::default());
        let mut group =
            root.issue_group("berlin", &["berlin.edges.example"], signer(key_type), now()).unwrap();
        let name = ReferenceName::parse(EDGE_NAME).unwrap();
        let anchor = root.certificate().clone();
        for authority in [&mut root, &mut group] {
            let edge = authority.issue_edge(&request(&new_key()), &edge(), now()).unwrap();
            for peer in [Peer::Server(&name), Peer::Client] {
                check(&anchor, &edge, peer, VerifyPolicy::web_pki(), &[], now()).unwrap();
            }
            openssl_accepts(&anchor, &edge, "sslserver");
            openssl_accepts(&anchor, &edge, "sslclient");
            python_accepts(&anchor, &edge, Some(EDGE_NAME));

            let phone = authority.issue_phone(&request(&new_key()), &phone(), false, now()).unwrap();
            check(&anchor, &phone, Peer::Client, VerifyPolicy::web_pki(), &[], now()).unwrap();
            let refused = check(&anchor, &phone, Peer::Server(&name), VerifyPolicy::web_pki(), &[], now());
            assert_eq!(refused.unwrap_err().cause, Cause::WrongUsage);
            openssl_accepts(&anchor, &phone, "sslclient");
            python_accepts(&anchor, &phone, None);
        }
    }
}

/// CT-32: life at most 90 days, 127-bit serial numbers, minimal usage, the edge id in the certificate.
#[test]
fn edge_certificates_are_minimal_and_short_lived() {
    let policy = IssuePolicy { leaf_life: Duration::from_secs(400 * DAY), ..IssuePolicy::default() };
    let mut root = organization_with(SigningKeyType::EcdsaP256, policy);
    let issued = root.issue_edge(&request(&new_key()), &edge(), now()).unwrap().certificate;
    assert!(issued.not_after() - issued.not_before() <= 90 * 86_400);
    assert_eq!(issued.serial().len(), 32);
    assert!(!issued.is_ca() && issued.basic_constraints().is_some());
    let usage = issued.key_usage().unwrap();
    assert!(usage.digital_signature && !usage.key_cert_sign && !usage.crl_sign && !usage.key_encipherment);
    assert_eq!(issued.extended_key_usage().unwrap(), ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    let names: Vec<_> = issued.alt_names().iter().map(ToString::to_string).collect();
    assert_eq!(names, [format!("DNS:{EDGE_NAME}"), "URI:urn:telco:edge:0c9e8a5e-edge-1".to_owned()]);
    assert_eq!(issued.common_name(), Some("0c9e8a5e-edge-1"));

    let client_only = EdgeIdentity { serves_tls: false, ..edge() };
    let issued = root.issue_edge(&request(&new_key()), &client_only, now()).unwrap().certificate;
    assert_eq!(issued.extended_key_usage().unwrap(), ["1.3.6.1.5.5.7.3.2"]);
    let mut serials: Vec<_> = (0..50)
        .map(|_| root.issue_edge(&request(&new_key()), &edge(), now()).unwrap().certificate.serial())
        .collect();
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 50);
    let nameless = EdgeIdentity { dns_names: Vec::new(), ..edge() };
    assert!(matches!(root.issue_edge(&request(&new_key()), &nameless, now()), Err(IssueError::NoName)));
}

/// CT-33: a phone is its MAC address; a second key needs a re-key, the same key is a renewal.
#[test]
fn a_phone_has_one_key_at_a_time() {
    let mut root = organization();
    let (first, second) = (new_key(), new_key());
    let issued = root.issue_phone(&request(&first), &phone(), false, now()).unwrap().certificate;
    assert_eq!(issued.common_name(), Some("0004f2aabbcc"));
    assert!(
        issued.subject().contains("OU=VVX 450") && issued.subject().contains("serialNumber=0004f2aabbcc")
    );
    assert_eq!(issued.extended_key_usage().unwrap(), ["1.3.6.1.5.5.7.3.2"]);
    root.issue_phone(&request(&first), &phone(), false, now()).unwrap();
    let refused = root.issue_phone(&request(&second), &phone(), false, now());
    assert!(matches!(refused, Err(IssueError::DuplicatePhone(mac)) if mac == phone().mac));
    let rekeyed = root.issue_phone(&request(&second), &phone(), true, now()).unwrap();
    let list = [RevocationList::from_der(&root.revocation_list(now()).unwrap()).unwrap()];
    let anchor = root.certificate().clone();
    let earlier = Issued { chain: vec![issued.der().clone()], certificate: issued };
    let judge = |issued| check(&anchor, issued, Peer::Client, VerifyPolicy::default(), &list, now());
    assert_eq!(judge(&earlier).unwrap_err().cause, Cause::Revoked);
    judge(&rekeyed).unwrap();
    // A year later the first certificate has ended, so nothing stands in the way of a new key.
    let later = at(NOW + 365 * DAY);
    root.issue_phone(&request(&first), &phone(), false, later).unwrap();
}

/// CT-34, CA-016, CT-49: keys live in memory or in a file of their owner; nothing prints or returns them.
#[test]
fn authority_keys_stay_with_their_signer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let created = FileSigner::create(&path, SigningKeyType::EcdsaP384).unwrap();
    assert!(matches!(FileSigner::create(&path, SigningKeyType::EcdsaP384), Err(SignerError::File { .. })));
    let opened = FileSigner::open(&path).unwrap();
    assert_eq!((opened.public_key(), opened.key_type()), (created.public_key(), SigningKeyType::EcdsaP384));
    let text = std::fs::read_to_string(&path).unwrap();
    let body: String = text.lines().filter(|line| !line.contains("-----")).collect();
    let root =
        Authority::create_root("Example AG", Box::new(opened), IssuePolicy::default(), &Seed([1; 32]), now());
    let root = root.unwrap();
    for shown in [format!("{root:?}"), format!("{created:?}"), format!("{:?}", Seed([9; 32]))] {
        assert!(!shown.contains(&body[60..90]) && !shown.contains("9, 9"), "{shown}");
    }
    let again = FileSigner::open(&path).unwrap();
    let certificate = root.certificate().clone();
    let loaded = Authority::load_root(
        "Example AG",
        Box::new(again),
        certificate.clone(),
        IssuePolicy::default(),
        &Seed([2; 32]),
    );
    assert_eq!(loaded.unwrap().certificate(), &certificate);
    let stranger = signer(SigningKeyType::EcdsaP384);
    let refused =
        Authority::load_root("Example AG", stranger, certificate, IssuePolicy::default(), &Seed([2; 32]));
    assert!(matches!(refused, Err(IssueError::WrongSigner)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(FileSigner::open(&path), Err(SignerError::Exposed(_))));
    }
    assert!(matches!(MemorySigner::from_pkcs8(b"not a key"), Err(SignerError::UnsupportedKey)));
}

/// CT-40: a group's authority cannot vouch for names of another group, whatever it signs.
#[test]
fn group_authorities_are_constrained_by_name() {
    let mut root = organization();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let own = MemorySigner::from_pkcs8(&key.serialize_der()).unwrap();
    let mut group = root.issue_group("berlin", &["berlin.edges.example"], Box::new(own), now()).unwrap();
    let foreign = EdgeIdentity { dns_names: vec!["edge1.paris.edges.example".to_owned()], ..edge() };
    let refused = group.issue_edge(&request(&new_key()), &foreign, now());
    assert!(matches!(refused, Err(IssueError::OutsideConstraint { .. })));
    let lookalike = EdgeIdentity { dns_names: vec!["evilberlin.edges.example".to_owned()], ..edge() };
    assert!(group.issue_edge(&request(&new_key()), &lookalike, now()).is_err());
    let by_address = EdgeIdentity { addresses: vec!["192.0.2.1".parse().unwrap()], ..edge() };
    assert!(group.issue_edge(&request(&new_key()), &by_address, now()).is_err());
    assert!(matches!(
        group.issue_group("below", &[], signer(SigningKeyType::EcdsaP256), now()),
        Err(IssueError::NotTheRoot)
    ));

    // Someone who stole the group's key signs for another group: the chain itself is refused.
    let stolen = support::Authority {
        issuer: rcgen::Issuer::from_ca_cert_der(group.certificate().der(), key).unwrap(),
        der: group.certificate().der().clone(),
        pem: String::new(),
    };
    let forged = stolen.leaf("edge1.paris.edges.example");
    let forged =
        Issued { certificate: forged.certificate(), chain: vec![forged.der.clone(), stolen.der.clone()] };
    let name = ReferenceName::parse("edge1.paris.edges.example").unwrap();
    let refused =
        check(root.certificate(), &forged, Peer::Server(&name), VerifyPolicy::default(), &[], now())
            .unwrap_err();
    assert_eq!(refused.cause, Cause::NameConstraintViolated);
}

/// CT-38: the list is issued, consumed, verified by openssl, and a missed update is policy.
#[test]
fn revocation_lists_are_issued_and_consumed() {
    let mut root = organization();
    let good = root.issue_edge(&request(&new_key()), &edge(), now()).unwrap();
    let bad = root.issue_edge(&request(&new_key()), &edge(), now()).unwrap();
    root.revoke(&bad.certificate.serial(), RevocationReason::KeyCompromise, now()).unwrap();
    root.revoke(&bad.certificate.serial(), RevocationReason::Unspecified, at(NOW + 1)).unwrap();
    assert!(matches!(
        root.revoke("00ff", RevocationReason::Unspecified, now()),
        Err(IssueError::UnknownSerial(_))
    ));
    let der = root.revocation_list(now()).unwrap();
    let list = [RevocationList::from_der(&der).unwrap()];
    let deny = Revocation { deny_unknown: true, deny_expired_list: true, check_intermediates: true };
    let warn = Revocation { deny_expired_list: false, ..deny };
    let judge = |issued, revocation, now| {
        let policy = VerifyPolicy { revocation, ..VerifyPolicy::default() };
        check(root.certificate(), issued, Peer::Client, policy, &list, now)
            .map_err(|rejection| rejection.cause)
    };
    assert_eq!(judge(&good, deny, now()), Ok(()));
    assert_eq!(judge(&bad, deny, now()), Err(Cause::Revoked));
    let missed = at(NOW + 8 * DAY);
    assert_eq!(judge(&good, deny, missed), Err(Cause::RevocationListExpired));
    assert_eq!(judge(&good, warn, missed), Ok(()));
    assert_eq!(judge(&bad, warn, missed), Err(Cause::Revoked));
    assert_eq!(list[0].next_update(), Some(i64::try_from(NOW + 7 * DAY).unwrap()));

    let directory = tempfile::tempdir().unwrap();
    let crl = directory.path().join("crl.pem");
    std::fs::write(&crl, pem("X509 CRL", &der)).unwrap();
    let crl = crl.to_str().unwrap();
    let arguments = ["-crl_check", "-CRLfile", crl];
    assert!(openssl_verify(root.certificate(), &good, "sslclient", &arguments).0);
    let (accepted, said) = openssl_verify(root.certificate(), &bad, "sslclient", &arguments);
    assert!(!accepted && said.contains("revoked"), "{said}");
}

/// CT-36: renewal is due at two thirds of the life, spread by certificate, and always before the end.
#[test]
fn renewal_is_due_at_two_thirds_with_jitter() {
    let mut root = organization();
    let (mut earliest, mut latest) = (u64::MAX, 0);
    for _ in 0..40 {
        let issued = root.issue_edge(&request(&new_key()), &edge(), now()).unwrap().certificate;
        let due = renewal_time(&issued).as_secs();
        assert_eq!(due, renewal_time(&issued).as_secs());
        (earliest, latest) = (earliest.min(due), latest.max(due));
    }
    let (life, begin) = (90 * DAY, NOW - 300);
    assert!(latest <= begin + life * 2 / 3, "never after two thirds");
    assert!(earliest >= begin + life * 2 / 3 - life / 20, "never more than a twentieth early");
    assert!(latest - earliest > DAY, "spread over days");
}

/// CT-37: both roots are trusted during the overlap, and the switch waits for the phones.
#[test]
fn a_root_is_rolled_over_without_cutting_anybody_off() {
    let mut old = organization();
    let mut store = TrustStore::new();
    store.install_managed(old.certificate().clone()).unwrap();
    let before = old.issue_edge(&request(&new_key()), &edge(), now()).unwrap();
    let mut new = Authority::create_root(
        "Example AG",
        signer(SigningKeyType::EcdsaP384),
        IssuePolicy::default(),
        &Seed([8; 32]),
        now(),
    )
    .unwrap();
    let phones: Vec<MacAddress> =
        (1..=3).map(|last| MacAddress::new([0, 4, 0xf2, 0, 0, last]).unwrap()).collect();
    let mut rollover = Rollover::begin(old.certificate().clone(), new.certificate().clone(), phones.clone());
    store.set_managed_roots(rollover.trusted());
    assert_eq!(store.managed(), Some(old.certificate()));
    let trusts = |store: &TrustStore, issued: &Issued, now| {
        let anchors = store.anchors(Scope::Service(Service::Sip));
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let policy = VerifyPolicy::default();
        let verifier = Verifier { anchors: &anchors, algorithms, policy: &policy, lists: &[] };
        verifier.verify(&issued.chain[0], &issued.chain[1..], Peer::Client, now).is_ok()
    };
    let early = new.issue_edge(&request(&new_key()), &edge(), now()).unwrap();
    assert!(trusts(&store, &before, now()) && trusts(&store, &early, now()));

    let end = old.last_end().unwrap();
    rollover.fetched(phones[0]);
    rollover.fetched(phones[1]);
    assert_eq!(rollover.switch(end, false), Err(RolloverError::PhonesWaiting(vec![phones[2]])));
    rollover.fetched(phones[2]);
    rollover.switch(end, false).unwrap();
    assert_eq!(rollover.switch(end, false), Err(RolloverError::WrongPhase));
    store.set_managed_roots(rollover.trusted());
    assert_eq!((rollover.phase(), store.managed()), (RolloverPhase::Switched, Some(new.certificate())));
    assert!(trusts(&store, &before, now()) && trusts(&store, &early, now()));

    assert_eq!(rollover.finish(now()), Err(RolloverError::OldCertificatesValid(end)));
    let over = at(u64::try_from(end).unwrap() + 1);
    rollover.finish(over).unwrap();
    store.set_managed_roots(rollover.trusted());
    assert!(!trusts(&store, &before, over));
    let late = new.issue_edge(&request(&new_key()), &edge(), over).unwrap();
    assert!(trusts(&store, &late, over));
}

/// CT-45: 60, 30, 14, 7 and 1 days before the end, each once, and the end itself.
#[test]
fn expiry_is_announced_in_steps() {
    let mut root = organization();
    let issued = root.issue_edge(&request(&new_key()), &edge(), now()).unwrap().certificate;
    let imported = support::root("Carrier Root").certificate();
    let mut monitor = ExpiryMonitor::new();
    monitor.watch(&issued, "edge berlin");
    monitor.watch(&imported, "remote authority");
    let end = u64::try_from(issued.not_after()).unwrap();
    let mut said = Vec::new();
    let mut clock = NOW;
    while let Some(next) = monitor.next_timeout().filter(|next| next.as_secs() <= end + DAY) {
        clock = clock.max(next.as_secs());
        monitor.handle_timeout(at(clock));
        while let Some(warning) = monitor.poll_output() {
            assert_eq!(warning.purpose, "edge berlin");
            said.push((warning.days, (end + 1 - clock) / DAY));
        }
    }
    assert_eq!(said, [(60, 60), (30, 30), (14, 14), (7, 7), (1, 1), (0, 0)]);
    let mut late = ExpiryMonitor::new();
    late.watch(&issued, "edge berlin");
    late.handle_timeout(at(end - 5 * DAY));
    assert_eq!(late.poll_output().unwrap().days, 7);
    assert_eq!(late.poll_output(), None);
    late.forget(issued.fingerprint());
    assert_eq!(late.next_timeout(), None);
}

/// Requests prove possession of a sound key, and their wishes are ignored.
#[test]
fn signing_requests_prove_possession_only() {
    let key = new_key();
    let csr = support::authority_params("I want to be an authority").serialize_request(&key).unwrap();
    let mut forged = csr.der().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(SigningRequest::from_der(&forged).unwrap_err(), RequestError::NoProofOfPossession);
    assert_eq!(SigningRequest::from_der(b"junk").unwrap_err(), RequestError::Malformed);
    assert_eq!(SigningRequest::from_der(&[0x30; 20_000]).unwrap_err(), RequestError::TooLarge);
    for length in 0..csr.der().len() {
        assert!(SigningRequest::from_der(&csr.der()[..length]).is_err());
    }
    let issued =
        organization().issue_edge(&SigningRequest::from_der(csr.der()).unwrap(), &edge(), now()).unwrap();
    assert!(!issued.certificate.is_ca());
}

/// Certificates never outlive their authority, and an authority that has ended issues nothing.
#[test]
fn nothing_outlives_its_authority() {
    let policy = IssuePolicy { root_life: Duration::from_secs(30 * DAY), ..IssuePolicy::default() };
    let mut root = organization_with(SigningKeyType::EcdsaP256, policy);
    let issued = root.issue_edge(&request(&new_key()), &edge(), now()).unwrap().certificate;
    assert_eq!(issued.not_after(), root.certificate().not_after());
    let late = root.issue_edge(&request(&new_key()), &edge(), at(NOW + 31 * DAY));
    assert!(matches!(late, Err(IssueError::AuthorityNotValid)));
}

fn openssl_accepts(root: &Certificate, issued: &Issued, purpose: &str) {
    let (accepted, said) = openssl_verify(root, issued, purpose, &[]);
    assert!(accepted, "openssl verify -purpose {purpose}: {said}");
}

fn openssl_verify(root: &Certificate, issued: &Issued, purpose: &str, more: &[&str]) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, certificates: &[CertificateDer<'_>]| {
        let text: String = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a writable directory");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (root, leaf) = (write("root.pem", &[root.der().clone()]), write("leaf.pem", &issued.chain[..1]));
    let between = write("between.pem", &issued.chain[1..]);
    let time = NOW.to_string();
    let mut command = Command::new("openssl");
    command.args([
        "verify",
        "-x509_strict",
        "-no-CApath",
        "-no-CAstore",
        "-attime",
        &time,
        "-purpose",
        purpose,
    ]);
    command.args(more).args(["-CAfile", &root]);
    if issued.chain.len() > 1 {
        command.args(["-untrusted", &between]);
    }
    let output = command.arg(&leaf).output().expect("openssl is installed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

/// The verifier of Python's `cryptography` (a Rust implementation of its own); said plainly where it is absent.
fn python_accepts(root: &Certificate, issued: &Issued, server: Option<&str>) {
    const SCRIPT: &str = "
import sys, datetime
try:
    from cryptography import x509
    from cryptography.x509 import verification as v
except ImportError:
    print('absent'); sys.exit(0)
directory, time, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
load = lambda f: x509.load_pem_x509_certificates(open(directory + '/' + f, 'rb').read())
chain = load('chain.pem')
builder = v.PolicyBuilder().store(v.Store(load('root.pem'))).time(datetime.datetime.fromtimestamp(time))
verifier = builder.build_server_verifier(x509.DNSName(name)) if name else builder.build_client_verifier()
verifier.verify(chain[0], chain[1:])
print('accepted')
";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, certificates: &[CertificateDer<'_>]| {
        let text: String = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
        std::fs::write(directory.path().join(name), text).expect("a writable directory");
    };
    write("root.pem", &[root.der().clone()]);
    write("chain.pem", &issued.chain);
    let directory: &Path = directory.path();
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(directory)
        .args([NOW.to_string().as_str(), server.unwrap_or_default()])
        .output();
    let Ok(output) = output else {
        eprintln!("python3 is not here; its verifier was not asked");
        return;
    };
    match String::from_utf8_lossy(&output.stdout).trim() {
        "accepted" => {}
        "absent" => eprintln!("python's cryptography is not here; its verifier was not asked"),
        _ => panic!("cryptography refused: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
