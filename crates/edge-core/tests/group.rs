//! Edge groups: sharing, failover, load, draining.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/sample.rs"]
mod sample;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use edge_core::compile::{Role, Runtime};
use edge_core::group::{Busy, Group, Load, Output, Service, Watch, Way, spread, topology};
use sample::{organization, runtime, wide};
use telco_model::topology::{Relation, Status};
use telco_model::value::{EdgeId, PhoneId, TrunkId};

fn start() -> Instant {
    telco_testkit::Clock::new().now()
}

fn edge(name: &str) -> EdgeId {
    EdgeId::labelled(name)
}

fn group(runtime: &Runtime, now: Instant) -> Group {
    Group::new(runtime, Watch::default(), "1.4.2", now)
}

fn outputs(group: &mut Group) -> Vec<Output> {
    std::iter::from_fn(|| group.poll_output()).collect()
}

/// Runs a group for a time; neighbours that `lives` says so answer a tenth of a second after they are asked.
fn run(
    group: &mut Group,
    from: Instant,
    span: Duration,
    lives: impl Fn(EdgeId, Instant) -> bool,
) -> Vec<(Duration, Output)> {
    let (mut now, mut told, mut answers) = (from, Vec::new(), BTreeMap::new());
    loop {
        for output in outputs(group) {
            match output {
                Output::Ask(edge) if lives(edge, now) => {
                    answers.insert(now + Duration::from_millis(100), edge);
                }
                Output::Ask(_) => {}
                Output::NeighbourUp(_) | Output::NeighbourDown(_) | Output::EndCalls | Output::Drained => {
                    told.push((now - from, output));
                }
            }
        }
        let next = [answers.keys().next().copied(), group.next_timeout().map(|deadline| deadline.at)];
        let next = next.into_iter().flatten().min().unwrap();
        if next > from + span {
            return told;
        }
        now = next;
        match answers.remove(&now) {
            Some(edge) => group.heard(edge, None, now),
            None => group.handle_timeout(now),
        }
    }
}

/// EC-005: a trunk that is down here is reached by a neighbour of the group that lives; never by an edge of another group.
#[test]
fn a_trunk_that_is_down_is_reached_inside_the_group() {
    let (runtime, now) = (wide("mty-edge-1"), start());
    let mut group = group(&runtime, now);
    let trunk = &runtime.trunks[&TrunkId::labelled("branch-sip")];
    assert_eq!(group.trunk_way(trunk, true), Way::Here);
    assert_eq!(group.trunk_way(trunk, false), Way::Nowhere, "nobody was heard of yet");
    group.heard(edge("mty-edge-3"), None, now);
    group.heard(edge("other-edge"), None, now);
    assert_eq!(group.trunk_way(trunk, false), Way::Neighbour(edge("mty-edge-3")));
    assert!(group.neighbour(edge("other-edge")).is_none());
    assert!(!runtime.trunks.contains_key(&TrunkId::labelled("other-sip")));
    assert!(!wide("other-edge").trunks.contains_key(&TrunkId::labelled("branch-sip")));
}

/// EC-003, EC-004: a phone has a primary and a secondary edge; when the primary falls silent, a third edge reaches the phone by way
/// of the secondary within 15 seconds, whenever in the asking the silence begins.
#[test]
fn a_phone_is_reached_by_its_secondary_edge_within_15_seconds() {
    let runtime = wide("mty-edge-3");
    let desk = &runtime.phones[&PhoneId::labelled("carmen-desk")];
    let edges = [desk.assignment.primary.unwrap(), desk.assignment.secondary.unwrap()];
    assert_eq!(edges, [edge("mty-edge-1"), edge("mty-edge-2")]);
    assert_eq!(wide("mty-edge-1").phones[&desk.id].role, Some(Role::Primary));
    assert_eq!(wide("mty-edge-2").phones[&desk.id].role, Some(Role::Secondary));
    let begin = start();
    for tenth in 0..60u32 {
        let mut group = group(&runtime, begin);
        let dies = begin + Duration::from_secs(30) + Duration::from_millis(100) * tenth;
        let told =
            run(&mut group, begin, Duration::from_secs(60), |asked, now| asked != edges[0] || now < dies);
        let (down, _) = told.iter().find(|(_, output)| *output == Output::NeighbourDown(edges[0])).unwrap();
        let lag = begin + *down - dies;
        assert!(lag < Duration::from_secs(15), "{lag:?}");
        assert_eq!(group.phone_way(desk, false), Way::Neighbour(edges[1]));
        assert_eq!(group.phone_way(desk, true), Way::Here);
    }
}

