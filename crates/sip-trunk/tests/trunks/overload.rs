//! Overload control between the trunk and its carrier (RFC 7339).

use std::time::Duration;

use sip_trunk::endpoint::Destination;
use sip_trunk::group::Recovery;
use sip_trunk::header::Via;
use sip_trunk::trunk::{OutboundCall, TrunkId};
use sip_trunk::ua::{Body, Invite};

use crate::bench::{Bench, FAILOVER, PRIMARY, both_registering};
use crate::carrier::Calls;
use crate::edge::EDGE;

/// A carrier whose load is far too high, for ten seconds.
fn overload(bench: &mut Bench) {
    for _ in 0..20 {
        let now = bench.sim.now();
        bench.a.ua.report_load(1.7, now);
        bench.run(Duration::from_millis(500));
    }
}

/// RFC 7339 §5.5: what the carrier asks to leave out goes to the next trunk; emergency calls are not left out.
#[test]
fn an_overloaded_carrier_gets_fewer_calls() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.a.calls = Calls::Take { ring: None, answer: Some(Duration::ZERO) };
    bench.b.calls = bench.a.calls.clone();
    overload(&mut bench);
    let placed: Vec<_> = (0..200)
        .map(|_| {
            let now = bench.sim.now();
            bench.a.ua.report_load(0.85, now);
            let trunk = bench.placed().unwrap();
            let now = bench.sim.now();
            bench.edge.hang_up_all(now);
            bench.run(Duration::from_millis(100));
            trunk
        })
        .collect();
    let share = |trunk: TrunkId| placed.iter().filter(|one| **one == trunk).count();
    assert!(share(FAILOVER) > 60, "{} of 200 were left out", share(FAILOVER));
    assert!(share(PRIMARY) > 20, "and {} still came", share(PRIMARY));
    let skipped = "trunk 1: skipped, the server asks for fewer calls";
    assert!(bench.edge.placed.iter().any(|placed| placed.explanation[0] == skipped));
    for _ in 0..20 {
        let call = OutboundCall { called: "911".into(), emergency: true, ..OutboundCall::default() };
        let (now, before) = (bench.sim.now(), bench.edge.placed.len());
        bench.edge.call(call, now);
        bench.until(|bench| bench.edge.placed.len() > before);
        assert_eq!(bench.edge.placed[before].outcome, Ok(PRIMARY));
    }
}

/// RFC 7339 §5.10.2: a client that takes no part bears the same share as plain refusals, without Retry-After.
#[test]
fn calls_of_a_client_that_takes_no_part_are_refused_their_share() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    for _ in 0..20 {
        let now = bench.sim.now();
        bench.edge.agent.report_load(1.7, now);
        bench.run(Duration::from_millis(500));
    }
    bench.a.ua.apply(plain(bench.a.ua.config().clone()), bench.sim.now());
    for _ in 0..40 {
        let invite = Invite {
            destination: Destination::Uri(format!("sip:{EDGE}")),
            body: Some(Body::sdp("v=0\r\n")),
            ..Invite::new(format!("sip:+12025550100@{EDGE}"), "<sip:+14085550100@carrier.example>")
        };
        let now = bench.sim.now();
        bench.a.call(invite, now);
        bench.seconds(1);
    }
    let refused: Vec<_> = bench.a.outcomes.iter().filter(|(status, _)| *status == 503).collect();
    assert!(refused.len() > 10, "{} of 40 were refused", refused.len());
    for (_, answer) in refused {
        let answer = answer.as_ref().unwrap();
        assert!(answer.header("Retry-After").is_none());
        assert!(!answer.typed::<Via<'_>>().unwrap().unwrap().params.has("oc"));
    }
}

fn plain(mut config: sip_trunk::ua::UaConfig) -> sip_trunk::ua::UaConfig {
    config.endpoint.overload = None;
    config
}
