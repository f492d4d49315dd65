//! The edge: signalling of phones and trunks joined into calls, as one value without sockets.
//!
//! ```text
//!  Input ─► UserAgent ─► incoming ─► route ─► dial ─► bridge ─► finish ─► call record
//!               │            │                 │        │
//!               └► requests  └ guard           │        └ offers, digits, hold, transfer across the two legs
//!                  (REGISTER, OPTIONS …)       └ branches: contacts, or trunk after trunk
//! ```
//!
//! Every file of this module is one step of that way, as an `impl` of [`Edge`]. Call flows and the
//! [program](crate::program) take the calls that routes give them, and do what they do through the same steps.

mod bridge;
mod config;
mod dial;
mod facts;
mod finish;
mod flows;
mod identity;
mod incoming;
mod io;
mod media;
mod message;
mod neighbours;
mod program;
mod recording;
mod recovery;
mod requests;
mod steps;
mod transfer;
mod trust;
mod watch;

pub use config::EdgeConfig;
pub use io::{Event, Input, Status};
pub use recording::Recorded;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use numplan::Chance;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use sip_trunk::endpoint::{Output, RequestId};
use sip_trunk::group::{Member, Recovery, TrunkGroup, TrunkGroupConfig};
use sip_trunk::trunk::Trunks;
use sip_trunk::ua::UserAgent;
use sip_trunk::{Deadline, Fault, Seed};

use crate::call::{Call, CallId, Calls};
use crate::cdr::Outbox;
use crate::clock::WallClock;
use crate::compile::Runtime;
use crate::group::{Group, Service};
use crate::guard::{Fraud, Guard};
use crate::media::{Abilities, Action, MediaCommand, MediaId, MediaPorts, Pool};
use crate::registrar::Registrar;
use facts::Seen;
use telco_model::entity::RecoveryType;
use telco_model::value::{EdgeId, TrunkGroupId};
use trust::Known;
use watch::Watches;

/// One edge. Its owner feeds it what happened, does what it asks for, and calls it when a deadline has come.
#[derive(Debug)]
pub struct Edge {
    config: EdgeConfig,
    runtime: Arc<Runtime>,
    ua: UserAgent,
    trunks: Trunks,
    registrar: Registrar,
    guard: Guard,
    fraud: Fraud,
    calls: Calls,
    ports: MediaPorts,
    abilities: Abilities,
    outbox: Outbox,
    clock: WallClock,
    chance: Chance,
    rng: ChaCha20Rng,
    out: VecDeque<Output<Event>>,
    group: Group,
    /// Questions to neighbours under way.
    asked: HashMap<RequestId, EdgeId>,
    groups: BTreeMap<TrunkGroupId, TrunkGroup>,
    known: Known,
    watches: Watches,
    seen: Seen,
    /// Panics that were caught.
    faults: u64,
    /// The call that something is being done for.
    about: Option<CallId>,
    turns: Turns,
}

/// Whose turn it is of the parts. Should one panic, the next round begins with the one behind it: none is kept waiting by another.
#[derive(Debug, Default)]
struct Turns {
    next: usize,
    left: usize,
}

impl Turns {
    /// A round, in which every part has its turn once.
    fn begin(&mut self) {
        self.left = PARTS.len();
    }

    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            // Nothing has broken the round off: the next one begins in front.
            self.next = 0;
            return None;
        }
        let part = self.next % PARTS.len();
        (self.next, self.left) = (part + 1, self.left - 1);
        Some(part)
    }
}

/// The parts with deadlines, in the order they are looked at.
const PARTS: [fn(&mut Edge, Instant); 8] = [
    |edge, now| edge.ua.handle_timeout(now),
    |edge, now| edge.trunks.handle_timeout(&mut edge.ua, now),
    |edge, now| edge.registrar.handle_timeout(now),
    |edge, now| edge.guard.handle_timeout(now),
    |edge, now| edge.outbox.handle_timeout(now),
    |edge, now| edge.group.handle_timeout(now),
    Edge::cut_spent_calls,
    Edge::time_calls,
];

impl sip_trunk::Engine for Edge {
    type Event = Event;

