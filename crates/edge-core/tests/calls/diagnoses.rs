//! What the running edge finds wrong with itself, its trunks and its calls.

use std::time::Duration;

use edge_core::diagnose::{Machine, Question};
use edge_core::edge::Input;
use edge_core::media::{LegReport, MediaLeg, Notice};
use media_rtp::codec::Codec;
use media_rtp::diagnosis::MediaDiagnosis;
use media_rtp::quality::CallQuality;
use sip_trunk::endpoint::{CloseCause, Input as Network, TlsFault};
use sip_trunk::locate::{QueryKind, Record, RecordData, ResolveError};
use telco_model::entity::HardwareSolution;
use telco_model::value::SiteId;
use telco_testkit::Sim;

use crate::lab::{ALICE, CARRIER_A, CARRIER_B, EDGE, EdgeNode, OFFICE, Peer, sim};

const SECOND: Duration = Duration::from_secs(1);
const LINES: &str =
    "numbers = [\"+13175550100 to +13175550149\"]\n\n[trunks.media]\ncodecs = [\"audio/pcma\"]\n";

/// The office whose second carrier wants a registration.
fn with_registration(registrar: &str, transport: &str) -> String {
    let registration = format!(
        "[trunks.registration]\nregistrar = \"{registrar}\"\nport = 5060\ntransport = \"{transport}\"\nusername = \"us\"\n\
         password = \"wrong-password\"\nuri = \"sip:us@192.0.2.11\"\n"
    );
    assert!(OFFICE.contains(LINES));
    OFFICE.replace(LINES, &format!("{LINES}\n{registration}"))
}

fn rows(edge: &EdgeNode, sim: &Sim) -> Vec<&'static str> {
    edge.edge.diagnose(sim.now()).into_iter().map(|found| found.row.id).collect()
}

fn evidence(edge: &EdgeNode, sim: &Sim, row: &str) -> String {
    let found = edge.edge.diagnose(sim.now()).into_iter().filter(|found| found.row.id == row);
    found.map(|found| found.evidence).collect::<Vec<_>>().join("; ")
}

/// DG-049: a registrar that takes no password of ours leaves the trunk unregistered, and the edge says so.
#[test]
fn a_password_that_is_refused_is_told() {
    let mut sim = sim();
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &with_registration("192.0.2.11", "udp"), |_| {});
    let mut carrier = Peer::new(&sim, "carrier-b", CARRIER_B).challenging();
    sim.run_for(&mut [&mut edge, &mut carrier], 3 * SECOND);
    assert!(evidence(&edge, &sim, "DG-049").contains("401"), "{:?}", edge.edge.diagnose(sim.now()));
}

/// DG-044: a TLS handshake that fails does not pass in silence: the trunk is unregistered because of it, with what the verifier said.
#[test]
fn a_handshake_that_fails_is_told() {
    let mut sim = sim();
    let mut edge = EdgeNode::of(&sim, "edge", EDGE, &with_registration("registrar.example", "tls"), |_| {});
    for (id, query) in std::mem::take(&mut edge.lookups) {
        let data = RecordData::Address("192.0.2.11".parse().unwrap());
        let answer = match query.kind {
            QueryKind::A => Ok(vec![Record { ttl: 60 * SECOND, data }]),
            QueryKind::Naptr | QueryKind::Srv | QueryKind::Aaaa => Err(ResolveError::NotFound),
        };
        let resolved = Network::Resolved { id, answer };
        edge.act(&sim, |edge, now| edge.handle_input(Input::Network(resolved), now));
    }
    assert!(!edge.connects.is_empty());
    for connection in std::mem::take(&mut edge.connects) {
        let fault = TlsFault { text: "self-signed certificate".into(), certificate: None };
        let closed = Network::Closed { connection, cause: CloseCause::Tls(fault) };
        edge.act(&sim, |edge, now| edge.handle_input(Input::Network(closed), now));
    }
    sim.run_for(&mut [&mut edge], SECOND);
    assert!(evidence(&edge, &sim, "DG-044").contains("self-signed"), "{:?}", edge.edge.diagnose(sim.now()));
}

