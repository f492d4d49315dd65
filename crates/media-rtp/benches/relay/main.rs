//! Calls through our relay and through rtpengine, in turns, under the same load: CPU-seconds per million packets.
//!
//! ```sh
//! cargo bench -p media-rtp --bench relay -- [CALLS] [SECONDS] [ROUNDS]      # 100 calls, 5 s, 3 rounds
//! ```
//!
//! Both relays run as a process of their own with one media thread; their CPU time is read from the scheduler, with the
//! idle rate subtracted. Load: 172-octet RTP in both directions every 20 ms; plain, and with SDES (AES_CM_128,
//! HMAC_SHA1_80) towards A. A round in which a packet is lost or damaged is marked and does not count for the median.
//! Needs the Debian package rtpengine-daemon; without it only our figures are printed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark program: it reads the clock and reports"
)]

mod load;
mod ours;
mod rtpengine;

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use load::{End, Ends, Outcome};
use media_rtp::srtp::{MasterKey, SrtpConfig, SrtpProfile, SrtpSession};
use ours::OurRelay;
use rtpengine::{Rtpengine, inline_key, media_address};

const PROFILE: SrtpProfile = SrtpProfile::AesCm128HmacSha1_80;

/// Key and salt that A offers.
const A_KEY: [u8; 30] = [0x41; 30];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        return ours::serve();
    }
    let number = |at: usize, default: u64| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (calls, seconds, rounds) = (number(0, 100)?, number(1, 5)?, number(2, 3)?);
    let duration = Duration::from_secs(seconds);
    println!(
        "{calls} calls, {} packets/s, {seconds} s, {rounds} rounds, CPU-seconds per million packets",
        calls * 100
    );
    println!("{:<16} {:>12} {:>12} {:>8}", "mode", "ours", "rtpengine", "ratio");
    for secured in [false, true] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(measure(our_calls(calls, secured)?, duration)?);
            match their_calls(calls, secured) {
                Ok(bridge) => theirs.push(measure(bridge, duration)?),
                Err(error) => println!("rtpengine: {error}"),
            }
        }
        for (at, (one, other)) in ours.iter().zip(&theirs).enumerate() {
            println!("  round {}: {one} | {other}", at + 1);
        }
        let mode = if secured { "SDES <-> RTP" } else { "RTP <-> RTP" };
        match (median(&ours), median(&theirs)) {
            (Some(ours), Some(theirs)) => {
                println!("{mode:<16} {ours:>12.2} {theirs:>12.2} {:>8.2}", ours / theirs)
            }
            (ours, theirs) => println!("{mode:<16} {ours:>12.2?} {theirs:>12.2?}        –"),
        }
    }
    Ok(())
}

/// Calls set up through one relay, ready for load. The relay lives as long as this does.
struct Bridge {
    calls: Vec<Ends>,
    pid: u32,
    relay: Relay,
}

enum Relay {
    Ours(#[expect(dead_code, reason = "it lives as long as its calls")] OurRelay),
    Theirs(Rtpengine),
}

struct Figure {
    /// CPU-seconds per million packets.
    cost: f64,
    outcome: Outcome,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { sent, received, wrong } = self.outcome;
        write!(f, "{:.2} (sent {sent}, lost {}, damaged {wrong})", self.cost, sent.saturating_sub(received))
    }
}

fn our_calls(count: u64, secured: bool) -> Result<Bridge, Box<dyn std::error::Error>> {
    let mut relay = OurRelay::start()?;
    let mut calls = Vec::new();
    for _ in 0..count {
        let mut ends = Ends { a: End::open()?, b: End::open()? };
        let answer_key = [0x42; 30];
        let keys = secured.then_some((&A_KEY[..], &answer_key[..]));
        (ends.a.to, ends.b.to) = relay.bridge(ends.a.port()?, ends.b.port()?, keys)?;
        ends.a.srtp = secured.then(|| session(&A_KEY, &answer_key)).transpose()?;
        calls.push(ends);
    }
    Ok(Bridge { calls, pid: relay.pid(), relay: Relay::Ours(relay) })
}

fn their_calls(count: u64, secured: bool) -> Result<Bridge, Box<dyn std::error::Error>> {
    let mut relay = Rtpengine::start()?;
    let mut calls = Vec::new();
    for number in 0..count {
        let mut ends = Ends { a: End::open()?, b: End::open()? };
        let crypto = format!("a=crypto:1 {} inline:{}\r\n", PROFILE.sdes_name(), STANDARD.encode(A_KEY));
        let offer = description(ends.a.port()?, secured.then_some(&crypto));
        let (to_a, to_b) =
            relay.bridge(&format!("call-{number}"), &offer, &description(ends.b.port()?, None))?;
        ends.a.to = media_address(&to_a).ok_or("no media address for A")?;
        ends.b.to = media_address(&to_b).ok_or("no media address for B")?;
        if secured {
            let key = STANDARD.decode(inline_key(&to_a).ok_or("no key for A")?)?;
            ends.a.srtp = Some(session(&A_KEY, &key)?);
        }
        calls.push(ends);
    }
    Ok(Bridge { calls, pid: relay.pid(), relay: Relay::Theirs(relay) })
}

fn description(port: u16, crypto: Option<&String>) -> String {
    let (protocol, crypto) = crypto.map_or(("RTP/AVP", ""), |line| ("RTP/SAVP", line));
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} {protocol} 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n{crypto}"
    )
}

fn session(local: &[u8], remote: &[u8]) -> Result<SrtpSession, Box<dyn std::error::Error>> {
    let (local, remote) = (MasterKey::from_inline(PROFILE, local)?, MasterKey::from_inline(PROFILE, remote)?);
    Ok(SrtpSession::new(&local, &remote, &SrtpConfig::default())?)
}

fn measure(mut bridge: Bridge, duration: Duration) -> io::Result<Figure> {
    // Both learn their peers from the first packets; that is not the steady state.
    load::run(&mut bridge.calls, Duration::from_millis(500))?;
    let idle = Duration::from_secs(1);
    let before = cpu(bridge.pid)?;
    std::thread::sleep(idle);
    let idle_rate = (cpu(bridge.pid)? - before).as_secs_f64() / idle.as_secs_f64();
    let (before, wall) = (cpu(bridge.pid)?, std::time::Instant::now());
    let outcome = load::run(&mut bridge.calls, duration)?;
    let spent = (cpu(bridge.pid)? - before).as_secs_f64() - idle_rate * wall.elapsed().as_secs_f64();
    if let Relay::Theirs(rtpengine) = &mut bridge.relay {
        for number in 0..bridge.calls.len() {
            rtpengine.delete(&format!("call-{number}"))?;
        }
    }
    Ok(Figure { cost: spent / outcome.received.max(1) as f64 * 1e6, outcome })
}

/// CPU time of all threads of a process, in nanoseconds of the scheduler.
fn cpu(pid: u32) -> io::Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between listing and reading.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let nanos = text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0);
        total += Duration::from_nanos(nanos);
    }
    Ok(total)
}

/// The median of the rounds without loss or damage.
fn median(figures: &[Figure]) -> Option<f64> {
    let clean = |it: &&Figure| it.outcome.wrong == 0 && it.outcome.received >= it.outcome.sent;
    let mut costs: Vec<f64> = figures.iter().filter(clean).map(|it| it.cost).collect();
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied()
}
