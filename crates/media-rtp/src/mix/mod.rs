//! Linear audio in motion: gain, saturating mixes, conference sums without one's own voice, and rate conversion.

mod gain;
mod resample;

pub use gain::{Gain, level_dbov};
pub use resample::{RateUnsupported, Resampler};

/// Adds `pcm` to `into`, sample by sample, saturating instead of wrapping.
pub fn add(into: &mut [i16], pcm: &[i16]) {
    for (sum, sample) in into.iter_mut().zip(pcm) {
        *sum = sum.saturating_add(*sample);
    }
}

/// One packet time of a conference: everybody's sum, from which each hears all but themselves.
///
/// ```
/// use media_rtp::mix::Conference;
///
/// let mut conference = Conference::new(2);
/// for voice in [[100, 200], [1, 2], [10, 20]] {
///     conference.add(&voice);
/// }
/// let mut heard = [0; 2];
/// conference.all_but(&[1, 2], &mut heard);
/// assert_eq!(heard, [110, 220]);
/// ```
#[derive(Clone, Debug)]
pub struct Conference {
    sum: Vec<i32>,
}

impl Conference {
    /// An empty sum of `samples` samples, the only allocation made.
    pub fn new(samples: usize) -> Conference {
        Conference { sum: vec![0; samples] }
    }

    /// Starts the next packet time.
    pub fn clear(&mut self) {
        self.sum.fill(0);
    }

    /// Adds one participant's packet; 65,536 of them fit before the sum could overflow, and then it saturates.
    pub fn add(&mut self, pcm: &[i16]) {
        for (sum, sample) in self.sum.iter_mut().zip(pcm) {
            *sum = sum.saturating_add(i32::from(*sample));
        }
    }

    /// What somebody hears who does not speak.
    pub fn all(&self, out: &mut [i16]) {
        for (heard, sum) in out.iter_mut().zip(&self.sum) {
            *heard = saturate(*sum);
        }
    }

    /// What the participant hears who contributed `own`.
    pub fn all_but(&self, own: &[i16], out: &mut [i16]) {
        for ((heard, sum), own) in out.iter_mut().zip(&self.sum).zip(own) {
            *heard = saturate(sum.saturating_sub(i32::from(*own)));
        }
    }
}

fn saturate(sample: i32) -> i16 {
    sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_voices_saturate_instead_of_wrapping() {
        let mut sum = [30_000, -30_000, 5];
        add(&mut sum, &[10_000, -10_000, 6]);
        assert_eq!(sum, [i16::MAX, i16::MIN, 11]);
    }

    #[test]
    fn taking_ones_own_voice_out_undoes_an_overload() {
        let mut conference = Conference::new(1);
        conference.add(&[30_000]);
        conference.add(&[30_000]);
        let (mut heard, mut all) = ([0], [0]);
        conference.all_but(&[30_000], &mut heard);
        conference.all(&mut all);
        assert_eq!((heard, all), ([30_000], [i16::MAX]));
        conference.clear();
        conference.all(&mut all);
        assert_eq!(all, [0]);
    }
}
