//! Media of the calls: what the call engine says to media threads, and what it hears back.
//!
//! ```text
//!  call engine (signalling task)                        driver                   media thread k
//!  LegNegotiation: SDP offer/answer ─► LegConfig ┐
//!  MediaPorts: a pair of bound ports ────────────┤
//!                                                ▼
//!                       MediaCommand { call, action } ─► sockets, files ─► CallMedia: relays, player,
//!                       MediaEvent  { call, notice } ◄──────────────────── digits, recordings
//! ```
//!
//! A call has up to [`MAX_LEGS`] legs. A connected leg always has something to hear: the leg it is bridged with, what is
//! played to it, or silence. Legs leave one bridge for another, and one call for another, with their keys, counters and
//! streams unbroken, which is what transfers need. Media of a call between two peers of this edge never leaves it.
//!
//! Everything but the driver is free of sockets, clocks and files: [`MediaPorts`] and [`LegNegotiation`] live in the call
//! engine, [`CallMedia`] on a media thread.

mod call;
mod collect;
mod command;
mod event;
mod negotiation;
mod play;
mod ports;
mod profile;
mod record;
mod room;
mod seat;

pub use call::{CallMedia, Instruction, ReleasedLeg};
pub use command::{
    Action, Collection, MediaCommand, MediaId, MediaLeg, MediaSettings, Order, Sound, ToneKind,
};
pub use event::{CollectEnd, LegReport, MediaEvent, Notice, PlayEnd};
pub use negotiation::LegNegotiation;
pub use ports::{MediaAddress, MediaPorts, Pool, PoolId};
pub(crate) use profile::Abilities;
pub use profile::{DtmfMethod, Latching, LegProfile};
pub use record::Sink;

/// The most legs a call has at a time: a party, a consultation, the contacts of a fork.
pub const MAX_LEGS: usize = 8;
