//! What a dialled string means at a site, where the call goes, and why.
//!
//! ```text
//!                        ┌────────────────────────── SitePlan ──────────────────────────┐
//!  "(317) 555-0123" ───► │ Dialled ─► number plans ─► National, tel:+13175550123        │
//!                        │            first match      │                                │
//!                        │                             ├─ outbound route ─► trunks 1 2 3 │ ───► Decision
//!                        │                             └─ dial plan ──────► trunk group  │ ───► Explanation
//!                        └───────────────────────────────────────────────────────────────┘
//! ```
//!
//! One piece of code decides live calls, explains decisions and simulates them. It is not a SIP stack: it names trunks in the
//! order to try and leaves trying to others. It keeps no state and cannot place a call.
//!
//! * [`SitePlan`] — a site compiled: classify, normalise, choose a route. A decision costs no allocation.
//! * [`Compiler`] — many sites compiled, sharing what is equal.
//! * [`SitePlan::explain`] — every candidate considered, with the reason it lost, as data and as sentences.
//! * [`simulate`] — Simulate Call: six checks in order, each with the setting to fix.
//! * [`audit`] — plans that can never match, patterns that bypass failover, emergency numbers on unverified trunks.
//! * [`present`] — which number and name a call shows on a trunk.
//! * [`resolve_inbound`], [`resolve_extension`] — the way in.
//!
//! # Features
//!
//! `phonenumber` (default): the trunk prefix of every country, so that `020 7946 0018` dialled in Britain becomes
//! `+442079460018`. Without it intra-country plans take complete numbers only; everything else stays.

mod address;
mod audit;
mod caller;
mod chance;
mod compiler;
mod country;
mod dialled;
mod explain;
mod expression;
mod inbound;
mod index;
mod plan;
mod plans;
mod program;
mod route;
mod simulate;
mod site;

pub use address::Address;
pub use audit::{Finding, FindingKind, Severity, audit};
pub use caller::{Caller, Presented, present, write_number};
pub use chance::Chance;
pub use compiler::{CompileError, Compiler};
pub use dialled::{DialFault, Dialled, Number, SipAddress};
pub use explain::Explanation;
pub use inbound::{ExtensionDecision, InboundDecision, InboundMiss, resolve_extension, resolve_inbound};
pub use plans::{Plan, Unclassified};
pub use route::{Candidate, Candidates};
pub use simulate::{Conditions, Simulation, Step, simulate};
pub use site::{Decision, NoRoute, Outcome, SitePlan};

/// The parts of explanations and faults, for programs that look inside them.
pub mod detail {
    pub use crate::dialled::{MAX_DIALLED, MAX_NUMBER};
    pub use crate::explain::{ConsideredPattern, ConsideredRoute, ConsideredTrunk, Pass, RouteMiss};
    pub use crate::expression::{MAX_EXPRESSION, RegexFault};
    pub use crate::inbound::InboundRule;
    pub use crate::plan::Miss;
    pub use crate::plans::MAX_PASSES;
    pub use crate::route::{PatternRoute, Route, Unusable};
    pub use crate::simulate::{StepName, StepState};
}
