//! Sender and receiver reports (RFC 3550 §6.4).

use crate::wire::{u16_at, u32_at, u64_at};

/// Octets of one report block.
const BLOCK: usize = 24;

/// What a receiver says about one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits signed on the wire: duplicates make it negative.
    pub cumulative_lost: i32,
    /// Highest sequence number received; the upper 16 bits count the wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report, 0 when none came.
    pub last_sr: u32,
    /// Time between receiving that report and sending this one, in 1/65536 seconds.
    pub delay_since_last_sr: u32,
}

/// What a sender says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time of this report: seconds since 1900 in the upper, fraction in the lower 32 bits.
    pub ntp: u64,
    /// The same moment as an RTP timestamp.
    pub rtp_timestamp: u32,
    /// Packets sent since the beginning.
    pub packets: u32,
    /// Payload octets sent since the beginning.
    pub octets: u32,
}

/// SR: sender information and report blocks.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// The reporting participant.
    pub ssrc: u32,
    /// What it sent.
    pub info: SenderInfo,
    blocks: &'a [u8],
}

/// RR: report blocks only.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverReport<'a> {
    /// The reporting participant.
    pub ssrc: u32,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let info = SenderInfo {
            ntp: u64_at(body, 4)?,
            rtp_timestamp: u32_at(body, 12)?,
            packets: u32_at(body, 16)?,
            octets: u32_at(body, 20)?,
        };
        Some(Self { ssrc: u32_at(body, 0)?, info, blocks: body.get(24..24 + usize::from(count) * BLOCK)? })
    }

    /// The report blocks, at most 31.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        blocks(self.blocks)
    }

    /// The middle 32 bits of the NTP time: what a receiver copies into `last_sr`.
    #[must_use]
    pub fn compact_ntp(&self) -> u32 {
        (self.info.ntp >> 16) as u32
    }
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        Some(Self { ssrc: u32_at(body, 0)?, blocks: body.get(4..4 + usize::from(count) * BLOCK)? })
    }

    /// The report blocks, at most 31.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        blocks(self.blocks)
    }
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = ReportBlock> + '_ {
    bytes.chunks_exact(BLOCK).filter_map(ReportBlock::read)
}

impl ReportBlock {
    fn read(bytes: &[u8]) -> Option<Self> {
        let lost = u32_at(bytes, 4)?;
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            fraction_lost: (lost >> 24) as u8,
            // Shift the 24-bit number to the top so that the arithmetic shift back extends its sign.
            cumulative_lost: (lost << 8).cast_signed() >> 8,
            highest_sequence: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sr: u32_at(bytes, 16)?,
            delay_since_last_sr: u32_at(bytes, 20)?,
        })
    }

    pub(super) fn write(&self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        // RFC 3550 §6.4.1: the 24-bit count stops at its ends instead of wrapping.
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF).cast_unsigned() & 0xFF_FFFF;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        ];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Round-trip time in 1/65536 seconds when this block, about a report of ours, arrives at `now`.
    ///
    /// `now` is the middle 32 bits of the NTP time. `None` before the peer has seen a sender report, and when the
    /// figures contradict each other (RFC 3550 §6.4.1: A - LSR - DLSR).
    #[must_use]
    pub fn round_trip(&self, now: u32) -> Option<u32> {
        if self.last_sr == 0 {
            return None;
        }
        let elapsed = now.wrapping_sub(self.last_sr);
        elapsed.checked_sub(self.delay_since_last_sr)
    }

    /// The wraps and the sequence number of [`highest_sequence`](Self::highest_sequence).
    #[must_use]
    pub fn cycles_and_sequence(&self) -> (u16, u16) {
        let bytes = self.highest_sequence.to_be_bytes();
        (u16_at(&bytes, 0).unwrap_or(0), u16_at(&bytes, 2).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, CompoundRule, RtcpPacket, RtcpWriter};
    use super::*;

    fn block(lost: i32) -> ReportBlock {
        ReportBlock {
            ssrc: 5,
            fraction_lost: 200,
            cumulative_lost: lost,
            highest_sequence: 0x0003_FFFE,
            jitter: 77,
            last_sr: 0x1111_2222,
            delay_since_last_sr: 65_536,
        }
    }

    /// RFC 3550 §6.4.1: sender information and signed loss survive the wire.
    #[test]
    fn reports_read_back() {
        let info = SenderInfo { ntp: 0x1122_3344_5566_7788, rtp_timestamp: 160, packets: 2, octets: 320 };
        for lost in [0, 1, -1, 0x7F_FFFF, -0x80_0000] {
            let mut buffer = [0; 200];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.sender_report(1, &info, &[block(lost), block(3)]).unwrap();
            writer.receiver_report(2, &[block(lost)]).unwrap();
            let len = writer.finish();
            let packets: Vec<_> =
                Compound::parse(&buffer[..len], CompoundRule::Full).unwrap().packets().collect();
            let [RtcpPacket::SenderReport(sr), RtcpPacket::ReceiverReport(rr)] = packets[..] else {
                panic!()
            };
            assert_eq!((sr.ssrc, sr.info, sr.compact_ntp()), (1, info, 0x3344_5566));
            assert_eq!(sr.blocks().collect::<Vec<_>>(), [block(lost), block(3)]);
            assert_eq!((rr.ssrc, rr.blocks().collect::<Vec<_>>()), (2, vec![block(lost)]));
        }
    }

    /// RFC 3550 §6.4.1 Figure 2: A=0xb7108000+..., the worked example gives 6.125 s.
    #[test]
    fn round_trip_of_the_rfc_example() {
        let sample = ReportBlock { last_sr: 0xB705_2000, delay_since_last_sr: 0x0005_4000, ..block(0) };
        assert_eq!(sample.round_trip(0xB710_8000), Some(0x0006_2000));
        assert_eq!(sample.round_trip(0xB705_2001), None);
        assert_eq!(ReportBlock { last_sr: 0, ..sample }.round_trip(9), None);
        assert_eq!(sample.cycles_and_sequence(), (3, 0xFFFE));
    }

    #[test]
    fn loss_outside_24_bits_is_clamped() {
        assert_eq!(ReportBlock::read(&block(i32::MAX).write()).unwrap().cumulative_lost, 0x7F_FFFF);
        assert_eq!(ReportBlock::read(&block(i32::MIN).write()).unwrap().cumulative_lost, -0x80_0000);
    }
}
