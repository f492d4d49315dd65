//! Bursts and gaps: whether loss came in one lump or spread out (RFC 3611 §4.7.2).

use std::time::Duration;

/// Follows a stream packet by packet.
// RFC 3611 A.2: transition counts between four states; the names are those of the RFC.
#[derive(Clone, Debug)]
pub struct BurstGap {
    /// The least run of good packets that ends a burst.
    gmin: u64,
    /// Packets received since the last one lost, and packets lost in the current burst.
    good: u64,
    bad: u64,
    c11: u64,
    c13: u64,
    c14: u64,
    c22: u64,
    c23: u64,
    c33: u64,
    lost: u64,
    discarded: u64,
}

/// What [`BurstGap`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BurstGapSummary {
    /// Lost on the way, 0 to 1.
    pub loss: f64,
    /// Arrived but too late to be played, 0 to 1.
    pub discard: f64,
    /// Bad packets within bursts, 0 to 1.
    pub burst_density: f64,
    /// Bad packets within gaps, 0 to 1.
    pub gap_density: f64,
    /// Mean length of a burst.
    pub burst_length: Duration,
    /// Mean length of a gap.
    pub gap_length: Duration,
    /// How bursty the loss is against random loss (ITU-T G.107: BurstR); 1 is random.
    pub burst_ratio: f64,
}

impl Default for BurstGap {
    fn default() -> BurstGap {
        BurstGap::new(16)
    }
}

impl BurstGap {
    /// Starts with the least run of good packets that ends a burst; RFC 3611 recommends 16.
    pub fn new(gmin: u8) -> BurstGap {
        BurstGap {
            gmin: u64::from(gmin),
            good: 0,
            bad: 0,
            c11: 0,
            c13: 0,
            c14: 0,
            c22: 0,
            c23: 0,
            c33: 0,
            lost: 0,
            discarded: 0,
        }
    }

    /// A packet was played.
    pub fn played(&mut self) {
        self.good += 1;
    }

    /// A packet was lost on the way.
    pub fn lost(&mut self) {
        self.lost += 1;
        self.bad();
    }

    /// A packet came too late.
    pub fn discarded(&mut self) {
        self.discarded += 1;
        self.bad();
    }

    fn bad(&mut self) {
        if self.good >= self.gmin {
            if self.bad == 1 {
                self.c14 += 1;
            } else {
                self.c13 += 1;
            }
            self.bad = 1;
            self.c11 += self.good;
        } else {
            self.bad += 1;
            if self.good == 0 {
                self.c33 += 1;
            } else {
                self.c23 += 1;
                self.c22 += self.good - 1;
            }
        }
        self.good = 0;
    }

    /// The figures so far, for packets of `packet_time`.
    pub fn summary(&self, packet_time: Duration) -> BurstGapSummary {
        let bad = self.lost + self.discarded;
        // The run of good packets at the end belongs to a gap; the RFC leaves it out, which makes short calls look bad.
        let c11 = self.c11 + self.good;
        let total = c11 + self.c14 + 2 * self.c13 + self.c22 + 2 * self.c23 + self.c33;
        if bad == 0 || total == 0 {
            return BurstGapSummary {
                gap_length: times(packet_time, self.good as f64),
                burst_ratio: 1.0,
                ..Default::default()
            };
        }
        let part = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        let p32 = part(self.c23, self.c13 + self.c23 + self.c33);
        let p23 = if self.c22 + self.c23 < 1 { 1.0 } else { 1.0 - part(self.c22, self.c22 + self.c23) };
        // A stream that begins bad is in a burst that no transition led to.
        let bursts = self.c13.max(u64::from(self.c23 + self.c33 > 0));
        let gap = (c11 + self.c14 + self.c13) as f64 / bursts.max(1) as f64;
        let burst = if bursts == 0 { 0.0 } else { (total as f64 / bursts as f64 - gap).max(0.0) };
        BurstGapSummary {
            loss: part(self.lost, total).min(1.0),
            discard: part(self.discarded, total).min(1.0),
            burst_density: if bursts == 0 { 0.0 } else { p23 / (p23 + p32) },
            gap_density: part(self.c14, c11 + self.c14),
            burst_length: times(packet_time, burst),
            gap_length: times(packet_time, gap),
            burst_ratio: self.ratio(bad, total),
        }
    }

    /// Mean run of bad packets over what random loss of the same rate would have: 1 / (1 − rate).
    fn ratio(&self, bad: u64, total: u64) -> f64 {
        let runs = bad.saturating_sub(self.c33).max(1) as f64;
        let rate = (bad as f64 / total as f64).min(0.99);
        (bad as f64 / runs * (1.0 - rate)).max(1.0)
    }
}

fn times(packet_time: Duration, packets: f64) -> Duration {
    Duration::from_secs_f64(packet_time.as_secs_f64() * packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    /// `x` is lost, `l` late, anything else played.
    fn summary(pattern: &str) -> BurstGapSummary {
        let mut bursts = BurstGap::default();
        for packet in pattern.chars() {
            match packet {
                'x' => bursts.lost(),
                'l' => bursts.discarded(),
                _ => bursts.played(),
            }
        }
        bursts.summary(PACKET)
    }

    #[test]
    fn a_stream_without_loss_is_one_gap() {
        let found = summary(&".".repeat(100));
        assert_eq!((found.loss, found.burst_density, found.gap_length), (0.0, 0.0, PACKET * 100));
    }

    // RFC 3611 §4.7.2: losses at least Gmin apart belong to gaps.
    /// MR-016: the same loss, spread out and in bursts.
    #[test]
    fn spread_loss_is_gap_loss_and_lumped_loss_is_bursts() {
        let spread = summary(&(".".repeat(49) + "x").repeat(40));
        assert!((spread.loss - 0.02).abs() < 0.002, "{spread:?}");
        assert!(spread.gap_density > 0.018 && spread.burst_ratio == 1.0, "{spread:?}");

        let lumped = summary(&(".".repeat(245) + "xxxxx").repeat(8));
        assert!((lumped.loss - 0.02).abs() < 0.002, "{lumped:?}");
        assert!(lumped.burst_density > 0.9 && lumped.gap_density == 0.0, "{lumped:?}");
        assert!(lumped.burst_length >= PACKET * 4 && lumped.burst_length <= PACKET * 6, "{lumped:?}");
        assert!(lumped.gap_length >= PACKET * 240, "{lumped:?}");
        assert!((lumped.burst_ratio - 4.9).abs() < 0.1, "{lumped:?}");
    }

    #[test]
    fn late_packets_count_as_discarded() {
        let found = summary(&(".".repeat(90) + "l").repeat(5));
        assert_eq!(found.loss, 0.0);
        assert!(found.discard > 0.01);
    }

    #[test]
    fn total_loss_is_total() {
        let found = summary(&"x".repeat(200));
        assert!(found.loss > 0.99 && found.burst_density > 0.99, "{found:?}");
    }
}
