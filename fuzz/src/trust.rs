//! ca-trust.

use std::io::{self, Read, Write};
use std::sync::LazyLock;
use std::time::Duration;

use ca_trust::issue::SigningRequest;
use ca_trust::tls::{
    ClientAuth, ClientTls, Connection, Identities, Identity, ServerTls, TlsProfile, complete_handshake,
    ring_provider,
};
use ca_trust::verify::{ChainReport, RevocationList, prove_name};
use ca_trust::{
    Anchors, Certificate, Import, Mode, Peer, ReferenceName, Source, TrustStore, Verifier, VerifyPolicy,
};
use rustls::{ClientConnection, ServerConnection};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivatePkcs8KeyDer, UnixTime};

/// What an administrator might upload or paste: something usable that imports again, or a short reason with a line.
pub fn import(bytes: &[u8]) {
    let lines = bytes.iter().filter(|octet| matches!(octet, b'\n' | b'\r')).count() + 1;
    let text = std::str::from_utf8(bytes).ok();
    for source in [Some(Source::File(bytes)), text.map(Source::Text)].into_iter().flatten() {
        for mode in [Mode::Authorities, Mode::PinnedServer] {
            match Import::read(source, mode, now()) {
                Ok(import) => imported(&import, mode, lines),
                Err(error) => assert!(error.to_string().len() < 1_500, "{error}"),
            }
        }
    }
    if let Ok(request) = SigningRequest::from_der(bytes) {
        assert_eq!(request.key_type().weakness(), None);
    }
}

fn imported(import: &Import, mode: Mode, lines: usize) {
    assert!(!import.usable().is_empty() && import.usable().len() + import.left_out().len() <= 64);
    for it in import.usable() {
        assert!(it.line.is_none_or(|line| (1..=lines).contains(&line)));
        assert!(
            mode == Mode::PinnedServer
                || it.certificate.is_ca()
                || it.certificate.basic_constraints().is_none()
        );
        shown(&it.certificate);
        let again = Import::read(Source::File(it.certificate.der()), mode, now()).expect("it was usable");
        assert_eq!(again.usable()[0].certificate, it.certificate);
    }
    let mut store = TrustStore::new();
    let managed = import.usable()[0].certificate.clone();
    store.install_managed(managed).expect("the first of an organization");
    let usable = import.usable()[0].certificate.clone();
    store.install_managed(usable).expect_err("an organization has one");
}

/// What is shown of a certificate fits a table and cannot deceive.
fn shown(certificate: &Certificate) {
    let name = certificate.display_name();
    assert!(name.chars().count() <= 129 && !name.chars().any(char::is_control), "{name:?}");
    assert!(!certificate.subject().chars().any(char::is_control));
    assert!(!certificate.issuer().chars().any(char::is_control));
}

/// A chain as a peer would present it, under every policy: strangers are never accepted, and what the strict policy
/// accepts the default one accepts too.
///
/// An input is a row of structures, each behind one octet of kind (0 certificate presented, 1 authority trusted,
/// 2 revocation list) and two of length.
pub fn chain(bytes: &[u8]) {
    let given = Given::read(bytes);
    let Some((leaf, intermediates)) = given.presented.split_first() else { return };
    let name = ReferenceName::parse("sip.carrier.example").expect("a name");
    let judge = |anchors: &Anchors, policy: &VerifyPolicy, peer: Peer<'_>| {
        let algorithms = ring_provider().signature_verification_algorithms;
        let verifier = Verifier { anchors, algorithms, policy, lists: &given.lists };
        let verdict = verifier.verify(leaf, intermediates, peer, now());
        match &verdict {
            Ok(verified) => assert_eq!(verified.certificate.der(), leaf),
            Err(rejection) => assert!(!rejection.to_string().chars().any(|it| it.is_control() && it != '\n')),
        }
        verdict.is_ok()
    };
    let trusted = Anchors::from_certificates(given.trusted.iter().cloned());
    for peer in [Peer::Server(&name), Peer::Client] {
        for policy in [VerifyPolicy::default(), VerifyPolicy::sip(), VerifyPolicy::web_pki()] {
            assert!(!judge(&STRANGER, &policy, peer), "nobody can forge our own authority");
        }
        if judge(&trusted, &VerifyPolicy::web_pki(), peer) {
            assert!(judge(&trusted, &VerifyPolicy::default(), peer), "strict, but not default");
        }
        judge(&trusted, &VerifyPolicy::sip(), peer);
    }
    let report = ChainReport::of(&given.presented, &trusted, now());
    assert!(report.links.len() + report.unrelated <= 16);
    for link in &report.links {
        shown(&link.certificate);
        let _ = prove_name(&link.certificate, &name, &VerifyPolicy::sip());
    }
}

