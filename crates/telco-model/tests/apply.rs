//! Changing an organization: what is refused, with what reason, and that a refusal changes nothing.

#![allow(clippy::unwrap_used, reason = "a test stops on a fault")]

use jiff::Timestamp;
use telco_model::{
    Organization,
    document::Format,
    entity::*,
    organization::{Change, RegionDirectory, Rejected},
    value::*,
};

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn sample() -> Organization {
    Organization::from_document(include_str!("../samples/sample.toml"), Format::Toml, now()).unwrap()
}

/// Applies a change that must be refused; the codes of its problems, the organization unchanged.
fn refused(organization: &mut Organization, change: Change) -> (Rejected, Vec<String>) {
    let before = organization.clone();
    let rejected = organization.apply(change, Actor::System, now()).unwrap_err();
    assert_eq!(*organization, before);
    let codes =
        rejected.problems().iter().map(|problem| format!("{} {}", problem.path, problem.code)).collect();
    (rejected, codes)
}

fn update_site(organization: &Organization, label: &str, edit: impl FnOnce(&mut Site)) -> Change {
    let mut site = organization.site(SiteId::labelled(label)).unwrap().clone();
    edit(&mut site);
    Change::update(site.clone(), organization.meta(site.id).unwrap().version)
}

fn update_trunk(organization: &Organization, label: &str, edit: impl FnOnce(&mut Trunk)) -> Change {
    let mut trunk = organization.trunk(TrunkId::labelled(label)).unwrap().clone();
    edit(&mut trunk);
    Change::update(trunk.clone(), organization.meta(trunk.id).unwrap().version)
}

fn codes(organization: &mut Organization, change: Change) -> Vec<String> {
    refused(organization, change).1
}

/// TM-002: the media model is fixed.
#[test]
fn the_media_model_cannot_change() {
    let mut organization = sample();
    let change = update_site(&organization, "dal-support", |site| site.media_model = MediaModel::Premises);
    assert!(codes(&mut organization, change).contains(&"media_model immutable".to_owned()));
}

/// TM-004: naming another default site is one change, and there is never a second one. TM-013: the default site, like
/// every site in use, cannot be deleted; who uses it is listed.
#[test]
fn there_is_one_default_site_and_a_site_in_use_stays() {
    let mut organization = sample();
    let mut settings = organization.settings().unwrap().clone();
    settings.default_site = Some(SiteId::labelled("dal-support"));
    organization.apply(Change::update(settings.clone(), 1), Actor::System, now()).unwrap();
    assert_eq!(organization.default_site().unwrap().name.as_str(), "DAL_Support_Cloud");
    settings.default_site = None;
    let (rejected, _) = refused(&mut organization, Change::update(settings, 1));
    assert!(matches!(rejected, Rejected::Stale { expected: 1, actual: 2, .. }));
    let (rejected, _) = refused(&mut organization, Change::delete(SiteId::labelled("dal-support"), 1));
    let Rejected::Referenced { by, .. } = rejected else { panic!("{rejected}") };
    for user in [
        EntityRef::from(PhoneId::labelled("ana-webrtc")),
        TrunkId::labelled("redsky").into(),
        OrganizationId::labelled("sample").into(),
        OutboundRouteId::labelled("dal-e911").into(),
    ] {
        assert!(by.contains(&user), "{user}");
    }
}

/// TM-007: a site stands where sites may stand. TM-010: its media regions are known ones.
#[test]
fn location_and_regions_of_a_site_are_checked() {
    let mut organization = sample();
    let change = update_site(&organization, "dal-support", |site| {
        site.location = LocationId::labelled("dallas-4-west");
        site.media_regions.push("eu-west-1".parse().unwrap());
    });
    let found = codes(&mut organization, change);
    assert_eq!(found, ["location location.not_for_sites", "media_regions[2] region.unknown"]);
}

/// TM-008: 200 number plans, not 201.
#[test]
fn a_site_has_at_most_two_hundred_plans() {
    let mut organization = sample();
    let mut many = |count: usize| {
        let change = update_site(&organization, "dal-support", |site| {
            for index in site.number_plans.len()..count {
                let mut plan = site.number_plans[0].clone();
                plan.id = NumberPlanId::from_u128(index as u128);
                plan.name = format!("Plan {index}").parse().unwrap();
                site.number_plans.push(plan);
            }
        });
        organization
            .apply(change, Actor::System, now())
            .map_err(|rejected| rejected.problems()[0].code.clone())
    };
    assert_eq!(many(201).unwrap_err(), "site.too_many_plans");
    assert_eq!(many(200).unwrap().len(), 1);
}

