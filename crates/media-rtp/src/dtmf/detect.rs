//! Hearing digits in audio: Goertzel filters with the guards of ITU-T Q.24.
//!
//! Windows of 12.75 ms, overlapping by half. A window counts for a digit when one tone of each group stands out from its
//! group, both are near their frequencies, the two are within the permitted twist, and together they hold nearly all of
//! the energy: speech and music spread theirs over harmonics. Four windows in a row begin a digit, four without it end it;
//! so 40 ms are always heard, 23 ms never, and a break of 10 ms does not double a digit.
//!
//! A window is too short to tell frequencies apart by their power: 3.5 % of 697 Hz are a third of a filter's width. From
//! window to window the phase of a tone tells it: it turns further, the more the tone is off. What the filter lost for
//! being off is then given back, so that twist and purity are those of the tones.

use std::f32::consts::TAU;

use super::Digit;

/// What counts as a digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectorConfig {
    /// The least power of each tone, in dBm0.
    pub threshold: f32,
    /// How much weaker than the low tone the high tone may be, in dB: lines attenuate high frequencies more.
    pub forward_twist: f32,
    /// How much stronger than the low tone the high tone may be, in dB.
    pub reverse_twist: f32,
    /// The least share of a window's energy in the two tones, 0 to 1.
    pub purity: f32,
}

/// −36 dBm0, 8 dB forward and 4 dB reverse twist, 77 % purity.
impl Default for DetectorConfig {
    fn default() -> DetectorConfig {
        DetectorConfig { threshold: -36.0, forward_twist: 8.0, reverse_twist: 4.0, purity: 0.77 }
    }
}

/// Listens to one stream of audio.
///
/// ```
/// use media_rtp::dtmf::{Detector, Digit, ToneLevels, ToneSender};
/// use std::time::Duration;
///
/// let mut tones = ToneSender::new(8000, ToneLevels::default(), Duration::from_millis(50));
/// tones.press(Digit::from_char('8').unwrap(), Duration::from_millis(50))?;
/// let mut audio = [0; 800];
/// tones.overlay(&mut audio);
///
/// let mut detector = Detector::new(8000, Default::default()).unwrap();
/// let heard: Vec<_> = detector.listen(&audio).map(|digit| digit.to_char()).collect();
/// assert_eq!(heard, ['8']);
/// # Ok::<(), media_rtp::dtmf::QueueFull>(())
/// ```
#[derive(Clone, Debug)]
pub struct Detector {
    config: DetectorConfig,
    /// Goertzel coefficients of the eight tones.
    coefficients: [f32; 8],
    /// What the filters of the eight tones gave for the window before.
    before: [Phasor; 8],
    /// The last window, oldest sample first.
    window: Vec<f32>,
    filled: usize,
    /// The least Goertzel power of one tone.
    threshold: f32,
    candidate: Option<Digit>,
    agreeing: u8,
    current: Option<Digit>,
    missing: u8,
}

/// The rate is no multiple of 8 kHz up to 48 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot listen for digits at {0} Hz; use 8000, 16000, 24000, 32000 or 48000")]
pub struct RateUnsupported(pub u32);

const TONES: [u16; 8] = [697, 770, 852, 941, 1209, 1336, 1477, 1633];

/// Window length in samples at 8 kHz.
const WINDOW: usize = 102;

/// Windows in a row that begin a digit, or end it.
const RUN: u8 = 4;

/// How far a tone stands out from the others of its group: 6 dB. A low tone 6 dB louder leaks that far into the high filters.
const STANDS_OUT: f32 = 4.0;

/// How far a tone may be off its frequency: between the 1.5 % that must be heard and the 3.5 % that must not (Q.24).
const OFF: f32 = 0.025;

/// The least share of a tone's power in the window before that tells its phase; a half-filled window has a quarter.
const PHASE: f32 = 0.1;

impl Detector {
    /// A detector for audio at `rate` Hz.
    ///
    /// # Errors
    /// [`RateUnsupported`] unless the rate is a multiple of 8 kHz up to 48 kHz.
    pub fn new(rate: u32, config: DetectorConfig) -> Result<Detector, RateUnsupported> {
        if rate == 0 || !rate.is_multiple_of(8000) || rate > 48_000 {
            return Err(RateUnsupported(rate));
        }
        let length = WINDOW * (rate / 8000) as usize;
        let amplitude = 32_767.0 * 10.0_f32.powf((config.threshold - 3.17) / 20.0);
        let coefficients = TONES.map(|hertz| 2.0 * (TAU * f32::from(hertz) / rate as f32).cos());
        Ok(Detector {
            config,
            coefficients,
            before: [Phasor::default(); 8],
            window: vec![0.0; length],
            filled: length / 2,
            threshold: (amplitude * length as f32 / 2.0).powi(2),
            candidate: None,
            agreeing: 0,
            current: None,
            missing: 0,
        })
    }