/// DG-050, DG-051: one-way audio of a call is held against its trunk, and so are bad scores while the trunk stays up; an hour later
/// both are forgotten.
#[test]
fn bad_audio_is_held_against_its_trunk() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    let mut carrier = Peer::new(&sim, "carrier-a", CARRIER_A).answering();
    alice.register(&sim, "wonderland");
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    let call = alice.call(&sim, "2025550199", Some("wonderland"));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(alice.was_answered());
    let none = rows(&edge, &sim);
    assert!(!none.contains(&"DG-050") && !none.contains(&"DG-051"), "{none:?}");
    let leg = MediaLeg(1);
    let local = "192.0.2.1:10002".parse().unwrap();
    let diagnosis = MediaDiagnosis::OneWay { sent: 500, local, open: 10 * SECOND };
    edge.hear(&sim, Notice::Diagnosed { leg, diagnosis });
    assert!(rows(&edge, &sim).contains(&"DG-050"));
    alice.act(&sim, |agent, now| agent.hang_up(call, None, now).unwrap());
    let report = LegReport {
        codec: "PCMU".into(),
        clock_rate: 8000,
        suite: None,
        remote: None,
        stats: Default::default(),
        quality: Some(poor()),
        diagnoses: Vec::new(),
    };
    edge.report_before_close(leg, report);
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], SECOND);
    assert!(evidence(&edge, &sim, "DG-051").contains("1 of the last 1 calls"), "{:?}", rows(&edge, &sim));
    sim.run_for(&mut [&mut edge, &mut alice, &mut carrier], 3600 * SECOND);
    let later = rows(&edge, &sim);
    assert!(!later.contains(&"DG-050") && !later.contains(&"DG-051"), "{later:?}");
}

fn poor() -> CallQuality {
    CallQuality {
        codec: Codec::Pcmu,
        packets: 100,
        bytes: 16_000,
        lost: 40,
        discarded: 0,
        duplicates: 0,
        reordered: 0,
        jitter_mean: Duration::ZERO,
        jitter_max: Duration::ZERO,
        round_trip: None,
        round_trip_max: None,
        bursts: Default::default(),
        duration: 2 * SECOND,
        r_listening: Some(30.0),
        r_conversation: None,
        mos_listening: Some(1.6),
        mos_conversation: None,
    }
}

/// DG-011, DG-014, DG-015: draining, a version that waits to be installed, and a machine that is not the one that was entered.
#[test]
fn the_edge_looks_at_itself() {
    let sim = sim();
    let machine = Machine { serial_number: "other".into(), solution: HardwareSolution::CustomerHardware };
    let mut edge = EdgeNode::with(&sim, |config| config.machine = Some(machine));
    edge.act(&sim, |edge, now| {
        edge.stage_software(Some("9.9.9".into()));
        edge.drain(SECOND, now);
    });
    let rows = rows(&edge, &sim);
    for row in ["DG-011", "DG-014", "DG-015"] {
        assert!(rows.contains(&row), "{row}: {rows:?}");
    }
    assert!(evidence(&edge, &sim, "DG-015").contains("other"));
}

/// DG-026: a call that would fail now is told with the output of Simulate Call that fails, trunks taken as they are.
#[test]
fn a_call_that_would_fail_is_explained() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    sim.run_for(&mut [&mut edge], 40 * SECOND);
    let question = Question::Call { site: SiteId::labelled("main"), dialled: "2025550199".into() };
    let found = edge.edge.diagnose_symptom(&question, sim.now());
    assert!(found.iter().any(|found| found.row.id == "DG-026"), "{found:?}");
}

/// DG-020: a phone whose password is wrong is not registered, and why is told.
#[test]
fn a_wrong_password_of_a_phone_is_told() {
    let mut sim = sim();
    let mut edge = EdgeNode::new(&sim);
    let mut alice = Peer::new(&sim, "alice", ALICE);
    alice.register(&sim, "guess");
    sim.run_for(&mut [&mut edge, &mut alice], SECOND);
    assert!(evidence(&edge, &sim, "DG-020").contains("wrong 1 times"), "{:?}", edge.edge.diagnose(sim.now()));
}
