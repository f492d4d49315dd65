//! Run-length encoded traces of packets (RFC 3611 §4.1, §4.2).

use super::range;
use crate::wire::u16_at;

/// A trace over `begin..end`, one bit per (thinned) sequence number.
#[derive(Clone, Copy, Debug)]
pub struct RleTrace<'a> {
    /// The source reported on.
    pub ssrc: u32,
    /// Only sequence numbers divisible by 2 to this power are in the trace (§4.1 "thinning").
    pub thinning: u8,
    /// The first sequence number of the range.
    pub begin: u16,
    /// One past the last sequence number of the range.
    pub end: u16,
    chunks: &'a [u8],
}

/// Iterates over a trace: sequence number, and whether the bit is 1.
#[derive(Clone, Debug)]
pub struct TraceEvents<'a> {
    chunks: &'a [u8],
    /// Bits of the current chunk that are left: how many, and where they come from.
    left: u16,
    bits: Bits,
    sequence: u16,
    step: u16,
    remaining: u16,
}

#[derive(Clone, Copy, Debug)]
enum Bits {
    Run(bool),
    Vector(u16),
}

impl<'a> RleTrace<'a> {
    pub(super) fn read(specific: u8, contents: &'a [u8]) -> Option<Self> {
        let (ssrc, begin, end) = range(contents)?;
        Some(Self { ssrc, thinning: specific & 0x0F, begin, end, chunks: &contents[8..] })
    }

    /// The events in order of sequence number: at most 65,535, whatever the chunks claim.
    #[must_use]
    pub fn events(&self) -> TraceEvents<'a> {
        // RFC 3611 §4.1: with thinning T, the trace holds the multiples of 2^T only. 2^15 is the largest.
        let step = 1_u16 << self.thinning;
        let first = self.begin.wrapping_add(step.wrapping_sub(self.begin % step) % step);
        let skipped = first.wrapping_sub(self.begin);
        let span = self.end.wrapping_sub(self.begin).saturating_sub(skipped);
        TraceEvents {
            chunks: self.chunks,
            left: 0,
            bits: Bits::Run(false),
            sequence: first,
            step,
            remaining: span.div_ceil(step),
        }
    }
}

impl Iterator for TraceEvents<'_> {
    type Item = (u16, bool);

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        while self.left == 0 {
            let chunk = u16_at(self.chunks, 0)?;
            self.chunks = &self.chunks[2..];
            (self.left, self.bits) = if chunk & 0x8000 != 0 {
                (15, Bits::Vector(chunk << 1))
            } else {
                (chunk & 0x3FFF, Bits::Run(chunk & 0x4000 != 0))
            };
        }
        self.left -= 1;
        let set = match &mut self.bits {
            Bits::Run(set) => *set,
            Bits::Vector(vector) => {
                let set = *vector & 0x8000 != 0;
                *vector <<= 1;
                set
            }
        };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(self.step);
        Some((sequence, set))
    }
}

/// Encodes a trace as chunks; calls `emit` for each, ending on a 32-bit boundary.
///
/// A run of 15 or more equal bits becomes a run chunk, everything else bit vectors: never longer than bit vectors alone.
pub(super) fn encode<E>(bits: &[bool], mut emit: impl FnMut(u16) -> Result<(), E>) -> Result<(), E> {
    let mut rest = bits;
    let mut chunks = 0_usize;
    while let Some(&first) = rest.first() {
        let run = rest.iter().take(0x3FFF).take_while(|&&bit| bit == first).count();
        let (chunk, used) = if run >= 15 || run == rest.len() {
            // `take(0x3FFF)` keeps the run within its 14 bits.
            (u16::from(first) << 14 | u16::try_from(run).unwrap_or(0x3FFF), run)
        } else {
            let used = rest.len().min(15);
            let vector = rest[..used].iter().enumerate().filter(|(_, bit)| **bit);
            (0x8000 | vector.fold(0, |vector, (at, _)| vector | 0x4000 >> at), used)
        };
        emit(chunk)?;
        chunks += 1;
        rest = &rest[used..];
    }
    if chunks % 2 == 1 { emit(0) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::{Compound, CompoundRule, RtcpPacket, RtcpWriter};
    use super::super::XrBlock;
    use super::*;

    fn through_the_wire(begin: u16, bits: &[bool]) -> Vec<(u16, bool)> {
        let mut buffer = vec![0; 200 + bits.len()];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.extended_report(1, |xr| xr.loss_rle(2, begin, bits)).unwrap();
        let len = writer.finish();
        let compound = Compound::parse(&buffer[..len], CompoundRule::ReducedSize).unwrap();
        let Some(RtcpPacket::ExtendedReport(xr)) = compound.packets().next() else { panic!() };
        let Some(XrBlock::LossRle(trace)) = xr.blocks().next() else { panic!() };
        trace.events().collect()
    }

    /// RFC 3611 §4.1: the 45-packet example, the 22nd and 24th lost.
    #[test]
    fn the_rfc_example_reads_back() {
        let bits: Vec<bool> = (1..=45).map(|number| number != 22 && number != 24).collect();
        let lost: Vec<_> =
            through_the_wire(65_530, &bits).into_iter().filter(|it| !it.1).map(|it| it.0).collect();
        assert_eq!(lost, [65_530_u16.wrapping_add(21), 65_530_u16.wrapping_add(23)]);
    }

    proptest! {
        #[test]
        fn any_trace_reads_back(begin: u16, runs in proptest::collection::vec((any::<bool>(), 1_usize..400), 0..40)) {
            let bits: Vec<bool> = runs.iter().flat_map(|&(bit, len)| std::iter::repeat_n(bit, len)).collect();
            let events = through_the_wire(begin, &bits);
            prop_assert_eq!(events.len(), bits.len());
            for (at, (sequence, bit)) in events.into_iter().enumerate() {
                prop_assert_eq!(sequence, begin.wrapping_add(u16::try_from(at).unwrap()));
                prop_assert_eq!(bit, bits[at]);
            }
        }
    }

    /// A small block that claims runs without end yields its range and stops.
    #[test]
    fn events_are_bounded_by_the_range() {
        let trace =
            |begin: u16, end: u16, thinning, chunks| RleTrace { ssrc: 0, thinning, begin, end, chunks };
        let endless = [0x7F, 0xFF].repeat(1000);
        assert_eq!(trace(0, 10, 0, &endless).events().count(), 10);
        assert_eq!(trace(5, 4, 0, &endless).events().count(), 65_535);
        assert_eq!(trace(5, 5, 0, &endless).events().count(), 0);
        assert_eq!(
            trace(5, 50, 3, &endless).events().map(|it| it.0).collect::<Vec<_>>(),
            [8, 16, 24, 32, 40, 48]
        );
        assert_eq!(trace(1, 0, 15, &endless).events().count(), 1);
        assert_eq!(trace(0, 100, 0, &[0; 8]).events().count(), 0);
    }
}
