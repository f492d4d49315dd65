//! RFC citations in source text.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use crate::source::Source;

/// `RFC 3261 §17.1.1.2`, `RFC 3261 section 18`, `RFC 4733 Appendix A`, `RFC 8225`; and `§18.2.1` right after one.
#[allow(clippy::unwrap_used, reason = "a constant expression, compiled by a test")]
static CITATION: LazyLock<Regex> = LazyLock::new(|| {
    let section = r"(?:§+ ?|[Ss]ections? |[Aa]ppendix )(?P<section>[0-9A-Z]+(?:\.[0-9]+)*)";
    let further = r"(?P<further>(?:(?:,| and) ?§+ ?[0-9A-Z]+(?:\.[0-9]+)*)*)";
    Regex::new(&format!(r"\bRFC[ -]?(?P<rfc>[0-9]{{3,5}})\b(?:,? {section}{further})?")).unwrap()
});

/// A section of an RFC, or the RFC as a whole when `section` is empty. Ordered as in a table of contents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cited {
    /// 3261.
    pub rfc: u32,
    /// The section's parts: numbers padded so that 2 comes before 10, and letters after numbers.
    parts: Vec<(bool, u32, String)>,
}

impl Cited {
    /// Section `section` of an RFC; empty for the whole.
    pub fn new(rfc: u32, section: &str) -> Self {
        let part = |part: &str| match part.parse() {
            Ok(number) => (false, number, part.to_owned()),
            Err(_) => (true, 0, part.to_owned()),
        };
        let parts = section.split('.').filter(|part| !part.is_empty()).map(part).collect();
        Self { rfc, parts }
    }

    /// `17.1.1.2`, or empty.
    pub fn section(&self) -> String {
        self.parts.iter().map(|(_, _, text)| text.as_str()).collect::<Vec<_>>().join(".")
    }
}

/// Where something is cited: paths of source files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// In what ships.
    pub code: BTreeSet<String>,
    /// In what tests it.
    pub tests: BTreeSet<String>,
}

/// Every citation of every source.
pub fn collect(sources: &[Source]) -> BTreeMap<Cited, Places> {
    let mut found: BTreeMap<Cited, Places> = BTreeMap::new();
    for source in sources {
        let (code, tests) = source.split();
        for cited in citations(code) {
            found.entry(cited).or_default().code.insert(source.path.clone());
        }
        for cited in citations(tests) {
            found.entry(cited).or_default().tests.insert(source.path.clone());
        }
    }
    found
}

/// The citations of a text, in order.
pub fn citations(text: &str) -> Vec<Cited> {
    let mut found = Vec::new();
    for captures in CITATION.captures_iter(text) {
        let Ok(rfc) = captures["rfc"].parse() else { continue };
        found.push(Cited::new(rfc, captures.name("section").map_or("", |section| section.as_str())));
        let further = captures.name("further").map_or("", |further| further.as_str());
        let sections = further.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        found.extend(
            sections.filter(|s| !s.is_empty() && *s != "and").map(|section| Cited::new(rfc, section)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(u32, &str)]) {
        let found = citations(text);
        let found: Vec<_> = found.iter().map(|cited| (cited.rfc, cited.section())).collect();
        let expected: Vec<_> = expected.iter().map(|(rfc, section)| (*rfc, (*section).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn citations_are_found_in_their_usual_forms() {
        check("// RFC 3261 §17.1.1.2: own words", &[(3261, "17.1.1.2")]);
        check("RFC 3261 §18.1.1, §18.2.1 and §8", &[(3261, "18.1.1"), (3261, "18.2.1"), (3261, "8")]);
        check("RFC 4733 section 2.3. RFC 8225", &[(4733, "2.3"), (8225, "")]);
        check("RFC 5905 Appendix A", &[(5905, "A")]);
        check("RFC 3261, §20 and RFC 3262", &[(3261, "20"), (3262, "")]);
        check("RFCs in general, RFC 12", &[]);
    }

    #[test]
    fn sections_sort_as_in_a_table_of_contents() {
        let mut sections = ["10", "A", "9.10", "9.2", "", "B.1"].map(|section| Cited::new(3261, section));
        sections.sort();
        assert_eq!(sections.map(|cited| cited.section()), ["", "9.2", "9.10", "10", "A", "B.1"]);
    }
}
