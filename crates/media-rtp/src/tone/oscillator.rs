//! A sine at a level in dBm0.

use std::f32::consts::TAU;

/// The level of each frequency of a tone unless said otherwise, inside what ITU-T E.180 recommends (−10 ± 5 dBm0).
pub const DEFAULT_LEVEL_DBM0: f32 = -13.0;

/// A sine that starts at zero.
#[derive(Clone, Copy, Debug)]
pub struct Oscillator {
    phase: u32,
    step: u32,
    amplitude: f32,
}

impl Oscillator {
    /// A sine of `frequency` Hz at `rate` samples per second and `level` dBm0.
    // ITU-T G.711 §4: a full-scale sine is +3.17 dBm0 in µ-law (+3.14 in A-law).
    pub fn new(frequency: f64, rate: u32, level: f32) -> Oscillator {
        let turns = frequency / f64::from(rate.max(1));
        Oscillator {
            phase: 0,
            step: (turns * 4_294_967_296.0) as u32,
            amplitude: 32_767.0 * 10.0_f32.powf((level - 3.17).min(0.0) / 20.0),
        }
    }

    /// The next sample, full scale being ±32,767.
    pub fn sample(&mut self) -> f32 {
        self.amplitude * self.unit()
    }

    /// The next sample of the sine itself, −1 to 1.
    pub fn unit(&mut self) -> f32 {
        let angle = self.phase as f32 * (TAU / 4_294_967_296.0);
        self.phase = self.phase.wrapping_add(self.step);
        angle.sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_that_of_the_digital_milliwatt() {
        // ITU-T G.711 table 5 and 6: 0 dBm0 at 1 kHz.
        let mut oscillator = Oscillator::new(1000.0, 8000, 0.0);
        let square: f32 = (0..8000).map(|_| oscillator.sample().powi(2)).sum::<f32>() / 8000.0;
        assert!((square.sqrt() - 16_085.0).abs() < 20.0, "{}", square.sqrt());
    }
}
