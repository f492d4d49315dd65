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
use telco_model::entity::PROPAGATION_LIMIT;

use crate::out::{count, say};
use crate::{folder, heading};

/// What people dial anywhere: an emergency, an extension, a neighbour, another country, an address, a slip.
const DIALLED: [&str; 6] = ["911", "4101", "3175550123", "+442079460018", "alice@example.com", "31+7"];

/// Tells about an organization in a file, without calls.
pub(crate) fn tell(file: &Path, now: Timestamp) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let text = without_edge(text);
    let organization = Organization::from_document(&text, Format::of_path(file), now).map_err(|unread| {
        let problems: Vec<String> = unread.problems.iter().map(|problem| format!("  {problem}")).collect();
        anyhow!("the document has {}:\n{}", count(problems.len(), "problem"), problems.join("\n"))
    })?;
    heading("The organization");
    tree::print(&organization);
    heading("What its administrator should know");
    issues(&organization, now);
    heading("Its picture");
    say!("  {}", draw(&organization, &folder::make()?)?.display());
    heading("What people dial");
    // An extension counts as assigned when the file is read.
    say!(
        "  Once extensions are known everywhere, {} minutes after they are assigned:",
        PROPAGATION_LIMIT.as_mins()
    );
    at_sites(&organization, &DIALLED, now.checked_add(PROPAGATION_LIMIT)?)
}

/// The organization in a configuration of `examples/edge`: all but its `[edge]` table.
fn without_edge(text: String) -> String {
    match text.parse::<toml::Table>() {
        Ok(table) if table.contains_key("edge") => {
            let rest: toml::Table = table.into_iter().filter(|(key, _)| key != "edge").collect();
            rest.to_string()
        }
        Ok(_) | Err(_) => text,
    }
}

fn issues(organization: &Organization, now: Timestamp) {
    // The audit says the same of classifications, with a number that shows it.
    let advice = organization.issues(now).into_iter().filter(|issue| issue.code != "classification.no_route");
    let advice = advice.map(|issue| issue.in_words(organization));
    let findings = numplan::audit(organization).into_iter().map(|finding| finding.to_string());
    let all: Vec<String> = advice.chain(findings).collect();
    match all.as_slice() {
        [] => say!("  Nothing."),
        all => all.iter().for_each(|line| say!("  • {line}")),
    }
}

/// Draws the topology into a folder that is there: open it in a browser.
pub(crate) fn draw(organization: &Organization, folder: &Path) -> Result<PathBuf> {
    let path = folder.join("topology.svg");
    std::fs::write(&path, organization.topology().to_svg())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_of_the_edge_is_an_organization_too() {
        let text = without_edge(include_str!("../../../edge/edge.toml").to_owned());
        let organization = Organization::from_document(&text, Format::Toml, Timestamp::UNIX_EPOCH);
        assert_eq!(organization.map(|read| read.edges().len()), Ok(1));
        let own = "format = 1 # mine";
        assert_eq!(without_edge(own.to_owned()), own, "what has no [edge] is read as it is written");
    }
}
