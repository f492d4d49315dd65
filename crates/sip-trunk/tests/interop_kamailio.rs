//! Trunks against Kamailio as the carrier: registration by every transport and algorithm, refusals, bad certificates, calls both
//! ways, and a carrier that dies and comes back. Each with the line the operator finds in the log.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "real peers live in real time")]

mod live;

use std::time::Instant;

use live::{
    Log, PASSWORD, PATIENCE, Pki, REALM, Reader, USER, beside, connection, in_time, local, offer,
    peers_are_here, registering, settings,
};
use sip_trunk::agent::{AgentConfig, Event, Route, TrunkAgent};
use sip_trunk::auth::Secret;
use sip_trunk::driver::{
    ConnectError, Driver, Events, Handle, SocketOptions, Sockets, TlsConfigs, Trunk, system_seed,
};
use sip_trunk::endpoint::{EndpointConfig, Listener};
use sip_trunk::group::{Member, Recovery, TrunkGroupConfig};
use sip_trunk::registration::Cause;
use sip_trunk::transport::{SocketId, Transport};
use sip_trunk::trunk::{OutboundCall, Reason, Standing, TrunkConfig, TrunkId};
use sip_trunk::ua::{EndCause, UaConfig};
use telco_testkit::peer::{Carrier, Kamailio, Scenario, Scratch, Sipp, free_ports};

fn carrier(port: u16) -> Carrier {
    let accounts = vec![(USER.into(), PASSWORD.into())];
    Carrier { port, realm: REALM.into(), accounts, ..Carrier::default() }
}

/// Registers by one transport, and takes the registration back.
async fn registers(transport: Transport, sha256: bool) {
    if !peers_are_here() {
        return;
    }
    let (scratch, log, pki) = (Scratch::new("register"), Log::start(), Pki::new());
    let [plain, secure] = free_ports();
    let (tls, _) = pki.carrier(&scratch, secure, 2050);
    let configuration = Carrier { tls: Some(tls), sha256, ..carrier(plain) };
    let mut kamailio = Kamailio::carrier(&scratch, &configuration);
    let port = if transport == Transport::Tls { secure } else { plain };
    let config = registering(1, "Carrier", transport, port);
    let trunk = in_time(Trunk::connect(connection(config, pki.ours()))).await.unwrap();
    assert_eq!(trunk.standing(), Standing::Up);
    log.line("INFO", &format!("Registered aor=\"sip:{USER}@{REALM}\" registrar=\"{REALM}\"")).await;
    log.line("INFO", "trunk \"Carrier\" is up").await;
    // The wire shows the algorithm and not the proof of the password.
    let algorithm = if sha256 { "algorithm=SHA-256" } else { "algorithm=MD5" };
    assert!(log.text().contains(algorithm), "{algorithm}");
    assert!(log.text().contains("response=\"***\""));
    let protocol = transport.as_str().to_lowercase();
    kamailio.program.wait_until("the registration", PATIENCE, |log| {
        log.contains(&format!("registered {USER}")) && log.contains(&format!("from {protocol}:127.0.0.1"))
    });
    in_time(trunk.close()).await;
    log.line("INFO", "Unregistered: withdrawn").await;
}

/// ST-003, ST-005: MD5 over UDP.
#[tokio::test]
async fn registers_over_udp_with_md5() {
    registers(Transport::Udp, false).await;
}

/// ST-003, ST-005: SHA-256 over UDP.
#[tokio::test]
async fn registers_over_udp_with_sha_256() {
    registers(Transport::Udp, true).await;
}

/// ST-001, ST-003: MD5 over TCP.
#[tokio::test]
async fn registers_over_tcp_with_md5() {
    registers(Transport::Tcp, false).await;
}

/// ST-001, ST-005: SHA-256 over TCP.
#[tokio::test]
async fn registers_over_tcp_with_sha_256() {
    registers(Transport::Tcp, true).await;
}

/// ST-001, ST-003: MD5 over TLS.
#[tokio::test]
async fn registers_over_tls_with_md5() {
    registers(Transport::Tls, false).await;
}

