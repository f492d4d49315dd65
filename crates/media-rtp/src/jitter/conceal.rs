//! Packet loss concealment by waveform substitution, in the spirit of ITU-T G.711 Appendix I.
//!
//! The last pitch period before the loss is repeated, joined to itself by overlapping; after 10 ms it fades by 20 % every
//! 10 ms, to silence at 60 ms. What comes after the loss fades in over the repetition. Unlike the Appendix it adds no
//! delay: the join at the beginning is smoothed in what is still to be played.

/// Fills lost packets of one stream of decoded audio.
#[derive(Clone, Debug)]
pub struct Concealment {
    /// The last audio, oldest sample first.
    history: Vec<i16>,
    /// The period being repeated.
    period: Vec<f32>,
    position: usize,
    /// Samples concealed in this loss.
    lost: usize,
    /// Samples in a millisecond.
    rate: usize,
    /// Difference at the join, fading out.
    step: f32,
}

/// Shortest and longest pitch period in milliseconds, in halves: 5 to 15 ms is 200 to 66 Hz.
const SHORTEST: usize = 5;
const LONGEST: usize = 15;

/// The stretch that must match, in milliseconds.
const MATCH: usize = 20;

/// Concealed milliseconds before fading begins, and until silence.
const HOLD: usize = 10;
const SILENT: usize = 60;

impl Concealment {
    /// A concealment for audio at `rate` Hz, at least 1000. All memory is allocated here.
    pub fn new(rate: u32) -> Concealment {
        let rate = (rate / 1000).max(1) as usize;
        Concealment {
            history: vec![0; rate * (LONGEST + MATCH)],
            period: Vec::with_capacity(rate * LONGEST),
            position: 0,
            lost: 0,
            rate,
            step: 0.0,
        }
    }

    /// Notes audio that was received, and fades it in if a loss went before.
    pub fn received(&mut self, pcm: &mut [i16]) {
        if self.lost > 0 {
            // The longer the loss, the longer the way back: 4 ms and 4 ms more for each 10 ms lost, up to 10.
            let milliseconds = (4 + self.lost * 4 / (10 * self.rate)).min(10);
            let overlap = (milliseconds * self.rate).min(pcm.len());
            for (n, sample) in pcm.iter_mut().take(overlap).enumerate() {
                let weight = (n + 1) as f32 / (overlap + 1) as f32;
                let substitute = self.next_sample();
                *sample = (f32::from(*sample) * weight + substitute * (1.0 - weight)).round() as i16;
            }
            self.lost = 0;
        }
        self.remember(pcm);
    }