/// TM-017: deployment models are not mixed. TM-044: edges are Premises only.
#[test]
fn deployment_models_are_not_mixed() {
    let mut organization = sample();
    let change =
        update_trunk(&organization, "branch-sip", |trunk| trunk.site = Some(SiteId::labelled("mty-main")));
    assert_eq!(codes(&mut organization, change), ["site deployment.mixed"]);
    let change =
        update_trunk(&organization, "carrier-a", |trunk| trunk.site = Some(SiteId::labelled("mty-branch")));
    assert_eq!(codes(&mut organization, change), ["site deployment.mixed"]);
    let mut edge = organization.edge(EdgeId::labelled("mty-edge-1")).unwrap().clone();
    edge.site = SiteId::labelled("mty-main");
    assert_eq!(codes(&mut organization, Change::update(edge, 1)), ["site deployment.mixed"]);
}

/// TM-019: the termination identifier is required and unique.
#[test]
fn a_carrier_trunk_has_its_own_termination_identifier() {
    let mut organization = sample();
    let change = update_trunk(&organization, "carrier-a", |trunk| trunk.termination = None);
    assert_eq!(codes(&mut organization, change), ["termination field.required"]);
    let change = update_trunk(&organization, "carrier-a", |trunk| trunk.termination = "redsky".parse().ok());
    assert_eq!(codes(&mut organization, change), ["termination unique.taken"]);
}

/// TM-026: priorities are unique in a trunk group.
#[test]
fn trunk_group_priorities_are_unique() {
    let mut organization = sample();
    let mut group = organization.trunk_group(TrunkGroupId::labelled("primary-failover")).unwrap().clone();
    group.members[1].priority = 1;
    assert_eq!(codes(&mut organization, Change::update(group, 1)), ["members[1] list.duplicate"]);
}

fn assign(number: &str, target: DidTarget) -> Change {
    let id = DidAssignmentId::labelled(&format!("test-{}", &number[1..]));
    Change::create(DidAssignment { id, number: number.parse().unwrap(), target })
}

/// TM-030: only inventory is assigned. TM-031: to one owner at a time. TM-032: what is unassigned is free again.
#[test]
fn a_number_is_assigned_once_until_it_is_unassigned() {
    let mut organization = sample();
    let luis = DidTarget::User(UserId::labelled("luis"));
    assert_eq!(codes(&mut organization, assign("+12145559999", luis)), ["number number.not_in_inventory"]);
    assert_eq!(codes(&mut organization, assign("+12145550101", luis)), ["number unique.taken"]);
    organization
        .apply(Change::delete(DidAssignmentId::labelled("did-ana"), 1), Actor::System, now())
        .unwrap();
    organization.apply(assign("+12145550101", luis), Actor::System, now()).unwrap();
    assert_eq!(organization.did_owner("+12145550101".parse().unwrap()), Some(luis));
    let (rejected, _) = refused(&mut organization, Change::delete(DidRangeId::labelled("us-block"), 1));
    assert!(matches!(rejected, Rejected::Referenced { by, .. } if by.len() == 2));
}

/// TM-028: a range is one country in order, and no number is in two ranges.
#[test]
fn did_ranges_do_not_overlap() {
    let mut organization = sample();
    let range = |numbers: &str| DidRange {
        id: DidRangeId::labelled("test"),
        name: "Test".parse().unwrap(),
        description: None,
        numbers: numbers.parse().unwrap(),
        service_provider: "Carrier A".parse().unwrap(),
    };
    let overlapping = Change::create(range("+12145550149 to +12145550160"));
    assert_eq!(codes(&mut organization, overlapping), ["numbers range.overlap"]);
    assert!("+12145550149 to +528155550149".parse::<E164Range>().is_err());
    assert!("+12145550149 to +12145550140".parse::<E164Range>().is_err());
    organization.apply(Change::create(range("+12145550150")), Actor::System, now()).unwrap();
}

