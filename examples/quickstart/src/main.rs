//! `cargo quickstart`: an office on loopback, and five calls through it.
//!
//! ```text
//! cargo quickstart                    # an edge, phones and carriers make real calls; exits 0 when all is as it should be
//! cargo quickstart --stay             # then keeps running: register your own phone
//! cargo quickstart my-org.toml        # your own organization on paper: its problems, its picture, what people dial
//! ```
//!
//! Nothing leaves the machine, and no other program is needed.

#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a program prints, reads the clock and starts tasks; a story waits for a few of many events"
)]

mod cast;
mod folder;
mod ladder;
mod office;
mod out;
mod paper;
mod records;
mod stay;
mod story;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;

use out::say;
use story::Story;

const USAGE: &str = "\
usage: cargo quickstart                              real calls on loopback
       cargo quickstart --stay                       the same, then it keeps running for your own phone
       cargo quickstart ORGANIZATION.toml|.json      an organization on paper

Without arguments an edge, two phones, two carriers and a service desk make five calls, each drawn and judged.

An organization file holds sites, trunks, number plans, users, phones …: `format = 1`, and a list for each of them.
Two to try, and to begin your own with (in the second, [edge] is for the program examples/edge, and skipped here):

       cargo quickstart crates/telco-model/samples/sample.toml
       cargo quickstart examples/edge/edge.toml";

/// The exit code for an option there is not, as of most programs.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match wish(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(Wish::Calls { stay }) => perform(stay),
        Some(Wish::Paper(file)) => paper::tell(&file, Timestamp::now()),
        Some(Wish::Usage) => {
            say!("{USAGE}");
            Ok(())
        }
        None => {
            eprintln!("{USAGE}");
            return ExitCode::from(MISUSED);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What it was called for.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Calls { stay: bool },
    Paper(PathBuf),
    Usage,
}

/// What the arguments say; `None` when that is nothing.
fn wish(arguments: &[&str]) -> Option<Wish> {
    match arguments {
        // `cargo quickstart` has a `--` of its own; who writes another means the same.
        ["--", rest @ ..] => wish(rest),
        [] => Some(Wish::Calls { stay: false }),
        ["--stay"] => Some(Wish::Calls { stay: true }),
        ["-h" | "--help"] => Some(Wish::Usage),
        [file] if !file.starts_with('-') => Some(Wish::Paper(PathBuf::from(file))),
        [..] => None,
    }
}

#[tokio::main]
async fn perform(stay: bool) -> Result<()> {
    let mut story = Story::begin(Ipv4Addr::LOCALHOST, if stay { 5060 } else { 0 })?;
    let organization = story.office.organization.clone();
    heading("The office");
    paper::print_tree(&organization);
    say!("\n  picture: {}", paper::draw(&organization, &story.office.directory)?.display());
    heading("On paper: what people dial, and why it goes where it goes");
    paper::at_sites(
        &organization,
        &["911", "4102", "9001", "212 555 0147", "+44 20 7946 0018", "31+7"],
        Timestamp::now(),
    )?;

    story.play().await?;
    heading("The call records, as they are on the disk");
    let records = story.office.records().await?;
    records::print(&records, &organization);
    let failed = story.judge_records(&records);
    say!("\n  recording: {}", story.recording().display());
    say!("  records:   {}", story.office.directory.join("spool").display());
    anyhow::ensure!(failed == 0, "{failed} expectations did not hold, see the ✗ above");
    say!("\nAll is as it should be. The files above are kept in {}.", story.office.directory.display());
    if stay {
        stay::forever(story).await?;
    } else {
        story.office.running.stop().await;
    }
    Ok(())
}

fn heading(text: &str) {
    say!("\n{text}\n{}\n", "─".repeat(text.chars().count()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_mean_the_same_with_and_without_dashes_before_them() {
        for before in [&[][..], &["--"]] {
            let check =
                |arguments: &[&str], expected| assert_eq!(wish(&[before, arguments].concat()), expected);
            check(&[], Some(Wish::Calls { stay: false }));
            check(&["--stay"], Some(Wish::Calls { stay: true }));
            check(&["--help"], Some(Wish::Usage));
            check(&["office.toml"], Some(Wish::Paper("office.toml".into())));
            check(&["--stays"], None);
            check(&["office.toml", "--stay"], None);
        }
    }
}
