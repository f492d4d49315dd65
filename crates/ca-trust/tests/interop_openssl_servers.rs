//! One live handshake per cause, our client: against `openssl s_server`, and against peers no TLS library would be.
#![cfg(feature = "rustls-ring")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ca_trust::diagnose::{Cause, HandshakeFailed, Side};
use ca_trust::tls::{
    ClientAuth, ClientTls, Connection, Identity, TlsProfile, complete_handshake, probe, ring_provider,
};
use ca_trust::verify::{Conformance, NameMode, Revocation, RevocationList};
use ca_trust::{Anchors, Certificate, ReferenceName, Scope, Service, Services, TrustStore};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::ServerConnection;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use support::live::{
    Caller, NAME, OpensslServer, assert_cause, complete, der, our_server, peer, peer_returning,
};
use support::{Authority, dns, now, root, root_with, self_signed_leaf};

/// CT-41, CT-43: not_trusted, missing_intermediate, self_signed, ca_used_as_peer: DG-001, DG-044.
#[test]
fn trust_is_missing() {
    let organized = |params: &mut CertificateParams| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Carrier AG");
    };
    let ca = root_with("Carrier Root", organized);
    let middle = ca.intermediate_with("Carrier Issuing", organized);
    assert_cause(&ca, &root("Stranger").leaf(NAME), &[], Cause::NotTrusted);
    assert_cause(&ca, &middle.leaf(NAME), &[], Cause::MissingIntermediate);
    assert_cause(&ca, &self_signed_leaf(NAME, |_| {}), &[], Cause::SelfSigned);
    let as_made_by_req_x509 = self_signed_leaf(NAME, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.clear();
    });
    assert_cause(&ca, &as_made_by_req_x509, &[], Cause::CaUsedAsPeer);
    let server = OpensslServer::start(&middle.leaf(NAME), &[&middle], &[]);
    let report = Caller::trusting(&ca).call(server.address);
    assert!(report.diagnosis.is_none(), "{report}");
    assert_eq!(report.chain.links.len(), 2);
    assert!(report.to_string().contains("verdict   ok"), "{report}");
}

/// CT-41: expired, not_yet_valid, authority_expired.
#[test]
fn dates_are_wrong() {
    let ca = root("Root");
    let old = ca.leaf_with(NAME, |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1));
    assert_cause(&ca, &old, &[], Cause::Expired);
    let new = ca.leaf_with(NAME, |params| params.not_before = rcgen::date_time_ymd(2030, 1, 1));
    assert_cause(&ca, &new, &[], Cause::NotYetValid);
    let ended = root_with("Ended", |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1));
    assert_cause(&ended, &ended.leaf(NAME), &[], Cause::AuthorityExpired);
}

/// CT-41, CT-22, CT-23: wrong_name, wildcard_not_allowed, name_only_in_common_name.
#[test]
fn names_are_wrong() {
    let ca = root("Root");
    assert_cause(&ca, &ca.leaf("other.example"), &[], Cause::WrongName);
    let wild = ca.leaf("*.carrier.example");
    assert_cause(&ca, &wild, &[], Cause::WildcardNotAllowed);
    let common = ca.leaf_with(NAME, |params| params.subject_alt_names.clear());
    assert_cause(&ca, &common, &[], Cause::NameOnlyInCommonName);
    let server = OpensslServer::start(&wild, &[], &[]);
    let web = Caller::trusting(&ca).policy(|policy| policy.names = NameMode::WebPki);
    assert_eq!(web.diagnose(server.address), None);
    let server = OpensslServer::start(&common, &[], &[]);
    let lenient = Caller::trusting(&ca).policy(|policy| policy.common_name_fallback = true);
    assert_eq!(lenient.diagnose(server.address), None);
}

