//! An organization on paper: its tree, its problems, its picture, and what its sites do with dialled numbers.

mod dialled;
mod tree;

pub(crate) use dialled::at_sites;
pub(crate) use tree::print as print_tree;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use jiff::Timestamp;
use telco_model::Organization;
use telco_model::document::Format;

use crate::heading;

/// What people dial anywhere: an emergency, an extension, a neighbour, another country, an address, a slip.
const DIALLED: [&str; 6] = ["911", "4101", "3175550123", "+442079460018", "alice@example.com", "31+7"];

/// Tells about an organization in a file, without calls.
pub(crate) fn tell(file: &Path, now: Timestamp) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let organization = Organization::from_document(&text, Format::of_path(file), now).map_err(|unread| {
        let problems: Vec<String> = unread.problems.iter().map(|problem| format!("  {problem}")).collect();
        anyhow!("the document has {} problems:\n{}", problems.len(), problems.join("\n"))
    })?;
    heading("The organization");
    tree::print(&organization);
    heading("What its administrator should know");
    issues(&organization, now);
    heading("Its picture");
    println!("  {}", draw(&organization, &std::env::temp_dir().join("telco-quickstart"))?.display());
    heading("What people dial");
    at_sites(&organization, &DIALLED, now)
}

fn issues(organization: &Organization, now: Timestamp) {
    // The audit says the same of classifications, with a number that shows it.
    let advice = organization.issues(now).into_iter().filter(|issue| issue.code != "classification.no_route");
    let advice = advice.map(|issue| issue.in_words(organization));
    let findings = numplan::audit(organization).into_iter().map(|finding| finding.to_string());
    let all: Vec<String> = advice.chain(findings).collect();
    match all.as_slice() {
        [] => println!("  Nothing."),
        all => all.iter().for_each(|line| println!("  • {line}")),
    }
}

/// Draws the topology into a folder: open it in a browser.
pub(crate) fn draw(organization: &Organization, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("topology.svg");
    std::fs::write(&path, organization.topology().to_svg())?;
    Ok(path)
}
