//! Failover inside a call, and which trunk the next call takes.

use std::fmt::Write as _;
use std::time::Duration;

use sip_trunk::group::Recovery;
use sip_trunk::header::Via;
use sip_trunk::msg::HeaderName;
use sip_trunk::trunk::{OutboundCall, TrunkLimits};
use telco_testkit::{Link, check_ladder, expect_file};

use crate::bench::{A, B, Bench, FAILOVER, PRIMARY, both_registering, fixed, registering};
use crate::carrier::Calls;
use crate::edge::text;
use crate::registrar::{Mode, seconds};

/// ST-015: both trunks are registered at the same time, each with its own credentials.
#[test]
fn both_trunks_register_with_their_own_credentials() {
    let bench = Bench::new(both_registering(), Recovery::OnSuccess);
    for trunk in bench.edge.agent.trunks().iter() {
        assert!(trunk.health().is_up(), "{:?}", trunk.health());
    }
    assert!(!bench.a.registrar.bound.is_empty() && !bench.b.registrar.bound.is_empty());
    assert!(bench.logged("trunk \"BYOC-Primary\": sip:genesys@203.0.113.10 at 203.0.113.10: Registered"));
}

/// ST-012: 503 moves the same call to the next member at once; the caller hears nothing of it.
#[test]
fn a_503_moves_the_call_at_once() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.a.calls = Calls::refused(503);
    bench.fresh_ladder();
    let dialled = bench.sim.now();
    assert_eq!(bench.placed(), Ok(FAILOVER));
    check_ladder(&bench.sim, &expect_file!["../ladders/failover_503.txt"]);
    let placed = &bench.edge.placed[0];
    assert!(placed.at - dialled < Duration::from_millis(1500), "two round trips and a second of ringing");
    assert_eq!(
        placed.explanation,
        ["trunk 1: tried, SIP 503 Service Unavailable, moved on", "trunk 2: chosen"]
    );
}

/// ST-041: the attempt on the failover trunk has a branch and Call-ID of its own, and the same conversation.
#[test]
fn another_attempt_is_another_call_of_the_same_conversation() {
    let mut trunks = both_registering();
    trunks.iter_mut().for_each(|trunk| trunk.protocol.conversation_headers = true);
    let mut bench = Bench::new(trunks, Recovery::OnSuccess);
    bench.a.calls = Calls::refused(503);
    assert_eq!(bench.placed(), Ok(FAILOVER));
    let (first, second) = (&bench.a.invites[0], &bench.b.invites[0]);
    assert_ne!(text(first, HeaderName::CallId), text(second, HeaderName::CallId));
    let branch = |via: Option<Result<Via<'_>, _>>| via.unwrap().unwrap().branch().map(str::to_owned);
    assert_ne!(branch(first.typed()), branch(second.typed()));
    for invite in [first, second] {
        assert_eq!(invite.header("x-inin-cnv"), Some(&b"c0ffee"[..]));
    }
    assert_eq!(bench.edge.placed.len(), 1, "one call for the user");
}

/// ST-011: every failure of the trunk moves the call; what the called party answers does not.
#[test]
fn failures_of_the_trunk_move_the_call_and_answers_of_the_called_party_do_not() {
    for (status, expected) in [
        (408, Ok(FAILOVER)),
        (500, Ok(FAILOVER)),
        (503, Ok(FAILOVER)),
        (486, Err(486)),
        (404, Err(404)),
        (603, Err(603)),
        (480, Err(480)),
    ] {
        let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
        bench.a.calls = Calls::refused(status);
        assert_eq!(bench.placed(), expected, "{status}");
    }
}

