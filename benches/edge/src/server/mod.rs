//! What is measured: the edge, and Kamailio in two configurations. Every run has a server of its own.

mod edge;
mod kamailio;

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use telco_testkit::peer::{Program, Scratch};

use crate::place::Place;

pub(crate) use edge::binary;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `examples/edge`, as it is.
    Edge,
    /// Kamailio as a transaction-stateful proxy that stays in the route, and as registrar.
    Stateful,
    /// The same with its dialog module and topology hiding: the nearest to a B2BUA it has.
    Hiding,
}

impl Kind {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Edge => "edge",
            Kind::Stateful => "Kamailio, stateful",
            Kind::Hiding => "Kamailio, dialog + topoh",
        }
    }

    /// How long its transactions outlive the last call. Kamailio keeps them 5 s; the edge as long as RFC 3261 §17 and RFC 6026 say,
    /// 64 × T1 = 32 s.
    pub(crate) fn drain(self) -> Duration {
        match self {
            Kind::Edge => Duration::from_secs(34),
            Kind::Stateful | Kind::Hiding => Duration::from_secs(6),
        }
    }
}

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
pub(crate) struct Server {
    program: Program,
}

impl Server {
    /// Starts a server with this many phones and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started or does not answer; what it printed.
    pub(crate) fn start(kind: Kind, place: &Place, phones: usize, scratch: &Scratch) -> Result<Self, String> {
        let command = match kind {
            Kind::Edge => edge::command(place, phones, scratch)?,
            Kind::Stateful | Kind::Hiding => kamailio::command(kind == Kind::Hiding, place, scratch),
        };
        let program = start(kind.name(), command, scratch)?;
        let server = Self { program };
        server.wait_for_answer(place)?;
        Ok(server)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Asks with OPTIONS, from an address the edge knows as a trunk's.
    fn wait_for_answer(&self, place: &Place) -> Result<(), String> {
        let socket = UdpSocket::bind(SocketAddr::new(place.caller().ip(), 0));
        let socket = socket.map_err(|error| error.to_string())?;
        socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(|error| error.to_string())?;
        let local = socket.local_addr().map_err(|error| error.to_string())?;
        let (to, end) = (place.plain(), Instant::now() + PATIENCE);
        for attempt in 1.. {
            let options = format!(
                "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKup{attempt}\r\nMax-Forwards: 1\r\n\
                 From: <sip:bench@{local}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: up-{attempt}-{local}\r\n\
                 CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            // Nothing listens yet: the next attempt follows.
            let _ = socket.send_to(options.as_bytes(), to);
            if socket.recv(&mut [0; 2048]).is_ok() {
                return Ok(());
            }
            if Instant::now() > end {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("it does not answer; it printed:\n{}", self.log()))
    }
}

fn start(name: &str, command: Command, scratch: &Scratch) -> Result<Program, String> {
    let log = scratch.path().join("server.log");
    Program::start(name, command, log).map_err(|error| format!("{name} cannot be started: {error}"))
}
