//! What things that last cost in memory: `cargo test -p sip-trunk --test footprint -- --nocapture` prints the figures. Calls and
//! subscriptions are in `tests/dialogs/memory.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that prints its figures")]

use std::time::{Duration, Instant};

use allocation_counter::measure;
use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::auth::Secret;
use sip_trunk::endpoint::{Endpoint, EndpointConfig, Event, Input, Io, Limits, Listener, Output as Wire};
use sip_trunk::msg::{Draft, HeaderName, Message};
use sip_trunk::registration::{Account, Output, Registrar, Registration, RegistrationConfig};
use sip_trunk::transport::{ConnectionId, SocketId, TlsPeer, Transport};
use telco_testkit::Sim;

const SOCKET: SocketId = SocketId(0);
const CARRIER: &str = "203.0.113.10:5060";
/// Things counted, after as many again that let tables grow.
const COUNTED: usize = 1000;

fn endpoint(transport: Transport, now: Instant) -> Endpoint {
    let listener = Listener::new(SOCKET, transport, "192.0.2.1:5060".parse().unwrap());
    let config = EndpointConfig {
        listeners: vec![listener],
        // One peer does it all here.
        peers: vec!["0.0.0.0/0".parse().unwrap()],
        limits: Limits { idle_for: Duration::from_secs(3600), ..Limits::default() },
        ..EndpointConfig::default()
    };
    Endpoint::new(config, Seed([3; 32]), now)
}

/// Bytes on the heap per thing, once every transaction has ended.
fn cost(
    endpoint: &mut Endpoint,
    mut now: Instant,
    mut make: impl FnMut(&mut Endpoint, usize, Instant),
) -> u64 {
    (0..COUNTED).for_each(|number| make(endpoint, number, now));
    pass(endpoint, &mut now);
    let counted = measure(|| {
        (COUNTED..2 * COUNTED).for_each(|number| make(endpoint, number, now));
        pass(endpoint, &mut now);
    });
    assert_eq!(endpoint.in_use(), (0, 0));
    u64::try_from(counted.bytes_current).unwrap() / COUNTED as u64
}

fn pass(endpoint: &mut Endpoint, now: &mut Instant) {
    let end = *now + Duration::from_secs(70);
    while let Some(deadline) = endpoint.next_timeout().filter(|deadline| deadline.at <= end) {
        endpoint.handle_timeout(deadline.at);
        while endpoint.poll_output().is_some() {}
    }
    *now = end;
}

/// Sends what the registration says, answers it, and brings it the answer.
fn exchange(
    endpoint: &mut Endpoint,
    registration: &mut Registration,
    now: Instant,
    reply: fn(&Message) -> Draft,
) {
    let Some(Output::Send(outgoing)) =
        std::iter::from_fn(|| registration.poll_output()).find(|output| matches!(output, Output::Send(_)))
    else {
        panic!("nothing to send");
    };
    endpoint.request(outgoing, now).unwrap();
    let sent = std::iter::from_fn(|| endpoint.poll_output()).find_map(|output| match output {
        Wire::Io(Io::Datagram { bytes, .. }) => Some(Message::from_datagram(bytes).unwrap()),
        Wire::Io(_) | Wire::Event(_) => None,
    });
    let bytes = reply(&sent.unwrap()).finish().unwrap();
    endpoint.handle_input(Input::Datagram { socket: SOCKET, remote: CARRIER.parse().unwrap(), bytes }, now);
    while let Some(output) = endpoint.poll_output() {
        if let Wire::Event(Event::Response { message, source, .. }) = output {
            registration.handle_response(&message, &source, now);
        }
    }
}

/// A registration with digest, as a carrier asks for it.
fn register(endpoint: &mut Endpoint, number: usize, now: Instant) -> Registration {
    let registrar = Registrar { host: "203.0.113.10".into(), port: None, transport: Transport::Udp };
    let config = RegistrationConfig {
        account: Some(Account {
            username: format!("line{number}"),
            password: Secret::new("a secret of some length"),
            realm: None,
        }),
        ..RegistrationConfig::new(registrar, format!("sip:line{number}@carrier.example"))
    };
    let mut registration = Registration::new(config, Seed([number as u8; 32]), now).unwrap();
    exchange(endpoint, &mut registration, now, |request| {
        Draft::reply_to(request, 401, "t").header(
            HeaderName::WwwAuthenticate,
            r#"Digest realm="carrier.example", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", algorithm=SHA-256, qop="auth""#,
        )
    });
    exchange(endpoint, &mut registration, now, |request| {
        Draft::reply_to(request, 200, "t")
            .copy(request, HeaderName::Contact)
            .header(HeaderName::Expires, "3600")
            .header(HeaderName::ServiceRoute, "<sip:203.0.113.10;lr>")
    });
    assert!(registration.state().is_registered(), "{}", registration.state());
    while registration.poll_output().is_some() {}
    registration
}

/// A TLS connection that has carried one request, and stays.
fn connect(endpoint: &mut Endpoint, number: usize, now: Instant) {
    let connection = ConnectionId::accepted(number as u64);
    let local = "192.0.2.1:5061".parse().unwrap();
    let remote = format!("198.51.{}.{}:40000", number / 250, number % 250 + 1).parse().unwrap();
    endpoint.handle_input(Input::Accepted { connection, listener: SOCKET, remote, local }, now);
    let tls = TlsPeer { server_name: Some("edge.example.com".into()), ..TlsPeer::default() };
    endpoint.handle_input(Input::Connected { connection, local, tls: Some(tls) }, now);
    let options = format!(
        "OPTIONS sip:edge.example.com SIP/2.0\r\nVia: SIP/2.0/TLS {remote};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@example.com>;tag=1\r\nTo: <sip:edge.example.com>\r\nCall-ID: {number}@a\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    endpoint.handle_input(Input::Received { connection, bytes: Bytes::from(options) }, now);
    let asked = std::iter::from_fn(|| endpoint.poll_output()).find_map(|output| match output {
        Wire::Event(Event::Request { transaction, message, .. }) => transaction.map(|id| (id, message)),
        Wire::Io(_) | Wire::Event(_) => None,
    });
    let (transaction, message) = asked.unwrap();
    assert!(endpoint.respond(transaction, Draft::reply_to(&message, 200, "t"), now));
    while endpoint.poll_output().is_some() {}
}

/// FG-08: a registration of ours at a carrier, with its digest answered, takes at most 4 kB.
#[test]
fn a_registration_takes_at_most_four_kilobytes() {
    let now = Sim::new(1).now();
    let mut endpoint = endpoint(Transport::Udp, now);
    let mut kept = Vec::with_capacity(2 * COUNTED);
    let each = cost(&mut endpoint, now, |endpoint, number, now| kept.push(register(endpoint, number, now)));
    let whole = each + size_of::<Registration>() as u64;
    println!("bytes per registration: {whole}, {each} of them on the heap");
    assert!((500..=4096).contains(&whole), "{whole}");
}

/// FG-08: an idle TLS connection takes at most 2 kB here; what the TLS stack holds for it is its own.
#[test]
fn an_idle_connection_takes_at_most_two_kilobytes() {
    let now = Sim::new(1).now();
    let mut endpoint = endpoint(Transport::Tls, now);
    let each = cost(&mut endpoint, now, connect);
    assert_eq!(endpoint.stats().connections, 2 * COUNTED);
    println!("bytes per idle connection: {each}");
    assert!((100..=2048).contains(&each), "{each}");
}
