//! Every requirement has a test that names it, or says why not yet.

use std::collections::{BTreeMap, BTreeSet};

use telco_tests::{root, source, spec};

#[test]
fn every_row_has_a_test_or_is_planned() {
    let named = named_in_tests();
    let mut missing = Vec::new();
    for row in rows() {
        match (&row.planned, named.contains_key(&row.id)) {
            (None, false) => missing.push(format!("{} ({}): no test names it", row.id, row.file)),
            (Some(reason), _) if reason.len() < 10 => {
                missing.push(format!("{} ({}): planned, but without a reason", row.id, row.file));
            }
            (None, true) | (Some(_), _) => {}
        }
    }
    super::none("requirements without proof", &missing);
}

#[test]
fn every_id_named_by_a_test_exists() {
    let rows = rows();
    let known: BTreeSet<_> = rows.iter().map(|row| row.id.as_str()).collect();
    let prefixes: BTreeSet<_> = known.iter().map(|id| spec::prefix(id)).collect();
    let unknown: Vec<_> = named_in_tests()
        .into_iter()
        .filter(|(id, _)| prefixes.contains(spec::prefix(id)) && !known.contains(id.as_str()))
        .map(|(id, place)| format!("{id} in {place}"))
        .collect();
    super::none("ids that no row has", &unknown);
}

#[test]
fn no_id_is_given_twice() {
    let mut seen = BTreeMap::new();
    let mut twice = Vec::new();
    for row in rows() {
        if let Some(other) = seen.insert(row.id.clone(), row.file.clone()) {
            twice.push(format!("{} in {} and {other}", row.id, row.file));
        }
    }
    super::none("ids given twice", &twice);
}

fn rows() -> Vec<spec::Row> {
    spec::rows(&root().join("docs/spec")).unwrap()
}

/// id -> the first test whose doc comment names it.
fn named_in_tests() -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    for source in source::all(&root()).unwrap() {
        for test in source.documented_tests() {
            for id in spec::ids(&test.doc) {
                named.entry(id.to_owned()).or_insert_with(|| format!("{}: {}", source.path, test.name));
            }
        }
    }
    named
}
