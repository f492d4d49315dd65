//! What a receiver knows of one source (RFC 3550 §6.4.1 and appendix A).

use std::time::{Duration, Instant};

/// Counts the packets of one source and measures their jitter.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate: u32,
    origin: Option<Instant>,
    base: u64,
    highest: u64,
    /// One bit for each of the last 128 sequence numbers, the highest in bit 0.
    came: u128,
    received: u64,
    duplicates: u64,
    reordered: u64,
    /// A sequence number far away; if its successor follows, the sender has restarted.
    suspect: Option<u16>,
    transit: i64,
    /// Jitter in sixteenths of a tick, as RFC 3550 A.8 keeps it.
    jitter: u64,
    jitter_max: u64,
    jitter_sum: u64,
    expected_prior: u64,
    received_prior: u64,
    restarts: u64,
}

/// What a packet was, in the order of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, after as many that are missing so far.
    Next {
        /// Sequence numbers skipped.
        missing: u32,
    },
    /// One that was missing.
    Reordered,
    /// One that came before.
    Duplicate,
    /// One far out of sequence, not counted.
    Stray,
    /// The first of a new sequence; everything counts anew.
    Restart,
}

/// What happened since the last interval: the body of an RTCP report block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Lost of what was expected in this interval, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning, in −2²³..2²³; negative with duplicates.
    pub cumulative_lost: i32,
    /// Highest sequence number with its wraps in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP ticks.
    pub jitter: u32,
}

// RFC 3550 A.1.
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;

impl Reception {
    /// Knows nothing yet of a source with an RTP clock of `clock_rate` Hz.
    pub fn new(clock_rate: u32) -> Reception {
        Reception {
            clock_rate: clock_rate.max(1),
            origin: None,
            base: 0,
            highest: 0,
            came: 0,
            received: 0,
            duplicates: 0,
            reordered: 0,
            suspect: None,
            transit: 0,
            jitter: 0,
            jitter_max: 0,
            jitter_sum: 0,
            expected_prior: 0,
            received_prior: 0,
            restarts: 0,
        }
    }

