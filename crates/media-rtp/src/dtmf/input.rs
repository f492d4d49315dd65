//! Digits from whichever way they come, each once.

use super::{Change, Detector, DetectorConfig, Digit, EventReceiver, InfoSignal, RateUnsupported, Report};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a digit came in, the least reliable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Heard in the audio.
    InBand,
    /// Told in a SIP INFO.
    Info,
    /// Told in telephone-event packets.
    Events,
}

/// Merges the ways a peer sends digits.
///
/// Many phones send the same digit two ways at once. The most reliable way seen so far counts; the others are ignored
/// from then on, and a digit that repeats another way's last one within half a second is its echo.
#[derive(Clone, Debug)]
pub struct DigitInput {
    events: EventReceiver,
    detector: Option<Detector>,
    best: Source,
    last: Option<(Digit, Source, Instant)>,
    digits: VecDeque<(Digit, Source)>,
    echoes: u64,
}

/// Two ways of telling one digit are at most this far apart.
const ECHO: Duration = Duration::from_millis(500);

impl DigitInput {
    /// Listens to events at `event_clock` Hz, to INFO, and to audio at `audio_rate` Hz unless `None`.
    ///
    /// # Errors
    /// [`RateUnsupported`] as for [`Detector::new`].
    pub fn new(event_clock: u32, audio_rate: Option<u32>) -> Result<DigitInput, RateUnsupported> {
        let detector = audio_rate.map(|rate| Detector::new(rate, DetectorConfig::default())).transpose()?;
        Ok(DigitInput {
            events: EventReceiver::new(event_clock),
            detector,
            best: Source::InBand,
            last: None,
            digits: VecDeque::new(),
            echoes: 0,
        })
    }

    /// Takes a telephone-event packet.
    pub fn handle_event(&mut self, report: Report<'_>, now: Instant) {
        self.events.handle_input(report, now);
        self.follow(now);
    }

    /// Takes the signal of an INFO request.
    pub fn handle_info(&mut self, signal: InfoSignal, now: Instant) {
        self.digit(signal.digit, Source::Info, now);
    }

    /// Takes decoded audio. Costs nothing once the peer has used a better way.
    pub fn handle_audio(&mut self, pcm: &[i16], now: Instant) {
        if self.best > Source::InBand {
            return;
        }
        let Some(mut detector) = self.detector.take() else { return };
        for digit in detector.listen(pcm) {
            self.digit(digit, Source::InBand, now);
        }
        self.detector = Some(detector);
    }

    /// Lets the time pass; call it at [`DigitInput::next_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.events.handle_timeout(now);
        self.follow(now);
    }

    /// When to call [`DigitInput::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.events.next_timeout()
    }

    /// The next digit and how it came.
    pub fn poll_output(&mut self) -> Option<(Digit, Source)> {
        self.digits.pop_front()
    }

    /// How many digits were told twice or by a way no longer trusted.
    pub fn echoes(&self) -> u64 {
        self.echoes
    }

    fn follow(&mut self, now: Instant) {
        while let Some(change) = self.events.poll_output() {
            match change {
                Change::Pressed { digit, .. } => self.digit(digit, Source::Events, now),
                Change::Released { .. } => {}
            }
        }
    }

    fn digit(&mut self, digit: Digit, source: Source, now: Instant) {
        let echo = self.last.is_some_and(|(last, by, at)| last == digit && by != source && now < at + ECHO);
        if source < self.best || echo || self.digits.len() == EventReceiver::QUEUE {
            self.echoes += 1;
        } else {
            self.last = Some((digit, source, now));
            self.digits.push_back((digit, source));
        }
        self.best = self.best.max(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{ToneLevels, ToneSender};

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn audio(c: char) -> Vec<i16> {
        let mut tones = ToneSender::new(8000, ToneLevels::default(), Duration::from_millis(60));
        tones.press(Digit::from_char(c).unwrap(), Duration::from_millis(80)).unwrap();
        let mut pcm = vec![0; 1120];
        tones.overlay(&mut pcm);
        pcm
    }

    fn event(input: &mut DigitInput, c: char, timestamp: u32, now: Instant) {
        let payload = [Digit::from_char(c).unwrap().code(), 0x8a, 3, 0x20];
        input.handle_event(Report { ssrc: 1, timestamp, marker: true, payload: &payload }, now);
    }

    fn heard(input: &mut DigitInput) -> String {
        std::iter::from_fn(|| input.poll_output()).map(|(digit, _)| digit.to_char()).collect()
    }

    /// MR-003: in-band audio is understood where the peer sends nothing better.
    #[test]
    fn in_band_digits_count_while_nothing_better_comes() {
        let mut input = DigitInput::new(8000, Some(8000)).unwrap();
        let now = origin();
        for c in ['1', '1', '9'] {
            input.handle_audio(&audio(c), now);
        }
        assert_eq!(heard(&mut input), "119");
    }

    #[test]
    fn a_digit_sent_two_ways_counts_once_whichever_comes_first() {
        for audio_first in [true, false] {
            let mut input = DigitInput::new(8000, Some(8000)).unwrap();
            let now = origin();
            for n in 0..3 {
                let at = now + Duration::from_secs(u64::from(n));
                if audio_first {
                    input.handle_audio(&audio('5'), at);
                }
                event(&mut input, '5', 8000 * n, at + Duration::from_millis(60));
                if !audio_first {
                    input.handle_audio(&audio('5'), at);
                }
            }
            assert_eq!(heard(&mut input), "555", "{audio_first}");
        }
    }

    #[test]
    fn info_beside_events_is_an_echo() {
        let mut input = DigitInput::new(8000, None).unwrap();
        let now = origin();
        let signal = InfoSignal { digit: Digit::from_char('3').unwrap(), duration: None };
        input.handle_info(signal, now);
        event(&mut input, '3', 0, now + Duration::from_millis(20));
        event(&mut input, '4', 8000, now + Duration::from_secs(1));
        input.handle_info(
            InfoSignal { digit: Digit::from_char('4').unwrap(), duration: None },
            now + Duration::from_secs(3),
        );
        assert_eq!((heard(&mut input).as_str(), input.echoes()), ("34", 2));
    }
}
