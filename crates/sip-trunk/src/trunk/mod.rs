//! Trunks: the links to carriers and PBXs, configured with the fields an administrator knows.
//!
//! ```text
//!                      ┌────────────── Trunks ───────────────┐
//!  INVITE ─ identify ──►  access control · termination id     │
//!  call ── admit_… ────►  in service · registered · limits    ├──► &mut UserAgent: REGISTER, OPTIONS
//!       ── invite ─────►  Request-URI · identity · headers    │
//!       ── report ─────►  Retry-After · silence · overload    ├──► TrunkEvent: registration, health
//!                      └──────────────────────────────────────┘
//! ```
//!
//! Which trunk of several a call tries, and the next one when it fails, is [`group`](crate::group)'s business.

mod access;
mod check;
mod codes;
mod config;
mod event;
mod health;
mod identify;
mod instance;
mod numbers;
mod outbound;
mod set;
mod ways;

pub use access::{Access, AccessVerdict};
pub use check::{Ingress, Problem, check};
pub use codes::{Codes, CodesError};
pub use config::{
    Assertion, Identity, Inbound, KeepAlive, Protocol, RequestUri, Retry, Server, Tgrp, TrunkConfig, TrunkId,
    TrunkLimits,
};
pub use event::TrunkEvent;
pub use health::{Change, Health, Reason, Standing};
pub use identify::{Candidate, Matched, MatchedBy, Unmatched, identify};
pub use instance::{Permit, Refusal, Trunk, Urgency};
pub use numbers::{NumberRange, NumberRangeError};
pub use outbound::{CONVERSATION_HEADER, InviteError, OriginalCaller, OutboundCall};
pub use set::{CallOutcome, Trunks, TrunksConfig};