/// ST-011: the primary dies at each stage of a call. What is lost is noticed; a call that was answered is left alone.
#[test]
fn the_primary_dies_at_each_stage_of_a_call() {
    type Stage = fn(&mut Bench);
    let stages: [(&str, Calls, Stage, u64, bool); 5] = [
        ("before the call", Calls::answered(), |_| {}, 7, true),
        (
            "after 100",
            Calls::Take { ring: None, answer: None },
            |bench| {
                bench.dial();
                bench.until(|bench| !bench.a.invites.is_empty());
                bench.seconds(1);
            },
            125,
            true,
        ),
        (
            "after 180",
            Calls::Take { ring: Some(Duration::ZERO), answer: None },
            |bench| {
                bench.dial();
                bench.until(|bench| !bench.a.invites.is_empty());
                bench.seconds(1);
            },
            125,
            true,
        ),
        (
            "while the 200 is on its way",
            Calls::answered(),
            |bench| {
                bench.dial();
                bench.until(|bench| !bench.a.invites.is_empty());
                bench.run(Duration::from_millis(900));
            },
            125,
            true,
        ),
        (
            "after the 200",
            Calls::answered(),
            |bench| {
                bench.dial();
                bench.until(|bench| !bench.edge.placed.is_empty());
            },
            1,
            false,
        ),
    ];
    for (name, calls, reach, within, moves) in stages {
        let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
        bench.a.calls = calls;
        reach(&mut bench);
        bench.kill_primary();
        let died = bench.sim.now();
        if bench.a.invites.is_empty() {
            bench.dial();
        }
        bench.until(|bench| !bench.edge.placed.is_empty());
        let placed = &bench.edge.placed[0];
        let expected = if moves { FAILOVER } else { PRIMARY };
        assert_eq!(placed.outcome, Ok(expected), "{name}: {:?}", placed.explanation);
        let took = placed.at.saturating_duration_since(died).as_secs();
        assert!(took <= within, "{name}: {took} s");
    }
}

/// ST-012, ST-011: an INVITE that meets silence goes to the next trunk after seconds, not after the 32 of timer B, and the
/// calls after it do not wait at all.
#[test]
fn silence_moves_the_call_after_seconds_and_the_next_one_at_once() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.kill_primary();
    bench.fresh_ladder();
    let dialled = bench.sim.now();
    assert_eq!(bench.placed(), Ok(FAILOVER));
    assert_eq!(seconds(dialled, bench.edge.placed[0].at), 6, "five of patience and one of ringing");
    check_ladder(&bench.sim, &expect_file!["../ladders/failover_silent.txt"]);
    bench.hang_up();
    let dialled = bench.sim.now();
    assert_eq!(bench.placed(), Ok(FAILOVER));
    assert_eq!(seconds(dialled, bench.edge.placed[1].at), 1);
    assert!(
        bench.edge.placed[1].explanation[0]
            .starts_with("trunk 1: skipped, paused: the registered flow: a call failed")
    );
}

/// ST-013: On Success, traffic returns as soon as the primary registers again.
#[test]
fn traffic_returns_on_success() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.fresh_ladder();
    bench.kill_primary();
    bench.seconds(120);
    assert_eq!(bench.edge.active(), Some(FAILOVER));
    assert_eq!(bench.placed(), Ok(FAILOVER));
    bench.hang_up();
    bench.restore_primary();
    bench.until(|bench| bench.edge.active() == Some(PRIMARY));
    assert_eq!(bench.placed(), Ok(PRIMARY));
    assert!(bench.logged(
        "trunk group \"TG\" moves from trunk 1 to trunk 2: unregistered: no answer from 203.0.113.10"
    ));
    assert!(
        bench.logged(
            "trunk group \"TG\" moves from trunk 2 to trunk 1: a member of higher priority works again"
        )
    );
    check_ladder(&bench.sim, &expect_file!["../ladders/recovery_on_success.txt"]);
}

/// ST-013: Never, traffic stays on the failover trunk until somebody moves it.
#[test]
fn traffic_stays_until_manual_recovery() {
    let mut bench = Bench::new(both_registering(), Recovery::Never);
    bench.kill_primary();
    bench.seconds(120);
    bench.restore_primary();
    bench.seconds(400);
    assert!(bench.edge.trunk(PRIMARY).health().is_up());
    assert_eq!(bench.placed(), Ok(FAILOVER));
    bench.hang_up();
    let now = bench.sim.now();
    let moved = bench.edge.agent.recover("TG", now).unwrap();
    assert_eq!((moved.from, moved.to), (Some(FAILOVER), Some(PRIMARY)));
    assert_eq!(bench.placed(), Ok(PRIMARY));
}

