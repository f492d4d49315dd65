//! RTCP: reading and writing compound packets (RFC 3550 §6, RFC 3611, RFC 4585, RFC 5506).
//!
//! [`Compound::parse`] checks a whole datagram once: every length, count and padding, and the rules for what a
//! compound packet starts with. [`Compound::packets`] then iterates without failing. [`RtcpWriter`] appends packets to
//! a caller's buffer. Nothing here allocates, and no input makes it panic.
//!
//! ```
//! use media_rtp::rtcp::{Compound, CompoundRule, RtcpPacket, RtcpWriter};
//! let mut buffer = [0; 128];
//! let mut writer = RtcpWriter::new(&mut buffer);
//! writer.receiver_report(0x1234, &[])?;
//! writer.cname(0x1234, b"edge-1")?;
//! writer.bye(&[0x1234], b"call ended")?;
//! let len = writer.finish();
//!
//! let compound = Compound::parse(&buffer[..len], CompoundRule::Full).unwrap();
//! assert!(matches!(compound.packets().last(), Some(RtcpPacket::Bye(_))));
//! # Ok::<(), media_rtp::rtcp::RtcpWriteError>(())
//! ```

mod bye;
mod compound;
mod feedback;
mod report;
mod sdes;
mod writer;
pub mod xr;

pub use bye::{App, Bye};
pub use compound::{Compound, CompoundRule, Packets, RtcpError, RtcpPacket};
pub use feedback::{Feedback, FirEntry, feedback_format};
pub use report::{ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub use sdes::{Chunk, Sdes, SdesItem, sdes_item};
pub use writer::{RtcpWriteError, RtcpWriter};

/// RTCP packet types (IANA "RTCP Control Packet Types").
pub mod packet_type {
    /// Sender report.
    pub const SR: u8 = 200;
    /// Receiver report.
    pub const RR: u8 = 201;
    /// Source description.
    pub const SDES: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
    /// Application-defined.
    pub const APP: u8 = 204;
    /// Transport-layer feedback (RFC 4585).
    pub const RTPFB: u8 = 205;
    /// Payload-specific feedback (RFC 4585).
    pub const PSFB: u8 = 206;
    /// Extended report (RFC 3611).
    pub const XR: u8 = 207;
}
