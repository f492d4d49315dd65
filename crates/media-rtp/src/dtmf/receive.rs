//! Receiving telephone events (RFC 4733 §2.5.2): each digit once, whatever is lost, repeated or out of order.

use super::{Digit, Event};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One telephone-event packet, as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// RTP timestamp.
    pub timestamp: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// RTP payload.
    pub payload: &'a [u8],
}

/// What the sender did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A digit began.
    Pressed {
        /// Which one.
        digit: Digit,
        /// Its power in dBm0 without the sign; 0 when not stated.
        volume: u8,
    },
    /// The digit ended.
    Released {
        /// Which one.
        digit: Digit,
        /// How long it lasted, as far as known.
        duration: Duration,
        /// How the end was learned.
        cause: EndCause,
    },
}

/// How the end of a digit was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// A packet with the end bit.
    EndBit,
    /// The next digit began; all ends were lost.
    NextDigit,
    /// Nothing more arrived.
    Silence,
}

/// What arrived and was not a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Reports of digits that had ended already: the redundant ends, mostly.
    pub repeated: u64,
    /// Events other than digits and the flash.
    pub unknown: u64,
    /// Payloads too short to hold a report, or reports of zero duration.
    pub malformed: u64,
    /// Changes dropped because nobody polled.
    pub overflowed: u64,
}

/// Follows the events of one stream.
#[derive(Clone, Debug)]
pub struct EventReceiver {
    clock_rate: u32,
    ssrc: Option<u32>,
    current: Option<Current>,
    /// The last digit that ended.
    ended: Option<Ended>,
    changes: VecDeque<Change>,
    stats: ReceiverStats,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    digit: Digit,
    /// When the segment being reported began, and how long the ones before it were.
    segment: u32,
    before: u64,
    duration: u16,
    last_heard: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    digit: Digit,
    segment: u32,
    duration: u16,
}

impl EventReceiver {
    /// The most changes kept for [`EventReceiver::poll_output`].
    pub const QUEUE: usize = 64;

    /// Packed events read from one packet; senders never have reason for more.
    const PACKED: usize = 8;

    // RFC 4733 §2.5.2.2: a tone is not extended beyond three packet times; at the recommended 50 ms that is this.
    const SILENCE: Duration = Duration::from_millis(150);

    /// A receiver of events at `clock_rate` Hz, the rate of the `telephone-event` rtpmap.
    pub fn new(clock_rate: u32) -> EventReceiver {
        EventReceiver {
            clock_rate: clock_rate.max(1),
            ssrc: None,
            current: None,
            ended: None,
            changes: VecDeque::new(),
            stats: ReceiverStats::default(),
        }
    }

    /// Takes one packet.
    pub fn handle_input(&mut self, report: Report<'_>, now: Instant) {
        if self.ssrc != Some(report.ssrc) {
            // Another source has another timestamp base: nothing of the old one can be compared with it.
            self.release(EndCause::NextDigit);
            self.ended = None;
            self.ssrc = Some(report.ssrc);
        }
        if report.payload.len() < Event::SIZE {
            self.stats.malformed += 1;
        }
        let mut timestamp = report.timestamp;
        for event in Event::parse_all(report.payload).take(EventReceiver::PACKED) {
            self.event(event, timestamp, report.marker, now);
            timestamp = timestamp.wrapping_add(u32::from(event.duration));
        }
    }

