//! Sockets, threads and clocks around the engines of this crate.
//!
//! ```text
//!   signalling                                media thread k (one epoll, thousands of sockets)
//!   open / command / close ── bounded channel ──► calls: engine + its sockets
//!          ▲                                       recv ─► handle_datagram ─► send      in one buffer
//!          └────────── bounded channel ◄────────── events                               no lock, no task
//! ```
//!
//! | driver | for | feature |
//! |---|---|---|
//! | [`MediaThreads`] | an edge with many calls: dedicated threads, level-triggered epoll (Linux) | `driver` |
//! | `tokio` module | a program with a few streams that runs on tokio anyway | `tokio` |
//!
//! Both run anything that implements [`MediaEngine`], and take no decision about media themselves. When a channel is full,
//! commands push back ([`CommandRefused::Full`]), events are dropped and counted.

#![allow(clippy::disallowed_methods, reason = "the driver is where the clock is read")]

#[cfg(target_os = "linux")]
mod bell;
mod engine;
mod socket;
#[cfg(target_os = "linux")]
mod thread;
#[cfg(target_os = "linux")]
mod threads;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use engine::{EngineOutput, Forward, MediaEngine};
pub use socket::SocketOptions;
#[cfg(target_os = "linux")]
pub use threads::{CallId, CommandRefused, DriverStats, MediaThreads, ThreadsConfig};

/// The longest datagram received; longer ones are cut and fail their checks.
pub const MAX_DATAGRAM: usize = 2048;

/// Octets of a receive buffer: a datagram, room to transcode it in place, and room to protect it.
pub const BUFFER: usize = 2 * MAX_DATAGRAM + crate::srtp::MAX_OVERHEAD;
