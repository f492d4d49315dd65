//! The requirement rows of `docs/spec/*.md`.

use std::{fs, io, path::Path, sync::LazyLock};

use regex::Regex;

/// `TM-001`, `ES-01`: two or three letters, two or three digits.
#[allow(clippy::unwrap_used, reason = "a constant expression, compiled by a test")]
static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b([A-Z]{2,3})-([0-9]{2,3})\b").unwrap());

/// One row of a requirements table: `| TM-001 | source | statement |`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `TM-001`.
    pub id: String,
    /// The file name.
    pub file: String,
    /// `Some(reason)` when a cell of the row reads `planned: reason`; the reason may be missing.
    pub planned: Option<String>,
}

/// Every row of every page, in order.
///
/// # Errors
/// When the directory or a page cannot be read.
pub fn rows(directory: &Path) -> io::Result<Vec<Row>> {
    let mut pages: Vec<_> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    pages.sort_by_key(fs::DirEntry::file_name);
    let mut rows = Vec::new();
    for page in pages {
        let file = page.file_name().to_string_lossy().into_owned();
        if file.ends_with(".md") {
            let text = fs::read_to_string(page.path())?;
            rows.extend(text.lines().filter_map(|line| row(&file, line)));
        }
    }
    Ok(rows)
}

/// Every id that a text names.
pub fn ids(text: &str) -> impl Iterator<Item = &str> {
    ID.find_iter(text).map(|found| found.as_str())
}

/// The letters of an id.
pub fn prefix(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

fn row(file: &str, line: &str) -> Option<Row> {
    let mut cells = line.strip_prefix('|')?.split('|').map(|cell| cell.trim().trim_matches('*'));
    let first = cells.next()?;
    let id = ids(first).next().filter(|id| *id == first)?;
    let planned = cells.find_map(|cell| {
        let rest = cell.strip_prefix("planned").or_else(|| cell.strip_prefix("Planned"))?;
        let ends_word = !rest.starts_with(char::is_alphanumeric);
        ends_word.then(|| {
            rest.trim_start_matches([':', ',', ';', '*', ' ', '(', '—']).trim_end_matches(')').to_owned()
        })
    });
    Some(Row { id: id.to_owned(), file: file.to_owned(), planned })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, Option<&str>)>) {
        let actual = row("x.md", line);
        let actual = actual.as_ref().map(|row| (row.id.as_str(), row.planned.as_deref()));
        assert_eq!(actual, expected, "{line}");
    }

    #[test]
    fn rows_are_read_with_their_mark() {
        check("| TM-001 | handbook | Entity Site. |", Some(("TM-001", None)));
        check("| ES-01 | M | no panic | inject |", Some(("ES-01", None)));
        check(
            "| TM-002 | x | y | planned: needs the control plane |",
            Some(("TM-002", Some("needs the control plane"))),
        );
        check("| TM-002 | x | y | planned (needs X) |", Some(("TM-002", Some("needs X"))));
        check("| TM-002 | x | y | **planned** |", Some(("TM-002", Some(""))));
        check("| TM-002 | x | plannedness is no mark | |", Some(("TM-002", None)));
        check("| TM-002 | x | what is planned: prose | |", Some(("TM-002", None)));
    }

    #[test]
    fn other_lines_are_not_rows() {
        check("| id | source | statement |", None);
        check("|---|---|---|", None);
        check("TM-001 in prose", None);
        check("| K1 | a disagreement | reading |", None);
        check("| see TM-001 | x |", None);
    }

    #[test]
    fn ids_are_found_in_prose() {
        assert_eq!(ids("TM-001, ST-02: and RFC-3261").collect::<Vec<_>>(), ["TM-001", "ST-02"]);
    }
}
