//! The buffer itself.

use super::delay::Delay;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How the buffer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// The delay to begin with.
    pub initial_delay: Duration,
    /// The least delay, however even the stream is.
    pub min_delay: Duration,
    /// The most delay; packets later than that are lost.
    pub max_delay: Duration,
    /// The most packets held, 1..=1024.
    pub capacity: usize,
}

impl Default for JitterConfig {
    fn default() -> JitterConfig {
        JitterConfig {
            clock_rate: 8000,
            initial_delay: Duration::from_millis(40),
            min_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(240),
            capacity: 64,
        }
    }
}

/// A packet as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP clock ticks the payload covers, a second at most; 0 when unknown, then the last known length counts.
    pub ticks: u32,
    /// RTP payload, of which [`JitterBuffer::LARGEST_PAYLOAD`] bytes at most.
    pub payload: &'a [u8],
}

/// What to play next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playout<'a> {
    /// This payload.
    Packet {
        /// RTP payload type.
        payload_type: u8,
        /// RTP timestamp.
        timestamp: u32,
        /// RTP clock ticks it covers.
        ticks: u32,
        /// RTP payload.
        payload: &'a [u8],
    },
    /// Something was sent here and has not come: conceal it.
    Missing {
        /// RTP clock ticks to fill.
        ticks: u32,
    },
    /// Nothing was sent here: silence, or comfort noise.
    Silence {
        /// RTP clock ticks to fill.
        ticks: u32,
    },
}

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterStats {
    /// Packets handed in.
    pub received: u64,
    /// Packets played.
    pub played: u64,
    /// Packet times concealed.
    pub missing: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets that came after a later one, yet in time.
    pub reordered: u64,
    /// Packets given up because the buffer was full.
    pub overflow: u64,
    /// Packets too large or of a sequence nobody sends.
    pub rejected: u64,
    /// Packets skipped to shorten the delay.
    pub shrunk: u64,
    /// Packet times inserted to lengthen the delay.
    pub stretched: u64,
    /// Times the stream began anew: another source, another sequence, another timestamp base.
    pub restarts: u64,
}

impl JitterStats {
    /// Packets that arrived and could not be played: what RFC 3611 calls discarded.
    pub fn discarded(&self) -> u64 {
        self.late + self.overflow + self.shrunk
    }
}

/// Orders the packets of one stream and plays them evenly.
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    config: JitterConfig,
    stream: Option<Stream>,
    /// Buffers to reuse, so that packets do not allocate.
    spare: Vec<Vec<u8>>,
    /// The payload being played.
    playing: Vec<u8>,
    stats: JitterStats,
}

#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    /// Zero of both clocks.
    origin: Instant,
    /// Highest sequence number and its timestamp, extended over wraps.
    sequence: u64,
    timestamp: i64,
    /// One bit for each of the last 128 sequence numbers that came; bit 0 is the highest.
    came: u128,
    delay: Delay,
    slots: VecDeque<Slot>,
    /// The timestamp to be played next; `None` while filling.
    cursor: Option<i64>,
    /// Sequence number of the last packet played.
    played: Option<u64>,
    ticks: u32,
    /// Packet times concealed in a row, and played since the last adjustment.
    starving: u32,
    since_adjusted: u32,
    /// A packet far out of sequence; if its successor follows, the stream has jumped.
    suspect: Option<u16>,
}

#[derive(Clone, Debug)]
struct Slot {
    sequence: u64,
    timestamp: i64,
    payload_type: u8,
    ticks: u32,
    payload: Vec<u8>,
}

impl JitterBuffer {
    /// The largest payload in bytes.
    pub const LARGEST_PAYLOAD: usize = 1500;

    // RFC 3550 A.1: how far a sequence number may run ahead or come late before it is taken for another sequence.
    const MAX_DROPOUT: i64 = 3000;
    const MAX_MISORDER: i64 = 100;

    /// Packet times concealed in a row before the buffer fills anew.
    const STARVED: u32 = 25;

