//! What goes wrong around calls that run: clocks, disks, carriers.

use std::fmt::{self, Write as _};
use std::time::Duration;

use edge_core::cdr::{CallRecord, EndedBy, LegOutcome, StoreFault, frame};
use edge_core::edge::Input;
use jiff::{SignedDuration, Timestamp};
use sip_trunk::msg::HeaderName;
use sip_trunk::ua::{EndCause, Event, SessionTimer};
use telco_testkit::{Arrival, Event as Arrived, Node as _};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::lab::{ALICE, BOB, CARRIER_A, CARRIER_B, EDGE, EdgeNode, NOW, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: i64 = 3600;
const TEN_YEARS: i64 = 10 * 365 * 24 * HOUR;

/// A clock that is set while a call runs, by an hour or ten years, forward or back, changes nothing of it: session timers and
/// registrations go by a clock nobody sets, and the record tells how long the call really was.
#[test]
fn a_clock_that_jumps_changes_no_call() {
    for jump in [HOUR, -HOUR, TEN_YEARS, -TEN_YEARS] {
        let mut sim = sim();
        let timer = SessionTimer::On { interval: 90 * SECOND, min: 90 * SECOND };
        let mut edge = EdgeNode::with(&sim, |config| config.ua.session_timer = timer);
        let mut alice = Peer::new(&sim, "alice", ALICE).answering();
        let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
        alice.register(&sim, "wonderland");
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        let call = carrier.call(&sim, "+13175550101", None);
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], 10 * SECOND);
        assert!(carrier.was_answered());

        let began: Timestamp = NOW.parse().unwrap();
        let set = began + SignedDuration::from_secs(11 + jump);
        edge.act(&sim, |edge, now| edge.handle_input(Input::Clock(set), now));
        // Longer than the session may last without a refresh.
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], 290 * SECOND);
        let status = edge.edge.status();
        assert_eq!((status.calls, status.contacts), (1, 1), "{jump} s: {:?} {:?}", edge.records, edge.told);
        carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);

        let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
        assert_eq!(record.ending.by, EndedBy::Caller, "{jump} s");
        assert!((299..=300).contains(&record.billed_seconds()), "{jump} s: {record:?}");
        assert!((record.started - began).get_seconds() < 5, "the stamp is of the clock it began under");
        for leg in &record.legs {
            assert!(
                leg.started <= leg.ended
                    && leg.answered.is_some_and(|at| leg.started <= at && at <= leg.ended)
            );
        }

        carrier.call(&sim, "+13175550101", None);
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        carrier.act(&sim, |agent, now| _ = agent.hang_up(call, None, now));
        edge.act(&sim, |edge, now| edge.end_all(now));
        let off = edge.records[1].started.duration_since(set).as_secs();
        assert!((290..300).contains(&off), "the next call is stamped by the new clock: {off}");
    }
}

