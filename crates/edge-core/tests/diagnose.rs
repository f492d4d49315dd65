//! Diagnoses of the running edge.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/sample.rs"]
mod sample;

use std::time::Duration;

use edge_core::compile::Runtime;
use edge_core::diagnose::{Control, Facts, Machine, PhoneFacts, Question, TrunkFacts, diagnose, edge_checks};
use edge_core::group::{Group, Watch};
use media_rtp::diagnosis::MediaDiagnosis;
use sample::wide;
use sip_trunk::auth::AnswerError;
use sip_trunk::endpoint::TlsFault;
use sip_trunk::registration::Cause;
use sip_trunk::trunk::{Reason, Standing};
use telco_model::entity::HardwareSolution;
use telco_model::value::{EdgeId, PhoneId, SiteId, TrunkId};

fn facts(runtime: &Runtime) -> Facts<'_> {
    Facts::of(runtime, "2026-03-02T10:00:00Z".parse().unwrap())
}

/// Rows and evidence of everything found.
fn found(question: &Question, facts: &Facts<'_>) -> Vec<(&'static str, String)> {
    diagnose(question, facts).into_iter().map(|found| (found.row.id, found.evidence)).collect()
}

fn evidence(question: &Question, facts: &Facts<'_>, row: &str) -> Vec<String> {
    found(question, facts).into_iter().filter(|(id, _)| *id == row).map(|(_, evidence)| evidence).collect()
}

fn edge_1() -> EdgeId {
    EdgeId::labelled("mty-edge-1")
}

fn statuses(
    runtime: &Runtime,
    staged: Option<&str>,
    dead: &[EdgeId],
) -> Vec<(EdgeId, edge_core::group::EdgeStatus)> {
    let now = telco_testkit::Clock::new().now();
    let mut group = Group::new(runtime, Watch::default(), "1.4.2", now);
    group.stage(staged.map(Into::into));
    runtime.neighbours.keys().for_each(|edge| group.heard(*edge, None, now));
    dead.iter().for_each(|edge| (0..2).for_each(|_| group.failed(*edge, now + Duration::from_secs(1))));
    group.statuses(runtime, true, now)
}

/// DG-011, EC-008: network, pairing, software, service, in that order; the first that fails is the diagnosis.
#[test]
fn an_edge_is_looked_at_in_order() {
    let runtime = wide("mty-edge-1");
    let mut facts = facts(&runtime);
    facts.edges = statuses(&runtime, None, &[]).into_iter().collect();
    facts.control = Control::Connected;
    let checks = |facts: &Facts<'_>| {
        let checks = edge_checks(edge_1(), facts).unwrap();
        assert_eq!(
            checks.checks.each_ref().map(|check| check.what),
            ["network", "pairing", "software", "service"]
        );
        checks.first_failure().map(|check| check.what)
    };
    assert_eq!(checks(&facts), None);
    facts.edges = statuses(&runtime, Some("1.5.0"), &[]).into_iter().collect();
    assert_eq!(checks(&facts), Some("software"));
    facts.control = Control::NotPaired("pairing id expired".into());
    assert_eq!(checks(&facts), Some("pairing"));
    facts.control = Control::Unreachable("connection refused".into());
    assert_eq!(checks(&facts), Some("network"));
    let question = Question::Edge(edge_1());
    let expected = ["network: the control plane cannot be reached: connection refused"];
    assert_eq!(evidence(&question, &facts, "DG-011"), expected);
    let text = edge_checks(edge_1(), &facts).unwrap().to_string();
    assert!(
        text.starts_with("network: FAILED, the control plane cannot be reached")
            && text.contains("; service: ok,"),
        "{text}"
    );
}

/// DG-027, DG-011: a neighbour that does not answer appears offline.
#[test]
fn a_silent_neighbour_appears_offline() {
    let runtime = wide("mty-edge-1");
    let mut facts = facts(&runtime);
    let silent = EdgeId::labelled("mty-edge-2");
    facts.edges = statuses(&runtime, None, &[silent]).into_iter().collect();
    assert_eq!(evidence(&Question::Edge(silent), &facts, "DG-027"), ["it does not answer this edge"]);
    assert_eq!(evidence(&Question::Edge(silent), &facts, "DG-011").len(), 1);
    assert!(evidence(&Question::Edge(EdgeId::labelled("mty-edge-3")), &facts, "DG-027").is_empty());
}

