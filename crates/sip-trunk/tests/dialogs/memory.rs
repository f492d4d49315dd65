//! What a call costs in memory: `cargo test -p sip-trunk --test dialogs memory -- --nocapture` prints the figures.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{EndpointConfig, Input, Io, Listener, Output};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::ua::{Answer, Event, Invite, Reliable, Subscribe, UaConfig, UserAgent};
use telco_testkit::Sim;

use crate::lab::{ALICE, BOB, sdp, seconds};

/// The INVITE the budgets of messages are stated for.
const INVITE: &str = include_str!("../../benches/fixtures/invite.sip");

/// The budget of DESIGN §9.
const PER_CALL: u64 = 4096;

fn agent(at: &str, now: Instant) -> UserAgent {
    let listener = Listener::new(SocketId(0), Transport::Udp, at.parse().unwrap());
    let endpoint = EndpointConfig {
        listeners: vec![listener],
        // One peer does it all here.
        peers: vec!["0.0.0.0/0".parse().unwrap()],
        ..EndpointConfig::default()
    };
    // Reliable answers are another exchange; their state is gone when the call is confirmed.
    let config = UaConfig { endpoint, reliable: Reliable::Never, ..UaConfig::default() };
    UserAgent::new(config, Seed([3; 32]), now)
}

fn hear(agent: &mut UserAgent, bytes: Bytes, now: Instant) {
    let remote = "203.0.113.10:5060".parse().unwrap();
    agent.handle_input(Input::Datagram { socket: SocketId(0), remote, bytes }, now);
}

/// Takes what the agent says; gives back the last message of that kind.
fn said(agent: &mut UserAgent, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
    let mut found = None;
    while let Some(output) = agent.poll_output() {
        if let Output::Io(Io::Datagram { bytes, .. }) = output {
            let message = Message::from_datagram(bytes).unwrap();
            if wanted(&message) {
                found = Some(message);
            }
        }
    }
    found
}

/// Lets time pass until every transaction has ended.
fn pass(agent: &mut UserAgent, now: &mut Instant, span: Duration) {
    let end = *now + span;
    while let Some(deadline) = agent.next_timeout().filter(|deadline| deadline.at <= end) {
        agent.handle_timeout(deadline.at);
        while agent.poll_output().is_some() {}
    }
    *now = end;
}

fn take_call(agent: &mut UserAgent, number: usize, now: Instant) {
    let invite = INVITE
        .replace("branch=z9hG4bK", &format!("branch=z9hG4bK{number}"))
        .replace("Call-ID: ", &format!("Call-ID: {number}-"));
    let invite = Message::from_datagram(invite.into_bytes()).unwrap();
    hear(agent, invite.to_bytes(), now);
    let incoming = std::iter::from_fn(|| agent.poll_output()).find_map(|output| match output {
        Output::Event(Event::Incoming { session, .. }) => Some(session),
        _ => None,
    });
    let answer = Answer { body: sdp("answer"), ..Answer::default() };
    agent.answer(incoming.unwrap(), answer, now).unwrap();
    let success = said(agent, |message| message.status() == Some(200)).unwrap();
    let ack = Draft::request(&Method::Ack, "sip:b@192.0.2.2")
        .header(HeaderName::Via, format!("SIP/2.0/UDP 203.0.113.10;branch=z9hG4bKa{number}"))
        .header(HeaderName::MaxForwards, "70")
        .copy(&success, HeaderName::From)
        .copy(&success, HeaderName::To)
        .copy(&success, HeaderName::CallId);
    let cseq = String::from_utf8_lossy(success.header(HeaderName::CSeq).unwrap()).replace("INVITE", "ACK");
    hear(agent, ack.header(HeaderName::CSeq, cseq).finish().unwrap(), now);
    let confirmed = std::iter::from_fn(|| agent.poll_output())
        .any(|output| matches!(output, Output::Event(Event::Confirmed { .. })));
    assert!(confirmed);
}