/// CT-41: wrong_usage, unknown_critical_extension, name constraints, path_too_long, not_an_authority, bad_signature,
/// non_conformant.
#[test]
fn the_chain_is_unsound() {
    let ca = root("Root");
    let phone =
        ca.leaf_with(NAME, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    assert_cause(&ca, &phone, &[], Cause::WrongUsage);
    let mut strange = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    strange.set_criticality(true);
    let critical = ca.leaf_with(NAME, |params| params.custom_extensions = vec![strange]);
    assert_cause(&ca, &critical, &[], Cause::UnknownCriticalExtension);
    let only =
        |tree| Some(rcgen::NameConstraints { permitted_subtrees: vec![tree], excluded_subtrees: vec![] });
    let elsewhere = ca.intermediate_with("Elsewhere", |params| {
        params.name_constraints = only(rcgen::GeneralSubtree::DnsName("other.example".to_owned()));
    });
    assert_cause(&ca, &elsewhere.leaf(NAME), &[&elsewhere], Cause::NameConstraintViolated);
    let mail = ca.intermediate_with("Mail", |params| {
        params.name_constraints = only(rcgen::GeneralSubtree::Rfc822Name("example.com".to_owned()));
    });
    let with_mail = mail.leaf_with(NAME, |params| {
        params.subject_alt_names.push(rcgen::SanType::Rfc822Name("a@example.com".try_into().unwrap()));
    });
    assert_cause(&ca, &with_mail, &[&mail], Cause::UnsupportedNameConstraint);
    let last =
        ca.intermediate_with("Last", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let below = last.intermediate("Below last");
    assert_cause(&ca, &below.leaf(NAME), &[&below, &last], Cause::PathTooLong);
    let mute = ca.intermediate_with("Mute", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    assert_cause(&ca, &mute.leaf(NAME), &[&mute], Cause::NotAnAuthority);
    let impostor = root("Root");
    let forged = impostor.leaf_with(NAME, |params| params.use_authority_key_identifier_extension = false);
    assert_cause(&ca, &forged, &[], Cause::BadSignature);
    let no_id = ca.leaf_with(NAME, |params| params.use_authority_key_identifier_extension = false);
    let server = OpensslServer::start(&no_id, &[], &[]);
    let strict = Caller::trusting(&ca).policy(|policy| policy.conformance = Conformance::Strict);
    assert_eq!(strict.diagnose(server.address), Some(Cause::NonConformant));
    assert_eq!(Caller::trusting(&ca).diagnose(server.address), None);
}

/// CT-20, CT-41: too_complex: a maze of authorities of one name, through which no path leads.
#[test]
fn the_chain_is_a_maze() {
    let (ca, impostor) = (root("Maze"), root("Maze"));
    let leaf = impostor.leaf_with(NAME, |params| params.use_authority_key_identifier_extension = false);
    let maze: Vec<_> = (0..12).map(|_| impostor.intermediate("Maze")).collect();
    assert_cause(&ca, &leaf, &maze.iter().collect::<Vec<_>>(), Cause::TooComplex);
}

/// CT-41: local_configuration: our own clock does not know the time.
#[test]
fn our_own_side_is_misconfigured() {
    #[derive(Debug)]
    struct Stopped;
    impl TimeProvider for Stopped {
        fn current_time(&self) -> Option<UnixTime> {
            None
        }
    }
    let ca = root("Root");
    let server = OpensslServer::start(&ca.leaf(NAME), &[], &[]);
    let anchors = Anchors::from_certificates([ca.certificate()]);
    let tls = ClientTls::new(anchors, &TlsProfile::trunk(), ring_provider()).unwrap();
    let tls = tls.with_clock(Arc::new(Stopped));
    let mut stream = TcpStream::connect(server.address).unwrap();
    let name = ReferenceName::parse(NAME).unwrap();
    let diagnosis = probe(&mut stream, &tls, &name, now()).unwrap().diagnosis.unwrap();
    complete(&diagnosis);
    assert_eq!(diagnosis.cause, Cause::LocalConfiguration, "{diagnosis}");
}

/// CT-41, research on device fleets: weak_key (RSA-1024), weak_signature (SHA-1), old_certificate_version (X.509 v1),
/// made by openssl because nothing newer can.
#[test]
fn the_certificate_is_too_old() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(
        path("ext"),
        format!("subjectAltName=DNS:{NAME}\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"),
    )
    .unwrap();
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=Old Root",
        "-days",
        "5000",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ]);
    let ca = Certificate::from_der(&der(&std::fs::read_to_string(path("ca.pem")).unwrap())).unwrap();
    let issue = |name: &str, bits: &str, more: &[&str]| -> (String, String) {
        openssl(&["genrsa", "-out", "key", bits]);
        openssl(&["req", "-new", "-key", "key", "-out", "csr", "-subj", &format!("/CN={NAME}")]);
        let mut arguments = vec![
            "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", name, "-days", "3000",
        ];
        arguments.extend(more);
        openssl(&arguments);
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        (read(name), read("key"))
    };
    let old = ["-cipher", "DEFAULT:@SECLEVEL=0"];
    let clock = Caller::with(Anchors::from_certificates([ca]));
    for (name, bits, more, cause) in [
        ("weak", "1024", vec!["-extfile", "ext"], Cause::WeakKey),
        ("sha1", "2048", vec!["-extfile", "ext", "-sha1"], Cause::WeakSignature),
        ("v1", "2048", vec![], Cause::OldCertificateVersion),
    ] {
        let (leaf, key) = issue(name, bits, &more);
        let server = OpensslServer::start_pem(&leaf, &key, "", &old);
        assert_eq!(clock.diagnose(server.address), Some(cause), "{name}");
    }
}

