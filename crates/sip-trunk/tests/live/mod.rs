//! What live tests stand on: the log an operator would read, names that lead to loopback, and certificates.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "real peers live in real time")]

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sip_trunk::auth::Secret;
use sip_trunk::driver::{Connection, Lookup, Resolver, Settings, TlsConfigs};
use sip_trunk::locate::{Query, QueryKind, Record, RecordData, ResolveError};
use sip_trunk::registration::{Account, Pace, Registrar, RegistrationConfig};
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{Access, KeepAlive, TrunkConfig, TrunkId};
use sip_trunk::ua::Body;
use telco_testkit::peer::{Scratch, Tls, installed};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const REALM: &str = "carrier.example";
pub const USER: &str = "genesys";
pub const PASSWORD: &str = "correct horse";

pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens in time")
}

/// What blocks, such as waiting for a program, done beside the test.
pub async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub fn peers_are_here() -> bool {
    ["kamailio", "sipp"].into_iter().all(installed)
}

pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub fn offer() -> Body {
    Body::sdp(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n",
    )
}

/// The log of everything in this test, and of this test only: its tasks share a thread. Printed when the test fails.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

pub struct Reader {
    log: Log,
    _guard: DefaultGuard,
}

impl Log {
    pub fn start() -> Reader {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("sip_trunk=debug,sip.wire=trace")
            .without_time()
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        Reader { log, _guard: tracing::subscriber::set_default(subscriber) }
    }
}

impl Reader {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.log.0.lock().unwrap()).into_owned()
    }

    pub fn count(&self, text: &str) -> usize {
        self.text().matches(text).count()
    }

    /// From here on only what comes is looked at.
    pub fn mark(&self) {
        self.log.0.lock().unwrap().clear();
    }

    /// Waits for a line of this level and text.
    pub async fn line(&self, level: &str, text: &str) {
        let is_wanted = |line: &str| line.trim_start().starts_with(level) && line.contains(text);
        self.until(&format!("a line of {level} with {text:?}"), |log| log.text().lines().any(is_wanted))
            .await;
    }

    /// Waits until the log satisfies a condition; `what` names it.
    pub async fn until(&self, what: &str, satisfied: impl Fn(&Self) -> bool) {
        let wait = async {
            while !satisfied(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "waited for {what}");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the log:\n{}\n----", self.text());
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Waits until a server listens for TCP.
pub async fn listening(port: u16) {
    let connect = || tokio::net::TcpStream::connect(local(port));
    in_time(async { while connect().await.is_err() {} }).await;
}

/// Every name leads to loopback.
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, query: Query) -> Lookup {
        Box::pin(async move {
            match query.kind {
                QueryKind::A => {
                    let data = RecordData::Address(Ipv4Addr::LOCALHOST.into());
                    Ok(vec![Record { ttl: Duration::from_secs(60), data }])
                }
                QueryKind::Aaaa | QueryKind::Naptr | QueryKind::Srv => Err(ResolveError::NotFound),
            }
        })
    }
}

pub fn settings(tls: TlsConfigs) -> Settings {
    Settings { tls: Arc::new(tls), resolver: Arc::new(Loopback), ..Settings::default() }
}

/// A trunk that registers at a carrier on loopback with a quick pace.
pub fn registering(id: u64, name: &str, transport: Transport, port: u16) -> TrunkConfig {
    let registrar = Registrar { host: REALM.into(), port: Some(port), transport };
    let account = Account { username: USER.into(), password: Secret::new(PASSWORD), realm: None };
    let registration = RegistrationConfig {
        account: Some(account.clone()),
        pace: Pace { retry_first: Duration::from_secs(1), ..Pace::default() },
        ..RegistrationConfig::new(registrar, format!("sip:{USER}@{REALM}"))
    };
    TrunkConfig {
        transport,
        digest: Some(account),
        registrations: vec![registration],
        access: Access { allow: vec!["127.0.0.0/8".parse().unwrap()], ..Access::default() },
        keep_alive: KeepAlive::Off,
        ..TrunkConfig::new(TrunkId(id), name)
    }
}

/// The trunk on a free port of loopback.
pub fn connection(trunk: TrunkConfig, tls: TlsConfigs) -> Connection {
    let listen = vec![(trunk.transport, local(0))];
    Connection { listen, settings: settings(tls), ..trunk.into() }
}

/// An authority that issues certificates for the carrier and for us.
pub struct Pki {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Loopback authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn certificate(&self, last_year: i32) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![REALM.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(last_year, 1, 1));
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// TLS of a carrier, valid until the start of `last_year`; and its certificate.
    pub fn carrier(&self, scratch: &Scratch, port: u16, last_year: i32) -> (Tls, Vec<u8>) {
        let (certificate, key) = self.certificate(last_year);
        let tls = Tls {
            port,
            certificate: scratch.write(&format!("{port}.pem"), certificate.pem()),
            key: scratch.write(&format!("{port}.key"), key.serialize_pem()),
        };
        (tls, certificate.der().to_vec())
    }

    /// Our side: trusts the authority, and shows a certificate of it.
    pub fn ours(&self) -> TlsConfigs {
        let (certificate, key) = self.certificate(2050);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_webpki_verifier(verifier.clone())
            .with_no_client_auth();
        let chain = vec![certificate.der().clone()];
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let configs = TlsConfigs::new();
        configs.set_client(Arc::new(client), Some(verifier));
        configs.set_server(Arc::new(server));
        configs
    }
}
