//! One trunk at work.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use super::check::{Ingress, Problem, check, leads_home};
use super::config::{TrunkConfig, TrunkId};
use super::health::{Health, Reason, Standing};
use super::identify::Candidate;
use super::outbound::{self, CONVERSATION_HEADER, InviteError, OutboundCall, Registered};
use super::ways::{Keys, Kind, Way};
use crate::Deadline;
use crate::endpoint::Outgoing;
use crate::overload::Priority;
use crate::registration::{self, Registration, RegistrationConfig, State};
use crate::transport::{Rate, TokenBucket};
use crate::ua::{Headers, Invite};
use crate::uri::Uri;

/// A trunk: its configuration, its registrations and servers, its calls, its health.
#[derive(Debug)]
pub struct Trunk {
    pub(super) config: TrunkConfig,
    problems: Vec<Problem>,
    pub(super) registrations: Vec<Enrolment>,
    pub(super) ways: Vec<Way>,
    disabled: Option<String>,
    calls: u32,
    call_bucket: TokenBucket,
    register_bucket: TokenBucket,
    /// REGISTER requests that wait for their turn: the key of the registration, and the request.
    held: VecDeque<(u64, Outgoing)>,
    health: Health,
}

/// A registration with its number among those of all trunks, for answers to find it by.
#[derive(Debug)]
pub(super) struct Enrolment {
    pub(super) key: u64,
    pub(super) registration: Registration,
}

/// Why a call is not taken on a trunk. `Display` is for the explanation of the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such trunk.
    #[error("no such trunk")]
    Unknown,
    /// It cannot carry calls.
    #[error("{0}")]
    Down(Box<Reason>),
    /// This server of it does not work.
    #[error("{server} is avoided: {why}")]
    Avoided {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
    /// All its calls are in use.
    #[error("at capacity: {0} calls")]
    Full(u32),
    /// More calls came than its rate allows.
    #[error("at its call rate of {0}")]
    TooFast(Rate),
    /// The other side asked for fewer requests (RFC 7339).
    #[error("the server asks for fewer calls")]
    Overloaded,
}

/// Leave to carry one call on one trunk, until it is given back with [`Trunks::release`](super::Trunks::release).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "give it back when the call is over, or the trunk fills up"]
pub struct Permit {
    pub(super) trunk: TrunkId,
    pub(super) way: Option<usize>,
}

impl Permit {
    /// The trunk.
    pub fn trunk(&self) -> TrunkId {
        self.trunk
    }
}

/// How much a call may ask of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// What the trunk is configured to carry.
    Ordinary,
    /// An emergency call: no limit of ours holds it back.
    Emergency,
    /// An emergency call that nobody has taken: also a trunk that looks down is tried.
    LastResort,
}

/// Something a trunk wants its owner to do.
pub(super) enum Action {
    Register(u64, Outgoing),
    Options(u64, Outgoing),
    RegistrationChanged(u64, State),
    HealthChanged,
}

impl Trunk {
    pub(super) fn new(config: TrunkConfig, own: &[Ingress], keys: &mut Keys, now: Instant) -> Self {
        let problems = check(&config, own);
        let mut trunk = Self {
            problems,
            registrations: Vec::new(),
            ways: Way::all(&config, keys, now),
            disabled: None,
            calls: 0,
            call_bucket: TokenBucket::new(now),
            register_bucket: TokenBucket::new(now),
            held: VecDeque::new(),
            health: Health::new(Standing::Down(Reason::RegistrationPending), now),
            config,
        };
        if trunk.config.in_service && trunk.problems.is_empty() {
            let enrol = |config: &RegistrationConfig| {
                let (key, seed) = keys.next();
                let registration = Registration::new(config.clone(), seed, now).ok()?;
                Some(Enrolment { key, registration })
            };
            trunk.registrations = trunk.config.registrations.iter().filter_map(enrol).collect();
        }
        trunk.health = Health::new(trunk.standing(now), now);
        trunk
    }