/// A full disk: calls go on and come in, their records wait, why and what to do is told once, and all are written, in order and with
/// their numbers, when there is room again. Beyond the bound the edge takes no more calls, but emergency calls; nothing is dropped in
/// silence.
#[test]
fn a_full_disk_costs_no_call_and_no_record() {
    let mut sim = sim();
    let mut edge = EdgeNode::with(&sim, |config| config.record_bound = 3);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    edge.disk = Some(StoreFault::Full);
    let stays = carrier.call(&sim, "+13175550101", None);
    for ended in 1..=3 {
        let call = carrier.call(&sim, "+13175550101", None);
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
        carrier.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], 2 * SECOND);
        assert_eq!(edge.edge.status().records_waiting, ended);
    }
    let told: Vec<_> = edge.told.iter().filter(|told| told.contains("Failing")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Full") && StoreFault::Full.to_string().contains("make room"), "{told:?}");
    assert_eq!(edge.edge.status().calls, 1, "the first call goes on");

    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert_eq!(carrier.refused(), Some(503), "there is no room for its record");
    let emergency = alice.call(&sim, "911", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered(), "{:?} {:?}", alice.refused(), edge.told);
    alice.act(&sim, |agent, now| agent.hang_up(emergency, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let lost: Vec<_> = edge.told.iter().filter(|told| told.contains("Dropped")).collect();
    assert_eq!(lost.len(), 1, "what goes over the bound is told: {lost:?}");

    edge.disk = None;
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], 6 * SECOND);
    assert_eq!(edge.edge.status().records_waiting, 0);
    assert!(edge.told.iter().any(|told| told.contains("Recovered")), "{:?}", edge.told);
    carrier.act(&sim, |agent, now| agent.hang_up(stays, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let spool: Vec<u8> = edge.stored.iter().flat_map(|store| store.lines.to_vec()).collect();
    let lines: Vec<_> = frame::read_all(&spool).map(|read| read.line.unwrap()).collect();
    assert!(lines.is_sorted_by_key(|line| line.sequence), "{lines:?}");
    let stored: Vec<CallRecord> =
        lines.iter().map(|line| serde_json::from_str(line.record).unwrap()).collect();
    let conversations =
        |records: &[CallRecord]| records.iter().map(|record| record.conversation).collect::<Vec<_>>();
    let expected: Vec<_> = [0, 1, 2, 4].map(|ended| edge.records[ended].clone()).into();
    assert_eq!(conversations(&stored), conversations(&expected));
}

/// When the process is about to end, a record is tried again at once, and one that still does not reach the disk can be had.
#[test]
fn the_last_records_are_tried_again_at_once() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE).answering();
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A);
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    edge.disk = Some(StoreFault::Full);
    carrier.call(&sim, "+13175550101", None);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    edge.act(&sim, |edge, now| edge.end_all(now));
    edge.act(&sim, |edge, now| edge.store_now(now));
    let [line] = &edge.edge.unstored()[..] else { panic!("{:?}", edge.edge.unstored()) };
    assert!(line.contains(&edge.records[0].conversation.to_string()) && !line.contains('\n'), "{line}");
    edge.disk = None;
    edge.act(&sim, |edge, now| edge.store_now(now));
    assert_eq!((edge.edge.status().records_waiting, edge.edge.unstored().len()), (0, 0));
}

/// A carrier that dies while it rings: the caller of the edge is not left ringing for ever, and hears of it from the next carrier.
#[test]
fn a_carrier_that_dies_while_it_rings_is_passed_over() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut first = Peer::new(&sim, "first", CARRIER_A);
    let mut second = Peer::new(&sim, "second", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    let ringing = first.incoming();
    first.act(&sim, |agent, now| agent.progress(ringing, sip_trunk::ua::Progress::default(), now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut first, &mut second], SECOND);
    drop(first);
    sim.run_for(&mut [&mut edge, &mut alice, &mut second], 120 * SECOND);
    assert!(alice.was_answered(), "{:?} {:?} {:?}", alice.refused(), edge.records, edge.told);
    alice.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    sim.run_for(&mut [&mut edge, &mut alice, &mut second], SECOND);
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    let outcomes: Vec<_> = record.legs.iter().map(|leg| leg.outcome).collect();
    assert_eq!(outcomes.last(), Some(&LegOutcome::Answered), "{record:?}");
    assert!(record.explain.iter().any(|why| why.contains("CarrierA")), "{:?}", record.explain);
}

/// A carrier that dies while a call runs: the session timer finds out, the phone is hung up on, the record says why
/// (RFC 4028 §10).
#[test]
fn a_carrier_that_dies_in_a_call_ends_it() {
    let mut sim = sim();
    let timer = SessionTimer::On { interval: 90 * SECOND, min: 90 * SECOND };
    let mut edge = EdgeNode::with(&sim, |config| config.ua.session_timer = timer);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], 10 * SECOND);
    assert!(alice.was_answered());
    drop(carrier);
    sim.run_for(&mut [&mut edge, &mut alice], 180 * SECOND);
    let ended =
        alice.events.iter().any(|event| matches!(event, Event::Ended { cause: EndCause::Bye(_), .. }));
    assert!(ended && edge.edge.status().calls == 0, "{:?}", edge.records);
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    assert_eq!((record.ending.by, &*record.ending.reason), (EndedBy::Edge, "the session timer ran out"));
    assert!((10..120).contains(&record.billed_seconds()), "{record:?}");
}

