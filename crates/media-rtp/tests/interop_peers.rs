//! rtpengine as the peer of our SRTP, and tshark as a second opinion on what we send and measure.
//!
//! Needs the Debian packages rtpengine-daemon and tshark; without them the tests say so and pass. Loopback only.

#![cfg(all(feature = "driver", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails by panicking, interop runs in real time, and a missing peer is said plainly"
)]

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use media_rtp::dtmf::{Digit, EventSender, SenderConfig};
use media_rtp::quality::Reception;
use media_rtp::rtcp::{Compound, CompoundRule, RtcpPacket, RtcpWriter, SenderInfo};
use media_rtp::rtp::RtpBuilder;
use media_rtp::sdp::attribute::{Attribute, Crypto};
use media_rtp::srtp::{MasterKey, SrtpBackend, SrtpConfig, SrtpProfile, SrtpSession};

#[path = "../benches/relay/rtpengine.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod rtpengine;

use rtpengine::{Rtpengine, media_address};

/// What of `program` stands in the way of a comparison, said plainly.
fn is_here(program: &str) -> bool {
    let here = Command::new(program).arg("--version").output().is_ok();
    if !here {
        eprintln!("not compared: {program} is not installed");
    }
    here
}

/// Sockets for RTP on an even port and RTCP on the next.
fn pair() -> [UdpSocket; 2] {
    loop {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = rtp.local_addr().unwrap().port();
        if port.is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind(("127.0.0.1", port + 1))
        {
            for socket in [&rtp, &rtcp] {
                socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            }
            return [rtp, rtcp];
        }
    }
}

fn description(port: u16, crypto: &str) -> String {
    let protocol = if crypto.is_empty() { "RTP/AVP" } else { "RTP/SAVP" };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} {protocol} 0\r\na=rtpmap:0 PCMU/8000\r\n{crypto}"
    )
}

fn rtp(number: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0; 172];
    let payload = [number as u8; 160];
    RtpBuilder::new(0, number, u32::from(number) * 160, ssrc).payload(&payload).write(&mut packet).unwrap();
    packet
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut buffer = vec![0; 128];
    let mut writer = RtcpWriter::new(&mut buffer);
    let info = SenderInfo { ntp: 1 << 40, rtp_timestamp: 160, packets: 77, octets: 12_320 };
    writer.sender_report(ssrc, &info, &[]).unwrap();
    writer.cname(ssrc, b"media-rtp").unwrap();
    let len = writer.finish();
    buffer.truncate(len);
    buffer
}

/// Room for the tag behind a packet, and what `protect` makes of it.
fn protected(
    plain: &[u8],
    protect: impl FnOnce(&mut [u8], usize) -> Result<usize, media_rtp::srtp::ProtectError>,
) -> Vec<u8> {
    let mut buffer = [plain, &[0; media_rtp::srtp::MAX_OVERHEAD]].concat();
    let len = protect(&mut buffer, plain.len()).unwrap();
    buffer.truncate(len);
    buffer
}

