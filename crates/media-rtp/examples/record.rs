//! Records a G.711 stream that arrives on a port to a WAV file.
//!
//! ```sh
//! cargo run -q -p media-rtp --example record -- 127.0.0.1:4000 call.wav 10
//! cargo run -q -p media-rtp --example play -- prompt.wav 127.0.0.1:4000
//! ```
//!
//! The third argument is how many seconds to run. Lost packets become silence of the same length.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program: it reads the clock and reports"
)]

use std::fs::File;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use media_rtp::codec::Codec;
use media_rtp::demux::{Screen, Screened};
use media_rtp::wav::{Layout, Leg, Recorder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, rest @ ..] = &arguments[..] else {
        return Err("usage: record ADDRESS:PORT FILE.wav [SECONDS]".into());
    };
    let end = Instant::now() + Duration::from_secs(rest.first().map_or(Ok(60), |text| text.parse())?);
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;

    let mut screen = Screen::default();
    let mut recording = None;
    let (mut buffer, mut pcm) = ([0; 2048], [0; 2048]);
    let mut samples = 0;
    while Instant::now() < end {
        let Ok((len, _)) = socket.recv_from(&mut buffer) else { continue };
        let now = Instant::now();
        let Some(Screened::Rtp(packet)) = screen.pass(&buffer[..len]) else { continue };
        let Some(codec @ (Codec::Pcmu | Codec::Pcma)) = Codec::from_payload_type(packet.payload_type())
        else {
            continue;
        };
        // The file begins with the first packet, not with the wait for it.
        let recorder = match &mut recording {
            Some(recorder) => recorder,
            empty => {
                empty.insert(Recorder::new(File::create(file)?, Layout::Single(Leg::Caller), 8000, now)?)
            }
        };
        let len = codec.decoder()?.decode(packet.payload(), &mut pcm)?;
        recorder.capture(Leg::Caller, &pcm[..len], now)?;
        samples += len;
    }
    let heard = recording.is_some();
    if let Some(recorder) = recording {
        // The last packet plays on for its own length; padding to now would record the wait.
        recorder.finish(end - Duration::from_secs(1).min(end.elapsed()))?;
    }
    println!(r#"{{"heard":{heard},"samples":{samples},"dropped":{}}}"#, screen.stats().dropped());
    Ok(())
}
