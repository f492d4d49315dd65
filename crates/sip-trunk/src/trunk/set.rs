//! All trunks of one user agent.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::check::{Ingress, Problem};
use super::config::{KeepAlive, TrunkConfig, TrunkId};
use super::event::TrunkEvent;
use super::identify::{Matched, Unmatched, identify};
use super::instance::{Action, Enrolment, Permit, Refusal, Trunk, Urgency};
use super::outbound::{InviteError, OutboundCall};
use super::ways::{Keys, Way};
use crate::endpoint::{Failure, Outgoing, RequestId, SendError, Source};
use crate::header::RetryAfter;
use crate::msg::{Draft, Message, Method};
use crate::registration::{Output, Registration, State};
use crate::ua::{self, Invite, UserAgent};
use crate::{Deadline, Seed};

/// Settings that are not one trunk's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrunksConfig {
    /// Domains under which inbound SIP termination identifiers are hosts: `byoc.example.com`.
    pub domains: Vec<String>,
    /// Where this system receives requests, by every name and address: a registrar there would be ourselves.
    pub own: Vec<Ingress>,
}

/// How a call fared at one server of a trunk, as far as that tells something about the server.
#[derive(Debug, Clone, Copy)]
pub enum CallOutcome<'a> {
    /// It answered, with whatever status, provisional ones included.
    Response(&'a Message),
    /// It did not, or the way to it failed.
    Failure(&'a Failure),
}

/// The trunks, their registrations and the watch over their servers. Drives a [`UserAgent`] it is lent:
///
/// ```text
///  ua::Event ──► handle_event(&event, &mut ua, now) ──► true: it was about a REGISTER or OPTIONS of ours
///  deadline  ──► handle_timeout(&mut ua, now)       ──► REGISTER and OPTIONS go out through the user agent
///  poll_event() ──► RegistrationChanged, HealthChanged
/// ```
#[derive(Debug)]
pub struct Trunks {
    config: TrunksConfig,
    trunks: BTreeMap<TrunkId, Trunk>,
    /// Registrations being withdrawn, of trunks that are gone or changed.
    leaving: Vec<(TrunkId, Enrolment)>,
    requests: BTreeMap<RequestId, Purpose>,
    events: VecDeque<TrunkEvent>,
    keys: Keys,
    strangers: u64,
}

/// What a request was sent for: the key of the registration or of the way, and the trunk where it was then.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Register { trunk: TrunkId, key: u64 },
    Options { trunk: TrunkId, key: u64 },
}

impl Trunks {
    /// No trunks yet.
    pub fn new(config: TrunksConfig, seed: Seed) -> Self {
        Self {
            config,
            trunks: BTreeMap::new(),
            leaving: Vec::new(),
            requests: BTreeMap::new(),
            events: VecDeque::new(),
            keys: Keys::new(seed.derive("trunks")),
            strangers: 0,
        }
    }

    /// Takes all trunks there are from now on. What has not changed goes on undisturbed: registrations stay, calls count.
    /// Registrations that are no longer wanted are withdrawn. Gives every fault of the configuration.
    pub fn apply(&mut self, trunks: Vec<TrunkConfig>, ua: &mut UserAgent, now: Instant) -> Vec<Problem> {
        // What is new is made before anything of the old is let go.
        let made = trunks.into_iter().map(|config| {
            let stays = self.trunks.get(&config.id).is_some_and(|trunk| trunk.config == config);
            let id = config.id;
            (id, (!stays).then(|| Trunk::new(config, &self.config.own, &mut self.keys, now)))
        });
        let made: Vec<_> = made.collect();
        let mut before = std::mem::take(&mut self.trunks);
        let mut problems = Vec::new();
        for (id, new) in made {
            let trunk = match (before.remove(&id), new) {
                (Some(old), Some(mut trunk)) => {
                    let left = trunk.succeed(old);
                    self.leave(id, left, now);
                    trunk
                }
                (Some(trunk), None) | (None, Some(trunk)) => trunk,
                (None, None) => continue,
            };
            for problem in trunk.problems() {
                tracing::error!(trunk = trunk.config.name, "configuration error: {problem}");
            }
            problems.extend_from_slice(trunk.problems());
            self.trunks.insert(id, trunk);
        }
        for (id, gone) in before {
            self.leave(id, gone.registrations, now);
        }
        self.settle(ua, now);
        problems
    }

    fn leave(&mut self, trunk: TrunkId, registrations: Vec<Enrolment>, now: Instant) {
        for mut enrolment in registrations {
            enrolment.registration.withdraw(now);
            self.leaving.push((trunk, enrolment));
        }
    }