/// MR-006, ES-31: under every protection of both, rtpengine decrypts what we protect and we decrypt what it protects,
/// media and reports alike, over a rollover of the sequence number.
#[test]
fn rtpengine_and_we_understand_each_other() {
    if !is_here("rtpengine") {
        return;
    }
    let mut relay = Rtpengine::start().unwrap();
    for profile in SrtpProfile::ALL {
        let key = vec![0x41; profile.key_len() + profile.salt_len()];
        let crypto = format!("a=crypto:1 {} inline:{}\r\n", profile.sdes_name(), STANDARD.encode(&key));
        let ([a, a_rtcp], [b, b_rtcp]) = (pair(), pair());
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let (to_a, to_b) = relay
            .bridge(profile.sdes_name(), &description(port(&a), &crypto), &description(port(&b), ""))
            .unwrap();
        // It leaves the padding of the key away, which we forgive.
        let line = to_a.lines().find_map(|line| line.strip_prefix("a=crypto:")).unwrap();
        let theirs = Crypto::parse(line).unwrap().keys[0].key_and_salt.clone();
        let master = |octets: &[u8]| MasterKey::from_inline(profile, octets).unwrap();
        let mut srtp = SrtpSession::new(&master(&key), &master(&theirs), &SrtpConfig::default()).unwrap();
        let (for_a, for_b) = (media_address(&to_a).unwrap(), media_address(&to_b).unwrap());
        let mut buffer = [0; 2048];

        for number in (0xFFF0..=0xFFFF).chain(0..16) {
            let (out, back) = (rtp(number, 0xA), rtp(number, 0xB));
            a.send_to(&protected(&out, |it, len| srtp.protect_rtp(it, len)), for_a).unwrap();
            let len = b.recv(&mut buffer).unwrap_or_else(|error| panic!("{profile:?} {number}: {error}"));
            assert_eq!(buffer[..len], out, "{profile:?} {number}");
            b.send_to(&back, for_b).unwrap();
            let len = a.recv(&mut buffer).unwrap_or_else(|error| panic!("{profile:?} {number}: {error}"));
            let len = srtp.unprotect_rtp(&mut buffer[..len]).unwrap();
            assert_eq!(buffer[..len], back, "{profile:?} {number}");
        }

        let next = |mut to: std::net::SocketAddr| {
            to.set_port(to.port() + 1);
            to
        };
        a_rtcp.send_to(&protected(&report(0xA), |it, len| srtp.protect_rtcp(it, len)), next(for_a)).unwrap();
        let len = b_rtcp.recv(&mut buffer).unwrap();
        assert_eq!(packets_sent(&buffer[..len]), Some(77), "{profile:?}");
        b_rtcp.send_to(&report(0xB), next(for_b)).unwrap();
        let len = a_rtcp.recv(&mut buffer).unwrap();
        let len = srtp.unprotect_rtcp(&mut buffer[..len]).unwrap();
        assert_eq!(packets_sent(&buffer[..len]), Some(77), "{profile:?}");
    }
}

/// The packet count of the sender report that stands first.
fn packets_sent(compound: &[u8]) -> Option<u32> {
    let compound = Compound::parse(compound, CompoundRule::Full).unwrap();
    let RtcpPacket::SenderReport(report) = compound.packets().next()? else { return None };
    Some(report.info.packets)
}

/// Datagrams as a capture file, from port 5000 to `port`, each at its time.
fn capture(file: &Path, port: u16, datagrams: &[(Duration, Vec<u8>)]) {
    // 101 is LINKTYPE_RAW: the frame begins with the IP header.
    let mut pcap: Vec<u8> = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    for (at, datagram) in datagrams {
        let len = datagram.len() + 28;
        let seconds = 1_700_000_000 + u32::try_from(at.as_secs()).unwrap();
        for word in [seconds, at.subsec_micros(), len as u32, len as u32] {
            pcap.extend(word.to_le_bytes());
        }
        pcap.extend([0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, 17, 0, 0]);
        pcap.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        for half in [5000, port, len as u16 - 20, 0] {
            pcap.extend(half.to_be_bytes());
        }
        pcap.extend(datagram);
    }
    std::fs::write(file, pcap).unwrap();
}

