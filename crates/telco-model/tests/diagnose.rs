//! Diagnoses: each row of the table is found where the configuration shows it, and not in the sound sample.

#![allow(clippy::unwrap_used, reason = "a test stops on a fault")]

use jiff::Timestamp;
use telco_model::{
    Organization,
    diagnose::{Query, ROWS},
    document::Format,
    entity::Actor,
    value::*,
};

const SAMPLE: &str = include_str!("../samples/sample.toml");

/// The rows a query finds in the sample after edits, an hour and a half after it was made.
fn rows(edits: &[(&str, &str)], query: Query) -> Vec<&'static str> {
    rows_at(edits, query, "2026-12-01T11:30:00Z")
}

fn rows_at(edits: &[(&str, &str)], query: Query, at: &str) -> Vec<&'static str> {
    let text = edits.iter().fold(SAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let made: Timestamp = "2026-12-01T10:00:00Z".parse().unwrap();
    let organization = Organization::from_document(&text, Format::Toml, made)
        .unwrap_or_else(|error| panic!("{:#?}", error.problems));
    let found = organization.diagnose(query, at.parse().unwrap());
    assert!(
        found.iter().all(|diagnosis| !diagnosis.evidence.is_empty() && !diagnosis.row.resolution.is_empty())
    );
    found.into_iter().map(|diagnosis| diagnosis.row.id).collect()
}

fn check(edits: &[(&str, &str)], query: Query, row: &str) {
    let found = rows(edits, query);
    assert!(found.contains(&row), "{row} in {found:?}");
    if !edits.is_empty() {
        assert!(!rows(&[], query).contains(&row), "{row} without the fault");
    }
}

fn number(text: &str) -> Query {
    Query::Number(text.parse().unwrap())
}

fn extension(text: &str) -> Query {
    Query::Extension(text.parse().unwrap())
}

/// DG-001, DG-002, DG-003, DG-004, DG-005: certificate authorities.
#[test]
fn certificate_authorities() {
    let root = Query::Authority(CertificateAuthorityId::labelled("carrier-a-root"));
    let services = "services = [\"sip\"]";
    check(&[(services, "services = []")], Query::Trunk(TrunkId::labelled("branch-sip")), "DG-001");
    check(&[("kind = \"remote\"", "kind = \"managed\"")], root, "DG-002");
    check(&[(services, "services = []")], root, "DG-003");
    assert!(rows_at(&[], root, "2036-12-01T00:00:00Z").contains(&"DG-003"));
    check(&[], Query::Administrator(Actor::User(UserId::labelled("ana"))), "DG-004");
    assert!(rows(&[], Query::Administrator(Actor::User(UserId::labelled("carmen")))).is_empty());
    check(&[("options = [\"byoc_cloud\", \"byoc_premises\"]", "options = [\"byoc_cloud\"]")], root, "DG-005");
}

/// DG-006, DG-007, DG-008, DG-009, DG-010, DG-047, DG-052: numbers.
#[test]
fn numbers() {
    check(&[], number("+12145559999"), "DG-006");
    check(&[], number("+12145559999"), "DG-007");
    check(&[], number("+12145550101"), "DG-007");
    check(&[], number("+12145550140"), "DG-008");
    let route = "numbers = [\"+528155550100\"]\ncall_flow = \"@main-ivr\"";
    let other = "numbers = [\"+528155550100\"]\ncall_flow = \"@sales-flow\"";
    check(&[(route, other)], number("+528155550100"), "DG-009");
    check(&[], number("+18885550198"), "DG-010");
    let registered =
        "digest = { realm = \"carrier-b.example\", username = \"sample-b\", password = \"sample-secret-b\" }";
    let registers = "registration = { registrar = \"sip.carrier-b.example\", transport = \"tls\", username = \"b\", \
                     password = \"b\", uri = \"sip:b@carrier-b.example\" }";
    check(&[(registered, registers)], number("+528155550110"), "DG-047");
    let toll_free = "numbers = [\"+18005550199\"]\ncall_flow = \"@support-flow\"";
    let twice =
        "numbers = [\"+18005550199\", \"+528155550100\"]\ncall_flow = \"@support-flow\"\npriority = 2";
    check(&[(toll_free, twice)], number("+528155550100"), "DG-052");
}

/// DG-016, DG-017, DG-018, DG-019, DG-020, DG-021: extensions.
#[test]
fn extensions() {
    check(&[], extension("4999"), "DG-016");
    check(&[], extension("4101"), "DG-017");
    check(&[], extension("4150"), "DG-019");
    let sarah = "{ kind = \"work\", extension = \"4102\" }";
    let full = "{ kind = \"work\", number = \"+12145550102\", extension = \"4102\" }";
    check(&[(sarah, full)], extension("4102"), "DG-018");
    check(&[(sarah, full)], Query::User(UserId::labelled("sarah")), "DG-020");
    assert!(rows_at(&[], extension("4102"), "2026-12-01T10:59:00Z").contains(&"DG-021"));
    assert!(!rows_at(&[], extension("4102"), "2026-12-01T11:00:00Z").contains(&"DG-021"));
}

