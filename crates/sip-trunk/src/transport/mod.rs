//! Transports: ways between us and peers.

mod path;

pub use path::{ConnectionId, Path, SocketId};
