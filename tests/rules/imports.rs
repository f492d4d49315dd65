//! Who may import whom. The same table stands in ARCHITECTURE.md for people.

use cargo_metadata::DependencyKind;
use telco_tests::{directory, is_published, metadata};

/// crate, what it may import from the family.
const TABLE: [(&str, &[&str]); 9] = [
    ("telco-model", &[]),
    ("sip-trunk", &[]),
    ("media-rtp", &[]),
    ("e911-held", &[]),
    ("ca-trust", &[]),
    ("numplan", &["telco-model"]),
    ("provisioning", &["telco-model"]),
    ("edge-core", &["telco-model", "numplan", "sip-trunk", "media-rtp", "e911-held", "ca-trust"]),
    ("telco-testkit", &[]),
];
const TESTKIT: &str = "telco-testkit";

#[test]
fn no_crate_imports_outside_the_table() {
    let mut wrong = Vec::new();
    for package in metadata().unwrap().packages {
        let (name, place) = (package.name.to_string(), directory(&package));
        let row = TABLE.iter().find(|(row, _)| *row == name);
        if place.starts_with("crates/") && row.is_none() {
            wrong.push(format!("{name} is missing from the table"));
        }
        for dependency in &package.dependencies {
            let of_family = TABLE.iter().any(|(row, _)| *row == dependency.name);
            let for_tests = dependency.kind == DependencyKind::Development;
            let allowed = match row {
                Some((_, imports)) => {
                    imports.contains(&dependency.name.as_str()) || (for_tests && dependency.name == TESTKIT)
                }
                None => dependency.name != TESTKIT || place == "tests" || place.starts_with("benches/"),
            };
            if of_family && !allowed {
                wrong.push(format!("{name} -> {} ({})", dependency.name, dependency.kind));
            }
        }
    }
    super::none("imports outside the table", &wrong);
}

#[test]
fn nothing_published_depends_on_something_unpublished() {
    let packages = metadata().unwrap().packages;
    let published: Vec<_> = packages.iter().filter(|package| is_published(package)).collect();
    let mut wrong = Vec::new();
    for package in &published {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let is_known = published.iter().any(|other| *other.name == dependency.name);
            if dependency.kind != DependencyKind::Development && !is_known {
                wrong.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    super::none("published crates need unpublished ones", &wrong);
}

#[test]
fn crates_are_published_and_everything_else_is_not() {
    let mut wrong = Vec::new();
    for package in metadata().unwrap().packages {
        let expected = directory(&package).starts_with("crates/") && *package.name != TESTKIT;
        if is_published(&package) != expected {
            wrong.push(format!("{}: publish should be {expected}", package.name));
        }
    }
    super::none("packages with the wrong `publish`", &wrong);
}
