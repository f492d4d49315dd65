//! The two sub-band coders: quantiser, inverse quantiser, scale factor, and the predictor they share.

use super::Mode;
use super::qmf::limit;
use super::tables::{ILB, ILN, ILP, Q6, QM2, QM4, QM5, QM6, WH, WL};

/// Coder and decoder of 0–4 kHz.
#[derive(Clone, Debug)]
pub(super) struct LowBand {
    predictor: Predictor,
    /// Logarithm of the scale factor, 0..=18432.
    log: i32,
    /// The quantiser's scale factor.
    scale: i32,
}

impl Default for LowBand {
    fn default() -> LowBand {
        LowBand { predictor: Predictor::default(), log: 0, scale: 32 }
    }
}

impl LowBand {
    /// One sample to its 6-bit code.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        // Block 1L: quantise the difference to the prediction.
        let difference = saturate(sample - self.predictor.estimate);
        let magnitude = if difference < 0 { !difference } else { difference };
        let interval = 1 + Q6[1..].partition_point(|level| (level * self.scale) >> 12 <= magnitude);
        let code = if difference < 0 { ILN[interval] } else { ILP[interval] };
        self.adapt(code);
        code
    }

    /// A 6-bit code to its sample.
    pub(super) fn decode(&mut self, code: u8, mode: Mode) -> i32 {
        // Blocks 5L and 6L: the full code gives the output, its first four bits the adaptation.
        let level = match mode {
            Mode::Kbit64 => QM6[usize::from(code)],
            Mode::Kbit56 => QM5[usize::from(code >> 1)],
            Mode::Kbit48 => QM4[usize::from(code >> 2)],
        };
        let sample = limit(saturate(self.predictor.estimate + ((self.scale * level) >> 15)));
        self.adapt(code);
        sample
    }

    /// Blocks 2L to 4L.
    fn adapt(&mut self, code: u8) {
        let code = usize::from(code >> 2);
        let difference = (self.scale * QM4[code]) >> 15;
        self.log = (((self.log * 127) >> 7) + WL[code]).clamp(0, 18432);
        self.scale = antilog(self.log, 8);
        self.predictor.update(difference);
    }
}

/// Coder and decoder of 4–8 kHz.
#[derive(Clone, Debug)]
pub(super) struct HighBand {
    predictor: Predictor,
    /// Logarithm of the scale factor, 0..=22528.
    log: i32,
    /// The quantiser's scale factor.
    scale: i32,
}

impl Default for HighBand {
    fn default() -> HighBand {
        HighBand { predictor: Predictor::default(), log: 0, scale: 8 }
    }
}

impl HighBand {
    /// One sample to its 2-bit code.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        // Block 1H: one decision level of 564 for each sign.
        let difference = saturate(sample - self.predictor.estimate);
        let magnitude = if difference < 0 { !difference } else { difference };
        let outer = magnitude >= (564 * self.scale) >> 12;
        let code = match (difference < 0, outer) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.adapt(code);
        code
    }

    /// A 2-bit code to its sample.
    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let estimate = self.predictor.estimate;
        let difference = self.adapt(code);
        limit(saturate(estimate + difference))
    }

    /// Blocks 2H to 4H; the result is the quantised difference.
    fn adapt(&mut self, code: u8) -> i32 {
        let code = usize::from(code);
        let difference = (self.scale * QM2[code]) >> 15;
        self.log = (((self.log * 127) >> 7) + WH[code]).clamp(0, 22528);
        self.scale = antilog(self.log, 10);
        self.predictor.update(difference);
        difference
    }
}

/// SCALEL and SCALEH: two to the power of `log`, from a table and a shift.
fn antilog(log: i32, exponent: i32) -> i32 {
    let mantissa = ILB[(log >> 6 & 31) as usize];
    let shift = exponent - (log >> 11);
    (if shift < 0 { mantissa << -shift } else { mantissa >> shift }) << 2
}

/// The adaptive predictor with two poles and six zeros, block 4 of either band.
#[derive(Clone, Debug, Default)]
struct Predictor {
    /// What the next sample should be.
    estimate: i32,
    /// The part of it that the zeros contribute.
    zeros_part: i32,
    /// Pole coefficients.
    pole: [i32; 2],
    /// Zero coefficients.
    zero: [i32; 6],
    /// The last two reconstructed samples.
    reconstructed: [i32; 2],
    /// The last two partially reconstructed samples.
    partial: [i32; 2],
    /// The last six quantised differences.
    differences: [i32; 6],
}

impl Predictor {
    fn update(&mut self, difference: i32) {
        // RECONS and PARREC.
        let reconstructed = saturate(self.estimate + difference);
        let partial = saturate(self.zeros_part + difference);
        let same_sign = |other: i32| (partial < 0) == (other < 0);

        // UPPOL2.
        let doubled = saturate(self.pole[0] << 2);
        let turned = if same_sign(self.partial[0]) { saturate(-doubled) } else { doubled };
        let push = if same_sign(self.partial[1]) { 128 } else { -128 };
        let second = ((turned >> 7) + push + ((self.pole[1] * 32512) >> 15)).clamp(-12288, 12288);

        // UPPOL1.
        let push = if same_sign(self.partial[0]) { 192 } else { -192 };
        let bound = 15360 - second;
        let first = saturate(push + ((self.pole[0] * 32640) >> 15)).clamp(-bound, bound);

        // UPZERO.
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, past) in self.zero.iter_mut().zip(self.differences) {
            let push = if (difference < 0) == (past < 0) { push } else { -push };
            *zero = saturate(push + ((*zero * 32640) >> 15));
        }

        // DELAYA.
        self.pole = [first, second];
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];

        // FILTEP, FILTEZ and PREDIC.
        let tap = |coefficient: i32, past: i32| (coefficient * saturate(past + past)) >> 15;
        let poles = saturate(tap(first, self.reconstructed[0]) + tap(second, self.reconstructed[1]));
        self.zeros_part = self
            .zero
            .iter()
            .zip(self.differences)
            .rev()
            .fold(0, |sum, (zero, past)| saturate(sum + tap(*zero, past)));
        self.estimate = saturate(poles + self.zeros_part);
    }
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32768, 32767)
}