/// A log that panics at every line that has both marks in it.
struct Trap([&'static str; 2]);

impl tracing::Subscriber for Trap {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        assert!(!self.0.iter().all(|mark| line.0.contains(mark)), "the log fails");
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

/// ES-01: a call whose timer panics whenever it is due is ended; the call behind it is timed as if nothing was, and what both had
/// on trunks, in ports and in the edge is free in the end.
#[test]
fn a_timer_that_panics_costs_its_call_alone() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let (mut alice, mut bob) = (Peer::new(&sim, "alice", ALICE), Peer::new(&sim, "bob", BOB));
    let mut second = Peer::new(&sim, "second", CARRIER_B).answering();
    alice.register(&sim, "wonderland");
    bob.register(&sim, "builder");
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut second], SECOND);
    // The first carrier is silent. The search moves on to the second, and what is sent there is logged.
    let _trap = tracing::subscriber::set_default(Trap(["sent to 192.0.2.11", "INVITE sip:+12025550198"]));
    alice.call(&sim, "2025550198", Some("wonderland"));
    bob.call(&sim, "2025550199", Some("builder"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut bob, &mut second], 40 * SECOND);
    assert!(bob.was_answered(), "{:?} {:?} {:?}", bob.refused(), edge.records, edge.told);
    let [record] = &edge.records[..] else { panic!("{:?}", edge.records) };
    assert_eq!((record.ending.by, &*record.ending.reason), (EndedBy::Edge, "a fault of the edge"));
    assert_eq!(alice.refused(), Some(500));
    let held: u32 = edge.edge.trunks().iter().map(|trunk| trunk.calls()).sum();
    assert_eq!((edge.edge.status().calls, edge.edge.load(sim.now()).calls, held), (1, 1, 1));
    edge.act(&sim, |edge, now| edge.end_all(now));
    assert_eq!(edge.edge.status().ports.2, 0, "{:?}", edge.edge.status());
}

/// ES-01: what a panic had taken already is given back, and nobody ends a call by its Call-ID alone.
#[test]
fn a_panic_leaves_nothing_taken() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered());
    {
        let _trap = tracing::subscriber::set_default(Trap(["sent to 192.0.2.10", "INVITE sip:+12025550198"]));
        alice.call(&sim, "2025550198", Some("wonderland"));
        sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    }
    let faults = edge.edge.status().faults;
    assert!(faults > 0);
    let held: u32 = edge.edge.trunks().iter().map(|trunk| trunk.calls()).sum();
    assert_eq!(
        (edge.edge.status().calls, edge.edge.load(sim.now()).calls, held),
        (1, 1, 1),
        "{:?}",
        edge.records
    );

    let call_id = edge.records.first().map_or("", |record| &record.legs[0].protocol_call_id);
    assert!(!call_id.is_empty());
    let running = String::from_utf8_lossy(carrier.invite().header(HeaderName::CallId).unwrap()).into_owned();
    let forged = format!(
        "REGISTER sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:x@b>;tag=2\r\nCall-ID: {running}\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    );
    let _trap = tracing::subscriber::set_default(Trap(["received from 198.51.100.9", "REGISTER sip:x"]));
    let (from, to) = ("198.51.100.9:5060".parse().unwrap(), EDGE.parse().unwrap());
    edge.handle_input(Arrival { from, to, event: Arrived::Datagram(forged.into_bytes()) }, sim.now());
    assert_eq!((edge.edge.status().faults, edge.edge.status().calls), (faults + 1, 1));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(!alice.has_ended());
}