    /// Takes over from the trunk before what a change of configuration does not touch. The registrations that are left over.
    pub(super) fn succeed(&mut self, mut before: Trunk) -> Vec<Enrolment> {
        for fresh in &mut self.registrations {
            let same = |old: &Enrolment| old.registration.config() == fresh.registration.config();
            if let Some(index) = before.registrations.iter().position(same) {
                *fresh = before.registrations.swap_remove(index);
            }
        }
        let watched = |config: &TrunkConfig| (config.keep_alive, config.in_service);
        if watched(&self.config) == watched(&before.config) {
            for fresh in &mut self.ways {
                if let Some(index) = before.ways.iter().position(|old| old.kind == fresh.kind) {
                    *fresh = before.ways.swap_remove(index);
                }
            }
        }
        (self.calls, self.disabled, self.held) = (before.calls, before.disabled, before.held);
        (self.call_bucket, self.register_bucket) = (before.call_bucket, before.register_bucket);
        self.health = before.health;
        before.registrations
    }

    /// Its configuration.
    pub fn config(&self) -> &TrunkConfig {
        &self.config
    }

    /// Whether it can carry calls, since when, and why not.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// What is wrong with its configuration.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Its registrations.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.iter().map(|enrolment| &enrolment.registration)
    }

    pub(super) fn registrations_mut(&mut self) -> impl Iterator<Item = &mut Registration> {
        self.registrations.iter_mut().map(|enrolment| &mut enrolment.registration)
    }

    /// Calls it carries now, of both directions.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// How many servers, or other ways, it has to try one after the other.
    pub fn ways(&self) -> usize {
        self.ways.len()
    }

    fn standing(&self, now: Instant) -> Standing {
        let down = Standing::Down;
        if let Some(problem) = self.problems.first() {
            return down(Reason::Misconfigured(problem.to_string()));
        }
        if !self.config.in_service {
            return down(Reason::OutOfService);
        }
        if let Some(why) = &self.disabled {
            return down(Reason::Disabled(why.clone()));
        }
        if !self.registrations.is_empty() && !self.registrations().any(|one| one.state().is_registered()) {
            let cause = self.registrations().find_map(|one| match one.state() {
                State::Unregistered { cause } => Some(cause.clone()),
                State::Pending | State::Registered => None,
            });
            return down(cause.map_or(Reason::RegistrationPending, Reason::Unregistered));
        }
        let faults: Option<Vec<String>> =
            self.ways.iter().map(|way| way.fault(now).map(|why| format!("{way}: {why}"))).collect();
        let Some(faults) = faults else { return Standing::Up };
        let why = faults.join("; ");
        let until = self.ways.iter().map(|way| way.paused_until(now)).min().flatten();
        down(until.map_or(Reason::Unreachable(why.clone()), |until| Reason::Paused { until, why }))
    }

    pub(super) fn disable(&mut self, why: Option<String>) {
        self.disabled = why;
    }

    /// The registrar led back to ourselves (ST-007).
    pub(super) fn misconfigured(&mut self, problem: Problem, now: Instant) {
        self.problems.push(problem);
        for registration in self.registrations_mut() {
            registration.withdraw(now);
        }
    }

    /// A 3xx of the registrar that points at us is the same loop.
    pub(super) fn registers_at(&self, own: &[Ingress]) -> bool {
        self.registrations().any(|registration| leads_home(registration.next_hop(), own))
    }

    pub(super) fn admit(&mut self, way: usize, urgency: Urgency, now: Instant) -> Result<Permit, Refusal> {
        if let Some(reason) = self.health.reason()
            && !(urgency == Urgency::LastResort && reason.may_be_tried())
        {
            return Err(Refusal::Down(Box::new(reason.clone())));
        }
        if let Some(found) = self.ways.get(way)
            && let Some(why) = found.fault(now)
            && urgency != Urgency::LastResort
        {
            return Err(Refusal::Avoided { server: found.to_string(), why });
        }
        if urgency == Urgency::Ordinary {
            let spared = self.ways.get_mut(way).is_none_or(|way| way.throttle.admit(Priority::Normal, now));
            if !spared {
                return Err(Refusal::Overloaded);
            }
            self.within_limits(now)?;
        }
        self.calls += 1;
        Ok(Permit { trunk: self.config.id, way: Some(way) })
    }

    pub(super) fn admit_incoming(&mut self, now: Instant) -> Result<Permit, Refusal> {
        self.within_limits(now)?;
        self.calls += 1;
        Ok(Permit { trunk: self.config.id, way: None })
    }

    fn within_limits(&mut self, now: Instant) -> Result<(), Refusal> {
        let limits = self.config.limits;
        if limits.calls.is_some_and(|most| self.calls >= most) {
            return Err(Refusal::Full(self.calls));
        }
        match limits.call_rate {
            Some(rate) if !self.call_bucket.take(rate, now) => Err(Refusal::TooFast(rate)),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn empty(&mut self) {
        self.calls = 0;
    }

    pub(super) fn carry_one(&mut self) {
        self.calls += 1;
    }

    pub(super) fn release(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    pub(super) fn invite(&self, way: usize, call: &OutboundCall) -> Result<Invite, InviteError> {
        let registration =
            self.registrations().find(|one| one.binding().is_some()).or_else(|| self.registrations().next());
        let registered = registration.map(|registration| Registered {
            domain: domain_of(registration.address_of_record()),
            contact: registration.contact(),
        });
        let bound = registration.and_then(|one| Some((one.binding()?, &one.config().registrar)));
        let kind = self.ways.get(way).map(|way| &way.kind);
        let way = match (kind, bound) {
            // The registrar itself: by the flow that registered.
            (Some(Kind::Server(hop)), Some((binding, registrar))) if hop == registrar => {
                outbound::Way::Registered { binding, registrar }
            }
            (Some(Kind::Server(hop)), _) => outbound::Way::Server(hop),
            (Some(Kind::Registered) | None, Some((binding, registrar))) => {
                outbound::Way::Registered { binding, registrar }
            }
            // Not registered: only an emergency call gets here, and goes where the registrar is.
            (Some(Kind::Registered) | None, None) => {
                let registrar = registration.map(|one| &one.config().registrar);
                outbound::Way::Server(registrar.ok_or(InviteError::NoWay)?)
            }
        };
        outbound::invite(&self.config, call, way, registered.as_ref())
    }

    /// Header lines of the 200 to a call that came in on this trunk: the conversation, where the trunk sends it.
    pub fn answer_headers(&self, conversation: Option<&str>) -> Headers {
        let sent = conversation.filter(|_| self.config.protocol.conversation_headers);
        sent.map(|conversation| (CONVERSATION_HEADER.to_owned(), conversation.to_owned()))
            .into_iter()
            .collect()
    }

    pub(super) fn check_now(&mut self, now: Instant) {
        self.registrations_mut().for_each(|registration| registration.check_now(now));
        self.ways.iter_mut().for_each(|way| way.check_now(now));
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let held = self.config.limits.registration_rate.filter(|_| !self.held.is_empty());
        let held = held.and_then(|rate| self.register_bucket.next_token(rate));
        let held = held.map(|at| Deadline { at, why: "registration rate" });
        let registrations = self.registrations().filter_map(Registration::next_timeout);
        let ways = self.ways.iter().filter_map(Way::next_timeout);
        held.into_iter().chain(registrations).chain(ways).min_by_key(|deadline| deadline.at)
    }

    /// Lets everything happen that is due, and says what is to be done.
    pub(super) fn run(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for Enrolment { key, registration } in &mut self.registrations {
            registration.handle_timeout(now);
            while let Some(output) = registration.poll_output() {
                match output {
                    registration::Output::Send(outgoing) => self.held.push_back((*key, outgoing)),
                    registration::Output::Changed(state) => {
                        actions.push(Action::RegistrationChanged(*key, state));
                    }
                }
            }
        }
        while let Some((key, outgoing)) = self.held.pop_front() {
            if let Some(rate) = self.config.limits.registration_rate
                && !self.register_bucket.take(rate, now)
            {
                self.held.push_front((key, outgoing));
                break;
            }
            actions.push(Action::Register(key, outgoing));
        }
        for way in &mut self.ways {
            if let Some(outgoing) = way.handle_timeout(now) {
                actions.push(Action::Options(way.key, outgoing));
            }
        }
        if self.health.change(self.standing(now), now) {
            actions.push(Action::HealthChanged);
        }
    }
}

impl Candidate for Trunk {
    fn config(&self) -> &TrunkConfig {
        &self.config
    }

    fn is_own_address(&self, address: IpAddr) -> bool {
        let registrars = self.registrations().filter_map(Registration::binding);
        let mut registrars = registrars.map(|binding| binding.source.remote.ip().to_canonical());
        self.ways.iter().any(|way| way.addresses.contains(&address)) || registrars.any(|own| own == address)
    }

    fn is_own_line(&self, line: &str) -> bool {
        self.registrations().any(|registration| registration.line() == line)
    }
}

fn domain_of(record: &str) -> String {
    let uri = Uri::parse(record).ok();
    uri.as_ref().and_then(|uri| uri.view().as_sip()).map(|sip| sip.host_str().to_owned()).unwrap_or_default()
}