fn tshark(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark")
        .args(["-n", "-r", file.to_str().unwrap(), "-d", "udp.port==4000,rtp", "-d", "udp.port==4001,rtcp"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// MR-016: tshark counts the same packets and losses and measures the same jitter as we do.
#[test]
fn tshark_measures_the_same_stream() {
    if !is_here("tshark") {
        return;
    }
    let start = Instant::now();
    let (mut reception, mut noise) = (Reception::new(8000), 0x1234_5678_u32);
    let mut stream = Vec::new();
    for number in 0..500_u16 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if number > 0 && noise >> 28 == 0 {
            continue;
        }
        let late = Duration::from_micros(u64::from(noise >> 18) % 12_000);
        let at = Duration::from_millis(20) * u32::from(number) + late;
        reception.receive(number, u32::from(number) * 160, start + at);
        stream.push((at, rtp(number, 0xABCD)));
    }
    let file = tempfile::Builder::new().suffix(".pcap").tempfile().unwrap();
    capture(file.path(), 4000, &stream);
    let printed = tshark(file.path(), &["-q", "-z", "rtp,streams"]);
    let line = printed.lines().find(|line| line.contains("0x0000ABCD")).expect(&printed);
    let (_, fields) = line.split_once("g711U").expect(line);
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // Packets, lost (with a percentage), deltas, and the jitter's minimum, mean and maximum in milliseconds.
    assert_eq!(fields[0].parse(), Ok(reception.received()), "{printed}");
    assert_eq!(fields[1].parse(), Ok(reception.lost()), "{printed}");
    assert!(reception.lost() > 10);
    let check = |theirs: &str, ours: Duration| {
        let (theirs, ours): (f64, f64) = (theirs.parse().unwrap(), ours.as_secs_f64() * 1000.0);
        assert!((theirs - ours).abs() < 0.1, "jitter {ours} ms, and {theirs} ms of tshark\n{printed}");
    };
    check(fields[7], reception.jitter_mean());
    check(fields[8], reception.jitter_max());
}

/// MR-003: tshark reads our telephone events as the digits they are, each with its marker and its three ends.
#[test]
fn tshark_reads_our_events() {
    if !is_here("tshark") {
        return;
    }
    let mut sender = EventSender::new(SenderConfig::default());
    for digit in Digit::parse_all("147*").unwrap() {
        sender.press(digit, Some(Duration::from_millis(80))).unwrap();
    }
    let mut stream = Vec::new();
    for number in 0_u16.. {
        if !sender.is_busy() {
            break;
        }
        let Some(event) = sender.packet(u32::from(number) * 160) else { continue };
        let mut packet = vec![0; 16];
        RtpBuilder::new(101, number, event.timestamp, 7)
            .marker(event.marker)
            .payload(&event.payload)
            .write(&mut packet)
            .unwrap();
        stream.push((Duration::from_millis(20) * u32::from(number), packet));
    }
    let file = tempfile::Builder::new().suffix(".pcap").tempfile().unwrap();
    capture(file.path(), 4000, &stream);
    let fields =
        ["-d", "rtp.pt==101,rtpevent", "-T", "fields", "-e", "rtp.marker", "-e", "rtpevent.event_id"];
    let printed = tshark(file.path(), &[&fields[..], &["-e", "rtpevent.end_of_event"]].concat());
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split('\t').collect()).collect();
    let of = |wanted: fn(&[&str]) -> bool| -> Vec<&str> {
        lines.iter().filter(|line| wanted(line)).map(|line| line[1]).collect()
    };
    assert_eq!(of(|line| line[0] == "1"), ["1", "4", "7", "10"], "{printed}");
    let ends = ["1", "4", "7", "10"].iter().flat_map(|digit| [*digit; 3]).collect::<Vec<_>>();
    assert_eq!(of(|line| line[2] == "1"), ends, "{printed}");
}

/// tshark finds nothing malformed in our compounds, and every packet of them.
#[test]
fn tshark_reads_our_reports() {
    if !is_here("tshark") {
        return;
    }
    let mut buffer = vec![0; 512];
    let mut writer = RtcpWriter::new(&mut buffer);
    let info = SenderInfo { ntp: 1 << 40, rtp_timestamp: 160, packets: 77, octets: 12_320 };
    writer.sender_report(7, &info, &[]).unwrap();
    writer.cname(7, b"media-rtp").unwrap();
    writer.nack(7, 8, &[3, 4, 9]).unwrap();
    writer
        .extended_report(7, |blocks| {
            blocks.loss_rle(8, 100, &[true, false, true, true])?;
            blocks.receiver_reference_time(1 << 40)
        })
        .unwrap();
    writer.bye(&[7], b"done").unwrap();
    let len = writer.finish();
    buffer.truncate(len);
    let file = tempfile::Builder::new().suffix(".pcap").tempfile().unwrap();
    capture(file.path(), 4001, &[(Duration::ZERO, buffer)]);
    let types = tshark(file.path(), &["-T", "fields", "-e", "rtcp.pt", "-e", "rtcp.sdes.text"]);
    assert_eq!(types.trim_end(), "200,202,205,207,203\tmedia-rtp,done");
    assert_eq!(tshark(file.path(), &["-Y", "_ws.malformed || _ws.expert.severity >= 6291456"]), "");
}
