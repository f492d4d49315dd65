//! One leg of one call, measured from its first packet to its last.

use super::{BurstGap, BurstGapSummary, EModel, Impairment, Reception};
use crate::codec::Codec;
use crate::quality::Arrival;
use std::time::{Duration, Instant};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorConfig {
    /// The codec, which decides the RTP clock and the impairment.
    pub codec: Codec,
    /// Time between packets.
    pub packet_time: Duration,
}

impl Default for MonitorConfig {
    fn default() -> MonitorConfig {
        MonitorConfig { codec: Codec::Pcmu, packet_time: Duration::from_millis(20) }
    }
}

/// Measures one direction of one leg.
#[derive(Clone, Debug)]
pub struct Monitor {
    config: MonitorConfig,
    reception: Reception,
    bursts: BurstGap,
    /// Sequence numbers missing so far that may still come: their fate is settled [`Monitor::PATIENCE`] packets later.
    pending: u64,
    pending_length: u32,
    bytes: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    round_trip: Option<RoundTrip>,
    buffer_delay: Duration,
}

#[derive(Clone, Copy, Debug)]
struct RoundTrip {
    most: Duration,
    sum: Duration,
    count: u32,
}

/// The record of one leg, complete when the call ends and valid at any time before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallQuality {
    /// The codec.
    pub codec: Codec,
    /// Packets received, duplicates included.
    pub packets: u64,
    /// Bytes of RTP payload received.
    pub bytes: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be played.
    pub discarded: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
    /// Packets that came after a later one.
    pub reordered: u64,
    /// Interarrival jitter (RFC 3550) as a mean over the call.
    pub jitter_mean: Duration,
    /// The largest interarrival jitter.
    pub jitter_max: Duration,
    /// The mean round trip; `None` without RTCP.
    pub round_trip: Option<Duration>,
    /// The longest round trip; `None` without RTCP.
    pub round_trip_max: Option<Duration>,
    /// Loss and discard as rates, and how they were spread.
    pub bursts: BurstGapSummary,
    /// From the first packet to the last.
    pub duration: Duration,
    /// Rating R of listening quality, without delay; `None` when nothing was received.
    pub r_listening: Option<f64>,
    /// Rating R of conversation, with delay.
    pub r_conversation: Option<f64>,
    /// Score of listening quality, 1 to 4.5.
    pub mos_listening: Option<f64>,
    /// Score of conversation, 1 to 4.5.
    pub mos_conversation: Option<f64>,
}

impl Monitor {
    /// Packets after which a missing one is given up: 160 ms of 20 ms packets.
    const PATIENCE: u32 = 8;

    /// Nothing measured yet.
    pub fn new(config: MonitorConfig) -> Monitor {
        Monitor {
            config,
            reception: Reception::new(config.codec.clock_rate()),
            bursts: BurstGap::default(),
            pending: 0,
            pending_length: 0,
            bytes: 0,
            first: None,
            last: None,
            round_trip: None,
            buffer_delay: Duration::ZERO,
        }
    }

    /// Notes a packet with `bytes` of payload.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, bytes: usize, now: Instant) -> Arrival {
        self.bytes += bytes as u64;
        self.first.get_or_insert(now);
        self.last = Some(now);
        let arrival = self.reception.receive(sequence, timestamp, now);
        match arrival {
            Arrival::Next { missing } => {
                for _ in 0..missing {
                    self.settle(false);
                }
                self.settle(true);
            }
            Arrival::Reordered => self.found(sequence),
            Arrival::Duplicate | Arrival::Stray | Arrival::Restart => {}
        }
        arrival
    }

    /// Notes that the jitter buffer dropped a packet as late, which counts like a lost one in the rating.
    pub fn discard(&mut self) {
        self.bursts.discarded();
    }

    /// Notes the delay of the jitter buffer, a part of the way from mouth to ear.
    pub fn buffer_delay(&mut self, delay: Duration) {
        self.buffer_delay = delay;
    }

    /// Notes a round trip, as [`super::round_trip`] gives it.
    pub fn round_trip(&mut self, trip: Duration) {
        let RoundTrip { most, sum, count } =
            self.round_trip.unwrap_or(RoundTrip { most: trip, sum: Duration::ZERO, count: 0 });
        self.round_trip = Some(RoundTrip {
            most: most.max(trip),
            sum: sum.saturating_add(trip),
            count: count.saturating_add(1),
        });
    }

    /// The sequence, loss and jitter figures, for RTCP.
    pub fn reception(&mut self) -> &mut Reception {
        &mut self.reception
    }

    /// The record so far.
    pub fn record(&self) -> CallQuality {
        let mut bursts = self.bursts.clone();
        for packet in (0..self.pending_length).rev() {
            note(&mut bursts, self.pending >> packet & 1 != 0);
        }
        let bursts = bursts.summary(self.config.packet_time);
        let mean = self.round_trip.and_then(|trips| trips.sum.checked_div(trips.count));
        let impairment = Impairment::of(self.config.codec);
        let bad = (bursts.loss + bursts.discard).min(1.0);
        let rate = |delay| EModel::of_call(impairment, bad, bursts.burst_ratio, delay).rating();
        let heard = (self.reception.received() > 0).then_some(());
        // Half the round trip, the jitter buffer, and a packet being filled and played.
        let delay = mean.unwrap_or_default() / 2 + self.buffer_delay + self.config.packet_time * 2;
        let (listening, conversation) = (heard.map(|()| rate(Duration::ZERO)), heard.map(|()| rate(delay)));
        CallQuality {
            codec: self.config.codec,
            packets: self.reception.received(),
            bytes: self.bytes,
            lost: self.reception.lost(),
            discarded: (bursts.discard * self.reception.expected() as f64).round() as u64,
            duplicates: self.reception.duplicates(),
            reordered: self.reception.reordered(),
            jitter_mean: self.reception.jitter_mean(),
            jitter_max: self.reception.jitter_max(),
            round_trip: mean,
            round_trip_max: self.round_trip.map(|trips| trips.most),
            bursts,
            duration: self.first.zip(self.last).map_or(Duration::ZERO, |(first, last)| last - first),
            r_listening: listening.map(|rating| rating.0),
            r_conversation: conversation.map(|rating| rating.0),
            mos_listening: listening.map(super::Rating::mos),
            mos_conversation: conversation.map(super::Rating::mos),
        }
    }

    /// Queues the fate of the next sequence number and settles the oldest.
    fn settle(&mut self, came: bool) {
        if self.pending_length == Monitor::PATIENCE {
            note(&mut self.bursts, self.pending >> (Monitor::PATIENCE - 1) & 1 != 0);
        } else {
            self.pending_length += 1;
        }
        self.pending = (self.pending << 1 | u64::from(came)) & ((1 << Monitor::PATIENCE) - 1);
    }

    /// A missing packet came after all.
    fn found(&mut self, sequence: u16) {
        let highest = self.reception.highest();
        let behind = highest.wrapping_sub(sequence);
        if u32::from(behind) < self.pending_length {
            self.pending |= 1 << behind;
        }
    }
}

