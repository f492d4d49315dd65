//! Rate conversion by a polyphase filter.
//!
//! One windowed-sinc low-pass at the least common multiple of both rates, of which only the taps that meet a real sample
//! are computed. Of the narrower band, 0–85 % of its half rate passes within 0.1 dB, everything beyond 105 % is at least
//! 70 dB down; the delay is 24 samples of the narrower rate (3 ms at 8 kHz).

/// Converts one stream of samples from one rate to another.
///
/// ```
/// use media_rtp::mix::Resampler;
///
/// let mut up = Resampler::new(8000, 48_000)?;
/// let mut out = [0; 960];
/// assert_eq!(up.process(&[0; 160], &mut out), 960);
/// # Ok::<(), media_rtp::mix::RateUnsupported>(())
/// ```
#[derive(Clone, Debug)]
pub struct Resampler {
    /// Outputs and inputs per common period.
    up: usize,
    down: usize,
    /// `up` filters of `taps` coefficients each, oldest sample's first.
    filters: Vec<f32>,
    taps: usize,
    /// The last `taps` samples twice over, so that they always lie in one piece.
    history: Vec<f32>,
    newest: usize,
    phase: usize,
}

/// The two rates have no small ratio, or are no audio rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert {from} Hz to {to} Hz; use rates of 8000 to 96000 Hz with a ratio of small numbers")]
pub struct RateUnsupported {
    /// The rate to convert from, in Hz.
    pub from: u32,
    /// The rate to convert to, in Hz.
    pub to: u32,
}

/// Taps per narrower-band sample.
const SPAN: usize = 48;

