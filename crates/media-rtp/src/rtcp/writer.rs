//! Writing compound packets into a caller's buffer.

use super::{ReportBlock, SenderInfo, feedback_format, packet_type, sdes_item};

/// Appends RTCP packets to a buffer. Put a report first unless reduced size was negotiated.
#[derive(Debug)]
pub struct RtcpWriter<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

/// Why a packet could not be appended. Always the caller's fault; the buffer keeps what was complete before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpWriteError {
    /// The buffer is full.
    #[error("no room for the RTCP packet; pass a larger buffer")]
    NoRoom,
    /// More reports or sources than the 5-bit count can say, or text above 255 octets.
    #[error("{0} entries do not fit in one RTCP packet; split them over several")]
    TooMany(usize),
    /// Data that is not whole 32-bit words.
    #[error("data of {0} octets is not whole 32-bit words; pad it")]
    Unaligned(usize),
}

impl<'b> RtcpWriter<'b> {
    /// An empty compound at the start of `buffer`.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// The length of the compound in octets.
    #[must_use]
    pub fn finish(self) -> usize {
        self.len
    }

    /// Appends a sender report.
    ///
    /// # Errors
    /// [`RtcpWriteError::TooMany`] for more than 31 blocks, [`RtcpWriteError::NoRoom`].
    pub fn sender_report(
        &mut self,
        ssrc: u32,
        info: &SenderInfo,
        blocks: &[ReportBlock],
    ) -> Result<(), RtcpWriteError> {
        self.packet(packet_type::SR, blocks.len(), |body| {
            body.u32(ssrc)?;
            body.bytes(&info.ntp.to_be_bytes())?;
            body.u32(info.rtp_timestamp)?;
            body.u32(info.packets)?;
            body.u32(info.octets)?;
            blocks.iter().try_for_each(|block| body.bytes(&block.write()))
        })
    }

    /// Appends a receiver report.
    ///
    /// # Errors
    /// [`RtcpWriteError::TooMany`] for more than 31 blocks, [`RtcpWriteError::NoRoom`].
    pub fn receiver_report(&mut self, ssrc: u32, blocks: &[ReportBlock]) -> Result<(), RtcpWriteError> {
        self.packet(packet_type::RR, blocks.len(), |body| {
            body.u32(ssrc)?;
            blocks.iter().try_for_each(|block| body.bytes(&block.write()))
        })
    }

    /// Appends a source description with one chunk of `items`: pairs of type and text.
    ///
    /// # Errors
    /// [`RtcpWriteError::TooMany`] for text above 255 octets, [`RtcpWriteError::NoRoom`].
    pub fn source_description(&mut self, ssrc: u32, items: &[(u8, &[u8])]) -> Result<(), RtcpWriteError> {
        self.packet(packet_type::SDES, 1, |body| {
            body.u32(ssrc)?;
            for (kind, text) in items {
                let len = u8::try_from(text.len()).map_err(|_| RtcpWriteError::TooMany(text.len()))?;
                body.bytes(&[*kind, len])?;
                body.bytes(text)?;
            }
            body.bytes(&[0])?;
            body.align()
        })
    }

    /// Appends a source description with the canonical name only, which every compound carries (RFC 3550 §6.1).
    ///
    /// # Errors
    /// As [`source_description`](Self::source_description).
    pub fn cname(&mut self, ssrc: u32, cname: &[u8]) -> Result<(), RtcpWriteError> {
        self.source_description(ssrc, &[(sdes_item::CNAME, cname)])
    }

    /// Appends a goodbye; an empty reason is left out.
    ///
    /// # Errors
    /// [`RtcpWriteError::TooMany`] for more than 31 sources or a reason above 255 octets, [`RtcpWriteError::NoRoom`].
    pub fn bye(&mut self, sources: &[u32], reason: &[u8]) -> Result<(), RtcpWriteError> {
        let len = u8::try_from(reason.len()).map_err(|_| RtcpWriteError::TooMany(reason.len()))?;
        self.packet(packet_type::BYE, sources.len(), |body| {
            sources.iter().try_for_each(|source| body.u32(*source))?;
            if len == 0 {
                return Ok(());
            }
            body.bytes(&[len])?;
            body.bytes(reason)?;
            body.align()
        })
    }