    /// Ends a digit of which nothing more is heard.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|at| at <= now) {
            self.release(EndCause::Silence);
        }
    }

    /// When to call [`EventReceiver::handle_timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.current.map(|current| current.last_heard + EventReceiver::SILENCE)
    }

    /// The next change, in the order they happened.
    pub fn poll_output(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// What else arrived.
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }

    fn event(&mut self, event: Event, timestamp: u32, marker: bool, now: Instant) {
        let Some(digit) = Digit::from_code(event.code) else {
            self.stats.unknown += 1;
            return;
        };
        if event.duration == 0 {
            // RFC 4733 §2.3.5: zero duration is for states. Some phones begin a digit with it; their next packet will do.
            self.stats.malformed += 1;
            return;
        }
        if self.continues(digit, timestamp, marker) {
            self.extend(event, timestamp, now);
        } else if self.is_over(digit, timestamp, marker) {
            self.stats.repeated += 1;
        } else {
            self.release(EndCause::NextDigit);
            self.push(Change::Pressed { digit, volume: event.volume });
            let duration = event.duration;
            self.current = Some(Current { digit, segment: timestamp, before: 0, duration, last_heard: now });
            if event.end {
                self.release(EndCause::EndBit);
            }
        }
    }

    /// Whether the report belongs to the digit that sounds.
    fn continues(&self, digit: Digit, timestamp: u32, marker: bool) -> bool {
        self.current.is_some_and(|current| {
            current.digit == digit && same_event(current.segment, current.duration, timestamp, marker)
        })
    }

    fn extend(&mut self, event: Event, timestamp: u32, now: Instant) {
        let Some(current) = &mut self.current else { return };
        current.last_heard = now;
        // RFC 4733 §2.5.2.3: a segment that begins where a full one ended goes on with the same digit.
        if timestamp == current.segment.wrapping_add(u32::from(u16::MAX)) {
            current.before += u64::from(u16::MAX);
            current.segment = timestamp;
            current.duration = event.duration;
        } else {
            let moved = timestamp.wrapping_sub(current.segment).min(u32::from(u16::MAX)) as u16;
            current.duration = current.duration.max(event.duration.saturating_add(moved));
        }
        if event.end {
            self.release(EndCause::EndBit);
        }
    }

    /// Whether the report is of the digit that ended last, or of an earlier one.
    fn is_over(&self, digit: Digit, timestamp: u32, marker: bool) -> bool {
        if let Some(ended) = self.ended {
            if ended.digit == digit && same_event(ended.segment, ended.duration, timestamp, marker) {
                return true;
            }
            let behind = ended.segment.wrapping_sub(timestamp) as i32;
            // A marker from far behind is a sender that restarted its clock.
            let restarted = marker && i64::from(behind) > 5 * i64::from(self.clock_rate);
            if behind >= 0 && !restarted {
                return true;
            }
        }
        // A late packet of a digit before the one that sounds.
        self.current.is_some_and(|current| {
            let behind = current.segment.wrapping_sub(timestamp) as i32;
            behind > 0 && i64::from(behind) <= 5 * i64::from(self.clock_rate)
        })
    }

    fn release(&mut self, cause: EndCause) {
        if let Some(current) = self.current.take() {
            let ticks = current.before + u64::from(current.duration);
            let duration = Duration::from_micros(ticks * 1_000_000 / u64::from(self.clock_rate));
            self.push(Change::Released { digit: current.digit, duration, cause });
            self.ended =
                Some(Ended { digit: current.digit, segment: current.segment, duration: current.duration });
        }
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() == EventReceiver::QUEUE {
            self.changes.pop_front();
            self.stats.overflowed += 1;
        }
        self.changes.push_back(change);
    }
}