/// ST-001, ST-005: SHA-256 over TLS.
#[tokio::test]
async fn registers_over_tls_with_sha_256() {
    registers(Transport::Tls, true).await;
}

/// ST-004: a wrong password leaves the trunk unregistered, and the log names what to check.
#[tokio::test]
async fn a_wrong_password_is_diagnosed() {
    if !peers_are_here() {
        return;
    }
    let (scratch, log) = (Scratch::new("password"), Log::start());
    let [port] = free_ports();
    let _kamailio = Kamailio::carrier(&scratch, &carrier(port));
    let mut config = registering(1, "Carrier", Transport::Udp, port);
    config.registrations[0].account.as_mut().unwrap().password = Secret::new("wrong");
    let error = in_time(Trunk::connect(connection(config, TlsConfigs::new()))).await.unwrap_err();
    let ConnectError::Down(Standing::Down(Reason::Unregistered(cause))) = error else { panic!("{error}") };
    assert_eq!(cause.status(), Some(401));
    log.line(
        "WARN",
        "Unregistered: SIP 401 Unauthorized: the registrar refuses the credentials; check user \"genesys\", its \
         password, SIP URI sip:genesys@carrier.example and realm \"carrier.example\"",
    )
    .await;
}

/// ST-008: an expired certificate is surfaced with its cause, and the certificate is at hand.
#[tokio::test]
async fn an_expired_certificate_is_surfaced() {
    if !peers_are_here() {
        return;
    }
    let (scratch, log, pki) = (Scratch::new("expired"), Log::start(), Pki::new());
    let [plain, secure] = free_ports();
    let (tls, certificate) = pki.carrier(&scratch, secure, 2021);
    let _kamailio = Kamailio::carrier(&scratch, &Carrier { tls: Some(tls), ..carrier(plain) });
    let config = registering(1, "Carrier", Transport::Tls, secure);
    let error = in_time(Trunk::connect(connection(config, pki.ours()))).await.unwrap_err();
    let ConnectError::Down(Standing::Down(Reason::Unregistered(Cause::Tls(fault)))) = error else {
        panic!("{error}")
    };
    assert_eq!(fault.certificate.as_deref(), Some(&certificate[..]));
    log.line("WARN", "Unregistered: TLS Handshake Error: invalid peer certificate: certificate expired")
        .await;
    log.line("WARN", "trunk \"Carrier\" is down, unregistered: TLS Handshake Error").await;
}

/// A call out through the carrier, which challenges it, to a SIPp that answers.
async fn calls_out(transport: Transport) {
    if !peers_are_here() {
        return;
    }
    let (scratch, log, pki) = (Scratch::new("out"), Log::start(), Pki::new());
    let [plain, secure, called] = free_ports();
    let (tls, _) = pki.carrier(&scratch, secure, 2050);
    let outside = Some(local(called));
    let configuration = Carrier { tls: Some(tls), outside, challenge_invites: true, ..carrier(plain) };
    let _kamailio = Kamailio::carrier(&scratch, &configuration);
    let answering = Sipp::new("called", Scenario::Answer, local(called)).start(&scratch);
    let port = if transport == Transport::Tls { secure } else { plain };
    let config = registering(1, "Carrier", transport, port);
    let trunk = in_time(Trunk::connect(connection(config, pki.ours()))).await.unwrap();
    let call = in_time(trunk.invite("+12025550199", "+14085550100", offer())).await.unwrap();
    assert!(call.description().starts_with(b"v=0"));
    log.line("INFO", "trunk \"Carrier\": call is answered").await;
    assert!(log.text().contains("Proxy-Authorization: Digest"));
    in_time(call.hang_up()).await;
    log.line("INFO", "trunk \"Carrier\": call ended: we hung up").await;
    beside(|| answering.succeed(PATIENCE)).await;
    in_time(trunk.close()).await;
}

/// ST-020: a challenged call over UDP.
#[tokio::test]
async fn calls_out_over_udp() {
    calls_out(Transport::Udp).await;
}

#[tokio::test]
async fn calls_out_over_tcp() {
    calls_out(Transport::Tcp).await;
}