/// CT-41, CT-38: revoked, revocation_unknown, revocation_list_expired, revocation_list_unusable.
#[test]
fn revocation_stops_the_handshake() {
    let ca = root("Root");
    let leaf = ca.leaf_with(NAME, |params| params.serial_number = Some(9u64.into()));
    let server = OpensslServer::start(&leaf, &[], &[]);
    let list = |ca: &Authority, serial: u64, until| {
        let revoked = rcgen::RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: rcgen::date_time_ymd(2026, 6, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 6, 1),
            next_update: until,
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        RevocationList::from_der(list.signed_by(&ca.issuer).unwrap().der()).unwrap()
    };
    let fresh = rcgen::date_time_ymd(2027, 6, 1);
    let demanding = Revocation { deny_unknown: true, deny_expired_list: true, check_intermediates: true };
    let call = |lists| {
        let caller = Caller { lists, ..Caller::trusting(&ca) };
        caller.policy(|policy| policy.revocation = demanding).diagnose(server.address)
    };
    assert_eq!(call(vec![list(&ca, 10, fresh)]), None);
    assert_eq!(call(vec![list(&ca, 9, fresh)]), Some(Cause::Revoked));
    assert_eq!(call(vec![]), Some(Cause::RevocationUnknown));
    let stale = rcgen::date_time_ymd(2026, 7, 1);
    assert_eq!(call(vec![list(&ca, 10, stale)]), Some(Cause::RevocationListExpired));
    let forged = list(&root("Root"), 10, fresh);
    assert_eq!(call(vec![forged]), Some(Cause::RevocationListUnusable));
}

/// CT-41, CA-009, CT-16: wrong_service and wrong_workflow.
#[test]
fn the_authority_is_bound_elsewhere() {
    let ca = root("Carrier Root");
    let server = OpensslServer::start(&ca.leaf(NAME), &[], &[]);
    let mut store = TrustStore::new();
    store.restore(ca.certificate(), false, Services::only(Service::Provisioning), now());
    let from = |scope| Caller::with(store.anchors(scope)).diagnose(server.address);
    assert_eq!(from(Scope::Service(Service::Sip)), Some(Cause::WrongService));
    assert_eq!(from(Scope::Service(Service::Provisioning)), None);
    assert_eq!(from(Scope::CloudTrunk), Some(Cause::WrongWorkflow));
}

/// CT-29, CT-41, CT-47: version_mismatch and cipher_mismatch with servers that offer only what is refused.
#[test]
fn servers_offer_only_what_is_refused() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let old = OpensslServer::start(&leaf, &[], &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert_eq!(Caller::trusting(&ca).diagnose(old.address), Some(Cause::VersionMismatch));
    let weak = OpensslServer::start(&leaf, &[], &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"]);
    assert_eq!(Caller::trusting(&ca).diagnose(weak.address), Some(Cause::CipherMismatch));
    let groups = OpensslServer::start(&leaf, &[], &["-tls1_3", "-groups", "X448"]);
    assert_eq!(Caller::trusting(&ca).diagnose(groups.address), Some(Cause::CipherMismatch));
    for good in [["-tls1_2"], ["-tls1_3"]] {
        let server = OpensslServer::start(&leaf, &[], &good);
        assert_eq!(Caller::trusting(&ca).diagnose(server.address), None, "{good:?}");
    }
}

/// CT-29, CT-41: client_certificate_required, own_certificate_refused, and success with the right certificate, in both
/// TLS versions.
#[test]
fn servers_ask_for_certificates() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let client = |ca: &Authority| {
        let leaf = ca.leaf_with("edge", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]
        });
        Identity::new(vec![leaf.der.clone()], leaf.key_der(), &ring_provider()).unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let trusted = directory.path().join("ca.pem");
    std::fs::write(&trusted, &ca.pem).unwrap();
    let trusted = trusted.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = [version, "-Verify", "2", "-verify_return_error", "-verifyCAfile", trusted];
        let server = OpensslServer::start(&leaf, &[], &arguments);
        let mut caller = Caller::trusting(&ca);
        assert_eq!(caller.diagnose(server.address), Some(Cause::ClientCertificateRequired), "{version}");
        caller.identity = Some(client(&root("Stranger")));
        assert_eq!(caller.diagnose(server.address), Some(Cause::OwnCertificateRefused), "{version}");
        caller.identity = Some(client(&ca));
        let report = caller.call(server.address);
        assert!(report.diagnosis.is_none() && report.asks_for_certificate, "{version}: {report}");
        caller.profile.present_certificate = false;
        assert_eq!(caller.diagnose(server.address), Some(Cause::ClientCertificateRequired), "{version}");
    }
}

