//! Call progress tones: what a caller hears in each country, as data, and a generator for it.
//!
//! ```
//! use media_rtp::tone::{Generator, TonePlan};
//!
//! let plan = TonePlan::of("GB").expect("the United Kingdom is in the table");
//! let mut generator = Generator::new(plan.ring_back, 8000);
//! let mut packet = [0; 160];
//! assert_eq!(generator.fill(&mut packet), 160);
//! ```

mod country;
mod oscillator;

pub use country::TonePlan;
pub use oscillator::{DEFAULT_LEVEL_DBM0, Oscillator};

/// One tone: segments played in order, then over again from `repeat_from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// What sounds, one after the other.
    pub segments: &'static [Segment],
    /// The segment to go on with after the last one; `None` plays once.
    pub repeat_from: Option<usize>,
}

/// One sound or pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What sounds.
    pub sound: Sound,
    /// For how many milliseconds; 0 is for ever.
    pub milliseconds: u32,
}

/// The frequencies of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Nothing.
    Silence,
    /// One frequency in Hz.
    Single(u16),
    /// Two frequencies in Hz at once.
    Pair(u16, u16),
    /// A carrier in Hz whose amplitude swings with the second frequency at 90 % depth.
    Modulated(u16, u16),
}

/// Plays a tone, packet by packet.
#[derive(Clone, Debug)]
pub struct Generator {
    tone: Tone,
    rate: u32,
    level: f32,
    segment: usize,
    /// Samples left in the segment; `None` for ever.
    left: Option<u32>,
    first: Oscillator,
    second: Oscillator,
    finished: bool,
}

impl Generator {
    /// Starts `tone` at `rate` Hz with each frequency at [`DEFAULT_LEVEL_DBM0`].
    pub fn new(tone: Tone, rate: u32) -> Generator {
        Generator::with_level(tone, rate, DEFAULT_LEVEL_DBM0)
    }

    /// Starts `tone` with each frequency at `level` dBm0.
    pub fn with_level(tone: Tone, rate: u32, level: f32) -> Generator {
        let silent = Oscillator::new(0.0, rate, level);
        let mut generator = Generator {
            tone,
            rate,
            level,
            segment: 0,
            left: None,
            first: silent,
            second: silent,
            finished: tone.segments.is_empty(),
        };
        generator.enter(0);
        generator
    }

    /// Fills `out`, and returns how many samples belong to the tone; the rest is silence after its end.
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let mut written = 0;
        for sample in &mut *out {
            if self.left == Some(0) {
                self.advance();
            }
            if self.finished {
                break;
            }
            self.left = self.left.map(|left| left - 1);
            *sample = self.next().round() as i16;
            written += 1;
        }
        out[written..].fill(0);
        written
    }

    /// Whether a tone that plays once has ended.
    pub fn is_finished(&self) -> bool {
        self.finished || (self.left == Some(0) && self.following().is_none())
    }

    fn next(&mut self) -> f32 {
        match self.sound() {
            Sound::Silence => 0.0,
            Sound::Single(_) => self.first.sample(),
            Sound::Pair(..) => self.first.sample() + self.second.sample(),
            Sound::Modulated(..) => self.first.sample() * (1.0 + 0.9 * self.second.unit()) / 1.9,
        }
    }

    fn sound(&self) -> Sound {
        self.tone.segments.get(self.segment).map_or(Sound::Silence, |segment| segment.sound)
    }

    fn following(&self) -> Option<usize> {
        if self.segment + 1 < self.tone.segments.len() {
            Some(self.segment + 1)
        } else {
            self.tone.repeat_from.filter(|&segment| segment < self.tone.segments.len())
        }
    }

    fn advance(&mut self) {
        match self.following() {
            Some(segment) => self.enter(segment),
            None => self.finished = true,
        }
    }

    fn enter(&mut self, segment: usize) {
        self.segment = segment;
        let milliseconds = self.tone.segments.get(segment).map_or(0, |segment| segment.milliseconds);
        let samples = (u64::from(milliseconds) * u64::from(self.rate) / 1000) as u32;
        self.left = (milliseconds > 0).then_some(samples.max(1));
        let oscillator = |frequency: u16| Oscillator::new(f64::from(frequency), self.rate, self.level);
        let (first, second) = match self.sound() {
            Sound::Silence => (0, 0),
            Sound::Single(frequency) => (frequency, 0),
            Sound::Pair(first, second) | Sound::Modulated(first, second) => (first, second),
        };
        (self.first, self.second) = (oscillator(first), oscillator(second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEEP: Tone = Tone {
        segments: &[
            Segment { sound: Sound::Single(1000), milliseconds: 10 },
            Segment { sound: Sound::Silence, milliseconds: 5 },
        ],
        repeat_from: None,
    };

    #[test]
    fn a_tone_that_plays_once_ends_after_its_last_segment() {
        let mut generator = Generator::new(BEEP, 8000);
        let mut out = [7; 160];
        assert_eq!(generator.fill(&mut out), 120);
        assert!(out[..80].iter().any(|&s| s.abs() > 1000));
        assert_eq!(out[80..], [0; 80]);
        assert!(generator.is_finished());
        assert_eq!(generator.fill(&mut out), 0);
    }

    #[test]
    fn a_cadence_repeats_for_ever() {
        let tone = Tone { repeat_from: Some(1), ..BEEP };
        let mut generator = Generator::new(tone, 8000);
        let mut out = [7; 8000];
        assert_eq!(generator.fill(&mut out), 8000);
        assert!(!generator.is_finished());
        assert_eq!(out[80..], [0; 7920]);
    }

    #[test]
    fn packet_boundaries_leave_no_trace() {
        let plan = TonePlan::of("AU").unwrap();
        let (mut whole, mut pieces) = (vec![0; 32_000], vec![0; 32_000]);
        Generator::new(plan.ring_back, 16_000).fill(&mut whole);
        let mut generator = Generator::new(plan.ring_back, 16_000);
        for piece in pieces.chunks_mut(321) {
            generator.fill(piece);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn an_empty_tone_is_finished_at_once() {
        let mut generator = Generator::new(Tone { segments: &[], repeat_from: Some(0) }, 8000);
        assert!(generator.is_finished());
        assert_eq!(generator.fill(&mut [0; 8]), 0);
    }
}
