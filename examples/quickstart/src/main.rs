//! `cargo quickstart`: an office on loopback, and five calls through it.
//!
//! ```text
//! cargo quickstart                    # an edge, phones and carriers make real calls; exits 0 when all is as it should be
//! cargo quickstart -- --stay          # then keeps running: register your own phone
//! cargo quickstart my-org.toml        # your own organization on paper: its problems, its picture, what people dial
//! ```
//!
//! Nothing leaves the machine, and no other program is needed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a program prints, reads the clock and starts tasks; a story waits for a few of many events"
)]

mod cast;
mod ladder;
mod office;
mod paper;
mod records;
mod stay;
mod story;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;

use story::Story;

const USAGE: &str = "usage: cargo quickstart [-- --stay] | cargo quickstart ORGANIZATION.toml|.json

Without arguments: an edge, two phones, two carriers and a service desk on loopback make five calls, each drawn and judged.
--stay keeps them running, for your own phone. With a file: your own organization on paper.";

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let done = match argument.as_deref() {
        Some("-h" | "--help") => {
            println!("{USAGE}");
            Ok(())
        }
        None => perform(false),
        Some("--stay") => perform(true),
        Some(file) => paper::tell(&PathBuf::from(file), Timestamp::now()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn perform(stay: bool) -> Result<()> {
    let mut story = Story::begin(Ipv4Addr::LOCALHOST, if stay { 5060 } else { 0 })?;
    let organization = story.office.organization.clone();
    heading("The office");
    paper::print_tree(&organization);
    println!("\n  picture: {}", paper::draw(&organization, &story.office.directory)?.display());
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
    println!("\n  recording: {}", story.recording().display());
    println!("  records:   {}", story.office.directory.join("spool").display());
    anyhow::ensure!(failed == 0, "{failed} expectations did not hold, see the ✗ above");
    println!("\nAll is as it should be.");
    if stay {
        stay::forever(story).await?;
    } else {
        story.office.running.stop().await;
    }
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}\n{}\n", "─".repeat(text.chars().count()));
}
