//! Live peers: `openssl s_server`, our client towards it, and sockets that answer what a test wants.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ca_trust::diagnose::{Cause, Diagnosis};
use ca_trust::tls::{
    ClientAuth, ClientTls, Identities, Identity, ProbeReport, ServerTls, TlsProfile, probe, ring_provider,
};
use ca_trust::verify::{RevocationList, VerifyPolicy};
use ca_trust::{Anchors, ReferenceName};

use super::tls::Fixed;
use super::{Authority, Leaf, now};

/// The name every peer of these tests is called by.
pub const NAME: &str = "sip.carrier.example";

/// An `openssl s_server` on a free port, ended when dropped.
pub struct OpensslServer {
    child: Child,
    pub address: SocketAddr,
    _files: tempfile::TempDir,
}

impl OpensslServer {
    pub fn start(leaf: &Leaf, above: &[&Authority], arguments: &[&str]) -> Self {
        let above: String = above.iter().map(|ca| ca.pem.as_str()).collect();
        Self::start_pem(&leaf.pem, &leaf.key.serialize_pem(), &above, arguments)
    }

    pub fn start_pem(leaf: &str, key: &str, above: &str, arguments: &[&str]) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).expect("a writable directory");
            path
        };
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-no-CApath", "-no-CAstore", "-no-CAfile"]);
        command.arg("-cert").arg(write("leaf.pem", leaf)).arg("-key").arg(write("key.pem", key));
        if !above.is_empty() {
            command.arg("-cert_chain").arg(write("above.pem", above));
        }
        let child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into(), _files: files };
        let output = server.child.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| line.strip_prefix("ACCEPT ").and_then(|address| address.parse().ok()));
        server.address = address.expect("s_server says where it listens");
        thread::spawn(move || lines.count());
        server
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How we connect in one test.
pub struct Caller {
    pub anchors: Anchors,
    pub profile: TlsProfile,
    pub lists: Vec<RevocationList>,
    pub identity: Option<Identity>,
    pub patience: Duration,
}

impl Caller {
    pub fn trusting(ca: &Authority) -> Self {
        Self::with(Anchors::from_certificates([ca.certificate()]))
    }

    pub fn with(anchors: Anchors) -> Self {
        Self {
            anchors,
            profile: TlsProfile::trunk(),
            lists: Vec::new(),
            identity: None,
            patience: Duration::from_secs(5),
        }
    }

    pub fn policy(mut self, change: impl FnOnce(&mut VerifyPolicy)) -> Self {
        change(&mut self.profile.verify);
        self
    }

    pub fn call(&self, address: SocketAddr) -> ProbeReport {
        let tls =
            ClientTls::new(self.anchors.clone(), &self.profile, ring_provider()).expect("ring has it all");
        let tls = tls.with_clock(Arc::new(Fixed));
        tls.set_trust(self.anchors.clone(), self.lists.clone());
        if let Some(identity) = &self.identity {
            tls.set_identities(Identities::one(identity.clone()));
        }
        let mut stream = TcpStream::connect(address).expect("the peer listens");
        stream.set_read_timeout(Some(self.patience)).expect("a timeout");
        let name = ReferenceName::parse(NAME).expect("a sound name");
        probe(&mut stream, &tls, &name, now()).expect("a sound configuration")
    }

    pub fn diagnose(&self, address: SocketAddr) -> Option<Cause> {
        let report = self.call(address);
        if let Some(diagnosis) = &report.diagnosis {
            complete(diagnosis);
        }
        report.diagnosis.map(|diagnosis| diagnosis.cause)
    }
}

/// Every diagnosis says what, why and what to do.
pub fn complete(diagnosis: &Diagnosis) {
    assert!(!diagnosis.detail.is_empty() && diagnosis.fix().len() > 20, "{diagnosis}");
}

pub fn assert_cause(ca: &Authority, leaf: &Leaf, above: &[&Authority], cause: Cause) {
    let server = OpensslServer::start(leaf, above, &[]);
    let report = Caller::trusting(ca).call(server.address);
    let diagnosis = report.diagnosis.unwrap_or_else(|| panic!("{cause}: accepted"));
    complete(&diagnosis);
    assert_eq!(diagnosis.cause, cause, "{diagnosis}");
    let evidence = diagnosis.evidence.expect("a certificate is at fault");
    assert!(evidence.not_before < evidence.not_after && !evidence.issuer.is_empty());
}

pub fn our_server(ca: &Authority, leaf: &Leaf, auth: ClientAuth) -> ServerTls {
    let own = Identity::new(vec![leaf.der.clone()], leaf.key_der(), &ring_provider())
        .expect("they belong together");
    let anchors = Anchors::from_certificates([ca.certificate()]);
    ServerTls::new(anchors, &TlsProfile::trunk(), ring_provider(), Identities::one(own), auth)
        .expect("ring has it all")
        .with_clock(Arc::new(Fixed))
}

pub fn peer(serve: impl FnOnce(&mut TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    peer_returning(serve)
}

/// Accepts one connection on a free loopback port.
pub fn peer_returning<T: Send + 'static>(
    serve: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        serve(&mut stream)
    });
    (address, thread)
}

pub fn der(pem: &str) -> rustls_pki_types::CertificateDer<'static> {
    use rustls_pki_types::pem::PemObject;
    rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).expect("openssl wrote it")
}
