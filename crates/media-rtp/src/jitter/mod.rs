//! From packets that arrive when they like to audio that plays evenly.
//!
//! ```text
//!  packet ─► handle_input ─► [ sorted, bounded ] ─► pull, once per packet time ─► payload | conceal | silence
//!                 │                                   ▲
//!                 └─ how late was it? ─► Delay ───────┘ how long to wait
//! ```
//!
//! The buffer never allocates for a packet after its first few, never holds more than its configured number, and takes the
//! time as an argument. [`Concealment`] fills what was lost.

mod buffer;
mod conceal;
mod delay;

pub use buffer::{JitterBuffer, JitterConfig, JitterStats, Packet, Playout};
pub use conceal::Concealment;
