//! Telling protocols apart on one port (RFC 7983, RFC 5761), and counting what is dropped.
//!
//! ```text
//!                 +----------------+
//!                 |        [0..3] -+--> STUN          magic cookie and length agree
//!                 |      [16..19] -+--> ZRTP
//!    datagram --> |      [20..63] -+--> DTLS          record header, or 1.3 unified header
//!                 |      [64..79] -+--> TURN channel
//!                 |    [128..191] -+--> RTCP when the second octet is 192..=223, else RTP
//!                 +----------------+
//! ```
//!
//! The first octet chooses; then the least each protocol needs is checked, so that noise reaches no parser.
//! [`Screen`] adds the full RTP and RTCP checks and counts every drop by reason.

use crate::rtcp::{Compound, CompoundRule, RtcpError};
use crate::rtp::{RtpError, RtpPacket};
use crate::wire::{u16_at, u32_at};

/// What a datagram on a media port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatagramKind {
    /// STUN (RFC 8489): ICE checks and keep-alives.
    Stun,
    /// ZRTP (RFC 6189).
    Zrtp,
    /// DTLS (RFC 6347, RFC 9147).
    Dtls,
    /// TURN channel data (RFC 8656 §12.4).
    TurnChannel,
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
}

/// Why a datagram belongs to no protocol of a media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Unclassified {
    /// No octets at all.
    #[error("empty datagram; drop it")]
    Empty,
    /// The first octet is in a range RFC 7983 assigns to nobody.
    #[error("first octet {0} belongs to no protocol of a media port; drop the datagram")]
    FirstOctet(u8),
    /// The first octet fits, the rest is too short for the protocol or contradicts it.
    #[error("datagram is too short for {0:?} or contradicts its header; drop it")]
    Malformed(DatagramKind),
}

impl DatagramKind {
    /// Classifies `datagram` by RFC 7983, and RTP against RTCP by RFC 5761.
    ///
    /// # Errors
    /// [`Unclassified`] when no protocol fits. Works on protected packets too: nothing encrypted is looked at.
    pub fn of(datagram: &[u8]) -> Result<Self, Unclassified> {
        let &first = datagram.first().ok_or(Unclassified::Empty)?;
        let (kind, fits) = match first {
            0..=3 => (Self::Stun, is_stun(datagram)),
            // RFC 6189 §5: the cookie "ZRTP" stands in octets 4..8.
            16..=19 => (Self::Zrtp, datagram.get(4..8) == Some(b"ZRTP")),
            20..=63 => (Self::Dtls, is_dtls(first, datagram)),
            64..=79 => (Self::TurnChannel, is_turn_channel(datagram)),
            128..=191 => is_rtp_or_rtcp(datagram),
            4..=15 | 80..=127 | 192..=255 => return Err(Unclassified::FirstOctet(first)),
        };
        if fits { Ok(kind) } else { Err(Unclassified::Malformed(kind)) }
    }
}

fn is_stun(datagram: &[u8]) -> bool {
    // RFC 8489 §5: 20-octet header, length in whole words, magic cookie.
    let length = u16_at(datagram, 2).map(usize::from);
    datagram.len() >= 20
        && length.is_some_and(|length| length.is_multiple_of(4) && length + 20 == datagram.len())
        && u32_at(datagram, 4) == Some(0x2112_A442)
}

fn is_dtls(first: u8, datagram: &[u8]) -> bool {
    match first {
        // RFC 9147 §4: the unified header of DTLS 1.3 starts with the bits 001.
        32..=63 => datagram.len() > 3,
        // RFC 6347 §4.1: a 13-octet record header, version 254.255 or 254.253, and a length that fits.
        _ => {
            let version = u16_at(datagram, 1);
            let length = u16_at(datagram, 11).map(usize::from);
            matches!(version, Some(0xFEFF | 0xFEFD | 0xFEFC))
                && length.is_some_and(|length| length + 13 <= datagram.len())
        }
    }
}

fn is_turn_channel(datagram: &[u8]) -> bool {
    // RFC 8656 §12.4: channel number, then the length of the data; over UDP padding is optional.
    u16_at(datagram, 2).is_some_and(|length| usize::from(length) + 4 <= datagram.len())
}

fn is_rtp_or_rtcp(datagram: &[u8]) -> (DatagramKind, bool) {
    // RFC 5761 §4: RTCP types 192..=223 are RTP payload types 64..=95 with the marker, which nobody may use.
    match datagram.get(1) {
        Some(192..=223) => (DatagramKind::Rtcp, datagram.len() >= 8),
        _ => (DatagramKind::Rtp, datagram.len() >= 12),
    }
}

/// Counts of datagrams by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScreenStats {
    /// Accepted RTP packets.
    pub rtp: u64,
    /// Accepted RTCP compounds.
    pub rtcp: u64,
    /// Handed on to STUN, ZRTP, DTLS or TURN.
    pub other: u64,
    /// Empty, or a first octet of no protocol.
    pub foreign: u64,
    /// Shorter than the protocol's minimum, or contradicting its header.
    pub malformed: u64,
    /// RTP with more contributing sources than octets.
    pub bad_csrc: u64,
    /// RTP with a header extension that does not fit.
    pub bad_extension: u64,
    /// RTP or RTCP with an impossible padding count.
    pub bad_padding: u64,
    /// RTCP that contradicts its own lengths or counts, or breaks the compound rule.
    pub bad_rtcp: u64,
}

