//! The tokio driver on loopback: every transport once, TLS good and bad, and what happens at its bounds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sip_trunk::driver::{
    Driver, Events, Handle, Lookup, Resolver, Settings, SocketOptions, Sockets, TlsConfigs,
};
use sip_trunk::endpoint::{
    Destination, Endpoint, EndpointConfig, Event, Failure, Input, Io, Listener, Outgoing, Output, RequestId,
    SendError,
};
use sip_trunk::locate::{Query, QueryKind, Record, RecordData, ResolveError};
use sip_trunk::msg::{Draft, HeaderName, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::{Deadline, Engine, Seed};

/// Everything is on loopback, whatever it is called.
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, query: Query) -> Lookup {
        Box::pin(async move {
            match query.kind {
                QueryKind::A => {
                    let data = RecordData::Address("127.0.0.1".parse().unwrap());
                    Ok(vec![Record { ttl: Duration::from_secs(60), data }])
                }
                QueryKind::Aaaa | QueryKind::Naptr | QueryKind::Srv => Err(ResolveError::NotFound),
            }
        })
    }
}

struct Party {
    handle: Handle<Endpoint>,
    events: Events<Event>,
    listeners: Vec<Listener>,
}

impl Party {
    fn start(tls: TlsConfigs) -> Self {
        let transports = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        let listeners = transports
            .iter()
            .zip(0..)
            .map(|(transport, id)| Listener::new(SocketId(id), *transport, "127.0.0.1:0".parse().unwrap()));
        let sockets = Sockets::bind(listeners.collect(), SocketOptions::default()).unwrap();
        let listeners = sockets.listeners().to_vec();
        let config = EndpointConfig { listeners: listeners.clone(), ..EndpointConfig::default() };
        let endpoint = Endpoint::new(config, Seed([7; 32]), Instant::now());
        let settings = Settings { tls: Arc::new(tls), resolver: Arc::new(Loopback), ..Settings::default() };
        let (driver, handle, events) = Driver::new(endpoint, sockets, settings);
        tokio::spawn(driver.run());
        Self { handle, events, listeners }
    }

    fn uri(&self, host: &str, transport: Transport) -> String {
        let listener = self.listeners.iter().find(|listener| listener.transport == transport).unwrap();
        format!("sip:{host}:{};transport={}", listener.local.port(), transport.as_str().to_lowercase())
    }

    async fn send(&self, uri: String) -> Result<RequestId, SendError> {
        let draft = Draft::request(&Method::Options, &uri)
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, "<sip:alice@example.com>;tag=a")
            .header(HeaderName::To, "<sip:bob@example.com>")
            .header(HeaderName::CallId, uri.as_str())
            .header(HeaderName::CSeq, "1 OPTIONS");
        let outgoing = Outgoing::new(draft, Destination::Uri(uri));
        self.handle.call(move |endpoint, now| endpoint.request(outgoing, now)).await.unwrap()
    }

    /// The next event that is not about connections.
    async fn next(&mut self) -> Event {
        loop {
            let event = in_time(self.events.recv()).await.unwrap();
            if !matches!(event, Event::FlowOpened { .. } | Event::FlowLost { .. }) {
                return event;
            }
        }
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work).await.expect("it happens within ten seconds")
}

/// Asks by one transport, answers, and gives what was heard.
async fn exchange(caller: &mut Party, server: &mut Party, host: &str, transport: Transport) -> u16 {
    caller.send(server.uri(host, transport)).await.unwrap();
    let Event::Request { transaction: Some(id), message, source, .. } = server.next().await else { panic!() };
    assert_eq!(source.transport, transport);
    let answer = Draft::reply_to(&message, 200, "b");
    assert!(server.handle.call(move |endpoint, now| endpoint.respond(id, answer, now)).await.unwrap());
    let Event::Response { message, source, .. } = caller.next().await else { panic!() };
    assert_eq!(source.transport, transport);
    message.status().unwrap()
}

/// An authority and a certificate of it for `server.example`.
struct Pki {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn configs(&self) -> TlsConfigs {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["server.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
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
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let configs = TlsConfigs::new();
        configs.set_client(Arc::new(client), Some(verifier));
        configs.set_server(Arc::new(server));
        configs
    }
}

/// ST-001: a request goes and its answer comes by each transport; what arrives on any listener is taken.
#[tokio::test]
async fn every_transport_carries_requests_and_answers() {
    let pki = Pki::new("the authority");
    let (mut caller, mut server) = (Party::start(pki.configs()), Party::start(pki.configs()));
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss] {
        assert_eq!(exchange(&mut caller, &mut server, "server.example", transport).await, 200, "{transport}");
    }
}

/// ST-043, RFC 5923: the second request takes the connection of the first.
#[tokio::test]
async fn a_connection_is_used_again() {
    let pki = Pki::new("the authority");
    let (mut caller, mut server) = (Party::start(pki.configs()), Party::start(pki.configs()));
    for _ in 0..3 {
        exchange(&mut caller, &mut server, "server.example", Transport::Tls).await;
        caller.handle.call(|endpoint, _| assert_eq!(endpoint.stats().connections, 1)).await.unwrap();
    }
}