    /// Packet times between two adjustments of the delay.
    const PATIENCE: u32 = 10;

    /// An empty buffer.
    pub fn new(config: JitterConfig) -> JitterBuffer {
        let config = JitterConfig {
            clock_rate: config.clock_rate.max(1),
            capacity: config.capacity.clamp(1, 1024),
            max_delay: config.max_delay.max(config.min_delay),
            ..config
        };
        JitterBuffer {
            config,
            stream: None,
            spare: Vec::new(),
            playing: Vec::new(),
            stats: JitterStats::default(),
        }
    }

    /// Takes a packet.
    pub fn handle_input(&mut self, packet: Packet<'_>, now: Instant) {
        self.stats.received += 1;
        if packet.payload.len() > JitterBuffer::LARGEST_PAYLOAD {
            self.stats.rejected += 1;
            return;
        }
        let known = self.stream.as_ref().is_some_and(|stream| stream.ssrc == packet.ssrc);
        if !known {
            self.restart(&packet, now);
        }
        let Some(stream) = &mut self.stream else { return };
        let step = i64::from(packet.sequence.wrapping_sub(stream.sequence as u16) as i16);
        if !(-JitterBuffer::MAX_MISORDER..=JitterBuffer::MAX_DROPOUT).contains(&step) {
            if stream.suspect != Some(packet.sequence) {
                stream.suspect = Some(packet.sequence.wrapping_add(1));
                self.stats.rejected += 1;
                return;
            }
            self.restart(&packet, now);
        } else if step > 0 && stream.is_another_clock(&packet, step, self.config.clock_rate) {
            self.restart(&packet, now);
        }
        self.insert(packet, now);
    }