    /// Notes a packet.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, now: Instant) -> Arrival {
        let Some(origin) = self.origin else {
            self.begin(sequence, timestamp, now);
            return Arrival::Next { missing: 0 };
        };
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let arrival = if ahead == 0 {
            self.duplicates += 1;
            Arrival::Duplicate
        } else if ahead < MAX_DROPOUT {
            self.highest += u64::from(ahead);
            self.came = if ahead < 128 { self.came << ahead | 1 } else { 1 };
            Arrival::Next { missing: u32::from(ahead) - 1 }
        } else if ahead > u16::MAX - MAX_MISORDER {
            let behind = u16::MAX - ahead + 1;
            let bit = 1_u128 << behind;
            if self.came & bit != 0 {
                self.duplicates += 1;
                Arrival::Duplicate
            } else {
                self.came |= bit;
                self.reordered += 1;
                // RFC 3550 A.1 would count packets from before the first one as negative loss.
                self.base = self.base.min(self.highest - u64::from(behind));
                Arrival::Reordered
            }
        } else if self.suspect == Some(sequence) {
            // RFC 3550 A.1: two packets in sequence: the source restarted without telling.
            let (restarts, clock_rate) = (self.restarts + 1, self.clock_rate);
            *self = Reception { restarts, ..Reception::new(clock_rate) };
            self.begin(sequence, timestamp, now);
            return Arrival::Restart;
        } else {
            self.suspect = Some(sequence.wrapping_add(1));
            return Arrival::Stray;
        };
        self.suspect = None;
        self.received += 1;
        self.measure(timestamp, now.saturating_duration_since(origin));
        arrival
    }

    /// Closes an interval.
    // RFC 3550 A.3.
    pub fn interval(&mut self) -> Interval {
        let expected = self.expected() - self.expected_prior;
        let received = self.received - self.received_prior;
        (self.expected_prior, self.received_prior) = (self.expected(), self.received);
        let lost = expected.saturating_sub(received);
        Interval {
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            cumulative_lost: (self.expected() as i64 - self.received as i64).clamp(-0x80_0000, 0x7f_ffff)
                as i32,
            highest_sequence: self.highest as u32,
            jitter: (self.jitter >> 4).min(u64::from(u32::MAX)) as u32,
        }
    }

    /// The highest sequence number so far.
    pub(super) fn highest(&self) -> u16 {
        self.highest as u16
    }

    /// Packets received, duplicates included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets the sender has sent, by their sequence numbers.
    pub fn expected(&self) -> u64 {
        if self.origin.is_some() { self.highest - self.base + 1 } else { 0 }
    }

    /// Packets that never came.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received - self.duplicates)
    }

    /// Packets that came more than once.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Packets that came after a later one.
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Times the source began another sequence.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Interarrival jitter now.
    pub fn jitter(&self) -> Duration {
        self.time(self.jitter)
    }

    /// The largest interarrival jitter so far.
    pub fn jitter_max(&self) -> Duration {
        self.time(self.jitter_max)
    }

    /// The mean of the interarrival jitter at each packet.
    pub fn jitter_mean(&self) -> Duration {
        self.time(self.jitter_sum / self.received.max(1))
    }

    fn begin(&mut self, sequence: u16, timestamp: u32, now: Instant) {
        self.origin = Some(now);
        // One cycle up, so that earlier packets still have a number; it does not show in 32 bits of the report's 16-bit wraps.
        self.highest = u64::from(sequence) + (1 << 32);
        self.base = self.highest;
        self.came = 1;
        self.received = 1;
        self.transit = -i64::from(timestamp);
    }

    // RFC 3550 A.8: J += (|D| − J) / 16, in integers.
    fn measure(&mut self, timestamp: u32, since: Duration) {
        let arrival = (since.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000) as i64;
        let transit = arrival - i64::from(timestamp);
        // The difference is taken modulo 2³², as timestamps wrap.
        let difference = (transit.wrapping_sub(self.transit) as u32 as i32).unsigned_abs();
        self.transit = transit;
        self.jitter += u64::from(difference);
        self.jitter -= (self.jitter - u64::from(difference) + 8) >> 4;
        self.jitter_max = self.jitter_max.max(self.jitter);
        self.jitter_sum += self.jitter;
    }

    fn time(&self, sixteenths: u64) -> Duration {
        Duration::from_nanos(sixteenths * 62_500_000 / u64::from(self.clock_rate))
    }
}

