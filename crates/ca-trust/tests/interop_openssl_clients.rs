//! One live handshake per cause, our server: against `openssl s_client`, and against peers that speak no TLS.
#![cfg(feature = "rustls-ring")]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use ca_trust::diagnose::{Cause, Diagnosis};
use ca_trust::tls::{ClientAuth, Connection, complete_handshake};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};
use rustls::ServerConnection;
use support::live::{NAME, complete, our_server, peer_returning};
use support::{Authority, Leaf, root};

/// CT-41: each cause is met by a handshake in this file or its sister.
#[test]
fn every_cause_has_a_live_handshake() {
    let tests = [include_str!("interop_openssl_servers.rs"), include_str!("interop_openssl_clients.rs")];
    let met = |cause: &&Cause| tests.iter().any(|test| test.contains(&format!("Cause::{cause:?}")));
    let missing: Vec<_> = Cause::ALL.iter().filter(|cause| !met(cause)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// CT-30, CT-41, CT-47: our server and `openssl s_client`: no_client_certificate, version_mismatch, cipher_mismatch,
/// own_certificate_refused, expired, not_trusted; and good clients in both versions.
#[test]
fn openssl_clients_are_diagnosed() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let trusted = write("ca.pem", &ca.pem);
    let device = |name: &str, ca: &Authority, change: &dyn Fn(&mut CertificateParams)| {
        let leaf = ca.leaf_with("0004f2aabbcc", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            change(params);
        });
        (write(&format!("{name}.pem"), &leaf.pem), write(&format!("{name}.key"), &leaf.key.serialize_pem()))
    };
    let (good, good_key) = device("good", &ca, &|_| {});
    let (old, old_key) = device("old", &ca, &|params| params.not_after = rcgen::date_time_ymd(2026, 12, 31));
    let (strange, strange_key) = device("strange", &root("Stranger"), &|_| {});
    let verify = ["-CAfile", trusted.as_str(), "-verify_return_error", "-servername", NAME];
    let with = |more: &[&'static str]| [verify.as_slice(), more].concat();
    let own = |certificate: &'static str, key: &'static str| {
        [verify.as_slice(), &["-cert", certificate, "-key", key]].concat()
    };
    let (good, good_key): (&'static str, &'static str) = (good.leak(), good_key.leak());
    let (old, old_key): (&'static str, &'static str) = (old.leak(), old_key.leak());
    let (strange, strange_key): (&'static str, &'static str) = (strange.leak(), strange_key.leak());
    for (auth, arguments, expected) in [
        (ClientAuth::None, with(&["-tls1_2"]), None),
        (ClientAuth::None, with(&["-tls1_3"]), None),
        (ClientAuth::Required, own(good, good_key), None),
        (ClientAuth::Required, with(&["-tls1_2"]), Some(Cause::NoClientCertificate)),
        (ClientAuth::Required, with(&["-tls1_3"]), Some(Cause::NoClientCertificate)),
        (ClientAuth::Required, own(old, old_key), Some(Cause::Expired)),
        (ClientAuth::RequiredAllowExpired, own(old, old_key), None),
        (ClientAuth::Required, own(strange, strange_key), Some(Cause::NotTrusted)),
        (ClientAuth::TokenBootstrap, own(strange, strange_key), None),
        (ClientAuth::None, with(&["-tls1", "-cipher", "ALL:@SECLEVEL=0"]), Some(Cause::VersionMismatch)),
        (ClientAuth::None, with(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]), Some(Cause::VersionMismatch)),
        (ClientAuth::None, with(&["-tls1_2", "-cipher", "AES128-SHA"]), Some(Cause::CipherMismatch)),
        (ClientAuth::None, with(&["-tls1_2", "-cipher", "AES128-GCM-SHA256"]), Some(Cause::CipherMismatch)),
        (
            ClientAuth::None,
            with(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"]),
            Some(Cause::CipherMismatch),
        ),
        (ClientAuth::None, with(&["-tls1_3", "-groups", "X448"]), Some(Cause::CipherMismatch)),
        (
            ClientAuth::None,
            vec!["-CAfile", strange, "-verify_return_error", "-servername", NAME],
            Some(Cause::OwnCertificateRefused),
        ),
    ] {
        let (address, served) = serve_once(&ca, &leaf, auth);
        let status = Command::new("openssl")
            .args(["s_client", "-connect", &address.to_string(), "-no-CApath", "-no-CAstore"])
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.expect("openssl is installed");
        let diagnosis = served.join().unwrap().err();
        assert_eq!(diagnosis.as_ref().map(|it| it.cause), expected, "{auth:?} {arguments:?} {diagnosis:?}");
    }
}

/// CT-41, ES-07: plain_text_on_tls_port, not_tls and old SSL at our server, without a TLS client.
#[test]
fn peers_that_are_no_tls_clients() {
    let ca = root("Root");
    let leaf = ca.leaf(NAME);
    for (octets, cause) in [
        (
            b"OPTIONS sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n".as_slice(),
            Cause::PlainTextOnTlsPort,
        ),
        (b"REGISTER sip:pbx.example SIP/2.0\r\n", Cause::PlainTextOnTlsPort),
        (b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n", Cause::PlainTextOnTlsPort),
        (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80", Cause::VersionMismatch),
        (b"\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad", Cause::NotTls),
        (b"", Cause::ClosedDuringHandshake),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", Cause::ProtocolViolation),
    ] {
        let (address, served) = serve_once(&ca, &leaf, ClientAuth::None);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(octets).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let diagnosis = served.join().unwrap().unwrap_err();
        complete(&diagnosis);
        assert_eq!(diagnosis.cause, cause, "{:?}: {diagnosis}", String::from_utf8_lossy(octets));
    }
}

/// Our server for one connection: how the handshake went, and then whatever alert follows it.
fn serve_once(
    ca: &Authority,
    leaf: &Leaf,
    auth: ClientAuth,
) -> (SocketAddr, JoinHandle<Result<(), Diagnosis>>) {
    let (config, capture) = our_server(ca, leaf, auth).attempt().expect("checked before");
    peer_returning(move |stream| {
        let mut connection =
            Connection::Server(ServerConnection::new(config).expect("a sound configuration"));
        complete_handshake(&mut connection, stream, &capture)
    })
}