/// DG-014, EC-011: what is staged is not what is installed.
#[test]
fn a_staged_version_explains_calls_that_fail_after_an_update() {
    let runtime = wide("mty-edge-1");
    let mut facts = facts(&runtime);
    facts.edges = statuses(&runtime, Some("1.5.0"), &[]).into_iter().collect();
    assert_eq!(
        evidence(&Question::Edge(edge_1()), &facts, "DG-014"),
        ["1.4.2 is installed, 1.5.0 is staged"]
    );
}

/// DG-015, EC-012: the machine is not the one that was entered.
#[test]
fn a_wrong_serial_or_hardware_type_explains_an_edge_that_does_not_provision() {
    let runtime = wide("mty-edge-1");
    let mut facts = facts(&runtime);
    let right =
        Machine { serial_number: "CH-0001-0471".into(), solution: HardwareSolution::CustomerHardware };
    facts.machine = Some(right);
    assert!(evidence(&Question::Edge(edge_1()), &facts, "DG-015").is_empty());
    facts.machine =
        Some(Machine { serial_number: "CH-0001-0417".into(), solution: HardwareSolution::Virtual });
    let found = evidence(&Question::Edge(edge_1()), &facts, "DG-015");
    assert_eq!(found[0], "the machine is \"CH-0001-0417\", entered was \"CH-0001-0471\"");
    assert_eq!(found[1], "the machine is Virtual, entered was CustomerHardware");
}

/// DG-012, EC-009: a trunk of another group is not shared; neither is one over a link that is too slow.
#[test]
fn trunks_of_other_groups_and_slow_links_are_named() {
    let runtime = wide("mty-edge-1");
    let other = evidence(&Question::Trunk(TrunkId::labelled("other-sip")), &facts(&runtime), "DG-012");
    assert_eq!(other, ["it belongs to edge group \"MTY_Other_Group\"; groups share nothing"]);
    let slow =
        format!("{}{}", sample::SAMPLE, sample::MORE_EDGES).replacen("latency_ms = 1", "latency_ms = 40", 1);
    let runtime = sample::runtime(&slow, "mty-edge-1");
    let found = evidence(&Question::Edge(edge_1()), &facts(&runtime), "DG-012");
    assert!(found.iter().any(|evidence| evidence.contains("40 ms")), "{found:?}");
}

/// DG-013, EC-010: the primary edge is down, and that is why the phone is at its secondary one.
#[test]
fn a_phone_fails_over_because_its_primary_edge_is_down() {
    let runtime = wide("mty-edge-2");
    let desk = PhoneId::labelled("carmen-desk");
    let mut facts = facts(&runtime);
    facts.edges = statuses(&runtime, None, &[edge_1()]).into_iter().collect();
    facts.phones.insert(desk, PhoneFacts { online: true, ..PhoneFacts::default() });
    let found = evidence(&Question::Phone(desk), &facts, "DG-013");
    assert_eq!(found, ["its primary edge does not answer; it is reached by way of this edge"]);
}

/// DG-020, DG-008: a phone that is not registered explains why its user, and whoever dials its number, gets nobody.
#[test]
fn an_absent_phone_explains_calls_that_arrive_nowhere() {
    let runtime = wide("mty-edge-2");
    let lobby = PhoneId::labelled("branch-lobby");
    let mut facts = facts(&runtime);
    facts.phones.insert(lobby, PhoneFacts { wrong_passwords: 4, ..PhoneFacts::default() });
    let expected = "it is not registered; its password was wrong 4 times";
    assert_eq!(evidence(&Question::Phone(lobby), &facts, "DG-020"), [expected]);
    let number = runtime.phones[&lobby].numbers[0];
    let found = evidence(&Question::Number(number), &facts, "DG-008");
    assert!(found.iter().any(|evidence| evidence.ends_with(expected)), "{found:?}");
    facts.phones.insert(lobby, PhoneFacts { online: true, ..PhoneFacts::default() });
    assert!(evidence(&Question::Number(number), &facts, "DG-008").is_empty());
}

fn trunk_found(known: TrunkFacts) -> Vec<(&'static str, String)> {
    let runtime = wide("mty-edge-1");
    let id = TrunkId::labelled("branch-sip");
    let mut facts = facts(&runtime);
    let before = found(&Question::Trunk(id), &facts);
    facts.trunks.insert(id, known);
    found(&Question::Trunk(id), &facts).into_iter().filter(|found| !before.contains(found)).collect()
}

fn down(reason: Reason, seconds: u64) -> TrunkFacts {
    TrunkFacts { standing: Some(Standing::Down(reason)), seconds, ..TrunkFacts::default() }
}

