//! From bytes on a connection to whole messages.
//!
//! | transport | how messages are told apart | here |
//! |---|---|---|
//! | UDP | one datagram, one message | [`Scanner::datagram`](crate::msg::Scanner::datagram) |
//! | TCP, TLS | empty line, then Content-Length (RFC 3261 §18.3) | [`StreamFramer`] |
//! | WebSocket | one WebSocket message, one SIP message (RFC 7118 §5) | [`websocket`] |

mod stream;
pub mod websocket;

pub use stream::{Broken, Frame, FrameFault, Side, StreamFramer, StreamLimits};
