//! Calls, transfers and subscriptions between user agents, in virtual time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at the events it is about")]

mod bad_network;
mod calls;
mod challenges;
mod forking;
mod hostile_peers;
mod lab;
mod memory;
mod model;
mod proxies;
mod reliable;
mod rfc5407;
mod session_timers;
mod subscriptions;
mod transfers;
mod ways;