/// A plain (unprotected) datagram that passed every check.
#[derive(Debug)]
pub enum Screened<'a> {
    /// A packet with consistent header.
    Rtp(RtpPacket<'a>),
    /// A compound with consistent packets.
    Rtcp(Compound<'a>),
    /// A datagram for another protocol's parser.
    Other(DatagramKind, &'a [u8]),
}

/// Checks plain datagrams of one port and counts what it drops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    rule: CompoundRule,
    stats: ScreenStats,
}

impl Screen {
    /// A screen that reads RTCP by `rule`.
    #[must_use]
    pub fn new(rule: CompoundRule) -> Self {
        Self { rule, stats: ScreenStats::default() }
    }

    /// Checks one datagram; `None` means it was dropped and counted.
    pub fn pass<'a>(&mut self, datagram: &'a [u8]) -> Option<Screened<'a>> {
        match DatagramKind::of(datagram) {
            Ok(DatagramKind::Rtp) => self.rtp(datagram).map(Screened::Rtp),
            Ok(DatagramKind::Rtcp) => self.rtcp(datagram).map(Screened::Rtcp),
            Ok(kind) => {
                self.stats.other += 1;
                Some(Screened::Other(kind, datagram))
            }
            Err(Unclassified::Empty | Unclassified::FirstOctet(_)) => {
                self.stats.foreign += 1;
                None
            }
            Err(Unclassified::Malformed(_)) => {
                self.stats.malformed += 1;
                None
            }
        }
    }

    /// Checks a datagram already known to be plain RTP.
    pub fn rtp<'a>(&mut self, datagram: &'a [u8]) -> Option<RtpPacket<'a>> {
        let stats = &mut self.stats;
        let counter = match RtpPacket::parse(datagram) {
            Ok(packet) => {
                stats.rtp += 1;
                return Some(packet);
            }
            Err(RtpError::TooShort(_) | RtpError::Version(_)) => &mut stats.malformed,
            Err(RtpError::Csrc { .. }) => &mut stats.bad_csrc,
            Err(RtpError::Extension { .. }) => &mut stats.bad_extension,
            Err(RtpError::Padding(_)) => &mut stats.bad_padding,
        };
        *counter += 1;
        None
    }

    /// Checks a datagram already known to be plain RTCP.
    pub fn rtcp<'a>(&mut self, datagram: &'a [u8]) -> Option<Compound<'a>> {
        let stats = &mut self.stats;
        let counter = match Compound::parse(datagram, self.rule) {
            Ok(compound) => {
                stats.rtcp += 1;
                return Some(compound);
            }
            Err(RtcpError::TooShort(_) | RtcpError::Version(_) | RtcpError::PacketType(_)) => {
                &mut stats.malformed
            }
            Err(RtcpError::Padding(_)) => &mut stats.bad_padding,
            Err(RtcpError::Length { .. } | RtcpError::Content(_) | RtcpError::FirstPacket(_)) => {
                &mut stats.bad_rtcp
            }
        };
        *counter += 1;
        None
    }

    /// The counts so far.
    #[must_use]
    pub fn stats(&self) -> ScreenStats {
        self.stats
    }
}

impl ScreenStats {
    /// Datagrams dropped for any reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.foreign + self.malformed + self.bad_csrc + self.bad_extension + self.bad_padding + self.bad_rtcp
    }

    /// All datagrams seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.rtp + self.rtcp + self.other + self.dropped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(datagram: &[u8], expected: Result<DatagramKind, Unclassified>) {
        assert_eq!(DatagramKind::of(datagram), expected, "{datagram:02x?}");
    }

    /// RFC 7983 §7: the first octet chooses the protocol.
    #[test]
    fn each_protocol_is_recognised() {
        let mut stun = [0; 28];
        stun[..8].copy_from_slice(&[0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42]);
        check(&stun, Ok(DatagramKind::Stun));
        check(&stun[..27], Err(Unclassified::Malformed(DatagramKind::Stun)));
        check(&[0x10, 0, 0, 1, b'Z', b'R', b'T', b'P'], Ok(DatagramKind::Zrtp));
        check(&[0x10, 0, 0, 1], Err(Unclassified::Malformed(DatagramKind::Zrtp)));
        check(&[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9], Ok(DatagramKind::Dtls));
        check(&[22, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9], Err(Unclassified::Malformed(DatagramKind::Dtls)));
        check(
            &[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            Err(Unclassified::Malformed(DatagramKind::Dtls)),
        );
        check(&[0x2F, 0, 0, 16], Ok(DatagramKind::Dtls));
        check(&[0x40, 0, 0, 1, 9], Ok(DatagramKind::TurnChannel));
        check(&[0x40, 0, 0, 2, 9], Err(Unclassified::Malformed(DatagramKind::TurnChannel)));
        check(&[], Err(Unclassified::Empty));
        for first in (4..16).chain(80..128).chain(192..=255) {
            check(&[first; 40], Err(Unclassified::FirstOctet(first)));
        }
    }

    /// RFC 5761 §4: payload types 64..=95 with the marker bit are RTCP.
    #[test]
    fn the_second_octet_tells_rtcp_from_rtp() {
        for second in 0..=255_u8 {
            let datagram = [&[0x80, second][..], &[0; 10]].concat();
            let expected = if (192..=223).contains(&second) { DatagramKind::Rtcp } else { DatagramKind::Rtp };
            check(&datagram, Ok(expected));
            check(&datagram[..7], Err(Unclassified::Malformed(expected)));
        }
        check(&[0x80], Err(Unclassified::Malformed(DatagramKind::Rtp)));
    }
}
