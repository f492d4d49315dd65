//! What runs an edge: sockets, threads, files and clocks around the engines of this crate. It takes no decision.
//!
//! ```text
//!                                 ┌──────────────────────────────── signalling task ─┐
//!  SIP sockets, DNS ── Input ───► │ Edge                                             │ ── Event ──► log, metrics
//!                  ◄── Io ─────── │                                                  │
//!                                 └─ MediaCommand ─┐  ┌─ Store ──────────────────────┘
//!                                    MediaEvent ▲  ▼  ▼  ▲ Stored
//!                                 MediaDriver ──┘     └── Spool
//!                                   media threads, sockets, prompts, recordings
//! ```

#![allow(clippy::disallowed_methods, reason = "the driver is where clocks are read")]

mod call;
mod media;
mod prompts;
mod recordings;
mod run;
mod serve;
mod sockets;
pub mod spool;
pub mod tls;

pub use call::{Call, CallError, Digits, Ending, Recording, Transfer};
pub use media::MediaDriver;
pub use run::{MediaConfig, PortsError, Running, Settings, StartError, start};
pub use serve::{CallFlow, serve};
pub use sockets::PortPlan;
pub use spool::Spool;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process open as many files and sockets as the system permits at all: an edge has several for each call.
/// Where that is refused, the limit stays what it was.
pub fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
