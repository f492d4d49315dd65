//! Transports: ways between us and peers.

mod kind;
mod network;
mod path;
mod rate;
mod recent;
mod tls;

pub use kind::Transport;
pub use network::{Network, NetworkError};
pub use path::{ConnectionId, Path, SocketId};
pub use rate::{Rate, RateError, TokenBucket};
#[allow(unused_imports, reason = "limits are on their way")]
pub(crate) use recent::Recent;
pub use tls::TlsPeer;