    /// Whether registrations that are no longer wanted are being withdrawn; [`TrunkEvent::Withdrawn`] tells the end of each.
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// A trunk.
    pub fn get(&self, trunk: TrunkId) -> Option<&Trunk> {
        self.trunks.get(&trunk)
    }

    /// All trunks, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Trunk> {
        self.trunks.values()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<TrunkEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.iter().filter_map(Trunk::next_timeout).min_by_key(|deadline| deadline.at)
    }

    /// Registers, refreshes and asks servers, when that is due.
    pub fn handle_timeout(&mut self, ua: &mut UserAgent, now: Instant) {
        self.settle(ua, now);
    }

    /// DNS, routes or our addresses changed: everything is registered and asked anew.
    pub fn network_changed(&mut self, ua: &mut UserAgent, now: Instant) {
        self.trunks.values_mut().for_each(|trunk| trunk.check_now(now));
        self.settle(ua, now);
    }

    /// Takes an event of the user agent; whether it was about a request of ours and is dealt with.
    pub fn handle_event(&mut self, event: &ua::Event, ua: &mut UserAgent, now: Instant) -> bool {
        let consumed = if let ua::Event::Response { request, message, source, .. } = event {
            self.response(*request, message, source, now)
        } else if let ua::Event::Failed { request, failure } = event {
            self.failed(*request, failure, now)
        } else if let ua::Event::FlowLost { source, cause } = event {
            let trunks = self.trunks.values_mut().flat_map(Trunk::registrations_mut);
            trunks.for_each(|registration| registration.flow_lost(source.path, cause, now));
            false
        } else if let ua::Event::PublicAddress { .. } = event {
            // The contact carriers know is no longer ours.
            self.trunks.values_mut().for_each(|trunk| trunk.check_now(now));
            false
        } else if let ua::Event::Request { transaction, message, .. } = event {
            let looped = message.method() == Some(Method::Register) && self.is_looped(message, now);
            if looped {
                // RFC 3261 §16.3 item 4.
                ua.respond(*transaction, Draft::reply_to(message, 482, "loop"), now);
            }
            looped
        } else {
            false
        };
        self.settle(ua, now);
        consumed
    }

    fn response(&mut self, request: RequestId, message: &Message, source: &Source, now: Instant) -> bool {
        let Some(purpose) = self.requests.get(&request).copied() else { return false };
        if message.status().is_some_and(|status| status < 200) {
            return true;
        }
        self.requests.remove(&request);
        match purpose {
            Purpose::Register { trunk, key } => {
                if let Some(registration) = self.registration(trunk, key) {
                    registration.handle_response(message, source, now);
                }
                self.check_redirection(trunk, now);
            }
            Purpose::Options { trunk, key } => {
                if let Some((way, keep_alive)) = self.way(trunk, key) {
                    way.answered(message, Some(source.remote.ip()), now);
                    way.probed(Ok(message.status().unwrap_or(0)), keep_alive, now);
                }
            }
        }
        true
    }

    fn failed(&mut self, request: RequestId, failure: &Failure, now: Instant) -> bool {
        let Some(purpose) = self.requests.remove(&request) else { return false };
        match purpose {
            Purpose::Register { trunk, key } => {
                if let Some(registration) = self.registration(trunk, key) {
                    registration.handle_failure(failure, now);
                }
            }
            Purpose::Options { trunk, key } => {
                if let Some((way, keep_alive)) = self.way(trunk, key) {
                    way.probed(Err(failure.to_string()), keep_alive, now);
                }
            }
        }
        true
    }

    // ST-007: the registrar's name led back to us, whatever DNS says.
    fn is_looped(&mut self, register: &Message, now: Instant) -> bool {
        for trunk in self.trunks.values_mut() {
            let looped = trunk.registrations().position(|registration| registration.is_own(register));
            let Some(index) = looped else { continue };
            let host = trunk.config.registrations.get(index).map_or("", |config| &config.registrar.host);
            let text = format!("{host} leads to this system itself; enter the carrier's registrar");
            let field = format!("registrations[{index}].registrar");
            trunk.misconfigured(Problem { trunk: trunk.config.id, field, text }, now);
            return true;
        }
        self.leaving.iter().any(|(_, enrolment)| enrolment.registration.is_own(register))
    }

    // A redirection to our own address is the same loop.
    fn check_redirection(&mut self, trunk: TrunkId, now: Instant) {
        let Some(found) = self.trunks.get_mut(&trunk) else { return };
        if found.registers_at(&self.config.own) {
            let text = "the registrar redirects to this system's own address".to_owned();
            found.misconfigured(Problem { trunk, field: "registrations".into(), text }, now);
        }
    }

    /// Which trunk a request came in on. Refusals are counted and logged.
    ///
    /// # Errors
    /// [`Unmatched`]; [`Unmatched::status`] says what to answer.
    pub fn identify(&mut self, message: &Message, source: &Source) -> Result<Matched, Unmatched> {
        let found = self.find(message, source);
        if let Err(unmatched) = &found {
            tracing::warn!(source = %source.remote, "{unmatched}");
            self.strangers += 1;
        }
        found
    }

    /// As [`identify`](Self::identify), without counting and logging: for a look at a request before it is taken.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn find(&self, message: &Message, source: &Source) -> Result<Matched, Unmatched> {
        identify(self.trunks.values(), &self.config.domains, message, source)
    }

    /// Requests that belonged to no trunk, since the start.
    pub fn refused_requests(&self) -> u64 {
        self.strangers
    }

    /// Asks to place a call on a trunk, by one of its [`ways`](Trunk::ways).     ///
    /// # Errors
    /// Why the trunk does not take it.
    pub fn admit_outbound(
        &mut self,
        trunk: TrunkId,
        way: usize,
        urgency: Urgency,
        now: Instant,
    ) -> Result<Permit, Refusal> {
        self.trunks.get_mut(&trunk).ok_or(Refusal::Unknown)?.admit(way, urgency, now)
    }

    /// Asks to take a call that came in on a trunk: answer 503 with Retry-After when it is refused.
    ///
    /// # Errors
    /// Why the trunk does not take it.
    pub fn admit_inbound(&mut self, trunk: TrunkId, now: Instant) -> Result<Permit, Refusal> {
        let trunk = self.trunks.get_mut(&trunk).ok_or(Refusal::Unknown)?;
        // A trunk that cannot place calls may still get them, unless somebody decided that it carries none.
        match trunk.health().reason() {
            Some(reason) if !reason.may_be_tried() => Err(Refusal::Down(Box::new(reason.clone()))),
            Some(_) | None => trunk.admit_incoming(now),
        }
    }

    /// A call is over.
    pub fn release(&mut self, permit: Permit) {
        if let Some(trunk) = self.trunks.get_mut(&permit.trunk) {
            trunk.release();
        }
    }

    /// The calls there are, by their trunks, whatever was counted before: for an owner who has lost permits.
    pub fn recount(&mut self, calls: impl IntoIterator<Item = TrunkId>) {
        self.trunks.values_mut().for_each(Trunk::empty);
        for id in calls {
            if let Some(trunk) = self.trunks.get_mut(&id) {
                trunk.carry_one();
            }
        }
    }

    /// The INVITE for a call on the trunk it was admitted to.
    ///
    /// # Errors
    /// The call cannot be written for this trunk.
    pub fn invite(&self, permit: &Permit, call: &OutboundCall) -> Result<Invite, InviteError> {
        let trunk = self.get(permit.trunk).ok_or(InviteError::NoWay)?;
        trunk.invite(permit.way.unwrap_or(0), call)
    }

    /// Learns from how a call fared: a server that asks for a pause gets one, one that is silent is asked whether it lives.
    pub fn report(&mut self, permit: &Permit, outcome: CallOutcome<'_>, ua: &mut UserAgent, now: Instant) {
        let Some(trunk) = self.trunks.get_mut(&permit.trunk) else { return };
        let Some(way) = permit.way.and_then(|way| trunk.ways.get_mut(way)) else { return };
        match outcome {
            CallOutcome::Response(message) => {
                way.answered(message, None, now);
                let status = message.status().unwrap_or(0);
                let retry = message.typed::<RetryAfter<'_>>().and_then(Result::ok);
                match (status, retry) {
                    (503, Some(retry)) => {
                        let asked = Duration::from_secs(retry.seconds.into());
                        way.pause(asked, format!("SIP 503, Retry-After {} s", retry.seconds), now);
                    }
                    (408 | 503, _) => {}
                    _ => way.works(),
                }
            }
            CallOutcome::Failure(failure) => {
                way.hold_down(format!("a call failed: {failure}"), now);
                trunk.registrations_mut().for_each(|registration| registration.check_now(now));
            }
        }
        self.settle(ua, now);
    }

    /// Takes a trunk out by hand or by a program, whatever its state; traffic moves to the next member of its groups (ST-014).
    pub fn disable(&mut self, trunk: TrunkId, why: impl Into<String>, ua: &mut UserAgent, now: Instant) {
        self.set_disabled(trunk, Some(why.into()), ua, now);
    }

    /// Takes it back in.
    pub fn enable(&mut self, trunk: TrunkId, ua: &mut UserAgent, now: Instant) {
        self.set_disabled(trunk, None, ua, now);
    }

    fn set_disabled(&mut self, trunk: TrunkId, why: Option<String>, ua: &mut UserAgent, now: Instant) {
        if let Some(trunk) = self.trunks.get_mut(&trunk) {
            trunk.disable(why);
            self.settle(ua, now);
        }
    }

    /// The registration of that key, wherever it is by now.
    fn registration(&mut self, trunk: TrunkId, key: u64) -> Option<&mut Registration> {
        let current = self.trunks.get_mut(&trunk).map(|trunk| &mut trunk.registrations);
        let leaving = self.leaving.iter_mut().map(|(_, enrolment)| enrolment);
        let all = current.into_iter().flatten().chain(leaving);
        all.into_iter().find(|enrolment| enrolment.key == key).map(|enrolment| &mut enrolment.registration)
    }

    fn way(&mut self, trunk: TrunkId, key: u64) -> Option<(&mut Way, KeepAlive)> {
        let trunk = self.trunks.get_mut(&trunk)?;
        let way = trunk.ways.iter_mut().find(|way| way.key == key)?;
        Some((way, trunk.config.keep_alive))
    }

    /// Runs every trunk until none has anything to do.
    fn settle(&mut self, ua: &mut UserAgent, now: Instant) {
        let ids: Vec<TrunkId> = self.trunks.keys().copied().collect();
        for id in ids {
            loop {
                let mut actions = Vec::new();
                let Some(trunk) = self.trunks.get_mut(&id) else { break };
                trunk.run(now, &mut actions);
                if actions.is_empty() {
                    break;
                }
                actions.into_iter().for_each(|action| self.act(id, action, ua, now));
            }
        }
        let mut requests = Vec::new();
        let events = &mut self.events;
        self.leaving.retain_mut(|(trunk, Enrolment { key, registration })| {
            while let Some(output) = registration.poll_output() {
                match output {
                    Output::Send(request) => requests.push((*trunk, *key, request)),
                    Output::Changed(_) => {}
                }
            }
            if !registration.is_busy() {
                let registrar = registration.config().registrar.host.clone();
                let uri = registration.address_of_record().to_owned();
                events.push_back(TrunkEvent::Withdrawn { trunk: *trunk, registrar, uri });
            }
            registration.is_busy()
        });
        for (trunk, key, request) in requests {
            self.send(Purpose::Register { trunk, key }, request, ua, now);
        }
    }

    fn act(&mut self, id: TrunkId, action: Action, ua: &mut UserAgent, now: Instant) {
        match action {
            Action::Register(key, outgoing) => {
                self.send(Purpose::Register { trunk: id, key }, outgoing, ua, now)
            }
            Action::Options(key, outgoing) => {
                self.send(Purpose::Options { trunk: id, key }, outgoing, ua, now)
            }
            Action::RegistrationChanged(key, state) => self.registration_changed(id, key, state),
            Action::HealthChanged => {
                let Some(trunk) = self.get(id) else { return };
                let (name, standing) = (trunk.config.name.clone(), trunk.health().standing().clone());
                let event = TrunkEvent::HealthChanged { trunk: id, name, standing };
                if trunk.health().is_up() {
                    tracing::info!("{event}")
                } else {
                    tracing::warn!("{event}")
                }
                self.events.push_back(event);
            }
        }
    }

    fn registration_changed(&mut self, id: TrunkId, key: u64, state: State) {
        let Some(trunk) = self.trunks.get(&id) else { return };
        let Some(Enrolment { registration, .. }) = trunk.registrations.iter().find(|one| one.key == key)
        else {
            return;
        };
        let event = TrunkEvent::RegistrationChanged {
            trunk: id,
            name: trunk.config.name.clone(),
            registrar: registration.config().registrar.host.clone(),
            uri: registration.address_of_record().to_owned(),
            state,
        };
        self.events.push_back(event);
    }

    fn send(&mut self, purpose: Purpose, outgoing: Outgoing, ua: &mut UserAgent, now: Instant) {
        match ua.request(outgoing, None, now) {
            Ok(request) => {
                self.requests.insert(request, purpose);
            }
            Err(error) => self.not_sent(purpose, error, now),
        }
    }

    fn not_sent(&mut self, purpose: Purpose, error: SendError, now: Instant) {
        match purpose {
            Purpose::Register { trunk, key } => {
                if let Some(registration) = self.registration(trunk, key) {
                    registration.send_failed(error, now);
                }
            }
            Purpose::Options { trunk, key } => {
                if let Some((way, keep_alive)) = self.way(trunk, key) {
                    way.probed(Err(error.to_string()), keep_alive, now);
                }
            }
        }
    }
}
