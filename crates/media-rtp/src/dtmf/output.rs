//! Digits out, whichever way the peer agreed to.

use super::{
    Digit, EventPacket, EventSender, InfoKind, InfoSignal, QueueFull, SenderConfig, ToneLevels, ToneSender,
};
use std::collections::VecDeque;
use std::time::Duration;

/// How digits are sent to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Telephone-event packets (RFC 4733), out of band: the default.
    #[default]
    Events,
    /// Tones in the audio.
    InBand,
    /// SIP INFO.
    Info(InfoKind),
}

/// Sends digits by one method; with [`super::DigitInput`] on the other leg it converts between any two.
#[derive(Clone, Debug)]
pub struct DigitOutput {
    method: Method,
    events: EventSender,
    tones: ToneSender,
    bodies: VecDeque<InfoSignal>,
}

/// The least a digit lasts, so that every receiver hears it (ITU-T Q.24: 40 ms), with some to spare.
const SHORTEST: Duration = Duration::from_millis(60);

impl DigitOutput {
    /// An output by `method`; `audio_rate` is the rate in Hz of the audio passed to [`DigitOutput::overlay`].
    pub fn new(method: Method, config: SenderConfig, audio_rate: u32) -> DigitOutput {
        DigitOutput {
            method,
            events: EventSender::new(config),
            tones: ToneSender::new(audio_rate, ToneLevels::from_volume(config.volume), config.pause),
            bodies: VecDeque::new(),
        }
    }

    /// Sends a digit of `duration`, which is lengthened to 60 ms if shorter.
    ///
    /// # Errors
    /// [`QueueFull`] when [`EventSender::QUEUE`] digits wait.
    pub fn press(&mut self, digit: Digit, duration: Duration) -> Result<(), QueueFull> {
        let duration = duration.max(SHORTEST);
        match self.method {
            Method::Events => self.events.press(digit, Some(duration)),
            Method::InBand => self.tones.press(digit, duration),
            Method::Info(_) if self.bodies.len() >= EventSender::QUEUE => Err(QueueFull),
            Method::Info(_) => {
                self.bodies.push_back(InfoSignal { digit, duration: Some(duration) });
                Ok(())
            }
        }
    }

    /// The event packet to send instead of audio in the packet time at `timestamp`, as [`EventSender::packet`].
    pub fn packet(&mut self, timestamp: u32) -> Option<EventPacket> {
        self.events.packet(timestamp)
    }

    /// Replaces audio about to be encoded by tones, as [`ToneSender::overlay`].
    pub fn overlay(&mut self, pcm: &mut [i16]) -> usize {
        self.tones.overlay(pcm)
    }

    /// The next INFO to send: its `Content-Type` and body.
    pub fn info(&mut self) -> Option<(&'static str, String)> {
        let Method::Info(kind) = self.method else { return None };
        let signal = self.bodies.pop_front()?;
        Some((kind.content_type(), signal.to_body(kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{DigitInput, Report, parse_info};
    use std::time::Instant;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// Sends `digits` by `method`, and gives what the far end understood.
    fn through(method: Method, clock_rate: u32, digits: &str) -> String {
        let config = SenderConfig { clock_rate, ..SenderConfig::default() };
        let mut output = DigitOutput::new(method, config, clock_rate);
        let mut input = DigitInput::new(clock_rate, Some(clock_rate)).unwrap();
        for digit in Digit::parse_all(digits).unwrap() {
            output.press(digit, Duration::from_millis(20)).unwrap();
        }
        let start = origin();
        let ticks = clock_rate / 50;
        for n in 0..200 {
            let now = start + Duration::from_millis(20) * n;
            if let Some(packet) = output.packet(n * ticks) {
                let EventPacket { timestamp, marker, payload } = packet;
                input.handle_event(Report { ssrc: 9, timestamp, marker, payload: &payload }, now);
            } else {
                let mut pcm = vec![0; ticks as usize];
                output.overlay(&mut pcm);
                input.handle_audio(&pcm, now);
            }
            while let Some((content_type, body)) = output.info() {
                let kind = InfoKind::from_content_type(content_type).unwrap();
                input.handle_info(parse_info(kind, body.as_bytes()).unwrap(), now);
            }
        }
        std::iter::from_fn(|| input.poll_output()).map(|(digit, _)| digit.to_char()).collect()
    }

    /// MR-003: RTP events are the default; in-band audio and INFO are the alternatives, and all carry the same digits.
    #[test]
    fn every_method_carries_the_same_digits() {
        assert_eq!(Method::default(), Method::Events);
        for method in
            [Method::Events, Method::InBand, Method::Info(InfoKind::Relay), Method::Info(InfoKind::Plain)]
        {
            for clock in [8000, 16_000, 48_000] {
                assert_eq!(through(method, clock, "4115#*09AD"), "4115#*09AD", "{method:?} {clock}");
            }
        }
    }
}