#[test]
fn a_neighbour_that_comes_back_is_used_again() {
    let (runtime, begin) = (runtime(sample::SAMPLE, "mty-edge-1"), start());
    let mut group = group(&runtime, begin);
    let (down, up) = (begin + Duration::from_secs(10), begin + Duration::from_secs(40));
    let told = run(&mut group, begin, Duration::from_secs(60), |_, now| now < down || now >= up);
    let other = edge("mty-edge-2");
    let kinds: Vec<_> = told.iter().map(|(_, output)| *output).collect();
    assert_eq!(kinds, [Output::NeighbourUp(other), Output::NeighbourDown(other), Output::NeighbourUp(other)]);
    assert!(told[2].0 < Duration::from_secs(44), "{:?}", told[2].0);
}

/// EC-007: an edge that drains takes no new calls, lets those that run finish, ends what is left when the time is over, and is then
/// free to be updated. Other edges take the calls meanwhile. Emergency calls are taken to the last.
#[test]
fn draining_ends_without_cutting_what_finishes_in_time() {
    let (runtime, now) = (wide("mty-edge-1"), start());
    let mut group = group(&runtime, now);
    group.stage(Some("1.5.0".into()));
    (0..3).for_each(|_| group.admit(false, now).unwrap());
    group.drain(Duration::from_secs(5400), now);
    assert_eq!(group.admit(false, now), Err(Busy::OutOfService));
    assert_eq!(group.admit(true, now), Ok(()));
    assert!(!group.load(now).in_service, "neighbours are told");
    let other = Load { calls: 0, capacity: 60, calls_per_second: 0, most_per_second: 5, in_service: true };
    group.heard(edge("mty-edge-2"), Some(other), now);
    group.heard(edge("mty-edge-3"), Some(Load { in_service: false, ..other }), now);
    assert_eq!(group.relief(&runtime, u64::MAX), Some(edge("mty-edge-2")));

    group.ended();
    outputs(&mut group);
    let until = now + Duration::from_secs(5400);
    group.handle_timeout(until - Duration::from_secs(1));
    assert!(!outputs(&mut group).contains(&Output::EndCalls));
    group.handle_timeout(until);
    assert!(outputs(&mut group).contains(&Output::EndCalls));
    group.ended();
    group.ended();
    assert!(!outputs(&mut group).contains(&Output::Drained), "the emergency call goes on");
    group.ended();
    assert!(outputs(&mut group).contains(&Output::Drained));
    assert_eq!(group.service(), Service::Drained);
    group.resume();
    assert_eq!(group.admit(false, until), Ok(()));
}

/// EC-013, EC-029 for the edge: call capacity and calls per second are told, and hold.
#[test]
fn capacity_and_calls_per_second_are_told_and_hold() {
    let (runtime, begin) = (runtime(sample::SAMPLE, "mty-edge-1"), start());
    let mut group = group(&runtime, begin);
    let mut now = begin;
    let mut taken = 0;
    while taken < 60 {
        taken += u32::from(group.admit(false, now).is_ok());
        now += Duration::from_millis(50);
    }
    // 5 at once, then 5 a second.
    assert!((Duration::from_secs(10)..Duration::from_secs(12)).contains(&(now - begin)), "{:?}", now - begin);
    now += Duration::from_secs(1);
    assert_eq!(group.admit(false, now), Err(Busy::Calls));
    assert_eq!(group.admit(true, now), Ok(()), "an emergency call has room always");
    (0..10).for_each(|_| group.ended());
    let burst = (0..10).filter(|_| group.admit(false, now).is_ok()).count();
    assert_eq!((burst, group.admit(false, now)), (5, Err(Busy::Rate)));
    let load = group.load(now);
    assert_eq!(load.to_string(), "calls=56;capacity=60;cps=6;max-cps=5;service=in");
    assert_eq!(load.to_string().parse(), Ok(load));
    assert!(
        "calls=1;capacity=x;cps=0;max-cps=1;service=in".parse::<Load>().is_err()
            && "".parse::<Load>().is_err()
    );
    assert_eq!(group.load(now + Duration::from_secs(2)).calls_per_second, 0);
}

