//! The sample organization says what the handbook and the guides ask for, and its advice is right.

#![allow(clippy::unwrap_used, reason = "a test stops on a fault")]

use jiff::Timestamp;
use telco_model::{
    Organization,
    document::{self, Format},
    entity::*,
    organization::{BuildPlan, Change, Phase},
    value::*,
};

const SAMPLE: &str = include_str!("../samples/sample.toml");

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn edited(edits: &[(&str, &str)]) -> Organization {
    let text = edits.iter().fold(SAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    Organization::from_document(&text, Format::Toml, now())
        .unwrap_or_else(|error| panic!("{:#?}", error.problems))
}

fn issues(organization: &Organization, at: &str) -> Vec<String> {
    organization.issues(at.parse().unwrap()).into_iter().map(|issue| issue.code).collect()
}

fn has(edits: &[(&str, &str)], code: &str) -> bool {
    issues(&edited(edits), "2026-03-02T10:00:00Z").contains(&code.to_owned())
}

fn trunk(organization: &Organization, label: &str) -> Trunk {
    organization.trunk(TrunkId::labelled(label)).unwrap().clone()
}

/// TM-003: a site whose media model no telephony option has is told. TM-012: sites exist for all options.
#[test]
fn media_models_follow_the_deployment() {
    let models: Vec<_> = TelephonyOption::ALL.iter().map(|option| option.media_model()).collect();
    assert_eq!(models, [MediaModel::Cloud, MediaModel::Cloud, MediaModel::Premises]);
    assert!(!has(&[], "site.deployment"));
    assert!(has(
        &[("options = [\"byoc_cloud\", \"byoc_premises\"]", "options = [\"byoc_cloud\"]")],
        "site.deployment"
    ));
}

/// TM-006: the caller name is free text. TM-009: relays by site regions or lowest latency.
#[test]
fn general_settings_of_a_site() {
    let organization = edited(&[("caller_name = \"Sample Support\"", "caller_name = \"Soporte & Más ☎\"")]);
    let site = organization.named::<Site>("dal_support_cloud").unwrap();
    assert_eq!(site.caller_name.as_ref().unwrap().as_str(), "Soporte & Más ☎");
    assert_eq!(site.relay, RelayBehavior::LowestLatency);
    assert_eq!(organization.named::<Site>("MTY_Main_Cloud").unwrap().relay, RelayBehavior::SiteRegions);
}

/// TM-014: an outbound route has name, classifications, ordered trunks, distribution and state. TM-015: several
/// classifications and trunks.
#[test]
fn outbound_routes_carry_several_classifications_over_several_trunks() {
    let organization = edited(&[]);
    let route = organization.outbound_route(OutboundRouteId::labelled("dal-pstn")).unwrap();
    assert_eq!((route.classifications.len(), route.enabled), (3, true));
    let RouteTarget::Trunks(list) = &route.target else { panic!("a list of trunks") };
    assert_eq!(list.distribution, Distribution::Sequential);
    let names: Vec<_> = organization.trunks_of(route).iter().map(|trunk| trunk.name.as_str()).collect();
    assert_eq!(names, ["CarrierA_BYOCCarrier_Prod", "CarrierB_BYOCCarrier_Failover"]);
}

/// TM-018: the fields of a trunk. TM-022: a header with a fixed value. TM-023: several servers, in order.
#[test]
fn a_trunk_has_the_fields_of_the_handbook() {
    let trunk = trunk(&edited(&[]), "redsky");
    let servers: Vec<_> = trunk.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["gw1.e911.example:5061", "gw2.e911.example:5061"]);
    assert_eq!(
        (trunk.kind, trunk.transport, trunk.in_service),
        (TrunkKind::ByocCarrier, Transport::Tls, true)
    );
    assert_eq!(trunk.termination.unwrap().as_str(), "redsky");
    assert_eq!(trunk.access.permits("192.0.2.58".parse().unwrap()), Some(true));
    assert_eq!(trunk.access.permits("192.0.2.59".parse().unwrap()), Some(false));
    assert_eq!(trunk.protocol.custom_headers[0].name.as_str(), "E911-Organization-ID");
    assert!(trunk.emergency.unwrap().covers("933"));
    assert!(!trunk.protocol.pbx_passthrough && trunk.digest.is_none() && trunk.request_uri.host.is_none());
}