    /// What to play now. Call it when the last thing it gave has been played: once per packet time.
    pub fn pull(&mut self, now: Instant) -> Playout<'_> {
        let ticks = self.stream.as_ref().map_or(self.config.clock_rate / 50, |stream| stream.ticks);
        let Some(next) = self.next(now) else { return Playout::Silence { ticks } };
        match next {
            Next::Slot(slot) => {
                self.stats.played += 1;
                let Slot { timestamp, payload_type, ticks, payload, .. } = slot;
                let old = std::mem::replace(&mut self.playing, payload);
                self.recycle(old);
                Playout::Packet { payload_type, timestamp: timestamp as u32, ticks, payload: &self.playing }
            }
            Next::Missing(ticks) => {
                self.stats.missing += 1;
                Playout::Missing { ticks }
            }
            Next::Silence(ticks) => Playout::Silence { ticks },
        }
    }

    /// What became of the packets so far.
    pub fn stats(&self) -> JitterStats {
        self.stats
    }

    /// Packets held.
    pub fn len(&self) -> usize {
        self.stream.as_ref().map_or(0, |stream| stream.slots.len())
    }

    /// Whether no packet is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The delay it aims at.
    pub fn target_delay(&self) -> Duration {
        let ticks = self.stream.as_ref().map_or(0, |stream| stream.delay.target()).max(0) as u64;
        if self.stream.is_none() {
            return self.config.initial_delay;
        }
        Duration::from_micros(ticks * 1_000_000 / u64::from(self.config.clock_rate))
    }

    fn ticks(&self, time: Duration) -> i64 {
        (time.as_micros() * u128::from(self.config.clock_rate) / 1_000_000).min(i64::MAX as u128 >> 1) as i64
    }

    /// Begins with another source, sequence or clock.
    fn restart(&mut self, packet: &Packet<'_>, now: Instant) {
        let delay = Delay::new(
            self.ticks(self.config.initial_delay),
            self.ticks(self.config.min_delay),
            self.ticks(self.config.max_delay),
        );
        let unknown = (self.config.clock_rate / 50).max(1);
        let ticks = if packet.ticks > 0 { packet.ticks.min(self.config.clock_rate) } else { unknown };
        let stream = Stream {
            ssrc: packet.ssrc,
            origin: now,
            sequence: u64::from(packet.sequence) + (1 << 16),
            timestamp: i64::from(packet.timestamp),
            came: 0,
            delay,
            slots: VecDeque::new(),
            cursor: None,
            played: None,
            ticks,
            starving: 0,
            since_adjusted: 0,
            suspect: None,
        };
        if let Some(old) = self.stream.replace(stream) {
            self.stats.restarts += 1;
            for slot in old.slots {
                self.recycle(slot.payload);
            }
        }
    }

    fn insert(&mut self, packet: Packet<'_>, now: Instant) {
        let arrival = self.stream.as_ref().map_or(0, |s| self.ticks(now.saturating_duration_since(s.origin)));
        let Some(stream) = &mut self.stream else { return };
        stream.suspect = None;
        let step = i64::from(packet.sequence.wrapping_sub(stream.sequence as u16) as i16);
        let sequence = stream.sequence.wrapping_add_signed(step);
        let timestamp =
            stream.timestamp + i64::from(packet.timestamp.wrapping_sub(stream.timestamp as u32) as i32);
        if !stream.is_first_time(step) {
            self.stats.duplicate += 1;
            return;
        }
        if step > 0 {
            stream.sequence = sequence;
            stream.timestamp = timestamp;
        }
        if packet.ticks > 0 {
            stream.ticks = packet.ticks.min(self.config.clock_rate);
        }
        let ticks = stream.ticks;
        stream.delay.note(arrival - timestamp);
        if stream.cursor.is_some_and(|cursor| timestamp < cursor) {
            self.stats.late += 1;
            return;
        }
        if step < 0 {
            self.stats.reordered += 1;
        }
        let place =
            stream.slots.iter().rposition(|slot| slot.sequence < sequence).map_or(0, |before| before + 1);
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.extend_from_slice(packet.payload);
        let slot = Slot { sequence, timestamp, payload_type: packet.payload_type, ticks, payload };
        stream.slots.insert(place, slot);
        if stream.slots.len() > self.config.capacity {
            // The oldest has waited longest: nobody has pulled for a while.
            let oldest = stream.slots.pop_front();
            stream.cursor =
                stream.slots.front().filter(|_| stream.cursor.is_some()).map(|slot| slot.timestamp);
            self.stats.overflow += 1;
            self.recycle(oldest.map(|slot| slot.payload).unwrap_or_default());
        }
    }

    fn next(&mut self, now: Instant) -> Option<Next> {
        let elapsed = self.stream.as_ref().map_or(0, |s| self.ticks(now.saturating_duration_since(s.origin)));
        let stream = self.stream.as_mut()?;
        let due = elapsed - stream.delay.playout();
        let frame = i64::from(stream.ticks).max(1);
        let Some(cursor) = stream.cursor else {
            // Begin at the present, whatever waited longer.
            while stream.slots.front()?.timestamp < due - 2 * frame {
                let old = stream.slots.pop_front()?;
                self.stats.shrunk += 1;
                self.spare
                    .extend((self.spare.len() < self.config.capacity).then_some(old.payload).map(cleared));
            }
            let first = stream.slots.front()?.timestamp;
            if first > due {
                return None;
            }
            stream.cursor = Some(first);
            return Some(self.take());
        };
        stream.since_adjusted += 1;
        let behind = due - cursor;
        if behind > 4 * frame || (behind > frame * 5 / 4 && stream.since_adjusted > JitterBuffer::PATIENCE) {
            // More delay than needed: skip packets, one at a time unless it is far too much.
            let goal = if behind > 4 * frame { due } else { cursor + frame };
            stream.since_adjusted = 0;
            stream.cursor = Some(goal);
            while self.stream.as_ref()?.slots.front().is_some_and(|slot| slot.timestamp < goal) {
                let skipped = self.stream.as_mut()?.slots.pop_front()?;
                self.stats.shrunk += 1;
                self.recycle(skipped.payload);
            }
        } else if behind < -frame / 8 && stream.since_adjusted > JitterBuffer::PATIENCE {
            // Too little delay: play something in between.
            stream.since_adjusted = 0;
            self.stats.stretched += 1;
            return Some(Next::Missing(stream.ticks));
        }
        Some(self.take())
    }

    /// What lies at the cursor.
    fn take(&mut self) -> Next {
        let Some(stream) = &mut self.stream else { return Next::Silence(0) };
        let cursor = stream.cursor.unwrap_or(stream.timestamp);
        let ticks = stream.ticks;
        match stream.slots.front() {
            Some(first) if first.timestamp <= cursor => {
                stream.starving = 0;
                let Some(slot) = stream.slots.pop_front() else { return Next::Missing(ticks) };
                stream.cursor = Some(slot.timestamp + i64::from(slot.ticks));
                stream.played = Some(slot.sequence);
                Next::Slot(slot)
            }
            Some(first) => {
                let gap = (first.timestamp - cursor).clamp(1, i64::from(ticks.max(1))) as u32;
                stream.cursor = Some(cursor + i64::from(gap));
                // The next sequence number at a later time: the sender was silent.
                if stream.played.is_some_and(|played| played + 1 == first.sequence) {
                    Next::Silence(gap)
                } else {
                    Next::Missing(gap)
                }
            }
            None => {
                stream.starving += 1;
                stream.cursor = Some(cursor + i64::from(ticks));
                if stream.starving >= JitterBuffer::STARVED {
                    stream.cursor = None;
                    stream.starving = 0;
                }
                Next::Missing(ticks)
            }
        }
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() < self.config.capacity && payload.capacity() > 0 {
            self.spare.push(cleared(payload));
        }
    }
}