    /// Appends an application-defined packet; `data` is whole words.
    ///
    /// # Errors
    /// [`RtcpWriteError`]: subtype above 31, unaligned data, or no room.
    pub fn application(
        &mut self,
        subtype: u8,
        ssrc: u32,
        name: [u8; 4],
        data: &[u8],
    ) -> Result<(), RtcpWriteError> {
        aligned(data)?;
        self.packet(packet_type::APP, usize::from(subtype), |body| {
            body.u32(ssrc)?;
            body.bytes(&name)?;
            body.bytes(data)
        })
    }

    /// Appends a feedback packet of either type with its control information in whole words.
    ///
    /// # Errors
    /// [`RtcpWriteError`]: format above 31, unaligned control information, or no room.
    pub fn feedback(
        &mut self,
        packet_type: u8,
        format: u8,
        sender: u32,
        media: u32,
        control: &[u8],
    ) -> Result<(), RtcpWriteError> {
        aligned(control)?;
        self.packet(packet_type, usize::from(format), |body| {
            body.u32(sender)?;
            body.u32(media)?;
            body.bytes(control)
        })
    }

    /// Appends a generic NACK for `lost`, sequence numbers in ascending order (RFC 4585 §6.2.1).
    ///
    /// # Errors
    /// [`RtcpWriteError::NoRoom`].
    pub fn nack(&mut self, sender: u32, media: u32, lost: &[u16]) -> Result<(), RtcpWriteError> {
        self.packet(packet_type::RTPFB, usize::from(feedback_format::NACK), |body| {
            body.u32(sender)?;
            body.u32(media)?;
            let mut rest = lost;
            while let Some((&first, after)) = rest.split_first() {
                let near = after.iter().take_while(|&&it| (1..=16).contains(&it.wrapping_sub(first))).count();
                let mask =
                    after[..near].iter().fold(0_u16, |mask, it| mask | 1 << (it.wrapping_sub(first) - 1));
                body.u32(u32::from(first) << 16 | u32::from(mask))?;
                rest = &after[near..];
            }
            Ok(())
        })
    }

    /// Appends an extended report whose blocks `write` appends (RFC 3611 §2).
    ///
    /// # Errors
    /// What `write` returns, or [`RtcpWriteError::NoRoom`].
    pub fn extended_report(
        &mut self,
        ssrc: u32,
        write: impl FnOnce(&mut super::xr::XrWriter<'_>) -> Result<(), RtcpWriteError>,
    ) -> Result<(), RtcpWriteError> {
        self.packet(packet_type::XR, 0, |body| {
            body.u32(ssrc)?;
            let mut blocks = super::xr::XrWriter::new(&mut body.buffer[body.len..]);
            write(&mut blocks)?;
            body.len += blocks.finish();
            Ok(())
        })
    }

    /// Writes header, body and length; a failing body leaves the compound as it was.
    fn packet(
        &mut self,
        packet_type: u8,
        count: usize,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), RtcpWriteError>,
    ) -> Result<(), RtcpWriteError> {
        let count =
            u8::try_from(count).ok().filter(|count| *count < 32).ok_or(RtcpWriteError::TooMany(count))?;
        let free = &mut self.buffer[self.len..];
        let mut body = Body { buffer: free, len: 0 };
        body.bytes(&[0x80 | count, packet_type, 0, 0])?;
        write(&mut body)?;
        let len = body.len;
        let words = u16::try_from(len / 4 - 1).map_err(|_| RtcpWriteError::TooMany(len))?;
        free[2..4].copy_from_slice(&words.to_be_bytes());
        self.len += len;
        Ok(())
    }
}