/// ST-001: signalling over TLS to the carrier, which goes on by UDP.
#[tokio::test]
async fn calls_out_over_tls() {
    calls_out(Transport::Tls).await;
}

/// A call of a SIPp, which the carrier delivers to the registered contact.
async fn calls_come_in(transport: Transport) {
    if !peers_are_here() {
        return;
    }
    let (scratch, log, pki) = (Scratch::new("in"), Log::start(), Pki::new());
    let [plain, secure, caller] = free_ports();
    let (tls, _) = pki.carrier(&scratch, secure, 2050);
    let numbers = vec![("+1202".into(), USER.into())];
    let kamailio = Kamailio::carrier(&scratch, &Carrier { tls: Some(tls), numbers, ..carrier(plain) });
    let port = if transport == Transport::Tls { secure } else { plain };
    let config = registering(1, "Carrier", transport, port);
    let trunk = in_time(Trunk::connect(connection(config, pki.ours()))).await.unwrap();
    let remote = Some(kamailio.address);
    let calling =
        Sipp { remote, service: "+12025550199", ..Sipp::new("caller", Scenario::Call, local(caller)) };
    let calling = calling.start(&scratch);
    let call = in_time(trunk.incoming()).await.unwrap();
    log.line("INFO", "trunk \"Carrier\": call comes in").await;
    assert_eq!((call.called().as_str(), call.caller().as_str()), ("+12025550199", "+12025550100"));
    call.ring().await.unwrap();
    let mut call = call.answer(offer()).await.unwrap();
    assert!(matches!(in_time(call.ended()).await, Some(EndCause::Bye(_))));
    log.line("INFO", "trunk \"Carrier\": call ended: the peer hung up").await;
    beside(|| calling.succeed(PATIENCE)).await;
    in_time(trunk.close()).await;
}

#[tokio::test]
async fn calls_come_in_over_udp() {
    calls_come_in(Transport::Udp).await;
}

/// ST-001: inbound calls are taken on any listening transport.
#[tokio::test]
async fn calls_come_in_over_tcp() {
    calls_come_in(Transport::Tcp).await;
}

#[tokio::test]
async fn calls_come_in_over_tls() {
    calls_come_in(Transport::Tls).await;
}

/// Two carriers in one group, and what happens.
struct Site {
    handle: Handle<TrunkAgent>,
    events: Events<Event>,
}

impl Site {
    async fn start(trunks: Vec<TrunkConfig>, recovery: Recovery) -> Self {
        let listener = Listener::new(SocketId(0), Transport::Tcp, local(0));
        let sockets = Sockets::bind(vec![listener], SocketOptions::default()).unwrap();
        let endpoint =
            EndpointConfig { listeners: sockets.listeners().to_vec(), ..EndpointConfig::default() };
        let config =
            AgentConfig { ua: UaConfig { endpoint, ..UaConfig::default() }, ..AgentConfig::default() };
        let agent = TrunkAgent::new(config, system_seed().unwrap(), Instant::now());
        let (driver, handle, events) = Driver::new(agent, sockets, settings(TlsConfigs::new()));
        tokio::spawn(driver.run());
        let members =
            trunks.iter().zip(1..).map(|(trunk, priority)| Member { trunk: trunk.id, priority }).collect();
        let group = TrunkGroupConfig { name: "Outbound".into(), members, recovery };
        let problems = handle.call(move |agent, now| agent.apply(trunks, vec![group], now)).await.unwrap();
        assert_eq!(problems, []);
        Self { handle, events }
    }

