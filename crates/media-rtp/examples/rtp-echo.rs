//! Sends every RTP packet back to where it came from: the other end of a one-program media test.
//!
//! ```sh
//! cargo run -q -p media-rtp --example rtp-echo -- 127.0.0.1:4000 10
//! cargo run -q -p media-rtp --example play -- prompt.wav 127.0.0.1:4000
//! ```
//!
//! The second argument is how many seconds to run. Prints one JSON line with what came.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program: it reads the clock and reports"
)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use media_rtp::demux::{Screen, Screened};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), seconds) = (arguments.next(), arguments.next()) else {
        return Err("usage: rtp-echo ADDRESS:PORT [SECONDS]".into());
    };
    let end = Instant::now() + Duration::from_secs(seconds.map_or(Ok(60), |text| text.parse())?);
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;

    let mut screen = Screen::default();
    let mut buffer = [0; 2048];
    while Instant::now() < end {
        let Ok((len, source)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(Screened::Rtp(packet)) = screen.pass(&buffer[..len]) {
            socket.send_to(packet.as_bytes(), source)?;
        }
    }
    let stats = screen.stats();
    println!(
        r#"{{"rtp":{},"rtcp":{},"other":{},"dropped":{}}}"#,
        stats.rtp,
        stats.rtcp,
        stats.other,
        stats.dropped()
    );
    Ok(())
}
