//! The outer structure of an RTCP datagram.

use super::xr::Xr;
use super::{App, Bye, Feedback, ReceiverReport, Sdes, SenderReport, packet_type};
use crate::wire::u16_at;

/// Octets of the header every RTCP packet starts with.
const HEADER: usize = 4;

/// One RTCP datagram whose every packet has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

/// What a datagram must start with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompoundRule {
    /// RFC 3550 §6.1: a sender or receiver report first.
    #[default]
    Full,
    /// RFC 5506: any packet may stand first or alone, when `a=rtcp-rsize` was negotiated.
    ReducedSize,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// SR, RFC 3550 §6.4.1.
    SenderReport(SenderReport<'a>),
    /// RR, RFC 3550 §6.4.2.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES, RFC 3550 §6.5.
    Sdes(Sdes<'a>),
    /// BYE, RFC 3550 §6.6.
    Bye(Bye<'a>),
    /// APP, RFC 3550 §6.7.
    App(App<'a>),
    /// RTPFB, RFC 4585 §6.2.
    TransportFeedback(Feedback<'a>),
    /// PSFB, RFC 4585 §6.3.
    PayloadFeedback(Feedback<'a>),
    /// XR, RFC 3611.
    ExtendedReport(Xr<'a>),
    /// A type this library does not read; RFC 3550 §6.1 says to ignore it.
    Other {
        /// The packet type, 192..=223.
        packet_type: u8,
        /// The five bits after version and padding.
        count: u8,
        /// The octets after the 4-octet header, without padding.
        body: &'a [u8],
    },
}

/// Why a datagram is not an RTCP compound. Always the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// Fewer than 4 octets remain where a packet should start.
    #[error("{0} octets are too few for an RTCP header; drop the datagram")]
    TooShort(usize),
    /// The version field is not 2.
    #[error("RTCP version {0} is not 2; drop the datagram")]
    Version(u8),
    /// The packet type is outside 192..=223 (RFC 5761 §4).
    #[error("packet type {0} is not an RTCP type; drop the datagram")]
    PacketType(u8),
    /// The length field passes the end of the datagram.
    #[error("packet of type {packet_type} needs {need} octets, {have} are left; drop the datagram")]
    Length {
        /// The packet's type.
        packet_type: u8,
        /// Octets the length field promises.
        need: usize,
        /// Octets that are left.
        have: usize,
    },
    /// Padding on a packet that is not the last, or an impossible padding count.
    #[error("padding of a packet of type {0} is not allowed there or has a wrong count; drop the datagram")]
    Padding(u8),
    /// The content contradicts the packet's counts.
    #[error("content of a packet of type {0} contradicts its counts; drop the datagram")]
    Content(u8),
    /// The compound does not start with a report.
    #[error("compound starts with type {0} instead of a report; negotiate a=rtcp-rsize to allow it")]
    FirstPacket(u8),
}

impl<'a> Compound<'a> {
    /// Checks every packet of `datagram`.
    ///
    /// # Errors
    /// [`RtcpError`] names the first thing that does not fit. One bad packet spoils the datagram: nothing of it is
    /// to be believed.
    pub fn parse(datagram: &'a [u8], rule: CompoundRule) -> Result<Self, RtcpError> {
        let (first, mut rest) = RtcpPacket::split(datagram)?;
        // RFC 3550 §6.1: the first packet is always a report, even if it reports nothing.
        match (rule, &first) {
            (CompoundRule::ReducedSize, _)
            | (_, RtcpPacket::SenderReport(_) | RtcpPacket::ReceiverReport(_)) => {}
            (CompoundRule::Full, _) => return Err(RtcpError::FirstPacket(datagram[1])),
        }
        while !rest.is_empty() {
            rest = RtcpPacket::split(rest)?.1;
        }
        Ok(Self { bytes: datagram })
    }

    /// The packets in order.
    #[must_use]
    pub fn packets(&self) -> Packets<'a> {
        Packets { rest: self.bytes }
    }

    /// The SSRC of the participant that sent this compound: that of its first packet.
    #[must_use]
    pub fn sender(&self) -> Option<u32> {
        crate::wire::u32_at(self.bytes, HEADER)
    }

    /// The whole datagram.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Iterates over the packets of a [`Compound`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = RtcpPacket<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        // Compound::parse has accepted every packet, so the only failure left is the end.
        let (packet, rest) = RtcpPacket::split(self.rest).ok()?;
        self.rest = rest;
        Some(packet)
    }
}

impl<'a> RtcpPacket<'a> {
    /// Reads the packet at the start of `bytes` and returns what follows it.
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), RtcpError> {
        let &[first, packet_type, ..] = bytes else { return Err(RtcpError::TooShort(bytes.len())) };
        let words = u16_at(bytes, 2).ok_or(RtcpError::TooShort(bytes.len()))?;
        if first >> 6 != 2 {
            return Err(RtcpError::Version(first >> 6));
        }
        if !(192..=223).contains(&packet_type) {
            return Err(RtcpError::PacketType(packet_type));
        }
        let need = (usize::from(words) + 1) * 4;
        let have = bytes.len();
        let split = bytes.split_at_checked(need);
        let (packet, rest) = split.ok_or(RtcpError::Length { packet_type, need, have })?;
        let mut body = &packet[HEADER..];
        if first & 0x20 != 0 {
            // RFC 3550 §6.4.1: only the last packet of a compound is padded, by whole words.
            let count = body.last().map_or(0, |&count| usize::from(count));
            let end = body.len().checked_sub(count);
            match end {
                Some(end) if rest.is_empty() && count != 0 && count.is_multiple_of(4) => body = &body[..end],
                _ => return Err(RtcpError::Padding(packet_type)),
            }
        }
        let packet = Self::read(packet_type, first & 0x1F, body).ok_or(RtcpError::Content(packet_type))?;
        Ok((packet, rest))
    }

    fn read(packet_type: u8, count: u8, body: &'a [u8]) -> Option<Self> {
        Some(match packet_type {
            packet_type::SR => Self::SenderReport(SenderReport::read(count, body)?),
            packet_type::RR => Self::ReceiverReport(ReceiverReport::read(count, body)?),
            packet_type::SDES => Self::Sdes(Sdes::read(count, body)?),
            packet_type::BYE => Self::Bye(Bye::read(count, body)?),
            packet_type::APP => Self::App(App::read(count, body)?),
            packet_type::RTPFB => Self::TransportFeedback(Feedback::read(count, body)?),
            packet_type::PSFB => Self::PayloadFeedback(Feedback::read(count, body)?),
            packet_type::XR => Self::ExtendedReport(Xr::read(body)?),
            _ => Self::Other { packet_type, count, body },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_RR: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

    fn parse(parts: &[&[u8]], rule: CompoundRule) -> Result<usize, RtcpError> {
        let bytes = parts.concat();
        Compound::parse(&bytes, rule).map(|it| it.packets().count())
    }

    /// RFC 3550 §6.1 and RFC 5506 §3.4.2: a report stands first unless reduced size was negotiated.
    #[test]
    fn only_reduced_size_may_start_without_a_report() {
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 9];
        assert_eq!(parse(&[&EMPTY_RR, &bye], CompoundRule::Full), Ok(2));
        assert_eq!(parse(&[&bye], CompoundRule::Full), Err(RtcpError::FirstPacket(203)));
        assert_eq!(parse(&[&bye], CompoundRule::ReducedSize), Ok(1));
    }

    #[test]
    fn each_malformed_compound_has_its_reason() {
        let check = |parts: &[&[u8]], error| assert_eq!(parse(parts, CompoundRule::Full), Err(error));
        check(&[], RtcpError::TooShort(0));
        check(&[&[0x80, 201, 0]], RtcpError::TooShort(3));
        check(&[&[0x40, 201, 0, 1, 0, 0, 0, 9]], RtcpError::Version(1));
        check(&[&[0x80, 96, 0, 1, 0, 0, 0, 9]], RtcpError::PacketType(96));
        check(&[&EMPTY_RR[..7]], RtcpError::Length { packet_type: 201, need: 8, have: 7 });
        check(&[&EMPTY_RR, &[0x80]], RtcpError::TooShort(1));
        check(&[&[0x81, 201, 0, 1, 0, 0, 0, 9]], RtcpError::Content(201));
        check(&[&[0x80, 200, 0, 1, 0, 0, 0, 9]], RtcpError::Content(200));
    }

    /// RFC 3550 §6.4.1: padding ends the datagram, counts itself, and is whole words.
    #[test]
    fn padding_belongs_to_the_last_packet_only() {
        let padded = |count| [0xA0, 201, 0, 2, 0, 0, 0, 9, 0, 0, 0, count];
        assert_eq!(parse(&[&padded(4)], CompoundRule::Full), Ok(1));
        for count in [0, 1, 3, 5, 12, 255] {
            assert_eq!(parse(&[&padded(count)], CompoundRule::Full), Err(RtcpError::Padding(201)), "{count}");
        }
        assert_eq!(parse(&[&padded(8)], CompoundRule::Full), Err(RtcpError::Content(201)));
        assert_eq!(parse(&[&padded(4), &EMPTY_RR], CompoundRule::Full), Err(RtcpError::Padding(201)));
        assert_eq!(parse(&[&[0xA0, 201, 0, 0]], CompoundRule::Full), Err(RtcpError::Padding(201)));
    }

    #[test]
    fn unknown_types_are_kept_and_skipped() {
        let unknown = [0x83, 210, 0, 1, 1, 2, 3, 4];
        let bytes = [&EMPTY_RR[..], &unknown].concat();
        let compound = Compound::parse(&bytes, CompoundRule::Full).unwrap();
        assert_eq!(compound.sender(), Some(9));
        let last = compound.packets().last().unwrap();
        assert!(matches!(last, RtcpPacket::Other { packet_type: 210, count: 3, body: [1, 2, 3, 4] }));
    }
}