    /// Calls through the group, hangs up, waits until the called side knows, and says which trunk carried the call and what was considered.
    async fn call(&mut self, log: &Reader) -> (TrunkId, Vec<String>) {
        let call = OutboundCall {
            called: "+12025550199".into(),
            caller_number: Some("+14085550100".into()),
            body: Some(offer()),
            ..OutboundCall::default()
        };
        let route = Route::Group("Outbound".into());
        self.handle.call(move |agent, now| agent.call(call, route, now)).await.unwrap();
        let outcome = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if let Event::Answered { trunk, session, explanation, .. } = event {
                    return (trunk, session, explanation);
                }
                assert!(!matches!(event, Event::Failed { .. }), "{event:?}");
            }
        };
        let (trunk, session, explanation) = in_time(outcome).await;
        let hang_up =
            self.handle.call(move |agent, now| agent.command(now, |ua| ua.hang_up(session, None, now)));
        let before = log.count("CSeq: 2 BYE");
        hang_up.await.unwrap().unwrap();
        log.until("BYE and its answer", |log| log.count("CSeq: 2 BYE") == before + 2).await;
        (trunk, explanation.iter().map(ToString::to_string).collect())
    }
}

async fn both_registered(log: &Reader) {
    log.line("INFO", "trunk \"First\" is up").await;
    log.line("INFO", "trunk \"Second\" is up").await;
}

/// ST-011, ST-013, ST-015: the carrier is killed, its registration is lost, calls take the second carrier; it comes back, and with
/// it the calls.
#[tokio::test]
async fn a_carrier_that_dies_is_replaced_and_taken_back() {
    if !peers_are_here() {
        return;
    }
    let (scratch, log) = (Scratch::new("failover"), Log::start());
    let [first, second, called] = free_ports();
    let configuration = |port| Carrier { outside: Some(local(called)), ..carrier(port) };
    let mut primary = Kamailio::carrier(&scratch, &configuration(first));
    let _backup = Kamailio::carrier(&scratch, &configuration(second));
    let answering = Sipp { calls: 3, ..Sipp::new("called", Scenario::Answer, local(called)) }.start(&scratch);
    let trunks = vec![
        registering(1, "First", Transport::Tcp, first),
        registering(2, "Second", Transport::Tcp, second),
    ];
    let mut site = Site::start(trunks, Recovery::OnSuccess).await;
    both_registered(&log).await;
    assert_eq!(site.call(&log).await.0, TrunkId(1));

    primary.program.kill();
    log.line("WARN", "Unregistered: carrier.example cannot be reached: Connection refused").await;
    log.line("WARN", "trunk \"First\" is down, unregistered: carrier.example cannot be reached").await;
    log.line("WARN", "trunk group \"Outbound\" moves from trunk 1 to trunk 2: unregistered").await;
    let (trunk, explanation) = site.call(&log).await;
    assert_eq!(trunk, TrunkId(2), "{explanation:?}");

    log.mark();
    let _primary = Kamailio::carrier(&scratch, &configuration(first));
    let back =
        "trunk group \"Outbound\" moves from trunk 2 to trunk 1: a member of higher priority works again";
    log.line("WARN", back).await;
    assert_eq!(site.call(&log).await.0, TrunkId(1));
    beside(|| answering.succeed(PATIENCE)).await;
    site.handle.stop().await;
}

/// ST-012: the first carrier answers 503: the same call goes to the second one.
#[tokio::test]
async fn a_call_refused_with_503_takes_the_second_carrier() {
    if !peers_are_here() {
        return;
    }
    let (scratch, log) = (Scratch::new("503"), Log::start());
    let [first, second, called] = free_ports();
    let _primary = Kamailio::carrier(&scratch, &Carrier { refuse: Some(503), ..carrier(first) });
    let _backup = Kamailio::carrier(&scratch, &Carrier { outside: Some(local(called)), ..carrier(second) });
    let answering = Sipp::new("called", Scenario::Answer, local(called)).start(&scratch);
    let trunks = vec![
        registering(1, "First", Transport::Tcp, first),
        registering(2, "Second", Transport::Tcp, second),
    ];
    let mut site = Site::start(trunks, Recovery::OnSuccess).await;
    both_registered(&log).await;
    let (trunk, explanation) = site.call(&log).await;
    assert_eq!(trunk, TrunkId(2));
    assert_eq!(explanation, ["trunk 1: tried, SIP 503 Service Unavailable, moved on", "trunk 2: chosen"]);
    log.line("WARN", "call on trunk 1: tried, SIP 503 Service Unavailable, moved on").await;
    beside(|| answering.succeed(PATIENCE)).await;
    site.handle.stop().await;
}
