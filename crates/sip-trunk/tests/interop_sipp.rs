//! Trunks against SIPp, as the called and as the calling side, by UDP and TCP, and several of them at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "real peers live in real time")]

mod live;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use live::{Log, PATIENCE, beside, connection, in_time, listening, local, offer};
use sip_trunk::driver::{CallError, TlsConfigs, Trunk};
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{Access, KeepAlive, Server, TrunkConfig, TrunkId};
use sip_trunk::ua::EndCause;
use telco_testkit::peer::{Scenario, Scratch, Sipp, SippRun, free_ports, installed};

/// A trunk to these servers, which are known by their address.
fn trunk(transport: Transport, servers: &[u16]) -> TrunkConfig {
    TrunkConfig {
        transport,
        servers: servers.iter().map(|port| Server { host: "127.0.0.1".into(), port: Some(*port) }).collect(),
        keep_alive: KeepAlive::Off,
        ..TrunkConfig::new(TrunkId(1), "Carrier")
    }
}

async fn connect(config: TrunkConfig) -> Trunk {
    in_time(Trunk::connect(connection(config, TlsConfigs::new()))).await.unwrap()
}

/// SIPp takes our call.
async fn calls_sipp(transport: Transport) {
    if !installed("sipp") {
        return;
    }
    let (scratch, log) = (Scratch::new("uas"), Log::start());
    let [called] = free_ports();
    let tcp = transport == Transport::Tcp;
    let answering = Sipp { tcp, ..Sipp::new("called", Scenario::Answer, local(called)) }.start(&scratch);
    if tcp {
        listening(called).await;
    }
    let trunk = connect(trunk(transport, &[called])).await;
    let call = in_time(trunk.invite("+12025550199", "+14085550100", offer())).await.unwrap();
    log.line("INFO", "trunk \"Carrier\": call is answered").await;
    in_time(call.hang_up()).await;
    beside(|| answering.succeed(PATIENCE)).await;
    in_time(trunk.close()).await;
}

#[tokio::test]
async fn sipp_takes_a_call_over_udp() {
    calls_sipp(Transport::Udp).await;
}

#[tokio::test]
async fn sipp_takes_a_call_over_tcp() {
    calls_sipp(Transport::Tcp).await;
}

/// A SIPp that places calls.
fn calling(scratch: &Scratch, name: &str, port: u16, remote: SocketAddr, calls: u32, tcp: bool) -> SippRun {
    let own = Sipp::new(name, Scenario::Call, local(port));
    Sipp { remote: Some(remote), service: "+12025550199", calls, rate: 40, tcp, ..own }.start(scratch)
}

/// SIPp calls us.
async fn sipp_calls(transport: Transport) {
    if !installed("sipp") {
        return;
    }
    let (scratch, log) = (Scratch::new("uac"), Log::start());
    let [caller] = free_ports();
    let trunk = connect(trunk(transport, &[caller])).await;
    let run = calling(&scratch, "caller", caller, trunk.listeners()[0].local, 1, transport == Transport::Tcp);
    let call = in_time(trunk.incoming()).await.unwrap();
    log.line("INFO", "trunk \"Carrier\": call comes in").await;
    let mut call = call.answer(offer()).await.unwrap();
    assert!(matches!(in_time(call.ended()).await, Some(EndCause::Bye(_))));
    log.line("INFO", "trunk \"Carrier\": call ended: the peer hung up").await;
    beside(|| run.succeed(PATIENCE)).await;
    in_time(trunk.close()).await;
}

#[tokio::test]
async fn sipp_places_a_call_over_udp() {
    sipp_calls(Transport::Udp).await;
}

#[tokio::test]
async fn sipp_places_a_call_over_tcp() {
    sipp_calls(Transport::Tcp).await;
}