fn pool(label: &str, start: &str, end: Option<&str>) -> ExtensionPool {
    ExtensionPool {
        id: ExtensionPoolId::labelled(label),
        name: label.parse().unwrap(),
        description: None,
        division: DivisionId::labelled("support"),
        start: start.parse().unwrap(),
        end: end.map(|text| text.parse().unwrap()),
    }
}

/// TM-033: a pool has a division and may be a single extension. TM-034: no extension is in two pools or with two
/// users. TM-038: pools are deleted whole. TM-039: and only when nobody has one of their extensions.
#[test]
fn extension_pools_do_not_overlap_and_go_whole() {
    let mut organization = sample();
    organization.apply(Change::create(pool("single", "4300", None)), Actor::System, now()).unwrap();
    let overlapping = Change::create(pool("other", "4190", Some("4210")));
    assert_eq!(codes(&mut organization, overlapping), ["start pool.overlap"]);
    let mut shrunk = organization.extension_pool(ExtensionPoolId::labelled("support-pool")).unwrap().clone();
    shrunk.end = "4198".parse().ok();
    assert_eq!(codes(&mut organization, Change::update(shrunk, 1)), ["start pool.partial_delete"]);
    let (rejected, _) =
        refused(&mut organization, Change::delete(ExtensionPoolId::labelled("support-pool"), 1));
    assert!(matches!(rejected, Rejected::Referenced { by, .. } if by.len() == 2));
    organization.apply(Change::delete(ExtensionPoolId::labelled("single"), 1), Actor::System, now()).unwrap();
}

fn user_with(organization: &Organization, label: &str, phones: Vec<PhoneEntry>) -> Change {
    let mut user = organization.user(UserId::labelled(label)).unwrap().clone();
    user.phones = phones;
    Change::update(user.clone(), organization.meta(user.id).unwrap().version)
}

fn entry(kind: PhoneEntryKind, number: Option<&str>, extension: Option<&str>) -> PhoneEntry {
    PhoneEntry {
        kind,
        number: number.map(|text| text.parse().unwrap()),
        extension: extension.map(|text| text.parse().unwrap()),
        assigned: None,
    }
}

/// TM-035: an extension comes from a pool. TM-034: nobody has another's. TM-036: an entry with a number yields no
/// assignment. TM-037: a DID and an extension are two entries.
#[test]
fn extensions_of_users_come_from_pools() {
    let mut organization = sample();
    let work = |number, extension| vec![entry(PhoneEntryKind::Work, number, Some(extension))];
    let change = user_with(&organization, "luis", work(None, "4999"));
    assert_eq!(codes(&mut organization, change), ["phones[0].extension extension.not_in_pool"]);
    let change = user_with(&organization, "luis", work(None, "4101"));
    assert_eq!(codes(&mut organization, change), ["phones unique.taken"]);
    let change = user_with(&organization, "luis", work(Some("+528155550110"), "4203"));
    organization.apply(change, Actor::System, now()).unwrap();
    assert!(organization.extension_owner("4203".parse().unwrap()).is_none());
    let ana = organization.user(UserId::labelled("ana")).unwrap();
    assert_eq!(ana.phones.len(), 2);
    assert_eq!(ana.extensions().next().unwrap().0, "4101".parse().unwrap());
}

/// TM-042: the serial number is typed twice alike. DG-015: a wrong serial number or hardware type is refused when the
/// edge is provisioned.
#[test]
fn serial_numbers_are_confirmed() {
    let mut organization = sample();
    let mut edge = organization.edge(EdgeId::labelled("mty-edge-1")).unwrap().clone();
    edge.serial_number_confirmation = "CH-0001-9999".parse().unwrap();
    assert_eq!(codes(&mut organization, Change::update(edge, 1)), ["serial_number_confirmation edge.serial"]);
}

/// TM-052: a phone has the model of its profile. TM-048: and its category.
#[test]
fn a_phone_fits_its_base_settings() {
    let mut organization = sample();
    let mut phone = organization.phone(PhoneId::labelled("carmen-desk")).unwrap().clone();
    let PhoneCategory::Managed(managed) = &mut phone.category else { panic!("a managed phone") };
    managed.model = "Poly Edge E450".parse().unwrap();
    assert_eq!(codes(&mut organization, Change::update(phone.clone(), 1)), ["base_settings phone.model"]);
    phone.base_settings = BaseSettingsId::labelled("webrtc");
    assert_eq!(codes(&mut organization, Change::update(phone, 1)), ["base_settings phone.model"]);
}

