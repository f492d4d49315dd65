//! Guards: who may cost us what.
//!
//! ```text
//!  request ──► admit ──► Serve · Prove · Refuse · Silence          call ──► fraud.admit ──► Ticket ──► cut when minutes end
//!               │  who: trunk, neighbour, phone, stranger                       │
//!               │  need: a table over every method                              │ emergency calls pass
//!               │  rates: per source, per account, all strangers                ▼
//!  credentials ─► judge ──► locked out? ─────────────────────────► SecurityEvent ──► one line for fail2ban
//! ```
//!
//! Tables are bounded and forget the oldest; nothing a stranger sends makes them grow. An emergency call of somebody known passes every
//! rate and every budget here, and no limit of parsing; that of a stranger has rates of its own, for anybody can write its number.

mod event;
mod fraud;
mod lockout;
mod log;
mod methods;
mod recent;
mod source;

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use sip_trunk::endpoint::Source;
use sip_trunk::msg::{Draft, HeaderName, Message};
use sip_trunk::transport::{Network, Rate, TokenBucket};
use sip_trunk::{Deadline, Seed};

use crate::registrar::{AuthFault, Proved, Registrar, Unproved};
use lockout::{Judgement, Lockout};
use log::Log;
use recent::{KeyedHash, Recent};

pub use event::{Code, FAILREGEX, Loudness, Quoted, SecurityEvent};
pub use fraud::{
    Allowed, Attempt, Budget, Destination, DestinationRule, Fraud, FraudLimits, FraudRefusal, Ticket,
};
pub use lockout::LockoutLimits;
pub use methods::{Need, Relation, need};
pub use source::SourceKey;

/// What a guard is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Requests outside dialogs of one source that is neither a trunk's nor a neighbour's; 40 in 1 s.
    pub per_source: Rate,
    /// The same while the source has proved no account; 20 in 10 s.
    pub per_stranger: Rate,
    /// Requests outside dialogs of one account; 30 in 1 s.
    pub per_account: Rate,
    /// Requests of all strangers together; 500 in 1 s.
    pub strangers: Rate,
    /// Calls to emergency numbers of one source that has proved no account; 10 in 10 s, which is five calls with their challenges.
    pub per_urgent_stranger: Rate,
    /// Calls to emergency numbers of all those sources together; 200 in 1 s.
    pub urgent_strangers: Rate,
    /// When guessing is stopped.
    pub lockout: LockoutLimits,
    /// Sources and accounts remembered; 100,000 each.
    pub remembered: usize,
    /// Answer no request that comes from outside the lists of the trunks, not even with a challenge: for edges whose phones all stand
    /// in known networks.
    pub silent: bool,
    /// The networks of phones: who is there is asked for a password in silent mode too. An edge adds those its phone trunk lists.
    pub phones: Vec<Network>,
}

impl Default for Config {
    fn default() -> Self {
        let rate = |events, seconds| Rate { events, per: Duration::from_secs(seconds) };
        Self {
            per_source: rate(40, 1),
            per_stranger: rate(20, 10),
            per_account: rate(30, 1),
            strangers: rate(500, 1),
            per_urgent_stranger: rate(10, 10),
            urgent_strangers: rate(200, 1),
            lockout: LockoutLimits::default(),
            remembered: 100_000,
            silent: false,
            phones: Vec::new(),
        }
    }
}

/// What is done with a request outside dialogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is served.
    Serve,
    /// It is served once its sender has proved to be an account: [`Guard::prove`].
    Prove,
    /// It is served for a transaction or dialog that exists, and dropped else.
    Context,
    /// It gets this status.
    Refuse(u16),
    /// It gets no answer.
    Silence,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests that were looked at.
    pub requests: u64,
    /// Requests that got no answer.
    pub silenced: u64,
    /// Proofs given.
    pub proved: u64,
    /// Proofs that failed.
    pub failed: u64,
    /// Requests of somebody locked out.
    pub locked: u64,
    /// Entries in the tables.
    pub remembered: usize,
}

/// What is left to a source, before and after it has proved an account.
#[derive(Debug)]
struct Buckets {
    stranger: TokenBucket,
    urgent: TokenBucket,
    known: TokenBucket,
}

/// Decides what a request may cost before anything is done for it.
#[derive(Debug)]
pub struct Guard {
    config: Config,
    hash: KeyedHash,
    sources: Recent<SourceKey, Buckets>,
    accounts: Recent<u64, TokenBucket>,
    strangers: TokenBucket,
    urgent: TokenBucket,
    lockout: Lockout,
    log: Log,
    stats: Stats,
}

