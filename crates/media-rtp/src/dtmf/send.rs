//! Sending telephone events (RFC 4733 §2.5.1).

use super::{Digit, Event};
use std::collections::VecDeque;
use std::time::Duration;

/// How events are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// RTP clock in Hz: the audio codec's.
    pub clock_rate: u32,
    /// Time between packets, which is the audio's.
    pub packet_time: Duration,
    /// Power in dBm0 without its sign, 0..=63.
    pub volume: u8,
    /// The least silence between two digits.
    pub pause: Duration,
}

impl Default for SenderConfig {
    fn default() -> SenderConfig {
        SenderConfig {
            clock_rate: 8000,
            packet_time: Duration::from_millis(20),
            volume: 10,
            pause: Duration::from_millis(60),
        }
    }
}

/// A telephone-event packet, to be sent in place of an audio packet under the next sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// RTP timestamp: when the event, or its segment, began.
    pub timestamp: u32,
    /// RTP marker bit: the first packet of an event.
    pub marker: bool,
    /// RTP payload.
    pub payload: [u8; Event::SIZE],
}

/// More digits were queued than a person can have dialled; send fewer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} digits are waiting already; send fewer at a time", EventSender::QUEUE)]
pub struct QueueFull;

/// Turns digits into event packets. Its clock is the RTP timestamp passed to [`EventSender::packet`].
///
/// ```
/// use media_rtp::dtmf::{Digit, EventSender, SenderConfig};
/// use std::time::Duration;
///
/// let mut sender = EventSender::new(SenderConfig::default());
/// sender.press(Digit::from_char('5').unwrap(), Some(Duration::from_millis(40)))?;
/// let packets: Vec<_> = (0..9).filter_map(|n| sender.packet(n * 160)).collect();
/// assert_eq!(packets.len(), 4); // 20 ms, then 40 ms with the end bit, three times
/// assert!(packets[0].marker && packets.iter().all(|packet| packet.timestamp == 0));
/// # Ok::<(), media_rtp::dtmf::QueueFull>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventSender {
    config: SenderConfig,
    queue: VecDeque<(Digit, Option<Duration>)>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    /// No event before this timestamp.
    Pausing {
        until: u32,
    },
    Sounding(Sounding),
    /// The final packet has been sent and is repeated.
    Ending {
        packet: EventPacket,
        left: u8,
    },
}

#[derive(Clone, Copy, Debug)]
struct Sounding {
    digit: Digit,
    /// When the digit was pressed, and when the segment being reported began.
    began: u32,
    segment: u32,
    /// Ticks the digit is to last, or `None` until released.
    target: Option<u32>,
    started: bool,
    /// Times that a full segment is still to be reported.
    repeats: u8,
}

impl EventSender {
    /// The most digits that wait to be sent.
    pub const QUEUE: usize = 64;

    /// The longest a digit lasts, by request or for want of a release.
    pub const LONGEST: Duration = Duration::from_secs(60);

    /// A sender with nothing to send.
    pub fn new(config: SenderConfig) -> EventSender {
        EventSender { config, queue: VecDeque::new(), state: State::Idle }
    }

    /// Queues a digit of `duration`, or one that lasts until [`EventSender::release`].
    ///
    /// # Errors
    /// [`QueueFull`] when [`EventSender::QUEUE`] digits wait already.
    pub fn press(&mut self, digit: Digit, duration: Option<Duration>) -> Result<(), QueueFull> {
        if self.queue.len() >= EventSender::QUEUE {
            return Err(QueueFull);
        }
        self.queue.push_back((digit, duration));
        Ok(())
    }

    /// Ends the digit that sounds until released, or keeps it from being longer than one packet if it has not begun.
    pub fn release(&mut self, timestamp: u32) {
        if let State::Sounding(sounding) = &mut self.state
            && sounding.target.is_none()
        {
            sounding.target = Some(timestamp.wrapping_sub(sounding.began));
        } else if let Some((_, duration @ None)) = self.queue.back_mut() {
            *duration = Some(Duration::ZERO);
        }
    }

