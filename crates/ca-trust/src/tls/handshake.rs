//! Driving a handshake over any blocking stream, with everything a diagnosis needs observed on the way.

use std::io::{self, Read, Write};

use rustls::{ClientConnection, ServerConnection};

use super::Capture;
use crate::diagnose::{Diagnosis, Failure, Side};

/// Either side of a rustls connection.
pub enum Connection {
    /// We connected.
    Client(ClientConnection),
    /// We accepted.
    Server(ServerConnection),
}

impl Connection {
    fn side(&self) -> Side {
        match self {
            Self::Client(_) => Side::Client,
            Self::Server(_) => Side::Server,
        }
    }

    fn common(&mut self) -> &mut rustls::CommonState {
        match self {
            Self::Client(connection) => connection,
            Self::Server(connection) => connection,
        }
    }

    fn is_handshaking(&mut self) -> bool {
        self.common().is_handshaking()
    }

    fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while self.common().wants_write() {
            match self {
                Self::Client(connection) => connection.write_tls(stream)?,
                Self::Server(connection) => connection.write_tls(stream)?,
            };
        }
        stream.flush()
    }

    fn take(&mut self, mut octets: &[u8]) -> Result<(), rustls::Error> {
        while !octets.is_empty() {
            let read = match self {
                Self::Client(connection) => connection.read_tls(&mut octets),
                Self::Server(connection) => connection.read_tls(&mut octets),
            };
            if read.is_err() {
                return Err(rustls::Error::PeerSentOversizedRecord);
            }
            match self {
                Self::Client(connection) => connection.process_new_packets()?,
                Self::Server(connection) => connection.process_new_packets()?,
            };
        }
        Ok(())
    }
}

/// Completes the handshake, or says why not. Timeouts are the stream's: set them on the socket.
///
/// A client that was asked for a certificate in TLS 1.3 learns only afterwards whether the server liked the answer;
/// so in that case one more read is made, which ends with data, an alert or the stream's timeout.
pub fn complete_handshake(
    connection: &mut Connection,
    stream: &mut (impl Read + Write),
    capture: &Capture,
) -> Result<(), Diagnosis> {
    let side = connection.side();
    let mut buffer = [0; 4096];
    while connection.is_handshaking() {
        let written = connection.flush(stream);
        let octets = match stream.read(&mut buffer) {
            Ok(0) => return Err(Diagnosis::of(side, Failure::Closed, capture)),
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => return Err(Diagnosis::of(side, Failure::TimedOut, capture)),
            Err(_) => return Err(Diagnosis::of(side, Failure::Closed, capture)),
        };
        capture.received(octets);
        if let Err(error) = connection.take(octets) {
            // The alert tells the peer; whether it arrives does not change the diagnosis.
            let _ = connection.flush(stream);
            return Err(Diagnosis::of(side, Failure::Tls(&error), capture));
        }
        if written.is_err() && connection.is_handshaking() {
            return Err(Diagnosis::of(side, Failure::Closed, capture));
        }
    }
    if connection.flush(stream).is_err() {
        return Err(Diagnosis::of(side, Failure::Closed, capture));
    }
    let answer_pending = side == Side::Client
        && capture.client_certificate().0
        && connection.common().protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
    if answer_pending {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(Diagnosis::of(side, Failure::Closed, capture)),
            Ok(count) => {
                let taken = connection.take(&buffer[..count]);
                taken.map_err(|error| Diagnosis::of(side, Failure::Tls(&error), capture))?;
            }
            Err(error) if is_timeout(&error) => {}
            Err(_) => return Err(Diagnosis::of(side, Failure::Closed, capture)),
        }
    }
    Ok(())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