fn cleared(mut payload: Vec<u8>) -> Vec<u8> {
    payload.clear();
    payload
}

enum Next {
    Slot(Slot),
    Missing(u32),
    Silence(u32),
}

impl Stream {
    /// Whether a packet in sequence has a timestamp that cannot be of the same clock: two seconds off either way.
    fn is_another_clock(&self, packet: &Packet<'_>, step: i64, clock_rate: u32) -> bool {
        let moved = i64::from(packet.timestamp.wrapping_sub(self.timestamp as u32) as i32);
        let backwards = moved < 0;
        let far = moved - step * i64::from(self.ticks) > 120 * i64::from(clock_rate);
        backwards && moved < -2 * i64::from(clock_rate) || far
    }

    /// Notes a sequence number relative to the highest, and says whether it is new.
    fn is_first_time(&mut self, step: i64) -> bool {
        if step > 0 {
            self.came = if step < 128 { self.came << step } else { 0 };
            self.came |= 1;
            return true;
        }
        let bit = 1_u128 << (-step).min(127);
        let new = self.came & bit == 0;
        self.came |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    const FRAME: Duration = Duration::from_millis(20);

    fn packet(n: u32, payload: &[u8]) -> Packet<'_> {
        Packet {
            ssrc: 1,
            sequence: 65_500_u32.wrapping_add(n) as u16,
            timestamp: 0xffff_fe00_u32.wrapping_add(n * 160),
            payload_type: 0,
            ticks: 160,
            payload,
        }
    }

    /// Plays `frames` packet times while packet n arrives `arrivals(n)` ms after it was sent (`None`: never), and gives the
    /// packet numbers played; −1 is concealed, −2 silence.
    fn play(frames: u32, arrivals: impl Fn(u32) -> Option<u64>) -> (Vec<i32>, JitterBuffer) {
        let start = origin();
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let mut on_the_way: Vec<(Instant, u32)> = (0..frames)
            .filter_map(|n| Some((start + FRAME * n + Duration::from_millis(arrivals(n)?), n)))
            .collect();
        on_the_way.sort();
        let mut on_the_way = on_the_way.into_iter().peekable();
        let mut played = Vec::new();
        for n in 0..frames {
            let now = start + FRAME * n + Duration::from_millis(7);
            while let Some((at, sent)) = on_the_way.next_if(|(at, _)| *at <= now) {
                buffer.handle_input(packet(sent, &sent.to_be_bytes()), at);
            }
            played.push(match buffer.pull(now) {
                Playout::Packet { payload, .. } => i32::from_be_bytes(payload.try_into().unwrap()),
                Playout::Missing { .. } => -1,
                Playout::Silence { .. } => -2,
            });
        }
        (played, buffer)
    }

