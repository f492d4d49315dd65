//! Replays every committed fuzz input through the body of its target, without a fuzzer.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::BTreeSet, fs, path::Path};

use telco_fuzz::TARGETS;
use telco_tests::root;

#[test]
fn every_committed_input_still_passes() {
    let mut replayed = 0;
    for (target, body) in TARGETS {
        for input in list(&root().join("fuzz/corpus").join(target)) {
            let bytes = fs::read(root().join("fuzz/corpus").join(target).join(&input)).unwrap();
            eprintln!("{target}/{input}");
            body(&bytes);
            replayed += 1;
        }
    }
    assert!(replayed >= TARGETS.len(), "{replayed} inputs");
}

#[test]
fn every_target_has_body_program_and_corpus() {
    let bodies: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(bodies.len(), TARGETS.len(), "a name is given twice");
    let stem = |file: String| file.trim_end_matches(".rs").to_owned();
    let programs: BTreeSet<_> = list(&root().join("fuzz/fuzz_targets")).into_iter().map(stem).collect();
    let corpora: BTreeSet<_> = list(&root().join("fuzz/corpus")).into_iter().collect();
    assert_eq!(bodies, programs, "bodies and fuzz_targets/");
    assert_eq!(bodies, corpora, "bodies and corpus/");

    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for name in &bodies {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} has no [[bin]] in fuzz/Cargo.toml");
        assert!(!list(&root().join("fuzz/corpus").join(name)).is_empty(), "the corpus of {name} is empty");
    }
}

fn list(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
