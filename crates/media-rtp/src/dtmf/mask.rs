//! Keeping digits from being seen or heard: for card numbers given during a recorded or supervised call.

use super::{Detector, DetectorConfig, Event, RateUnsupported};

/// What a masked digit becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventMask {
    /// Nothing: the packet is not passed on.
    #[default]
    Drop,
    /// The digit 0: the listener learns how many, not which.
    Zero,
}

impl EventMask {
    /// Masks a telephone-event payload in place, and says whether it may be passed on.
    #[must_use = "a payload that may not be passed on must be dropped"]
    pub fn apply(self, payload: &mut [u8]) -> bool {
        for event in payload.chunks_exact_mut(Event::SIZE) {
            event[0] = 0;
        }
        match self {
            EventMask::Drop => false,
            EventMask::Zero => payload.len().is_multiple_of(Event::SIZE) && !payload.is_empty(),
        }
    }
}

/// Silences digits in audio. Delays it by [`ToneMask::DELAY_MS`] milliseconds, as a digit is known only after it began.
///
/// At most the first 5 ms of a tone can pass: too short for any detector, this one or another, to name it.
#[derive(Clone, Debug)]
pub struct ToneMask {
    detector: Detector,
    delayed: Vec<i16>,
    position: usize,
    /// Samples the delay line still has to be silenced for.
    silent: usize,
    window: usize,
}

impl ToneMask {
    /// The delay in milliseconds.
    pub const DELAY_MS: u32 = 20;

    /// A mask for audio at `rate` Hz.
    ///
    /// # Errors
    /// [`RateUnsupported`] as for [`Detector::new`].
    pub fn new(rate: u32) -> Result<ToneMask, RateUnsupported> {
        // More suspicious than a detector: better to lose a vowel than to let a digit through.
        let config =
            DetectorConfig { threshold: -42.0, forward_twist: 12.0, reverse_twist: 12.0, purity: 0.4 };
        let delay = (rate * ToneMask::DELAY_MS / 1000) as usize;
        let detector = Detector::new(rate, config)?;
        Ok(ToneMask { detector, delayed: vec![0; delay], position: 0, silent: 0, window: delay })
    }

    /// Replaces `pcm` by what was heard [`ToneMask::DELAY_MS`] before, without its digits.
    pub fn apply(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            let _ = self.detector.listen(&[*sample]).count();
            if self.detector.is_suspicious() {
                self.silent = self.window * 2;
            }
            let earlier = std::mem::replace(&mut self.delayed[self.position], *sample);
            self.position = (self.position + 1) % self.delayed.len();
            *sample = if self.silent > 0 { 0 } else { earlier };
            self.silent = self.silent.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{Digit, ToneLevels, ToneSender};
    use std::time::Duration;

    #[test]
    fn masked_events_do_not_tell_the_digit() {
        let mut payload = [7, 0x8a, 3, 0x20, 9, 0x8a, 3, 0x20];
        assert!(EventMask::Zero.apply(&mut payload));
        assert_eq!(payload, [0, 0x8a, 3, 0x20, 0, 0x8a, 3, 0x20]);
        assert!(!EventMask::Drop.apply(&mut [7, 0x8a, 3, 0x20]));
        assert!(!EventMask::Zero.apply(&mut [7, 0x8a, 3]));
    }

    #[test]
    fn masked_audio_has_no_digit_left() {
        for rate in [8000, 16_000] {
            for level in [0.0, -12.0, -30.0] {
                let levels = ToneLevels { low: level - 9.0, high: level - 7.0 };
                let mut tones = ToneSender::new(rate, levels, Duration::from_millis(70));
                for digit in Digit::parse_all("4111D*0#").unwrap() {
                    tones.press(digit, Duration::from_millis(70)).unwrap();
                }
                let mut pcm = vec![0; rate as usize * 2];
                tones.overlay(&mut pcm);
                ToneMask::new(rate).unwrap().apply(&mut pcm);
                // Not even 5 ms of it in one piece.
                let longest = pcm.split(|s| *s == 0).map(<[i16]>::len).max().unwrap();
                assert!(longest < rate as usize / 200, "{rate} {level}: {longest}");
            }
        }
    }

    #[test]
    fn other_sound_passes_later_but_whole() {
        let sound: Vec<i16> = (0..8000).map(|n| ((f64::from(n) * 0.2).sin() * 5000.0) as i16).collect();
        let mut pcm = sound.clone();
        ToneMask::new(8000).unwrap().apply(&mut pcm);
        assert_eq!(pcm[160..], sound[..7840]);
    }
}