    /// Fills `out`, which was lost.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.lost == 0 {
            self.find_period();
        }
        for sample in &mut *out {
            *sample = self.next_sample().round() as i16;
        }
        self.remember(out);
    }

    fn remember(&mut self, pcm: &[i16]) {
        let kept = self.history.len();
        let new = &pcm[pcm.len().saturating_sub(kept)..];
        self.history.rotate_left(new.len());
        self.history[kept - new.len()..].copy_from_slice(new);
    }

    fn next_sample(&mut self) -> f32 {
        if self.period.is_empty() {
            return 0.0;
        }
        let repeated = self.period[self.position];
        self.position = (self.position + 1) % self.period.len();
        self.lost += 1;
        let into_fade = self.lost.saturating_sub(HOLD * self.rate) as f32;
        let gain = (1.0 - into_fade / ((SILENT - HOLD) * self.rate) as f32).max(0.0);
        // The join fades within half a millisecond or so.
        self.step *= 1.0 - 2.0 / (self.rate as f32 + 1.0);
        (repeated + self.step) * gain
    }

    /// Finds the period in the history and prepares it for repetition.
    fn find_period(&mut self) {
        let end = self.history.len();
        let recent = &self.history[end - MATCH * self.rate..];
        let mut best = (f32::MIN, SHORTEST * self.rate);
        for lag in SHORTEST * self.rate..=LONGEST * self.rate {
            let earlier = &self.history[end - MATCH * self.rate - lag..end - lag];
            let (mut product, mut energy) = (0.0_f32, 1.0_f32);
            for (a, b) in recent.iter().zip(earlier) {
                product += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            let likeness = product / energy.sqrt();
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        let lag = best.1;
        let start = end - lag;
        self.period.clear();
        self.period.extend(self.history[start..].iter().map(|&s| f32::from(s)));
        // The end of the period flows into what went before its beginning, so that it can follow itself.
        let overlap = lag / 4;
        for n in 0..overlap {
            let weight = (n + 1) as f32 / (overlap + 1) as f32;
            let before = f32::from(self.history[start - overlap + n]);
            let sample = &mut self.period[lag - overlap + n];
            *sample = *sample * (1.0 - weight) + before * weight;
        }
        // Where the period would have gone on at the loss, against where it begins.
        self.step = f32::from(self.history[end - 1]) - f32::from(self.history[start - 1]);
        self.position = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// A voiced sound: four harmonics of `pitch` Hz.
    fn voice(pitch: f64, rate: u32, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| {
                let t = TAU * pitch * n as f64 / f64::from(rate);
                (3000.0 * t.sin()
                    + 2000.0 * (2.0 * t).sin()
                    + 1500.0 * (3.0 * t).sin()
                    + 500.0 * (5.0 * t).cos()) as i16
            })
            .collect()
    }

    fn ratio_db(wanted: &[i16], got: &[i16]) -> f64 {
        let (mut signal, mut noise) = (0.0, 1e-9);
        for (a, b) in wanted.iter().zip(got) {
            signal += f64::from(*a).powi(2);
            noise += (f64::from(*a) - f64::from(*b)).powi(2);
        }
        10.0 * f64::log10(signal / noise)
    }

    #[test]
    fn a_short_loss_in_voiced_sound_is_filled_with_nearly_the_same() {
        for rate in [8000, 16_000, 48_000] {
            for pitch in [80.0, 125.0, 160.0] {
                let frame = rate as usize / 100;
                let original = voice(pitch, rate, frame * 12);
                let mut plc = Concealment::new(rate);
                for chunk in original[..frame * 10].to_vec().chunks_mut(frame) {
                    plc.received(chunk);
                }
                let mut filled = vec![0; frame];
                plc.conceal(&mut filled);
                let ratio = ratio_db(&original[frame * 10..frame * 11], &filled);
                assert!(ratio > 12.0, "{rate} {pitch}: {ratio} dB");
            }
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut plc = Concealment::new(8000);
        plc.received(&mut voice(120.0, 8000, 1600));
        let mut out = [0; 800];
        plc.conceal(&mut out);
        let peak = |range: std::ops::Range<usize>| out[range].iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(peak(0..80) > 4000 && peak(200..280) < peak(0..80) && peak(490..800) == 0);
    }

    #[test]
    fn there_is_no_click_going_in_nor_coming_back() {
        let original = voice(110.0, 8000, 3200);
        let steepest = |pcm: &[i16]| pcm.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
        for lost_at in (800..1000).step_by(13) {
            let mut plc = Concealment::new(8000);
            let mut played = original.clone();
            plc.received(&mut played[..lost_at]);
            plc.conceal(&mut played[lost_at..lost_at + 320]);
            // What comes back is half a period off, the worst case.
            let (head, tail) = played.split_at_mut(lost_at + 320);
            tail.copy_from_slice(&original[36..36 + tail.len()]);
            plc.received(tail);
            assert!(head.len() == lost_at + 320);
            assert!(steepest(&played) <= steepest(&original) * 3 / 2, "{lost_at} {}", steepest(&played));
        }
    }

    #[test]
    fn sound_without_loss_is_untouched_and_silence_stays_silent() {
        let mut pcm = voice(100.0, 8000, 800);
        Concealment::new(8000).received(&mut pcm);
        assert_eq!(pcm, voice(100.0, 8000, 800));
        let mut out = [9; 160];
        Concealment::new(8000).conceal(&mut out);
        assert_eq!(out, [0; 160]);
    }
}