/// The round trip a report block tells, `now` being the middle 32 bits of the NTP time at its arrival.
///
/// `None` when the peer has not had a sender report yet, or its figures cannot be true.
// RFC 3550 §6.4.1: arrival − last SR − delay since last SR, in 1/65536 s.
pub fn round_trip(now: u32, last_sr: u32, delay_since_last_sr: u32) -> Option<Duration> {
    if last_sr == 0 {
        return None;
    }
    let trip = now.wrapping_sub(last_sr).wrapping_sub(delay_since_last_sr);
    // More than a minute is a clock that went backwards, or a lie.
    (trip < 60 << 16).then(|| Duration::from_nanos((u64::from(trip) * 1_000_000_000) >> 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn milliseconds(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Packets of 20 ms at 8 kHz with the given sequence numbers, exactly on time.
    fn receive(sequence: impl IntoIterator<Item = u16>) -> Reception {
        let start = origin();
        let mut reception = Reception::new(8000);
        let mut first = None;
        for n in sequence {
            let first = *first.get_or_insert(n);
            let place = n.wrapping_sub(first);
            reception.receive(
                n,
                u32::from(place).wrapping_mul(160),
                start + milliseconds(20 * u64::from(place)),
            );
        }
        reception
    }

    // RFC 3550 A.3.
    /// MR-016: loss is counted over the wrap, per interval and in total.
    #[test]
    fn loss_is_counted_per_interval_and_in_total() {
        let mut reception = receive((65_530..=65_535).chain([0, 1, 4, 5]));
        assert_eq!((reception.expected(), reception.received(), reception.lost()), (12, 10, 2));
        let interval = reception.interval();
        assert_eq!((interval.fraction_lost, interval.cumulative_lost), (42, 2));
        assert_eq!(interval.highest_sequence, 0x1_0005);
        let quiet = reception.interval();
        assert_eq!((quiet.fraction_lost, quiet.cumulative_lost), (0, 2));
    }

    #[test]
    fn reordered_and_duplicate_packets_are_told_apart() {
        let mut reception = receive([10, 12, 11, 11, 13, 9]);
        assert_eq!((reception.lost(), reception.duplicates(), reception.reordered()), (0, 1, 2));
        assert_eq!(reception.interval().cumulative_lost, -1);
    }

    #[test]
    fn a_stray_packet_is_ignored_and_a_restart_is_noticed() {
        let start = origin();
        let mut reception = receive(0..10);
        assert_eq!(reception.receive(40_000, 0, start), Arrival::Stray);
        assert_eq!(reception.receive(10, 1600, start), Arrival::Next { missing: 0 });
        assert_eq!(reception.receive(40_000, 0, start), Arrival::Stray);
        assert_eq!(reception.receive(40_001, 160, start), Arrival::Restart);
        assert_eq!((reception.expected(), reception.restarts()), (1, 1));
    }

    // RFC 3550 A.8.
    /// MR-016: jitter is the sixteenth-weighted mean of the transit differences.
    #[test]
    fn jitter_follows_the_formula() {
        let start = origin();
        let mut reception = Reception::new(8000);
        let mut expected = 0.0_f64;
        let mut last = 0.0;
        for n in 0..2000_u64 {
            let late = (n * 7919 % 31) as f64;
            let at = start + milliseconds(20 * n) + Duration::from_secs_f64(late / 1000.0);
            reception.receive(n as u16, (n * 160) as u32, at);
            if n > 0 {
                expected += ((late - last).abs() * 8.0 - expected) / 16.0;
            }
            last = late;
        }
        let ticks = f64::from(reception.interval().jitter);
        assert!((ticks - expected).abs() <= 1.5, "{ticks} {expected}");
        assert!((reception.jitter().as_secs_f64() * 8000.0 - expected).abs() < 1.5);
        assert_eq!(receive(0..500).jitter(), Duration::ZERO);
    }

    #[test]
    fn timestamps_that_wrap_are_no_jitter() {
        let start = origin();
        let mut reception = Reception::new(8000);
        for n in 0..100_u32 {
            reception.receive(
                n as u16,
                0xffff_f000_u32.wrapping_add(n * 160),
                start + milliseconds(20 * u64::from(n)),
            );
        }
        assert_eq!(reception.jitter_max(), Duration::ZERO);
    }

    // RFC 3550 §6.4.1, figure 2: 0xb710:8000 − 5.250 s − 0xb705:2000 = 6.125 s.
    /// MR-016: the example of the RFC.
    #[test]
    fn the_round_trip_is_that_of_the_figure() {
        assert_eq!(round_trip(0xb710_8000, 0xb705_2000, 0x0005_4000), Some(milliseconds(6125)));
        assert_eq!(round_trip(0xb710_8000, 0, 0), None);
        assert_eq!(round_trip(100, 200, 0), None);
        assert_eq!(round_trip(0x8000, 0xffff_8000, 0x8000), Some(milliseconds(500)));
    }

    proptest! {
        #[test]
        fn hostile_sequences_never_panic_and_counts_add_up(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0_u64..100_000), 0..300),
        ) {
            let mut now = origin();
            let mut reception = Reception::new(8000);
            for (sequence, timestamp, wait) in packets {
                now += Duration::from_micros(wait);
                reception.receive(sequence, timestamp, now);
                prop_assert!(reception.received() <= reception.expected() + reception.duplicates());
            }
            reception.interval();
        }
    }
}
