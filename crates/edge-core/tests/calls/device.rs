//! Devices that look closely at who calls them.

use std::time::{Duration, Instant};

use sip_trunk::Seed;
use sip_trunk::auth::{DigestServer, ProtectedRequest, Secret, ServerConfig, SourceClass, Verdict};
use sip_trunk::endpoint::Source;
use sip_trunk::header::Authorization;
use sip_trunk::msg::Message;
use sip_trunk::ua::{self, Rejection};

use edge_core::media::PlayEnd;

use crate::lab::{CARRIER_A, DEVICE, EDGE, EdgeNode, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);

/// Whether a flow's call, which carries `hello` as user data, comes through to a device that examines it.
fn is_admitted(examine: impl FnMut(&Message, &Source, Instant) -> Option<Rejection> + 'static) -> bool {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    let mut device = Peer::new(&sim, "device", DEVICE).choosing(examine);
    carrier.call(&sim, "+13175550110", None);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    edge.finish_playing(&sim, PlayEnd::Finished);
    sim.run_for(&mut [&mut edge, &mut carrier, &mut device], SECOND);
    device.events.iter().any(|event| matches!(event, ua::Event::Confirmed { .. }))
}

/// EC-031: a device may challenge, look at the address, at a token in a header of the trunk, or at a token in the user data.
#[test]
fn devices_may_examine_their_caller() {
    let refuse_unless = |proved: bool| (!proved).then(|| Rejection::new(403));
    assert!(is_admitted(challenge("let me in")));
    assert!(is_admitted(move |_, source, _| refuse_unless(source.remote == EDGE.parse().unwrap())));
    let token = |value: &'static [u8]| {
        move |message: &Message, _: &Source, _| {
            refuse_unless(message.header("CUSTOM-DEVICE-TOKEN") == Some(value))
        }
    };
    assert!(is_admitted(token(b"1234567")));
    let data = |value: &'static [u8]| {
        move |message: &Message, _: &Source, _| {
            refuse_unless(message.header("User-to-User").is_some_and(|data| data.starts_with(value)))
        }
    };
    assert!(is_admitted(data(b"0068656c6c6f")));
    for refused in
        [is_admitted(challenge("another")), is_admitted(token(b"7654321")), is_admitted(data(b"00ff"))]
    {
        assert!(!refused, "a device that wants something else refuses");
    }
}

/// A device that asks for this password (RFC 3261 §22.2).
fn challenge(password: &'static str) -> impl FnMut(&Message, &Source, Instant) -> Option<Rejection> {
    let config = ServerConfig { realm: "device.example".into(), ..ServerConfig::default() };
    let mut digest: Option<DigestServer> = None;
    move |message, source, now| {
        let digest = digest.get_or_insert_with(|| DigestServer::new(config.clone(), Seed([5; 32]), now));
        let class = SourceClass::of(source.remote.ip());
        let uri = String::from_utf8_lossy(message.request_uri().unwrap()).into_owned();
        let request = ProtectedRequest { method: "INVITE", uri: &uri, body: message.body() };
        let known = |user: &str| (user == "edge").then(|| Secret::new(password));
        let proof = message.typed::<Authorization<'_>>().and_then(Result::ok);
        let verdict = proof.map(|proof| digest.verify(&proof, &request, class, known, now));
        match verdict {
            Some(Verdict::Accepted(_)) => None,
            Some(Verdict::Refused(_)) => Some(Rejection::new(403)),
            Some(Verdict::Challenge { .. }) | None => {
                let headers = digest.challenges(class, false, now).into_iter();
                let headers = headers.map(|header| (header.name.to_string(), header.value)).collect();
                Some(Rejection { headers, ..Rejection::new(401) })
            }
        }
    }
}
