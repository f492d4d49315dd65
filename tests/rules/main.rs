//! The rules of the workspace, as tests.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod imports;
mod layout;
mod pages;
mod public_surface;
mod requirements;
mod safety;

/// Fails with one line per finding.
fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{} {what}:\n  {}\n", findings.len(), findings.join("\n  "));
}
