//! The document form: what is read is what was written, and everything wrong is said at once, with its place.

#![allow(clippy::unwrap_used, reason = "a test stops on a fault")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use telco_model::{
    Organization,
    document::{Format, Secrets},
    entity::EntityKind,
};

const SAMPLE: &str = include_str!("../samples/sample.toml");

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn sample() -> Organization {
    Organization::from_document(SAMPLE, Format::Toml, now())
        .unwrap_or_else(|error| panic!("{:#?}", error.problems))
}

/// The problems of the sample after one replacement, as `path code`.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(SAMPLE.contains(from), "{from}");
    let error = Organization::from_document(&SAMPLE.replacen(from, to, 1), Format::Toml, now()).unwrap_err();
    error.problems.iter().map(|problem| format!("{} {}", problem.path, problem.code)).collect()
}

/// TM-065: export and import is the identity, in both forms and between them; also TM-064, for versions and stamps
/// are part of it.
#[test]
fn export_and_import_is_the_identity() {
    let original = sample();
    let kinds: BTreeSet<_> = original.refs().map(|target| target.kind()).collect();
    assert_eq!(kinds.len(), EntityKind::ALL.len(), "the sample holds every kind of entity: {kinds:?}");
    let json = original.to_document(Format::Json, Secrets::Exposed);
    let toml = original.to_document(Format::Toml, Secrets::Exposed);
    let later = "2027-01-01T00:00:00Z".parse().unwrap();
    let from_json = Organization::from_document(&json, Format::Json, later).unwrap();
    let from_toml = Organization::from_document(&toml, Format::Toml, later).unwrap();
    assert_eq!(original, from_json);
    assert_eq!(original, from_toml);
    assert_eq!(from_toml.to_document(Format::Json, Secrets::Exposed), json);
}

/// TM-065: an organization without settings is written without the table, and read back; so is an empty one.
#[test]
fn an_organization_without_settings_survives_writing() {
    let entities = telco_model::document::parse(SAMPLE, Format::Toml).unwrap();
    let without =
        entities.into_iter().filter(|entity| entity.entity_ref().kind() != EntityKind::Organization);
    let without = Organization::from_entities(without, now()).unwrap();
    for original in [Organization::default(), without] {
        assert!(original.settings().is_none());
        for format in [Format::Json, Format::Toml] {
            let text = original.to_document(format, Secrets::Exposed);
            assert_eq!(Organization::from_document(&text, format, now()).unwrap(), original);
        }
    }
}

/// TM-063: an export redacts secrets unless asked, and a redacted export is not taken for the real thing.
#[test]
fn secrets_are_redacted_in_exports() {
    let shown = sample().to_document(Format::Json, Secrets::Redacted);
    for secret in ["sample-secret-a", "sample-secret-b", "sample-client-secret", "sample-held-account"] {
        assert!(!shown.contains(secret), "{secret}");
        assert!(!format!("{:?}", sample()).contains(secret), "{secret}");
        assert!(sample().to_document(Format::Json, Secrets::Exposed).contains(secret), "{secret}");
    }
    let error = Organization::from_document(&shown, Format::Json, now()).unwrap_err();
    assert!(
        error.problems.iter().all(|problem| problem.code == "document.redacted"),
        "{:#?}",
        error.problems
    );
    assert!(error.problems.iter().any(|problem| problem.path.ends_with(".registration.password")));
}

/// TM-001: what is missing is named.
#[test]
fn a_missing_field_is_named() {
    for (line, field) in [
        ("name = \"MTY_Main_Cloud\"\n", "name"),
        ("location = \"@mty\"\n", "location"),
        ("time_zone = \"America/Monterrey\"\n", "time_zone"),
        ("media_model = \"cloud\"\n", "media_model"),
    ] {
        assert!(problems(line, "").contains(&format!("sites[0].{field} field.required")), "{field}");
    }
}

/// TM-005: the caller address of a site is E.164.
#[test]
fn a_local_caller_address_is_refused_with_its_field() {
    let found = problems("caller_address = \"+528155550100\"", "caller_address = \"8181234567\"");
    assert_eq!(found[0], "sites[0].caller_address value");
}

/// TM-011: a phone without a site is refused.
#[test]
fn a_phone_has_a_site() {
    let found =
        problems("name = \"AnaTorres_WebRTC\"\nsite = \"@dal-support\"", "name = \"AnaTorres_WebRTC\"");
    assert_eq!(found, ["phones[0].site field.required"]);
}

