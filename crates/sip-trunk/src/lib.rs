//! SIP for carrier trunks.

pub mod auth;
mod engine;
pub mod frame;
pub mod header;
pub mod msg;
pub mod transaction;
pub mod transport;
pub mod uri;

pub use engine::{Deadline, Seed};
