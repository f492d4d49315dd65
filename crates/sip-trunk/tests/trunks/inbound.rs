//! Which trunk a call that comes in belongs to, and whether it may.

use sip_trunk::endpoint::{ContactSpec, Destination, Source};
use sip_trunk::group::Recovery;
use sip_trunk::msg::Message;
use sip_trunk::transport::{Path, SocketId, TlsPeer, Transport};
use sip_trunk::trunk::{Access, Inbound, Matched, MatchedBy, TrunkConfig, TrunkId, Unmatched, identify};
use sip_trunk::ua::{Body, Invite};
use telco_testkit::check_all;

use crate::bench::{A, B, Bench, FAILOVER, PRIMARY, both_registering, registering};
use crate::edge::EDGE;

const DOMAIN: &str = "byoc.mypurecloud.com";

fn invite(uri: &str, headers: &str) -> Message {
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK1\r\nFrom: <sip:trusted@203.0.113.10>;tag=1\r\n\
         To: <{uri}>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    Message::from_datagram(text).unwrap()
}

fn source(address: &str, transport: Transport, names: &[&str]) -> Source {
    let remote = format!("{address}:5060").parse().unwrap();
    let tls = TlsPeer { names: names.iter().map(|name| (*name).to_owned()).collect(), ..TlsPeer::default() };
    Source {
        path: Path::Datagram { socket: SocketId(0), remote },
        transport,
        remote,
        local: EDGE.parse().unwrap(),
        listener: Some(SocketId(0)),
        tls: transport.is_secure().then(|| tls.into()),
    }
}

fn find(trunks: &[TrunkConfig], message: &Message, source: &Source) -> Result<Matched, Unmatched> {
    identify(trunks.iter(), &[DOMAIN.to_owned()], message, source)
}

/// A trunk open to the given networks.
fn open(id: u64, termination: &str, allow: &[&str]) -> TrunkConfig {
    let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
    TrunkConfig {
        termination: Some(termination.into()),
        access: Access { allow, ..Access::default() },
        ..TrunkConfig::new(TrunkId(id), termination)
    }
}

/// ST-016, ST-017: single addresses and ranges are allowed; everybody else is refused, and denied ones always.
#[test]
fn access_control_takes_addresses_and_ranges() {
    let mut trunk = open(1, "acme", &["203.0.113.10", "198.51.100.0/24", "2001:db8::/32"]);
    trunk.access.deny = vec!["198.51.100.66".parse().unwrap()];
    let call = invite("sip:+12025550100@acme.byoc.mypurecloud.com", "");
    check_all(
        [
            ("203.0.113.10", true),
            ("203.0.113.11", false),
            ("198.51.100.1", true),
            ("198.51.100.66", false),
            ("[2001:db8::7]", true),
            ("[2001:db9::7]", false),
        ],
        |from| find(std::slice::from_ref(&trunk), &call, &source(from, Transport::Udp, &[])).is_ok(),
    );
    let refused = find(std::slice::from_ref(&trunk), &call, &source("198.51.100.66", Transport::Udp, &[]));
    let refused = refused.unwrap_err();
    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.to_string(),
        "198.51.100.66 is denied by the SIP Access Control of trunk \"acme\"; request refused"
    );
}

/// ST-018: the termination identifier in the host selects the trunk.
#[test]
fn the_termination_identifier_selects_the_trunk() {
    let trunks = [open(1, "acme", &["0.0.0.0/0"]), open(2, "redsky", &["0.0.0.0/0"])];
    let from = source("203.0.113.10", Transport::Udp, &[]);
    let found = |uri: &str| find(&trunks, &invite(uri, ""), &from);
    let by = |trunk, by| Ok(Matched { trunk: TrunkId(trunk), by });
    assert_eq!(found("sip:+1202@acme.byoc.mypurecloud.com"), by(1, MatchedBy::Host));
    assert_eq!(found("sip:+1202@RedSky.BYOC.mypurecloud.com.:5061;transport=tls"), by(2, MatchedBy::Host));
    assert_eq!(found("sip:+1202@acme"), by(1, MatchedBy::Host));
    assert_eq!(
        found("sip:+1202;tgrp=redsky;trunk-context=byoc.mypurecloud.com@192.0.2.1"),
        by(2, MatchedBy::TrunkGroup)
    );
    assert!(matches!(found("sip:+1202@192.0.2.1"), Err(Unmatched::Ambiguous { .. })));
}

/// ST-018, ST-019: an identifier no trunk has is refused with 404, and the log says what to correct.
#[test]
fn an_unknown_termination_identifier_is_diagnosed() {
    let trunks = [open(1, "acme", &["203.0.113.0/24"])];
    let call = invite("sip:+12025550100@akme.byoc.mypurecloud.com", "");
    let refused = find(&trunks, &call, &source("203.0.113.10", Transport::Udp, &[])).unwrap_err();
    assert_eq!(refused.status(), 404);
    assert_eq!(
        refused.to_string(),
        "no trunk has the inbound SIP termination identifier \"akme\"; check it at the trunk and at the carrier"
    );
    let stranger = find(&trunks, &call, &source("192.0.2.99", Transport::Udp, &[])).unwrap_err();
    assert_eq!(stranger.status(), 403, "strangers do not learn which identifiers exist");
}

