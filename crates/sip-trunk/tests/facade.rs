//! The façade between two trunks on loopback: calls both ways, refused, withdrawn, and ended with the trunk.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use sip_trunk::driver::{CallError, ConnectError, Connection, Trunk};
use sip_trunk::transport::Transport;
use sip_trunk::trunk::{Access, KeepAlive, Server, Standing, TrunkConfig, TrunkId};
use sip_trunk::ua::{Body, EndCause};

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=offer\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
const ANSWER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=answer\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work).await.expect("it happens within ten seconds")
}

fn config(server: SocketAddr) -> TrunkConfig {
    TrunkConfig {
        servers: vec![Server { host: server.ip().to_string(), port: Some(server.port()) }],
        access: Access { allow: vec!["127.0.0.1".parse().unwrap()], ..Access::default() },
        keep_alive: KeepAlive::Off,
        ..TrunkConfig::new(TrunkId(1), "Loopback")
    }
}

/// A trunk to somebody who is not there: good for calls that come in.
async fn callee() -> (Trunk, SocketAddr) {
    let listen = vec![(Transport::Udp, "127.0.0.1:0".parse().unwrap())];
    let trunk = config("127.0.0.1:9".parse().unwrap());
    let trunk = Trunk::connect(Connection { listen, ..trunk.into() }).await.unwrap();
    let address = trunk.listeners()[0].local;
    (trunk, address)
}

async fn pair() -> (Trunk, Trunk) {
    let (callee, address) = callee().await;
    (Trunk::connect(config(address)).await.unwrap(), callee)
}

#[tokio::test]
async fn a_call_is_answered_and_ended_by_the_called() {
    let (caller, callee) = pair().await;
    let taken = async {
        let call = callee.incoming().await.unwrap();
        assert_eq!((call.called().as_str(), call.caller().as_str()), ("+12025550123", "+14085550100"));
        assert_eq!(call.description(), OFFER.as_bytes());
        call.ring().await.unwrap();
        call.answer(Body::sdp(ANSWER)).await.unwrap()
    };
    let placed = caller.invite("+12025550123", "+14085550100", Body::sdp(OFFER));
    let (placed, taken) = in_time(async { tokio::join!(placed, taken) }).await;
    let mut placed = placed.unwrap();
    assert_eq!(placed.description(), ANSWER.as_bytes());
    taken.hang_up().await;
    assert!(matches!(in_time(placed.ended()).await, Some(EndCause::Bye(_))));
}

#[tokio::test]
async fn a_refusal_and_a_dropped_call_are_told_to_the_caller() {
    let (caller, callee) = pair().await;
    let statuses = async {
        let mut calls = std::pin::pin!(callee.calls());
        calls.next().await.unwrap().reject(486).await.unwrap();
        drop(calls.next().await.unwrap());
    };
    let failures = async {
        let mut failures = Vec::new();
        for _ in 0..2 {
            match caller.invite("1", "2", Body::sdp(OFFER)).await {
                Err(CallError::Failed { status, .. }) => failures.push(status),
                other => panic!("{other:?}"),
            }
        }
        failures
    };
    let ((), failures) = in_time(async { tokio::join!(statuses, failures) }).await;
    assert_eq!(failures, [486, 480]);
}

#[tokio::test]
async fn a_caller_who_gives_up_withdraws_the_call() {
    let (caller, callee) = pair().await;
    let mut placing = Box::pin(caller.invite("1", "2", Body::sdp(OFFER)));
    let waiting = in_time(async {
        tokio::select! {
            _ = &mut placing => panic!("nobody has answered"),
            call = callee.incoming() => call.unwrap(),
        }
    })
    .await;
    waiting.ring().await.unwrap();
    drop(placing);
    // The CANCEL is on its way: until it is here the call can still be answered.
    in_time(async { while waiting.ring().await.is_ok() {} }).await;
    assert!(waiting.answer(Body::sdp(ANSWER)).await.is_err());
}

#[tokio::test]
async fn closing_a_trunk_ends_its_calls() {
    let (caller, callee) = pair().await;
    let taken = async { callee.incoming().await.unwrap().answer(Body::sdp(ANSWER)).await.unwrap() };
    let placed = caller.invite("1", "2", Body::sdp(OFFER));
    let (placed, mut taken) = in_time(async { tokio::join!(placed, taken) }).await;
    let placed = placed.unwrap();
    in_time(caller.close()).await;
    assert!(matches!(in_time(taken.ended()).await, Some(EndCause::Bye(_))));
    drop(placed);
    assert_eq!(callee.standing(), Standing::Up);
}

/// A STUN server that sees everybody as 203.0.113.7:40000.
async fn stun_server() -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut request = [0; 20];
        while let Ok((20, remote)) = socket.recv_from(&mut request).await {
            let mapped =
                [0, 0x20, 0, 8, 0, 1, 0x9c ^ 0x21, 0x40 ^ 0x12, 203 ^ 0x21, 0x12, 113 ^ 0xa4, 7 ^ 0x42];
            let answer = [&[1, 1, 0, 12], &request[4..], &mapped].concat();
            socket.send_to(&answer, remote).await.unwrap();
        }
    });
    address
}

/// ST-037: a trunk with the STUN option gives the carrier its public address as Contact.
#[tokio::test]
async fn a_trunk_behind_an_address_translator_gives_its_public_address() {
    let (callee, address) = callee().await;
    let stun = Some(stun_server().await.to_string());
    let caller = Trunk::connect(Connection { stun, ..config(address).into() }).await.unwrap();
    assert_eq!(caller.public_address(), Some("203.0.113.7:40000".parse().unwrap()));
    let call = caller.invite("+12025550123", "+14085550100", Body::sdp(OFFER));
    let invite = in_time(async {
        tokio::select! {
            _ = call => panic!("nobody has answered"),
            call = callee.incoming() => call.unwrap().invite().clone(),
        }
    })
    .await;
    assert_eq!(invite.header("Contact").unwrap(), b"<sip:+14085550100@203.0.113.7:40000>");
}

#[tokio::test]
async fn what_cannot_work_is_said_at_once() {
    let empty = TrunkConfig { servers: Vec::new(), ..config("127.0.0.1:9".parse().unwrap()) };
    let listen = vec![(Transport::Udp, "127.0.0.1:0".parse().unwrap())];
    let error = Trunk::connect(Connection { listen, ..empty.into() }).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Configuration(problems) if problems.len() == 1), "{error}");
}
