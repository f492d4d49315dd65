//! The quadrature mirror filters that split 16 kHz audio into two 8 kHz bands and join them again.

use super::tables::QMF;

/// Two samples in, one of each band out.
#[derive(Clone, Debug, Default)]
pub(super) struct Analysis(History);

impl Analysis {
    pub(super) fn push(&mut self, first: i16, second: i16) -> (i32, i32) {
        let (even, odd) = self.0.push(i32::from(first), i32::from(second));
        (limit((even + odd) >> 14), limit((even - odd) >> 14))
    }
}

/// One sample of each band in, two out.
#[derive(Clone, Debug, Default)]
pub(super) struct Synthesis(History);

impl Synthesis {
    pub(super) fn push(&mut self, low: i32, high: i32) -> [i16; 2] {
        let (first, second) = self.0.push(low + high, low - high);
        [first, second].map(|sum| (sum >> 11).clamp(-32768, 32767) as i16)
    }
}

/// The last 12 pairs, kept twice over so that the filter always reads one contiguous run.
#[derive(Clone, Debug, Default)]
struct History {
    pairs: [[i32; 2]; 12],
    oldest: usize,
}

impl History {
    /// Takes the place of the oldest pair and returns both filter phases.
    fn push(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.pairs[self.oldest] = [first, second];
        self.oldest = (self.oldest + 1) % 12;
        let (newer, older) = self.pairs.split_at(self.oldest);
        let mut sums = (0, 0);
        for (tap, [first, second]) in older.iter().chain(newer).enumerate() {
            sums.0 += second * QMF[11 - tap];
            sums.1 += first * QMF[tap];
        }
        sums
    }
}

/// Sub-band samples have 15 bits.
pub(super) fn limit(sample: i32) -> i32 {
    sample.clamp(-16384, 16383)
}
