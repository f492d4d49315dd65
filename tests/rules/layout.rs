//! What every crate must carry, and how large a file may grow.

use cargo_metadata::Package;
use telco_tests::{
    directory, is_published, metadata, root,
    source::{self, Source},
};

/// Spelt in two parts so that this file does not find itself.
const UNFINISHED: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore"), concat!("// TO", "DO")];

#[test]
fn every_published_crate_is_ready_for_the_registry() {
    let mut wrong = Vec::new();
    for package in metadata().unwrap().packages.iter().filter(|package| is_published(package)) {
        let lacks = publishing_faults(package);
        wrong.extend(lacks.into_iter().map(|what| format!("{}: {what}", package.name)));
    }
    super::none("faults in manifests", &wrong);
}

fn publishing_faults(package: &Package) -> Vec<&'static str> {
    let directory = root().join(directory(package));
    let has = |file: &str| directory.join(file).is_file();
    let readme = std::fs::read_to_string(directory.join("README.md")).unwrap_or_default();
    let checks = [
        (package.description.is_some(), "no description"),
        (package.license.as_deref() == Some("MIT OR Apache-2.0"), "licence is not MIT OR Apache-2.0"),
        (
            has("LICENSE-MIT") && has("LICENSE-APACHE"),
            "no licence files beside the manifest: ln -s ../../LICENSE-MIT ../../LICENSE-APACHE .",
        ),
        (package.readme.as_ref().is_some_and(|path| path == "README.md"), "readme is not README.md"),
        (readme.lines().count() >= 10, "README.md is missing or says nothing"),
        ((1..=5).contains(&package.keywords.len()), "not 1 to 5 keywords"),
        (!package.categories.is_empty(), "no categories"),
        (package.repository.is_some() && package.homepage.is_some(), "no repository or homepage"),
        (package.rust_version.is_some(), "no rust-version"),
        (package.metadata["docs"]["rs"]["all-features"] == true, "docs.rs does not get all features"),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect()
}

#[test]
fn nothing_unfinished_is_left() {
    let mut wrong = Vec::new();
    each_source(|source| {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(mark) = UNFINISHED.iter().find(|mark| line.contains(**mark)) {
                wrong.push(format!("{}:{}: {mark}", source.path, number + 1));
            }
        }
    });
    super::none("unfinished places", &wrong);
}

#[test]
fn no_file_outgrows_its_reader() {
    let mut wrong = Vec::new();
    each_source(|source| {
        let limit = if source.path.ends_with("/main.rs") {
            200
        } else if source.path.contains("/driver/") || source.path.ends_with("/driver.rs") {
            500
        } else {
            800
        };
        if source.lines() > limit {
            wrong.push(format!("{}: {} lines, at most {limit}", source.path, source.lines()));
        }
    });
    super::none("files too long", &wrong);
}

fn each_source(visit: impl FnMut(Source)) {
    let sources = source::all(&root()).unwrap();
    assert!(sources.len() > 20, "only {} sources were found", sources.len());
    sources.into_iter().for_each(visit);
}
