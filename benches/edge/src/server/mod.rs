//! What is measured: the edge, and Kamailio in two configurations. Every run has a server of its own.

mod edge;
mod kamailio;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use telco_testkit::peer::{Program, Scratch};

use crate::place::Place;

pub(crate) use edge::{MOST_CALLS, binary};

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

/// What a server is prepared for beside calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Purpose {
    /// Phones that may register.
    pub(crate) phones: usize,
    /// Kamailio tells what it has allocated; a process more.
    pub(crate) memory: bool,
}

/// A running server.
pub(crate) struct Server {
    program: Program,
    control: Option<String>,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started or does not answer; what it printed.
    pub(crate) fn start(
        kind: Kind,
        place: &Place,
        purpose: Purpose,
        scratch: &Scratch,
    ) -> Result<Self, String> {
        let (command, control) = match kind {
            Kind::Edge => (edge::command(place, purpose.phones, scratch)?, None),
            Kind::Stateful | Kind::Hiding => {
                let control = purpose.memory.then(|| kamailio::control(scratch));
                let hiding = kind == Kind::Hiding;
                (kamailio::command(hiding, control.as_deref(), place, scratch), control)
            }
        };
        let program = start(kind.name(), command, scratch)?;
        let server = Self { program, control };
        server.wait_for_answer(place)?;
        Ok(server)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Bytes of shared memory that Kamailio's allocator has given out, with its overhead.
    ///
    /// # Errors
    /// What kamcmd says.
    pub(crate) fn shared_memory(&self) -> Result<Option<u64>, String> {
        self.control.as_deref().map(kamailio::shared_memory).transpose()
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
            let ended = fs::metadata(format!("/proc/{}/exe", self.id())).is_err();
            if ended || Instant::now() > end {
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
