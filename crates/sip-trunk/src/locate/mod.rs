//! Where a request goes: from a URI to an ordered list of servers (RFC 3263).
//!
//! ```text
//!  sip:carrier.example ─► NAPTR ─► SRV ─► A, AAAA ─► [ tls 192.0.2.1:5061, tls 192.0.2.2:5061, udp 192.0.2.1:5060 ]
//!                          └───── questions go out as Io::Resolve, answers are kept for their TTL ─────┘
//! ```
//!
//! One function walks the rules over what is known and says what must be asked; an answer lets it walk again. Servers
//! that failed lately stand last in the list until a while has passed or they answer.

mod cache;
mod next_hop;
mod query;
mod walk;

pub(crate) use next_hop::{NextHop, NextHopError};
pub use query::{Answer, LookupId, Query, QueryKind, Record, RecordData, ResolveError};
pub(crate) use walk::Reach;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{KeyedState, Tokens};
use crate::store::Slot;
use crate::transport::{Recent, Transport};
use crate::{Deadline, Seed};
use cache::Cache;
use walk::{Walk, walk};

/// How long a lookup may take before it goes on with what is there.
const LOOKUP_WITHIN: Duration = Duration::from_secs(5);
/// Servers whose failure is remembered at once.
const FAILED_SERVERS: usize = 10_000;

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    /// The name its certificate must have.
    pub(crate) server_name: Option<Arc<str>>,
}

impl Target {
    pub(crate) fn new(transport: Transport, remote: SocketAddr, server_name: Option<Arc<str>>) -> Self {
        Self { transport, remote, server_name }
    }
}

/// What became of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Located {
    /// The servers, in the order to try them; never empty.
    Found(VecDeque<Target>),
    /// The name leads nowhere.
    NotFound { name: String, cause: String },
}

/// What the locator wants or has to tell.
#[derive(Debug)]
pub(crate) enum Output {
    /// Ask this.
    Ask(LookupId, Query),
    /// A lookup is done.
    Done(Slot, Located),
}

#[derive(Debug)]
struct Lookup {
    owner: Slot,
    hop: NextHop,
    /// Answers it has used, so that records with a lifetime of zero serve it to its end.
    answers: BTreeMap<Query, Answer>,
    until: Instant,
}

/// Finds servers and remembers what it was told.
#[derive(Debug)]
pub(crate) struct Locator {
    reach: Reach,
    avoid_for: Duration,
    cache: Cache,
    lookups: BTreeMap<u64, Lookup>,
    next_lookup: u64,
    /// Questions under way, with the lookups that wait for them.
    asked: BTreeMap<Query, (LookupId, BTreeSet<u64>)>,
    by_id: BTreeMap<LookupId, Query>,
    next_id: u64,
    failed: Recent<(Transport, SocketAddr), Instant>,
    tokens: Tokens,
    out: VecDeque<Output>,
}

impl Locator {
    pub(crate) fn new(reach: Reach, avoid_for: Duration, seed: &Seed) -> Self {
        let state = KeyedState::new(&seed.derive("locator table"));
        Self {
            reach,
            avoid_for,
            cache: Cache::new(state),
            lookups: BTreeMap::new(),
            next_lookup: 0,
            asked: BTreeMap::new(),
            by_id: BTreeMap::new(),
            next_id: 0,
            failed: Recent::new(FAILED_SERVERS, state),
            tokens: Tokens::new(seed, "locator"),
            out: VecDeque::new(),
        }
    }

    pub(crate) fn apply(&mut self, reach: Reach, avoid_for: Duration) {
        (self.reach, self.avoid_for) = (reach, avoid_for);
    }

    /// The servers of a hop when they are known; else `None`, and [`Output::Done`] follows for `owner`.
    pub(crate) fn locate(&mut self, hop: NextHop, owner: Slot, now: Instant) -> Option<Located> {
        let lookup = Lookup { owner, hop, answers: BTreeMap::new(), until: now + LOOKUP_WITHIN };
        let number = self.next_lookup;
        self.next_lookup += 1;
        self.advance(number, lookup, now)
    }