fn note(bursts: &mut BurstGap, came: bool) {
    if came {
        bursts.played();
    } else {
        bursts.lost();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// A minute of G.711 of which `lost(n)` is lost, on time otherwise.
    fn minute(codec: Codec, lost: impl Fn(u32) -> bool) -> Monitor {
        let start = origin();
        let mut monitor = Monitor::new(MonitorConfig { codec, ..MonitorConfig::default() });
        for n in (0..3000_u32).filter(|n| !lost(*n)) {
            monitor.receive(n as u16, n * 160, 160, start + Duration::from_millis(20) * n);
        }
        monitor
    }

    /// MR-016: the record of a good leg has every figure, and the best score.
    #[test]
    fn a_good_leg_has_the_best_score() {
        let mut monitor = minute(Codec::Pcma, |_| false);
        monitor.round_trip(Duration::from_millis(40));
        monitor.round_trip(Duration::from_millis(60));
        let record = monitor.record();
        assert_eq!((record.packets, record.bytes, record.lost), (3000, 480_000, 0));
        assert_eq!(
            (record.round_trip, record.round_trip_max),
            (Some(Duration::from_millis(50)), Some(Duration::from_millis(60)))
        );
        assert_eq!((record.jitter_max, record.duration), (Duration::ZERO, Duration::from_millis(59_980)));
        assert!(
            (record.mos_listening.unwrap() - 4.41).abs() < 0.01 && record.mos_conversation.unwrap() > 4.3,
            "{record:?}"
        );
    }

    /// MR-016: the same loss costs more in bursts than spread out, and more with a weaker codec.
    #[test]
    fn loss_lowers_the_score_and_bursts_lower_it_more() {
        let spread = minute(Codec::Pcmu, |n| n % 50 == 25).record();
        let bursts = minute(Codec::Pcmu, |n| (250..260).contains(&(n % 500))).record();
        assert_eq!((spread.lost, bursts.lost), (60, 60));
        assert!((spread.bursts.loss - 0.02).abs() < 0.001, "{spread:?}");
        let (spread, bursts) = (spread.mos_listening.unwrap(), bursts.mos_listening.unwrap());
        assert!(4.41 > spread && spread > bursts && bursts > 2.0, "{spread} {bursts}");
        let g729 = minute(Codec::G729, |n| n % 50 == 25).record().mos_listening.unwrap();
        assert!(g729 < spread);
    }

    #[test]
    fn reordered_packets_are_no_loss() {
        let start = origin();
        let mut monitor = Monitor::new(MonitorConfig::default());
        for n in 0..1000_u32 {
            let sequence = n ^ 1;
            monitor.receive(sequence as u16, sequence * 160, 160, start + Duration::from_millis(20) * n);
        }
        let record = monitor.record();
        assert_eq!((record.lost, record.reordered, record.bursts.loss), (0, 500, 0.0));
    }

    #[test]
    fn a_leg_that_heard_nothing_has_no_score() {
        let record = Monitor::new(MonitorConfig::default()).record();
        assert_eq!((record.packets, record.mos_listening, record.r_conversation), (0, None, None));
    }

    #[test]
    fn late_packets_and_delay_lower_the_score() {
        let mut monitor = minute(Codec::Pcmu, |_| false);
        let before = monitor.record();
        monitor.round_trip(Duration::from_millis(700));
        monitor.buffer_delay(Duration::from_millis(100));
        let slow = monitor.record();
        assert_eq!(slow.mos_listening, before.mos_listening);
        assert!(slow.mos_conversation.unwrap() < before.mos_conversation.unwrap() - 0.5);
        for _ in 0..60 {
            monitor.discard();
        }
        let late = monitor.record();
        assert!(late.mos_listening < before.mos_listening && late.discarded > 0);
    }
}