const REFUSING: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="refuse">
  <recv request="INVITE"/>
  <send retrans="500"><![CDATA[

    SIP/2.0 STATUS Refused
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]r[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <recv request="ACK"/>
</scenario>"#;

/// ST-012: the first server answers 503: the caller is answered by the second, in the same call.
#[tokio::test]
async fn a_server_that_answers_503_is_passed_over() {
    if !installed("sipp") {
        return;
    }
    let (scratch, log) = (Scratch::new("uas-503"), Log::start());
    let [first, second] = free_ports();
    let scenario = REFUSING.replace("STATUS", "503");
    let refusing =
        Sipp { tcp: true, ..Sipp::new("first", Scenario::Xml(&scenario), local(first)) }.start(&scratch);
    let answering =
        Sipp { tcp: true, ..Sipp::new("second", Scenario::Answer, local(second)) }.start(&scratch);
    listening(first).await;
    listening(second).await;
    let trunk = connect(trunk(Transport::Tcp, &[first, second])).await;
    let call = in_time(trunk.invite("+12025550199", "+14085550100", offer())).await.unwrap();
    log.line("WARN", "call on trunk 1: tried, SIP 503 Service Unavailable, moved on").await;
    in_time(call.hang_up()).await;
    beside(|| [refusing, answering].into_iter().for_each(|run| run.succeed(PATIENCE))).await;
}

/// ST-011: a busy party is the end of the call, not of the server.
#[tokio::test]
async fn a_busy_party_ends_the_call() {
    if !installed("sipp") {
        return;
    }
    let (scratch, log) = (Scratch::new("uas-486"), Log::start());
    let [first, second] = free_ports();
    let scenario = REFUSING.replace("STATUS", "486");
    let busy =
        Sipp { tcp: true, ..Sipp::new("busy", Scenario::Xml(&scenario), local(first)) }.start(&scratch);
    listening(first).await;
    let trunk = connect(trunk(Transport::Tcp, &[first, second])).await;
    let error = in_time(trunk.invite("+12025550199", "+14085550100", offer())).await.unwrap_err();
    assert!(matches!(&error, CallError::Failed { status: 486, .. }), "{error}");
    log.line("INFO", "call on trunk 1: tried, ended with 486").await;
    beside(|| busy.succeed(PATIENCE)).await;
}

const REFUSED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="refused">
  <send retrans="500"><![CDATA[

    INVITE sip:+12025550199@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:+12025550100@[local_ip]>;tag=[pid]c[call_number]
    To: <sip:+12025550199@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 1 INVITE
    Contact: <sip:caller@[local_ip]:[local_port]>
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="403"/>
  <send><![CDATA[

    ACK sip:+12025550199@[remote_ip]:[remote_port] SIP/2.0
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    CSeq: 1 ACK
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
</scenario>"#;

/// ST-016: who is not in the access control list is refused, and named in the log.
#[tokio::test]
async fn a_stranger_is_refused() {
    if !installed("sipp") {
        return;
    }
    let (scratch, log) = (Scratch::new("refused"), Log::start());
    let [caller] = free_ports();
    let allow = vec!["192.0.2.0/24".parse().unwrap()];
    let access = Access { allow, ..Access::default() };
    let trunk = connect(TrunkConfig { access, ..trunk(Transport::Udp, &[9]) }).await;
    let own = Sipp::new("stranger", Scenario::Xml(REFUSED), local(caller));
    let run = Sipp { remote: Some(trunk.listeners()[0].local), ..own }.start(&scratch);
    log.line("WARN", "127.0.0.1 is in no trunk's SIP Access Control; request refused").await;
    beside(|| run.succeed(PATIENCE)).await;
}

/// Calls of each process under load.
const CALLS: u32 = 100;

/// Three processes call at 40 calls a second each, and every call is answered and ended.
#[tokio::test]
async fn three_callers_at_once() {
    if !installed("sipp") {
        return;
    }
    let (scratch, _log) = (Scratch::new("load-in"), Log::start());
    let ports: [u16; 3] = free_ports();
    let trunk = Arc::new(connect(trunk(Transport::Udp, &ports)).await);
    let remote = trunk.listeners()[0].local;
    let taking = trunk.clone();
    let taker = tokio::spawn(async move {
        while let Some(call) = taking.incoming().await {
            tokio::spawn(async move {
                let mut call = call.answer(offer()).await.expect("the call is still there");
                assert!(matches!(call.ended().await, Some(EndCause::Bye(_))));
            });
        }
    });
    let runs: Vec<SippRun> = ports
        .iter()
        .map(|port| calling(&scratch, &format!("caller-{port}"), *port, remote, CALLS, false))
        .collect();
    beside(move || runs.into_iter().for_each(|run| run.succeed(PATIENCE))).await;
    taker.abort();
}

/// Our calls to three processes, all at once.
#[tokio::test]
async fn three_called_at_once() {
    if !installed("sipp") {
        return;
    }
    let (scratch, _log) = (Scratch::new("load-out"), Log::start());
    let ports: [u16; 3] = free_ports();
    let mut trunks = Vec::new();
    let mut runs = Vec::new();
    for port in ports {
        let name = format!("called-{port}");
        runs.push(Sipp { calls: CALLS, ..Sipp::new(&name, Scenario::Answer, local(port)) }.start(&scratch));
        trunks.push(Arc::new(connect(trunk(Transport::Udp, &[port])).await));
    }
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        for trunk in &trunks {
            let trunk = trunk.clone();
            calls.spawn(async move {
                let call = trunk.invite("+12025550199", "+14085550100", offer()).await;
                call.expect("SIPp answers").hang_up().await;
            });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    in_time(async {
        while let Some(done) = calls.join_next().await {
            done.unwrap()
        }
    })
    .await;
    beside(move || runs.into_iter().for_each(|run| run.succeed(PATIENCE))).await;
}