/// TM-064: a change says which version it is based on; stamps say who and when.
#[test]
fn versions_and_stamps_are_kept() {
    let mut organization = sample();
    let later: Timestamp = "2026-03-03T00:00:00Z".parse().unwrap();
    let change = update_site(&organization, "mty-main", |site| site.caller_name = "New".parse().ok());
    let events = organization.apply(change.clone(), Actor::System, later).unwrap();
    assert_eq!((events[0].version, events[0].at), (2, later));
    let meta = organization.meta(SiteId::labelled("mty-main")).unwrap();
    assert_eq!((meta.created, meta.modified, meta.version), (now(), later, 2));
    assert!(matches!(refused(&mut organization, change).0, Rejected::Stale { .. }));
}

/// Emergency calls take no carrier that was not verified for them, unless someone answers for it.
#[test]
fn emergency_routes_need_a_verified_carrier() {
    let mut organization = sample();
    let change = update_trunk(&organization, "branch-sip", |trunk| trunk.emergency = None);
    assert_eq!(codes(&mut organization, change.clone()), ["emergency emergency.unverified"]);
    let mut route = organization.outbound_route(OutboundRouteId::labelled("branch-pstn")).unwrap().clone();
    route.emergency_acknowledgement = "Tested with the carrier by telephone".parse().ok();
    organization.apply(Change::update(route, 1), Actor::System, now()).unwrap();
    organization.apply(change, Actor::System, now()).unwrap();
}

/// Roles and divisions: a grant for one division stays in it; telephony:plugin:all does not cover extension pools;
/// who may edit users may not grant.
#[test]
fn permissions_and_divisions_are_checked() {
    let mut organization = sample();
    let sarah = UserId::labelled("sarah");
    let try_as =
        |organization: &mut Organization, change| organization.apply(change, Actor::User(sarah), now());
    let rename = |organization: &Organization, label: &str| {
        let mut phone = organization.phone(PhoneId::labelled(label)).unwrap().clone();
        phone.name = format!("{}_2", phone.name).parse().unwrap();
        Change::update(phone, 1)
    };
    let forbidden = |result| matches!(result, Err(Rejected::Forbidden { .. }));
    let change = rename(&organization, "ana-webrtc");
    assert!(forbidden(try_as(&mut organization, change)));
    let mut user = organization.user(sarah).unwrap().clone();
    let divisions = [DivisionId::labelled("support")].into();
    user.grants = vec![RoleGrant { role: RoleId::labelled("phone-desk"), divisions }];
    let before = organization.clone();
    let as_client = Actor::Client(OAuthClientId::labelled("provisioner"));
    assert!(forbidden(organization.apply(Change::update(user.clone(), 1), as_client, now())));
    assert_eq!(organization, before);
    organization.apply(Change::update(user, 1), Actor::System, now()).unwrap();
    let (support, sales) = (rename(&organization, "ana-webrtc"), rename(&organization, "carmen-desk"));
    assert!(try_as(&mut organization, support).is_ok());
    assert!(forbidden(try_as(&mut organization, sales)));
    let delete = Change::delete(ExtensionPoolId::labelled("sales-pool"), 1);
    assert!(forbidden(try_as(&mut organization, delete)));
}

/// TM-019: among the organizations of a region too, a termination identifier is used once.
#[test]
fn termination_identifiers_are_unique_in_a_region() {
    let load = |text: &str| Organization::from_document(text, Format::Toml, now()).unwrap();
    let text = include_str!("../samples/sample.toml");
    let first = sample();
    let second = load(&text.replacen("id = \"@sample\"", "id = \"@second\"", 1));
    let mut directory = RegionDirectory::default();
    assert_eq!(directory.admit(&first), Ok(()));
    assert_eq!(directory.admit(&first), Ok(()));
    assert_eq!(directory.admit(&second).unwrap_err().len(), 4);
    let region = "us-east-1".parse().unwrap();
    let owner = directory.owner(&region, &"redsky".parse().unwrap());
    assert_eq!(owner, Some(OrganizationId::labelled("sample")));
    let elsewhere =
        text.replacen("id = \"@sample\"", "id = \"@second\"", 1).replace("us-east-1", "eu-west-1");
    assert_eq!(directory.admit(&load(&elsewhere)), Ok(()));
}
