//! Calls through the edge in virtual time, from the first INVITE to the record.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is how a test fails, and a test looks at the events it is about"
)]

mod device;
mod diagnoses;
mod faults;
mod footprint;
mod fraud;
mod group;
mod identity;
mod inbound;
mod lab;
mod outbound;
mod ports;
mod program;
mod strangers;
mod transfers;
mod watching;