    /// Takes audio and gives each digit once, when it has begun. Consume the iterator, or audio goes unheard.
    pub fn listen<'a>(&'a mut self, pcm: &'a [i16]) -> impl Iterator<Item = Digit> + 'a {
        pcm.iter().filter_map(|&sample| self.push(sample))
    }

    /// The digit that sounds, from about 30 ms after its beginning to 25 ms after its end.
    pub fn current(&self) -> Option<Digit> {
        self.current
    }

    /// Whether the last window sounded like a digit, be it the beginning of one or chance.
    pub fn is_suspicious(&self) -> bool {
        self.candidate.is_some() || self.current.is_some()
    }

    fn push(&mut self, sample: i16) -> Option<Digit> {
        self.window[self.filled] = f32::from(sample);
        self.filled += 1;
        if self.filled < self.window.len() {
            return None;
        }
        let verdict = self.judge();
        let hop = self.window.len() / 2;
        self.window.copy_within(hop.., 0);
        self.filled = self.window.len() - hop;
        self.advance(verdict)
    }

    fn advance(&mut self, verdict: Option<Digit>) -> Option<Digit> {
        self.agreeing = if verdict.is_some() && verdict == self.candidate { self.agreeing + 1 } else { 1 };
        self.agreeing = self.agreeing.min(RUN);
        self.candidate = verdict;
        if verdict == self.current {
            self.missing = 0;
            return None;
        }
        self.missing = (self.missing + 1).min(RUN);
        if verdict.is_some() && self.agreeing == RUN {
            self.current = verdict;
            self.missing = 0;
            return verdict;
        }
        if self.missing == RUN {
            self.current = None;
        }
        None
    }

    /// Which digit the window sounds like.
    fn judge(&mut self) -> Option<Digit> {
        let energy: f32 = self.window.iter().map(|s| s * s).sum();
        // A window too quiet for the threshold needs no filters: the common case of silence.
        if energy * self.window.len() as f32 / 2.0 < self.threshold {
            self.before = [Phasor::default(); 8];
            return None;
        }
        let now = self.goertzel();
        let before = std::mem::replace(&mut self.before, now);
        let power = now.map(Phasor::power);
        let (low, high) = power.split_at(4);
        let (row, column) = (strongest(low)?, strongest(high)?);
        let low_power = self.tone_power(row, now, before)?;
        let high_power = self.tone_power(4 + column, now, before)?;
        let twist = 10.0 * (high_power / low_power).log10();
        let pure = (low_power + high_power) / (energy * self.window.len() as f32 / 2.0);
        let loud = low_power.min(high_power) >= self.threshold;
        let level = twist <= self.config.reverse_twist && twist >= -self.config.forward_twist;
        (loud && level && pure >= self.config.purity).then(|| key(row, column)).flatten()
    }

    /// The power of a tone, whatever its frequency within [`OFF`]; `None` beyond.
    fn tone_power(&self, tone: usize, now: [Phasor; 8], before: [Phasor; 8]) -> Option<f32> {
        let (now, before) = (now[tone], before[tone]);
        if before.power() < now.power() * PHASE {
            return Some(now.power());
        }
        let (length, angle) = (self.window.len() as f32, (self.coefficients[tone] / 2.0).acos());
        let hop = (self.window.len() / 2) as f32;
        let turned = now.angle_from(before) - angle * hop;
        // Radians per sample off the tone's frequency; whole turns say nothing.
        let off = (turned - TAU * (turned / TAU).round()) / hop;
        // A tone that is off falls into the slope of its filter, sin x / x.
        let x = off * length / 2.0;
        let slope = if x.abs() < 1e-3 { 1.0 } else { x.sin() / x };
        (off.abs() <= OFF * angle).then(|| now.power() / (slope * slope))
    }

    /// What the filters of the eight tones give for the window, in phase with its end.
    fn goertzel(&self) -> [Phasor; 8] {
        let (mut before, mut last) = ([0.0_f32; 8], [0.0_f32; 8]);
        for &sample in &self.window {
            for tone in 0..8 {
                let next = sample + self.coefficients[tone] * last[tone] - before[tone];
                before[tone] = last[tone];
                last[tone] = next;
            }
        }
        std::array::from_fn(|tone| {
            let cosine = self.coefficients[tone] / 2.0;
            Phasor {
                re: last[tone] - before[tone] * cosine,
                im: before[tone] * (1.0 - cosine * cosine).sqrt(),
            }
        })
    }
}

/// Amplitude and phase of a tone.
#[derive(Clone, Copy, Debug, Default)]
struct Phasor {
    re: f32,
    im: f32,
}