/// ST-008: an unknown issuer fails the request with the cause in words and the certificate it is about; a new
/// configuration counts from the next handshake on.
#[tokio::test]
async fn an_untrusted_certificate_is_told_and_trust_can_be_replaced() {
    let (ours, theirs) = (Pki::new("our authority"), Pki::new("their authority"));
    let configs = ours.configs();
    let (mut caller, mut server) = (Party::start(configs.clone()), Party::start(theirs.configs()));
    caller.send(server.uri("server.example", Transport::Tls)).await.unwrap();
    let failed = caller.next().await;
    let Event::Failed { failure: Failure::Tls(fault), .. } = failed else { panic!("{failed:?}") };
    assert_eq!(fault.text, "invalid peer certificate: UnknownIssuer");
    assert!(fault.certificate.is_some_and(|der| der.starts_with(&[0x30])));
    let told = server.next().await;
    let Event::HandshakeFailed { cause, .. } = told else { panic!("{told:?}") };
    assert_eq!(cause.to_string(), "TLS handshake error: received fatal alert: UnknownCA");

    let trusting = theirs.configs();
    caller.handle.call(|_, _| ()).await.unwrap();
    copy_client(&trusting, &configs);
    assert_eq!(exchange(&mut caller, &mut server, "server.example", Transport::Tls).await, 200);
}

fn copy_client(from: &TlsConfigs, to: &TlsConfigs) {
    use sip_trunk::driver::Tls;
    to.set_client(from.client("server.example").unwrap().config, None);
}

/// ST-008: a certificate for another name is no proof.
#[tokio::test]
async fn a_certificate_for_another_name_is_told() {
    let pki = Pki::new("the authority");
    let (mut caller, server) = (Party::start(pki.configs()), Party::start(pki.configs()));
    caller.send(server.uri("other.example", Transport::Wss)).await.unwrap();
    let failed = caller.next().await;
    let Event::Failed { failure: Failure::Tls(fault), .. } = failed else { panic!("{failed:?}") };
    assert!(fault.text.contains("not valid for name \"other.example\""), "{}", fault.text);
}

/// Nobody listens: the system says so, and the request fails with its words.
#[tokio::test]
async fn a_refused_connection_is_told() {
    let mut caller = Party::start(TlsConfigs::new());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    caller.send(format!("sip:127.0.0.1:{port};transport=tcp")).await.unwrap();
    let failed = caller.next().await;
    let Event::Failed { failure, .. } = failed else { panic!("{failed:?}") };
    assert!(failure.to_string().contains("refused"), "{failure}");
}

/// While the user takes no events the driver stops reading, and nothing is lost over a stream.
#[tokio::test]
async fn a_slow_user_slows_the_network_down() {
    let listener = Listener::new(SocketId(0), Transport::Tcp, "127.0.0.1:0".parse().unwrap());
    let sockets = Sockets::bind(vec![listener], SocketOptions::default()).unwrap();
    let listeners = sockets.listeners().to_vec();
    let config = EndpointConfig { listeners: listeners.clone(), ..EndpointConfig::default() };
    let endpoint = Endpoint::new(config, Seed([8; 32]), Instant::now());
    let (driver, _handle, mut events) =
        Driver::new(endpoint, sockets, Settings { events: 4, ..Settings::default() });
    tokio::spawn(driver.run());

    let caller = Party::start(TlsConfigs::new());
    for call in 0..500 {
        caller
            .send(format!("sip:{call}@127.0.0.1:{};transport=tcp", listeners[0].local.port()))
            .await
            .unwrap();
    }
    let mut requests = 0;
    while requests < 500 {
        tokio::task::yield_now().await;
        requests += u32::from(matches!(in_time(events.recv()).await.unwrap(), Event::Request { .. }));
    }
}

/// An engine that has one datagram to send before anything else happens, and never again.
struct Announcement(Option<Output<()>>);

impl Engine for Announcement {
    type Event = ();
    fn handle_input(&mut self, _input: Input, _now: Instant) {}
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_output(&mut self) -> Option<Output<()>> {
        self.0.take()
    }
    fn next_timeout(&self) -> Option<Deadline> {
        None
    }
}

/// RFC 3261 §17.1.2.2: the first request leaves when it is made, also on a socket opened just before; none waits for timer E.
#[tokio::test]
async fn what_is_sent_first_leaves_at_once() {
    let far = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let listener = Listener::new(SocketId(0), Transport::Udp, "127.0.0.1:0".parse().unwrap());
    let sockets = Sockets::bind(vec![listener], SocketOptions::default()).unwrap();
    let (socket, remote) = (SocketId(0), far.local_addr().unwrap());
    let first = Output::Io(Io::Datagram { socket, remote, bytes: "first".into() });
    let (driver, _handle, _events) = Driver::new(Announcement(Some(first)), sockets, Settings::default());
    tokio::spawn(driver.run());
    let mut received = [0; 16];
    let length = in_time(far.recv(&mut received)).await.unwrap();
    assert_eq!(&received[..length], b"first");
}

/// The driver ends with its last handle, and gives the engine back.
#[tokio::test]
async fn the_driver_ends_with_its_last_handle() {
    let sockets = Sockets::bind(Vec::new(), SocketOptions::default()).unwrap();
    let endpoint = Endpoint::new(EndpointConfig::default(), Seed([9; 32]), Instant::now());
    let (driver, handle, _events) = Driver::new(endpoint, sockets, Settings::default());
    let running = tokio::spawn(driver.run());
    assert_eq!(handle.call(|endpoint, _| endpoint.in_use()).await, Ok((0, 0)));
    drop(handle);
    assert_eq!(in_time(running).await.unwrap().in_use(), (0, 0));
}