    /// Whether digits sound or wait; audio is then to be left out where [`EventSender::packet`] gives a packet.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty() || matches!(self.state, State::Sounding(_) | State::Ending { .. })
    }

    /// The packet for the packet time that begins at `timestamp`; `None` when audio is to be sent.
    ///
    /// Call it once per packet time, with the timestamp the audio packet would have.
    pub fn packet(&mut self, timestamp: u32) -> Option<EventPacket> {
        match self.state {
            State::Idle => self.begin(timestamp),
            State::Pausing { until } if (timestamp.wrapping_sub(until) as i32) < 0 => None,
            State::Pausing { .. } => self.begin(timestamp),
            State::Sounding(sounding) => Some(self.report(sounding, timestamp)),
            State::Ending { packet, left } => {
                self.state = if left > 1 {
                    State::Ending { packet, left: left - 1 }
                } else {
                    let until = timestamp
                        .wrapping_add(self.packet_ticks())
                        .wrapping_add(self.ticks(self.config.pause));
                    State::Pausing { until }
                };
                Some(packet)
            }
        }
    }

    fn begin(&mut self, timestamp: u32) -> Option<EventPacket> {
        self.state = State::Idle;
        let (digit, duration) = self.queue.pop_front()?;
        let sounding = Sounding {
            digit,
            began: timestamp,
            segment: timestamp,
            target: duration.map(|duration| self.ticks(duration.min(EventSender::LONGEST))),
            started: false,
            repeats: 0,
        };
        Some(self.report(sounding, timestamp))
    }

    /// Reports the digit up to the end of this packet time.
    fn report(&mut self, mut sounding: Sounding, timestamp: u32) -> EventPacket {
        // RFC 4733 §2.5.1.2: the marker is on the first packet only, the timestamp stays, the duration grows.
        let marker = !sounding.started;
        sounding.started = true;
        let elapsed = timestamp.wrapping_sub(sounding.began).wrapping_add(self.packet_ticks());
        let target = sounding.target.unwrap_or_else(|| self.ticks(EventSender::LONGEST));
        let so_far = elapsed.min(target.max(self.packet_ticks()));
        let in_segment = so_far.wrapping_sub(sounding.segment.wrapping_sub(sounding.began));
        let volume = if sounding.digit == Digit::FLASH { 0 } else { self.config.volume };
        let packet = |duration: u16, end: bool| EventPacket {
            timestamp: sounding.segment,
            marker,
            payload: Event { code: sounding.digit.code(), end, volume, duration }.to_bytes(),
        };
        if in_segment > u32::from(u16::MAX) {
            // RFC 4733 §2.5.1.3: a full segment is reported without the end bit, and the next one begins where it
            // ended, without the marker. §2.5.1.4: its last packet is sent three times too.
            let full = packet(u16::MAX, false);
            sounding.repeats += 1;
            if sounding.repeats == 3 {
                sounding.segment = sounding.segment.wrapping_add(u32::from(u16::MAX));
                sounding.repeats = 0;
            }
            self.state = State::Sounding(sounding);
            return full;
        }
        if elapsed < target {
            self.state = State::Sounding(sounding);
            return packet(in_segment as u16, false);
        }
        // RFC 4733 §2.5.1.4: the final packet is sent three times.
        let last = packet(in_segment as u16, true);
        self.state = State::Ending { packet: EventPacket { marker: false, ..last }, left: 2 };
        last
    }

    fn packet_ticks(&self) -> u32 {
        self.ticks(self.config.packet_time).max(1)
    }

    fn ticks(&self, time: Duration) -> u32 {
        (time.as_micros() * u128::from(self.config.clock_rate) / 1_000_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(c: char) -> Digit {
        Digit::from_char(c).unwrap()
    }

    /// Runs a sender for `packets` packet times and gives each packet with its packet time.
    fn run(config: SenderConfig, digits: &[(char, u64)], packets: u32) -> Vec<(u32, EventPacket, Event)> {
        let mut sender = EventSender::new(config);
        for &(c, milliseconds) in digits {
            sender.press(digit(c), Some(Duration::from_millis(milliseconds))).unwrap();
        }
        let step = sender.packet_ticks();
        let origin = u32::MAX - 100;
        (0..packets)
            .filter_map(|n| {
                let packet = sender.packet(origin.wrapping_add(n * step))?;
                Some((n, packet, Event::parse_all(&packet.payload).next().unwrap()))
            })
            .collect()
    }

    // RFC 4733 §2.5.1.2 and §2.5.1.4.
    /// MR-003: a digit is one marker packet, growing durations under one timestamp, and the end three times.
    #[test]
    fn a_digit_is_marked_once_grows_and_ends_three_times() {
        for clock_rate in [8000, 16_000, 48_000] {
            let sent = run(SenderConfig { clock_rate, ..SenderConfig::default() }, &[('7', 100)], 40);
            let ticks = clock_rate / 50;
            let durations: Vec<u32> =
                sent.iter().map(|(_, _, event)| u32::from(event.duration) / ticks).collect();
            assert_eq!(durations, [1, 2, 3, 4, 5, 5, 5]);
            let ends: Vec<bool> = sent.iter().map(|(_, _, event)| event.end).collect();
            assert_eq!(ends, [false, false, false, false, true, true, true]);
            for (n, packet, event) in &sent {
                assert_eq!((packet.marker, packet.timestamp), (*n == 0, sent[0].1.timestamp));
                assert_eq!((event.code, event.volume), (7, 10));
            }
        }
    }

    #[test]
    fn digits_follow_each_other_after_the_pause() {
        let sent = run(SenderConfig::default(), &[('1', 40), ('1', 40), ('2', 20)], 60);
        let starts: Vec<u32> = sent.iter().filter(|(_, packet, _)| packet.marker).map(|(n, ..)| *n).collect();
        // Two packets and two repeats each, then at least 60 ms.
        assert_eq!(starts, [0, 7, 14]);
    }

    // RFC 4733 §2.5.1.3.
    #[test]
    fn a_digit_longer_than_the_field_is_split_into_contiguous_segments() {
        let sent = run(SenderConfig::default(), &[('5', 20_000)], 1100);
        let first = sent[0].1.timestamp;
        let segments: Vec<u32> = {
            let mut all: Vec<u32> =
                sent.iter().map(|(_, packet, _)| packet.timestamp.wrapping_sub(first)).collect();
            all.dedup();
            all
        };
        assert_eq!(segments, [0, 65_535, 131_070]);
        let full: Vec<bool> = sent
            .iter()
            .filter(|(.., event)| event.duration == u16::MAX)
            .map(|(.., event)| event.end)
            .collect();
        assert_eq!(full, [false; 6]);
        assert_eq!(sent.iter().filter(|(_, packet, _)| packet.marker).count(), 1);
        let (_, last, event) = sent.last().unwrap();
        let total = last.timestamp.wrapping_sub(first) + u32::from(event.duration);
        assert_eq!((total, event.end), (160_000, true));
    }

    #[test]
    fn a_held_digit_ends_when_released() {
        let mut sender = EventSender::new(SenderConfig::default());
        sender.press(digit('#'), None).unwrap();
        for n in 0..10 {
            assert!(!Event::parse_all(&sender.packet(n * 160).unwrap().payload).next().unwrap().end);
        }
        sender.release(10 * 160);
        let event = Event::parse_all(&sender.packet(10 * 160).unwrap().payload).next().unwrap();
        assert_eq!((event.end, event.duration), (true, 1600));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut sender = EventSender::new(SenderConfig::default());
        for _ in 0..EventSender::QUEUE {
            sender.press(digit('0'), None).unwrap();
        }
        assert_eq!(sender.press(digit('0'), None), Err(QueueFull));
        assert!(sender.is_busy());
    }
}
