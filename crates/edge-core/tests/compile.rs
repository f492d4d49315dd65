//! An organization compiled for one edge.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use edge_core::compile::{Issue, Reach, Role, Runtime, Severity, compile};
use edge_core::media::PoolId;
use telco_model::Organization;
use telco_model::document::Format;
use telco_model::entity::{Actor, DidTarget, HasKind, Phone, State};
use telco_model::organization::Change;
use telco_model::value::{EdgeId, PhoneId, SiteId, TrunkId, UserId};

const SAMPLE: &str = include_str!("../../telco-model/samples/sample.toml");

fn organization(text: &str) -> Organization {
    Organization::from_document(text, Format::Toml, "2026-03-02T10:00:00Z".parse().unwrap())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn edge_1(text: &str) -> (Runtime, Vec<Issue>) {
    compile(&organization(text), EdgeId::labelled("mty-edge-1"))
}

/// The sample with accounts for its two desk phones.
fn with_accounts(carmen: &str, lobby: &str) -> String {
    let account = |name: &str| format!("digest = {{ username = \"{name}\", password = \"s3cret\" }}\n");
    let insert = |text: String, before: &str, name: &str| {
        text.replacen(before, &format!("{}{before}", account(name)), 1)
    };
    let text =
        insert(SAMPLE.into(), "category = { managed = { hardware_id = { mac = \"0004f2aabb01\"", carmen);
    insert(text, "category = { managed = { hardware_id = { mac = \"0004f2aabb02\"", lobby)
}

#[test]
fn everything_a_call_needs_is_one_look_up_away() {
    let (runtime, issues) = edge_1(&with_accounts("carmen", "lobby"));
    let errors: Vec<_> = issues.iter().filter(|issue| issue.severity == Severity::Error).collect();
    assert!(errors.iter().all(|issue| issue.name == "Branch_Fax_ATA"), "{errors:#?}");

    let carmen = &runtime.phones[&PhoneId::labelled("carmen-desk")];
    let Reach::Registered(account) = &carmen.reach else { panic!("{:?}", carmen.reach) };
    assert_eq!(account.lines, [Box::from("carmen"), Box::from("4202")]);
    assert_eq!((carmen.role, account.has_secondary), (Some(Role::Primary), true));
    assert_eq!(runtime.accounts["carmen"].phone, carmen.id);
    assert_eq!(runtime.users[&UserId::labelled("carmen")].phones, [carmen.id]);

    let lobby = &runtime.phones[&PhoneId::labelled("branch-lobby")];
    assert_eq!(lobby.role, Some(Role::Secondary));
    let number = lobby.numbers[0];
    assert_eq!(runtime.inbound(number).target, Ok(DidTarget::Phone(lobby.id)));

    let site = runtime.site_of(carmen).unwrap();
    assert!(site.plan.is_some() && site.is_emergency_number("911"));
    assert_eq!(site.place.callback, Some("+528155550130".parse().unwrap()));
    assert_eq!(runtime.phone_trunk().unwrap().settings.id, TrunkId::labelled("branch-phones"));
    assert!(runtime.flows.len() == runtime.organization.call_flows().len());
}

/// EC-005: the trunks of an edge are those of its group; those of others are not there to be used.
#[test]
fn trunks_are_shared_inside_the_group_and_nowhere_else() {
    let (runtime, _) = edge_1(SAMPLE);
    let carrier = &runtime.trunks[&TrunkId::labelled("branch-sip")];
    assert_eq!(carrier.run_by, [EdgeId::labelled("mty-edge-1"), EdgeId::labelled("mty-edge-2")]);
    assert_eq!(carrier.neighbours().collect::<Vec<_>>(), [EdgeId::labelled("mty-edge-2")]);
    assert!(!runtime.trunks.contains_key(&TrunkId::labelled("carrier-a")));

    // A trunk bound to an interface of one edge alone runs there, and the others of the group reach it through that edge.
    let one = SAMPLE.replacen(
        "addresses = [\"192.0.2.129\"], trunks = [\"@branch-sip\"]",
        "addresses = [\"192.0.2.129\"]",
        1,
    );
    let (runtime, _) = edge_1(&one);
    let carrier = &runtime.trunks[&TrunkId::labelled("branch-sip")];
    assert!(!carrier.runs_here());
    assert_eq!(carrier.neighbours().collect::<Vec<_>>(), [EdgeId::labelled("mty-edge-2")]);
}

/// EC-025: an unmanaged phone has the secondary edge an administrator entered, and none by itself.
#[test]
fn an_unmanaged_phone_gets_no_secondary_edge_by_itself() {
    let fax = "primary_edge = \"@mty-edge-1\"\nsecondary_edge = \"@mty-edge-2\"\ncategory = { unmanaged";
    let desk = "primary_edge = \"@mty-edge-1\"\nsecondary_edge = \"@mty-edge-2\"\ncategory = { managed";
    let bare = SAMPLE.replacen(fax, "category = { unmanaged", 1).replacen(desk, "category = { managed", 1);
    let (runtime, _) = edge_1(&bare);
    let fax = &runtime.phones[&PhoneId::labelled("branch-fax")].assignment;
    assert!(fax.primary.is_some() && fax.secondary.is_none());
    let desk = &runtime.phones[&PhoneId::labelled("carmen-desk")].assignment;
    assert!(desk.primary.is_some() && desk.secondary.is_some() && desk.primary != desk.secondary);
    let remote = &runtime.phones[&PhoneId::labelled("luis-remote")];
    assert!(matches!(remote.reach, Reach::Remote(_)) && remote.assignment.primary.is_none());
}

/// EC-014: phones without edges of their own are spread over the edges of their site in proportion to capacity.
#[test]
fn phones_spread_in_proportion_to_capacity() {
    let text = SAMPLE.replacen("capacity = { calls = 60,", "capacity = { calls = 180,", 1);
    let base = organization(&text);
    let desk = base.named::<Phone>("CarmenRuiz_VVX450").unwrap();
    let share = (0..4000)
        .map(|id| Phone {
            id: PhoneId::from_u128(id),
            primary_edge: None,
            secondary_edge: None,
            ..desk.clone()
        })
        .filter(|phone| {
            let assignment = edge_core::compile::Assignment::of(&base, phone);
            assignment.primary == Some(EdgeId::labelled("mty-edge-1"))
        })
        .count();
    assert!((2850..3150).contains(&share), "{share} of 4000 at an edge with 180 of 240 calls");
}

#[test]
fn all_problems_come_at_once_with_their_paths() {
    let text = with_accounts("desk", "desk").replacen(
        "in_service = true\ncapacity",
        "in_service = false\ncapacity",
        1,
    );
    let (_, issues) = edge_1(&text);
    let told: Vec<_> = issues.iter().map(|issue| (issue.code, &*issue.path, issue.name.as_str())).collect();
    assert!(
        told.contains(&("phone.username_taken", "digest.username", "Branch_Lobby_VVX450"))
            || told.contains(&("phone.username_taken", "digest.username", "CarmenRuiz_VVX450")),
        "{told:?}"
    );
    assert!(told.contains(&("phone.no_account", "digest", "Branch_Fax_ATA")), "{told:?}");
    assert!(told.contains(&("edge.out_of_service", "in_service", "MTY_Edge_01")), "{told:?}");
    assert!(issues.is_sorted_by_key(|issue| issue.severity));
    let (nothing, unknown) = compile(&organization(SAMPLE), EdgeId::labelled("elsewhere"));
    assert!(nothing.edge.is_none() && unknown[0].code == "edge.unknown");
}

/// ST-036, K5: trunks with the same ports of their own share a range; ports that overlap with those of the edge or of another trunk are
/// an error, and the trunk has those of the edge.
#[test]
fn every_range_of_media_ports_is_prepared_once() {
    let with_ports = |ports: &str| {
        let media = format!("in_service = true\nsite = \"@mty-branch\"\nmedia = {{ ports = \"{ports}\" }}");
        SAMPLE.replacen("in_service = true\nsite = \"@mty-branch\"", &media, 1)
    };
    let carrier = TrunkId::labelled("branch-sip");
    let (runtime, _) = edge_1(SAMPLE);
    assert_eq!((runtime.media_ranges.len(), runtime.trunks[&carrier].pool), (1, PoolId(0)));
    let (runtime, issues) = edge_1(&with_ports("40000-40099"));
    assert!(issues.iter().all(|issue| issue.path != "media.ports"), "{issues:#?}");
    let [_, own] = &runtime.media_ranges[..] else { panic!("{:?}", runtime.media_ranges) };
    assert_eq!((own.pool, own.ports.pairs().count(), own.calls), (PoolId(40_000), 50, 60));
    assert_eq!(own.bind, Some("192.0.2.129".parse().unwrap()), "the address of its interface");
    assert_eq!(runtime.trunks[&carrier].profile().pool, own.pool);
    for (ports, why) in [
        ("19999-20010", "19999-20010 overlaps with 10000-20000 of the edge; give it ports nobody else has"),
        ("40001-40002", "40001 to 40002 holds no pair of an even port and the next; widen the range"),
        ("80-99", "port 80 is below 1024; start the range at 1024 or higher"),
    ] {
        let (runtime, issues) = edge_1(&with_ports(ports));
        let told: Vec<_> = issues.iter().filter(|issue| issue.path == "media.ports").collect();
        assert_eq!(told.iter().map(|issue| issue.message.as_str()).collect::<Vec<_>>(), [why]);
        assert_eq!((runtime.media_ranges.len(), runtime.trunks[&carrier].pool), (1, PoolId(0)));
    }
}

/// A running call keeps the trunk it was compiled with: a new runtime shares nothing it would have to change.
#[test]
fn a_call_keeps_its_trunk_over_a_new_configuration() {
    let (before, _) = edge_1(SAMPLE);
    let held: Arc<_> = before.trunks[&TrunkId::labelled("branch-sip")].clone();
    drop(before);
    let renamed = SAMPLE.replacen("max_calls = 200", "max_calls = 3", 1);
    let (after, _) = edge_1(&renamed);
    assert!(held.settings.in_service);
    assert!(!Arc::ptr_eq(&held, &after.trunks[&TrunkId::labelled("branch-sip")]));
    assert_eq!(after.sites[&SiteId::labelled("mty-branch")].id, SiteId::labelled("mty-branch"));
}

/// Any valid organization compiles for any of its edges, and for one it does not have: each entity is taken away in turn, with
/// what refers to it.
#[test]
fn every_part_of_an_organization_may_be_missing() {
    let whole = organization(SAMPLE);
    let now = "2026-03-02T10:00:00Z".parse().unwrap();
    let mut compiled = 0;
    for gone in whole.refs() {
        let mut out = vec![gone];
        let mut at = 0;
        while let Some(next) = out.get(at).copied() {
            out.extend(whole.referrers(next).filter(|from| !out.contains(from)).collect::<Vec<_>>());
            at += 1;
        }
        let rest = whole.refs().filter(|entity| !out.contains(entity)).filter_map(|entity| whole.get(entity));
        let Ok(smaller) = Organization::from_entities(rest.collect::<Vec<_>>(), now) else { continue };
        for edge in whole.edges() {
            let (runtime, _) = compile(&smaller, edge.id());
            assert_eq!(runtime.edge.is_some(), smaller.edge(edge.id).is_some());
            compiled += 1;
        }
    }
    assert!(compiled > 40, "{compiled}");
}

/// EC-024: an inactive phone has no account: it cannot register, and nobody rings it. It comes back with its state.
#[test]
fn an_inactive_phone_cannot_register() {
    let mut organization = organization(&with_accounts("carmen", "lobby"));
    let (target, now) = (PhoneId::labelled("carmen-desk"), "2026-03-03T10:00:00Z".parse().unwrap());
    for (state, reachable) in [(State::Inactive, false), (State::Active, true)] {
        let expected = organization.meta(target).unwrap().version;
        let change = Change::SetState { target: target.into(), state, expected };
        organization.apply(change, Actor::System, now).unwrap();
        let (runtime, issues) = compile(&organization, EdgeId::labelled("mty-edge-1"));
        assert_eq!(runtime.accounts.contains_key("carmen"), reachable);
        assert_eq!(matches!(runtime.phones[&target].reach, Reach::Registered(_)), reachable);
        assert!(
            issues.iter().all(|issue| issue.code != "phone.no_account" || issue.name == "Branch_Fax_ATA")
        );
    }
}
