//! Instructions per message, counted by callgrind on the release build. Says plainly when valgrind is not installed.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests; absence is said plainly

use std::path::{Path, PathBuf};
use std::process::Command;

/// Work, and the most instructions it may take on the 1,333-byte INVITE.
const BUDGETS: [(&str, u64); 4] =
    [("scan", 10_000), ("typed", 18_000), ("forward", 22_000), ("transaction", 150_000)];

/// DESIGN §9: scan within 10 k instructions, with typed views within 18 k, forwarded within 22 k. A server transaction, with the
/// message scanned, checked and answered and every timer of it run, within 150 k.
#[test]
fn a_message_stays_within_its_instruction_budget() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: instructions were not counted");
        return;
    }
    let program = build_cost_program();
    for (work, budget) in BUDGETS {
        let invite = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fixtures/invite.sip");
        let spent =
            (instructions(&program, work, 101, &invite) - instructions(&program, work, 1, &invite)) / 100;
        println!("{work}: {spent} instructions of {budget}");
        assert!(spent <= budget, "{work} takes {spent} instructions, more than {budget}");
        assert!(spent > 500, "{work} took {spent} instructions: nothing was measured");
    }
}

/// What a header value can be filled with to make reading it slow.
const FILLINGS: [&[u8]; 20] = [
    b"a",
    b",",
    b";",
    b";a=b",
    b"(",
    b"a(",
    b" (a)",
    b"\"",
    b"\"\\\"",
    b"<",
    b"<sip:a>,",
    b"<sip:a;b=c>;d,",
    b"sip:%41@",
    b":",
    b"\r\n ",
    b"\t",
    b"\0",
    b"\r",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
];

/// FG-09: judging a message takes time in proportion to its length, whatever it is filled with.
#[test]
fn no_message_is_slow_beyond_its_length() {
    /// The slowest filling takes 149: bare carriage returns, each of them a finding.
    const PER_BYTE: u64 = 200;
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: instructions were not counted");
        return;
    }
    let program = build_cost_program();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("filled.sip");
    std::fs::write(&file, filled(b"a", 2_000)).unwrap();
    let start_up = instructions(&program, "judge", 0, &file);
    let cost = |filling: &[u8], length: usize| {
        std::fs::write(&file, filled(filling, length)).unwrap();
        (instructions(&program, "judge", 4, &file) - start_up) / 4
    };
    let mut slow = Vec::new();
    for filling in FILLINGS {
        let (short, long) = (cost(filling, 2_000), cost(filling, 8_000));
        let shown = filling.escape_ascii();
        println!(
            "{shown}: {} instructions per byte, {} at a quarter of the length",
            long / 32_000,
            short / 8_000
        );
        if long > 5 * short || long > PER_BYTE * 32_000 {
            slow.push(format!("{shown}: {short} and {long} instructions"));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// A request with four headers of a length, filled.
fn filled(filling: &[u8], length: usize) -> Vec<u8> {
    let mut message = b"INVITE sip:a@b SIP/2.0\r\n".to_vec();
    for name in ["Via", "Contact", "Warning", "Subject"] {
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(b": a ");
        message.extend_from_slice(&filling.repeat(length / filling.len()));
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"\r\n");
    message
}

/// The example, built as it would be for production.
fn build_cost_program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("budget");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "-p", "sip-trunk", "--example", "cost", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    target.join("release/examples/cost")
}

fn instructions(program: &Path, work: &str, times: u32, message: &Path) -> u64 {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("callgrind.{work}.{times}"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args([work, &times.to_string()])
        .arg(message)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(&out).unwrap();
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")).unwrap();
    total.trim().parse().unwrap()
}
