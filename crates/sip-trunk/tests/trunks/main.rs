//! Trunks, their registrations, failover and the calls on them, in virtual time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bench;
mod carrier;
mod edge;
mod failover;
mod hour;
mod inbound;
mod outbound;
mod overload;
#[path = "../common/registrar.rs"]
mod registrar;
mod standing;