/// Whether a report at `timestamp` is of the event, or its next segment, that began at `segment`.
fn same_event(segment: u32, duration: u16, timestamp: u32, marker: bool) -> bool {
    let ahead = timestamp.wrapping_sub(segment);
    // Some gateways move the timestamp with each update. Without a marker, an event that begins before the last report of
    // the same digit ended cannot be another one.
    ahead == 0 || (!marker && (ahead <= u32::from(duration) || ahead == u32::from(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{EventSender, SenderConfig};
    use proptest::prelude::*;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// What a receiver makes of the digits after the packets numbered in `lost` are gone; also with each packet twice.
    fn heard(digits: &[(char, u64)], lost: impl Fn(usize) -> bool, copies: usize) -> Vec<Change> {
        let start = origin();
        let mut sender = EventSender::new(SenderConfig::default());
        for &(c, milliseconds) in digits {
            sender.press(Digit::from_char(c).unwrap(), Some(Duration::from_millis(milliseconds))).unwrap();
        }
        let mut receiver = EventReceiver::new(8000);
        let mut sent = 0;
        let mut changes = Vec::new();
        let mut timestamp = 0xffff_f000_u32;
        for n in 0..2000 {
            let now = start + Duration::from_millis(20) * n;
            receiver.handle_timeout(now);
            if let Some(packet) = sender.packet(timestamp) {
                for _ in 0..if lost(sent) { 0 } else { copies } {
                    let EventPacket { timestamp, marker, payload } = packet;
                    receiver.handle_input(Report { ssrc: 1, timestamp, marker, payload: &payload }, now);
                }
                sent += 1;
            }
            timestamp = timestamp.wrapping_add(160);
            changes.extend(std::iter::from_fn(|| receiver.poll_output()));
        }
        changes
    }
    use crate::dtmf::EventPacket;

    fn text(changes: &[Change]) -> String {
        let mut text = String::new();
        for change in changes {
            if let Change::Pressed { digit, .. } = change {
                text.push(digit.to_char());
            }
        }
        text
    }

    fn durations(changes: &[Change]) -> Vec<(u128, EndCause)> {
        changes
            .iter()
            .filter_map(|change| match change {
                Change::Released { duration, cause, .. } => Some((duration.as_millis(), *cause)),
                Change::Pressed { .. } => None,
            })
            .collect()
    }

    /// MR-003: with redundant ends and duplicated packets, each digit is reported once, also the same twice in a row.
    #[test]
    fn redundant_ends_and_duplicates_are_one_digit() {
        let changes = heard(&[('1', 100), ('1', 100), ('#', 60)], |_| false, 2);
        assert_eq!(text(&changes), "11#");
        assert_eq!(
            durations(&changes),
            [(100, EndCause::EndBit), (100, EndCause::EndBit), (60, EndCause::EndBit)]
        );
    }

    #[test]
    fn any_one_packet_may_be_lost() {
        // 5 packets and 2 repeats per digit.
        for lost in 0..14 {
            let changes = heard(&[('4', 100), ('4', 100)], |n| n == lost, 1);
            assert_eq!(text(&changes), "44", "{lost}");
            assert_eq!(changes.len(), 4, "{lost}");
        }
    }

    #[test]
    fn a_lost_start_still_gives_the_digit_and_its_length() {
        let changes = heard(&[('9', 100)], |n| n < 6, 1);
        assert_eq!((text(&changes).as_str(), durations(&changes)), ("9", vec![(100, EndCause::EndBit)]));
    }

    #[test]
    fn lost_ends_are_replaced_by_silence_or_the_next_digit() {
        let changes = heard(&[('9', 100)], |n| n >= 4, 1);
        assert_eq!(durations(&changes), [(80, EndCause::Silence)]);
        let changes = heard(&[('9', 100), ('8', 100)], |n| (4..7).contains(&n), 1);
        assert_eq!(durations(&changes), [(80, EndCause::NextDigit), (100, EndCause::EndBit)]);
    }

    // RFC 4733 §2.5.2.3.
    #[test]
    fn a_long_digit_is_one_digit() {
        let changes = heard(&[('5', 20_000)], |_| false, 1);
        assert_eq!((text(&changes).as_str(), durations(&changes)), ("5", vec![(20_000, EndCause::EndBit)]));
    }

    fn feed(packets: &[(u32, bool, [u8; 4])]) -> EventReceiver {
        let mut receiver = EventReceiver::new(8000);
        for (timestamp, marker, payload) in packets {
            let report = Report { ssrc: 1, timestamp: *timestamp, marker: *marker, payload };
            receiver.handle_input(report, origin());
        }
        receiver
    }

    fn all(receiver: &mut EventReceiver) -> Vec<Change> {
        std::iter::from_fn(|| receiver.poll_output()).collect()
    }

    #[test]
    fn a_gateway_that_moves_the_timestamp_sends_one_digit_all_the_same() {
        let mut receiver = feed(&[
            (0, true, [3, 10, 0, 160]),
            (160, false, [3, 10, 1, 64]),
            (320, false, [3, 10, 1, 224]),
            (480, false, [3, 138, 2, 128]),
            (640, false, [3, 138, 2, 128]),
        ]);
        assert_eq!(text(&all(&mut receiver)), "3");
        assert_eq!(receiver.stats().repeated, 1);
    }

    #[test]
    fn packets_out_of_order_do_not_repeat_a_digit() {
        let (one, two) = ([1, 138, 3, 32], [2, 10, 0, 160]);
        let mut receiver =
            feed(&[(0, true, [1, 10, 0, 160]), (0, false, one), (4000, true, two), (0, false, one)]);
        assert_eq!(text(&all(&mut receiver)), "12");
        // A lost beginning whose end comes after the next digit began is gone for good.
        let mut receiver = feed(&[(4000, true, two), (0, false, one), (4000, false, [2, 138, 1, 64])]);
        assert_eq!(text(&all(&mut receiver)), "2");
    }

    #[test]
    fn packed_events_are_read_one_after_the_other() {
        let mut receiver = EventReceiver::new(8000);
        let payload = [1, 138, 3, 32, 2, 138, 3, 32];
        receiver.handle_input(Report { ssrc: 1, timestamp: 0, marker: true, payload: &payload }, origin());
        receiver.handle_input(Report { ssrc: 1, timestamp: 0, marker: true, payload: &payload }, origin());
        assert_eq!(text(&all(&mut receiver)), "12");
    }

    #[test]
    fn a_new_source_or_a_restarted_clock_is_heard() {
        let mut receiver = feed(&[(900_000, true, [1, 138, 3, 32]), (100, true, [2, 138, 3, 32])]);
        receiver.handle_input(
            Report { ssrc: 2, timestamp: 50, marker: true, payload: &[3, 138, 3, 32] },
            origin(),
        );
        assert_eq!(text(&all(&mut receiver)), "123");
    }

    #[test]
    fn zero_durations_unknown_events_and_short_payloads_are_counted() {
        let mut receiver = feed(&[(0, true, [1, 10, 0, 0]), (0, true, [70, 10, 0, 160])]);
        receiver.handle_input(Report { ssrc: 1, timestamp: 0, marker: true, payload: &[1, 2] }, origin());
        assert_eq!(all(&mut receiver), []);
        assert_eq!((receiver.stats().malformed, receiver.stats().unknown), (2, 1));
    }

    proptest! {
        #[test]
        fn any_loss_that_leaves_one_packet_per_digit_loses_none(seed: u64, digits in 1_usize..8) {
            // Packets 0..7 of each digit; each is lost by a coin, but never all of them.
            let pressed: Vec<(char, u64)> = (0..digits).map(|n| (['1', '1', '2', '#'][n % 4], 100)).collect();
            let kept = |digit: usize| (seed >> (digit * 7)) & 0x7f;
            let changes = heard(&pressed, |n| kept(n / 7) != 0 && kept(n / 7) >> (n % 7) & 1 == 0, 1);
            let expected: String = pressed.iter().map(|(c, _)| *c).collect();
            prop_assert_eq!(text(&changes), expected);
        }

        #[test]
        fn hostile_packets_never_panic_and_presses_match_releases(
            packets in prop::collection::vec((any::<u8>(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..200),
        ) {
            let start = origin();
            let mut receiver = EventReceiver::new(8000);
            let (mut pressed, mut released) = (0_u32, 0_u32);
            for (n, (ssrc, timestamp, marker, payload)) in packets.iter().enumerate() {
                let now = start + Duration::from_millis(20) * n as u32;
                let report = Report { ssrc: u32::from(ssrc % 2), timestamp: *timestamp, marker: *marker, payload };
                receiver.handle_timeout(now);
                receiver.handle_input(report, now);
                while let Some(change) = receiver.poll_output() {
                    match change {
                        Change::Pressed { .. } => pressed += 1,
                        Change::Released { .. } => released += 1,
                    }
                    prop_assert!(pressed == released || pressed == released + 1);
                }
            }
        }
    }
}