/// ST-014: a program that finds the quality poor takes the trunk out, and traffic moves.
#[test]
fn a_disabled_trunk_hands_its_traffic_over() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    let now = bench.sim.now();
    bench.edge.disable(PRIMARY, Some("MOS below 3.5"), now);
    assert_eq!(bench.placed(), Ok(FAILOVER));
    let explanation = &bench.edge.placed[0].explanation;
    assert_eq!(explanation[..], ["trunk 1: skipped, disabled: MOS below 3.5", "trunk 2: chosen"]);
    assert!(bench.logged("trunk \"BYOC-Primary\" is down, disabled: MOS below 3.5"));
    bench.hang_up();
    let now = bench.sim.now();
    bench.edge.disable(PRIMARY, None, now);
    assert_eq!(bench.placed(), Ok(PRIMARY));
}

/// ST-011: a trunk with all its calls in use, or at its call rate, lets the next one have the call.
#[test]
fn what_does_not_fit_overflows() {
    let mut trunks = both_registering();
    trunks[0].limits = TrunkLimits { calls: Some(2), ..TrunkLimits::default() };
    let mut bench = Bench::new(trunks, Recovery::OnSuccess);
    let taken: Vec<_> = (0..3).map(|_| bench.placed()).collect();
    assert_eq!(taken, [Ok(PRIMARY), Ok(PRIMARY), Ok(FAILOVER)]);
    assert_eq!(bench.edge.placed[2].explanation[0], "trunk 1: skipped, at capacity: 2 calls");
    bench.hang_up();
    assert_eq!(bench.edge.trunk(PRIMARY).calls(), 0);
    assert_eq!(bench.placed(), Ok(PRIMARY));

    let mut trunks = both_registering();
    trunks[0].limits.call_rate = Some("2/5s".parse().unwrap());
    let mut bench = Bench::new(trunks, Recovery::OnSuccess);
    for _ in 0..4 {
        bench.dial();
    }
    bench.seconds(3);
    let taken: Vec<_> = bench.edge.placed.iter().map(|placed| placed.outcome).collect();
    assert_eq!(taken, [Ok(PRIMARY), Ok(PRIMARY), Ok(FAILOVER), Ok(FAILOVER)]);
    assert_eq!(bench.edge.placed[3].explanation[0], "trunk 1: skipped, at its call rate of 2/5s");
}

/// RFC 3261 §21.5.4: a server that names a time is left alone until then.
#[test]
fn retry_after_pauses_the_trunk() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    bench.a.calls = Calls::Refuse(503, vec![("Retry-After".into(), "45".into())]);
    assert_eq!(bench.placed(), Ok(FAILOVER));
    bench.a.calls = Calls::answered();
    assert_eq!(bench.placed(), Ok(FAILOVER));
    assert_eq!(bench.a.invites.len(), 1);
    assert!(
        bench
            .logged("trunk \"BYOC-Primary\" is down, paused: the registered flow: SIP 503, Retry-After 45 s")
    );
    bench.seconds(45);
    assert_eq!(bench.placed(), Ok(PRIMARY));
}

/// Two gateways on one trunk; the first does not answer, the second takes the call. Later calls go there at once.
#[test]
fn the_second_gateway_takes_over() {
    let mut bench = Bench::new(vec![fixed(PRIMARY, "RedSky", &[A, B])], Recovery::OnSuccess);
    bench.kill_primary();
    let dialled = bench.sim.now();
    assert_eq!(bench.placed(), Ok(PRIMARY));
    assert_eq!(seconds(dialled, bench.edge.placed[0].at), 6);
    assert_eq!(
        bench.edge.placed[0].explanation,
        ["trunk 1: tried, no answer from the server, moved on", "trunk 1, server 2: chosen"]
    );
    bench.seconds(60);
    let dialled = bench.sim.now();
    assert_eq!(bench.placed(), Ok(PRIMARY));
    assert_eq!(seconds(dialled, bench.edge.placed[1].at), 1, "OPTIONS has shown that it is dead");
    assert!(
        bench.edge.placed[1].explanation[0].starts_with("trunk 1: skipped, 203.0.113.10:5060 is avoided: ")
    );
}

