//! Session descriptions (RFC 8866) and offer/answer (RFC 3264).
//!
//! ```text
//!  bytes ──► SessionDescription ──► typed views (Attribute) ──► OfferAnswer ──► MediaSession (for a relay)
//!               │ every line kept,        rtpmap, crypto,          │
//!               ▼ faults with line        candidate, …             ▼
//!             bytes (the same)                                   Refusal: 488 + Warning
//! ```
//!
//! Reading is generous and lossless: unknown lines, odd order, Latin-1, mixed line ends and a missing last line end are
//! kept as they are and reported as [`Fault`]s. Times (`t= r= z=`) are carried and never evaluated.

pub mod attribute;
mod connection;
mod description;
mod fault;
#[cfg(feature = "sdp-rs")]
pub mod interop;
mod line;
mod media_line;
pub mod offer_answer;
mod origin;
mod section;
mod target;

pub use attribute::Attribute;
pub use connection::{Connection, Host};
pub use description::{Media, SessionDescription};
pub use fault::{Fault, FaultKind, Limits, ParseError};
pub use line::{Line, LineEnd};
pub use media_line::{MediaLine, Protocol};
pub use offer_answer::{MediaConfig, MediaSession, OfferAnswer, Refusal, Signalling};
pub use origin::Origin;
pub use section::Section;
pub use target::{TargetPolicy, TargetRefusal};
