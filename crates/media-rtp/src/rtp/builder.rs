//! Building RTP packets into a caller's buffer.

use rtp_rs::{RtpPacketBuildError, RtpPacketBuilder, Seq};

use super::MAX_CSRC;

/// Describes one RTP packet and writes it into a buffer the caller owns.
///
/// ```
/// use media_rtp::rtp::{RtpBuilder, RtpPacket};
/// let mut buffer = [0; 200];
/// let len = RtpBuilder::new(0, 1, 160, 0x1234).marker(true).payload(&[0xFF; 160]).write(&mut buffer)?;
/// assert_eq!(RtpPacket::parse(&buffer[..len]).unwrap().payload().len(), 160);
/// # Ok::<(), media_rtp::rtp::RtpBuildError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RtpBuilder<'a> {
    inner: RtpPacketBuilder<'a>,
    csrc: usize,
    padding: u8,
}

/// Why a packet could not be written. Always the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpBuildError {
    /// The buffer cannot hold the packet.
    #[error("packet needs {need} octets, the buffer has {have}; pass a larger buffer")]
    NoRoom {
        /// Octets the packet needs.
        need: usize,
        /// Octets the buffer has.
        have: usize,
    },
    /// The payload type has more than 7 bits.
    #[error("payload type is above 127; use the number negotiated in SDP")]
    PayloadType,
    /// More contributing sources than the 4-bit count can say.
    #[error("{0} contributing sources are more than 15; name the loudest ones only")]
    TooManyCsrc(usize),
    /// The extension data is not a multiple of 4 octets or longer than 65,535 words.
    #[error("header extension data is not whole 32-bit words or is too long; pad it with zero octets")]
    Extension,
}

impl<'a> RtpBuilder<'a> {
    /// A packet without marker, contributing sources, extension, padding and payload.
    pub fn new(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Self {
        let inner = RtpPacketBuilder::new()
            .payload_type(payload_type)
            .sequence(Seq::from(sequence))
            .timestamp(timestamp)
            .ssrc(ssrc);
        Self { inner, csrc: 0, padding: 0 }
    }

    /// Sets the marker bit.
    pub fn marker(mut self, marker: bool) -> Self {
        self.inner = self.inner.marked(marker);
        self
    }

    /// Appends contributing sources; [`write`](Self::write) refuses more than 15.
    pub fn csrc(mut self, sources: &[u32]) -> Self {
        self.csrc += sources.len();
        for &source in sources.iter().take(MAX_CSRC) {
            self.inner = self.inner.add_csrc(source);
        }
        self
    }

    /// Sets the header extension: 16 profile bits and whole 32-bit words of data.
    pub fn extension(mut self, profile: u16, data: &'a [u8]) -> Self {
        self.inner = self.inner.extension(profile, data);
        self
    }

    /// Appends `octets` of padding, the last one carrying the count; 0 means none (RFC 3550 §5.1).
    pub fn padding(mut self, octets: u8) -> Self {
        self.padding = octets;
        self
    }

    /// Sets the payload.
    pub fn payload(mut self, payload: &'a [u8]) -> Self {
        self.inner = self.inner.payload(payload);
        self
    }

    /// Octets the packet will have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.target_length() + usize::from(self.padding)
    }

    /// Always false: a packet has at least its header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Writes the packet at the start of `buffer` and returns its length.
    ///
    /// # Errors
    /// [`RtpBuildError`]; the buffer's content is then unspecified.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, RtpBuildError> {
        let (need, have) = (self.len(), buffer.len());
        if self.csrc > MAX_CSRC {
            return Err(RtpBuildError::TooManyCsrc(self.csrc));
        }
        let no_room = RtpBuildError::NoRoom { need, have };
        let packet = buffer.get_mut(..need).ok_or(no_room)?;
        let written = self.inner.build_into(packet).map_err(|error| match error {
            RtpPacketBuildError::BufferTooSmall => no_room,
            RtpPacketBuildError::PayloadTypeInvalid => RtpBuildError::PayloadType,
            RtpPacketBuildError::ExtensionTooLarge | RtpPacketBuildError::ExtensionMissingPadding => {
                RtpBuildError::Extension
            }
        })?;
        if let Some((count, zeroes)) = packet[written..].split_last_mut() {
            zeroes.fill(0);
            *count = self.padding;
            packet[0] |= 0x20;
        }
        Ok(need)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RtpPacket;
    use super::*;

    proptest! {
        /// RFC 3550 §5.1: what is built is read back, field by field.
        #[test]
        fn built_packets_read_back(
            (marker, pt, seq, ts, ssrc) in any::<(bool, u8, u16, u32, u32)>(),
            csrc in proptest::collection::vec(any::<u32>(), 0..=15),
            words in proptest::option::of(0_usize..20),
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            padding in any::<u8>(),
        ) {
            let pt = pt & 0x7F;
            let data = vec![0x11; words.unwrap_or(0) * 4];
            let mut builder = RtpBuilder::new(pt, seq, ts, ssrc).marker(marker).csrc(&csrc).padding(padding).payload(&payload);
            if words.is_some() {
                builder = builder.extension(0xABAC, &data);
            }
            let mut buffer = [0xAA; 1500];
            let len = builder.write(&mut buffer).unwrap();
            prop_assert_eq!(len, builder.len());
            let packet = RtpPacket::parse(&buffer[..len]).unwrap();
            prop_assert_eq!(packet.marker(), marker);
            prop_assert_eq!((packet.payload_type(), packet.sequence(), packet.timestamp(), packet.ssrc()), (pt, seq, ts, ssrc));
            prop_assert_eq!(packet.csrc().collect::<Vec<_>>(), csrc);
            prop_assert_eq!(packet.extension().map(|it| it.data.len() / 4), words);
            prop_assert_eq!(packet.payload(), &payload[..]);
            prop_assert_eq!(packet.padding(), usize::from(padding));
            prop_assert_eq!(builder.write(&mut buffer[..len - 1]), Err(RtpBuildError::NoRoom { need: len, have: len - 1 }));
        }
    }

    #[test]
    fn impossible_packets_are_refused() {
        let mut buffer = [0; 256];
        let plain = RtpBuilder::new(0, 0, 0, 0);
        assert_eq!(RtpBuilder::new(128, 0, 0, 0).write(&mut buffer), Err(RtpBuildError::PayloadType));
        assert_eq!(plain.clone().csrc(&[1; 16]).write(&mut buffer), Err(RtpBuildError::TooManyCsrc(16)));
        assert_eq!(
            plain.clone().extension(0xBEDE, &[1, 2, 3]).write(&mut buffer),
            Err(RtpBuildError::Extension)
        );
        assert_eq!(plain.write(&mut []), Err(RtpBuildError::NoRoom { need: 12, have: 0 }));
    }
}
