//! Our SRTP against libsrtp2 (compiled here with `cc`) and, with feature `webrtc-srtp`, against that crate: over a
//! million packets with loss, reordering, replays, damage and three rollovers per suite.
//!
//! Without a C compiler or libsrtp2 the comparison says so and passes: our own vectors stand in `src/srtp`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use media_rtp::rtcp::RtcpWriter;
use media_rtp::rtp::RtpBuilder;
use media_rtp::srtp::{MasterKey, SrtpConfig, SrtpProfile, SrtpReceiver, SrtpSender};

/// Packets per suite: six suites make a million and more.
const PACKETS: usize = 170_000;

/// The suites both sides derive keys for in the same way.
///
/// Not AES-192: libsrtp2 2.5 derives its keys with AES-256 over key, salt and zeroes, where RFC 6188 §3 asks for AES-192.
/// Our AES-192 is proven by the vectors of RFC 6188 §7.3 and §7.4.
fn suites() -> impl Iterator<Item = SrtpProfile> {
    SrtpProfile::ALL.into_iter().filter(|profile| profile.key_len() != 24)
}

/// A xorshift generator: the same traffic in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Plain packets in sending order: numbers skip now and then, so that 170,000 packets pass three rollovers.
fn plain_packets(dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut sequence = 65_000_u64;
    let mut buffer = [0; 400];
    let packets = (0..PACKETS).map(|_| {
        sequence += 1 + dice.roll(2);
        let payload = vec![u8::try_from(dice.roll(256)).unwrap(); usize::try_from(dice.roll(200)).unwrap()];
        let builder = RtpBuilder::new(0, (sequence & 0xFFFF) as u16, (sequence * 160) as u32, 0xCAFE_BABE);
        let builder = if dice.roll(50) == 0 {
            builder.csrc(&[1, 2]).extension(0xBEDE, &[0x10, 7, 0, 0])
        } else {
            builder
        };
        let len = builder.payload(&payload).write(&mut buffer).unwrap();
        buffer[..len].to_vec()
    });
    let packets: Vec<_> = packets.collect();
    assert!(sequence >> 16 >= 3, "three rollovers, last number {sequence}");
    packets
}

/// What the network makes of them: reordered, some lost, some repeated, some damaged.
fn through_the_network(sent: &[Vec<u8>], dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut arrivals: Vec<(u64, Vec<u8>)> = Vec::with_capacity(sent.len() + sent.len() / 50);
    for (at, packet) in (0_u64..).zip(sent) {
        let delay = if dice.roll(5) == 0 { dice.roll(160) } else { 0 };
        match dice.roll(100) {
            0 => {}
            1 => {
                arrivals.push((at + delay, packet.clone()));
                arrivals.push((at + delay + dice.roll(400), packet.clone()));
            }
            2 => {
                let mut damaged = packet.clone();
                let bit = usize::try_from(dice.roll(packet.len() as u64 * 8)).unwrap();
                damaged[bit / 8] ^= 1 << (bit % 8);
                arrivals.push((at + delay, damaged));
            }
            _ => arrivals.push((at + delay, packet.clone())),
        }
    }
    arrivals.sort_by_key(|arrival| arrival.0);
    arrivals.into_iter().map(|arrival| arrival.1).collect()
}

fn key(profile: SrtpProfile) -> MasterKey {
    let material: Vec<u8> = (17..).take(profile.key_len() + profile.salt_len()).collect();
    MasterKey::from_inline(profile, &material).unwrap()
}

fn protect(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + sender.rtp_overhead(), 0);
    let len = sender.protect_rtp(&mut buffer, plain.len()).unwrap();
    buffer.truncate(len);
    buffer
}

fn unprotect(receiver: &mut SrtpReceiver, packet: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = packet.to_vec();
    let len = receiver.unprotect_rtp(&mut buffer).ok()?;
    buffer.truncate(len);
    Some(buffer)
}

fn reports() -> impl Iterator<Item = Vec<u8>> {
    (0..500).map(|number| {
        let mut buffer = [0; 128];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.receiver_report(0xCAFE_BABE, &[]).unwrap();
        writer.cname(0xCAFE_BABE, format!("edge-{number}").as_bytes()).unwrap();
        let len = writer.finish();
        buffer[..len].to_vec()
    })
}

/// libsrtp2 with one suite and key, as a child process.
struct Libsrtp {
    program: PathBuf,
}

impl Drop for Libsrtp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.program);
    }
}

impl Libsrtp {
    /// Compiles the driver; `None` where this machine has no compiler or no libsrtp2.
    fn compile() -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/libsrtp.c");
        // Tests run at once, in one process or in several, and none may write over what another runs.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("libsrtp-peer-{}-{number}", std::process::id());
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(&source).arg("-lsrtp2").output();
        match built {
            Ok(output) if output.status.success() => Some(Self { program }),
            Ok(output) => {
                eprintln!(
                    "skipped: libsrtp2 cannot be linked here: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                None
            }
            Err(error) => {
                eprintln!("skipped: no C compiler here: {error}");
                None
            }
        }
    }

