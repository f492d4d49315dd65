//! Registering with a carrier, in virtual time: one registrant against a registrar that behaves in every way carriers do.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "common/registrar.rs"]
mod registrar;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_trunk::Seed;
use sip_trunk::auth::{Algorithm, Secret};
use sip_trunk::endpoint::{Endpoint, EndpointConfig, Event as Heard, Input, Io, Listener, Output as Wire};
use sip_trunk::header::{Authorization, CSeq};
use sip_trunk::msg::{HeaderName, Message};
use sip_trunk::registration::{
    Account, Cause, Output, Registrar as Hop, Registration, RegistrationConfig, State,
};
use sip_trunk::transport::{SocketId, Transport};
use telco_testkit::{Arrival, Departure, Event, Node, Sim, check_ladder, expect_file, label};

use registrar::{Mode, Registrar, seconds};

const US: &str = "192.0.2.1:5060";
const CARRIER: &str = "203.0.113.10:5060";
const SOCKET: SocketId = SocketId(0);

/// One registration over one endpoint.
struct Registrant {
    endpoint: Endpoint,
    registration: Registration,
    out: VecDeque<Departure>,
    /// Every state it reported, and when.
    states: Vec<(Instant, State)>,
}

fn config() -> RegistrationConfig {
    let registrar = Hop { host: "203.0.113.10".into(), port: None, transport: Transport::Udp };
    RegistrationConfig {
        account: Some(Account { username: "genesys".into(), password: Secret::new("secret"), realm: None }),
        ..RegistrationConfig::new(registrar, "sip:genesys@carrier.example")
    }
}

impl Registrant {
    fn new(config: RegistrationConfig, now: Instant) -> Self {
        let listener = Listener::new(SOCKET, Transport::Udp, US.parse().unwrap());
        let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
        Self {
            endpoint: Endpoint::new(endpoint, Seed([7; 32]), now),
            registration: Registration::new(config, Seed([8; 32]), now).unwrap(),
            out: VecDeque::new(),
            states: Vec::new(),
        }
    }

    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.registration.poll_output() {
                match output {
                    Output::Send(outgoing) => drop(self.endpoint.request(outgoing, now).unwrap()),
                    Output::Changed(state) => {
                        self.out.push_back(Departure::Note(state.to_string()));
                        self.states.push((now, state));
                    }
                }
            } else if let Some(output) = self.endpoint.poll_output() {
                match output {
                    Wire::Io(Io::Datagram { remote, bytes, .. }) => {
                        let from = US.parse().unwrap();
                        self.out.push_back(Departure::Datagram { from, to: remote, body: bytes.to_vec() });
                    }
                    Wire::Event(Heard::Response { message, source, .. }) => {
                        self.registration.handle_response(&message, &source, now);
                    }
                    Wire::Event(Heard::Failed { failure, .. }) => {
                        self.registration.handle_failure(&failure, now);
                    }
                    other @ (Wire::Io(_) | Wire::Event(_)) => panic!("{other:?}"),
                }
            } else {
                return;
            }
        }
    }

    fn state(&self) -> &State {
        self.registration.state()
    }

    fn cause(&self) -> &Cause {
        let State::Unregistered { cause } = self.state() else { panic!("{}", self.state()) };
        cause
    }
}

impl Node for Registrant {
    fn name(&self) -> &str {
        "trunk"
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![US.parse().unwrap()]
    }

