//! A validated view of one RTP datagram.

use std::fmt;

use rtp_rs::{RtpReader, RtpReaderError};

use super::extension::Elements;

/// One RTP packet, checked once and then read without further failure.
///
/// Borrowed from the datagram. RFC 3550 §5.1.
pub struct RtpPacket<'a> {
    reader: RtpReader<'a>,
    bytes: &'a [u8],
}

/// The header extension of a packet: the 16 profile bits and the data after the length (RFC 3550 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// "Defined by profile": `0xBEDE` is the one-byte form of RFC 8285, `0x100x` the two-byte form.
    pub profile: u16,
    /// The data, a multiple of four octets.
    pub data: &'a [u8],
}

/// Why a datagram is not an RTP packet. Always the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Fewer octets than the fixed header has.
    #[error("datagram of {0} octets is shorter than the 12-octet RTP header; drop it")]
    TooShort(usize),
    /// The version field is not 2.
    #[error("RTP version {0} is not 2; drop the datagram")]
    Version(u8),
    /// The CSRC count promises more sources than the datagram holds.
    #[error("{count} contributing sources do not fit in {len} octets; drop the datagram")]
    Csrc {
        /// The CSRC count of the header.
        count: u8,
        /// The datagram's length in octets.
        len: usize,
    },
    /// The header extension does not fit in the datagram.
    #[error("header extension needs {need} octets, the datagram has {len}; drop it")]
    Extension {
        /// Octets needed up to the end of the extension.
        need: usize,
        /// The datagram's length in octets.
        len: usize,
    },
    /// The padding count is 0 or larger than what follows the header.
    #[error("padding count {0} is not between 1 and the octets after the header; drop the datagram")]
    Padding(u8),
}

impl<'a> RtpPacket<'a> {
    /// Checks `datagram` and returns the view.
    ///
    /// # Errors
    /// [`RtpError`] names the first field that does not fit. An SRTP packet must be unprotected first: its padding
    /// count is encrypted.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        // RFC 3550 Appendix A.1: version 2, and every count in the header must agree with the length.
        let reader = RtpReader::new(datagram).map_err(|error| RtpError::from_reader(&error, datagram))?;
        Ok(Self { reader, bytes: datagram })
    }

    /// The marker bit: for audio, the first packet after a silence (RFC 3551 §4.1).
    #[must_use]
    pub fn marker(&self) -> bool {
        self.reader.mark()
    }

    /// The payload type, 0..=127.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        self.reader.payload_type()
    }

    /// The sequence number.
    #[must_use]
    pub fn sequence(&self) -> u16 {
        self.reader.sequence_number().into()
    }

    /// The timestamp in units of the payload's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.reader.timestamp()
    }

    /// The synchronisation source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.reader.ssrc()
    }

    /// The contributing sources, at most 15.
    pub fn csrc(&self) -> impl Iterator<Item = u32> + '_ {
        self.reader.csrc()
    }

    /// The header extension, if the packet has one.
    #[must_use]
    pub fn extension(&self) -> Option<Extension<'a>> {
        self.reader.extension().map(|(profile, data)| Extension { profile, data })
    }

    /// The RFC 8285 elements of the header extension; empty when there is none or it has another form.
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        self.extension().map_or_else(Elements::empty, |it| Elements::new(it.profile, it.data))
    }

    /// Octets before the payload: fixed header, contributing sources and extension.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.reader.payload_offset()
    }

    /// The payload without header and padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.reader.payload()
    }

    /// Octets of padding at the end, 0 when the padding bit is clear.
    #[must_use]
    pub fn padding(&self) -> usize {
        usize::from(self.reader.padding().unwrap_or(0))
    }

    /// The whole datagram.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl fmt::Debug for RtpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reader.fmt(f)
    }
}

impl RtpError {
    fn from_reader(error: &RtpReaderError, datagram: &[u8]) -> Self {
        match error {
            RtpReaderError::BufferTooShort(len) => Self::TooShort(*len),
            RtpReaderError::UnsupportedVersion(version) => Self::Version(*version),
            RtpReaderError::PaddingLengthInvalid(count) => Self::Padding(*count),
            RtpReaderError::HeadersTruncated { header_len, .. } => {
                let count = datagram.first().map_or(0, |octet| octet & 0x0F);
                let len = datagram.len();
                let extended = datagram.first().is_some_and(|octet| octet & 0x10 != 0);
                if super::RTP_FIXED_HEADER + 4 * usize::from(count) > len {
                    Self::Csrc { count, len }
                } else if extended && *header_len > len {
                    Self::Extension { need: *header_len, len }
                } else {
                    Self::Padding(0)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(first: u8) -> Vec<u8> {
        let mut bytes = vec![first, 0x80 | 8, 0x12, 0x34];
        bytes.extend_from_slice(&0xDEAD_BEEF_u32.to_be_bytes());
        bytes.extend_from_slice(&0x0102_0304_u32.to_be_bytes());
        bytes
    }

    /// RFC 3550 §5.1: every field is read from its place.
    #[test]
    fn fields_are_read_from_their_places() {
        let mut bytes = header(0x80 | 0x20 | 0x10 | 2);
        bytes.extend_from_slice(&7_u32.to_be_bytes());
        bytes.extend_from_slice(&9_u32.to_be_bytes());
        bytes.extend_from_slice(&[0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0]);
        bytes.extend_from_slice(b"speech");
        bytes.extend_from_slice(&[0, 2]);
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert!(packet.marker());
        assert_eq!(packet.payload_type(), 8);
        assert_eq!(packet.sequence(), 0x1234);
        assert_eq!(packet.timestamp(), 0xDEAD_BEEF);
        assert_eq!(packet.ssrc(), 0x0102_0304);
        assert_eq!(packet.csrc().collect::<Vec<_>>(), [7, 9]);
        assert_eq!(packet.header_len(), 28);
        assert_eq!(packet.payload(), b"speech");
        assert_eq!(packet.padding(), 2);
        let elements: Vec<_> = packet.elements().map(Result::unwrap).collect();
        assert_eq!(elements.len(), 1);
        assert_eq!((elements[0].id, elements[0].data), (1, &[0x55][..]));
    }

    #[test]
    fn each_malformed_header_has_its_reason() {
        let check =
            |bytes: &[u8], expected: RtpError| assert_eq!(RtpPacket::parse(bytes).unwrap_err(), expected);
        check(&[], RtpError::TooShort(0));
        check(&header(0x80)[..11], RtpError::TooShort(11));
        check(&header(0x40), RtpError::Version(1));
        check(&header(0x8F), RtpError::Csrc { count: 15, len: 12 });
        check(&header(0x90), RtpError::Extension { need: 16, len: 12 });
        let mut extended = header(0x90);
        extended.extend_from_slice(&[0xBE, 0xDE, 0xFF, 0xFF, 0, 0]);
        check(&extended, RtpError::Extension { need: 16 + 4 * 65_535, len: 18 });
        check(&header(0xA0), RtpError::Padding(0));
        let mut padded = header(0xA0);
        padded.push(0);
        check(&padded, RtpError::Padding(0));
        padded.push(3);
        check(&padded, RtpError::Padding(3));
        padded.push(3);
        assert_eq!(RtpPacket::parse(&padded).unwrap().payload(), b"");
    }
}
