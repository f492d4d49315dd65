//! Transports: the ways between us and peers, and what peers may do on them.
//!
//! | module of | what it owns |
//! |---|---|
//! | connections | flow table: numbers, reuse towards a target (RFC 5923), deadlines, keep-alives (RFC 5626), bounds |
//! | sources | who is a peer, who was vouched for, token buckets and answer credit of strangers |
//!
//! The tables are driven by the [`Endpoint`](crate::endpoint::Endpoint).

mod flow;
mod flows;
mod kind;
mod network;
mod path;
mod rate;
mod recent;
mod sources;
mod tls;

pub(crate) use flow::{Due, Flow, KeepAlive, Patience, State, Waiting};
pub(crate) use flows::{Admission, FlowLimits, Flows};
pub use kind::Transport;
pub use network::{Network, NetworkError};
pub use path::{ConnectionId, Path, SocketId};
pub use rate::{Rate, RateError, TokenBucket};
pub(crate) use recent::Recent;
pub(crate) use sources::{Admission as MessageAdmission, SourceRules, Sources, Standing};
pub use tls::TlsPeer;
