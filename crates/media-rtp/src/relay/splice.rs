//! One outgoing RTP stream out of whatever comes in: own SSRC, unbroken sequence numbers and timestamps.

use std::time::Instant;

use rand_core::RngCore;

/// Numbers one outgoing stream.
#[derive(Debug)]
pub(super) struct Splice {
    ssrc: u32,
    /// Clock of what goes out, in Hz.
    clock_rate: u32,
    /// Numbers of the first packet: random (RFC 3550 §5.1).
    first: (u16, u32),
    input: Option<Input>,
}

/// The incoming stream that is being passed on.
#[derive(Debug, Clone, Copy)]
struct Input {
    ssrc: u32,
    clock_rate: u32,
    /// Added to incoming sequence numbers.
    offset: u16,
    /// Incoming and outgoing timestamps that belong together.
    anchor: (u32, u32),
    /// The newest packet that went out, and when.
    last: (u16, u32),
    at: Instant,
}

/// The numbers of an outgoing packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// The first packet of another source: mark it, so that the receiver's jitter buffer begins anew.
    pub(super) spliced: bool,
}

impl Splice {
    pub(super) fn new(clock_rate: u32, rng: &mut impl RngCore) -> Self {
        // RFC 3711 §3.3.1: a first sequence number below 2^15 keeps a receiver from guessing the rollover counter wrongly.
        let first = ((rng.next_u32() & 0x7FFF) as u16, rng.next_u32());
        Self { ssrc: rng.next_u32(), clock_rate, first, input: None }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The source that is being passed on.
    pub(super) fn source(&self) -> Option<u32> {
        self.input.map(|input| input.ssrc)
    }

    pub(super) fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    /// The newest sequence number and timestamp that went out.
    pub(super) fn last(&self) -> Option<(u16, u32)> {
        self.input.map(|input| input.last)
    }

    /// The numbers for an incoming packet.
    pub(super) fn number(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        clock_rate: u32,
        now: Instant,
    ) -> Numbers {
        let out_rate = self.clock_rate;
        let same = self.input.as_mut().filter(|input| input.ssrc == ssrc && input.clock_rate == clock_rate);
        let Some(input) = same else { return self.begin(ssrc, sequence, timestamp, clock_rate, now) };
        let ahead = timestamp.wrapping_sub(input.anchor.0) as i32;
        let numbers = Numbers {
            sequence: sequence.wrapping_add(input.offset),
            timestamp: input.anchor.1.wrapping_add(scale(ahead, clock_rate, out_rate) as u32),
            spliced: false,
        };
        if (numbers.sequence.wrapping_sub(input.last.0) as i16) > 0 {
            input.last = (numbers.sequence, numbers.timestamp);
            input.at = now;
        }
        // Keeps the distance to the anchor far from wrapping.
        if ahead.unsigned_abs() > 1 << 29 {
            input.anchor = (timestamp, numbers.timestamp);
        }
        numbers
    }

    fn begin(&mut self, ssrc: u32, sequence: u16, timestamp: u32, clock_rate: u32, now: Instant) -> Numbers {
        let (next, out_timestamp) = match self.input {
            Some(Input { last: (last, at_last), at, .. }) => {
                let passed =
                    now.saturating_duration_since(at).as_micros() * u128::from(self.clock_rate) / 1_000_000;
                (last.wrapping_add(1), at_last.wrapping_add((passed as u32).max(1)))
            }
            None => self.first,
        };
        self.input = Some(Input {
            ssrc,
            clock_rate,
            offset: next.wrapping_sub(sequence),
            anchor: (timestamp, out_timestamp),
            last: (next, out_timestamp),
            at: now,
        });
        Numbers { sequence: next, timestamp: out_timestamp, spliced: true }
    }

    /// The packet just numbered is not sent: the next one takes its place.
    pub(super) fn skip(&mut self) {
        if let Some(input) = &mut self.input {
            input.offset = input.offset.wrapping_sub(1);
            input.last.0 = input.last.0.wrapping_sub(1);
        }
    }

    /// An incoming timestamp of the stream being passed on, as it goes out.
    pub(super) fn timestamp(&self, timestamp: u32) -> Option<u32> {
        let input = self.input?;
        let ahead = timestamp.wrapping_sub(input.anchor.0) as i32;
        Some(input.anchor.1.wrapping_add(scale(ahead, input.clock_rate, self.clock_rate) as u32))
    }

    /// The incoming sequence number behind an outgoing one.
    pub(super) fn incoming_sequence(&self, sequence: u16) -> Option<u16> {
        self.input.map(|input| sequence.wrapping_sub(input.offset))
    }
}

/// A difference of timestamps in another clock.
fn scale(ticks: i32, from: u32, to: u32) -> i64 {
    if from == to { i64::from(ticks) } else { i64::from(ticks) * i64::from(to) / i64::from(from.max(1)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Seed;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn numbers_go_on_when_the_source_changes() {
        let now = origin();
        let mut splice = Splice::new(8000, &mut Seed([1; 32]).into_rng());
        let first = splice.number(7, 65_535, 1000, 8000, now);
        assert!(first.spliced && first.sequence < 0x8000);
        let second = splice.number(7, 0, 1160, 8000, now);
        assert_eq!(
            (second.sequence, second.timestamp),
            (first.sequence + 1, first.timestamp.wrapping_add(160))
        );
        let other = splice.number(8, 40_000, 5, 8000, now + Duration::from_millis(20));
        assert_eq!(
            (other.sequence, other.timestamp),
            (second.sequence + 1, second.timestamp.wrapping_add(160))
        );
        assert!(other.spliced);
    }

    #[test]
    fn clocks_are_converted_both_ways() {
        let now = origin();
        for (from, to, step, expected) in [(48_000, 8000, 960, 160), (8000, 48_000, 160, 960)] {
            let mut splice = Splice::new(to, &mut Seed([2; 32]).into_rng());
            let first = splice.number(1, 1, u32::MAX - 100, from, now).timestamp;
            let second = splice.number(1, 2, (u32::MAX - 100).wrapping_add(step), from, now).timestamp;
            assert_eq!(second.wrapping_sub(first), expected);
        }
    }

    #[test]
    fn skipped_packets_leave_no_gap() {
        let now = origin();
        let mut splice = Splice::new(8000, &mut Seed([3; 32]).into_rng());
        let first = splice.number(1, 1, 0, 8000, now).sequence;
        splice.number(1, 2, 160, 8000, now);
        splice.skip();
        assert_eq!(splice.number(1, 3, 320, 8000, now).sequence, first + 1);
        assert_eq!(splice.incoming_sequence(first + 1), Some(3));
    }

    #[test]
    fn reordered_packets_keep_their_place() {
        let now = origin();
        let mut splice = Splice::new(8000, &mut Seed([4; 32]).into_rng());
        let first = splice.number(1, 10, 0, 8000, now);
        let third = splice.number(1, 12, 320, 8000, now);
        let second = splice.number(1, 11, 160, 8000, now);
        assert_eq!([second.sequence, third.sequence], [first.sequence + 1, first.sequence + 2]);
        assert_eq!(splice.last(), Some((third.sequence, third.timestamp)));
    }
}
