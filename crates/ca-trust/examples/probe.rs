//! Connects to a TLS server, lists its chain, and names the cause when the handshake fails. No SIP is sent.
//!
//! ```text
//! cargo run -q -p ca-trust --example probe -- HOST:PORT [--ca FILE] [--name NAME] [--names rfc5922|web]
//! ```
//!
//! Without `--ca` nothing is trusted, so the verdict is at best `not_trusted` and the chain is still listed. Compare with
//! `openssl s_client -connect HOST:PORT -showcerts`.

#![allow(clippy::print_stdout, reason = "a program that prints")]
#![allow(clippy::disallowed_methods, reason = "wall time enters here")]

use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use ca_trust::tls::{ClientTls, TlsProfile, probe, ring_provider};
use ca_trust::verify::NameMode;
use ca_trust::{Anchors, Import, Mode, ReferenceName, Source};
use rustls_pki_types::UnixTime;

const USAGE: &str = "usage: probe HOST:PORT [--ca FILE] [--name NAME] [--names rfc5922|web]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("probe: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn std::error::Error>> {
    let target = arguments.next().ok_or(USAGE)?;
    let host = target.rsplit_once(':').ok_or(USAGE)?.0;
    let (mut name, mut anchors, mut profile) = (host.to_owned(), Anchors::default(), TlsProfile::trunk());
    let now = UnixTime::now();
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--ca" => {
                let import = Import::read(Source::File(&std::fs::read(&value)?), Mode::Authorities, now)?;
                anchors = Anchors::from_certificates(import.usable().iter().map(|ca| ca.certificate.clone()));
            }
            "--name" => name = value,
            "--names" if value == "rfc5922" => profile.verify.names = NameMode::Rfc5922,
            "--names" if value == "web" => profile.verify.names = NameMode::WebPki,
            _ => return Err(USAGE.into()),
        }
    }
    let name = ReferenceName::parse(&name)?;
    let address = target.to_socket_addrs()?.next().ok_or("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    println!("connected {address}");
    let tls = ClientTls::new(anchors, &profile, ring_provider())?;
    print!("{}", probe(&mut stream, &tls, &name, now)?);
    Ok(())
}
