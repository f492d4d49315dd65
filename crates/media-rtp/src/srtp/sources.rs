//! The sources of one stream: their indexes, and the bound on how many there are.

use super::replay::{Freshness, ReplayWindow};
use super::{SrtpConfig, SrtpSetupError};

/// Sources in order of admission. Few, so a scan finds one fastest.
pub(super) struct Sources {
    list: Vec<Source>,
    max: usize,
    window: u16,
    initial_roc: u32,
}

struct Source {
    ssrc: u32,
    /// The rollover counter the first packet will have.
    roc: u32,
    /// None until the first authentic packet.
    window: Option<ReplayWindow>,
}

/// Why a packet's index cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Replayed,
    TooOld,
    /// No room for another source.
    Full,
    /// The 48-bit index has no next rollover.
    Exhausted,
}

/// An index found for a packet, to be kept once the packet is authentic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    slot: usize,
    ssrc: u32,
    pub(super) index: u64,
}

impl Candidate {
    /// True while the packet's source has no authentic packet.
    #[cfg(feature = "webrtc-srtp")]
    pub(super) fn is_new(&self, sources: &Sources) -> bool {
        self.slot == sources.list.len()
    }
}

impl Sources {
    pub(super) fn new(config: &SrtpConfig) -> Self {
        let max = usize::from(config.max_sources);
        Self { list: Vec::new(), max, window: config.replay_window, initial_roc: config.initial_roc }
    }

    /// The index of an RTP packet. Changes nothing.
    pub(super) fn locate(&self, ssrc: u32, sequence: u16) -> Result<Candidate, Unusable> {
        let slot = self.slot(ssrc)?;
        let source = self.list.get(slot);
        let index = match source.and_then(|it| it.window.as_ref()) {
            Some(window) => {
                let index = estimate(window.highest(), sequence).ok_or(Unusable::Exhausted)?;
                fresh(window, index)?
            }
            None => u64::from(source.map_or(self.initial_roc, |it| it.roc)) << 16 | u64::from(sequence),
        };
        Ok(Candidate { slot, ssrc, index })
    }

    /// The same for SRTCP, where the packet names its index.
    pub(super) fn locate_index(&self, ssrc: u32, index: u64) -> Result<Candidate, Unusable> {
        let slot = self.slot(ssrc)?;
        if let Some(window) = self.list.get(slot).and_then(|it| it.window.as_ref()) {
            fresh(window, index)?;
        }
        Ok(Candidate { slot, ssrc, index })
    }

    /// The next index of a source that counts up from 0.
    pub(super) fn next_index(&self, ssrc: u32) -> Result<Candidate, Unusable> {
        let slot = self.slot(ssrc)?;
        let window = self.list.get(slot).and_then(|it| it.window.as_ref());
        Ok(Candidate { slot, ssrc, index: window.map_or(0, |it| it.highest() + 1) })
    }

    /// Records an authentic packet; admits its source if it is new.
    pub(super) fn admit(&mut self, candidate: Candidate) {
        let Candidate { slot, ssrc, index } = candidate;
        if slot == self.list.len() {
            self.list.push(Source { ssrc, roc: 0, window: None });
        }
        let source = &mut self.list[slot];
        match &mut source.window {
            Some(window) => window.mark(index),
            None => source.window = Some(ReplayWindow::new(self.window, index)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn roc(&self, ssrc: u32) -> Option<u32> {
        let source = self.list.iter().find(|it| it.ssrc == ssrc)?;
        Some(source.window.as_ref().map_or(source.roc, |window| (window.highest() >> 16) as u32))
    }

    pub(super) fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), SrtpSetupError> {
        let slot = self.slot(ssrc).map_err(|_| SrtpSetupError::TooManySources)?;
        match self.list.get_mut(slot) {
            Some(source) => (source.roc, source.window) = (roc, None),
            None => self.list.push(Source { ssrc, roc, window: None }),
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, ssrc: u32) {
        self.list.retain(|source| source.ssrc != ssrc);
    }

    /// Where `ssrc` is, or would be.
    fn slot(&self, ssrc: u32) -> Result<usize, Unusable> {
        match self.list.iter().position(|source| source.ssrc == ssrc) {
            Some(slot) => Ok(slot),
            None if self.list.len() < self.max => Ok(self.list.len()),
            None => Err(Unusable::Full),
        }
    }
}

fn fresh(window: &ReplayWindow, index: u64) -> Result<u64, Unusable> {
    match window.check(index) {
        Freshness::Fresh => Ok(index),
        Freshness::Replayed => Err(Unusable::Replayed),
        Freshness::TooOld => Err(Unusable::TooOld),
    }
}

/// RFC 3711 §3.3.1, Appendix A: the 48-bit index nearest to the highest so far; `None` past the last rollover.
fn estimate(highest: u64, sequence: u16) -> Option<u64> {
    let roc = highest >> 16;
    let (last, sequence) = (highest & 0xFFFF, u64::from(sequence));
    let roc = if last < 0x8000 {
        // Before the first rollover nothing lies behind, so a distant number lies ahead.
        if sequence > last + 0x8000 { roc.saturating_sub(1) } else { roc }
    } else if last - 0x8000 > sequence {
        roc + 1
    } else {
        roc
    };
    (roc <= u64::from(u32::MAX)).then_some(roc << 16 | sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 §3.3.1: the guess is the nearest index, at every boundary.
    #[test]
    fn index_is_estimated_at_the_boundaries() {
        let check = |highest, sequence, expected| assert_eq!(estimate(highest, sequence), Some(expected));
        check(0x1_0000, 0xFFFF, 0x0_FFFF);
        check(0x1_7FFF, 0xFFFF, 0x1_FFFF);
        check(0x1_7FFE, 0xFFFF, 0x0_FFFF);
        check(0x1_8000, 0x0000, 0x1_0000);
        check(0x1_8001, 0x0000, 0x2_0000);
        check(0x1_FFFF, 0x0000, 0x2_0000);
        check(0x0_0000, 0x8000, 0x0_8000);
        check(0x0_0005, 0xFFFE, 0x0_FFFE);
        assert_eq!(estimate(0xFFFF_FFFF_FFFF, 0), None);
        assert_eq!(estimate(0xFFFF_FFFF_0000, 1), Some(0xFFFF_FFFF_0001));
    }

    #[test]
    fn only_admitted_sources_take_room() {
        let config = SrtpConfig { max_sources: 2, ..SrtpConfig::default() };
        let mut sources = Sources::new(&config);
        for ssrc in 0..1000 {
            assert!(sources.locate(ssrc, 1).is_ok());
        }
        assert_eq!(sources.len(), 0);
        for ssrc in [1, 2] {
            sources.admit(sources.locate(ssrc, 1).unwrap());
        }
        assert_eq!(sources.locate(3, 1).unwrap_err(), Unusable::Full);
        assert_eq!(sources.set_roc(3, 1), Err(SrtpSetupError::TooManySources));
        sources.forget(1);
        assert!(sources.locate(3, 1).is_ok());
        assert_eq!(sources.locate(2, 1).unwrap_err(), Unusable::Replayed);
    }
}