    /// Runs operations through one session; `None` when this build of libsrtp lacks the suite.
    fn run(&self, key: &MasterKey, operations: &[(u8, &[u8])]) -> Option<Vec<Option<Vec<u8>>>> {
        let (master, salt) = key.expose();
        let hex: String = master.iter().chain(salt).map(|octet| format!("{octet:02x}")).collect();
        let window = SrtpConfig::default().replay_window.to_string();
        let mut child = Command::new(&self.program)
            .args([key.profile().sdes_name(), &hex, &window])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = BufWriter::new(child.stdin.take().unwrap());
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let answers = std::thread::scope(|scope| {
            scope.spawn(move || {
                for (operation, packet) in operations {
                    let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
                    // A suite libsrtp lacks ends the child early; the missing answers tell.
                    let written =
                        input.write_all(&[*operation, len[0], len[1]]).and_then(|()| input.write_all(packet));
                    if written.is_err() {
                        return;
                    }
                }
                let _ = input.flush();
            });
            let mut answers = Vec::with_capacity(operations.len());
            let mut head = [0; 3];
            while output.read_exact(&mut head).is_ok() {
                let mut packet = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
                output.read_exact(&mut packet).unwrap();
                answers.push((head[0] == 0).then_some(packet));
            }
            answers
        });
        let lacking = child.wait().unwrap().code() == Some(3);
        assert!(lacking || answers.len() == operations.len(), "libsrtp answered {} times", answers.len());
        (!lacking).then_some(answers)
    }
}

/// ES-32: same packets, same ciphertext, same verdicts, same plaintext as libsrtp2, in every suite it has.
#[test]
fn agrees_with_libsrtp() {
    let Some(libsrtp) = Libsrtp::compile() else { return };
    let mut compared = 0;
    for profile in suites() {
        let mut dice = Dice(0x1234_5678_9ABC_DEF0);
        let plain = plain_packets(&mut dice);
        let mut sender = SrtpSender::new(&key(profile), &SrtpConfig::default()).unwrap();
        let sent: Vec<_> = plain.iter().map(|packet| protect(&mut sender, packet)).collect();
        let heard = through_the_network(&sent, &mut dice);

        let operations = plain.iter().map(|it| (b'P', &it[..])).chain(heard.iter().map(|it| (b'U', &it[..])));
        let Some(answers) = libsrtp.run(&key(profile), &operations.collect::<Vec<_>>()) else {
            eprintln!("skipped: this libsrtp2 lacks {}", profile.sdes_name());
            continue;
        };
        let (theirs_sent, theirs_heard) = answers.split_at(plain.len());
        for (ours, theirs) in sent.iter().zip(theirs_sent) {
            assert_eq!(Some(ours), theirs.as_ref());
        }
        let mut receiver = SrtpReceiver::new(&key(profile), &SrtpConfig::default()).unwrap();
        for (packet, theirs) in heard.iter().zip(theirs_heard) {
            assert_eq!(unprotect(&mut receiver, packet), *theirs, "{}", profile.sdes_name());
        }
        let stats = receiver.stats();
        assert!(stats.replayed > 100 && stats.too_old > 100 && stats.unauthentic > 100, "{stats:?}");
        assert!(receiver.roc(0xCAFE_BABE).unwrap() >= 3 && sender.roc(0xCAFE_BABE).unwrap() >= 3);
        compared += plain.len();
    }
    assert!(compared > 0, "libsrtp2 knows none of our suites");
    println!("{compared} packets agree with libsrtp2");
}

/// SRTCP of each side is understood by the other. (libsrtp2 counts its index from 1, RFC 3711 §3.4 from 0.)
#[test]
fn reports_pass_between_us_and_libsrtp() {
    let Some(libsrtp) = Libsrtp::compile() else { return };
    for profile in suites() {
        let mut sender = SrtpSender::new(&key(profile), &SrtpConfig::default()).unwrap();
        let plain: Vec<_> = reports().collect();
        let sent = plain.iter().map(|packet| {
            let mut buffer = [0; 200];
            buffer[..packet.len()].copy_from_slice(packet);
            let len = sender.protect_rtcp(&mut buffer, packet.len()).unwrap();
            buffer[..len].to_vec()
        });
        let sent: Vec<_> = sent.collect();
        let operations = sent.iter().map(|it| (b'u', &it[..])).chain(plain.iter().map(|it| (b'p', &it[..])));
        let Some(answers) = libsrtp.run(&key(profile), &operations.collect::<Vec<_>>()) else { continue };
        let (heard, theirs) = answers.split_at(sent.len());
        for (packet, heard) in plain.iter().zip(heard) {
            assert_eq!(Some(packet), heard.as_ref(), "{}", profile.sdes_name());
        }
        let mut receiver = SrtpReceiver::new(&key(profile), &SrtpConfig::default()).unwrap();
        for (packet, theirs) in plain.iter().zip(theirs) {
            let mut buffer = theirs.clone().unwrap();
            let len = receiver.unprotect_rtcp(&mut buffer).unwrap();
            assert_eq!(buffer[..len], packet[..]);
        }
    }
}

