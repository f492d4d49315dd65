//! How long to wait: the delay that lets nearly every packet be in time.

/// Learns the arrival times of a stream, all in RTP ticks.
///
/// Of the last [`Delay::WINDOW`] packets the fastest sets the zero; the target is the delay that 97 % of them kept.
#[derive(Clone, Debug)]
pub(super) struct Delay {
    /// Arrival minus timestamp of the last packets.
    transits: [i64; Delay::WINDOW],
    seen: usize,
    base: i64,
    target: i64,
    least: i64,
    most: i64,
}

impl Delay {
    /// Packets looked back on: 4 seconds of 20 ms.
    const WINDOW: usize = 200;

    /// Packets between two looks at the whole window.
    const REVIEW: usize = 25;

    pub(super) fn new(initial: i64, least: i64, most: i64) -> Delay {
        Delay {
            transits: [0; Delay::WINDOW],
            seen: 0,
            base: 0,
            target: initial.clamp(least, most),
            least,
            most,
        }
    }

    /// Notes a packet that took `transit` ticks on a clock of unknown zero.
    pub(super) fn note(&mut self, transit: i64) {
        self.transits[self.seen % Delay::WINDOW] = transit;
        self.base = if self.seen == 0 { transit } else { self.base.min(transit) };
        self.seen += 1;
        // A packet that would have come too late raises the target at once; the review lets it sink again.
        self.target = self.target.max(transit - self.base).clamp(self.least, self.most);
        if self.seen.is_multiple_of(Delay::REVIEW) && self.seen >= 2 * Delay::REVIEW {
            self.review();
        }
    }

    /// Ticks between a timestamp and the moment it is to be played.
    pub(super) fn playout(&self) -> i64 {
        self.base + self.target
    }

    /// The target alone, without the unknown zero.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    fn review(&mut self) {
        let mut sorted = self.transits;
        let sorted = &mut sorted[..self.seen.min(Delay::WINDOW)];
        sorted.sort_unstable();
        self.base = sorted[0];
        self.target = (sorted[(sorted.len() - 1) * 97 / 100] - self.base).clamp(self.least, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_rises_at_once_and_sinks_slowly() {
        let mut delay = Delay::new(160, 160, 1600);
        for n in 0..200 {
            delay.note(if n == 10 { 900 } else { 100 });
            if n == 10 {
                assert_eq!(delay.target(), 800);
            }
        }
        assert_eq!((delay.target(), delay.playout()), (160, 260));
    }

    #[test]
    fn the_target_is_what_nearly_all_packets_keep_and_never_out_of_bounds() {
        let mut delay = Delay::new(160, 160, 1600);
        for n in 0..1000_i64 {
            delay.note(n * 37 % 640);
        }
        assert!((580..=640).contains(&delay.target()), "{}", delay.target());
        for n in 0..1000_i64 {
            delay.note(n % 2 * 100_000);
        }
        assert_eq!(delay.target(), 1600);
    }

    #[test]
    fn clock_drift_moves_the_zero() {
        let mut delay = Delay::new(160, 160, 1600);
        for n in 0..2000 {
            delay.note(n);
        }
        assert!(delay.playout() > 1700 && delay.target() < 400, "{} {}", delay.playout(), delay.target());
    }
}