struct Given {
    presented: Vec<CertificateDer<'static>>,
    trusted: Vec<Certificate>,
    lists: Vec<RevocationList>,
}

impl Given {
    fn read(mut bytes: &[u8]) -> Self {
        let mut given = Self { presented: Vec::new(), trusted: Vec::new(), lists: Vec::new() };
        while let Some(([kind, high, low], rest)) = bytes.split_first_chunk() {
            let len = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            let (der, rest) = rest.split_at(len);
            bytes = rest;
            match kind % 3 {
                0 => given.presented.push(der.to_vec().into()),
                1 => given.trusted.extend(Certificate::from_der(der)),
                _ => {
                    let list = CertificateRevocationListDer::from(der);
                    given.lists.extend(RevocationList::from_der(&list));
                }
            }
        }
        given
    }
}

/// Octets from a peer instead of its side of a handshake: never a connection, always a diagnosis.
///
/// The first octet chooses our side, and how many octets arrive at a time.
pub fn handshake(bytes: &[u8]) {
    let Some((&choice, octets)) = bytes.split_first() else { return };
    let mut stream = Replay { octets, step: usize::from(choice >> 1) + 1, sent: 0 };
    let (mut connection, capture) = if choice & 1 == 0 {
        let (config, capture) = SERVER.attempt().expect("checked when it was made");
        (Connection::Server(ServerConnection::new(config).expect("a sound configuration")), capture)
    } else {
        let (config, capture) = CLIENT.attempt().expect("checked when it was made");
        let name = ReferenceName::parse("sip.carrier.example").expect("a name").to_server_name();
        (Connection::Client(ClientConnection::new(config, name).expect("a sound configuration")), capture)
    };
    let diagnosis =
        complete_handshake(&mut connection, &mut stream, &capture).expect_err("nobody holds the keys");
    assert!(!diagnosis.detail.is_empty() && !diagnosis.fix().is_empty());
    let text = diagnosis.to_string();
    assert!(text.lines().count() <= 4 && !text.chars().any(|it| it.is_control() && it != '\n'), "{text:?}");
    assert!(capture.first_octets().len() <= 64 && capture.chain().len() <= 16);
    assert!(stream.sent < 64 * 1024, "{} octets sent to a stranger", stream.sent);
}

/// Plays recorded octets, then closes.
struct Replay<'a> {
    octets: &'a [u8],
    step: usize,
    sent: usize,
}

impl Read for Replay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.step.min(self.octets.len()).min(buffer.len());
        let (now, later) = self.octets.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.octets = later;
        Ok(len)
    }
}

impl Write for Replay<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.sent += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An authority made anew in each process: no input can hold anything it signed.
static STRANGER: LazyLock<Anchors> = LazyLock::new(|| {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, "Carrier Root");
    let key = rcgen::KeyPair::generate().expect("randomness");
    let root = params.self_signed(&key).expect("sound parameters");
    Anchors::from_certificates([Certificate::from_der(root.der()).expect("just made")])
});

static SERVER: LazyLock<ServerTls> = LazyLock::new(|| {
    let own = rcgen::generate_simple_self_signed(["edge.example".to_owned()]).expect("a name");
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let identity = Identity::new(vec![own.cert.der().clone()], key.into(), &ring_provider());
    let identities = Identities::one(identity.expect("they belong together"));
    ServerTls::new(STRANGER.clone(), &TlsProfile::trunk(), ring_provider(), identities, ClientAuth::Required)
        .expect("ring has it all")
});

static CLIENT: LazyLock<ClientTls> = LazyLock::new(|| {
    ClientTls::new(STRANGER.clone(), &TlsProfile::trunk(), ring_provider()).expect("ring has it all")
});

/// 2027-01-15: the committed inputs are valid then.
fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))
}
