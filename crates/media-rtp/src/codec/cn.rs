//! Comfort noise (RFC 3389): silence described by its level and a few spectral coefficients, and made audible again.
//!
//! A sender analyses background noise and sends one small payload now and then; the receiver plays [`Synthesis`] until
//! speech returns.

/// The most coefficients kept or sent; RFC 3389 lets the receiver ignore more.
pub const MAX_ORDER: usize = 10;

/// Background noise, as the payload describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Level below overload in dB, 0..=127: 0 is a full-scale square wave, 127 is silence.
    pub level: u8,
    reflection: [f32; MAX_ORDER],
    order: usize,
}

impl Noise {
    /// White noise `level` dB below overload (0..=127, larger values become 127).
    pub fn white(level: u8) -> Noise {
        Noise { level: level.min(127), reflection: [0.0; MAX_ORDER], order: 0 }
    }

    /// The reflection coefficients, each in −1..=1, at most [`MAX_ORDER`].
    pub fn reflection(&self) -> &[f32] {
        &self.reflection[..self.order]
    }

    /// Reads a payload; coefficients beyond [`MAX_ORDER`] are ignored as the RFC allows. `None` if it is empty.
    // RFC 3389 §3: one byte of level with the highest bit zero, then one byte per coefficient.
    pub fn parse(payload: &[u8]) -> Option<Noise> {
        let (&level, coefficients) = payload.split_first()?;
        let mut noise = Noise::white(level & 0x7f);
        for (slot, &byte) in noise.reflection.iter_mut().zip(coefficients) {
            // RFC 3389 §3.2: k = 258 (N − 127) / 32768, kept inside the unit circle for a stable filter.
            *slot = (258.0 * (f32::from(byte) - 127.0) / 32_768.0).clamp(-0.999, 0.999);
            noise.order += 1;
        }
        Some(noise)
    }

    /// Writes the payload into `out` and returns its length: 1 + the number of coefficients that fit.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let Some((level, rest)) = out.split_first_mut() else { return 0 };
        *level = self.level;
        let mut written = 1;
        for (byte, k) in rest.iter_mut().zip(self.reflection()) {
            *byte = (k * 32_768.0 / 258.0 + 127.0).round().clamp(0.0, 254.0) as u8;
            written += 1;
        }
        written
    }

    /// Describes `pcm`, some 10 to 30 ms of background, with up to `order` coefficients.
    pub fn analyse(pcm: &[i16], order: usize) -> Noise {
        let order = order.min(MAX_ORDER);
        let mut correlation = [0.0_f64; MAX_ORDER + 1];
        for (lag, sum) in correlation.iter_mut().enumerate().take(order + 1) {
            *sum = pcm.iter().zip(pcm.iter().skip(lag)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        }
        let power = correlation[0] / pcm.len().max(1) as f64;
        let mut noise = Noise::white(level_of(power));
        if correlation[0] > 0.0 {
            noise.reflection = levinson(&correlation, order);
            noise.order = order;
        }
        noise
    }
}

/// Mean square to dB below overload.
fn level_of(power: f64) -> u8 {
    if power <= 0.0 { 127 } else { (-10.0 * (power / FULL_SCALE).log10()).round().clamp(0.0, 127.0) as u8 }
}

const FULL_SCALE: f64 = 32_768.0 * 32_768.0;

/// Levinson-Durbin recursion: autocorrelation to reflection coefficients.
fn levinson(correlation: &[f64; MAX_ORDER + 1], order: usize) -> [f32; MAX_ORDER] {
    let mut reflection = [0.0; MAX_ORDER];
    let mut filter = [0.0_f64; MAX_ORDER + 1];
    // A little white noise keeps a pure tone from making the filter singular.
    let mut error = correlation[0] * 1.0001;
    for step in 0..order {
        let ahead: f64 = (1..=step).map(|tap| filter[tap] * correlation[step + 1 - tap]).sum();
        let k = (-(correlation[step + 1] + ahead) / error).clamp(-0.999, 0.999);
        let before = filter;
        for tap in 1..=step {
            filter[tap] = before[tap] + k * before[step + 1 - tap];
        }
        filter[step + 1] = k;
        error *= 1.0 - k * k;
        reflection[step] = k as f32;
    }
    reflection
}

