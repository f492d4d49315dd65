//! Sends digits as RFC 4733 events, or prints the digits that arrive, as events or as tones.
//!
//! ```sh
//! cargo run -q -p media-rtp --example dtmf -- listen 127.0.0.1:4000 10
//! cargo run -q -p media-rtp --example dtmf -- send 127.0.0.1:4000 '18005551212#'
//! ```
//!
//! Events have payload type 101, audio is G.711.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program: it reads the clock and reports"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use media_rtp::codec::Codec;
use media_rtp::demux::{Screen, Screened};
use media_rtp::dtmf::{Digit, DigitInput, EventSender, Report, SenderConfig};
use media_rtp::rtp::RtpBuilder;

const EVENTS: u8 = 101;
const PTIME: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["send", to, digits] => send(to.parse()?, digits),
        ["listen", address] => listen(address, 60),
        ["listen", address, seconds] => listen(address, seconds.parse()?),
        _ => Err("usage: dtmf send ADDRESS:PORT DIGITS | dtmf listen ADDRESS:PORT [SECONDS]".into()),
    }
}

fn send(to: SocketAddr, digits: &str) -> Result<(), Box<dyn std::error::Error>> {
    let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    let mut sender = EventSender::new(SenderConfig { packet_time: PTIME, ..SenderConfig::default() });
    for digit in Digit::parse_all(digits)? {
        sender.press(digit, Some(Duration::from_millis(100)))?;
    }
    let (mut sequence, mut packets) = (0_u16, 0_u32);
    let mut packet = [0; 16];
    for number in 0_u32.. {
        if !sender.is_busy() {
            break;
        }
        if let Some(event) = sender.packet(number.wrapping_mul(Codec::Pcmu.ticks_in(PTIME))) {
            let len = RtpBuilder::new(EVENTS, sequence, event.timestamp, std::process::id())
                .marker(event.marker)
                .payload(&event.payload)
                .write(&mut packet)?;
            socket.send_to(&packet[..len], to)?;
            packets += 1;
            sequence = sequence.wrapping_add(1);
        }
        std::thread::sleep(PTIME);
    }
    println!(r#"{{"digits":{},"packets":{packets}}}"#, digits.chars().count());
    Ok(())
}

fn listen(address: &str, seconds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(PTIME))?;
    let mut screen = Screen::default();
    let mut input = DigitInput::new(8000, Some(8000))?;
    let (mut buffer, mut pcm) = ([0; 2048], [0; 2048]);
    while Instant::now() < end {
        let received = socket.recv_from(&mut buffer);
        let now = Instant::now();
        if let Ok((len, _)) = received
            && let Some(Screened::Rtp(packet)) = screen.pass(&buffer[..len])
        {
            let (ssrc, timestamp, marker, payload) =
                (packet.ssrc(), packet.timestamp(), packet.marker(), packet.payload());
            if packet.payload_type() == EVENTS {
                input.handle_event(Report { ssrc, timestamp, marker, payload }, now);
            } else if let Some(codec @ (Codec::Pcmu | Codec::Pcma)) =
                Codec::from_payload_type(packet.payload_type())
            {
                let len = codec.decoder()?.decode(payload, &mut pcm)?;
                input.handle_audio(&pcm[..len], now);
            }
        }
        input.handle_timeout(now);
        while let Some((digit, source)) = input.poll_output() {
            println!(r#"{{"digit":"{digit}","source":"{source:?}"}}"#);
        }
    }
    Ok(())
}
