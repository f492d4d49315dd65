//! RTP packets: read, build, rewrite in place (RFC 3550 §5, RFC 8285).
//!
//! | you have | you want | use |
//! |---|---|---|
//! | a datagram | its fields | [`RtpPacket::parse`] |
//! | fields and a payload | a datagram | [`RtpBuilder`] |
//! | a datagram in a buffer | the same with another SSRC, sequence, payload type | [`RtpHeaderMut::parse`] |
//! | a header extension | its elements | [`RtpPacket::elements`] |
//!
//! Parsing and building is done by the `rtp-rs` crate; this module adds the checks and operations it does not have.
//! Nothing here allocates, and no input makes it panic.

mod builder;
mod extension;
mod packet;
mod rewrite;

pub use builder::{RtpBuildError, RtpBuilder};
pub use extension::{Element, ElementWriter, Elements, ExtensionError, ExtensionForm};
pub use packet::{Extension, RtpError, RtpPacket};
pub use rewrite::RtpHeaderMut;

/// Octets in the fixed part of the RTP header (RFC 3550 §5.1).
pub const RTP_FIXED_HEADER: usize = 12;

/// The most contributing sources one packet can name (RFC 3550 §5.1: a 4-bit count).
pub const MAX_CSRC: usize = 15;
