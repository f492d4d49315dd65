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

mod media;
mod prompts;
mod recordings;
mod sockets;
pub mod spool;

pub use media::{MediaConfig, MediaDriver};
pub use sockets::PortPlan;
pub use spool::Spool;
