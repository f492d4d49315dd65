//! Calls over a network that loses, repeats and reorders.

use std::fmt::Write as _;
use std::time::Duration;

use sip_trunk::ua::{Event, Reliable, UaConfig};
use telco_testkit::{Link, Sim, expect_file};

use crate::lab::{ALICE, BOB, MINUTES, Phone, lab, millis, sdp, seconds};

fn ends(phone: &Phone) -> usize {
    let is_end = |event: &&Event| matches!(event, Event::Ended { .. } | Event::Rejected { .. });
    phone.events.iter().filter(is_end).count()
}

fn starts(phone: &Phone) -> usize {
    phone.events.iter().filter(|event| matches!(event, Event::Incoming { .. })).count()
}

/// 30 % loss for an hour: every call ends once on each side that saw it, and nothing is left in any table.
#[test]
fn an_hour_of_loss_leaks_nothing() {
    let mut sim = lab();
    sim.net.set_link(Link {
        latency: millis(40),
        jitter: millis(60),
        loss: 0.3,
        duplicate: 0.05,
        reorder: 0.05,
        ..Link::default()
    });
    let mut alice = Phone::new(&sim, "alice", ALICE).silent();
    let mut bob = Phone::new(&sim, "bob", BOB).silent().answering();
    let mut answered = 0;
    for round in 0..240 {
        let session = alice.call(&sim, &bob);
        sim.run_for(&mut [&mut alice, &mut bob], seconds(5));
        let is_up = alice.heard.iter().any(|heard| heard == "answered 200");
        answered += usize::from(is_up);
        if round % 3 == 0 {
            let _ = alice.act(&sim, |agent, now| agent.reinvite(session, sdp("hold"), Vec::new(), now));
        }
        sim.run_for(&mut [&mut alice, &mut bob], seconds(5));
        let callee = bob.events.iter().rev().find_map(|event| match event {
            Event::Offered { session, .. } => Some(*session),
            _ => None,
        });
        if let Some(callee) = callee {
            let _ = bob.act(&sim, |agent, now| agent.answer_offer(callee, sdp("held"), Vec::new(), now));
        }
        sim.run_for(&mut [&mut alice, &mut bob], seconds(5));
        // Either side, or both at once, hang up; errors only say that the call was over.
        if round % 2 == 0 {
            let _ = alice.act(&sim, |agent, now| agent.hang_up(session, None, now));
        }
        if round % 5 != 0 && starts(&bob) > 0 {
            let callee = bob.incoming();
            let _ = bob.act(&sim, |agent, now| agent.hang_up(callee, None, now));
        }
        // Calls nobody has hung up yet go now: for an hour they would only wait.
        let _ = alice.act(&sim, |agent, now| agent.hang_up(session, None, now));
        alice.heard.clear();
    }
    assert_eq!(sim.elapsed(), Duration::from_secs(3600));
    sim.run_until_idle(&mut [&mut alice, &mut bob], MINUTES);
    assert!(alice.is_idle() && bob.is_idle(), "{:?} {:?}", alice.agent.in_use(), bob.agent.in_use());
    assert_eq!(ends(&alice), 240);
    assert_eq!(ends(&bob), starts(&bob));
    assert!(answered > 200, "{answered} of 240 calls were answered within 5 s");
}

/// From INVITE to the caller's 200, and to the callee's ACK, for 200 calls each: median and 95th percentile.
#[test]
fn set_up_time_by_loss_and_round_trip() {
    let mut table = String::from(
        "Call set-up over UDP in virtual time: 200 calls each, the callee rings and answers at once.\n\
         answered: INVITE sent to 200 received. confirmed: INVITE sent to ACK received by the callee. ms, median / 95th percentile.\n\n\
         loss   rtt/ms   answered      confirmed     failed\n",
    );
    for loss in [0.0, 0.01, 0.05, 0.1, 0.3] {
        for rtt in [10, 100, 300] {
            let times = measure(loss, millis(rtt), 200);
            let _ = writeln!(
                table,
                "{:>3.0} %   {rtt:>5}   {:>12}  {:>12}   {:>5}",
                loss * 100.0,
                quantiles(&times.answered),
                quantiles(&times.confirmed),
                times.failed
            );
        }
    }
    expect_file!["set_up_times.txt"].assert_eq(&table);
}

#[derive(Default)]
struct Times {
    answered: Vec<u128>,
    confirmed: Vec<u128>,
    failed: usize,
}

fn measure(loss: f64, rtt: Duration, calls: usize) -> Times {
    let mut times = Times::default();
    let mut sim = Sim::new(7);
    sim.net.set_link(Link { latency: rtt / 2, loss, ..Link::default() });
    let plain = |config: &mut UaConfig| config.reliable = Reliable::Never;
    let mut alice = Phone::with(&sim, "alice", ALICE, plain).silent();
    let mut bob = Phone::with(&sim, "bob", BOB, plain).silent().answering();
    for _ in 0..calls {
        let (start, session) = (sim.elapsed(), alice.call(&sim, &bob));
        let (mut answered, mut confirmed) = (None, None);
        while answered.is_none() || confirmed.is_none() {
            if sim.step(&mut [&mut alice, &mut bob]).is_none() {
                break;
            }
            let since = (sim.elapsed() - start).as_millis();
            for event in alice.events.drain(..) {
                if matches!(event, Event::Answered { .. }) {
                    answered.get_or_insert(since);
                }
            }
            for event in bob.events.drain(..) {
                if matches!(event, Event::Confirmed { .. }) {
                    confirmed.get_or_insert(since);
                }
            }
        }
        match (answered, confirmed) {
            (Some(answered), Some(confirmed)) => {
                times.answered.push(answered);
                times.confirmed.push(confirmed);
            }
            _ => times.failed += 1,
        }
        let _ = alice.act(&sim, |agent, now| agent.hang_up(session, None, now));
        sim.run_until_idle(&mut [&mut alice, &mut bob], MINUTES);
        alice.news();
        bob.news();
    }
    times
}

fn quantiles(times: &[u128]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    format!("{} / {}", at(50), at(95))
}