    fn in_order(played: &[i32]) -> bool {
        let sounding: Vec<i32> = played.iter().copied().filter(|n| *n >= 0).collect();
        sounding.is_sorted_by(|a, b| a < b)
    }

    #[test]
    fn an_even_stream_plays_completely_over_both_wraps() {
        let (played, buffer) = play(500, |_| Some(30));
        let first = played.iter().position(|n| *n == 0).unwrap();
        assert!(first <= 5, "{first}");
        let sounding: Vec<i32> = played[first..].to_vec();
        assert!(in_order(&played) && sounding.iter().all(|n| *n >= 0), "{played:?}");
        let stats = buffer.stats();
        assert_eq!((stats.missing, stats.late, stats.duplicate, stats.restarts), (0, 0, 0, 0));
        assert!(buffer.target_delay() <= Duration::from_millis(40));
    }

    #[test]
    fn jitter_within_the_learned_delay_loses_nothing() {
        // 0 to 60 ms of jitter, so packets overtake each other.
        let (played, buffer) = play(2000, |n| Some(u64::from(n * 37 % 61)));
        let settled = &played[400..];
        let missing = settled.iter().filter(|n| **n == -1).count();
        assert!(in_order(&played) && missing <= 48, "{missing}");
        assert!(buffer.stats().reordered > 300);
        assert!((40..=80).contains(&buffer.target_delay().as_millis()), "{:?}", buffer.target_delay());
    }

    #[test]
    fn the_delay_shrinks_again_after_a_bad_minute() {
        let (_, buffer) = play(3000, |n| Some(if n < 500 { u64::from(n * 7919 % 150) } else { 5 }));
        assert!(buffer.target_delay() <= Duration::from_millis(25), "{:?}", buffer.target_delay());
        assert!(buffer.len() <= 4 && buffer.stats().shrunk > 0, "{:?}", buffer.stats());
    }

    #[test]
    fn lost_packets_are_concealed_and_pauses_are_silence() {
        let (played, buffer) = play(300, |n| (n != 100 && n != 101).then_some(10));
        assert_eq!(played.iter().filter(|n| **n == -1).count(), 2);
        assert_eq!(buffer.stats().missing, 2);

        // The same gap in time, but no sequence number is missing.
        let start = origin();
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let (mut silence, mut missing) = (0, 0);
        for n in 0..100_u32 {
            let now = start + FRAME * n;
            if !(50..60).contains(&n) {
                let sequence = if n < 50 { n } else { n - 10 } as u16;
                buffer.handle_input(Packet { sequence, timestamp: n * 160, ..packet(0, &[1]) }, now);
            }
            match buffer.pull(now) {
                Playout::Silence { .. } if n > 10 => silence += 1,
                Playout::Missing { .. } => missing += 1,
                Playout::Packet { .. } | Playout::Silence { .. } => {}
            }
        }
        // Until the next packet shows that nothing is missing, the gap looks like loss.
        assert_eq!(silence + missing, 10);
        assert!(silence >= 2, "{silence}");
    }

    #[test]
    fn late_and_duplicate_packets_are_counted_and_not_played() {
        let start = origin();
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        for n in 0..20 {
            if n != 5 {
                buffer.handle_input(packet(n, &[n as u8]), start + FRAME * n);
                buffer.handle_input(packet(n, &[n as u8]), start + FRAME * n);
            }
            buffer.pull(start + FRAME * n);
        }
        buffer.handle_input(packet(5, &[5]), start + FRAME * 20);
        let stats = buffer.stats();
        assert_eq!((stats.duplicate, stats.late, stats.received), (19, 1, 39));
    }

