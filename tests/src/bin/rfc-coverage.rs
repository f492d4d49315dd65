//! Writes `docs/rfc-coverage.md`: which sections of which RFCs the code and its tests cite.
//!
//! `cargo run -q -p telco-tests --bin rfc-coverage`
//!
//! Titles come from the RFC texts in `../shared/data/rfc` (or `$TELCO_VECTORS/rfc`) where they are present, and are kept in
//! `tests/data/rfc-titles.txt` so that the page is the same without them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use telco_tests::{
    citations::{self, Cited, Places},
    root, source,
};

const PAGE: &str = "docs/rfc-coverage.md";
const TITLES: &str = "tests/data/rfc-titles.txt";
const HEAD: &str = "# RFC coverage

Written by `cargo run -q -p telco-tests --bin rfc-coverage` from the citations (`RFC 3261 §17.1.1.2`) in code and tests.
A section with code and no test is a place to look; a section that is not listed is not claimed.

";

fn main() -> anyhow::Result<()> {
    let root = root();
    let mut sources = source::all(&root)?;
    // The readers of citations quote some themselves.
    sources.retain(|source| !source.path.starts_with("tests/src/"));
    let cited = citations::collect(&sources);
    let mut titles = read_titles(&root.join(TITLES))?;
    let known = learn_titles(&cited, &mut titles);
    titles.retain(|key, _| cited.contains_key(key) || key.section().is_empty());
    write_titles(&root.join(TITLES), &titles)?;
    fs::write(root.join(PAGE), page(&cited, &titles)).context(PAGE)?;

    let tested = cited.values().filter(|places| !places.tests.is_empty()).count();
    let rfcs = cited.keys().map(|cited| cited.rfc).collect::<BTreeSet<_>>().len();
    eprintln!(
        "{PAGE}: {} citations of {rfcs} RFCs, {tested} in tests; texts of {known} RFCs read",
        cited.len()
    );
    Ok(())
}

fn page(cited: &BTreeMap<Cited, Places>, titles: &BTreeMap<Cited, String>) -> String {
    let title = |key: &Cited| titles.get(key).map_or("", String::as_str);
    let rfcs: BTreeSet<u32> = cited.keys().map(|cited| cited.rfc).collect();
    let sections = |rfc: u32| cited.iter().filter(move |(key, _)| key.rfc == rfc);

    let mut page = HEAD.to_owned();
    page.push_str("| RFC | title | places cited | with a test |\n|---|---|---|---|\n");
    for rfc in &rfcs {
        let tested = sections(*rfc).filter(|(_, places)| !places.tests.is_empty()).count();
        let name = title(&Cited::new(*rfc, ""));
        page.push_str(&format!("| [{rfc}](#rfc-{rfc}) | {name} | {} | {tested} |\n", sections(*rfc).count()));
    }
    for rfc in rfcs {
        page.push_str(&format!("\n## RFC {rfc}\n\n| § | title | code | tests |\n|---|---|---|---|\n"));
        for (key, places) in sections(rfc) {
            let section = if key.section().is_empty() { "(whole)".to_owned() } else { key.section() };
            let name = if key.section().is_empty() { "" } else { title(key) };
            page.push_str(&format!(
                "| {section} | {name} | {} | {} |\n",
                files(&places.code),
                files(&places.tests)
            ));
        }
    }
    page
}

fn files(paths: &BTreeSet<String>) -> String {
    paths.iter().map(|path| format!("[{}](../{path})", short(path))).collect::<Vec<_>>().join(", ")
}

/// `crates/sip-trunk/src/msg/scan.rs` as `sip-trunk/msg/scan`.
fn short(path: &str) -> String {
    let path = path.strip_prefix("crates/").unwrap_or(path);
    path.replace("/src/", "/").trim_end_matches(".rs").trim_end_matches("/mod").to_owned()
}

