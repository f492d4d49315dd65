//! Who the peer is: believing source addresses, slowly.

use std::net::SocketAddr;

use super::config::LatchPolicy;

/// The source a leg believes in.
#[derive(Debug)]
pub(super) struct Latch {
    policy: LatchPolicy,
    signalled: Option<SocketAddr>,
    /// The source taken; nothing but [`Latch::new`] changes it again.
    locked: Option<SocketAddr>,
    ssrcs: Vec<u32>,
    candidate: Option<Candidate>,
}

/// Somebody who sends valid packets and is not the signalled address.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u8,
}

/// What is made of a packet's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The peer's.
    Peer,
    /// The peer's, from now on.
    Learned,
    /// Nobody's.
    Stranger,
}

impl Latch {
    pub(super) fn new(policy: LatchPolicy, signalled: Option<SocketAddr>, announced: &[u32]) -> Self {
        let ssrcs = if policy == LatchPolicy::Strict { announced.to_vec() } else { Vec::new() };
        Self { policy, signalled, locked: None, ssrcs, candidate: None }
    }

    /// Whether a source could be the peer at all: the check before any cryptography.
    pub(super) fn may_be_peer(&self, source: SocketAddr) -> bool {
        match (self.locked, self.policy) {
            (Some(locked), _) => locked == source,
            (None, LatchPolicy::SignalledOnly | LatchPolicy::Strict) => self.signalled == Some(source),
            (None, LatchPolicy::LearnAfter { from, .. }) => {
                self.signalled == Some(source) || from.is_none_or(|from| from == source.ip())
            }
        }
    }

    /// Judges a valid (and on SRTP legs: authenticated) packet.
    pub(super) fn judge(&mut self, source: SocketAddr, ssrc: u32, sequence: u16) -> Trust {
        if !self.may_be_peer(source) {
            return Trust::Stranger;
        }
        if self.locked == Some(source) || self.signalled == Some(source) {
            return self.signalled_source(source, ssrc);
        }
        let LatchPolicy::LearnAfter { packets, .. } = self.policy else { return Trust::Stranger };
        let in_sequence = |c: &Candidate| c.source == source && c.ssrc == ssrc && c.next == sequence;
        let count = self.candidate.filter(in_sequence).map_or(1, |c| c.count.saturating_add(1));
        self.candidate = Some(Candidate { source, ssrc, next: sequence.wrapping_add(1), count });
        if count < packets.max(1) {
            return Trust::Stranger;
        }
        self.locked = Some(source);
        Trust::Learned
    }

    fn signalled_source(&mut self, source: SocketAddr, ssrc: u32) -> Trust {
        if self.policy == LatchPolicy::Strict {
            if self.ssrcs.is_empty() {
                self.ssrcs.push(ssrc);
            }
            if !self.ssrcs.contains(&ssrc) {
                return Trust::Stranger;
            }
        }
        self.locked = Some(source);
        Trust::Peer
    }

    /// RTCP is believed from the signalled RTCP address, and from the host that RTP is taken from.
    pub(super) fn may_send_rtcp(&self, source: SocketAddr, signalled: Option<SocketAddr>) -> bool {
        signalled == Some(source) || self.locked.is_some_and(|locked| locked.ip() == source.ip())
    }

    /// Where to send RTP.
    pub(super) fn target(&self) -> Option<SocketAddr> {
        // A peer on the null address gets nothing, wherever its packets come from (RFC 3264 §8.4).
        let signalled = self.signalled?;
        Some(self.locked.unwrap_or(signalled))
    }