#[test]
fn every_problem_of_an_entity_is_found_at_once() {
    let found = problems(
        "name = \"MTY_Main_Cloud\"\n",
        "name = \"a\\nb\"\nmedia_regions = [\"us-east-1\", \"NOT A REGION\"]\nrelay = \"sometimes\"\ncolour = 7\n",
    );
    // Two keys called media_regions: the text is not TOML.
    assert_eq!(found, [" document.syntax"]);
    let found = problems(
        "media_regions = [\"us-east-1\"]\ncaller_address = \"+528155550100\"",
        "media_regions = [\"us-east-1\", \"NOT A REGION\"]\nrelay = \"sometimes\"\ncolour = 7\ncaller_address = 5",
    );
    for expected in [
        "sites[0].caller_address value",
        "sites[0].colour field.unknown",
        "sites[0].media_regions[1] value",
        "sites[0].relay value",
    ] {
        assert!(found.iter().any(|problem| problem == expected), "{expected} in {found:#?}");
    }
}

#[test]
fn references_ids_and_names_are_checked_with_their_paths() {
    let found = problems("location = \"@dallas\"", "location = \"@nowhere\"");
    assert_eq!(found, ["sites[1].location reference.missing"]);
    let found = problems("name = \"DAL_Support_Cloud\"", "name = \"mty_main_cloud\"");
    assert!(found.contains(&"sites[1].name unique.taken".to_owned()), "{found:?}");
    let found = problems("id = \"@dal-support\"\nname", "id = \"@mty-main\"\nname");
    assert!(found.contains(&"sites[1].id id.duplicate".to_owned()), "{found:?}");
    let found = problems("[[divisions]]", "[[divisons]]");
    assert!(found.contains(&"divisons document.unknown".to_owned()), "{found:?}");
}

/// The problems of the sample after one replacement, as they are shown.
fn told(from: &str, to: &str) -> Vec<String> {
    assert!(SAMPLE.contains(from), "{from}");
    let error = Organization::from_document(&SAMPLE.replacen(from, to, 1), Format::Toml, now()).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn problems_are_told_in_the_labels_of_the_document() {
    assert_eq!(
        told("location = \"@dallas\"", "location = \"@dalas\""),
        [
            "sites[1].location: location \"@dalas\" does not exist; did you mean \"@dallas\"? (in sites \"@dal-support\")"
        ]
    );
    assert_eq!(
        told("location = \"@dallas\"", "location = \"@nowhere\""),
        [
            "sites[1].location: location \"@nowhere\" does not exist; make it first (in sites \"@dal-support\")"
        ]
    );
    assert_eq!(
        told("[[divisions]]", "[[divisons]]")[0],
        "divisons: there is no such list; did you mean \"divisions\"?"
    );
}

/// What refers to a row that was not read has no fault of its own; and every field that there is gets named.
#[test]
fn one_slip_is_one_problem() {
    let found = told("media_model = \"cloud\"", "media_modell = \"cloud\"");
    assert_eq!(found.len(), 2, "the field that is not known, the one that is missing: {found:#?}");
    assert!(
        found[0].starts_with("sites[0].media_modell: unknown field `media_modell`, expected one of `id`")
    );
    assert!(!found[0].contains('…') && found[1].contains("missing field `media_model`"), "{found:#?}");
}

#[test]
fn hostile_documents_give_problems_and_never_panic() {
    let deep = format!("{{\"format\":1,\"sites\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let long = format!("{{\"format\":1,\"sites\":[{}\"x\"]}}", "\"x\",".repeat(2_500_000));
    assert!(long.len() > 10_000_000);
    let hostile = "{\"format\":1,\"\\u202etrunks\":[],\"sites\":[{\"id\":\"@a\",\"na\\u202eme\":\"x\"}]}";
    for text in ["", "{", "null", "[]", "{}", "{\"format\":2}", deep.as_str(), long.as_str(), hostile] {
        let error = Organization::from_document(text, Format::Json, now()).unwrap_err();
        assert!((1..=1000).contains(&error.problems.len()));
        for problem in &error.problems {
            assert!(!problem.to_string().contains('\u{202e}'), "{problem}");
        }
    }
    let cycle = SAMPLE.replacen(
        "name = \"Dallas Support Center\"",
        "name = \"Dallas\"\nparent = \"@dallas-4-west\"",
        1,
    );
    let error = Organization::from_document(&cycle, Format::Toml, now()).unwrap_err();
    assert!(error.problems.iter().all(|problem| problem.code == "reference.cycle"), "{:#?}", error.problems);
}
