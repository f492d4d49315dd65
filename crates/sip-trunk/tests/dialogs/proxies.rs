//! Calls through proxies and gateways: the flows of RFC 3665 §3 and RFC 3666 that need more than two user agents' signalling.

use sip_trunk::endpoint::Destination;
use sip_trunk::msg::{HeaderName, Method};
use sip_trunk::ua::{Event, Invite, Progress, Rejection, Reliable, SessionId, UaConfig};
use telco_testkit::{Sim, check_ladder, expect_file};

use crate::lab::{ALICE, BOB, CAROL, MINUTES, Phone, Proxy, Raw, lab, millis, sdp, seconds};

struct Routed {
    sim: Sim,
    alice: Phone,
    one: Proxy,
    two: Proxy,
    bob: Phone,
}

impl Routed {
    fn new() -> Self {
        let sim = lab();
        let plain = |config: &mut UaConfig| config.reliable = Reliable::Never;
        let alice = Phone::with(&sim, "alice", ALICE, plain);
        let bob = Phone::with(&sim, "bob", BOB, plain);
        let one = Proxy::new("proxy1", "192.0.2.11:5060", "192.0.2.12:5060");
        let two = Proxy::new("proxy2", "192.0.2.12:5060", BOB);
        Self { sim, alice, one, two, bob }
    }

    /// Alice calls bob@biloxi.example by her outbound proxy.
    fn call(&mut self) -> SessionId {
        let mut invite = Invite::new("sip:bob@biloxi.example", "<sip:alice@atlanta.example>");
        invite.destination = Destination::Uri(format!("sip:{}", self.one.at));
        invite.contact.user = "alice".into();
        invite.body = sdp("offer");
        let session = self.alice.act(&self.sim, |agent, now| agent.invite(invite, now)).unwrap();
        self.run(millis(200));
        session
    }

    fn run(&mut self, span: std::time::Duration) {
        let Self { sim, alice, one, two, bob } = self;
        sim.run_for(&mut [alice, one, two, bob], span);
    }

    fn finish(&mut self, ladder: &telco_testkit::ExpectFile) {
        let Self { sim, alice, one, two, bob } = self;
        sim.run_until_idle(&mut [&mut *alice, one, two, &mut *bob], MINUTES);
        check_ladder(sim, ladder);
        assert!(alice.is_idle() && bob.is_idle());
    }
}

/// RFC 3665 §3.2: a call through two proxies that stay in the dialog; everything takes the recorded route, both ways.
#[test]
fn a_call_takes_the_recorded_route() {
    let mut lab = Routed::new();
    let session = lab.call();
    lab.bob.ring(&lab.sim);
    lab.run(seconds(1));
    let callee = lab.bob.answer(&lab.sim);
    lab.run(seconds(1));
    lab.alice.act(&lab.sim, |agent, now| agent.reinvite(session, sdp("hold"), Vec::new(), now)).unwrap();
    lab.run(millis(150));
    lab.bob.act(&lab.sim, |agent, now| agent.answer_offer(callee, sdp("held"), Vec::new(), now)).unwrap();
    lab.run(seconds(1));
    lab.bob.hang_up(&lab.sim, callee);
    lab.finish(&expect_file!["ladders/rfc3665_3_2_two_proxies.txt"]);
    assert_eq!(lab.alice.heard, ["progress 180", "answered 200", "offer answered 200", "ended by BYE"]);
}

/// RFC 3665 §3.8 through proxies: CANCEL goes the way of its INVITE, hop by hop.
#[test]
fn a_cancel_follows_its_invite() {
    let mut lab = Routed::new();
    let session = lab.call();
    lab.bob.ring(&lab.sim);
    lab.run(seconds(1));
    lab.alice.hang_up(&lab.sim, session);
    lab.finish(&expect_file!["ladders/rfc3665_3_8_proxies.txt"]);
    assert_eq!(lab.bob.heard, ["incoming call", "ended by CANCEL"]);
}

/// RFC 3665 §3.11: the callee is temporarily unavailable.
#[test]
fn an_unavailable_callee_is_reported() {
    let mut lab = Routed::new();
    lab.call();
    let session = lab.bob.incoming();
    lab.bob.act(&lab.sim, |agent, now| agent.reject(session, Rejection::new(480), now)).unwrap();
    lab.finish(&expect_file!["ladders/rfc3665_3_11_unavailable.txt"]);
    assert_eq!(lab.alice.heard, ["rejected 480"]);
}

