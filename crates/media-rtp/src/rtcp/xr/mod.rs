//! Extended reports (RFC 3611): loss traces, statistics, VoIP metrics, and round-trip times for receivers.

mod metrics;
mod rle;
mod writer;

pub use metrics::{HopLimits, JitterSummary, StatisticsSummary, UNAVAILABLE, VoipMetrics};
pub use rle::{RleTrace, TraceEvents};
pub use writer::XrWriter;

use crate::wire::{u16_at, u32_at, u64_at};

/// Block types of RFC 3611 §4.
pub(super) mod block_type {
    pub(crate) const LOSS_RLE: u8 = 1;
    pub(crate) const DUPLICATE_RLE: u8 = 2;
    pub(crate) const RECEIVER_REFERENCE_TIME: u8 = 4;
    pub(crate) const DLRR: u8 = 5;
    pub(crate) const STATISTICS: u8 = 6;
    pub(crate) const VOIP_METRICS: u8 = 7;
}

/// XR: report blocks about any number of sources.
#[derive(Clone, Copy, Debug)]
pub struct Xr<'a> {
    /// The reporting participant.
    pub ssrc: u32,
    blocks: &'a [u8],
}

/// One report block.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum XrBlock<'a> {
    /// Which packets arrived and which did not (§4.1).
    LossRle(RleTrace<'a>),
    /// Which packets arrived more than once (§4.2; here a zero means duplicated).
    DuplicateRle(RleTrace<'a>),
    /// The receiver's NTP time, so that receivers too can measure round trips (§4.4).
    ReceiverReferenceTime {
        /// Seconds since 1900 in the upper, fraction in the lower 32 bits.
        ntp: u64,
    },
    /// Answers to receiver reference times (§4.5).
    DelaySinceLastReceiverReport(Dlrr<'a>),
    /// Loss, duplicates, jitter and hop limits in numbers (§4.6).
    Statistics(StatisticsSummary),
    /// Call quality metrics (§4.7).
    VoipMetrics(VoipMetrics),
    /// A block this library does not read; RFC 3611 §4 says to ignore it.
    Other {
        /// The block type.
        block_type: u8,
        /// The octet after the block type.
        specific: u8,
        /// The contents in whole words.
        contents: &'a [u8],
    },
}

/// The sub-blocks of a DLRR block.
#[derive(Clone, Copy, Debug)]
pub struct Dlrr<'a> {
    bytes: &'a [u8],
}

/// One answer to a receiver reference time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DlrrEntry {
    /// The receiver that sent the reference time.
    pub ssrc: u32,
    /// The middle 32 bits of the NTP time it sent, 0 when none came.
    pub last_rr: u32,
    /// Time between receiving it and sending this, in 1/65536 seconds.
    pub delay: u32,
}

impl<'a> Xr<'a> {
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let ssrc = u32_at(body, 0)?;
        let blocks = &body[4..];
        let mut rest = blocks;
        while !rest.is_empty() {
            rest = XrBlock::split(rest)?.1;
        }
        Some(Self { ssrc, blocks })
    }

    /// The blocks in order.
    pub fn blocks(&self) -> impl Iterator<Item = XrBlock<'a>> + 'a {
        let mut rest = self.blocks;
        std::iter::from_fn(move || {
            let (block, after) = XrBlock::split(rest)?;
            rest = after;
            Some(block)
        })
    }
}