    #[test]
    fn another_source_sequence_or_clock_starts_anew() {
        let start = origin();
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        for n in 0..10 {
            buffer.handle_input(packet(n, &[0]), start + FRAME * n);
        }
        buffer.handle_input(Packet { ssrc: 2, ..packet(40_000, &[1]) }, start + FRAME * 10);
        assert_eq!((buffer.stats().restarts, buffer.len()), (1, 1));
        // One stray packet changes nothing, two in sequence do.
        buffer.handle_input(Packet { ssrc: 2, ..packet(10_000, &[2]) }, start + FRAME * 11);
        assert_eq!((buffer.stats().rejected, buffer.stats().restarts), (1, 1));
        buffer.handle_input(Packet { ssrc: 2, ..packet(10_001, &[3]) }, start + FRAME * 12);
        assert_eq!((buffer.stats().restarts, buffer.len()), (2, 1));
        // In sequence, but with a timestamp from another clock.
        let moved = Packet { ssrc: 2, timestamp: 77, ..packet(10_002, &[4]) };
        let far_back = Packet { timestamp: packet(10_001, &[]).timestamp.wrapping_sub(50_000), ..moved };
        buffer.handle_input(far_back, start + FRAME * 13);
        assert_eq!((buffer.stats().restarts, buffer.len()), (3, 1));
    }

    #[test]
    fn nobody_pulling_costs_no_memory() {
        let start = origin();
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        for n in 0..10_000 {
            buffer.handle_input(packet(n, &[0; 160]), start + FRAME * n);
            assert!(buffer.len() <= 64 && buffer.spare.len() <= 64);
        }
        assert_eq!(buffer.stats().overflow, 9936);
        // Pulled again, it catches up with the present at once.
        let Playout::Packet { timestamp, .. } = buffer.pull(start + FRAME * 10_000) else {
            panic!("nothing to play")
        };
        let age = packet(10_000, &[]).timestamp.wrapping_sub(timestamp) / 160;
        assert!(age <= 5, "{age}");
    }

    #[test]
    fn a_stream_that_stops_and_comes_back_fills_anew() {
        let (played, buffer) = play(400, |n| (!(100..200).contains(&n)).then_some(10));
        assert!(in_order(&played));
        assert!(played[210..].iter().all(|n| *n >= 0), "{:?}", &played[195..215]);
        assert_eq!(buffer.stats().missing, 25);
    }

    #[test]
    fn too_large_a_payload_is_rejected() {
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        buffer.handle_input(packet(0, &[0; 1501]), origin());
        assert_eq!((buffer.stats().rejected, buffer.is_empty()), (1, true));
    }

    proptest! {
        #[test]
        fn hostile_packets_never_panic_never_replay_and_stay_bounded(
            packets in prop::collection::vec((0_u32..3, any::<u16>(), any::<u32>(), any::<u32>(), 0_u64..2000), 1..300),
            tame: bool,
        ) {
            let start = origin();
            let mut now = start;
            let mut buffer = JitterBuffer::new(JitterConfig { capacity: 16, ..JitterConfig::default() });
            for (n, (ssrc, sequence, timestamp, ticks, wait)) in packets.into_iter().enumerate() {
                now += Duration::from_millis(wait);
                let packet = if tame {
                    Packet { sequence: sequence % 64, timestamp: u32::from(sequence % 64) * 160, ..packet(0, &[1]) }
                } else {
                    Packet { ssrc, sequence, timestamp, ticks, ..packet(n as u32, &[1]) }
                };
                buffer.handle_input(packet, now);
                buffer.pull(now);
                prop_assert!(buffer.len() <= 16 && buffer.spare.len() <= 16);
            }
            let stats = buffer.stats();
            prop_assert!(stats.played + stats.late + stats.duplicate + stats.rejected <= stats.received);
        }
    }
}
