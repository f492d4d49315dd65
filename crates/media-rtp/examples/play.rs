//! Plays a WAV file to an RTP receiver in G.711, packet by packet at its own speed.
//!
//! ```sh
//! cargo run -q -p media-rtp --example play -- prompt.wav 127.0.0.1:4000 pcmu
//! ffplay -nodisp -protocol_whitelist file,udp,rtp session.sdp     # hears it
//! ```
//!
//! The third argument is `pcmu` (default) or `pcma`. Other rates are converted to 8000 Hz, channels mixed to one.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program: it reads the clock and reports"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use media_rtp::codec::Codec;
use media_rtp::mix::Resampler;
use media_rtp::rtp::RtpBuilder;
use media_rtp::wav;

const PTIME: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, to, rest @ ..] = &arguments[..] else {
        return Err("usage: play FILE.wav ADDRESS:PORT [pcmu|pcma]".into());
    };
    let codec = match rest.first().map(String::as_str) {
        None | Some("pcmu") => Codec::Pcmu,
        Some("pcma") => Codec::Pcma,
        Some(other) => return Err(format!("codec {other:?} is neither pcmu nor pcma").into()),
    };
    let samples = telephone_audio(&std::fs::read(file)?)?;
    let to: SocketAddr = to.parse()?;
    let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;

    let mut encoder = codec.encoder()?;
    let payload_type = codec.payload_type().ok_or("the codec has no static payload type")?;
    let (mut payload, mut packet) = ([0; 160], [0; 172]);
    let start = Instant::now();
    let mut sent = 0_u16;
    for (number, frame) in (0_u32..).zip(samples.chunks(codec.samples_in(PTIME))) {
        let len = encoder.encode(frame, &mut payload)?;
        let len = RtpBuilder::new(
            payload_type,
            sent,
            number.wrapping_mul(codec.ticks_in(PTIME)),
            std::process::id(),
        )
        .marker(number == 0)
        .payload(&payload[..len])
        .write(&mut packet)?;
        std::thread::sleep((start + PTIME * number).saturating_duration_since(Instant::now()));
        socket.send_to(&packet[..len], to)?;
        sent = sent.wrapping_add(1);
    }
    println!(
        r#"{{"codec":"{}","packets":{sent},"seconds":{:.2}}}"#,
        codec.name(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn telephone_audio(file: &[u8]) -> Result<Vec<i16>, Box<dyn std::error::Error>> {
    let audio = wav::read(file)?;
    let mono = audio.to_mono();
    if audio.rate == 8000 {
        return Ok(mono);
    }
    let mut resampler = Resampler::new(audio.rate, 8000)?;
    let mut converted = vec![0; resampler.output_len(mono.len())];
    let len = resampler.process(&mono, &mut converted);
    converted.truncate(len);
    Ok(converted)
}
