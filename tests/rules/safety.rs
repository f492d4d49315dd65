//! What the manifests promise about every build: arithmetic that does not wrap, no `unsafe`, panics that can be caught.

use std::fs;

use telco_tests::{directory, metadata, root};
use toml::{Table, Value};

fn manifest(place: &str) -> Table {
    fs::read_to_string(root().join(place).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// The value under these keys.
fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// Every profile of the workspace, those of single packages included, with its name.
fn profiles(workspace: &Table) -> Vec<(String, &Table)> {
    let mut all = Vec::new();
    for (name, profile) in tables(workspace, "profile") {
        for (package, settings) in tables(profile, "package") {
            all.push((format!("{name}.package.{package}"), settings));
        }
        all.push((name.to_owned(), profile));
    }
    all
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = (&'a str, &'a Table)> {
    let inner = table.get(key).and_then(Value::as_table).into_iter().flatten();
    inner.filter_map(|(name, value)| Some((name.as_str(), value.as_table()?)))
}

fn own_packages() -> Vec<String> {
    let packages: Vec<_> = metadata().unwrap().packages.iter().map(directory).collect();
    assert!(packages.len() > 8, "{packages:?}");
    packages
}

/// ES-02: what is released checks its arithmetic, in the crates that read the network and in all others; no profile turns that off.
#[test]
fn releases_check_for_overflow() {
    let workspace = manifest("");
    let checks = at(&workspace, &["profile", "release", "overflow-checks"]);
    assert_eq!(checks.and_then(Value::as_bool), Some(true), "[profile.release] overflow-checks");
    let all = profiles(&workspace);
    assert!(all.len() >= 4, "{all:?}");
    let off = |settings: &Table| settings.get("overflow-checks") == Some(&Value::Boolean(false));
    let wrong: Vec<_> =
        all.iter().filter(|(_, settings)| off(settings)).map(|(name, _)| name.clone()).collect();
    super::none("profiles without overflow checks", &wrong);
}

/// ES-01: a panic unwinds to whoever isolates it; `panic = "abort"` would end every call with the one that fails.
#[test]
fn panics_unwind() {
    let workspace = manifest("");
    let aborting = profiles(&workspace).into_iter().filter(|(_, settings)| settings.contains_key("panic"));
    super::none("profiles that set `panic`", &aborting.map(|(name, _)| name).collect::<Vec<_>>());
}

/// ES-03: `unsafe` is forbidden in the workspace, every package takes its lints from there, and none has a lint table of its own that
/// could say otherwise.
#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let forbids = manifest("");
    let level = at(&forbids, &["workspace", "lints", "rust", "unsafe_code"]);
    assert_eq!(level.and_then(Value::as_str), Some("forbid"), "[workspace.lints.rust] unsafe_code");
    let inherits = |place: &String| manifest(place).get("lints").map(Value::to_string);
    let wrong: Vec<_> = own_packages()
        .into_iter()
        .filter(|place| inherits(place).as_deref() != Some("{ workspace = true }"))
        .collect();
    super::none("packages without `[lints] workspace = true`", &wrong);
}
