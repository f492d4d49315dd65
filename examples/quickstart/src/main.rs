//! `cargo quickstart`: a sample organization is read, judged, drawn and dialled.
//!
//! ```text
//! cargo quickstart                    # the sample
//! cargo quickstart my-org.toml        # your own organization
//! ```
//!
//! Nothing leaves the machine. The picture is written to the temporary directory, its path is printed: open it in a browser.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program prints, and reads the clock once"
)]

mod calls;
mod tree;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use jiff::Timestamp;
use telco_model::Organization;
use telco_model::document::Format;

const SAMPLE: &str = include_str!("../../../crates/telco-model/samples/sample.toml");
const USAGE: &str = "usage: cargo quickstart [ORGANIZATION.toml|.json]

Reads an organization (the sample without an argument), reports its issues, draws its topology,
and shows what its sites do with dialled numbers.";

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    if matches!(argument.as_deref(), Some("-h" | "--help")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(argument) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(file: Option<String>) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::try_from(SystemTime::now())?;
    let organization = load(file, now)?;
    heading("The organization");
    tree::print(&organization);
    heading("What its administrator should know");
    issues(&organization, now);
    heading("Its picture");
    println!("  {}", draw(&organization)?.display());
    heading("What people dial");
    calls::simulate_all(&organization, now)?;
    heading("The first message of the first call");
    calls::print_invite(&organization)?;
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}\n{}\n", "─".repeat(text.len()));
}

fn load(file: Option<String>, now: Timestamp) -> Result<Organization, Box<dyn Error>> {
    let (text, format) = match file {
        None => (SAMPLE.to_owned(), Format::Toml),
        Some(file) => {
            let path = PathBuf::from(file);
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            (text, Format::of_path(&path))
        }
    };
    Organization::from_document(&text, format, now).map_err(|unread| {
        let problems: Vec<String> = unread.problems.iter().map(|problem| format!("  {problem}")).collect();
        format!("the document has {} problems:\n{}", problems.len(), problems.join("\n")).into()
    })
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

fn draw(organization: &Organization) -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir().join("telco-quickstart");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("topology.svg");
    std::fs::write(&path, organization.topology().to_svg())?;
    Ok(path)
}
