//! Gain in decibels and level measurement.

/// A factor between silence and +36 dB.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Gain(f32);

impl Gain {
    /// Leaves samples as they are.
    pub const UNITY: Gain = Gain(1.0);
    /// Makes silence.
    pub const MUTE: Gain = Gain(0.0);

    /// The gain of `decibels`, limited to +36; −∞ and NaN mute.
    pub fn from_db(decibels: f32) -> Gain {
        if decibels.is_nan() { Gain::MUTE } else { Gain(10.0_f32.powf(decibels.min(36.0) / 20.0)) }
    }

    /// The gain in decibels; −∞ when muted.
    pub fn db(self) -> f32 {
        20.0 * self.0.log10()
    }

    /// Scales `pcm` in place, saturating.
    pub fn apply(self, pcm: &mut [i16]) {
        if self != Gain::UNITY {
            for sample in pcm {
                *sample = scale(*sample, self.0);
            }
        }
    }

    /// Scales `pcm` in place while moving evenly from this gain to `target`: a change without a click.
    pub fn glide(self, target: Gain, pcm: &mut [i16]) {
        let step = (target.0 - self.0) / pcm.len().max(1) as f32;
        for (n, sample) in pcm.iter_mut().enumerate() {
            *sample = scale(*sample, self.0 + step * (n + 1) as f32);
        }
    }
}

/// A float to integer cast saturates by itself.
fn scale(sample: i16, factor: f32) -> i16 {
    (f32::from(sample) * factor).round() as i16
}

/// The level of `pcm` in dB relative to a full-scale square wave (dBov, RFC 6464), from −127 for silence to 0.
pub fn level_dbov(pcm: &[i16]) -> i8 {
    let square: i64 = pcm.iter().map(|&s| i64::from(s) * i64::from(s)).sum();
    if square == 0 {
        return -127;
    }
    let mean = square as f64 / pcm.len() as f64;
    (10.0 * (mean / (32_768.0 * 32_768.0)).log10()).round().clamp(-127.0, 0.0) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_decibels_double_and_overload_saturates() {
        let mut pcm = [100, -100, 20_000, -20_000, 0];
        Gain::from_db(6.0206).apply(&mut pcm);
        assert_eq!(pcm, [200, -200, i16::MAX, i16::MIN, 0]);
        Gain::MUTE.apply(&mut pcm);
        assert_eq!(pcm, [0; 5]);
        assert_eq!(Gain::from_db(f32::NEG_INFINITY), Gain::MUTE);
        assert_eq!(Gain::from_db(f32::NAN), Gain::MUTE);
        assert!((Gain::from_db(-12.0).db() + 12.0).abs() < 1e-4);
    }

    #[test]
    fn a_glide_ends_at_its_target() {
        let mut pcm = [1000; 4];
        Gain::UNITY.glide(Gain::MUTE, &mut pcm);
        assert_eq!(pcm, [750, 500, 250, 0]);
        Gain::MUTE.glide(Gain::UNITY, &mut []);
    }

    #[test]
    fn levels_are_relative_to_overload() {
        assert_eq!(level_dbov(&[i16::MIN; 10]), 0);
        assert_eq!(level_dbov(&[3277; 10]), -20);
        assert_eq!(level_dbov(&[0; 10]), -127);
        assert_eq!(level_dbov(&[]), -127);
    }
}
