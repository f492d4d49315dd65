//! G.722: 7 kHz audio in 64 kbit/s, two sub-bands of adaptive differential PCM.
//!
//! ```text
//!  16 kHz ─► split (24-tap QMF) ─┬─ low  band, 6 bits ─┐
//!                                └─ high band, 2 bits ─┴─► one byte per two samples
//! ```
//!
//! Written from the block diagrams of the Recommendation (blocks 1L–6L and 1H–5H keep their names in the comments), in
//! its 16-bit saturating arithmetic, hence bit-exact. ffmpeg's encoder is too, except in overload, where it does not limit
//! the bands to 15 bits.

mod band;
mod qmf;
mod tables;

use band::{HighBand, LowBand};
use qmf::{Analysis, Synthesis};

/// How many bits of each byte carry the low band; the others are auxiliary data and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// 64 kbit/s, mode 1: what RTP carries.
    #[default]
    Kbit64,
    /// 56 kbit/s, mode 2: the last bit is not audio.
    Kbit56,
    /// 48 kbit/s, mode 3: the last two bits are not audio.
    Kbit48,
}

/// Samples to bytes.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    split: Analysis,
    low: LowBand,
    high: HighBand,
}

impl Encoder {
    /// Encodes pairs of 16 kHz samples to one byte each, as far as `pcm` and `out` both reach.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) {
        for (byte, pair) in out.iter_mut().zip(pcm.chunks_exact(2)) {
            let (low, high) = self.split.push(pair[0], pair[1]);
            *byte = self.high.encode(high) << 6 | self.low.encode(low);
        }
    }
}

/// Bytes to samples.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    mode: Mode,
    low: LowBand,
    high: HighBand,
    join: Synthesis,
}

impl Decoder {
    /// A decoder of one of the three modes; [`Default`] is 64 kbit/s.
    pub fn new(mode: Mode) -> Decoder {
        Decoder { mode, ..Decoder::default() }
    }

    /// Decodes each byte to two 16 kHz samples, as far as `payload` and `out` both reach.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) {
        for (pair, &byte) in out.chunks_exact_mut(2).zip(payload) {
            let low = self.low.decode(byte & 0x3f, self.mode);
            let high = self.high.decode(byte >> 6);
            pair.copy_from_slice(&self.join.push(low, high));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech-like level changes, a sweep, silence, and full-scale noise, from integers only.
    fn signal() -> Vec<i16> {
        let mut noise = 0x1234_5678_u32;
        let (mut phase, mut step) = (0_i32, 200_i32);
        (0..48_000)
            .map(|n| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let random = (noise >> 16) as i16;
                phase = (phase + step) & 0xffff;
                step = 200 + n % 24_000;
                let triangle = (if phase < 0x8000 { phase } else { 0xffff - phase } - 0x4000) as i16;
                match n / 8000 {
                    0 => triangle / 2,
                    1 => 0,
                    2 => random,
                    3 => triangle.saturating_mul(2),
                    4 => random / 64,
                    _ => {
                        if n % 400 < 200 {
                            i16::MAX
                        } else {
                            i16::MIN
                        }
                    }
                }
            })
            .collect()
    }

    fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    fn coded() -> Vec<u8> {
        let mut bytes = vec![0; 24_000];
        Encoder::default().encode(&signal(), &mut bytes);
        bytes
    }

    fn decoded(mode: Mode) -> Vec<i16> {
        let mut pcm = vec![0; 48_000];
        Decoder::new(mode).decode(&coded(), &mut pcm);
        pcm
    }

    /// MR-017: the sums were taken when the code agreed with the ITU's own sequences in all three modes.
    #[test]
    fn coding_is_bit_exact() {
        let sum = |mode| fnv(decoded(mode).into_iter().flat_map(i16::to_le_bytes));
        assert_eq!(fnv(coded()), 4_270_038_598_265_614_920);
        assert_eq!(
            [sum(Mode::Kbit64), sum(Mode::Kbit56), sum(Mode::Kbit48)],
            [11_976_291_770_291_792_952, 9_104_726_556_474_449_905, 7_032_697_963_523_696_619]
        );
    }

    #[test]
    fn packets_of_any_size_give_the_same_bytes() {
        let mut bytes = vec![0; 24_000];
        let mut encoder = Encoder::default();
        for (pcm, out) in signal().chunks(320).zip(bytes.chunks_mut(160)) {
            encoder.encode(pcm, out);
        }
        assert_eq!(bytes, coded());
    }

    #[test]
    fn each_bit_given_up_costs_two_decibels_or_more() {
        let tone: Vec<i16> = (0..16_000).map(|n| ((n as f32 * 0.3).sin() * 8000.0) as i16).collect();
        let mut bytes = vec![0; 8000];
        Encoder::default().encode(&tone, &mut bytes);
        let noise_ratio = |mode| {
            let mut pcm = vec![0; 16_000];
            Decoder::new(mode).decode(&bytes, &mut pcm);
            // The two filters together delay by 22 samples.
            let (mut wanted, mut wrong) = (0.0, 0.0);
            for (heard, said) in pcm[1022..].iter().zip(&tone[1000..]) {
                wanted += f64::from(*said).powi(2);
                wrong += (f64::from(*said) - f64::from(*heard)).powi(2);
            }
            10.0 * f64::log10(wanted / wrong)
        };
        let [best, less, least] = [Mode::Kbit64, Mode::Kbit56, Mode::Kbit48].map(noise_ratio);
        assert!(best > 30.0 && best > less + 2.0 && less > least + 2.0, "{best} {less} {least}");
    }
}
