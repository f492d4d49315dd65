//! Guessing passwords: who guessed too often is locked out, for longer each time.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use sip_trunk::transport::Rate;

use super::recent::{KeyedHash, Recent};
use super::source::SourceKey;

/// When somebody is locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutLimits {
    /// Wrong passwords of one source for one account; 8 in 300 s.
    pub pair: Rate,
    /// Wrong passwords and unknown users of one source, unless a phone of it proved itself before; 40 in 300 s.
    pub source: Rate,
    /// Wrong passwords for one account from sources that never proved it; 100 in 600 s.
    pub account: Rate,
    /// How long the first lock lasts; each further one within a day twice as long as the one before. 300 s.
    pub first: Duration,
    /// The longest lock; 3,600 s.
    pub longest: Duration,
}

impl Default for LockoutLimits {
    fn default() -> Self {
        let rate = |events, seconds| Rate { events, per: Duration::from_secs(seconds) };
        Self {
            pair: rate(8, 300),
            source: rate(40, 300),
            account: rate(100, 600),
            first: Duration::from_secs(300),
            longest: Duration::from_secs(3600),
        }
    }
}

/// After so long without a fault, what somebody did is forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(86_400);

/// Faults of one subject.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Faults since `since`.
    faults: u32,
    since: Instant,
    locked_until: Option<Instant>,
    /// How often it was locked.
    locks: u32,
    /// When the last account was proved from here, or this account from anywhere.
    proved: Option<Instant>,
}

/// Whom a count is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Source(SourceKey),
    /// An account, by its keyed hash: what attackers write as user names is not kept.
    Account(u64),
    Pair(SourceKey, u64),
}

/// What a proof, or a failure to give one, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It counts as what it is.
    Stands,
    /// It was one too many: from now on locked out.
    LockedNow,
    /// Locked out before: even the right password proves nothing.
    Locked,
}

#[derive(Debug)]
pub(super) struct Lockout {
    limits: LockoutLimits,
    hash: KeyedHash,
    records: Recent<Subject, Record>,
}

impl Lockout {
    pub(super) fn new(limits: LockoutLimits, bound: usize, hash: KeyedHash) -> Self {
        Self { limits, hash, records: Recent::new(bound, hash) }
    }

    pub(super) fn apply(&mut self, limits: LockoutLimits) {
        self.limits = limits;
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// A request gave a proof for an account.
    pub(super) fn proved(&mut self, source: SourceKey, user: &str, now: Instant) -> Judgement {
        let account = self.hash.hash_one(user);
        if self.is_locked(source, account, now) {
            return Judgement::Locked;
        }
        for subject in [Subject::Pair(source, account), Subject::Source(source)] {
            let record = self.record(subject, now);
            record.proved = Some(now);
            record.faults = 0;
        }
        Judgement::Stands
    }

    /// A request gave credentials that prove nothing.
    pub(super) fn failed(&mut self, source: SourceKey, user: Option<&str>, now: Instant) -> Judgement {
        let account = self.hash.hash_one(user.unwrap_or_default());
        if self.is_locked(source, account, now) {
            return Judgement::Locked;
        }
        let limits = self.limits;
        let mut locked = self.count(Subject::Pair(source, account), limits.pair, now);
        if self.proved_at(Subject::Source(source)).is_none() {
            locked |= self.count(Subject::Source(source), limits.source, now);
        }
        if self.proved_at(Subject::Pair(source, account)).is_none() {
            locked |= self.count(Subject::Account(account), limits.account, now);
        }
        if locked { Judgement::LockedNow } else { Judgement::Stands }
    }

    /// Whether a phone proved itself from this source in the last day.
    pub(super) fn vouched(&self, source: SourceKey, now: Instant) -> bool {
        self.proved_at(Subject::Source(source)).is_some_and(|at| now < at + FORGIVEN_AFTER)
    }

    /// An account under attack is locked for all but the sources that proved it before: the attack must not log its owner out.
    fn is_locked(&self, source: SourceKey, account: u64, now: Instant) -> bool {
        let pair = Subject::Pair(source, account);
        let locked =
            |subject| self.records.peek(&subject).and_then(|r| r.locked_until).is_some_and(|at| now < at);
        locked(pair)
            || locked(Subject::Source(source))
            || (locked(Subject::Account(account)) && self.proved_at(pair).is_none())
    }

    fn proved_at(&self, subject: Subject) -> Option<Instant> {
        self.records.peek(&subject)?.proved
    }

    /// Counts a fault; whether it was one too many.
    fn count(&mut self, subject: Subject, limit: Rate, now: Instant) -> bool {
        let (first, longest) = (self.limits.first, self.limits.longest);
        let record = self.record(subject, now);
        if record.since + FORGIVEN_AFTER <= now {
            *record = Record { proved: record.proved, ..Record::new(now) };
        } else if record.since + limit.per <= now {
            (record.faults, record.since) = (0, now);
        }
        record.faults += 1;
        if record.faults < limit.events {
            return false;
        }
        let time = first.saturating_mul(1 << record.locks.min(16)).min(longest);
        record.locked_until = Some(now + time);
        record.locks += 1;
        record.faults = 0;
        true
    }

    fn record(&mut self, subject: Subject, now: Instant) -> &mut Record {
        self.records.entry(subject, || Record::new(now))
    }
}

impl Record {
    fn new(now: Instant) -> Self {
        Self { faults: 0, since: now, locked_until: None, locks: 0, proved: None }
    }
}
