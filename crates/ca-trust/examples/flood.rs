//! A million attempted handshakes with garbage instead of a client hello: memory must stay flat.
//!
//! ```text
//! cargo run --release -p ca-trust --example flood [-- COUNT]
//! ```
//!
//! Prints resident memory as it goes, as one JSON line per tenth, and fails if it grew by more than 5 %.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::process::ExitCode;

use ca_trust::tls::{ClientAuth, Identities, Identity, ServerTls, TlsProfile, ring_provider};
use ca_trust::{Anchors, Certificate};
use rustls::ServerConnection;
use rustls_pki_types::PrivatePkcs8KeyDer;

fn main() -> ExitCode {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000_u64);
    match flood(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flood: {error}");
            ExitCode::FAILURE
        }
    }
}

fn flood(count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let own = rcgen::generate_simple_self_signed(vec!["edge.example".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let anchors = Anchors::from_certificates([Certificate::from_der(own.cert.der())?]);
    let identity = Identity::new(vec![own.cert.der().clone()], key.into(), &ring_provider())?;
    let profile = TlsProfile::trunk();
    let server =
        ServerTls::new(anchors, &profile, ring_provider(), Identities::one(identity), ClientAuth::Required)?;
    let (mut first, mut last) = (None, 0);
    for index in 0..count {
        attack(&server, index)?;
        if (index + 1).is_multiple_of((count / 10).max(1)) {
            last = resident_kib()?;
            first.get_or_insert(last);
            println!("{}", serde_json::json!({"handshakes": index + 1, "resident_kib": last}));
        }
    }
    let first = first.unwrap_or(last);
    if last > first + first / 20 {
        return Err(format!("resident memory grew from {first} to {last} KiB").into());
    }
    Ok(())
}

/// Half of them pretend to be a TLS record, so that the reader waits for more; the other half are noise.
fn attack(server: &ServerTls, index: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (config, capture) = server.attempt()?;
    let mut connection = ServerConnection::new(config)?;
    let mut garbage = index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().repeat(40);
    if index.is_multiple_of(2) {
        garbage.splice(..5, [0x16, 3, 1, 1, 0x20]);
    }
    capture.received(&garbage);
    let mut octets = garbage.as_slice();
    while !octets.is_empty() && connection.read_tls(&mut octets).is_ok() {
        if connection.process_new_packets().is_err() {
            break;
        }
    }
    Ok(())
}

fn resident_kib() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
}
