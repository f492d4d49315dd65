//! Scenario: a body taken from a trace. Is it a session description, what is wrong with it, what does it offer?
//!
//! `cargo run -q -p media-rtp --example sdp-inspect -- FILE…` prints one JSON object per file. Counter-command:
//! `tshark -r call.pcap -Y sdp -T json` on the capture the body came from.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the output of a command")]

use std::process::ExitCode;

use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::{Media, SessionDescription};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: sdp-inspect FILE…");
        return ExitCode::FAILURE;
    }
    let mut exit = ExitCode::SUCCESS;
    for file in files {
        match std::fs::read(&file) {
            Ok(body) => println!("{}", inspect(&file, &body)),
            Err(error) => {
                eprintln!("{file}: {error}");
                exit = ExitCode::FAILURE;
            }
        }
    }
    exit
}

fn inspect(file: &str, body: &[u8]) -> Value {
    match SessionDescription::parse(body) {
        Ok(description) => {
            let faults: Vec<_> = description
                .faults()
                .iter()
                .map(|f| json!({"line": f.line, "code": f.kind.code(), "detail": f.kind.to_string()}))
                .collect();
            let media: Vec<_> =
                description.media().iter().map(|media| summary(&description, media)).collect();
            let round_trip = description.to_bytes() == body;
            json!({"file": file, "outcome": "ok", "faults": faults, "media": media, "round_trip": round_trip})
        }
        Err(error) => {
            let fault = json!({"line": error.line(), "code": error.code(), "detail": error.to_string()});
            json!({"file": file, "outcome": "rejected", "faults": [fault], "media": [], "round_trip": false})
        }
    }
}

fn summary(description: &SessionDescription, media: &Media) -> Value {
    let own = Direction::of(media.section());
    let direction = own.or_else(|| Direction::of(description.session())).unwrap_or_default();
    let line = media.line();
    json!({
        "kind": line.media,
        "port": line.port,
        "proto": line.protocol.to_string(),
        "formats": line.formats,
        "direction": direction.name(),
    })
}