/// One title a line: RFC, section (empty for the whole), title, separated by tabs.
fn read_titles(file: &Path) -> anyhow::Result<BTreeMap<Cited, String>> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(file)?;
    text.lines()
        .map(|line| {
            let mut fields = line.splitn(3, '\t');
            let (Some(rfc), Some(section), Some(title)) = (fields.next(), fields.next(), fields.next())
            else {
                anyhow::bail!("{TITLES}: not RFC, section and title: {line}");
            };
            Ok((Cited::new(rfc.parse()?, section), title.to_owned()))
        })
        .collect()
}

fn write_titles(file: &Path, titles: &BTreeMap<Cited, String>) -> anyhow::Result<()> {
    let lines = titles.iter().map(|(key, title)| format!("{}\t{}\t{title}\n", key.rfc, key.section()));
    fs::write(file, lines.collect::<String>()).context(TITLES)
}

/// Adds the titles of what is cited, from the texts that are present; returns how many there were.
fn learn_titles(cited: &BTreeMap<Cited, Places>, titles: &mut BTreeMap<Cited, String>) -> usize {
    let texts =
        env::var_os("TELCO_VECTORS").map_or_else(|| root().join("../shared/data"), PathBuf::from).join("rfc");
    let mut read = 0;
    for rfc in cited.keys().map(|cited| cited.rfc).collect::<BTreeSet<_>>() {
        let Ok(bytes) = fs::read(texts.join(format!("rfc{rfc}.txt"))) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        read += 1;
        if let Some(title) = document_title(&text) {
            titles.insert(Cited::new(rfc, ""), title);
        }
        for key in cited.keys().filter(|key| key.rfc == rfc && !key.section().is_empty()) {
            if let Some(title) = section_title(&text, &key.section()) {
                titles.insert(key.clone(), title);
            }
        }
    }
    read
}

/// The first indented block after the heading of names and date, with the lines of a long title joined.
fn document_title(text: &str) -> Option<String> {
    let body = text.trim_start_matches(['\u{feff}', '\n', '\r', '\u{c}', ' ']);
    let after_heading = body.lines().skip_while(|line| !line.trim().is_empty());
    let mut title = String::new();
    for line in after_heading.skip_while(|line| line.trim().is_empty()) {
        if line.trim().is_empty() {
            break;
        }
        title.push_str(if title.is_empty() { "" } else { " " });
        title.push_str(line.trim());
    }
    (!title.is_empty()).then(|| title.replace('|', "\\|"))
}

/// The heading of a section where it stands, at the left margin; not its line in the table of contents.
fn section_title(text: &str, section: &str) -> Option<String> {
    text.lines().filter(|line| !line.contains("...") && !line.contains(" . .")).find_map(|line| {
        let line = line.strip_prefix("Appendix ").unwrap_or(line);
        let rest = line.strip_prefix(section)?;
        let title = rest.strip_prefix('.').unwrap_or(rest).trim_start_matches(" -").trim_start_matches(':');
        let is_heading = title.starts_with([' ', '\t']) && !title.trim().is_empty();
        is_heading.then(|| title.trim().replace('|', "\\|"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\u{feff}\n\nInternet Engineering Task Force\nRequest for Comments: 9\nISSN: 1\n\n\n        \
        A Long Title\n      in Two Lines\n\nAbstract\n\n   17.1.1   Overview ..... 5\n17.1.1 Overview\n\n18.  Transport\n\
        Appendix A.  Changes\nA.1 Checks\n";

    #[test]
    fn titles_are_found_in_both_generations_of_rfcs() {
        assert_eq!(document_title(TEXT).as_deref(), Some("A Long Title in Two Lines"));
        let check =
            |section: &str, title: Option<&str>| assert_eq!(section_title(TEXT, section).as_deref(), title);
        check("17.1.1", Some("Overview"));
        check("18", Some("Transport"));
        check("A", Some("Changes"));
        check("A.1", Some("Checks"));
        check("17.1", None);
    }

    #[test]
    fn paths_are_shortened_to_what_people_say() {
        assert_eq!(short("crates/sip-trunk/src/msg/mod.rs"), "sip-trunk/msg");
        assert_eq!(short("tests/conformance/rfc4475.rs"), "tests/conformance/rfc4475");
    }
}
