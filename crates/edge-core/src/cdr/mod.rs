//! Call records: one per conversation, on disk before it counts.
//!
//! ```text
//!  call ends ──► CallRecord ──► Outbox ── Store ──► driver::spool: append, checksum, fdatasync
//!                                 ▲  ◄── stored, failed ──┘          │
//!                                 └ kept until it is on disk         └──► JSON lines, CSV, the control plane
//! ```
//!
//! The core numbers and keeps the records; the driver writes them. A record leaves memory when its line is on disk. A full disk
//! makes the outbox grow up to its bound, and [`Outbox::is_full`] then tells the edge to take no new call but emergency calls.

pub mod export;
pub mod frame;
mod outbox;
mod record;

pub use outbox::{Outbox, OutboxEvent, Store, StoreFault};
pub use record::{
    CallRecord, Direction, EndedBy, Ending, LegDirection, LegOutcome, LegParty, LegRecord, Quality, Transfer,
    TransferKind,
};
