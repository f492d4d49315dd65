//! What a call costs to keep: `cargo test -p edge-core --test calls footprint -- --nocapture` prints the figure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use bytes::Bytes;
use edge_core::compile::compile;
use edge_core::edge::{Edge, EdgeConfig, Input};
use edge_core::media::MediaPorts;
use sip_trunk::Seed;
use sip_trunk::endpoint::{EndpointConfig, Input as Network, Io, Listener, Output};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{SessionTimer, UaConfig};
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::value::EdgeId;

use crate::lab::{CARRIER_A, EDGE, NOW, OFFICE, pools};

/// Calls counted; what tables grow by is shared among them.
const CALLS: usize = 500;

/// What a confirmed call may cost: two dialogs, two sides of offer and answer, the record as far as it is written, and the ports. The
/// budget of the design is 4 kB; this is what holds now.
const PER_CALL: i64 = 5000;

/// What the transactions of its beginning may cost for as long as they linger: an INVITE of a peer and one of ours, answered.
const PER_SETUP: i64 = 2048;

const SDP: &str = "v=0\r\no=c 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\n\
                   a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

fn edge(now: Instant) -> Edge {
    let written = "2026-03-01T10:00:00Z".parse().unwrap();
    let office =
        OFFICE.replace("calls = 100, calls_per_second = 50", "calls = 4000, calls_per_second = 4000");
    let organization = Organization::from_document(&office, Format::Toml, written).unwrap();
    let (runtime, _) = compile(&organization, EdgeId::labelled("edge"));
    let listener = Listener::new(SocketId(0), Transport::Udp, EDGE.parse().unwrap());
    let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
    let ua = UaConfig { endpoint, session_timer: SessionTimer::Off, ..UaConfig::default() };
    let mut pools = pools(&runtime, EDGE.parse().unwrap());
    pools.iter_mut().for_each(|pool| pool.ports = (10_000..20_000).step_by(2).collect());
    let ports = MediaPorts::new(pools, &media_rtp::Seed([3; 32]));
    Edge::new(EdgeConfig::new(ua, "192.0.2.1"), runtime, ports, Seed([1; 32]), NOW.parse().unwrap(), now)
}

fn hear(edge: &mut Edge, remote: SocketAddr, bytes: impl Into<Bytes>, now: Instant) {
    let datagram = Network::Datagram { socket: SocketId(0), remote, bytes: bytes.into() };
    edge.handle_input(Input::Network(datagram), now);
}

/// Takes what the edge says; gives back the message that is wanted.
fn said(edge: &mut Edge, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
    let mut found = None;
    while let Some(output) = edge.poll_output() {
        if let Output::Io(Io::Datagram { bytes, .. }) = output {
            found = Some(Message::from_datagram(bytes).unwrap()).filter(&wanted).or(found);
        }
    }
    found
}

/// A call from the carrier to a person who is reached outside: in by a trunk, out by the plans and a trunk, answered.
fn call(edge: &mut Edge, number: usize, now: Instant) {
    let head = |method: &str, to: &str, cseq: &str| {
        format!(
            "{method} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER_A};branch=z9hG4bK{cseq}{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:+12025550100@192.0.2.10>;tag=c{number}\r\nTo: <sip:+13175550103@192.0.2.1>{to}\r\n\
             Call-ID: call-{number}@192.0.2.10\r\nCSeq: 1 {cseq}\r\nContact: <sip:c@{CARRIER_A}>\r\n"
        )
    };
    let invite = head(&format!("INVITE sip:+13175550103@{EDGE}"), "", "INVITE");
    let invite =
        format!("{invite}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len());
    let carrier = CARRIER_A.parse().unwrap();
    hear(edge, carrier, invite, now);
    let offered = said(edge, |message| message.method() == Some(Method::Invite)).unwrap();
    let answer =
        Draft::reply_to(&offered, 200, "b").header(HeaderName::Contact, format!("<sip:b@{CARRIER_A}>"));
    hear(edge, carrier, answer.body("application/sdp", SDP).finish().unwrap(), now);
    let answered = said(edge, |message| message.status() == Some(200)).unwrap();
    let text = |name| String::from_utf8_lossy(answered.header(name).unwrap()).into_owned();
    let (contact, to) = (text(HeaderName::Contact), text(HeaderName::To));
    let target = contact.split(['<', '>']).nth(1).unwrap();
    let tag = to.split_once('>').unwrap().1;
    hear(edge, carrier, head(&format!("ACK {target}"), tag, "ACK") + "Content-Length: 0\r\n\r\n", now);
    while edge.poll_output().is_some() {}
}

/// Lets time pass until every transaction has ended. Who is asked whether it is alive, is, and says so from where it was asked: an
/// answer from the first carrier's address for another trunk would make its calls ambiguous.
fn pass(edge: &mut Edge, now: &mut Instant) {
    let end = *now + Duration::from_secs(100);
    while let Some(deadline) = edge.next_timeout().filter(|deadline| deadline.at <= end) {
        edge.handle_timeout(deadline.at);
        while let Some(output) = edge.poll_output() {
            if let Output::Io(Io::Datagram { remote, bytes, .. }) = output {
                let asked = Message::from_datagram(bytes).unwrap();
                if asked.method() == Some(Method::Options) {
                    hear(edge, remote, Draft::reply_to(&asked, 200, "o").finish().unwrap(), deadline.at);
                }
            }
        }
    }
    *now = end;
}

/// FG-08: a whole confirmed call, both legs of it, once its transactions are over; and the transactions, while they absorb repeats.
/// Tables of transactions keep their room for the next ones, so that a call is what a second lot adds.
#[test]
fn a_confirmed_call_takes_a_bounded_amount() {
    let mut now = telco_testkit::Clock::new().now();
    let mut edge = edge(now);
    let lingering = measure(|| (0..CALLS).for_each(|number| call(&mut edge, number, now)));
    let over = measure(|| pass(&mut edge, &mut now));
    let second = measure(|| {
        (CALLS..2 * CALLS).for_each(|number| call(&mut edge, number, now));
        pass(&mut edge, &mut now);
    });
    assert_eq!(edge.status().calls, 2 * CALLS);
    let each = |bytes: i64| bytes / CALLS as i64;
    let confirmed = each(second.bytes_current);
    let setup = each(lingering.bytes_current) - confirmed;
    println!("bytes per confirmed call: {confirmed}");
    println!(
        "bytes per setup while its transactions linger: {setup}, of which {} go with them",
        -each(over.bytes_current)
    );
    assert!((2048..=PER_CALL).contains(&confirmed), "{confirmed}");
    assert!((256..=PER_SETUP).contains(&setup), "{setup}");
}

/// Calls go on as they did when the trunks have been asked many times whether they are alive.
#[test]
fn a_call_after_a_while_is_like_the_first() {
    let mut now = telco_testkit::Clock::new().now();
    let mut edge = edge(now);
    for number in 0..3 {
        call(&mut edge, number, now);
        pass(&mut edge, &mut now);
        assert_eq!(edge.status().calls, number + 1);
    }
}