/// When every trunk refuses, the caller gets the last refusal; when none can be tried, 503.
#[test]
fn the_last_refusal_is_the_answer() {
    let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
    (bench.a.calls, bench.b.calls) = (Calls::refused(503), Calls::refused(500));
    assert_eq!(bench.placed(), Err(500));
    let now = bench.sim.now();
    for trunk in [PRIMARY, FAILOVER] {
        bench.edge.disable(trunk, Some("maintenance"), now);
    }
    assert_eq!(bench.placed(), Err(503));
    assert_eq!(bench.edge.placed[1].explanation.len(), 2);
}

/// An emergency call is held back by no limit, and tries trunks that look down when nothing else is left.
#[test]
fn an_emergency_call_is_tried_everywhere() {
    let mut trunks = both_registering();
    trunks.iter_mut().for_each(|trunk| trunk.limits.calls = Some(1));
    let mut bench = Bench::new(trunks, Recovery::OnSuccess);
    assert_eq!(bench.placed(), Ok(PRIMARY));
    let emergency = OutboundCall { called: "911".into(), emergency: true, ..OutboundCall::default() };
    let now = bench.sim.now();
    bench.edge.call(emergency.clone(), now);
    bench.seconds(3);
    assert_eq!(bench.edge.placed[1].outcome, Ok(PRIMARY));
    bench.hang_up();
    (bench.a.registrar.mode, bench.b.registrar.mode) = (Mode::Silent, Mode::Silent);
    bench.seconds(180);
    assert_eq!(bench.placed(), Err(503));
    let now = bench.sim.now();
    bench.edge.call(emergency, now);
    bench.seconds(3);
    let placed = bench.edge.placed.last().unwrap();
    assert_eq!(placed.outcome, Ok(PRIMARY), "{:?}", placed.explanation);
}

/// How long failover takes, over loss and round trip: from dialling to the answer of the second trunk while the first is dead.
#[test]
fn failover_takes_this_long() {
    let mut table = String::from("loss %  RTT ms  failover ms: median of 9 calls, worst\n");
    for loss in [0, 2, 10, 20] {
        for rtt in [20, 100, 300] {
            let mut bench = Bench::new(both_registering(), Recovery::OnSuccess);
            bench.b.calls = Calls::Take { ring: None, answer: Some(Duration::ZERO) };
            let link = Link {
                latency: Duration::from_millis(rtt / 2),
                loss: f64::from(loss) / 100.0,
                ..Link::default()
            };
            bench.sim.net.set_link(link);
            bench.kill_primary();
            let mut took: Vec<u128> = Vec::new();
            for _ in 0..9 {
                let (dialled, before) = (bench.sim.now(), bench.edge.placed.len());
                bench.dial();
                bench.until(|bench| bench.edge.placed.len() > before);
                took.push((bench.edge.placed[before].at - dialled).as_millis());
                bench.seconds(31);
                bench.hang_up();
            }
            took.sort_unstable();
            let _ = writeln!(table, "{loss:6}  {rtt:6}  {:11}  {:5}", took[4], took[8]);
        }
    }
    expect_file!["../ladders/failover_times.txt"].assert_eq(&table);
}

/// A trunk that registers while its registrar redirects it to ourselves would wait for ever: it is a fault of the
/// configuration (ST-007), and traffic goes elsewhere.
#[test]
fn a_registrar_that_is_ourselves_is_found_out() {
    let mut trunks = both_registering();
    trunks[0] = registering(PRIMARY, "Loop", A, "first");
    let mut bench = Bench::new(trunks, Recovery::OnSuccess);
    bench.a.registrar.mode = Mode::Status(302, "Contact: <sip:192.0.2.1:5060>".into());
    bench.seconds(80);
    assert!(bench.logged("trunk \"Loop\" is down, configuration error"), "{:?}", bench.edge.log);
    assert_eq!(bench.placed(), Ok(FAILOVER));
}
