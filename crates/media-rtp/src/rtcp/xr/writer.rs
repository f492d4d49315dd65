//! Writing the blocks of an extended report.

use super::rle::encode;
use super::{DlrrEntry, StatisticsSummary, VoipMetrics, block_type};
use crate::rtcp::RtcpWriteError;

/// Appends report blocks; handed to the closure of
/// [`RtcpWriter::extended_report`](crate::rtcp::RtcpWriter::extended_report).
#[derive(Debug)]
pub struct XrWriter<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> XrWriter<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) fn finish(self) -> usize {
        self.len
    }

    /// Appends a loss trace without thinning: `received[i]` tells of sequence number `begin + i`.
    ///
    /// # Errors
    /// [`RtcpWriteError::TooMany`] for 65,534 packets or more (RFC 3611 §4.1), [`RtcpWriteError::NoRoom`].
    pub fn loss_rle(&mut self, ssrc: u32, begin: u16, received: &[bool]) -> Result<(), RtcpWriteError> {
        self.rle(block_type::LOSS_RLE, ssrc, begin, received)
    }

    /// Appends a duplicate trace without thinning: `single[i]` is false where `begin + i` came more than once.
    ///
    /// # Errors
    /// As [`loss_rle`](Self::loss_rle).
    pub fn duplicate_rle(&mut self, ssrc: u32, begin: u16, single: &[bool]) -> Result<(), RtcpWriteError> {
        self.rle(block_type::DUPLICATE_RLE, ssrc, begin, single)
    }

    /// Appends the receiver's NTP time.
    ///
    /// # Errors
    /// [`RtcpWriteError::NoRoom`].
    pub fn receiver_reference_time(&mut self, ntp: u64) -> Result<(), RtcpWriteError> {
        self.block(block_type::RECEIVER_REFERENCE_TIME, 0, |block| block.bytes(&ntp.to_be_bytes()))
    }

    /// Appends answers to receiver reference times.
    ///
    /// # Errors
    /// [`RtcpWriteError::NoRoom`].
    pub fn delay_since_last_receiver_report(&mut self, entries: &[DlrrEntry]) -> Result<(), RtcpWriteError> {
        self.block(block_type::DLRR, 0, |block| {
            entries.iter().try_for_each(|entry| {
                [entry.ssrc, entry.last_rr, entry.delay]
                    .iter()
                    .try_for_each(|word| block.bytes(&word.to_be_bytes()))
            })
        })
    }

    /// Appends a statistics summary.
    ///
    /// # Errors
    /// [`RtcpWriteError::NoRoom`].
    pub fn statistics(&mut self, summary: &StatisticsSummary) -> Result<(), RtcpWriteError> {
        let (flags, contents) = summary.write();
        self.block(block_type::STATISTICS, flags, |block| block.bytes(&contents))
    }

    /// Appends VoIP metrics.
    ///
    /// # Errors
    /// [`RtcpWriteError::NoRoom`].
    pub fn voip_metrics(&mut self, metrics: &VoipMetrics) -> Result<(), RtcpWriteError> {
        self.block(block_type::VOIP_METRICS, 0, |block| block.bytes(&metrics.write()))
    }

    fn rle(&mut self, block_type: u8, ssrc: u32, begin: u16, bits: &[bool]) -> Result<(), RtcpWriteError> {
        // RFC 3611 §4.1: a range of 65,534 or more cannot be told from a wrapped one.
        let len = u16::try_from(bits.len()).ok().filter(|len| *len < 65_534);
        let end = begin.wrapping_add(len.ok_or(RtcpWriteError::TooMany(bits.len()))?);
        self.block(block_type, 0, |block| {
            block.bytes(&ssrc.to_be_bytes())?;
            block.bytes(&begin.to_be_bytes())?;
            block.bytes(&end.to_be_bytes())?;
            encode(bits, |chunk| block.bytes(&chunk.to_be_bytes()))
        })
    }

    fn block(
        &mut self,
        block_type: u8,
        specific: u8,
        write: impl FnOnce(&mut Self) -> Result<(), RtcpWriteError>,
    ) -> Result<(), RtcpWriteError> {
        let start = self.len;
        let written = self.bytes(&[block_type, specific, 0, 0]).and_then(|()| write(self));
        let words = u16::try_from((self.len - start).div_ceil(4).saturating_sub(1));
        match (written, words) {
            (Ok(()), Ok(words)) => {
                self.buffer[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
                Ok(())
            }
            (written, _) => {
                self.len = start;
                written.and(Err(RtcpWriteError::NoRoom))
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), RtcpWriteError> {
        let slot = self.buffer.get_mut(self.len..self.len + bytes.len()).ok_or(RtcpWriteError::NoRoom)?;
        slot.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }
}
