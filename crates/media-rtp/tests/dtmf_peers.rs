//! DTMF against independent programs: multimon-ng hears our digits, sox makes digits for us, SIPp's captures are read.
#![allow(clippy::print_stderr, reason = "a test says plainly when its peer is missing")]
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail it")]
#![allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]

use media_rtp::dtmf::{Change, Detector, Digit, EventReceiver, Report, ToneLevels, ToneSender};
use media_rtp::mix::Resampler;
use media_rtp::rtp::RtpPacket;
use media_rtp::wav::{self, Audio};
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PAD: &str = "0123456789*#ABCD";

/// What `program` prints; `None`, said plainly, when it is not installed.
fn output(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let Ok(output) =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output()
    else {
        eprintln!("not compared: {program} is not installed");
        return None;
    };
    assert!(output.status.success(), "{program} {arguments:?}");
    Some(output.stdout)
}

fn tones(digits: &str, milliseconds: u64) -> Vec<i16> {
    let pause = Duration::from_millis(milliseconds);
    let mut sender = ToneSender::new(8000, ToneLevels::default(), pause);
    for digit in Digit::parse_all(digits).unwrap() {
        sender.press(digit, pause).unwrap();
    }
    let mut pcm = vec![0; digits.len() * milliseconds as usize * 16];
    sender.overlay(&mut pcm);
    pcm
}

/// MR-003: an independent detector hears every digit we play, once each.
#[test]
fn multimon_ng_hears_our_digits() {
    let mut resampler = Resampler::new(8000, 22_050).unwrap();
    let pcm = tones(&format!("{PAD}{PAD}"), 100);
    let mut samples = vec![0; resampler.output_len(pcm.len())];
    resampler.process(&pcm, &mut samples);
    let file = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
    wav::write(&Audio { rate: 22_050, channels: 1, samples }, File::create(file.path()).unwrap()).unwrap();
    let path = file.path().to_str().unwrap();
    let Some(printed) = output("multimon-ng", &["-q", "-t", "wav", "-a", "DTMF", path]) else { return };
    let printed = String::from_utf8(printed).unwrap();
    let heard: String = printed.lines().filter_map(|line| line.strip_prefix("DTMF: ")).collect();
    assert_eq!(heard, format!("{PAD}{PAD}"));
}

/// MR-003: digits that sox synthesises are heard, at 8 and at 16 kHz.
#[test]
fn we_hear_the_digits_sox_plays() {
    for rate in [8000, 16_000] {
        let mut detector = Detector::new(rate, Default::default()).unwrap();
        for digit in Digit::parse_all(PAD).unwrap() {
            let (low, high) = digit.frequencies().unwrap();
            let arguments = format!(
                "-q -n -r {rate} -c 1 -b 16 -e signed -L -t raw - synth 0.08 sine {low} sine {high} remix - gain -6 pad 0.05 0.05"
            );
            let Some(raw) = output("sox", &arguments.split(' ').collect::<Vec<_>>()) else { return };
            let pcm: Vec<i16> =
                raw.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
            let heard: String = detector.listen(&pcm).map(Digit::to_char).collect();
            assert_eq!(heard, digit.to_string(), "{rate}");
        }
    }
}

/// The RTP packets of a pcap file, with their time since the first: Ethernet and IPv4 as in SIPp's captures.
fn rtp_of(pcap: &[u8]) -> Vec<(Duration, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    let mut packets = Vec::new();
    let (mut at, mut first) = (24, None);
    while at + 16 <= pcap.len() {
        let time = Duration::new(word(at).into(), word(at + 4) * 1000);
        let length = word(at + 8) as usize;
        let frame = &pcap[at + 16..at + 16 + length];
        let ip = &frame[14..];
        let udp = &ip[usize::from(ip[0] & 0x0f) * 4..];
        packets.push((time - *first.get_or_insert(time), udp[8..].to_vec()));
        at += 16 + length;
    }
    packets
}

fn capture(name: &str) -> Option<Vec<(Duration, Vec<u8>)>> {
    let path = format!("/usr/share/sip-tester/{name}.pcap");
    match std::fs::read(&path) {
        Ok(bytes) => Some(rtp_of(&bytes)),
        Err(_) => {
            eprintln!("not compared: {path} is missing (Debian package sip-tester)");
            None
        }
    }
}

/// MR-003: SIPp's captured telephone events are each read as one digit.
#[test]
fn we_read_the_digits_of_sipp_captures() {
    let names = (0..=9).map(|n| (n.to_string(), n.to_string()));
    for (name, digit) in names.chain([("star".into(), "*".into()), ("pound".into(), "#".into())]) {
        let Some(packets) = capture(&format!("dtmf_2833_{name}")) else { return };
        let start = Instant::now();
        let mut receiver = EventReceiver::new(8000);
        let mut heard = String::new();
        for (time, bytes) in &packets {
            let packet = RtpPacket::parse(bytes).unwrap();
            let report = Report {
                ssrc: packet.ssrc(),
                timestamp: packet.timestamp(),
                marker: packet.marker(),
                payload: packet.payload(),
            };
            receiver.handle_input(report, start + *time);
        }
        receiver.handle_timeout(start + Duration::from_secs(60));
        while let Some(change) = receiver.poll_output() {
            if let Change::Pressed { digit, .. } = change {
                heard.push(digit.to_char());
            }
        }
        assert_eq!(heard, digit, "{} packets", packets.len());
    }
}

/// MR-003: talk-off: the speech that SIPp sends holds no digit.
#[test]
fn the_speech_of_the_sipp_capture_is_no_digit() {
    let Some(packets) = capture("g711a") else { return };
    let mut detector = Detector::new(8000, Default::default()).unwrap();
    let mut decoder = media_rtp::codec::Codec::Pcma.decoder().unwrap();
    let mut samples = 0;
    for (_, bytes) in &packets {
        let mut pcm = [0; 1500];
        let length = decoder.decode(RtpPacket::parse(bytes).unwrap().payload(), &mut pcm).unwrap();
        assert_eq!(detector.listen(&pcm[..length]).next(), None);
        samples += length;
    }
    assert!(samples > 8000, "{samples}");
}