    /// The answer to a question.
    pub(crate) fn answer(&mut self, id: LookupId, answer: Answer, now: Instant) {
        let Some(query) = self.by_id.remove(&id) else { return };
        let Some((_, waiting)) = self.asked.remove(&query) else { return };
        let answer = self.cache.put(&query, answer, now);
        for number in waiting {
            let Some(mut lookup) = self.lookups.remove(&number) else { continue };
            lookup.answers.insert(query.clone(), answer.clone());
            let owner = lookup.owner;
            if let Some(located) = self.advance(number, lookup, now) {
                self.out.push_back(Output::Done(owner, located));
            }
        }
    }

    /// Gives up waiting for answers that take too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // Lookups start in the order of their numbers and all wait equally long.
        while let Some(entry) = self.lookups.first_entry().filter(|entry| entry.get().until <= now) {
            let number = *entry.key();
            let mut lookup = entry.remove();
            let owner = lookup.owner;
            let late = || Err(ResolveError::Failed("no answer from the resolver in time".to_owned()));
            // Each round makes one more kind of question known, and there are three.
            let located = loop {
                if let Some(located) = self.advance(number, lookup, now) {
                    break located;
                }
                let Some(waiting) = self.lookups.remove(&number) else { return };
                lookup = waiting;
                let by_id = &mut self.by_id;
                self.asked.retain(|query, (id, waiting)| {
                    if waiting.remove(&number) {
                        lookup.answers.insert(query.clone(), late());
                    }
                    if waiting.is_empty() {
                        by_id.remove(id);
                    }
                    !waiting.is_empty()
                });
            };
            self.out.push_back(Output::Done(owner, located));
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub(crate) fn next_timeout(&self) -> Option<Deadline> {
        let (_, lookup) = self.lookups.first_key_value()?;
        Some(Deadline { at: lookup.until, why: "a name is being looked up" })
    }

    /// A server did not answer, refused, or said how long to leave it alone.
    pub(crate) fn server_failed(&mut self, target: &Target, leave_for: Option<Duration>, now: Instant) {
        let until = now + leave_for.unwrap_or(self.avoid_for);
        *self.failed.entry((target.transport, target.remote), || until) = until;
    }

    /// A server answered.
    pub(crate) fn server_answered(&mut self, target: &Target) {
        self.failed.remove(&(target.transport, target.remote));
    }

    /// Whether a server failed lately.
    pub(crate) fn is_avoided(&self, transport: Transport, remote: SocketAddr, now: Instant) -> bool {
        self.failed.get(&(transport, remote)).is_some_and(|until| *until > now)
    }

    /// Forgets what was learnt: the network has changed.
    pub(crate) fn forget(&mut self) {
        self.cache.clear();
        self.failed.clear();
    }

    fn advance(&mut self, number: u64, lookup: Lookup, now: Instant) -> Option<Located> {
        let known = |query: &Query| lookup.answers.get(query).or_else(|| self.cache.get(query, now));
        match walk(&lookup.hop, &self.reach, &known, &mut self.tokens) {
            Walk::Found(targets) => Some(Located::Found(self.healthy_first(targets, now))),
            Walk::NotFound(cause) => {
                let name = match lookup.hop.host {
                    next_hop::HopHost::Name(name) => name.to_string(),
                    next_hop::HopHost::Address(address) => address.to_string(),
                };
                Some(Located::NotFound { name, cause })
            }
            Walk::Ask(queries) => {
                for query in queries {
                    self.ask(query, number);
                }
                self.lookups.insert(number, lookup);
                None
            }
        }
    }

    fn ask(&mut self, query: Query, number: u64) {
        if let Some((_, waiting)) = self.asked.get_mut(&query) {
            waiting.insert(number);
            return;
        }
        let id = LookupId(self.next_id);
        self.next_id += 1;
        self.by_id.insert(id, query.clone());
        self.asked.insert(query.clone(), (id, BTreeSet::from([number])));
        self.out.push_back(Output::Ask(id, query));
    }

    fn healthy_first(&self, targets: Vec<Target>, now: Instant) -> VecDeque<Target> {
        let avoided = |target: &Target| self.is_avoided(target.transport, target.remote, now);
        let (last, first): (Vec<_>, Vec<_>) = targets.into_iter().partition(avoided);
        first.into_iter().chain(last).collect()
    }
}
