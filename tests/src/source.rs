//! The project's Rust source as text.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The directories that hold the project's own source.
const PLACES: [&str; 5] = ["crates", "tests", "examples", "benches", "fuzz"];
/// Generated or foreign.
const SKIPPED: [&str; 4] = ["target", "corpus", "artifacts", "ladders"];

/// One source file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path from the workspace root, with `/` between parts.
    pub path: String,
    /// The text.
    pub text: String,
}

/// A test function and the doc comment above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentedTest {
    /// The function's name.
    pub name: String,
    /// The lines of its `///` comment, joined by newlines.
    pub doc: String,
}

/// Every `.rs` file of the workspace and of `fuzz/`, sorted by path.
///
/// # Errors
/// When a directory cannot be read or a file is not UTF-8.
pub fn all(root: &Path) -> io::Result<Vec<Source>> {
    let mut files = Vec::new();
    for place in PLACES {
        let directory = root.join(place);
        if directory.is_dir() {
            collect(&directory, &mut files)?;
        }
    }
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let relative = file.strip_prefix(root).unwrap_or(&file);
            let path = relative.to_string_lossy().replace('\\', "/");
            Ok(Source { path, text: fs::read_to_string(&file)? })
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

impl Source {
    /// Whether the whole file is test, benchmark or fuzzing code.
    pub fn is_test_file(&self) -> bool {
        let in_place = ["tests/", "benches/", "fuzz/"].iter().any(|place| self.path.starts_with(place));
        let in_crate = self.path.contains("/tests/") || self.path.contains("/benches/");
        (in_place && !self.path.starts_with("tests/src/")) || in_crate || self.path.ends_with("/tests.rs")
    }

    /// Number of lines.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Splits the text into what ships and what tests it: a unit test module stands at the end of its file.
    pub fn split(&self) -> (&str, &str) {
        if self.is_test_file() {
            return ("", &self.text);
        }
        match self.text.find("\n#[cfg(test)]\nmod ") {
            Some(at) => self.text.split_at(at),
            None => (&self.text, ""),
        }
    }

    /// The test functions that have a doc comment.
    pub fn documented_tests(&self) -> Vec<DocumentedTest> {
        let (mut tests, mut doc, mut marked) = (Vec::new(), Vec::new(), false);
        for line in self.text.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                doc.push(text.trim());
            } else if line.starts_with("#[") {
                let attribute = line.trim_start_matches("#[");
                let name = attribute.split(['(', ']', ' ']).next().unwrap_or_default();
                marked |= name == "test" || name.ends_with("::test");
            } else if let (true, false, Some(name)) = (marked, doc.is_empty(), function_name(line)) {
                tests.push(DocumentedTest { name: name.to_owned(), doc: doc.join("\n") });
                (doc, marked) = (Vec::new(), false);
            } else if !line.starts_with("//") && !line.is_empty() && !continues_attribute(line) {
                (doc, marked) = (Vec::new(), false);
            }
        }
        tests
    }
}

/// `fn name(`, whatever stands before `fn`.
fn function_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("fn ").or_else(|| line.split_once(" fn ").map(|(_, rest)| rest))?;
    rest.split(['(', '<']).next().map(str::trim)
}

/// The inner or last line of an attribute that rustfmt has broken up.
fn continues_attribute(line: &str) -> bool {
    line == ")]" || (line.ends_with(',') && !line.contains('{') && !line.contains(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let source = Source { path: "crates/x/src/lib.rs".to_owned(), text: text.to_owned() };
        let tests = source.documented_tests();
        let actual: Vec<_> = tests.iter().map(|test| (test.name.as_str(), test.doc.as_str())).collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn a_doc_comment_belongs_to_the_test_below_it() {
        check(
            "/// AB-001: it works.\n/// AB-002\n#[test]\nfn works() {",
            &[("works", "AB-001: it works.\nAB-002")],
        );
        check("#[test]\n/// AB-001\n#[should_panic]\nfn works() {", &[("works", "AB-001")]);
        check("/// AB-001\n#[tokio::test(flavor = \"x\")]\nasync fn works() {", &[("works", "AB-001")]);
    }

    #[test]
    fn a_doc_comment_elsewhere_proves_nothing() {
        check("/// AB-001\npub fn ships() {}\n#[test]\nfn works() {", &[]);
        check("/// AB-001\nstruct X;\n#[test]\nfn works() {", &[]);
        check("// AB-001\n#[test]\nfn works() {", &[]);
    }

    #[test]
    fn shipped_code_and_its_tests_are_told_apart() {
        let text = "// RFC 1\n\n#[cfg(test)]\nmod tests {\n// RFC 2\n}\n".to_owned();
        let source = Source { path: "crates/x/src/lib.rs".to_owned(), text };
        assert_eq!(source.split(), ("// RFC 1\n", "\n#[cfg(test)]\nmod tests {\n// RFC 2\n}\n"));
    }
}