    /// The source that was taken, when it is not the signalled one.
    pub(super) fn learned(&self) -> Option<SocketAddr> {
        self.locked.filter(|locked| self.signalled != Some(*locked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    const LEARN: LatchPolicy = LatchPolicy::LearnAfter { packets: 3, from: None };

    /// MR-013: another source than the signalled one is taken after N packets in sequence, and then kept.
    #[test]
    fn a_source_is_learned_after_packets_in_sequence() {
        let mut latch = Latch::new(LEARN, Some(at("192.0.2.1:4000")), &[]);
        let nat = at("198.51.100.1:777");
        assert_eq!(latch.judge(nat, 1, 65_534), Trust::Stranger);
        assert_eq!(latch.judge(nat, 1, 65_535), Trust::Stranger);
        assert_eq!(latch.target(), Some(at("192.0.2.1:4000")));
        assert_eq!(latch.judge(nat, 1, 0), Trust::Learned);
        assert_eq!(latch.target(), Some(nat));
        for source in ["192.0.2.1:4000", "198.51.100.1:778", "203.0.113.1:777"] {
            assert!(!latch.may_be_peer(at(source)));
            assert_eq!(latch.judge(at(source), 1, 1), Trust::Stranger);
        }
    }

    /// ES-30: a gap, another SSRC or another sender in between starts the count again.
    #[test]
    fn competing_sources_are_not_learned() {
        let mut latch = Latch::new(LEARN, Some(at("192.0.2.1:4000")), &[]);
        let (one, two) = (at("198.51.100.1:1111"), at("198.51.100.2:2222"));
        for n in 0..1000 {
            assert_eq!(latch.judge(one, 1, n), Trust::Stranger);
            assert_eq!(latch.judge(two, 2, n), Trust::Stranger);
        }
        for (ssrc, sequence) in [(1, 10), (1, 11), (1, 13), (1, 14), (2, 15), (2, 16)] {
            assert_eq!(latch.judge(one, ssrc, sequence), Trust::Stranger);
        }
    }

    /// ES-30: the signalled source is taken at once, whoever was about to be learned.
    #[test]
    fn the_signalled_source_wins() {
        let signalled = at("192.0.2.1:4000");
        let mut latch = Latch::new(LEARN, Some(signalled), &[]);
        latch.judge(at("198.51.100.1:777"), 1, 1);
        latch.judge(at("198.51.100.1:777"), 1, 2);
        assert_eq!(latch.judge(signalled, 9, 1), Trust::Peer);
        assert_eq!(latch.judge(at("198.51.100.1:777"), 1, 3), Trust::Stranger);
        assert_eq!((latch.target(), latch.learned()), (Some(signalled), None));
    }

    #[test]
    fn learning_can_be_limited_to_a_host() {
        let from = Some("198.51.100.1".parse().unwrap());
        let policy = LatchPolicy::LearnAfter { packets: 1, from };
        let mut latch = Latch::new(policy, Some(at("10.0.0.1:4000")), &[]);
        assert_eq!(latch.judge(at("203.0.113.1:1"), 1, 1), Trust::Stranger);
        assert_eq!(latch.judge(at("198.51.100.1:1"), 1, 1), Trust::Learned);
    }

    /// ES-30: signalled-only learns nothing, strict also pins the RTP source.
    #[test]
    fn stricter_policies() {
        let signalled = at("192.0.2.1:4000");
        let mut latch = Latch::new(LatchPolicy::SignalledOnly, Some(signalled), &[]);
        assert!((0..100).all(|n| latch.judge(at("192.0.2.1:4001"), 1, n) == Trust::Stranger));
        let mut latch = Latch::new(LatchPolicy::Strict, Some(signalled), &[]);
        assert_eq!(latch.judge(signalled, 1, 1), Trust::Peer);
        assert_eq!(latch.judge(signalled, 2, 1), Trust::Stranger);
        let mut latch = Latch::new(LatchPolicy::Strict, Some(signalled), &[7, 8]);
        assert_eq!(
            [6, 7, 8].map(|ssrc| latch.judge(signalled, ssrc, 1)),
            [Trust::Stranger, Trust::Peer, Trust::Peer]
        );
    }

    #[test]
    fn nothing_goes_to_the_null_address() {
        let mut latch = Latch::new(LatchPolicy::LearnAfter { packets: 1, from: None }, None, &[]);
        assert_eq!(latch.judge(at("198.51.100.1:1"), 1, 1), Trust::Learned);
        assert_eq!(latch.target(), None);
    }
}
