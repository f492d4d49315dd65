//! Whatever changes are asked for, in whatever order: the organization stays whole.

#![allow(clippy::unwrap_used, reason = "a test stops on a fault")]

use jiff::Timestamp;
use proptest::prelude::*;
use telco_model::{
    Organization,
    document::{Format, Secrets},
    entity::*,
    organization::{Change, Event},
    value::*,
};

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

/// A change drawn from few ids, so that many hit something that is there.
#[derive(Debug, Clone)]
struct Draft {
    kind: u8,
    id: u8,
    other: u8,
    value: u8,
    version: u32,
    delete: bool,
}

fn draft() -> impl Strategy<Value = Draft> {
    (0..10u8, 0..4u8, 0..4u8, 0..12u8, 1..4u32, any::<bool>(), any::<bool>()).prop_map(
        |(kind, id, other, value, version, delete, rarely)| Draft {
            kind,
            id,
            other,
            value,
            version,
            delete: delete && rarely,
        },
    )
}

fn name(prefix: &str, value: u8) -> Name {
    format!("{prefix} {value}").parse().unwrap()
}

impl Draft {
    fn entity(&self) -> AnyEntity {
        let (id, other) = (u128::from(self.id), u128::from(self.other));
        let name = |prefix: &str| name(prefix, self.value);
        let description = None;
        match self.kind {
            0 => Division { id: DivisionId::from_u128(id), name: name("Division"), description }.into(),
            1 => Location {
                id: LocationId::from_u128(id),
                name: name("Location"),
                description,
                parent: (self.value > 6).then(|| LocationId::from_u128(other)),
                address: serde_json::from_str(r#"{"country":"MX","city":"Monterrey","street":"Avenida"}"#)
                    .unwrap(),
                verified: true,
                available_for_sites: !self.value.is_multiple_of(4),
                emergency_number: None,
                notify: Vec::new(),
            }
            .into(),
            2 => Site {
                id: SiteId::from_u128(id),
                name: name("Site"),
                description,
                location: LocationId::from_u128(other),
                time_zone: "America/Monterrey".parse().unwrap(),
                media_model: if self.value < 9 { MediaModel::Cloud } else { MediaModel::Premises },
                media_regions: Vec::new(),
                relay: RelayBehavior::SiteRegions,
                caller_address: None,
                caller_name: None,
                number_plans: Vec::new(),
                routing: RoutingEngine::OutboundRoutes,
                primary_sites: Vec::new(),
                secondary_sites: vec![SiteId::from_u128(u128::from(self.value % 4))],
            }
            .into(),
            3 => ExtensionPool {
                id: ExtensionPoolId::from_u128(id),
                name: name("Pool"),
                description,
                division: DivisionId::from_u128(other),
                start: format!("{}", 4100 + u16::from(self.value) * 10).parse().unwrap(),
                end: format!("{}", 4100 + u16::from(self.value) * 10 + 14).parse().ok(),
            }
            .into(),
            4 => User {
                id: UserId::from_u128(id),
                name: name("User"),
                email: format!("user{}@sample.example", self.value).parse().unwrap(),
                division: DivisionId::from_u128(other),
                location: Some(LocationId::from_u128(other)),
                phones: vec![PhoneEntry {
                    kind: PhoneEntryKind::Work,
                    number: None,
                    extension: format!("{}", 4100 + u16::from(self.value)).parse().ok(),
                    assigned: None,
                }],
                grants: Vec::new(),
            }
            .into(),
            5 => BaseSettings {
                category: CategoryName::Webrtc,
                ..serde_json::from_value(serde_json::json!({
                    "id": BaseSettingsId::from_u128(id), "name": name("Base"), "category": "webrtc",
                    "model": BaseSettings::WEBRTC_MODEL
                }))
                .unwrap()
            }
            .into(),
            6 => Phone {
                id: PhoneId::from_u128(id),
                name: name("Phone"),
                site: SiteId::from_u128(other),
                base_settings: BaseSettingsId::from_u128(u128::from(self.value % 4)),
                category: PhoneCategory::Webrtc(WebrtcPhone { user: UserId::from_u128(other) }),
                division: None,
                location: None,
                primary_edge: None,
                secondary_edge: None,
                digest: None,
                line_keys: Vec::new(),
            }
            .into(),
            7 => DidRange {
                id: DidRangeId::from_u128(id),
                name: name("Range"),
                description,
                numbers: format!("+1214555010{} to +1214555014{}", self.value % 10, self.other)
                    .parse()
                    .unwrap(),
                service_provider: "Carrier".parse().unwrap(),
            }
            .into(),
            8 => OrganizationSettings {
                id: OrganizationId::from_u128(id % 2),
                name: name("Organization"),
                description,
                region: "us-east-1".parse().unwrap(),
                region_domain: "sample.example".parse().unwrap(),
                media_regions: Default::default(),
                options: [TelephonyOption::ByocCloud].into(),
                hybrid: false,
                require_tls: false,
                default_site: (self.value > 6).then(|| SiteId::from_u128(other)),
                edge_group_latency_ms: u16::from(self.value),
            }
            .into(),
            _ => DidAssignment {
                id: DidAssignmentId::from_u128(id),
                number: format!("+12145550{}", 110 + u16::from(self.value)).parse().unwrap(),
                target: DidTarget::User(UserId::from_u128(other)),
            }
            .into(),
        }
    }

    fn change(&self, organization: &Organization) -> Change {
        let entity = self.entity();
        let target = entity.entity_ref();
        let there = organization.meta(target).map(|meta| meta.version);
        match there {
            _ if self.delete => Change::Delete { target, expected: there.unwrap_or(self.version) },
            Some(version) if self.version != 3 => Change::Update { entity, expected: version },
            Some(_) => Change::Update { entity, expected: self.version },
            None => Change::Create(entity),
        }
    }
}

/// TM-065: what is written is read back as it was, in both forms, with and without settings of the organization.
fn assert_survives_writing(organization: &Organization) {
    let later = "2027-01-01T00:00:00Z".parse().unwrap();
    for format in [Format::Json, Format::Toml] {
        let text = organization.to_document(format, Secrets::Exposed);
        let read = Organization::from_document(&text, format, later)
            .unwrap_or_else(|error| panic!("{:#?}\n{text}", error.problems));
        assert_eq!(&read, organization, "{format:?}");
    }
}

/// Everything an entity refers to is there, and a second look at the whole finds nothing wrong.
fn assert_whole(organization: &Organization) {
    for target in organization.refs() {
        for from in organization.referrers(target) {
            assert!(organization.meta(from).is_some(), "{from} refers to {target} and is not there");
        }
    }
    let entities: Vec<_> = organization.refs().filter_map(|target| organization.get(target)).collect();
    Organization::from_entities(entities, now()).unwrap_or_else(|problems| panic!("{problems:#?}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any sequence of changes leaves no dangling reference; replaying its events gives an equal organization, and so
    /// does writing and reading it; a refused change alters nothing.
    #[test]
    fn an_organization_stays_whole(drafts in prop::collection::vec(draft(), 1..120)) {
        let mut organization = Organization::default();
        let mut events: Vec<Event> = Vec::new();
        for (index, draft) in drafts.iter().enumerate() {
            let at = now() + jiff::SignedDuration::from_secs(index as i64);
            let before = organization.clone();
            match organization.apply(draft.change(&organization), Actor::System, at) {
                Ok(happened) => events.extend(happened),
                Err(_) => prop_assert_eq!(&organization, &before),
            }
        }
        assert_whole(&organization);
        let replayed = Organization::replay(&events).unwrap();
        prop_assert_eq!(&replayed, &organization);
        assert_survives_writing(&organization);
        assert_whole(&replayed);
    }

    /// A document with any bytes changed is read or refused, and never more.
    #[test]
    fn damaged_documents_are_refused_without_panic(at in 0usize..20_000, with in "\\PC{0,6}", cut in 0usize..40) {
        let sample = include_str!("../samples/sample.toml");
        let mut start = at.min(sample.len());
        while !sample.is_char_boundary(start) { start -= 1; }
        let mut end = (start + cut).min(sample.len());
        while !sample.is_char_boundary(end) { end += 1; }
        let damaged = format!("{}{with}{}", &sample[..start], &sample[end..]);
        if let Ok(organization) = Organization::from_document(&damaged, Format::Toml, now()) {
            let text = organization.to_document(Format::Json, Secrets::Exposed);
            prop_assert_eq!(Organization::from_document(&text, Format::Json, now()).unwrap(), organization);
        }
    }
}