fn place_call(agent: &mut UserAgent, now: Instant) {
    let mut call = Invite::new("sip:+12025550123@203.0.113.10", "\"Alice\" <sip:+14085550100@example.com>");
    call.contact.user = "+14085550100".into();
    call.body = sdp(&"x".repeat(300));
    agent.invite(call, now).unwrap();
    let invite = said(agent, |message| message.method() == Some(Method::Invite)).unwrap();
    let success = Draft::reply_to(&invite, 200, "8f2a76c1")
        .header(HeaderName::Contact, "<sip:gw-17@203.0.113.10:5060;transport=udp>")
        .header(HeaderName::RecordRoute, "<sip:sbc1.carrier.example;lr>, <sip:203.0.113.10;lr>")
        .header(HeaderName::SessionExpires, "1800;refresher=uac")
        .body("application/sdp", vec![b'v'; 300]);
    hear(agent, success.finish().unwrap(), now);
    assert!(said(agent, |message| message.method() == Some(Method::Ack)).is_some());
}

fn subscribe(agent: &mut UserAgent, now: Instant) {
    let subscribe = Subscribe::new("sip:bob@203.0.113.10", "<sip:alice@example.com>", "dialog");
    agent.subscribe(subscribe, now).unwrap();
    let request = said(agent, |message| message.method() == Some(Method::Subscribe)).unwrap();
    let success = Draft::reply_to(&request, 200, "77")
        .header(HeaderName::Contact, "<sip:bob@203.0.113.10:5060>")
        .header(HeaderName::Expires, "3600");
    hear(agent, success.finish().unwrap(), now);
    let swap = |name| String::from_utf8_lossy(request.header(name).unwrap()).into_owned();
    let branch = format!("SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK{}", swap(HeaderName::CallId));
    let notify = Draft::request(&Method::Notify, "sip:alice@192.0.2.1")
        .header(HeaderName::Via, branch)
        .header(HeaderName::MaxForwards, "70")
        .header(HeaderName::From, format!("{};tag=77", swap(HeaderName::To)))
        .header(HeaderName::To, swap(HeaderName::From))
        .header(HeaderName::CallId, swap(HeaderName::CallId))
        .header(HeaderName::CSeq, "1 NOTIFY")
        .header(HeaderName::Contact, "<sip:bob@203.0.113.10:5060>")
        .header(HeaderName::Event, "dialog")
        .header(HeaderName::SubscriptionState, "active;expires=3600");
    hear(agent, notify.finish().unwrap(), now);
    while agent.poll_output().is_some() {}
}

/// Bytes on the heap per thing of a thousand, once every transaction has ended.
fn cost(
    agent: &mut UserAgent,
    mut now: Instant,
    mut make: impl FnMut(&mut UserAgent, usize, Instant),
) -> u64 {
    // Tables and queues have grown to their size before anything is counted.
    (0..2000).for_each(|number| make(agent, number, now));
    pass(agent, &mut now, seconds(70));
    let counted = measure(|| {
        (2000..3000).for_each(|number| make(agent, number, now));
        pass(agent, &mut now, seconds(70));
    });
    assert_eq!(agent.endpoint().in_use(), (0, 0));
    u64::try_from(counted.bytes_current).unwrap() / 1000
}

/// DESIGN §9: at most 4 kB per confirmed call.
#[test]
fn a_confirmed_call_takes_at_most_four_kilobytes() {
    let now = Sim::new(1).now();
    let (mut callee, mut caller) = (agent(BOB, now), agent(ALICE, now));
    let taken = cost(&mut callee, now, take_call);
    let placed = cost(&mut caller, now, |agent, _, now| place_call(agent, now));
    let mut subscriber = agent(ALICE, now);
    let subscribed = cost(&mut subscriber, now, |agent, _, now| subscribe(agent, now));
    assert_eq!((callee.in_use().sessions, caller.in_use().sessions), (3000, 3000));
    assert_eq!(subscriber.in_use().subscriptions, 3000);
    println!("bytes per confirmed call: {placed} placed, {taken} taken; per subscription: {subscribed}");
    assert!(placed <= PER_CALL && taken <= PER_CALL && subscribed <= PER_CALL);
    assert!(placed > 500 && taken > 500, "the measurement measures");
}