#[cfg(feature = "webrtc-srtp")]
mod webrtc {
    use media_rtp::srtp::{SrtpBackend, SrtpSession, SrtpSetupError, UnprotectError, WebrtcSrtp};

    use super::*;

    fn backends(profile: SrtpProfile) -> Option<(SrtpSession, WebrtcSrtp)> {
        let (key, config) = (key(profile), SrtpConfig::default());
        let theirs = WebrtcSrtp::new(&key, &key, &config);
        match theirs {
            Ok(theirs) => Some((SrtpSession::new(&key, &key, &config).unwrap(), theirs)),
            Err(error) => {
                assert_eq!(error, SrtpSetupError::Unsupported("AES-192"));
                None
            }
        }
    }

    fn sealed(backend: &mut dyn SrtpBackend, plain: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 600];
        buffer[..plain.len()].copy_from_slice(plain);
        let len = backend.protect_rtp(&mut buffer, plain.len()).unwrap();
        buffer[..len].to_vec()
    }

    /// ES-32: the guarded crate gives the same ciphertext, verdicts and plaintext over three rollovers.
    #[test]
    fn agrees_with_the_crate() {
        for profile in SrtpProfile::ALL {
            let Some((mut ours, mut theirs)) = backends(profile) else { continue };
            let mut dice = Dice(0xFEDC_BA98_7654_3210);
            let plain = plain_packets(&mut dice);
            let sent: Vec<_> = plain.iter().map(|packet| sealed(&mut ours, packet)).collect();
            for (plain, ours) in plain.iter().zip(&sent) {
                assert_eq!(sealed(&mut theirs, plain), *ours);
            }
            for packet in through_the_network(&sent, &mut dice) {
                let (mut one, mut other) = (packet.clone(), packet);
                let verdicts = (ours.unprotect_rtp(&mut one), theirs.unprotect_rtp(&mut other));
                // Damage to a header extension is refused by shape there, by tag here.
                assert_eq!(verdicts.0.ok(), verdicts.1.ok(), "{}", profile.sdes_name());
                if let Ok(len) = verdicts.0 {
                    assert_eq!(one[..len], other[..len]);
                }
            }
        }
    }

    /// The guards: short SRTCP (which makes the bare crate panic), cleared flags, forged sources, replays.
    #[test]
    fn hostile_packets_do_not_reach_the_crate() {
        for profile in SrtpProfile::ALL {
            let Some((mut ours, mut theirs)) = backends(profile) else { continue };
            for len in 0..64 {
                for first in 0..=255 {
                    let mut packet = vec![0xC8; len];
                    packet.iter_mut().take(1).for_each(|octet| *octet = first);
                    assert!(theirs.unprotect_rtp(&mut packet.clone()).is_err());
                    assert!(theirs.unprotect_rtcp(&mut packet).is_err());
                }
            }
            let mut forged = [0_u8; 60];
            forged[..8].copy_from_slice(&[0x80, 203, 0, 1, 0, 0, 0, 9]);
            assert_eq!(theirs.unprotect_rtcp(&mut forged), Err(UnprotectError::ClearRtcp));
            for extension in [
                [0xBE, 0xDE, 0, 1, 0x1F, 0, 0, 0],
                [0x10, 0, 0, 1, 1, 255, 0, 0],
                [0xBE, 0xDE, 0, 1, 0xF0, 0, 0, 0],
            ] {
                let mut packet =
                    [&[0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &extension, &[0; 16]].concat();
                assert_eq!(theirs.unprotect_rtp(&mut packet), Err(UnprotectError::Malformed));
            }
            let mut junk = [0x80; 60];
            for ssrc in 0..1000_u32 {
                junk[8..12].copy_from_slice(&ssrc.to_be_bytes());
                assert_eq!(theirs.unprotect_rtp(&mut junk.clone()), Err(UnprotectError::Authentication));
            }
            for report in reports().take(5) {
                let mut buffer = [0; 200];
                buffer[..report.len()].copy_from_slice(&report);
                let len = theirs.protect_rtcp(&mut buffer, report.len()).unwrap();
                let mut again = buffer;
                assert_eq!(ours.unprotect_rtcp(&mut buffer[..len]), Ok(report.len()));
                assert_eq!(buffer[..report.len()], report);
                assert_eq!(theirs.unprotect_rtcp(&mut { again }[..len]), Ok(report.len()));
                assert_eq!(theirs.unprotect_rtcp(&mut again[..len]), Err(UnprotectError::Replayed));
            }
        }
    }
}