/// DG-022, DG-023, DG-024, DG-025, DG-043: sites.
#[test]
fn sites() {
    let dallas = Query::Site(SiteId::labelled("dal-support"));
    check(&[], dallas, "DG-022");
    check(&[], dallas, "DG-023");
    let main = Query::Site(SiteId::labelled("mty-main"));
    let enabled = "target = { trunk_group = \"@primary-failover\" }\nenabled = true";
    let disabled = "target = { trunk_group = \"@primary-failover\" }\nenabled = false";
    let found = rows(&[(enabled, disabled)], main).into_iter().filter(|row| *row == "DG-025").count();
    let usual = rows(&[], main).into_iter().filter(|row| *row == "DG-025").count();
    assert!(found > usual);
    let e911 = "target = { trunks = { trunks = [\"@redsky\"] } }\nenabled = true";
    let found = rows(&[(e911, "target = { trunks = { trunks = [\"@redsky\"] } }")], dallas);
    assert!(found.contains(&"DG-024"));
    check(&[("media_regions = [\"us-east-1\"]\n", "")], main, "DG-043");
}

/// DG-031, DG-032, DG-033, DG-034, DG-035, DG-036, DG-045, DG-046: trunks.
#[test]
fn trunks() {
    let carrier = Query::Trunk(TrunkId::labelled("carrier-a"));
    let kind = "subtype = \"Generic BYOC Carrier\"\nin_service = true";
    check(&[(kind, "subtype = \"Generic BYOC Carrier\"\nin_service = false")], carrier, "DG-031");
    check(&[], carrier, "DG-032");
    check(&[("sip.carrier-a.example:5061", "203.0.113.5:5061")], carrier, "DG-033");
    check(&[("allow = [\"203.0.113.0/28\"]", "allow = [\"0.0.0.0/0\"]")], carrier, "DG-034");
    let device = Query::Trunk(TrunkId::labelled("device"));
    let caller = "caller_address = \"+12145550100\"\naddress_override";
    check(&[(caller, "address_override")], device, "DG-035");
    let route = "target = { trunks = { trunks = [\"@device\"] } }";
    check(&[(route, "target = { trunks = { trunks = [\"@carrier-a\"] } }")], device, "DG-036");
    check(
        &[(
            "codecs = [\"audio/pcmu\", \"audio/pcma\"]\n\n[trunks.protocol]",
            "ports = \"10000-10000\"\n\n[trunks.protocol]",
        )],
        device,
        "DG-045",
    );
    check(&[("registrar.carrier-a.example", "proxy.voice.example")], carrier, "DG-046");
}

/// DG-012, DG-013, DG-028, DG-037, DG-040: edges and phones.
#[test]
fn edges_and_phones() {
    let core = Query::EdgeGroup(EdgeGroupId::labelled("mty-core"));
    check(&[("latency_ms = 1", "latency_ms = 40")], core, "DG-012");
    let desk = Query::Phone(PhoneId::labelled("carmen-desk"));
    check(&[("secondary_edge = \"@mty-edge-2\"\n", "")], desk, "DG-013");
    let moved = (
        "name = \"CarmenRuiz_VVX450\"\nsite = \"@mty-branch\"",
        "name = \"CarmenRuiz_VVX450\"\nsite = \"@hq\"",
    );
    let site = "[[sites]]\nid = \"@hq\"\nname = \"MTY_HQ_Prem\"\nlocation = \"@mty\"\ntime_zone = \"America/Monterrey\"\n\
                media_model = \"premises\"\n\n[[trunks]]\nid = \"@carrier-a\"";
    check(&[moved, ("[[trunks]]\nid = \"@carrier-a\"", site)], desk, "DG-028");
    let webrtc = Query::Phone(PhoneId::labelled("ana-webrtc"));
    check(&[("persistent_connection = { timeout_seconds = 600 }\n", "")], webrtc, "DG-037");
    check(&[], Query::User(UserId::labelled("luis")), "DG-040");
}

/// DG-029, DG-030, DG-048: topology and dial plans.
#[test]
fn topology_and_dial_plans() {
    let idle = (
        "name = \"LuisMendez_Remote\"\nsite = \"@mty-main\"",
        "name = \"LuisMendez_Remote\"\nsite = \"@dal-support\"",
    );
    check(&[idle], Query::Topology, "DG-029");
    check(&[("name = \"MTY_Main_Cloud\"", "name = \"Monterrey\"")], Query::Topology, "DG-030");
    let group = "[[edge_groups]]";
    let second = "[[trunk_groups]]\nid = \"@b-only\"\nname = \"TG-B\"\nmembers = [{ trunk = \"@carrier-b\", priority = 1 }]\n\n[[edge_groups]]";
    let pattern = (
        "pattern = \"+1.*\", trunk_group = \"@primary-failover\"",
        "pattern = \"+1.*\", trunk_group = \"@b-only\"",
    );
    check(&[(group, second), pattern], Query::DialPlans, "DG-048");
}

#[test]
fn rows_are_in_order_and_named_once() {
    assert!(ROWS.windows(2).all(|pair| pair[0].id < pair[1].id));
}