impl<'a> XrBlock<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[block_type, specific, high, low], rest) = bytes.split_first_chunk()?;
        let words = u16::from_be_bytes([high, low]);
        let (contents, rest) = rest.split_at_checked(usize::from(words) * 4)?;
        // A known type with contents of another size is a newer or broken block: kept, not interpreted.
        let block = Self::read(block_type, specific, contents).unwrap_or(Self::Other {
            block_type,
            specific,
            contents,
        });
        Some((block, rest))
    }

    fn read(block_type: u8, specific: u8, contents: &'a [u8]) -> Option<Self> {
        match block_type {
            block_type::LOSS_RLE => RleTrace::read(specific, contents).map(Self::LossRle),
            block_type::DUPLICATE_RLE => RleTrace::read(specific, contents).map(Self::DuplicateRle),
            block_type::RECEIVER_REFERENCE_TIME if contents.len() == 8 => {
                u64_at(contents, 0).map(|ntp| Self::ReceiverReferenceTime { ntp })
            }
            block_type::DLRR if contents.len().is_multiple_of(12) => {
                Some(Self::DelaySinceLastReceiverReport(Dlrr { bytes: contents }))
            }
            block_type::STATISTICS => StatisticsSummary::read(specific, contents).map(Self::Statistics),
            block_type::VOIP_METRICS => VoipMetrics::read(contents).map(Self::VoipMetrics),
            _ => None,
        }
    }
}

impl<'a> Dlrr<'a> {
    /// The sub-blocks in order.
    pub fn entries(&self) -> impl Iterator<Item = DlrrEntry> + 'a {
        self.bytes.chunks_exact(12).filter_map(|it| {
            Some(DlrrEntry { ssrc: u32_at(it, 0)?, last_rr: u32_at(it, 4)?, delay: u32_at(it, 8)? })
        })
    }
}

/// The sequence range both RLE and statistics blocks start with: source, first, one past the last.
fn range(contents: &[u8]) -> Option<(u32, u16, u16)> {
    Some((u32_at(contents, 0)?, u16_at(contents, 4)?, u16_at(contents, 6)?))
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, CompoundRule, RtcpPacket, RtcpWriter};
    use super::*;

    /// RFC 3611 §3: unknown and odd-sized blocks are kept without interpretation; cut blocks spoil the packet.
    #[test]
    fn unknown_blocks_are_kept() {
        let body = [0, 0, 0, 1, 99, 5, 0, 1, 1, 2, 3, 4, 7, 0, 0, 0];
        let xr = Xr::read(&body).unwrap();
        let blocks: Vec<_> = xr.blocks().collect();
        assert!(matches!(blocks[0], XrBlock::Other { block_type: 99, specific: 5, contents: [1, 2, 3, 4] }));
        assert!(matches!(blocks[1], XrBlock::Other { block_type: 7, contents: [], .. }));
        assert!(Xr::read(&body[..15]).is_none());
        assert!(Xr::read(&[0, 0, 0, 1, 99, 5, 0, 2, 1, 2, 3, 4]).is_none());
        assert_eq!(Xr::read(&body[..4]).unwrap().blocks().count(), 0);
    }

    /// RFC 3611 §4.4, §4.5: reference time and its answer.
    #[test]
    fn round_trip_blocks_read_back() {
        let mut buffer = [0; 128];
        let mut writer = RtcpWriter::new(&mut buffer);
        let entry = DlrrEntry { ssrc: 7, last_rr: 0x1234_5678, delay: 99 };
        writer
            .extended_report(1, |xr| {
                xr.receiver_reference_time(0x0102_0304_0506_0708)?;
                xr.delay_since_last_receiver_report(&[entry, DlrrEntry { ssrc: 8, ..entry }])
            })
            .unwrap();
        let len = writer.finish();
        let compound = Compound::parse(&buffer[..len], CompoundRule::ReducedSize).unwrap();
        let Some(RtcpPacket::ExtendedReport(xr)) = compound.packets().next() else { panic!() };
        let blocks: Vec<_> = xr.blocks().collect();
        let [XrBlock::ReceiverReferenceTime { ntp }, XrBlock::DelaySinceLastReceiverReport(dlrr)] =
            blocks[..]
        else {
            panic!("{blocks:?}")
        };
        assert_eq!(ntp, 0x0102_0304_0506_0708);
        assert_eq!(dlrr.entries().collect::<Vec<_>>(), [entry, DlrrEntry { ssrc: 8, ..entry }]);
    }
}