/// DG-044: a TLS handshake that fails is told, with what the verifier said.
/// DG-049: so is a password that is refused. DG-046: so is a registrar that never answers.
/// DG-031: every other reason why a trunk sends no calls is told as it is.
#[test]
fn a_trunk_that_is_down_says_why() {
    let fault = TlsFault { text: "self-signed certificate".into(), certificate: None };
    let unauthorized = Cause::Unauthorized {
        status: 401,
        fault: Some(AnswerError::Rejected),
        username: "sample".into(),
        uri: "sip:sample@carrier.example".into(),
        realm: "carrier".into(),
    };
    let silent = Cause::Silent { registrar: "registrar.carrier.example".into() };
    for (reason, seconds, row, text) in [
        (
            Reason::Unregistered(Cause::Tls(fault)),
            5,
            "DG-044",
            "TLS Handshake Error: self-signed certificate",
        ),
        (Reason::Unregistered(unauthorized), 5, "DG-049", "check user \"sample\""),
        (Reason::Unregistered(silent), 5, "DG-046", "no answer from registrar.carrier.example"),
        (Reason::RegistrationPending, 300, "DG-046", "for 300 s: registration pending"),
        (
            Reason::Unreachable("connection refused".into()),
            9,
            "DG-031",
            "no server answers: connection refused",
        ),
        (Reason::Unreachable("TLS handshake error: expired".into()), 9, "DG-033", "expired"),
        (Reason::Disabled("by the health check".into()), 9, "DG-031", "by the health check"),
    ] {
        let found = trunk_found(down(reason, seconds));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == row && found[0].1.contains(text), "{found:?}");
    }
    assert!(trunk_found(down(Reason::RegistrationPending, 3)).is_empty(), "three seconds are not for ever");
}

/// DG-050, ST-038: packets one way. DG-045: a port that is closed. Each with what was seen and what to do.
#[test]
fn missing_audio_is_named() {
    let (target, local) = ("203.0.113.9:4000".parse().unwrap(), "192.0.2.129:10000".parse().unwrap());
    let one_way = MediaDiagnosis::OneWay { sent: 500, local, open: Duration::from_secs(10) };
    let blocked = MediaDiagnosis::PortBlocked { target, local, unreachable: 12, rtcp: 0 };
    let found = trunk_found(TrunkFacts { media: vec![one_way, blocked], ..TrunkFacts::default() });
    let rows: Vec<_> = found.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, ["DG-045", "DG-050"]);
    assert!(found[1].1.contains("behind NAT advertise the public address"), "{found:?}");
}

/// DG-051: bad quality on a trunk that is up moves nothing, and that is said.
#[test]
fn bad_quality_does_not_fail_over_and_says_so() {
    let with = |mos: &[f64], standing| {
        trunk_found(TrunkFacts { mos: mos.to_vec(), standing: Some(standing), ..TrunkFacts::default() })
    };
    let poor = [4.3, 2.1, 4.2, 2.4];
    let found = with(&poor, Standing::Up);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].0 == "DG-051" && found[0].1.starts_with("2 of the last 4 calls scored below 3.1"),
        "{found:?}"
    );
    assert!(with(&[4.3, 4.2, 4.3, 2.9], Standing::Up).is_empty(), "one bad call in four");
    let down = with(&poor, Standing::Down(Reason::OutOfService));
    assert!(down.iter().all(|(row, _)| *row != "DG-051"));
}

/// DG-034: who was refused on a trunk. DG-032: identifiers that calls came for and no trunk has.
#[test]
fn refused_requests_are_shown() {
    let known = TrunkFacts {
        refused: vec!["203.0.113.66 is not on the list".into()],
        unknown_terminations: vec!["carrier-b-prod".into()],
        ..TrunkFacts::default()
    };
    let found = trunk_found(known);
    assert!(found.contains(&("DG-034", "203.0.113.66 is not on the list".into())));
    assert!(found.contains(&("DG-032", "a call came for \"carrier-b-prod\", which no trunk has".into())));
}

/// DG-026: the first output of Simulate Call that fails, with what is known of the running trunks.
#[test]
fn the_simulator_s_first_failure_is_the_diagnosis() {
    let runtime = wide("mty-edge-1");
    let branch = SiteId::labelled("mty-branch");
    let question = Question::Call { site: branch, dialled: "8155550188".into() };
    let mut facts = facts(&runtime);
    assert!(evidence(&question, &facts, "DG-026").is_empty());
    facts.trunks.insert(TrunkId::labelled("branch-sip"), down(Reason::OutOfService, 1));
    let found = evidence(&question, &facts, "DG-026");
    assert!(found[0].starts_with("Trunk settings: "), "{found:?}");
    let nonsense = Question::Call { site: branch, dialled: "call me".into() };
    assert!(evidence(&nonsense, &facts, "DG-026")[0].starts_with("Number normalization: "));
}