/// CT-41: unknown_server_name, by the alert of RFC 6066 §3.
#[test]
fn servers_do_not_know_the_name() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let directory = tempfile::tempdir().unwrap();
    let (second, key) = (directory.path().join("second.pem"), directory.path().join("second.key"));
    std::fs::write(&second, &leaf.pem).unwrap();
    std::fs::write(&key, leaf.key.serialize_pem()).unwrap();
    let (second, key) = (second.to_str().unwrap(), key.to_str().unwrap());
    let arguments = ["-servername", "another.example", "-servername_fatal", "-cert2", second, "-key2", key];
    let server = OpensslServer::start(&leaf, &[], &arguments);
    assert_eq!(Caller::trusting(&ca).diagnose(server.address), Some(Cause::UnknownServerName));
}

/// CT-46: BYOC Cloud's settings against openssl with P-384 and TLS 1.2 only.
#[test]
fn the_genesys_profile_works_with_openssl() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let status = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5000", "-subj", "/CN=Public Root"])
        .args([
            "-addext",
            "keyUsage=critical,keyCertSign",
            "-keyout",
            &path("ca.key"),
            "-out",
            &path("ca.pem"),
        ])
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    std::fs::write(path("ext"), "subjectAltName=DNS:*.carrier.example\nextendedKeyUsage=serverAuth\n")
        .unwrap();
    for arguments in [
        [
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=carrier",
            "-keyout",
            &path("key"),
            "-out",
            &path("csr"),
        ]
        .as_slice(),
        &[
            "x509",
            "-req",
            "-in",
            &path("csr"),
            "-CA",
            &path("ca.pem"),
            "-CAkey",
            &path("ca.key"),
            "-days",
            "3000",
            "-extfile",
            &path("ext"),
            "-out",
            &path("leaf"),
        ],
    ] {
        let status = Command::new("openssl").args(arguments).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{arguments:?}");
    }
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let public = der(&read("ca.pem"));
    let anchor = webpki::anchor_from_trusted_cert(&public).unwrap().to_owned();
    let store = TrustStore::new().with_public_roots([anchor]);
    let server = OpensslServer::start_pem(
        &read("leaf"),
        &read("key"),
        "",
        &["-tls1_2", "-groups", "secp384r1", "-verify", "1"],
    );
    let caller = Caller {
        profile: TlsProfile::genesys_byoc_cloud(),
        ..Caller::with(store.anchors(Scope::CloudTrunk))
    };
    let report = caller.call(server.address);
    assert!(report.diagnosis.is_none(), "{report}");
    assert_eq!(report.group, Some(rustls::NamedGroup::secp384r1));
    assert_eq!(report.version, Some(rustls::ProtocolVersion::TLSv1_2));
    assert_eq!(report.cipher_suite, Some(rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384));
    let only_13 = OpensslServer::start_pem(&read("leaf"), &read("key"), "", &["-tls1_3"]);
    assert_eq!(caller.diagnose(only_13.address), Some(Cause::VersionMismatch));
}

