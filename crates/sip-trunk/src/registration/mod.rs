//! Registering with a carrier (RFC 3261 §10.2, RFC 3327, RFC 3608, RFC 5626).
//!
//! ```text
//!             new()                  401, 407: answered once        2xx
//!   Pending ─────────► REGISTER ──────────────────────────► Registered ──┐ refreshed well before it expires,
//!      ▲                  │ 423: longer, 3xx: elsewhere          │  ▲    │ and at least every `check_every`
//!      │ RFC 5626: flow   │ anything else, or silence            │  └────┘
//!      │ lost             ▼                                      │ refused, silent, unreachable, flow lost
//!      └───────────  Unregistered { cause } ◄────────────────────┘
//!                         └── tried again: soon when it may be the network, rarely when it is the configuration
//! ```
//!
//! A [`Registration`] takes answers and time and gives requests to send. Who owns it, sends them and brings the answers back;
//! a trunk's are kept by [`Trunks`](crate::trunk::Trunks).

mod binding;
mod cause;
mod config;
mod machine;
mod request;

pub use binding::Binding;
pub use cause::Cause;
pub use config::{Account, Pace, Registrar, RegistrationConfig};
pub use machine::{Output, Registration, State};
pub(crate) use request::request_uri;