/// The packet being written.
struct Body<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl Body<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), RtcpWriteError> {
        let slot = self.buffer.get_mut(self.len..self.len + bytes.len()).ok_or(RtcpWriteError::NoRoom)?;
        slot.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    fn u32(&mut self, value: u32) -> Result<(), RtcpWriteError> {
        self.bytes(&value.to_be_bytes())
    }

    fn align(&mut self) -> Result<(), RtcpWriteError> {
        self.bytes(&[0; 3][..self.len.next_multiple_of(4) - self.len])
    }
}

fn aligned(data: &[u8]) -> Result<(), RtcpWriteError> {
    if data.len().is_multiple_of(4) { Ok(()) } else { Err(RtcpWriteError::Unaligned(data.len())) }
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, CompoundRule, RtcpPacket};
    use super::*;

    /// RFC 3550 §6: every packet type written is read back from one compound.
    #[test]
    fn a_compound_of_every_type_reads_back() {
        let mut buffer = [0xEE; 512];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.sender_report(1, &SenderInfo::default(), &[ReportBlock::default()]).unwrap();
        writer.source_description(1, &[(1, b"edge@example"), (6, b"telco")]).unwrap();
        writer.application(5, 1, *b"TEL1", b"12345678").unwrap();
        writer.nack(1, 2, &[0xFFFF, 0, 15, 16, 40]).unwrap();
        writer.feedback(packet_type::PSFB, feedback_format::PLI, 1, 2, &[]).unwrap();
        writer.bye(&[1, 2], b"done").unwrap();
        let len = writer.finish();
        let packets: Vec<_> =
            Compound::parse(&buffer[..len], CompoundRule::Full).unwrap().packets().collect();
        let [
            RtcpPacket::SenderReport(_),
            RtcpPacket::Sdes(sdes),
            RtcpPacket::App(app),
            RtcpPacket::TransportFeedback(nack),
            RtcpPacket::PayloadFeedback(pli),
            RtcpPacket::Bye(bye),
        ] = packets[..]
        else {
            panic!("{packets:?}")
        };
        assert_eq!(sdes.cname(1), Some(&b"edge@example"[..]));
        assert_eq!((app.subtype, app.data), (5, &b"12345678"[..]));
        assert_eq!(nack.lost().collect::<Vec<_>>(), [0xFFFF, 0, 15, 16, 40]);
        assert_eq!((pli.format, pli.media, pli.control.len()), (feedback_format::PLI, 2, 0));
        assert_eq!((bye.sources().count(), bye.reason), (2, Some(&b"done"[..])));
    }

    #[test]
    fn a_packet_that_does_not_fit_leaves_the_compound_whole() {
        for room in 0..48 {
            let mut buffer = vec![0; 8 + room];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.receiver_report(1, &[]).unwrap();
            let fits = writer.source_description(1, &[(1, &[b'x'; 30])]).is_ok();
            assert_eq!(fits, room >= 44, "{room}");
            let len = writer.finish();
            let packets = Compound::parse(&buffer[..len], CompoundRule::Full).unwrap().packets().count();
            assert_eq!(packets, 1 + usize::from(fits));
        }
    }

    #[test]
    fn impossible_packets_are_refused() {
        let mut buffer = [0; 2048];
        let mut writer = RtcpWriter::new(&mut buffer);
        let many = [ReportBlock::default(); 32];
        assert_eq!(writer.receiver_report(1, &many), Err(RtcpWriteError::TooMany(32)));
        assert_eq!(writer.cname(1, &[b'x'; 256]), Err(RtcpWriteError::TooMany(256)));
        assert_eq!(writer.application(0, 1, *b"TEL1", b"123"), Err(RtcpWriteError::Unaligned(3)));
        assert_eq!(writer.finish(), 0);
    }
}
