//! Memory of connections. Resident memory is the process's, so these tests run one at a time.
#![cfg(feature = "rustls-ring")]

mod support;

use std::sync::{Mutex, PoisonError};

use ca_trust::tls::{ClientAuth, TlsProfile};
use rustls::ServerConnection;
use support::root;
use support::tls::{NAME, client, connect, server};

static ALONE: Mutex<()> = Mutex::new(());

/// CT-51: a million times garbage instead of a client hello leaves no memory behind; `examples/flood.rs` shows the cost.
#[test]
fn garbage_hellos_leave_memory_flat() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let ca = root("Root");
    let far = server(&ca, &TlsProfile::trunk(), &ca.leaf(NAME), ClientAuth::Required);
    let attack = |count: u64| {
        for index in 0..count {
            let (config, capture) = far.attempt().unwrap();
            let mut connection = ServerConnection::new(config).unwrap();
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
        }
    };
    attack(10_000);
    let before = resident_kib();
    attack(1_000_000);
    let after = resident_kib();
    assert!(after <= before + before / 20 + 512, "resident memory grew from {before} to {after} KiB");
}

/// CT-52: both ends of an idle connection together stay below twice the goal of 40 kB for one.
/// `examples/handshakes.rs` measures the server's end alone, beside OpenSSL.
#[test]
fn idle_connections_are_small() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let ca = root("Root");
    let far = server(&ca, &TlsProfile::trunk(), &ca.leaf(NAME), ClientAuth::None);
    let near = client(&ca, &TlsProfile::trunk());
    let mut held: Vec<_> = (0..20).map(|_| connect(&near, &far, NAME)).collect();
    let before = resident_kib();
    const COUNT: usize = 200;
    held.extend((0..COUNT).map(|_| connect(&near, &far, NAME)));
    let each = (resident_kib().saturating_sub(before)) / COUNT;
    assert!(held.iter().all(|outcome| outcome.client.is_ok() && outcome.server.is_ok()));
    assert!(each < 80, "{each} KiB for two ends");
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the kernel reports it");
    line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).expect("a number")
}
