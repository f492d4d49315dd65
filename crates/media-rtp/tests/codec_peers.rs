//! The codecs against independent programs: sox and ffmpeg, where they are installed (Debian packages of those names).
#![allow(clippy::print_stderr, reason = "a test says plainly when its peer is missing")]
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use media_rtp::codec::{g711, g722};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs `program` with `input` on standard input; `None`, said plainly, when it is not installed.
fn filter(program: &str, arguments: &str, input: Vec<u8>) -> Option<Vec<u8>> {
    let spawned = Command::new(program)
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("not compared: {program} is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} {arguments}");
    Some(output.stdout)
}

fn bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn every_sample() -> Vec<i16> {
    (i16::MIN..=i16::MAX).collect()
}

/// MR-017: all 256 codes of both laws decode to the very samples ffmpeg and sox give.
#[test]
fn g711_decodes_every_code_as_ffmpeg_and_sox_do() {
    type Law = (&'static str, &'static str, fn(u8) -> i16);
    let laws: [Law; 2] = [("mulaw", "mu-law", g711::ulaw_decode), ("alaw", "a-law", g711::alaw_decode)];
    for (ffmpeg, sox, decode) in laws {
        let expected: Vec<i16> = (0..=255).map(decode).collect();
        let arguments = format!("-v error -f {ffmpeg} -ar 8000 -ac 1 -i - -f s16le -");
        if let Some(heard) = filter("ffmpeg", &arguments, (0..=255).collect()) {
            assert_eq!(samples(&heard), expected, "{ffmpeg}");
        }
        let arguments = format!("-D -t raw -r 8000 -c 1 -b 8 -e {sox} - -t raw -b 16 -e signed -L -");
        if let Some(heard) = filter("sox", &arguments, (0..=255).collect()) {
            assert_eq!(samples(&heard), expected, "{sox}");
        }
    }
}

/// MR-017: all 65,536 samples encode as sox encodes them, once its rounding to 14 (A-law: 13) bits is allowed for: a
/// code may differ only where a sample less than one such step away has it.
#[test]
fn g711_encodes_every_sample_as_sox_does_within_its_rounding() {
    type Law = (&'static str, fn(i16) -> u8, i16, usize);
    let laws: [Law; 2] = [("mu-law", g711::ulaw_encode, 4, 510), ("a-law", g711::alaw_encode, 8, 1020)];
    for (name, encode, step, rounded) in laws {
        let arguments = format!("-D -t raw -r 8000 -c 1 -b 16 -e signed -L - -t raw -b 8 -e {name} -");
        let Some(codes) = filter("sox", &arguments, bytes(&every_sample())) else { return };
        assert_eq!(codes.len(), 65_536);
        let mut differing = 0;
        for (sample, &code) in every_sample().into_iter().zip(&codes) {
            let near = [encode(sample.saturating_sub(step)), encode(sample.saturating_add(step))];
            assert!(code == encode(sample) || near.contains(&code), "{name} {sample} {code}");
            differing += usize::from(code != encode(sample));
        }
        assert_eq!(differing, rounded, "{name}");
    }
}

/// Tones, silence, and noise at changing levels, short of overload: there ffmpeg's encoder leaves out the limit of 15 bits
/// on each band that the Recommendation has.
fn programme() -> Vec<i16> {
    let mut random = 0x9e37_79b9_u32;
    (0..160_000)
        .map(|n: i32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (random >> 16) as i16;
            match n / 16_000 {
                0 => (f64::from(n * n / 8000).sin() * 12_000.0) as i16,
                1 => 0,
                3 if n % 90 < 45 => 20_000,
                3 => -20_000,
                second => noise >> (1 + second % 7),
            }
        })
        .collect()
}

/// MR-017: ten seconds of tones and noise: the same G.722 bytes as ffmpeg's encoder.
#[test]
fn g722_encodes_as_ffmpeg_does() {
    let pcm = programme();
    let mut ours = vec![0; pcm.len() / 2];
    g722::Encoder::default().encode(&pcm, &mut ours);
    if let Some(theirs) = filter("ffmpeg", "-v error -f s16le -ar 16000 -ac 1 -i - -f g722 -", bytes(&pcm)) {
        assert_eq!((ours.len(), first_difference(&ours, &theirs)), (theirs.len(), None));
    }
}

/// MR-017: ten seconds of what was encoded, then ten of random bytes: the same samples as ffmpeg's decoder.
#[test]
fn g722_decodes_as_ffmpeg_does() {
    let pcm = programme();
    let mut payload = vec![0; pcm.len() / 2];
    g722::Encoder::default().encode(&pcm, &mut payload);
    payload.extend(bytes(&pcm)[..80_000].iter().zip(&bytes(&pcm)[160_000..]).map(|(a, b)| a ^ b));
    let mut ours = vec![0; payload.len() * 2];
    g722::Decoder::default().decode(&payload, &mut ours);
    if let Some(theirs) = filter("ffmpeg", "-v error -f g722 -i - -f s16le -", payload) {
        let theirs = samples(&theirs);
        assert_eq!((ours.len(), first_difference(&ours, &theirs)), (theirs.len(), None));
    }
}

fn first_difference<T: PartialEq>(ours: &[T], theirs: &[T]) -> Option<usize> {
    ours.iter().zip(theirs).position(|(a, b)| a != b)
}
