//! Who sends datagrams and opens connections: peers, those vouched for, and strangers, who are counted.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::{Network, Rate, Recent, TokenBucket};
use crate::engine::KeyedState;

/// How a message of some source is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A configured peer, or everybody is served alike.
    Peer,
    /// Proven to be somebody.
    Vouched,
    /// Nobody knows.
    Stranger,
}

/// Whether a message may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Admitted(Standing),
    /// Its source sends too much; `first` of this burst.
    Throttled { first: bool },
}

/// What is remembered of one source.
#[derive(Debug)]
struct Account {
    bucket: TokenBucket,
    /// Bytes that came and were not answered yet.
    credit: usize,
    throttled: bool,
}

/// Who counts as what.
#[derive(Debug, Clone)]
pub(crate) struct SourceRules {
    /// Whether there are strangers at all.
    pub(crate) guarded: bool,
    /// Messages a source may send that is no peer.
    pub(crate) rate: Rate,
    pub(crate) peers: Vec<Network>,
}

/// Sources seen lately; bounded whatever arrives.
#[derive(Debug)]
pub(crate) struct Sources {
    rules: SourceRules,
    accounts: Recent<Network, Account>,
    vouched: Recent<SocketAddr, ()>,
}

impl Sources {
    pub(crate) fn new(rules: SourceRules, limit: usize, state: KeyedState) -> Self {
        Self { rules, accounts: Recent::new(limit, state), vouched: Recent::new(limit, state) }
    }

    pub(crate) fn apply(&mut self, rules: SourceRules) {
        self.rules = rules;
    }

    /// A configured peer, or everybody is served alike.
    pub(crate) fn is_peer(&self, address: IpAddr) -> bool {
        !self.rules.guarded || self.is_configured(address)
    }

    /// A configured peer.
    pub(crate) fn is_configured(&self, address: IpAddr) -> bool {
        self.rules.peers.iter().any(|network| network.contains(address))
    }

    /// Who is at that address has been proven.
    pub(crate) fn vouch(&mut self, remote: SocketAddr) {
        self.vouched.entry(remote, || ());
    }

    pub(crate) fn standing(&self, remote: SocketAddr) -> Standing {
        if self.is_peer(remote.ip()) {
            Standing::Peer
        } else if self.vouched.get(&remote).is_some() {
            Standing::Vouched
        } else {
            Standing::Stranger
        }
    }

    /// Counts a message of `len` bytes.
    pub(crate) fn admit(&mut self, remote: SocketAddr, len: usize, now: Instant) -> Admission {
        let standing = self.standing(remote);
        if standing == Standing::Peer {
            return Admission::Admitted(standing);
        }
        let fresh = || Account { bucket: TokenBucket::new(now), credit: 0, throttled: false };
        let account = self.accounts.entry(Network::unit_of(remote.ip()), fresh);
        account.credit = account.credit.saturating_add(len);
        if account.bucket.take(self.rules.rate, now) {
            account.throttled = false;
            return Admission::Admitted(standing);
        }
        Admission::Throttled { first: !std::mem::replace(&mut account.throttled, true) }
    }

    /// Whether a datagram of `len` bytes may go to `remote` as an answer: strangers get no more bytes than they sent
    /// (ES-29), whoever they pretend to be.
    pub(crate) fn may_answer(&mut self, remote: SocketAddr, len: usize) -> bool {
        if self.standing(remote) != Standing::Stranger {
            return true;
        }
        let Some(account) = self.accounts.get_mut(&Network::unit_of(remote.ip())) else { return false };
        let enough = account.credit >= len;
        if enough {
            account.credit -= len;
        }
        enough
    }

    /// Sources remembered now.
    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn guarded(limit: usize) -> Sources {
        let peers = vec!["203.0.113.0/24".parse().unwrap()];
        let rules = SourceRules { guarded: true, rate: "10/1s".parse().unwrap(), peers };
        Sources::new(rules, limit, KeyedState::fixed())
    }

    #[allow(clippy::disallowed_methods, reason = "any starting point does")]
    fn start() -> Instant {
        Instant::now()
    }

    /// ES-17: a stranger's messages are counted per address, a peer's are not.
    #[test]
    fn strangers_are_throttled_and_peers_are_not() {
        let (mut sources, now) = (guarded(100), start());
        let (stranger, peer) = ("192.0.2.1:5060".parse().unwrap(), "203.0.113.7:5060".parse().unwrap());
        let mut admitted = |from: SocketAddr, at| {
            (0..50).filter(|_| matches!(sources.admit(from, 400, at), Admission::Admitted(_))).count()
        };
        assert_eq!(admitted(stranger, now), 10);
        assert_eq!(admitted(peer, now), 50);
        assert_eq!(admitted(stranger, now + Duration::from_millis(500)), 5);
        assert_eq!(sources.admit(stranger, 400, now), Admission::Throttled { first: false });
    }

    /// ES-17: a million spoofed sources leave a bounded table.
    #[test]
    fn a_million_sources_are_forgotten_again() {
        let (mut sources, now) = (guarded(1_000), start());
        for address in 0..1_000_000_u32 {
            sources.admit(SocketAddr::new(IpAddr::V4(address.into()), 5060), 100, now);
        }
        assert!(sources.len() <= 1_000);
    }

    /// ES-29: answers to strangers never add up to more than they sent.
    #[test]
    fn a_stranger_gets_no_more_bytes_than_it_sent() {
        let (mut sources, now) = (guarded(100), start());
        let stranger = "192.0.2.1:5060".parse().unwrap();
        assert!(!sources.may_answer(stranger, 1));
        sources.admit(stranger, 400, now);
        assert!(sources.may_answer(stranger, 300));
        assert!(!sources.may_answer(stranger, 300));
        sources.admit(stranger, 400, now);
        assert!(sources.may_answer(stranger, 300));
        sources.vouch(stranger);
        assert!(sources.may_answer(stranger, 10_000));
        assert!(sources.may_answer("203.0.113.7:5060".parse().unwrap(), 10_000));
    }
}