#[test]
fn a_header_or_the_called_number_selects_the_trunk() {
    let mut trunks = [open(1, "acme", &["0.0.0.0/0"]), open(2, "verizon", &["0.0.0.0/0"])];
    trunks[0].inbound = Inbound { by_number: true, header: None };
    trunks[0].numbers = vec!["+12025550100-+12025550199".parse().unwrap()];
    trunks[1].inbound = Inbound { by_number: false, header: Some("X-Termination".into()) };
    let from = source("203.0.113.10", Transport::Udp, &[]);
    let found = |uri: &str, headers: &str| {
        find(&trunks, &invite(uri, headers), &from).map(|matched| (matched.trunk.0, matched.by))
    };
    assert_eq!(found("sip:+12025550150@192.0.2.1", ""), Ok((1, MatchedBy::Number)));
    assert_eq!(found("sip:+19995550150@192.0.2.1", "X-Termination: Verizon\r\n"), Ok((2, MatchedBy::Header)));
    assert!(found("sip:+19995550150@192.0.2.1", "").is_err());
}

/// ES-26: only address, transport and certificate decide; whatever a sender writes into From, Via or Contact does not.
#[test]
fn a_trunk_is_found_by_who_sends_and_never_by_what_they_claim() {
    let mut tls = open(1, "acme", &["203.0.113.10"]);
    tls.access.transports = vec![Transport::Tls];
    tls.access.certificate_names = vec!["sip.carrier.example".into()];
    let call = invite(
        "sip:+12025550100@acme.byoc.mypurecloud.com",
        "P-Asserted-Identity: <sip:trusted@203.0.113.10>\r\n",
    );
    check_all(
        [
            (("203.0.113.10", Transport::Tls, "SIP.carrier.example"), true),
            (("203.0.113.10", Transport::Tls, "evil.example"), false),
            (("203.0.113.10", Transport::Tls, ""), false),
            (("203.0.113.10", Transport::Tcp, ""), false),
            (("203.0.113.10", Transport::Udp, ""), false),
            (("192.0.2.66", Transport::Tls, "sip.carrier.example"), false),
            (("192.0.2.66", Transport::Udp, ""), false),
        ],
        |(address, transport, name)| {
            find(std::slice::from_ref(&tls), &call, &source(address, *transport, &[name])).is_ok()
        },
    );
}

/// ST-016: the address in Via counts only where the administrator said so.
#[test]
fn the_via_address_counts_only_when_asked_for() {
    let mut trunk = open(1, "acme", &["203.0.113.10"]);
    let call = invite("sip:+1202@acme", "");
    let from = source("192.0.2.50", Transport::Udp, &[]);
    assert!(find(std::slice::from_ref(&trunk), &call, &from).is_err());
    trunk.access.use_source_address = false;
    assert!(find(std::slice::from_ref(&trunk), &call, &from).is_ok());
}

/// ST-016: without a list, the trunk's own servers and registrars may send and nobody else; refusals are counted.
#[test]
fn an_empty_list_admits_the_trunks_own_carrier() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    let line = bench.edge.trunk(PRIMARY).registrations().next().unwrap().line().to_owned();
    let now = bench.sim.now();
    bench.a.call(call(&format!("sip:genesys@{EDGE};line={line}")), now);
    bench.b.call(call(&format!("sip:+12025550100@{EDGE}")), now);
    bench.seconds(2);
    assert_eq!(
        bench.edge.incoming,
        [Some(PRIMARY), Some(FAILOVER)],
        "by the registered contact, and by the sender alone"
    );

    let mut stranger = crate::carrier::Carrier::new("stranger", "192.0.2.99:5060", "x", bench.sim.now());
    stranger.call(call(&format!("sip:genesys@{EDGE};line={line}")), bench.sim.now());
    let nodes: &mut [&mut dyn telco_testkit::Node] = &mut [&mut bench.edge, &mut stranger];
    bench.sim.run_for(nodes, std::time::Duration::from_secs(2));
    assert_eq!(bench.edge.incoming[2], None, "the contact alone opens nothing");
    assert_eq!(bench.edge.agent.trunks().refused_requests(), 1);
    assert_eq!(stranger.outcomes[0].0, 403);
}

fn call(uri: &str) -> Invite {
    Invite {
        destination: Destination::Uri(format!("sip:{EDGE}")),
        body: Some(Body::sdp("v=0\r\n")),
        contact: ContactSpec::user("carrier"),
        ..Invite::new(uri, "<sip:+14085550100@carrier.example>")
    }
}

/// ST-023: the conversation is named in the 200 to a call that came in, unless that is switched off.
#[test]
fn the_answer_names_the_conversation() {
    for enabled in [true, false] {
        let mut trunks = both_registering();
        trunks[0].protocol.conversation_headers = enabled;
        let mut bench = Bench::new(trunks, Recovery::OnSuccess);
        let now = bench.sim.now();
        bench.a.call(call(&format!("sip:+12025550100@{EDGE}")), now);
        bench.seconds(2);
        let (status, answer) = &bench.a.outcomes[0];
        assert_eq!(*status, 200);
        let header = answer.as_ref().unwrap().header("x-inin-cnv");
        assert_eq!(header, enabled.then_some(&b"c0ffee"[..]));
    }
}

/// Calls that come in count towards the trunk's limit, and are refused with 503 beyond it.
#[test]
fn incoming_calls_count() {
    let mut trunks = vec![registering(PRIMARY, "T", A, "first"), registering(FAILOVER, "U", B, "second")];
    trunks[0].limits.calls = Some(1);
    let mut bench = Bench::new(trunks, Recovery::OnSuccess);
    for _ in 0..2 {
        let now = bench.sim.now();
        bench.a.call(call(&format!("sip:+12025550100@{EDGE}")), now);
        bench.seconds(1);
    }
    let outcomes: Vec<u16> = bench.a.outcomes.iter().map(|(status, _)| *status).collect();
    assert_eq!(outcomes, [200, 503]);
    assert_eq!(bench.placed(), Ok(FAILOVER));
}
