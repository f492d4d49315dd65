//! A server with everything around it: who answers behind it, and stunnel for TLS.

use std::thread;
use std::time::Duration;

use telco_testkit::peer::{Program, Scratch};

use crate::load::{self, Amount, Sipp};
use crate::place::{self, Place, Wire};
use crate::server::{Kind, Purpose, Server};

/// How a run is begun and ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Calls, or registrations, before anything is counted: tables and connections are there afterwards.
    pub(crate) warm_up: Amount,
    /// Transactions are not waited for: a look whether everything works.
    pub(crate) hurry: bool,
}

impl Pace {
    /// As long as the transactions of a server outlive its last call.
    pub(crate) fn drain(self, kind: Kind) -> Duration {
        if self.hurry { Duration::from_secs(2) } else { kind.drain() }
    }
}

/// Fields end in this order.
pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) answering: Option<Sipp>,
    pub(crate) server: Server,
    _tunnels: Option<Program>,
    pub(crate) place: Place,
    pub(crate) scratch: Scratch,
}

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// SIPp answers calls that their callers hold this long.
    Sipp(Duration),
    /// Nobody that this starts.
    Nobody,
}

/// Longer than any call takes to set up and to end.
const PATIENCE: Duration = Duration::from_secs(60);

impl Stage {
    /// Starts a server and what is around it.
    ///
    /// # Errors
    /// When something cannot be started or does not answer.
    pub(crate) fn open(kind: Kind, wire: Wire, behind: Behind, purpose: Purpose) -> Result<Self, String> {
        let scratch = Scratch::new("edge-bench");
        let place = Place::new(wire);
        place::certificate(&scratch)?;
        let tunnels = if wire == Wire::Tls { Some(place::tunnels(&scratch, &place)?) } else { None };
        let answering = match behind {
            Behind::Sipp(hold) => Some(load::answer(hold, &place, &scratch)?),
            Behind::Nobody => None,
        };
        let server = Server::start(kind, &place, purpose, &scratch)?;
        Ok(Self { kind, answering, server, _tunnels: tunnels, place, scratch })
    }

    /// Makes calls with SIPp, each held this long.
    ///
    /// # Errors
    /// When SIPp cannot be started.
    pub(crate) fn call(&self, name: &str, amount: Amount, hold: Duration) -> Result<Sipp, String> {
        load::call(name, amount, hold, &self.place, &self.scratch)
    }

    /// Registers phones with SIPp, beginning with the one of this number.
    ///
    /// # Errors
    /// When SIPp cannot be started.
    pub(crate) fn register(&self, name: &str, first: usize, amount: Amount) -> Result<Sipp, String> {
        load::register(name, first, amount, &self.place, &self.scratch)
    }

    /// Waits for the warm-up, and until its transactions have ended.
    ///
    /// # Errors
    /// When nothing of it worked.
    pub(crate) fn warm(&self, sipp: Sipp, pace: Pace) -> Result<(), String> {
        let counts = sipp.finish(patience(pace.warm_up))?;
        if counts.successful == 0 {
            let (name, log) = (self.kind.name(), self.server.log());
            return Err(format!("{name}: nothing of the warm-up works; it printed:\n{log}"));
        }
        thread::sleep(pace.drain(self.kind));
        Ok(())
    }
}

/// Longer than this much takes.
pub(crate) fn patience(amount: Amount) -> Duration {
    PATIENCE + Duration::from_secs((amount.calls / amount.rate) as u64)
}