impl Phasor {
    fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    /// The angle from `other` to this, −π to π.
    fn angle_from(self, other: Self) -> f32 {
        let (re, im) = (self.re * other.re + self.im * other.im, self.im * other.re - self.re * other.im);
        im.atan2(re)
    }
}

/// The strongest of a group, if it stands out from the others.
fn strongest(group: &[f32]) -> Option<usize> {
    let (index, &power) = group.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let alone = group.iter().enumerate().all(|(other, &p)| other == index || p * STANDS_OUT <= power);
    alone.then_some(index)
}

fn key(row: usize, column: usize) -> Option<Digit> {
    const PAD: [[char; 4]; 4] =
        [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
    Digit::from_char(PAD[row][column])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::g711;
    use std::f64::consts::TAU;

    const PAD: &str = "123A456B789C*0#D";

    /// One digit's tones: `shift` off their frequencies, with the given peak amplitudes.
    fn tone(c: char, milliseconds: u32, rate: u32, shift: f64, low: f64, high: f64) -> Vec<i16> {
        tones(c, milliseconds, rate, [shift, shift], [low, high])
    }

    fn tones(c: char, milliseconds: u32, rate: u32, shift: [f64; 2], [low, high]: [f64; 2]) -> Vec<i16> {
        let (a, b) = Digit::from_char(c).unwrap().frequencies().unwrap();
        (0..milliseconds * rate / 1000)
            .map(|n| {
                let t = TAU * f64::from(n) / f64::from(rate);
                let (a, b) = (f64::from(a) * shift[0], f64::from(b) * shift[1]);
                (low * (t * a).sin() + high * (t * b).sin()).round() as i16
            })
            .collect()
    }

    fn hear(rate: u32, pcm: &[i16]) -> String {
        let mut detector = Detector::new(rate, DetectorConfig::default()).unwrap();
        let silence = vec![0; rate as usize / 20];
        [&silence[..], pcm, &silence]
            .iter()
            .flat_map(|part| detector.listen(part).collect::<Vec<_>>())
            .map(Digit::to_char)
            .collect()
    }

    /// MR-003: ITU-T Q.24: 40 ms tones with 40 ms pauses, every digit, at each rate, through either law of G.711.
    #[test]
    fn every_digit_is_heard_once_at_forty_milliseconds() {
        for rate in [8000, 16_000, 48_000] {
            let mut pcm = Vec::new();
            for c in PAD.chars() {
                pcm.extend(tone(c, 40, rate, 1.0, 8000.0, 8000.0));
                pcm.extend(vec![0; rate as usize / 25]);
            }
            assert_eq!(hear(rate, &pcm), PAD, "{rate}");
            let ulaw: Vec<i16> = pcm.iter().map(|&s| g711::ulaw_decode(g711::ulaw_encode(s))).collect();
            let alaw: Vec<i16> = pcm.iter().map(|&s| g711::alaw_decode(g711::alaw_encode(s))).collect();
            assert_eq!((hear(rate, &ulaw), hear(rate, &alaw)), (PAD.into(), PAD.into()), "{rate}");
        }
    }

    #[test]
    fn the_place_of_the_window_does_not_matter() {
        for offset in 0..102 {
            let mut pcm = vec![0; offset];
            pcm.extend(tone('6', 40, 8000, 1.0, 6000.0, 6000.0));
            assert_eq!(hear(8000, &pcm), "6", "{offset}");
            let mut pcm = vec![0; offset];
            pcm.extend(tone('6', 23, 8000, 1.0, 6000.0, 6000.0));
            assert_eq!(hear(8000, &pcm), "", "{offset}");
        }
    }

    // ITU-T Q.24, table A-1: off by 1.5 % must be heard, off by 3.5 % must not, be it one frequency or both.
    #[test]
    fn frequencies_off_by_a_little_are_heard_and_by_much_are_not() {
        let check = |shift: [f64; 2], heard: bool| {
            for c in PAD.chars() {
                for rate in [8000, 16_000] {
                    for twist in [0.5, 1.0, 1.4] {
                        for offset in [0, 31, 73] {
                            let mut pcm = vec![0; offset];
                            pcm.extend(tones(c, 60, rate, shift, [8000.0, 8000.0 * twist]));
                            let expected = if heard { c.to_string() } else { String::new() };
                            assert_eq!(hear(rate, &pcm), expected, "{c} {rate} {shift:?} {twist} {offset}");
                        }
                    }
                }
            }
        };
        for (off, heard) in [(0.015, true), (0.035, false), (0.05, false)] {
            for shift in [[1.0 - off, 1.0 - off], [1.0 + off, 1.0 + off], [1.0 - off, 1.0 + off]] {
                check(shift, heard);
            }
            for shift in [[1.0 - off, 1.0], [1.0 + off, 1.0], [1.0, 1.0 - off], [1.0, 1.0 + off]] {
                check(shift, heard);
            }
        }
    }

    #[test]
    fn twist_is_limited_on_either_side() {
        let with_twist =
            |db: f64| hear(8000, &tone('5', 80, 8000, 1.0, 4000.0, 4000.0 * 10.0_f64.powf(db / 20.0)));
        assert_eq!([-7.5, 0.0, 3.5].map(with_twist), ["5", "5", "5"]);
        assert_eq!([-9.0, 5.0].map(with_twist), ["", ""]);
    }

    #[test]
    fn levels_from_nought_to_minus_thirty_five_are_heard() {
        for (db, heard) in [(-6.0, "0"), (-20.0, "0"), (-35.0, "0"), (-38.0, "")] {
            let amplitude = 22_000.0 * 10.0_f64.powf(db / 20.0);
            assert_eq!(hear(8000, &tone('0', 80, 8000, 1.0, amplitude, amplitude)), heard, "{db}");
        }
    }

    #[test]
    fn a_break_of_ten_milliseconds_does_not_double_a_digit_but_a_pause_of_forty_does() {
        for offset in (0..102).step_by(7) {
            let broken = |pause: usize| {
                let mut pcm = vec![0; offset];
                pcm.extend(tone('2', 50, 8000, 1.0, 7000.0, 7000.0));
                pcm.extend(vec![0; pause * 8]);
                pcm.extend(tone('2', 50, 8000, 1.0, 7000.0, 7000.0));
                hear(8000, &pcm)
            };
            assert_eq!((broken(10).as_str(), broken(40).as_str()), ("2", "22"), "{offset}");
        }
    }

    #[test]
    fn noise_fifteen_decibels_down_does_not_hide_a_digit() {
        let mut random = 1_u32;
        for c in PAD.chars() {
            let mut pcm = tone(c, 60, 8000, 1.0, 6000.0, 6000.0);
            for sample in &mut pcm {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Uniform noise of ±1847 has 15 dB less power than the two tones.
                *sample += ((random >> 16) as i32 % 1847 - 923) as i16 * 2;
            }
            assert_eq!(hear(8000, &pcm), c.to_string());
        }
    }

    /// Vowels: pulses at a moving pitch through two resonances 130 Hz wide, some of them right on DTMF frequencies.
    fn vowels() -> Vec<i16> {
        let formants = [
            (700.0, 1220.0),
            (770.0, 1340.0),
            (852.0, 1477.0),
            (941.0, 1633.0),
            (300.0, 2300.0),
            (500.0, 1500.0),
        ];
        let mut pcm = Vec::new();
        for (vowel, &(first, second)) in formants.iter().enumerate() {
            for pitch in [85.0, 110.0, 140.0, 175.0, 220.0, 270.0, 330.0] {
                let (mut a, mut b) = ([0.0_f64; 2], [0.0_f64; 2]);
                let mut phase = 0.0;
                for n in 0..4000 {
                    phase += pitch * (1.0 + 0.05 * (f64::from(n) / 700.0 + vowel as f64).sin()) / 8000.0;
                    let pulse = if phase >= 1.0 { 1000.0 } else { 0.0 };
                    phase -= phase.floor();
                    for (state, hertz) in [(&mut a, first), (&mut b, second)] {
                        let next = pulse + 1.90 * (TAU * hertz / 8000.0).cos() * state[0] - 0.9025 * state[1];
                        *state = [next, state[0]];
                    }
                    pcm.push(((a[0] + b[0]) * 1.5) as i16);
                }
            }
        }
        pcm
    }

    #[test]
    fn vowels_noise_and_call_progress_tones_are_not_digits() {
        assert_eq!(hear(8000, &vowels()), "");
        let mut random = 7_u32;
        let noise: Vec<i16> = (0..400_000)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 18) as i16 - 8192
            })
            .collect();
        assert_eq!(hear(8000, &noise), "");
        for plan in crate::tone::TonePlan::all() {
            for tone in [plan.dial, plan.ring_back, plan.busy, plan.congestion, plan.special_information] {
                let mut pcm = vec![0; 80_000];
                crate::tone::Generator::new(tone, 8000).fill(&mut pcm);
                assert_eq!(hear(8000, &pcm), "", "{}", plan.country);
            }
        }
    }

    #[test]
    fn other_rates_are_refused() {
        for rate in [0, 11_025, 44_100, 96_000] {
            assert_eq!(Detector::new(rate, DetectorConfig::default()).unwrap_err(), RateUnsupported(rate));
        }
    }
}