/// Plays the noise of the last description.
#[derive(Clone, Debug)]
pub struct Synthesis {
    noise: Noise,
    gain: f32,
    backward: [f32; MAX_ORDER + 1],
    random: u32,
}

impl Synthesis {
    /// Starts with `noise`; `seed` only decides which noise is heard.
    pub fn new(noise: Noise, seed: u32) -> Synthesis {
        let mut synthesis = Synthesis { noise, gain: 0.0, backward: [0.0; MAX_ORDER + 1], random: seed | 1 };
        synthesis.set(noise);
        synthesis
    }

    /// Goes on with another description, without a click.
    pub fn set(&mut self, noise: Noise) {
        self.noise = noise;
        // The lattice amplifies by the prediction gain; the excitation is lowered by as much, so that the level holds.
        let prediction: f32 = noise.reflection().iter().map(|k| 1.0 - k * k).product();
        let rms = 32_768.0 * 10.0_f32.powf(-f32::from(noise.level) / 20.0);
        self.gain = if noise.level >= 127 { 0.0 } else { rms * prediction.sqrt() };
    }

    /// Fills `out` with noise.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            *sample = self.next().round().clamp(-32_768.0, 32_767.0) as i16;
        }
    }

    /// One step of the all-pole lattice.
    fn next(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        // Uniform in ±√3: unit power.
        let mut forward = (self.random as f32 / u32::MAX as f32 * 2.0 - 1.0) * 1.732_050_8 * self.gain;
        for stage in (0..self.noise.order).rev() {
            let k = self.noise.reflection[stage];
            forward -= k * self.backward[stage];
            self.backward[stage + 1] = self.backward[stage] + k * forward;
        }
        self.backward[0] = forward;
        forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3389 §3.1 and §3.2.
    #[test]
    fn a_payload_keeps_level_and_coefficients() {
        let noise = Noise::parse(&[0x80 | 64, 127, 254, 0]).unwrap();
        assert_eq!(noise.level, 64);
        assert_eq!(noise.reflection()[0], 0.0);
        assert!(
            (noise.reflection()[1] - 0.999).abs() < 0.001 && (noise.reflection()[2] + 0.999).abs() < 0.001
        );
        let mut bytes = [0; 4];
        assert_eq!(noise.write(&mut bytes), 4);
        assert_eq!(bytes, [64, 127, 254, 0]);
        assert_eq!(Noise::parse(&[]), None);
        assert_eq!(Noise::parse(&[9; 200]).unwrap().reflection().len(), MAX_ORDER);
    }

    #[test]
    fn synthesis_has_the_level_and_colour_that_were_analysed() {
        let coloured = Noise::parse(&[40, 60, 170, 120]).unwrap();
        let mut pcm = vec![0; 16_000];
        Synthesis::new(coloured, 7).fill(&mut pcm);
        let heard = Noise::analyse(&pcm, 3);
        assert!(heard.level.abs_diff(40) <= 1, "{heard:?}");
        for (a, b) in heard.reflection().iter().zip(coloured.reflection()) {
            assert!((a - b).abs() < 0.05, "{heard:?} {coloured:?}");
        }
    }

    #[test]
    fn silence_is_analysed_and_played_as_silence() {
        let silence = Noise::analyse(&[0; 160], 4);
        assert_eq!((silence.level, silence.reflection().len()), (127, 0));
        let mut pcm = [1; 160];
        Synthesis::new(silence, 1).fill(&mut pcm);
        assert_eq!(pcm, [0; 160]);
    }

    #[test]
    fn a_full_scale_square_wave_is_level_zero() {
        let square: Vec<i16> = (0..160).map(|n| if n % 16 < 8 { i16::MAX } else { i16::MIN }).collect();
        assert_eq!(Noise::analyse(&square, 0).level, 0);
    }
}