    fn handle_input(&mut self, input: sip_trunk::endpoint::Input, now: Instant) {
        Edge::handle_input(self, Input::Network(input), now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        Edge::handle_timeout(self, now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        Edge::poll_output(self)
    }

    fn next_timeout(&self) -> Option<Deadline> {
        Edge::next_timeout(self)
    }

    fn recover(&mut self, fault: &Fault, now: Instant) {
        Edge::recover(self, fault, now);
    }
}

impl Edge {
    /// An edge without calls. `wall` is what the wall clock says now.
    pub fn new(
        config: EdgeConfig,
        runtime: Runtime,
        ports: MediaPorts,
        seed: Seed,
        wall: Timestamp,
        now: Instant,
    ) -> Self {
        let runtime = Arc::new(runtime);
        let mut ua = UserAgent::new(config.ua_config(&runtime), seed.derive("user agent"), now);
        let mut trunks = Trunks::new(config.trunks_config(&runtime), seed.derive("trunks"));
        trunks.apply(runtime.trunk_configs(), &mut ua, now);
        let registrar = Registrar::new(
            config.registrar_config(&runtime),
            Arc::clone(&runtime.accounts),
            seed.derive("registrar"),
            now,
        );
        let mut edge = Self {
            guard: Guard::new(config.guard_config(&runtime), seed.derive("guard"), now),
            fraud: Fraud::new(config.fraud.clone(), now),
            abilities: Abilities::default(),
            outbox: Outbox::new(config.record_bound, config.next_record),
            clock: WallClock::new(wall, now),
            chance: Chance::new(seed.derive("chance").0),
            rng: ChaCha20Rng::from_seed(seed.derive("edge").0),
            calls: Calls::default(),
            out: VecDeque::new(),
            group: Group::new(&runtime, config.watch, &config.software, now),
            asked: HashMap::new(),
            groups: BTreeMap::new(),
            known: Known::default(),
            watches: Watches::default(),
            seen: Seen::default(),
            faults: 0,
            about: None,
            turns: Turns::default(),
            config,
            runtime,
            ua,
            trunks,
            registrar,
            ports,
        };
        edge.form_groups(now);
        edge.pump(now);
        edge
    }

    /// Takes what happened outside.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        self.about = None;
        match input {
            Input::Network(input) => {
                if self.lets_in(&input, now) {
                    self.ua.handle_input(input, now);
                }
            }
            Input::Media(event) => self.on_media(event, now),
            Input::Stored(sequence) => self.outbox.stored(sequence),
            Input::StoreFailed(sequence, fault) => self.outbox.failed(sequence, fault, now),
            Input::Clock(wall) => self.clock = WallClock::new(wall, now),
        }
        self.pump(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.about = None;
        self.turns.begin();
        while let Some(part) = self.turns.next() {
            PARTS[part](self, now);
        }
        self.pump(now);
    }

    /// Takes a whole new configuration. Running calls keep what they began with; everything else changes at once.
    pub fn apply(&mut self, config: EdgeConfig, runtime: Runtime, now: Instant) {
        self.runtime = Arc::new(runtime);
        self.ua.apply(config.ua_config(&self.runtime), now);
        self.trunks.apply(self.runtime.trunk_configs(), &mut self.ua, now);
        self.registrar.apply(config.registrar_config(&self.runtime), Arc::clone(&self.runtime.accounts));
        self.guard.apply(config.guard_config(&self.runtime));
        self.fraud.apply(config.fraud.clone());
        self.group.apply(&self.runtime, now);
        self.config = config;
        self.known.forget();
        self.form_groups(now);
        self.pump(now);
    }

    /// Takes the ranges of media ports that are bound now. Running calls keep their ports until they end.
    pub fn apply_ports(&mut self, pools: Vec<Pool>, now: Instant) {
        self.ports.apply(pools, now);
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        let output = self.out.pop_front();
        self.about = match &output {
            Some(Output::Event(Event::Media(command))) => self.calls.of_media(command.call),
            Some(Output::Event(Event::Program(event))) => Some(event.call()),
            Some(_) | None => None,
        };
        output
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let parts = [
            self.ua.next_timeout(),
            self.trunks.next_timeout(),
            self.registrar.next_timeout(),
            self.guard.next_timeout(),
            self.fraud.next_timeout(),
            self.outbox.next_timeout(),
            self.group.next_timeout(),
            self.calls.next_timeout(),
        ];
        parts.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Takes no new calls but emergency calls from now on. Those that run go on for `wait`; what is left then is ended, but for
    /// emergency calls. [`Output::Drained`](crate::group::Output::Drained) tells that none is left.
    pub fn drain(&mut self, wait: Duration, now: Instant) {
        self.group.drain(wait, now);
        self.pump(now);
    }

    /// Takes calls again, if the configuration lets it.
    pub fn resume(&mut self) {
        self.group.resume();
    }

    /// What it is doing.
    pub fn status(&self) -> Status {
        Status {
            calls: self.calls.len(),
            draining: self.group.service() != Service::In,
            contacts: self.registrar.len(),
            records_waiting: self.outbox.waiting(),
            ports: self.ports.usage(),
            faults: self.faults,
        }
    }

    /// The trunks, with their health and registrations.
    pub fn trunks(&self) -> &Trunks {
        &self.trunks
    }

    /// What the signalling below has counted.
    pub fn signalling(&self) -> sip_trunk::endpoint::Stats {
        self.ua.endpoint().stats()
    }

    /// What the guard has counted.
    pub fn guarding(&self) -> crate::guard::Stats {
        self.guard.stats()
    }

    /// What the signalling below remembers.
    pub fn signalling_in_use(&self) -> sip_trunk::ua::InUse {
        self.ua.in_use()
    }

    /// The configuration in force.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Lets everything inside speak until nothing has anything to say.
    fn pump(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.ua.poll_output() {
                match output {
                    Output::Io(io) => self.out.push_back(Output::Io(io)),
                    Output::Event(event) => self.on_signalling(event, now),
                }
            }
            let mut quiet = true;
            while let Some(event) = self.trunks.poll_event() {
                quiet = false;
                self.on_trunk(event, now);
            }
            while let Some(output) = self.group.poll_output() {
                quiet = false;
                self.on_group(output, now);
            }
            while let Some(event) = self.registrar.poll_event() {
                self.learn_contact(&event);
                self.saw_contact(&event);
                self.tell(Event::Registrar(event));
            }
            while let Some(event) = self.guard.poll_event() {
                self.saw_security(&event);
                self.tell(Event::Security(event));
            }
            while let Some(event) = self.outbox.poll_event() {
                self.tell(Event::Records(event));
            }
            while let Some(store) = self.outbox.poll_store() {
                self.tell(Event::Store(store));
            }
            self.refresh_lamps(now);
            if quiet {
                break;
            }
        }
        self.calls.settle(Call::next_timeout);
    }

    /// Trunk groups of the configuration; where a group was, its active member stays.
    fn form_groups(&mut self, now: Instant) {
        let mut formed = BTreeMap::new();
        for group in self.runtime.trunk_groups.values() {
            let key = |trunk| self.runtime.trunk_key(trunk);
            let members = group
                .members
                .iter()
                .filter_map(|member| Some(Member { trunk: key(member.trunk)?, priority: member.priority }));
            let recovery = match group.recovery {
                RecoveryType::OnSuccess => Recovery::OnSuccess,
                RecoveryType::Never => Recovery::Never,
            };
            let config =
                TrunkGroupConfig { name: group.name.to_string(), members: members.collect(), recovery };
            let stays = self.groups.get(&group.id).is_some_and(|old| *old.config() == config);
            formed.insert(group.id, (!stays).then(|| TrunkGroup::new(config, &self.trunks, now)));
        }
        // What is new is made before anything of the old is let go.
        let mut before = std::mem::take(&mut self.groups);
        let groups =
            formed.into_iter().filter_map(|(id, new)| Some((id, new.or_else(|| before.remove(&id))?)));
        self.groups = groups.collect();
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    fn order_media(&mut self, call: MediaId, action: Action) {
        self.tell(Event::Media(MediaCommand { call, action }));
    }

    fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ES-01: a part that panics whenever it is looked at does so after all others have been.
    #[test]
    fn a_part_that_panics_keeps_none_waiting() {
        for bad in 0..PARTS.len() {
            let (mut turns, mut looked_at) = (Turns::default(), vec![0; PARTS.len()]);
            for _ in 0..10 {
                turns.begin();
                while let Some(part) = turns.next().filter(|part| *part != bad) {
                    looked_at[part] += 1;
                }
            }
            let others = (0..PARTS.len()).filter(|part| *part != bad);
            assert!(others.clone().all(|part| looked_at[part] >= 9), "{bad}: {looked_at:?}");
        }
    }
}