impl Resampler {
    /// A converter from `from` to `to` Hz. All memory is allocated here.
    ///
    /// # Errors
    /// [`RateUnsupported`] outside 8000..=96,000 Hz, or when the reduced ratio has a term above 480.
    pub fn new(from: u32, to: u32) -> Result<Resampler, RateUnsupported> {
        let divisor = gcd(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        if !(8000..=96_000).contains(&from) || !(8000..=96_000).contains(&to) || up.max(down) > 480 {
            return Err(RateUnsupported { from, to });
        }
        let taps = SPAN * down.div_ceil(up).max(1);
        let prototype = low_pass(taps * up, 0.475 / up.max(down) as f64, up as f64);
        let mut filters = vec![0.0; taps * up];
        for (phase, filter) in filters.chunks_exact_mut(taps).enumerate() {
            for (age, tap) in filter.iter_mut().rev().enumerate() {
                *tap = prototype[phase + age * up];
            }
        }
        Ok(Resampler { up, down, filters, taps, history: vec![0.0; taps * 2], newest: 0, phase: 0 })
    }

    /// The most samples that `input` samples can become.
    pub fn output_len(&self, input: usize) -> usize {
        (input * self.up).div_ceil(self.down)
    }

    /// Converts all of `pcm`, writes to `out` and returns how many samples; those for which `out` has no room are lost.
    ///
    /// Input in multiples of the ratio (any whole number of milliseconds, for telephony rates) gives exact output.
    pub fn process(&mut self, pcm: &[i16], out: &mut [i16]) -> usize {
        let mut written = 0;
        for &sample in pcm {
            self.push(f32::from(sample));
            while self.phase < self.up {
                if let Some(slot) = out.get_mut(written) {
                    *slot = self.output().round() as i16;
                    written += 1;
                }
                self.phase += self.down;
            }
            self.phase -= self.up;
        }
        written
    }

    fn push(&mut self, sample: f32) {
        self.history[self.newest] = sample;
        self.history[self.newest + self.taps] = sample;
        self.newest = (self.newest + 1) % self.taps;
    }

    fn output(&self) -> f32 {
        let window = &self.history[self.newest..self.newest + self.taps];
        let filter = &self.filters[self.phase * self.taps..(self.phase + 1) * self.taps];
        // Eight sums side by side, which the compiler turns into vector instructions.
        let mut lanes = [0.0_f32; 8];
        for (samples, taps) in window.chunks_exact(8).zip(filter.chunks_exact(8)) {
            for lane in 0..8 {
                lanes[lane] += samples[lane] * taps[lane];
            }
        }
        lanes.iter().sum()
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// A sinc of `cutoff` (in cycles per sample) under a Kaiser window, scaled to `gain` at zero frequency.
fn low_pass(length: usize, cutoff: f64, gain: f64) -> Vec<f32> {
    let middle = (length - 1) as f64 / 2.0;
    let taps: Vec<f64> = (0..length)
        .map(|n| {
            let x = n as f64 - middle;
            let sinc = if x == 0.0 {
                2.0 * cutoff
            } else {
                (2.0 * std::f64::consts::PI * cutoff * x).sin() / (std::f64::consts::PI * x)
            };
            let edge = x / (middle + 0.5);
            sinc * bessel(BETA * (1.0 - edge * edge).sqrt()) / bessel(BETA)
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| (tap * gain / sum) as f32).collect()
}

/// Kaiser's window parameter for about 75 dB.
const BETA: f64 = 7.3;

/// The modified Bessel function I₀, by its power series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..40 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// The level, in dB relative to the input, at which a tone of `input` Hz comes out as `output` Hz.
    fn response(from: u32, to: u32, input: f64, output: f64) -> f64 {
        let tone: Vec<i16> = (0..from)
            .map(|n| (10_000.0 * (TAU * input * f64::from(n) / f64::from(from)).sin()).round() as i16)
            .collect();
        let mut out = vec![0; to as usize];
        let mut resampler = Resampler::new(from, to).unwrap();
        assert_eq!(resampler.process(&tone, &mut out), to as usize);
        // Correlate over a whole number of periods after the filter has filled.
        let settled = &out[out.len() / 2..];
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in settled.iter().enumerate() {
            let angle = TAU * output * n as f64 / f64::from(to);
            re += f64::from(sample) * angle.cos();
            im += f64::from(sample) * angle.sin();
        }
        let amplitude = 2.0 * re.hypot(im) / settled.len() as f64;
        20.0 * (amplitude / 10_000.0).max(1e-9).log10()
    }

    const RATES: [u32; 3] = [8000, 16_000, 48_000];

    /// MR-017: between 8, 16 and 48 kHz the voice band passes within 0.1 dB.
    #[test]
    fn the_voice_band_passes_unchanged() {
        for from in RATES {
            for to in RATES {
                for part in [0.05, 0.25, 0.5, 0.75, 0.85] {
                    let frequency = f64::from(from.min(to)) / 2.0 * part;
                    let level = response(from, to, frequency, frequency);
                    assert!(level.abs() < 0.1, "{from}->{to} {frequency} Hz: {level} dB");
                }
            }
        }
    }

    /// MR-017: going down, tones beyond the new half rate come back as aliases at least 70 dB lower.
    #[test]
    fn aliases_are_seventy_decibels_down() {
        for (from, to) in [(16_000, 8000), (48_000, 8000), (48_000, 16_000)] {
            for part in [1.06, 1.2, 1.5, 1.7] {
                let half = f64::from(to) / 2.0;
                let level = response(from, to, half * part, half * (2.0 - part));
                assert!(level < -70.0, "{from}->{to} {part}: {level} dB");
            }
        }
    }

    /// MR-017: going up, the images above the old half rate are at least 70 dB lower.
    #[test]
    fn images_are_seventy_decibels_down() {
        for (from, to) in [(8000, 16_000), (8000, 48_000), (16_000, 48_000)] {
            for part in [0.2, 0.5, 0.85] {
                let frequency = f64::from(from) / 2.0 * part;
                let level = response(from, to, frequency, f64::from(from) - frequency);
                assert!(level < -70.0, "{from}->{to} {frequency}: {level} dB");
            }
        }
    }

    #[test]
    fn packets_give_the_same_samples_as_one_long_run() {
        let pcm: Vec<i16> = (0..480).map(|n| ((n * 7919) % 20_011 - 10_000) as i16).collect();
        for (from, to) in [(8000, 48_000), (48_000, 8000), (44_100, 48_000)] {
            let (mut whole, mut pieces) = (vec![0; 3000], vec![0; 3000]);
            let length = Resampler::new(from, to).unwrap().process(&pcm, &mut whole);
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut written = 0;
            for piece in pcm.chunks(7) {
                written += resampler.process(piece, &mut pieces[written..]);
            }
            assert_eq!((written, &pieces), (length, &whole));
            assert!(length <= resampler.output_len(480));
        }
    }

    #[test]
    fn overload_saturates() {
        let square: Vec<i16> = (0..800).map(|n| if n % 80 < 40 { i16::MAX } else { i16::MIN }).collect();
        let mut out = [0; 4800];
        Resampler::new(8000, 48_000).unwrap().process(&square, &mut out);
        assert!(out.contains(&i16::MAX) && out.contains(&i16::MIN));
        assert!(out.windows(2).all(|pair| pair[0].abs_diff(pair[1]) < 40_000), "no wrap");
    }

    #[test]
    fn odd_rates_are_refused() {
        for (from, to) in [(0, 8000), (8000, 0), (8000, 8001), (4000, 8000), (8000, 192_000)] {
            assert_eq!(Resampler::new(from, to).unwrap_err(), RateUnsupported { from, to });
        }
    }
}