/// CT-41: tls_to_plain_port, not_tls, handshake_timeout, closed_during_handshake, peer_alert, protocol_violation,
/// malformed: peers that speak no TLS, or badly.
#[test]
fn peers_that_are_no_tls_servers() {
    let answer = |octets: &'static [u8]| {
        peer(move |stream| {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(octets);
        })
    };
    for (octets, cause) in [
        (b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n".as_slice(), Cause::TlsToPlainPort),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Cause::TlsToPlainPort),
        (b"220 mail.example ESMTP ready\r\n", Cause::NotTls),
        (b"", Cause::ClosedDuringHandshake),
        (b"\x15\x03\x03\x00\x02\x02\x50", Cause::PeerAlert),
        (b"\x15\x03\x01\x00\x02\x02\x46", Cause::VersionMismatch),
        (b"\x15\x03\x03\x00\x02\x02\x28", Cause::CipherMismatch),
        (b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", Cause::ProtocolViolation),
        (b"\x16\x03\x00\x00\x02\x02\x28", Cause::VersionMismatch),
    ] {
        let (address, thread) = answer(octets);
        let caller = Caller::with(Anchors::default());
        assert_eq!(caller.diagnose(address), Some(cause), "{:?}", String::from_utf8_lossy(octets));
        thread.join().unwrap();
    }
    let (address, thread) = peer(|stream| {
        let _ = stream.read(&mut [0; 1024]);
        thread::sleep(Duration::from_millis(600));
    });
    let impatient = Caller { patience: Duration::from_millis(300), ..Caller::with(Anchors::default()) };
    assert_eq!(impatient.diagnose(address), Some(Cause::HandshakeTimeout));
    thread.join().unwrap();
}

/// CT-41: malformed: a server that presents octets instead of a certificate.
#[test]
fn the_certificate_is_unreadable() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let key = ring_provider().key_provider.load_private_key(leaf.key_der()).unwrap();
    let garbage = rustls::sign::CertifiedKey::new(vec![leaf.der[..100].to_vec().into()], key);
    #[derive(Debug)]
    struct Always(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Always {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(self.0.clone())
        }
    }
    let config = rustls::ServerConfig::builder_with_provider(ring_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(garbage))));
    let config = Arc::new(config);
    let (address, thread) = peer(move |stream| {
        let mut connection = ServerConnection::new(config.clone()).unwrap();
        let _ = connection.complete_io(stream);
    });
    assert_eq!(Caller::trusting(&ca).diagnose(address), Some(Cause::Malformed));
    thread.join().unwrap();
}

/// CT-44, CT-06: every failure is one structured event with trunk, peer and cause, and no key material.
#[test]
fn failures_are_logged_once_and_without_secrets() {
    let ca = root("Root");
    let stranger = root("Stranger").leaf(NAME);
    let server = OpensslServer::start(&stranger, &[], &[]);
    let edge =
        ca.leaf_with("edge", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let mut caller = Caller::trusting(&ca);
    caller.identity = Some(Identity::new(vec![edge.der.clone()], edge.key_der(), &ring_provider()).unwrap());
    let diagnosis = caller.call(server.address).diagnosis.unwrap();
    let event = HandshakeFailed::new(Some("berlin"), server.address, Side::Client, &diagnosis);
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    tracing::subscriber::with_default(subscriber, || event.log());
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in ["tls.handshake", "berlin", "not_trusted", "CN=Stranger", &server.address.to_string()] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!((json["cause"].as_str(), json["trunk"].as_str()), (Some("not_trusted"), Some("berlin")));
    use base64::Engine;
    for key in [&edge.key, &stranger.key] {
        let secret = key.serialize_der();
        let base64 = base64::engine::general_purpose::STANDARD.encode(&secret[36..66]);
        let hexadecimal: String = secret[36..52].iter().map(|octet| format!("{octet:02x}")).collect();
        assert!(!text.contains(&base64) && !text.to_lowercase().contains(&hexadecimal));
    }
}

/// CT-43: a probe sends TLS and nothing else: the peer sees a close after the handshake.
#[test]
fn a_probe_sends_no_application_data() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let (config, capture) = our_server(&ca, &leaf, ClientAuth::None).attempt().unwrap();
    let (address, thread) = peer_returning(move |stream| {
        let mut connection = Connection::Server(ServerConnection::new(config).unwrap());
        complete_handshake(&mut connection, stream, &capture).unwrap();
        let Connection::Server(mut connection) = connection else { unreachable!() };
        let mut heard = Vec::new();
        let _ = rustls::Stream::new(&mut connection, stream).read_to_end(&mut heard);
        heard
    });
    assert_eq!(Caller::trusting(&ca).diagnose(address), None);
    assert_eq!(thread.join().unwrap(), b"");
}

/// CA-013: the probe of an untrusted full chain shows all three links.
#[test]
fn a_probe_lists_the_whole_chain() {
    let top = root("Root");
    let middle = top.intermediate("Issuing");
    let server = OpensslServer::start(
        &middle.leaf_with(NAME, |params| params.subject_alt_names = vec![dns(NAME)]),
        &[&middle, &top],
        &[],
    );
    let report = Caller::with(Anchors::default()).call(server.address);
    assert_eq!(report.chain.links.len(), 3, "{report}");
    assert_eq!(report.diagnosis.as_ref().map(|it| it.cause), Some(Cause::NotTrusted));
    let text = report.to_string();
    for part in [" 0 s:CN=sip.carrier.example", " 1 s:CN=Issuing", " 2 s:CN=Root", "self-signed, not trusted"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
