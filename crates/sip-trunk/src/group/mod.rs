//! Trunk groups: which trunk carries a call, and which one when that fails.
//!
//! ```text
//!  TrunkGroup  priority 1: A (down)   2: B ◄ active   3: C        On Failure; recovery On Success or Never
//!      └─ cursor() ─► Cursor ─ next() ─► Permit on B
//!                        ▲                 │ INVITE … 503, silence, lost flow, a retryable code
//!                        └── moved_on() ◄──┘ verdict()              ─ next() ─► C: same call, new branch and Call-ID
//! ```
//!
//! The cursor lives in the call, so that two calls never disturb each other. [`Hunt`] is the whole loop for one call; an
//! engine with a call state of its own uses [`Cursor`] and [`verdict`] directly.

mod cursor;
mod hunt;
mod members;
mod verdict;

pub use cursor::{Considered, Cursor, Outcome};
pub use hunt::{Calls, Hunt, HuntEvent};
pub use members::{ActiveChanged, Member, Recovery, TrunkGroup, TrunkGroupConfig};
pub use verdict::{Attempt, Verdict, verdict};