/// How scanning tools introduce themselves (SIPVicious, sipsak and those built on them).
const SCANNERS: [&[u8]; 7] =
    [b"friendly-scanner", b"sipvicious", b"sipcli", b"sip-scan", b"sundayddr", b"VaxSIPUserAgent", b"pplsip"];

impl Guard {
    /// A guard that knows nobody.
    pub fn new(config: Config, seed: Seed, now: Instant) -> Self {
        let hash = KeyedHash::new(seed.derive("guard"));
        Self {
            hash,
            sources: Recent::new(config.remembered, hash),
            accounts: Recent::new(config.remembered, hash),
            strangers: TokenBucket::new(now),
            urgent: TokenBucket::new(now),
            lockout: Lockout::new(config.lockout, config.remembered, hash),
            log: Log::new(config.remembered, hash, now),
            stats: Stats::default(),
            config,
        }
    }

    /// Takes new limits; what is known of sources stays. The size of the tables is that of the start.
    pub fn apply(&mut self, config: Config) {
        self.lockout.apply(config.lockout);
        self.config = config;
    }

    /// Looks at a request outside dialogs, before it is authenticated. `emergency`: it is an INVITE to an emergency number.
    pub fn admit(
        &mut self,
        request: &Message,
        source: &Source,
        relation: Relation,
        emergency: bool,
        now: Instant,
    ) -> Verdict {
        self.stats.requests += 1;
        let Some(method) = request.method() else { return self.silence() };
        let need = need(&method, relation);
        let stranger = relation == Relation::Stranger;
        if stranger && is_scanner(request) {
            self.tell(Code::Scanner, source, None, None, now);
            return self.silence();
        }
        if need != Need::Context && !self.is_within_rates(source, relation, emergency, now) {
            return self.silence();
        }
        match need {
            Need::Nothing => Verdict::Serve,
            Need::Proof if stranger && self.config.silent && !emergency && !self.may_be_a_phone(source) => {
                self.tell(Code::AclDenied, source, None, Some(method.as_str()), now);
                self.silence()
            }
            Need::Proof => Verdict::Prove,
            Need::Context => Verdict::Context,
            Need::Refusal(status) => {
                let code = if status == 501 { Code::RequestUnsupported } else { Code::RequestNotAllowed };
                self.tell(code, source, None, Some(method.as_str()), now);
                Verdict::Refuse(status)
            }
            Need::Silence => {
                self.tell(Code::RequestNotAllowed, source, None, Some(method.as_str()), now);
                self.silence()
            }
        }
    }

    fn may_be_a_phone(&self, source: &Source) -> bool {
        self.config.phones.iter().any(|network| network.contains(source.remote.ip()))
    }

    /// Has the sender of a request prove to be an account.
    ///
    /// Somebody who guessed too often gets the challenge everybody gets, also for the right password. `emergency`: an emergency call of
    /// a phone that is locked out or too eager is served all the same when its password is right.
    ///
    /// # Errors
    /// The answer to give.
    pub fn prove(
        &mut self,
        registrar: &mut Registrar,
        request: &Message,
        source: &Source,
        relation: Relation,
        emergency: bool,
        now: Instant,
    ) -> Result<Proved, Draft> {
        let outcome = registrar.authenticate(request, source, now);
        let key = SourceKey::of(source.remote.ip());
        let unproved = match outcome {
            Ok(proved) => {
                let user = proved.account.username.clone();
                let judged = self.lockout.proved(key, &user, now);
                if emergency
                    || (judged == Judgement::Stands && self.is_account_within_rate(&user, source, now))
                {
                    self.stats.proved += 1;
                    return Ok(proved);
                }
                if judged == Judgement::Locked {
                    self.stats.locked += 1;
                    self.tell(Code::AuthWhileLocked, source, Some(&user), None, now);
                }
                registrar.challenge(source, now)
            }
            Err(unproved) => {
                self.note_fault(&unproved, key, source, now);
                unproved
            }
        };
        let within = self.answer_bound(request, source, relation, now);
        Err(unproved.reply(request, &registrar.tag(), within))
    }

    /// The most bytes an answer to this request may have: to a stranger's datagram no more than came, so that nobody is flooded
    /// through us; `None` without a bound.
    pub fn answer_bound(
        &self,
        request: &Message,
        source: &Source,
        relation: Relation,
        now: Instant,
    ) -> Option<usize> {
        let known =
            relation != Relation::Stranger || self.lockout.vouched(SourceKey::of(source.remote.ip()), now);
        (!known && !source.transport.is_reliable()).then(|| request.as_bytes().len())
    }

