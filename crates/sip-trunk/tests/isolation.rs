//! Panics in the engine, in commands, handlers, resolvers and TLS configurations: each costs what it happened in, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails, and what this one is about"
)]
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ServerConfig};
use sip_trunk::driver::{
    Driver, Events, Handle, Handshake, Lookup, Resolver, Settings, SocketOptions, Sockets, Tls, Unanswered,
};
use sip_trunk::endpoint::{
    Destination, Endpoint, EndpointConfig, Event, Failure, Input, Io, Listener, Outgoing, Output, TlsFault,
};
use sip_trunk::locate::{Query, QueryKind, Record, RecordData, ResolveError};
use sip_trunk::msg::{Draft, HeaderName, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::{Deadline, During, Engine, Fault, Seed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends datagrams back, and fails where it is told to.
#[derive(Default)]
struct Fragile {
    out: VecDeque<Output<&'static str>>,
    due: Option<Instant>,
    timeouts: u32,
    faults: Vec<Fault>,
    /// Connections it was told are closed.
    closed: u32,
    /// Cannot say when it is due.
    timeless: bool,
    /// Panics once more when it should recover.
    hopeless: bool,
}

impl Engine for Fragile {
    type Event = &'static str;

    fn handle_input(&mut self, input: Input, _: Instant) {
        let (socket, remote, bytes) = match input {
            Input::Datagram { socket, remote, bytes } => (socket, remote, bytes),
            Input::Received { bytes, .. } => panic!("{bytes:?} on a connection"),
            Input::Closed { .. } => return self.closed += 1,
            Input::SendFailed { .. }
            | Input::Accepted { .. }
            | Input::Connected { .. }
            | Input::Resolved { .. }
            | Input::NetworkChanged => return,
        };
        self.out.push_back(Output::Io(Io::Datagram { socket, remote, bytes: bytes.clone() }));
        match &bytes[..] {
            b"panic" => panic!("an odd message"),
            b"event" => {
                self.out.push_back(Output::Event("event"));
                self.out.push_back(Output::Io(Io::Datagram { socket, remote, bytes: "after".into() }));
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, _: Instant) {
        self.timeouts += 1;
        panic!("its time has come");
    }

    fn poll_output(&mut self) -> Option<Output<&'static str>> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        assert!(!self.timeless, "when?");
        self.due.map(|at| Deadline { at, why: "to fail" })
    }

    fn recover(&mut self, fault: &Fault, _: Instant) {
        self.faults.push(fault.clone());
        assert!(!self.hopeless, "it cannot even be given up");
    }
}

struct Bench {
    handle: Handle<Fragile>,
    client: UdpSocket,
    edge: SocketAddr,
    tcp: SocketAddr,
}

impl Bench {
    async fn start() -> Self {
        let (sockets, listeners) = sockets(&[Transport::Udp, Transport::Tcp]);
        let handler = |event: &'static str, _: &mut Fragile, _| panic!("the handler of {event:?} fails");
        let (driver, handle) =
            Driver::with_handler(Fragile::default(), sockets, Settings::default(), handler);
        tokio::spawn(driver.run());
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { handle, client, edge: listeners[0].local, tcp: listeners[1].local }
    }

    async fn send(&self, text: &str) {
        self.client.send_to(text.as_bytes(), self.edge).await.unwrap();
    }

    async fn hears(&self, text: &str) {
        let mut buffer = [0; 64];
        let (len, _) = in_time(self.client.recv_from(&mut buffer)).await.unwrap();
        assert_eq!(&buffer[..len], text.as_bytes());
    }

    async fn faults(&self) -> Vec<(During, String)> {
        let faults = self.handle.call(|engine, _| std::mem::take(&mut engine.faults)).await.unwrap();
        faults.into_iter().map(|fault| (fault.during, fault.message)).collect()
    }
}

fn sockets(transports: &[Transport]) -> (Sockets, Vec<Listener>) {
    let listener = |(id, transport): (u16, &Transport)| {
        Listener::new(SocketId(id), *transport, "127.0.0.1:0".parse().unwrap())
    };
    let sockets =
        Sockets::bind((0..).zip(transports).map(listener).collect(), SocketOptions::default()).unwrap();
    let listeners = sockets.listeners().to_vec();
    (sockets, listeners)
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens in time")
}

/// ES-01: a message that makes the engine panic is the last that is heard of it; what the engine had put out before goes out, the
/// engine is told which message it was, and the next one is served, also when the engine cannot recover.
#[tokio::test]
async fn a_message_costs_itself() {
    let bench = Bench::start().await;
    bench.send("panic").await;
    bench.hears("panic").await;
    bench.send("ping").await;
    bench.hears("ping").await;
    assert_eq!(bench.faults().await, [(During::Bytes("panic".into()), "an odd message".to_owned())]);
    bench.handle.call(|engine, _| engine.hopeless = true).await.unwrap();
    bench.send("panic").await;
    bench.hears("panic").await;
    bench.send("ping").await;
    bench.hears("ping").await;
}

/// ES-01: bytes of a connection that make the engine panic are the last of it: where the next message would begin is not known.
#[tokio::test]
async fn a_connection_whose_bytes_panic_is_closed() {
    let bench = Bench::start().await;
    let mut stream = TcpStream::connect(bench.tcp).await.unwrap();
    stream.write_all(b"half a message").await.unwrap();
    assert_eq!(in_time(stream.read(&mut [0; 8])).await.unwrap(), 0, "the end");
    assert!(bench.handle.call(|engine, _| engine.closed).await.unwrap() > 0, "the engine knows");
    assert_eq!(bench.faults().await.len(), 1);
}

/// ES-01: an engine that cannot say when it is due goes on with everything else.
#[tokio::test]
async fn an_engine_without_a_clock_serves_messages() {
    let bench = Bench::start().await;
    bench.handle.call(|engine, _| engine.timeless = true).await.unwrap();
    for _ in 0..3 {
        bench.send("ping").await;
        bench.hears("ping").await;
    }
    bench.handle.call(|engine, _| engine.timeless = false).await.unwrap();
    assert!(!bench.handle.has_ended());
}

/// ES-01: a command that panics fails for who gave it; the driver has not ended.
#[tokio::test]
async fn a_command_costs_itself() {
    let bench = Bench::start().await;
    let failed: Result<(), _> = bench.handle.call(|_, _| panic!("a bad command")).await;
    assert_eq!(failed, Err(Unanswered::Panicked), "who gave it may go on");
    assert!(!bench.handle.has_ended());
    assert_eq!(bench.faults().await, [(During::Command, "a bad command".to_owned())]);
    bench.handle.stop().await;
    in_time(async {
        while !bench.handle.has_ended() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(bench.handle.call(|_, _| ()).await, Err(Unanswered::Stopped));
}

/// ES-01: a handler that panics costs its event; what the engine wants after it is done all the same.
#[tokio::test]
async fn a_handler_costs_its_event() {
    let bench = Bench::start().await;
    bench.send("event").await;
    bench.hears("event").await;
    bench.hears("after").await;
    let [(During::Bytes(_), message)] = &bench.faults().await[..] else { panic!() };
    assert!(message.contains("handler of \"event\""), "{message}");
}

/// ES-01: timers that panic again and again rest in between: messages are served, and the processor is not kept busy.
#[tokio::test]
async fn timers_that_panic_leave_room_for_messages() {
    let bench = Bench::start().await;
    bench.handle.call(|engine, now| engine.due = Some(now)).await.unwrap();
    for _ in 0..20 {
        bench.send("ping").await;
        bench.hears("ping").await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let timeouts = bench.handle.call(|engine, _| engine.timeouts).await.unwrap();
    assert!((2..=20).contains(&timeouts), "{timeouts} timeouts in half a second");
}

/// Fails for some names at once and for others later; one it knows.
struct Careless;

impl Resolver for Careless {
    fn resolve(&self, query: Query) -> Lookup {
        assert!(!query.name.starts_with("now"), "no such luck");
        Box::pin(async move {
            assert!(query.name.contains("here.example"), "{} is too much", query.name);
            let data = RecordData::Address("127.0.0.1".parse().unwrap());
            match query.kind {
                QueryKind::A => Ok(vec![Record { ttl: PATIENCE, data }]),
                QueryKind::Aaaa | QueryKind::Naptr | QueryKind::Srv => Err(ResolveError::NotFound),
            }
        })
    }
}

impl Tls for Careless {
    fn client(&self, _: &str) -> Result<Handshake<ClientConfig>, TlsFault> {
        panic!("no certificates today")
    }

    fn server(&self, _: SocketId) -> Result<Handshake<ServerConfig>, TlsFault> {
        panic!("no certificates today")
    }
}

async fn ask(handle: &Handle<Endpoint>, events: &mut Events<Event>, uri: String) -> Event {
    let draft = Draft::request(&Method::Options, &uri)
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, "<sip:alice@example.com>;tag=a")
        .header(HeaderName::To, "<sip:bob@example.com>")
        .header(HeaderName::CallId, uri.as_str())
        .header(HeaderName::CSeq, "1 OPTIONS");
    let outgoing = Outgoing::new(draft, Destination::Uri(uri));
    handle.call(move |endpoint, now| endpoint.request(outgoing, now)).await.unwrap().unwrap();
    in_time(events.recv()).await.unwrap()
}

/// ES-01: a resolver or a TLS configuration that panics fails the request it was asked for, at once and with the cause, and nothing else:
/// no request waits for an answer that never comes.
#[tokio::test]
async fn resolvers_and_tls_configurations_cost_their_request() {
    let (sockets, listeners) = sockets(&[Transport::Udp, Transport::Tls]);
    let config = EndpointConfig { listeners: listeners.clone(), ..EndpointConfig::default() };
    let endpoint = Endpoint::new(config, Seed([7; 32]), Instant::now());
    let settings = Settings { tls: Arc::new(Careless), resolver: Arc::new(Careless), ..Settings::default() };
    let (driver, handle, mut events) = Driver::new(endpoint, sockets, settings);
    tokio::spawn(driver.run());
    for name in ["now.example", "later.example"] {
        let event = ask(&handle, &mut events, format!("sip:{name}:5060")).await;
        let Event::Failed { failure: Failure::Unresolvable { cause, .. }, .. } = event else {
            panic!("{event:?}")
        };
        assert!(cause.contains("fault"), "{cause}");
    }
    // The engine connects to itself: both sides of the handshake fail.
    let secure = listeners[1].local.port();
    let event = ask(&handle, &mut events, format!("sip:here.example:{secure};transport=tls")).await;
    assert!(format!("{event:?}").contains("a fault of this program"), "{event:?}");
    let ourselves = ask(&handle, &mut events, format!("sip:{}", listeners[0].local));
    let mut event = ourselves.await;
    while !matches!(event, Event::Request { .. }) {
        event = in_time(events.recv()).await.unwrap();
    }
}
