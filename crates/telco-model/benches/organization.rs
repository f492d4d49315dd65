//! A large organization: 1,000 sites, 100,000 users, 100,000 phones.
//!
//! ```text
//! cargo bench -p telco-model --bench organization
//! ```
//!
//! Prints the bytes a phone costs (entity, stamps and indexes), then measures loading and one change.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints and stops on a fault"
)]

use std::{alloc::System, hint::black_box};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use telco_model::{
    Organization,
    document::{Format, Secrets},
    entity::*,
    organization::Change,
    value::*,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SITES: u128 = 1_000;
const USERS: u128 = 100_000;

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn ground() -> Vec<AnyEntity> {
    let division =
        Division { id: DivisionId::from_u128(1), name: "Home".parse().unwrap(), description: None };
    let profile: BaseSettings = serde_json::from_value(serde_json::json!({
        "id": BaseSettingsId::from_u128(1), "name": "Support_WebRTC_Standard", "category": "webrtc",
        "model": BaseSettings::WEBRTC_MODEL
    }))
    .unwrap();
    let place: Location = serde_json::from_value(serde_json::json!({
        "id": LocationId::from_u128(1), "name": "Monterrey", "available_for_sites": true,
        "address": { "country": "MX", "city": "Monterrey", "street": "Avenida" }
    }))
    .unwrap();
    let site = |id: u128| -> AnyEntity {
        let site: Site = serde_json::from_value(serde_json::json!({
            "id": SiteId::from_u128(id), "name": format!("MTY_{id}_Cloud"), "location": LocationId::from_u128(1),
            "time_zone": "America/Monterrey", "media_model": "cloud"
        }))
        .unwrap();
        site.into()
    };
    let mut all: Vec<AnyEntity> = vec![division.into(), profile.into(), place.into()];
    all.extend((0..SITES).map(site));
    all
}

fn user(id: u128) -> AnyEntity {
    User {
        id: UserId::from_u128(id),
        name: format!("Agent {id}").parse().unwrap(),
        email: format!("agent{id}@sample.example").parse().unwrap(),
        division: DivisionId::from_u128(1),
        location: None,
        phones: Vec::new(),
        grants: Vec::new(),
    }
    .into()
}

fn phone(id: u128) -> Phone {
    Phone {
        id: PhoneId::from_u128(id),
        name: format!("Agent{id}_WebRTC").parse().unwrap(),
        site: SiteId::from_u128(id % SITES),
        base_settings: BaseSettingsId::from_u128(1),
        category: PhoneCategory::Webrtc(WebrtcPhone { user: UserId::from_u128(id) }),
        division: None,
        location: None,
        primary_edge: None,
        secondary_edge: None,
        digest: None,
        line_keys: Vec::new(),
    }
}

fn large() -> Organization {
    let people = (0..USERS).map(user).chain((0..USERS).map(|id| phone(id).into()));
    Organization::from_entities(ground().into_iter().chain(people), now()).unwrap()
}

fn report_memory() {
    let people = || ground().into_iter().chain((0..USERS).map(user));
    let held = |build: &dyn Fn() -> Organization| {
        let region = Region::new(ALLOCATOR);
        let organization = build();
        let stats = region.change();
        black_box(organization);
        stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
    };
    let without = held(&|| Organization::from_entities(people(), now()).unwrap());
    let with = held(&large);
    println!("memory: {} bytes per phone, {} MB in all", (with - without) / USERS as i64, with / 1_000_000);
}

fn organization(c: &mut Criterion) {
    report_memory();
    let mut organization = large();
    let mut group = c.benchmark_group("organization");
    let mut number = 0;
    group.bench_function("apply one change", |b| {
        b.iter_batched(
            || {
                number = (number + 7919) % USERS;
                let mut phone = phone(number);
                phone.name = format!("Agent{number}_WebRTC_x").parse().unwrap();
                phone
            },
            |phone| {
                let version = organization.meta(phone.id).unwrap().version;
                organization.apply(Change::update(phone, version), Actor::System, now()).unwrap()
            },
            BatchSize::SmallInput,
        );
    });
    group.sample_size(10);
    let entities: Vec<_> = ground()
        .into_iter()
        .chain((0..USERS).map(user))
        .chain((0..USERS).map(|id| phone(id).into()))
        .collect();
    group.bench_function("build 100,000 phones", |b| {
        b.iter_batched(
            || entities.clone(),
            |entities| Organization::from_entities(entities, now()).unwrap(),
            BatchSize::PerIteration,
        );
    });
    let document = large().to_document(Format::Json, Secrets::Exposed);
    println!("document: {} MB", document.len() / 1_000_000);
    group.bench_function("load 100,000 phones from JSON", |b| {
        b.iter(|| Organization::from_document(&document, Format::Json, now()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, organization);
criterion_main!(benches);
