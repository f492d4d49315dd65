//! Changing header fields of a packet where it lies.

use super::{RtpError, RtpPacket};

/// A validated packet whose header fields can be changed in place: what a relay does to every packet.
///
/// Lengths never change, so the payload, extension and padding stay where they are.
#[derive(Debug)]
pub struct RtpHeaderMut<'a> {
    fixed: &'a mut [u8; super::RTP_FIXED_HEADER],
}

impl<'a> RtpHeaderMut<'a> {
    /// Checks `datagram` like [`RtpPacket::parse`] and borrows its header for writing.
    ///
    /// # Errors
    /// The same [`RtpError`] as reading.
    pub fn parse(datagram: &'a mut [u8]) -> Result<Self, RtpError> {
        RtpPacket::parse(datagram)?;
        let len = datagram.len();
        datagram.first_chunk_mut().map(|fixed| Self { fixed }).ok_or(RtpError::TooShort(len))
    }

    /// Sets the marker bit.
    pub fn set_marker(&mut self, marker: bool) {
        self.fixed[1] = (self.fixed[1] & 0x7F) | (u8::from(marker) << 7);
    }

    /// Sets the payload type; only its low 7 bits count.
    pub fn set_payload_type(&mut self, payload_type: u8) {
        self.fixed[1] = (self.fixed[1] & 0x80) | (payload_type & 0x7F);
    }

    /// Sets the sequence number.
    pub fn set_sequence(&mut self, sequence: u16) {
        self.fixed[2..4].copy_from_slice(&sequence.to_be_bytes());
    }

    /// Sets the timestamp.
    pub fn set_timestamp(&mut self, timestamp: u32) {
        self.fixed[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }

    /// Sets the synchronisation source.
    pub fn set_ssrc(&mut self, ssrc: u32) {
        self.fixed[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::RtpBuilder;
    use super::*;

    #[test]
    fn each_field_changes_alone() {
        let mut bytes = [0; 64];
        let len =
            RtpBuilder::new(0, 1, 2, 3).csrc(&[4]).payload(b"abc").padding(3).write(&mut bytes).unwrap();
        let mut header = RtpHeaderMut::parse(&mut bytes[..len]).unwrap();
        header.set_payload_type(0xFF);
        header.set_marker(true);
        header.set_marker(false);
        header.set_sequence(0xFFFE);
        header.set_timestamp(u32::MAX);
        header.set_ssrc(0x8000_0001);
        let packet = RtpPacket::parse(&bytes[..len]).unwrap();
        assert!(!packet.marker());
        assert_eq!(packet.payload_type(), 127);
        assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (0xFFFE, u32::MAX, 0x8000_0001));
        assert_eq!(
            (packet.csrc().collect::<Vec<_>>(), packet.payload(), packet.padding()),
            (vec![4], &b"abc"[..], 3)
        );
    }

    #[test]
    fn a_malformed_packet_is_not_touched() {
        let mut bytes = [0x8F; 12];
        assert!(RtpHeaderMut::parse(&mut bytes).is_err());
        assert_eq!(bytes, [0x8F; 12]);
    }
}