/// EC-014: calls go to the edges of a group in proportion to the room each has.
#[test]
fn calls_spread_in_proportion_to_capacity() {
    let load = |calls, capacity, in_service| Load {
        calls,
        capacity,
        calls_per_second: 0,
        most_per_second: 1,
        in_service,
    };
    let edges = [
        (edge("a"), load(0, 60, true)),
        (edge("full"), load(60, 60, true)),
        (edge("out"), load(0, 600, false)),
        (edge("b"), load(20, 140, true)),
    ];
    let mut share = BTreeMap::new();
    for step in 0..9000u64 {
        *share.entry(spread(&edges, step * (u64::MAX / 9000)).unwrap()).or_insert(0) += 1;
    }
    assert_eq!(share.len(), 2);
    assert!((2995..=3005).contains(&share[&edge("a")]), "{share:?}");
    assert_eq!(spread(&edges[1..3], 7), None);
}

/// EC-006: the information panel of each edge of the group.
#[test]
fn the_panel_tells_connectivity_service_software_and_pairing() {
    let (runtime, now) = (wide("mty-edge-3"), start());
    let mut group = group(&runtime, now);
    group.stage(Some("1.5.0".into()));
    group.heard(edge("mty-edge-1"), "calls=7;capacity=60;cps=1;max-cps=5;service=in".parse().ok(), now);
    (0..2).for_each(|_| group.failed(edge("mty-edge-2"), now));
    let statuses: BTreeMap<_, _> = group.statuses(&runtime, true, now).into_iter().collect();
    let text = |name: &str| statuses[&edge(name)].to_string();
    assert_eq!(
        text("mty-edge-3"),
        "MTY_Edge_03: online, in service, software 1.4.2, staged 1.5.0, calls=0;capacity=120;cps=0;max-cps=10;service=in"
    );
    assert_eq!(statuses[&edge("mty-edge-3")].pairing_id.as_deref(), Some("P-473"));
    assert!(text("mty-edge-1").starts_with("MTY_Edge_01: online, in service"));
    assert_eq!(statuses[&edge("mty-edge-1")].load.unwrap().calls, 7);
    assert!(text("mty-edge-2").starts_with("MTY_Edge_02: offline"));
    group.drain(Duration::from_secs(60), now);
    let drained = &group.statuses(&runtime, true, now)[0].1;
    assert_eq!((drained.service, drained.topology_status()), (Service::Drained, Status::Degraded));
    assert!(!statuses.contains_key(&edge("other-edge")));
}

/// EC-026: the map has every phone with its edges, also those the system chose, the relation of sites, and how things are.
#[test]
fn the_map_shows_assignments_relations_and_statuses() {
    let left_open = sample::SAMPLE.replacen(
        "primary_edge = \"@mty-edge-1\"\nsecondary_edge = \"@mty-edge-2\"\ncategory = { managed",
        "category = { managed",
        1,
    );
    let (runtime, now) = (runtime(&left_open, "mty-edge-1"), start());
    let mut group = group(&runtime, now);
    (0..2).for_each(|_| group.failed(edge("mty-edge-2"), now));
    let (desk, lobby, trunk) = (
        PhoneId::labelled("carmen-desk"),
        PhoneId::labelled("branch-lobby"),
        TrunkId::labelled("branch-sip"),
    );
    let map = topology(
        &runtime,
        &group.statuses(&runtime, true, now),
        |id| (id == trunk).then_some(Status::Up),
        |id| (id == desk).then_some(Status::Down),
    );
    let status = |entity| map.nodes[&entity].status;
    assert_eq!(status(edge("mty-edge-1").into()), Status::Up);
    assert_eq!(status(edge("mty-edge-2").into()), Status::Down);
    assert_eq!(
        (status(trunk.into()), status(desk.into()), status(lobby.into())),
        (Status::Up, Status::Down, Status::Unknown)
    );
    let edges_of = |phone: PhoneId| {
        let links = map.links.iter().filter(|link| link.from == phone.into());
        links.filter(|link| matches!(link.relation, Relation::PrimaryEdge | Relation::SecondaryEdge)).count()
    };
    assert_eq!((edges_of(desk), edges_of(lobby)), (2, 2), "one chosen, one entered");
    assert!(map.links.iter().any(|link| link.relation == Relation::EdgeOfSite));
    assert!(map.to_dot().contains("MTY_Edge_01"));
    assert_eq!(organization(&left_open).phone(desk).unwrap().primary_edge, None);
}
