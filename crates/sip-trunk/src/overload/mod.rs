//! Overload control between neighbours (RFC 7339, RFC 7415), and Retry-After (RFC 3261 §20.33).
//!
//! ```text
//!  we send requests                                   we receive requests
//!  Throttle ── ;oc;oc-algo="loss,rate" ──► server     client ── ;oc;oc-algo="loss" ──► Control::admit
//!     ▲                                                  ◄── 200, 503 … ;oc=20;oc-validity=500 ──┘ feedback
//!     └── take_feedback ◄── ;oc=20;oc-seq=… ── answers   a client without ;oc gets its share as plain 503
//! ```
//!
//! An endpoint takes part when [`EndpointConfig::overload`](crate::endpoint::EndpointConfig::overload) says so.
//!
//! A [`Throttle`] belongs to one server (RFC 7339 §5.4: one address and port), a [`Control`] to one of our own engines.

mod control;
mod feedback;
mod mark;
mod throttle;

pub use control::{Admission, Control, ControlConfig};
pub use feedback::{Algorithm, Feedback, OFFER, Sequence};
pub(crate) use mark::marked;
pub use throttle::{Priority, Throttle};