/// RFC 3665 §3.6: a redirection is the user's to follow: another call, with the same conversation for the user alone.
#[test]
fn a_redirection_names_another_contact() {
    let sim = lab();
    let mut alice = Phone::new(&sim, "alice", ALICE);
    let (mut bob, mut carol) = (Phone::new(&sim, "bob", BOB), Phone::new(&sim, "carol", CAROL).answering());
    let mut sim = sim;
    alice.call(&sim, &bob);
    sim.run_for(&mut [&mut alice, &mut bob, &mut carol], millis(100));
    let mut moved = Rejection::new(302);
    moved.headers.push(("Contact".into(), format!("<sip:carol@{CAROL}>")));
    let session = bob.incoming();
    bob.act(&sim, |agent, now| agent.reject(session, moved, now)).unwrap();
    sim.run_for(&mut [&mut alice, &mut bob, &mut carol], millis(100));
    let Some(Event::Rejected { status: 302, message: Some(message), .. }) = alice.events.last() else {
        panic!()
    };
    assert_eq!(message.header(HeaderName::Contact), Some(format!("<sip:carol@{CAROL}>").as_bytes()));
    alice.call(&sim, &carol);
    sim.run_for(&mut [&mut alice, &mut bob, &mut carol], seconds(1));
    assert_eq!(alice.heard.last().unwrap(), "answered 200");
}

/// RFC 3665 §3.7: the peer moves to another address; from then on requests go there.
#[test]
fn a_peer_that_moves_is_followed() {
    let mut sim = lab();
    let mut bob = Phone::new(&sim, "bob", BOB).answering();
    let (mut before, mut after) = (Raw::new("before", ALICE), Raw::new("after", "192.0.2.77:5060"));
    let request = |method: &str, cseq: u32, tag: &str, contact: &str| {
        let text = format!(
            "{method} sip:bob@{BOB} SIP/2.0\nVia: SIP/2.0/UDP {contact};branch=z9hG4bK{method}{cseq}\nMax-Forwards: 70\n\
             From: <sip:a@x>;tag=a\nTo: <sip:b@y>{tag}\nCall-ID: c\nCSeq: {cseq} {method}\nContact: <sip:a@{contact}>"
        );
        Raw::request(&text, "")
    };
    before.send(bob.at, request("INVITE", 1, "", ALICE));
    sim.run_for(&mut [&mut bob, &mut before, &mut after], millis(50));
    let session = bob.incoming();
    let tag = format!(";tag={}", bob.agent.session(session).unwrap().local_tag());
    before.send(bob.at, request("ACK", 1, &tag, ALICE));
    after.send(bob.at, request("INVITE", 2, &tag, "192.0.2.77:5060"));
    sim.run_for(&mut [&mut bob, &mut before, &mut after], millis(50));
    bob.act(&sim, |agent, now| agent.answer_offer(session, sdp("moved"), Vec::new(), now)).unwrap();
    sim.run_for(&mut [&mut bob, &mut before, &mut after], millis(50));
    after.send(bob.at, request("ACK", 2, &tag, "192.0.2.77:5060"));
    sim.run_for(&mut [&mut bob, &mut before, &mut after], millis(50));
    bob.hang_up(&sim, session);
    sim.run_for(&mut [&mut bob, &mut before, &mut after], millis(50));
    assert_eq!((before.count(&Method::Bye), after.count(&Method::Bye)), (0, 1));
}

/// RFC 3666 §2.1: a gateway sends early media in 183, then 200; the caller hears both descriptions.
#[test]
fn a_gateway_plays_early_media() {
    let mut lab = Routed::new();
    let session = lab.call();
    let callee = lab.bob.incoming();
    let early = Progress { status: 183, body: sdp("early"), ..Progress::default() };
    lab.bob.act(&lab.sim, |agent, now| agent.progress(callee, early, now)).unwrap();
    lab.run(seconds(2));
    let Some(Event::Progressed { message, .. }) = lab.alice.events.last() else { panic!() };
    assert_eq!(message.body(), b"v=0\r\ns=early\r\n");
    lab.bob.answer(&lab.sim);
    lab.run(seconds(2));
    lab.alice.hang_up(&lab.sim, session);
    lab.finish(&expect_file!["ladders/rfc3666_2_1_early_media.txt"]);
}

/// RFC 3666 §2.5 and its kin: the network's refusal reaches the caller with its cause, also after an announcement.
#[test]
fn a_gateway_refuses_with_the_cause_of_the_network() {
    let mut lab = Routed::new();
    lab.call();
    let callee = lab.bob.incoming();
    let announcement = Progress { status: 183, body: sdp("announcement"), ..Progress::default() };
    lab.bob.act(&lab.sim, |agent, now| agent.progress(callee, announcement, now)).unwrap();
    lab.run(seconds(3));
    let mut unassigned = Rejection::new(404);
    unassigned.headers.push(("Reason".into(), "Q.850;cause=1;text=\"unallocated number\"".into()));
    lab.bob.act(&lab.sim, |agent, now| agent.reject(callee, unassigned, now)).unwrap();
    lab.finish(&expect_file!["ladders/rfc3666_refused.txt"]);
    let Some(Event::Rejected { status: 404, message: Some(message), .. }) = lab.alice.events.last() else {
        panic!()
    };
    assert!(message.header(HeaderName::Reason).unwrap().starts_with(b"Q.850;cause=1"));
}