    /// Tells of something the rest of the edge saw: an ACL that refused, a TLS handshake that failed, a call out of budget.
    pub fn tell(
        &mut self,
        code: Code,
        source: &Source,
        user: Option<&str>,
        detail: Option<&str>,
        now: Instant,
    ) {
        let event = SecurityEvent {
            code,
            source: source.remote,
            transport: source.transport,
            user: user.map(Into::into),
            detail: detail.map(Into::into),
            count: 1,
        };
        self.log.push(event, now);
    }

    /// The next event, thinned: at most five of a code and source in 10 s, 200 in all in 1 s.
    pub fn poll_event(&mut self) -> Option<SecurityEvent> {
        self.log.poll()
    }

    /// Tells what was left out.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.log.handle_timeout(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.log.next_timeout()
    }

    /// Counters since the start.
    pub fn stats(&self) -> Stats {
        let remembered = self.sources.len() + self.accounts.len() + self.lockout.len();
        Stats { remembered, ..self.stats }
    }

    fn silence(&mut self) -> Verdict {
        self.stats.silenced += 1;
        Verdict::Silence
    }

    fn is_within_rates(
        &mut self,
        source: &Source,
        relation: Relation,
        emergency: bool,
        now: Instant,
    ) -> bool {
        let key = SourceKey::of(source.remote.ip());
        let stranger = match relation {
            // Their limits are their trunk's.
            Relation::Trunk(_) | Relation::Neighbour(_) => return true,
            Relation::Phone(_) => false,
            Relation::Stranger => !self.lockout.vouched(key, now),
        };
        if emergency && !stranger {
            return true;
        }
        let fresh = || Buckets {
            stranger: TokenBucket::new(now),
            urgent: TokenBucket::new(now),
            known: TokenBucket::new(now),
        };
        let buckets = self.sources.entry(key, fresh);
        let within = match (stranger, emergency) {
            (true, false) => buckets.stranger.take(self.config.per_stranger, now),
            (true, true) => buckets.urgent.take(self.config.per_urgent_stranger, now),
            (false, _) => buckets.known.take(self.config.per_source, now),
        };
        if !within {
            self.tell(Code::SourceRate, source, None, None, now);
            return false;
        }
        let (strangers, rate) = match emergency {
            true => (&mut self.urgent, self.config.urgent_strangers),
            false => (&mut self.strangers, self.config.strangers),
        };
        if stranger && !strangers.take(rate, now) {
            self.tell(Code::StrangerRate, source, None, None, now);
            return false;
        }
        true
    }

    fn is_account_within_rate(&mut self, user: &str, source: &Source, now: Instant) -> bool {
        let account = self.hash.hash_one(user);
        let within =
            self.accounts.entry(account, || TokenBucket::new(now)).take(self.config.per_account, now);
        if !within {
            self.tell(Code::AccountRate, source, Some(user), None, now);
        }
        within
    }

    fn note_fault(&mut self, unproved: &Unproved, key: SourceKey, source: &Source, now: Instant) {
        let Some(fault) = unproved.fault else { return };
        self.stats.failed += 1;
        let user = unproved.user.as_deref();
        let code = match fault {
            AuthFault::UnknownUser => Code::AuthUnknownUser,
            AuthFault::WrongPassword => Code::AuthWrongPassword,
            AuthFault::NotOffered => Code::AuthNotOffered,
            AuthFault::Malformed => Code::AuthMalformed,
        };
        if fault == AuthFault::Malformed {
            // Without a nonce of ours in it the sender may be anybody: nothing is remembered of it.
            return self.tell(code, source, user, None, now);
        }
        match self.lockout.failed(key, user, now) {
            Judgement::Stands => self.tell(code, source, user, None, now),
            Judgement::LockedNow => {
                self.tell(code, source, user, None, now);
                self.tell(Code::AuthLocked, source, user, None, now);
            }
            Judgement::Locked => {
                self.stats.locked += 1;
                self.tell(Code::AuthWhileLocked, source, user, None, now);
            }
        }
    }
}

fn is_scanner(request: &Message) -> bool {
    let agent = request.header(HeaderName::UserAgent).unwrap_or_default();
    let holds = |needle: &[u8]| agent.windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle));
    SCANNERS.into_iter().any(holds)
}
