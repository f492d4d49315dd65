//! SRTP per 172-octet packet (20 ms of G.711): ours, the webrtc-srtp crate, and libsrtp2 in the same run.
//!
//! `cargo bench -p media-rtp --features webrtc-srtp --bench srtp`. libsrtp2 is timed by its own program
//! (tests/peers/libsrtp.c); note that Debian builds it on NSS, which is several times slower than its OpenSSL build.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark program")]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use media_rtp::rtp::RtpBuilder;
use media_rtp::srtp::{MasterKey, SrtpBackend, SrtpConfig, SrtpProfile, SrtpSession};
use rustix::time::{ClockId, clock_gettime};

const SUITES: [SrtpProfile; 4] = [
    SrtpProfile::AesCm128HmacSha1_80,
    SrtpProfile::AesCm256HmacSha1_80,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
];

/// Packets prepared at a time; the figures printed are for one batch, the throughput for one packet.
const BATCH: u16 = 64;

/// CPU time of this thread: what other programs on the machine do is not counted.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap())
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn key(profile: SrtpProfile) -> MasterKey {
    MasterKey::from_inline(profile, &vec![7; profile.key_len() + profile.salt_len()]).unwrap()
}

fn packet(sequence: u16) -> [u8; 256] {
    let mut buffer = [0; 256];
    RtpBuilder::new(0, sequence, 0, 0x0707_0707).payload(&[0x5A; 160]).write(&mut buffer).unwrap();
    buffer
}

fn measure(
    criterion: &mut Criterion<CpuTime>,
    name: &str,
    make: fn(&MasterKey) -> Option<Box<dyn SrtpBackend>>,
) {
    for profile in SUITES {
        let key = key(profile);
        let Some(mut backend) = make(&key) else { continue };
        let mut group = criterion.benchmark_group(format!("srtp/{}", profile.sdes_name()));
        group.throughput(Throughput::Elements(u64::from(BATCH)));
        let mut sequence = 0_u16;
        let mut batch = || {
            sequence = sequence.wrapping_add(BATCH);
            let packets: Vec<_> = (0..BATCH).map(|step| packet(sequence.wrapping_add(step))).collect();
            packets
        };
        group.bench_function(BenchmarkId::new("protect", name), |bencher| {
            bencher.iter_batched_ref(
                &mut batch,
                |packets| {
                    packets.iter_mut().for_each(|it| _ = black_box(backend.protect_rtp(it, 172).unwrap()))
                },
                BatchSize::SmallInput,
            );
        });
        let (mut peer, mut backend) = (make(&key).unwrap(), make(&key).unwrap());
        let mut len = 0;
        let mut sealed = || {
            let mut packets = batch();
            packets.iter_mut().for_each(|it| len = peer.protect_rtp(it, 172).unwrap());
            (packets, len)
        };
        group.bench_function(BenchmarkId::new("unprotect", name), |bencher| {
            bencher.iter_batched_ref(
                &mut sealed,
                |(packets, len)| {
                    packets
                        .iter_mut()
                        .for_each(|it| _ = black_box(backend.unprotect_rtp(&mut it[..*len]).unwrap()));
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn ours(key: &MasterKey) -> Option<Box<dyn SrtpBackend>> {
    Some(Box::new(SrtpSession::new(key, key, &SrtpConfig::default()).unwrap()))
}

#[cfg(feature = "webrtc-srtp")]
fn webrtc(key: &MasterKey) -> Option<Box<dyn SrtpBackend>> {
    media_rtp::srtp::WebrtcSrtp::new(key, key, &SrtpConfig::default())
        .ok()
        .map(|it| Box::new(it) as Box<dyn SrtpBackend>)
}

#[cfg(not(feature = "webrtc-srtp"))]
fn webrtc(_: &MasterKey) -> Option<Box<dyn SrtpBackend>> {
    None
}

/// Prints libsrtp2's nanoseconds of CPU per packet, best of five.
fn libsrtp() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/libsrtp.c");
    let program = std::env::temp_dir().join(format!("libsrtp-bench-{}", std::process::id()));
    let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(source).arg("-lsrtp2").status();
    if !built.is_ok_and(|status| status.success()) {
        println!("libsrtp2: not installed here, no figure");
        return;
    }
    for profile in SUITES {
        let hex = "07".repeat(profile.key_len() + profile.salt_len());
        let run = || {
            let output = Command::new(&program)
                .args([profile.sdes_name(), &hex, "128", "bench", "30000"])
                .output()
                .ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            let mut words = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
            Some((words.next()?, words.next()?))
        };
        let runs: Vec<_> = (0..5).filter_map(|_| run()).collect();
        let best = |pick: fn(&(f64, f64)) -> f64| runs.iter().map(pick).fold(f64::INFINITY, f64::min);
        println!(
            "libsrtp2 {}: protect {:.0} ns, unprotect {:.0} ns",
            profile.sdes_name(),
            best(|it| it.0),
            best(|it| it.1)
        );
    }
    let _ = std::fs::remove_file(program);
}

fn main() {
    let mut criterion = Criterion::default().with_measurement(CpuTime).configure_from_args();
    measure(&mut criterion, "ours", ours);
    measure(&mut criterion, "webrtc-srtp", webrtc);
    libsrtp();
    criterion.final_summary();
}