/// TM-020: the settings of a trunk to an external device.
#[test]
fn a_trunk_to_an_external_device() {
    let trunk = trunk(&edited(&[]), "device");
    let protocol = &trunk.protocol;
    assert!(
        protocol.take_back_and_transfer && protocol.conversation_headers && !protocol.release_link_transfer
    );
    assert_eq!(protocol.uui.unwrap().header, UuiHeader::UserToUser);
    assert_eq!(trunk.identity.address_override, Some(AddressOverride::UnassignedDid));
    assert_eq!(trunk.media.codecs, [Codec::Pcmu, Codec::Pcma]);
    assert_eq!((trunk.identity.calling.omit_plus, trunk.identity.called.omit_plus), (false, false));
}

/// TM-024: the registration of a trunk. TM-025: the numbers of a trunk, which another may have too.
#[test]
fn a_trunk_registers_and_has_numbers() {
    let organization = edited(&[]);
    let registration = trunk(&organization, "carrier-a").registration.unwrap();
    assert_eq!(registration.registrar.to_string(), "registrar.carrier-a.example");
    assert_eq!((registration.port, registration.transport), (Some(5061), Transport::Tls));
    assert_eq!(registration.uri.user(), Some("sample-a"));
    assert_eq!(trunk(&organization, "carrier-a").numbers, trunk(&organization, "carrier-b").numbers);
}

/// TM-027: a dial plan, global or of a site, has patterns with trunk group and priority.
#[test]
fn a_dial_plan_is_global_or_of_a_site() {
    let organization = edited(&[]);
    let plan = organization.dial_plan_of(SiteId::labelled("mty-main")).unwrap();
    assert_eq!((plan.site, plan.patterns.len(), plan.patterns[1].pattern.is_catch_all()), (None, 2, true));
    let own = edited(&[("name = \"Global Dial Plan\"", "name = \"Branch\"\nsite = \"@mty-main\"")]);
    assert!(own.dial_plan_of(SiteId::labelled("mty-main")).is_some());
    assert!(own.dial_plan_of(SiteId::labelled("dal-support")).is_none());
}

/// TM-041: what an edge has. TM-043: edges of a group share its trunks, those of another group do not.
#[test]
fn edges_share_the_trunks_of_their_group() {
    let organization = edited(&[]);
    let group = organization.named::<EdgeGroup>("MTY_Core_Group").unwrap();
    assert_eq!((organization.edges_of(group.id).count(), group.trunks.len()), (2, 2));
    let edge = organization.named::<Edge>("MTY_Edge_01").unwrap();
    assert_eq!(
        (edge.capacity.calls, edge.interfaces.len(), edge.solution),
        (60, 2, HardwareSolution::CustomerHardware)
    );
    let mut other = group.clone();
    other.id = EdgeGroupId::labelled("other");
    other.name = "MTY_Other_Group".parse().unwrap();
    let rejected = organization.clone().apply(Change::create(other), Actor::System, now()).unwrap_err();
    assert!(rejected.problems().iter().all(|problem| problem.code == "group.not_a_member"));
}

/// TM-045: slow links in a group. TM-046: capacities more than a quarter apart. TM-047: demand that one edge less
/// cannot carry.
#[test]
fn edge_groups_are_looked_over() {
    assert!(!["group.latency", "group.capacity", "group.n_plus_1"].iter().any(|code| has(&[], code)));
    assert!(has(&[("latency_ms = 1", "latency_ms = 11")], "group.latency"));
    let capacity = "capacity = { calls = 60, calls_per_second = 5 }";
    assert!(has(&[(capacity, "capacity = { calls = 76, calls_per_second = 5 }")], "group.capacity"));
    assert!(!has(&[(capacity, "capacity = { calls = 75, calls_per_second = 5 }")], "group.capacity"));
    assert!(has(&[("peak_calls = 45", "peak_calls = 61")], "group.n_plus_1"));
}