    fn handle_input(&mut self, arrival: Arrival, now: Instant) {
        let Event::Datagram(body) = arrival.event else { return };
        let input = Input::Datagram { socket: SOCKET, remote: arrival.from, bytes: body.into() };
        self.endpoint.handle_input(input, now);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.registration.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<Instant> {
        let mine = self.registration.next_timeout().map(|deadline| deadline.at);
        mine.into_iter().chain(self.endpoint.next_timeout().map(|deadline| deadline.at)).min()
    }
}

/// A registrant and a carrier, ten milliseconds apart, run for `span`.
fn run(
    config: RegistrationConfig,
    prepare: impl Fn(&mut Registrar),
    span: u64,
) -> (Sim, Registrant, Registrar) {
    let sim = Sim::new(3).with_label(label::sip);
    let mut trunk = Registrant::new(config, sim.now());
    trunk.settle(sim.now());
    let mut carrier = Registrar::new("carrier", CARRIER, Algorithm::SHA256, sim.now());
    prepare(&mut carrier);
    let mut bench = (sim, trunk, carrier);
    go(&mut bench, span);
    bench
}

fn go((sim, trunk, carrier): &mut (Sim, Registrant, Registrar), span: u64) {
    sim.run_for(&mut [trunk, carrier], Duration::from_secs(span));
}

fn header(message: &Message, name: HeaderName) -> String {
    String::from_utf8(message.header(name).unwrap_or_default().to_vec()).unwrap()
}

/// ST-003, ST-004: REGISTER is challenged, answered with digest, and refreshed; RFC 3665 §2.1.
#[test]
fn a_registration_is_challenged_answered_and_refreshed() {
    let (sim, trunk, carrier) = run(config(), |_| {}, 200);
    assert_eq!(*trunk.state(), State::Registered);
    check_ladder(&sim, &expect_file!["ladders/registration.txt"]);
    let [first, second, third] = &carrier.seen[..3] else { panic!() };
    assert_eq!(header(&first.1, HeaderName::To), "<sip:genesys@carrier.example>");
    assert_eq!(first.1.request_uri().unwrap(), b"sip:203.0.113.10");
    let call_ids: Vec<String> = carrier.seen.iter().map(|(_, m)| header(m, HeaderName::CallId)).collect();
    assert!(call_ids.iter().all(|id| *id == call_ids[0]), "RFC 3261 §10.2: one Call-ID");
    let cseq = |message: &Message| message.typed::<CSeq<'_>>().unwrap().unwrap().number;
    assert_eq!((cseq(&second.1), cseq(&third.1)), (cseq(&first.1) + 1, cseq(&first.1) + 2));
    let credentials = third.1.typed::<Authorization<'_>>().unwrap().unwrap();
    assert_eq!(credentials.protection.map(|(_, count)| count), Some(2), "the known nonce saves a round trip");
    assert_eq!(carrier.bound.len(), 3, "refreshed after 64 to 75 seconds although an hour was granted");
}

/// ST-003: a short lifetime is refreshed well before it ends, and never all trunks in one instant.
#[test]
fn a_registration_is_refreshed_before_it_expires() {
    for granted in [30, 60, 90] {
        let (_, _, carrier) = run(config(), |carrier| carrier.mode = Mode::Digest { granted }, 600);
        let times: Vec<Instant> = carrier.bound.iter().map(|(at, _)| *at).collect();
        let gaps: Vec<u64> = times.windows(2).map(|pair| seconds(pair[0], pair[1])).collect();
        assert!(gaps.len() > 5 && gaps.iter().all(|gap| *gap < granted), "{granted}: {gaps:?}");
        assert!(gaps.iter().max() > gaps.iter().min() || granted == 30, "{gaps:?}");
    }
}

/// ST-004: wrong credentials leave the trunk unregistered, with the status and what to check; and are not tried in haste.
#[test]
fn a_wrong_password_is_diagnosed() {
    let mut bench = run(config(), |carrier| carrier.password = "other", 20);
    assert_eq!(
        bench.1.state().to_string(),
        "Unregistered: SIP 401 Unauthorized: the registrar refuses the credentials; check user \"genesys\", its \
         password, SIP URI sip:genesys@carrier.example and realm \"carrier\""
    );
    check_ladder(&bench.0, &expect_file!["ladders/registration_wrong_password.txt"]);
    assert_eq!(bench.2.seen.len(), 2, "ES-24: answered once, and not again with the same password");
    go(&mut bench, 3600);
    assert!((8..=24).contains(&bench.2.seen.len()), "{} requests in an hour", bench.2.seen.len());
    bench.2.password = "secret";
    go(&mut bench, 1801);
    assert_eq!(*bench.1.state(), State::Registered);
}

/// ES-24: a realm that is not the configured one gets no answer.
#[test]
fn a_foreign_realm_is_not_answered() {
    let mut config = config();
    config.account.as_mut().unwrap().realm = Some("carrier.example".into());
    let (_, trunk, carrier) = run(config, |_| {}, 5);
    assert_eq!(carrier.seen.len(), 1);
    assert!(trunk.state().to_string().contains("challenged for realm \"carrier\""), "{}", trunk.state());
}

/// RFC 3261 §10.2.8: too brief a lifetime is made longer.
#[test]
fn an_interval_too_brief_is_lengthened() {
    let prepare = |carrier: &mut Registrar| carrier.min_expires = 7200;
    let (_, trunk, carrier) = run(config(), prepare, 5);
    assert_eq!(*trunk.state(), State::Registered);
    let asked: Vec<String> = carrier.seen.iter().map(|(_, m)| header(m, HeaderName::Expires)).collect();
    assert_eq!(asked, ["3600", "7200", "7200"]);
}

/// ST-010: whatever way a registration is lost, it is noticed within two minutes.
#[test]
fn a_lost_registration_is_noticed_within_two_minutes() {
    let healthy = Mode::Digest { granted: 3600 };
    for (name, mode, password) in [
        ("silent", Mode::Silent, "secret"),
        ("password removed", healthy, "changed"),
        ("refused", Mode::Status(503, String::new()), "secret"),
    ] {
        for after in [1, 30, 61, 100, 170] {
            let mut bench = run(config(), |_| {}, after);
            assert_eq!(*bench.1.state(), State::Registered);
            let lost = bench.0.now();
            (bench.2.mode, bench.2.password) = (mode.clone(), password);
            go(&mut bench, 120);
            assert!(!bench.1.state().is_registered(), "{name}: not noticed two minutes later");
            let (noticed, _) = bench.1.states.iter().find(|(at, _)| *at > lost).unwrap();
            assert!(seconds(lost, *noticed) <= 120, "{name}: {} s", seconds(lost, *noticed));
        }
    }
}

/// A registrar that comes back is found again, without a crowd at its door.
#[test]
fn a_silent_registrar_is_asked_less_and_less_often_and_found_again() {
    let mut bench = run(config(), |carrier| carrier.mode = Mode::Silent, 3600);
    assert_eq!(
        bench.1.state().to_string(),
        "Unregistered: no answer from 203.0.113.10 (SIP 408 Request Timeout); check address, port, transport and firewall"
    );
    let mut calls: Vec<u32> =
        bench.2.seen.iter().map(|(_, m)| m.typed::<CSeq<'_>>().unwrap().unwrap().number).collect();
    calls.dedup();
    assert!((12..=30).contains(&calls.len()), "{} attempts in an hour", calls.len());
    bench.2.mode = Mode::Digest { granted: 3600 };
    let back = bench.0.now();
    go(&mut bench, 335);
    let (found, state) = bench.1.states.last().unwrap();
    assert_eq!(*state, State::Registered);
    assert!(seconds(back, *found) <= 333);
}

/// Every refusal is reported with status and advice, and Retry-After is kept.
#[test]
fn refusals_are_told_apart() {
    for (status, headers, says, next) in [
        (403, "", "SIP 403 Forbidden: the account is blocked", 30..=61),
        (404, "", "SIP 404 Not Found: the registrar does not know this address of record", 30..=61),
        (405, "", "SIP 405 Method Not Allowed: this server is no registrar", 30..=61),
        (503, "", "SIP 503 Service Unavailable: the registrar has a problem", 10..=21),
        (503, "Retry-After: 300 (maintenance)\n", "SIP 503 Service Unavailable", 300..=302),
        (
            302,
            "Contact: <mailto:a@b>\n",
            "SIP 302 Moved Temporarily: the registrar sends us elsewhere",
            30..=61,
        ),
    ] {
        let prepare = |carrier: &mut Registrar| carrier.mode = Mode::Status(status, headers.to_owned());
        let (_, trunk, carrier) = run(config(), prepare, 320);
        let (_, first) = trunk.states.first().unwrap();
        assert!(first.to_string().starts_with(&format!("Unregistered: {says}")), "{first}");
        let gap = seconds(carrier.seen[0].0, carrier.seen[1].0);
        assert!(next.contains(&gap), "{status}: again after {gap} s");
    }
}

/// RFC 3261 §8.1.3.4: a redirection is followed, but the credentials stay with the configured registrar (ES-24).
#[test]
fn a_redirection_is_followed_without_credentials() {
    let sim = Sim::new(3).with_label(label::sip);
    let mut trunk = Registrant::new(config(), sim.now());
    trunk.settle(sim.now());
    let mut carrier = Registrar::new("carrier", CARRIER, Algorithm::MD5, sim.now());
    carrier.mode = Mode::Status(302, "Contact: <sip:203.0.113.99>\n".into());
    let mut other = Registrar::new("other", "203.0.113.99:5060", Algorithm::MD5, sim.now());
    let mut sim = sim;
    sim.run_for(&mut [&mut trunk, &mut carrier, &mut other], Duration::from_secs(2));
    assert!(other.seen.iter().all(|(_, register)| register.typed::<Authorization<'_>>().is_none()));
    assert!(trunk.cause().to_string().contains("check where the request was routed"), "{}", trunk.cause());
    other.mode = Mode::Open { granted: 60 };
    sim.run_for(&mut [&mut trunk, &mut carrier, &mut other], Duration::from_secs(62));
    assert_eq!(*trunk.state(), State::Registered);
}

/// RFC 3608, RFC 7315: what the registrar says about the way calls take is kept.
#[test]
fn service_routes_and_associated_uris_are_kept() {
    let prepare = |carrier: &mut Registrar| {
        carrier.extra = "Service-Route: <sip:p1.carrier.example;lr>, <sip:p2.carrier.example;lr>\n\
                         P-Associated-URI: <sip:+12025550100@carrier.example>";
    };
    let (_, trunk, _) = run(config(), prepare, 2);
    let binding = trunk.registration.binding().unwrap();
    assert_eq!(binding.service_route, ["<sip:p1.carrier.example;lr>", "<sip:p2.carrier.example;lr>"]);
    assert_eq!(binding.associated, ["<sip:+12025550100@carrier.example>"]);
    assert_eq!(binding.source.remote, CARRIER.parse().unwrap());
}

/// RFC 5626 §4.2, §11.6: the flow is named, until the first hop says that it cannot.
#[test]
fn outbound_is_asked_for_and_given_up() {
    let mut config = config();
    config.outbound = Some(("urn:uuid:00000000-0000-1000-8000-000A95A0E128".into(), 1));
    let (_, _, carrier) = run(config.clone(), |_| {}, 2);
    let contact = header(&carrier.seen[0].1, HeaderName::Contact);
    assert!(
        contact.ends_with(";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1"),
        "{contact}"
    );
    let mut bench = run(config, |carrier| carrier.mode = Mode::Status(439, String::new()), 1);
    assert_eq!(bench.2.seen.len(), 2);
    assert!(!header(&bench.2.seen[1].1, HeaderName::Contact).contains("reg-id"));
    bench.2.mode = Mode::Open { granted: 60 };
    go(&mut bench, 61);
    assert_eq!(*bench.1.state(), State::Registered);
}

/// A registrar that answers 200 and keeps nothing has not registered us.
#[test]
fn an_answer_without_a_binding_is_none() {
    let (_, trunk, _) = run(config(), |carrier| carrier.mode = Mode::Open { granted: 0 }, 5);
    assert!(trunk.registration.binding().is_some(), "no list of contacts: what was asked for holds");
    let prepare = |carrier: &mut Registrar| {
        carrier.mode = Mode::Open { granted: 0 };
        carrier.extra = "Expires: 0";
    };
    let (_, trunk, _) = run(config(), prepare, 5);
    assert_eq!(*trunk.cause(), Cause::NotBound);
}

/// ST-039: what leaves service is unregistered.
#[test]
fn a_registration_is_withdrawn() {
    let mut bench = run(config(), |_| {}, 5);
    let now = bench.0.now();
    bench.1.registration.withdraw(now);
    bench.1.settle(now);
    go(&mut bench, 600);
    assert_eq!(*bench.1.cause(), Cause::Withdrawn);
    let last = &bench.2.seen.last().unwrap().1;
    assert_eq!(header(last, HeaderName::Expires), "0");
    assert_eq!(bench.2.seen.len(), 3, "and nothing is sent afterwards");
}

/// A change of the network makes every binding anew, at once.
#[test]
fn a_change_of_the_network_registers_again() {
    let mut bench = run(config(), |_| {}, 5);
    let before = bench.2.bound.len();
    let now = bench.0.now();
    bench.1.registration.check_now(now);
    go(&mut bench, 2);
    assert_eq!(bench.2.bound.len(), before + 1);
    assert_eq!(*bench.1.state(), State::Registered);
}
