//! Ways to state what is expected.

use std::{
    fmt::{Debug, Write},
    path::{Path, PathBuf},
};

use expect_test::ExpectFile;

use crate::{Sim, node::Payload};

/// Compares the ladder of a simulation with a committed file; `UPDATE_EXPECT=1` rewrites the file.
///
/// # Panics
/// When they differ, with the difference.
pub fn check_ladder<P: Payload>(sim: &Sim<P>, expected: &ExpectFile) {
    expected.assert_eq(&sim.ladder());
}

/// Runs a table of `(input, expected)` through `actual` and reports every row that differs, not just the first.
///
/// ```
/// telco_testkit::check_all([("911", 3), ("+18005550100", 12)], |dialled| dialled.len());
/// ```
///
/// # Panics
/// When a row differs, or the table is empty.
pub fn check_all<I: Debug, E: Debug, A: Debug + PartialEq<E>>(
    cases: impl IntoIterator<Item = (I, E)>,
    actual: impl Fn(&I) -> A,
) {
    let (mut rows, mut wrong, mut report) = (0, 0, String::new());
    for (input, expected) in cases {
        rows += 1;
        let actual = actual(&input);
        if actual != expected {
            wrong += 1;
            let _ = write!(report, "\n  {input:?}\n    expected {expected:?}\n    actual   {actual:?}");
        }
    }
    assert!(rows > 0, "a table without rows proves nothing");
    assert!(wrong == 0, "{wrong} of {rows} rows differ:{report}");
}

/// A file or directory of the optional test vectors: `$TELCO_VECTORS/name`, else `../shared/data/name` beside the
/// workspace. When it is absent, says so on standard error and returns `None`; the project's own vectors then
/// stand alone.
///
/// ```
/// if let Some(directory) = telco_testkit::shared_data("rfc4475") {
///     assert!(directory.exists());
/// }
/// ```
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("TELCO_VECTORS") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("note: {} is absent, so only the project's own vectors are tested here", path.display());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_agrees_passes() {
        check_all([("1", 1), ("22", 2)], |text| text.len());
    }

    #[test]
    #[should_panic(expected = "2 of 3 rows differ:\n  \"a\"\n    expected 7\n    actual   1\n  \"bb\"")]
    fn a_table_reports_every_difference() {
        check_all([("a", 7), ("bb", 8), ("ccc", 3)], |text| text.len());
    }

    #[test]
    #[should_panic(expected = "a table without rows proves nothing")]
    fn an_empty_table_is_a_mistake() {
        check_all([], |text: &&str| text.len());
    }

    #[test]
    fn missing_vectors_are_none() {
        assert_eq!(shared_data("no-such-directory-of-vectors"), None);
    }
}