/// TM-048: phones of four categories. TM-049: with the fields of their category. TM-050: line keys for lines, speed
/// dials and busy lamps. TM-053: WebRTC phones have the WebRTC profile and a user.
#[test]
fn phones_of_four_categories() {
    let organization = edited(&[]);
    let labels: std::collections::BTreeSet<_> =
        organization.phones().map(|phone| phone.category.label()).collect();
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["Managed", "Remote", "Unmanaged", "WebRTC"]);
    let desk = organization.named::<Phone>("CarmenRuiz_VVX450").unwrap();
    assert!(matches!(desk.hardware_id(), Some(HardwareId::Mac(mac)) if mac.to_string() == "0004f2aabb01"));
    assert!(matches!(desk.line_keys[0].function, LineKeyFunction::Line(LineIdentity::Extension(_))));
    assert!(matches!(desk.line_keys[1].function, LineKeyFunction::Blf(_)));
    assert!(matches!(desk.line_keys[2].function, LineKeyFunction::SpeedDial(_)));
    let webrtc = organization.named::<Phone>("AnaTorres_WebRTC").unwrap();
    assert_eq!(webrtc.user(), Some(UserId::labelled("ana")));
    let profile = organization.base_settings(webrtc.base_settings).unwrap();
    assert_eq!(profile.model.as_str(), BaseSettings::WEBRTC_MODEL);
    let late = SAMPLE.replacen("base_settings = \"@webrtc\"", "base_settings = \"@none\"", 1);
    let error = Organization::from_document(&late, Format::Toml, now()).unwrap_err();
    assert_eq!(error.problems[0].code, "reference.missing");
}

/// TM-051: the fields of base settings, with the documented defaults.
#[test]
fn base_settings_have_their_defaults() {
    let organization = edited(&[]);
    let profile = organization.named::<BaseSettings>("Branch Poly VVX 450").unwrap();
    assert_eq!((profile.rtp_port_start, profile.dtmf_payload), (4000, 101));
    assert_eq!((profile.transport_dscp.get(), profile.media_dscp.get()), (24, 46));
    assert!(profile.dynamic_reload && profile.held.is_some() && profile.model_supports_held());
    let firmware = profile.firmware.version.as_ref().unwrap();
    assert_eq!(firmware.as_str(), "6.4.6.2453");
}

/// TM-054: a location has a civic address and two flags, and stands for sites, phones and users. TM-055: an authority
/// has a name, a type, a certificate, services and dates.
#[test]
fn locations_and_authorities() {
    let organization = edited(&[]);
    let place = organization.named::<Location>("Dallas 4 West").unwrap();
    assert_eq!(
        (place.verified, place.available_for_sites, place.address.country),
        (true, false, CountryCode::US)
    );
    let used: Vec<_> = organization.referrers(place.id).map(|from| from.kind()).collect();
    assert_eq!(used, [EntityKind::User, EntityKind::Phone]);
    let authority = organization.named::<CertificateAuthority>("Carrier A Root").unwrap();
    assert_eq!((authority.kind, authority.services.len()), (AuthorityKind::Remote, 1));
    assert!(authority.not_before < authority.not_after);
}

/// TM-058: entities in any order load, and what is out of order is a plan.
#[test]
fn out_of_order_references_are_a_plan() {
    let mut entities = document::parse(SAMPLE, Format::Toml).unwrap();
    entities.reverse();
    let plan = BuildPlan::of(&entities);
    assert!(plan.out_of_order.len() > 20);
    let phases: Vec<_> = plan.steps.iter().map(|(phase, _)| *phase).collect();
    assert!(phases.is_sorted());
    let first = plan.steps.iter().find(|(phase, _)| *phase == Phase::Telephony).unwrap();
    assert_eq!(first.1.kind(), EntityKind::Site);
    assert!(Organization::from_entities(entities, now()).is_ok());
}

/// TM-059: what ends is told with its date, by the clock that is given.
#[test]
fn deprecations_are_dated() {
    let edits = [("solution = \"customer_hardware\"", "solution = \"genesys_hardware\"")];
    let organization = edited(&edits);
    let told = |at: &str| {
        let issues = organization.issues(at.parse().unwrap());
        issues.into_iter().find(|issue| issue.code == "deprecated.hardware").unwrap().message
    };
    assert!(told("2026-11-30T23:59:59Z").contains("ends on 2026-12-01"));
    assert!(told("2026-12-01T00:00:00Z").contains("ended on 2026-12-01"));
    assert!(issues(&organization, "2026-03-02T10:00:00Z").contains(&"deprecated.survivability".to_owned()));
}

/// TM-062: an organization lives in one region, and a trunk's host is made of its identifier and the region's domain.
#[test]
fn termination_hosts_are_made_of_identifier_and_region() {
    let organization = edited(&[]);
    let settings = organization.settings().unwrap();
    assert_eq!(settings.region.as_str(), "us-east-1");
    let host = settings.termination_host(&"carrier-a-prod".parse().unwrap());
    assert_eq!(host, "carrier-a-prod.byoc.voice.example");
}
