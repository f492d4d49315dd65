//! The public address of a listener, learned from a STUN server: what is asked and when, and where the answer shows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "any starting point does")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{
    ContactSpec, Destination, Endpoint, EndpointConfig, Event, Input, Io, Listener, Outgoing, Output,
};
use sip_trunk::msg::{Draft, HeaderName, Method};
use sip_trunk::transport::{SocketId, Transport};

const SERVER: &str = "198.51.100.1:3478";

fn config() -> EndpointConfig {
    let listener = Listener::new(SocketId(0), Transport::Udp, "10.0.0.5:5060".parse().unwrap());
    let listener = Listener { stun: Some(SERVER.parse().unwrap()), ..listener };
    EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() }
}

/// Datagrams to be sent, with where to.
fn sent(endpoint: &mut Endpoint) -> Vec<(SocketAddr, Bytes)> {
    let mut sent = Vec::new();
    while let Some(output) = endpoint.poll_output() {
        if let Output::Io(Io::Datagram { remote, bytes, .. }) = output {
            sent.push((remote, bytes));
        }
    }
    sent
}

/// A success response that maps to 203.0.113.7 and this port.
fn mapped(request: &[u8], port: u16) -> Bytes {
    let mut answer = [&[1, 1, 0, 12], &request[4..20], &[0, 0x20, 0, 8, 0, 1]].concat();
    answer.extend((port ^ 0x2112).to_be_bytes());
    answer.extend([203 ^ 0x21, 0x12, 113 ^ 0xa4, 7 ^ 0x42]);
    answer.into()
}

fn give(endpoint: &mut Endpoint, remote: &str, bytes: Bytes, now: Instant) -> Vec<Event> {
    let remote = remote.parse().unwrap();
    endpoint.handle_input(Input::Datagram { socket: SocketId(0), remote, bytes }, now);
    let mut events = Vec::new();
    while let Some(output) = endpoint.poll_output() {
        match output {
            Output::Event(event) => events.push(event),
            Output::Io(_) => {}
        }
    }
    events
}

/// What an OPTIONS of ours says about us.
fn options(endpoint: &mut Endpoint, now: Instant) -> String {
    let draft = Draft::request(&Method::Options, "sip:192.0.2.1")
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, "<sip:a@b>;tag=1")
        .header(HeaderName::To, "<sip:a@b>")
        .header(HeaderName::CallId, "1")
        .header(HeaderName::CSeq, "1 OPTIONS");
    let outgoing = Outgoing::new(draft, Destination::Uri("sip:192.0.2.1".into()));
    let outgoing = Outgoing { contact: Some(ContactSpec::user("genesys")), ..outgoing };
    endpoint.request(outgoing, now).unwrap();
    String::from_utf8(sent(endpoint).pop().unwrap().1.to_vec()).unwrap()
}

/// ST-037: the STUN server is asked from the SIP socket, and the public address stands in Via and Contact.
#[test]
fn the_public_address_is_in_via_and_contact() {
    let now = Instant::now();
    let mut endpoint = Endpoint::new(config(), Seed([7; 32]), now);
    assert!(options(&mut endpoint, now).contains("SIP/2.0/UDP 10.0.0.5:5060"));
    endpoint.handle_timeout(now);
    let (to, request) = sent(&mut endpoint).pop().unwrap();
    assert_eq!(to, SERVER.parse().unwrap());
    assert!(
        give(&mut endpoint, "198.51.100.2:3478", mapped(&request, 40000), now).is_empty(),
        "a stranger's"
    );
    let events = give(&mut endpoint, SERVER, mapped(&request, 40000), now);
    let [Event::PublicAddress { listener: SocketId(0), address }] = events[..] else { panic!("{events:?}") };
    assert_eq!(address, "203.0.113.7:40000".parse().unwrap());
    let options = options(&mut endpoint, now);
    assert!(options.contains("\r\nVia: SIP/2.0/UDP 203.0.113.7:40000;rport;"), "{options}");
    assert!(options.contains("\r\nContact: <sip:genesys@203.0.113.7:40000>"), "{options}");
    endpoint.apply(config(), now);
    assert_eq!(endpoint.listener(SocketId(0)).unwrap().sent_by(), "203.0.113.7:40000");
}

/// ST-037: it is asked again every 25 s, and only another address is news.
#[test]
fn a_new_address_is_noticed() {
    let mut now = Instant::now();
    let mut endpoint = Endpoint::new(config(), Seed([7; 32]), now);
    let mut news = Vec::new();
    for port in [40000, 40000, 40001] {
        endpoint.handle_timeout(now);
        let (_, request) = sent(&mut endpoint).pop().unwrap();
        news.push(give(&mut endpoint, SERVER, mapped(&request, port), now).len());
        assert!(give(&mut endpoint, SERVER, mapped(&request, 1), now).is_empty(), "a repeat says nothing");
        let next = endpoint.next_timeout().unwrap().at;
        assert_eq!(next, now + Duration::from_secs(25));
        now = next;
    }
    assert_eq!(news, [1, 0, 1]);
}

/// RFC 8489 §6.2.1: seven requests at doubling distances, then a pause, and another round.
#[test]
fn a_silent_server_is_asked_again_and_again() {
    let start = Instant::now();
    let mut endpoint = Endpoint::new(config(), Seed([7; 32]), start);
    let mut asked = Vec::new();
    while asked.len() < 8 {
        let now = endpoint.next_timeout().unwrap().at;
        endpoint.handle_timeout(now);
        asked.extend(sent(&mut endpoint).iter().map(|_| (now - start).as_millis()));
    }
    assert_eq!(asked, [0, 500, 1500, 3500, 7500, 15500, 31500, 99500]);
}

/// What is not STUN from the server's address is SIP, as from anybody.
#[test]
fn a_server_may_speak_sip_too() {
    let now = Instant::now();
    let mut endpoint = Endpoint::new(config(), Seed([7; 32]), now);
    endpoint.handle_timeout(now);
    let options = "OPTIONS sip:10.0.0.5 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1:3478;branch=z9hG4bK1\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n";
    let events = give(&mut endpoint, SERVER, Bytes::from_static(options.as_bytes()), now);
    assert!(matches!(events[..], [Event::Request { .. }]), "{events:?}");
}
