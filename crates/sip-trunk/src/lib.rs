//! SIP for carrier trunks.

pub mod auth;
pub mod frame;
pub mod header;
pub mod msg;
pub mod uri;
