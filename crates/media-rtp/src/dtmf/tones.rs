//! Digits as audible tones.

use super::{Digit, QueueFull};
use crate::tone::Oscillator;
use std::collections::VecDeque;
use std::time::Duration;

/// The power of the two tones of a digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToneLevels {
    /// Low group, in dBm0.
    pub low: f32,
    /// High group, in dBm0.
    pub high: f32,
}

/// −9 and −7 dBm0: the high group two decibels up, as lines take more from it.
impl Default for ToneLevels {
    fn default() -> ToneLevels {
        ToneLevels { low: -9.0, high: -7.0 }
    }
}

impl ToneLevels {
    /// Levels that sum to the power an RTP event states, `volume` being dBm0 without its sign.
    pub fn from_volume(volume: u8) -> ToneLevels {
        // Two tones 2 dB apart make 2.1 dB more than the stronger one.
        let high = -f32::from(volume.min(63)) - 2.1;
        ToneLevels { low: high - 2.0, high }
    }
}

/// Plays queued digits into audio, with a pause after each.
#[derive(Clone, Debug)]
pub struct ToneSender {
    rate: u32,
    levels: ToneLevels,
    pause: Duration,
    queue: VecDeque<(Digit, Duration)>,
    playing: Option<Playing>,
}

#[derive(Clone, Copy, Debug)]
struct Playing {
    low: Oscillator,
    high: Oscillator,
    tone_left: u32,
    pause_left: u32,
}

impl ToneSender {
    /// A sender into audio of `rate` Hz.
    pub fn new(rate: u32, levels: ToneLevels, pause: Duration) -> ToneSender {
        ToneSender { rate, levels, pause, queue: VecDeque::new(), playing: None }
    }

    /// Queues a digit for `duration`, at most a minute. The flash has no tone and becomes a pause.
    ///
    /// # Errors
    /// [`QueueFull`] when as many digits wait as [`super::EventSender::QUEUE`].
    pub fn press(&mut self, digit: Digit, duration: Duration) -> Result<(), QueueFull> {
        if self.queue.len() >= super::EventSender::QUEUE {
            return Err(QueueFull);
        }
        self.queue.push_back((digit, duration.min(super::EventSender::LONGEST)));
        Ok(())
    }

    /// Whether a tone or its pause is still to be played.
    pub fn is_busy(&self) -> bool {
        self.playing.is_some() || !self.queue.is_empty()
    }

    /// Replaces `pcm` by tones and pauses as long as there are any, and returns how many samples it replaced.
    pub fn overlay(&mut self, pcm: &mut [i16]) -> usize {
        for (done, sample) in pcm.iter_mut().enumerate() {
            if self.playing.is_none() {
                self.begin();
            }
            let Some(playing) = &mut self.playing else { return done };
            if playing.tone_left > 0 {
                playing.tone_left -= 1;
                *sample = (playing.low.sample() + playing.high.sample()).round() as i16;
            } else {
                playing.pause_left = playing.pause_left.saturating_sub(1);
                *sample = 0;
            }
            if playing.tone_left == 0 && playing.pause_left == 0 {
                self.playing = None;
            }
        }
        pcm.len()
    }

    fn begin(&mut self) {
        let Some((digit, duration)) = self.queue.pop_front() else { return };
        let samples = |time: Duration| (time.as_micros() * u128::from(self.rate) / 1_000_000) as u32;
        let (tone, (low, high)) = match digit.frequencies() {
            Some(frequencies) => (samples(duration), frequencies),
            None => (0, (0, 0)),
        };
        self.playing = Some(Playing {
            low: Oscillator::new(f64::from(low), self.rate, self.levels.low),
            high: Oscillator::new(f64::from(high), self.rate, self.levels.high),
            tone_left: tone,
            pause_left: samples(self.pause).max(1),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::level_dbov;

    #[test]
    fn tones_replace_audio_and_hand_it_back() {
        let mut sender = ToneSender::new(8000, ToneLevels::default(), Duration::from_millis(20));
        sender.press(Digit::from_char('1').unwrap(), Duration::from_millis(30)).unwrap();
        let mut pcm = [500; 480];
        assert_eq!(sender.overlay(&mut pcm), 400);
        assert!(pcm[..240].iter().any(|s| s.abs() > 9000));
        assert_eq!((&pcm[240..400], &pcm[400..]), (&[0; 160][..], &[500; 80][..]));
        assert!(!sender.is_busy());
    }

    #[test]
    fn the_level_follows_the_volume_of_the_event() {
        let mut sender = ToneSender::new(8000, ToneLevels::from_volume(10), Duration::ZERO);
        sender.press(Digit::from_char('D').unwrap(), Duration::from_secs(1)).unwrap();
        let mut pcm = [0; 8000];
        sender.overlay(&mut pcm);
        // −10 dBm0 lies 3.17 + 3.01 dB further below a full-scale square wave.
        assert_eq!(level_dbov(&pcm), -16);
    }
}
