//! A user agent with its trunks: the whole of this crate in one engine.
//!
//! ```text
//!            Input ──► UserAgent ──► Trunks: REGISTER, OPTIONS ─┐
//!   driver                     └───► Hunt: one per outgoing call├──► Event     user
//!            Io    ◄── UserAgent ◄── TrunkGroup: who is active ─┘
//! ```
//!
//! Calls go out on whichever trunk takes them ([`TrunkAgent::call`]); calls that come in arrive with the trunk they came on,
//! those of strangers are refused. Everything inside a call is done through [`TrunkAgent::command`].
//!
//! ```
//! use sip_trunk::Seed;
//! use sip_trunk::agent::{AgentConfig, Route, TrunkAgent};
//! use sip_trunk::endpoint::{EndpointConfig, Io, Listener, Output};
//! use sip_trunk::transport::{SocketId, Transport};
//! use sip_trunk::trunk::{OutboundCall, Server, TrunkConfig, TrunkId};
//! use sip_trunk::ua::UaConfig;
//!
//! # #[allow(clippy::disallowed_methods)] let now = std::time::Instant::now();
//! let listener = Listener::new(SocketId(0), Transport::Udp, "192.0.2.1:5060".parse()?);
//! let endpoint = EndpointConfig { listeners: vec![listener], ..EndpointConfig::default() };
//! let ua = UaConfig { endpoint, ..UaConfig::default() };
//! let mut agent = TrunkAgent::new(AgentConfig { ua, ..AgentConfig::default() }, Seed([7; 32]), now);
//!
//! let mut trunk = TrunkConfig::new(TrunkId(1), "Carrier");
//! trunk.servers = vec![Server { host: "203.0.113.10".into(), port: None }];
//! assert!(agent.apply(vec![trunk], Vec::new(), now).is_empty());
//! let call = OutboundCall { called: "+12025550123".into(), ..OutboundCall::default() };
//! agent.call(call, Route::Trunks(vec![TrunkId(1)]), now);
//! # let mut sent = std::iter::from_fn(|| agent.poll_output());
//! # assert!(sent.any(|output| matches!(output, Output::Io(Io::Datagram { bytes, .. }) if bytes.starts_with(b"INVITE"))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;

pub use event::{CallId, Event};

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::endpoint::{Input, Output, Source};
use crate::group::{ActiveChanged, Cursor, Hunt, HuntEvent, TrunkGroup, TrunkGroupConfig};
use crate::msg::{HeaderName, Message};
use crate::trunk::{OutboundCall, Permit, Problem, TrunkConfig, TrunkEvent, TrunkId, Trunks, TrunksConfig};
use crate::ua::{self, Rejection, SessionId, UaConfig, UserAgent};
use crate::{Deadline, Engine, Seed};

/// What an agent is configured with, besides its trunks.
#[derive(Debug, Clone, Default)]
pub struct AgentConfig {
    /// The user agent.
    pub ua: UaConfig,
    /// What is common to all trunks.
    pub trunks: TrunksConfig,
}

/// Which trunks a call may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The members of this group, by its name.
    Group(String),
    /// These, in this order.
    Trunks(Vec<TrunkId>),
}

/// Retry-After of calls that a trunk has no room for.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A user agent with trunks and trunk groups.
#[derive(Debug)]
pub struct TrunkAgent {
    ua: UserAgent,
    trunks: Trunks,
    groups: Vec<TrunkGroup>,
    /// Outgoing calls nobody has answered yet.
    hunts: BTreeMap<CallId, Hunt>,
    /// The attempt of each of them.
    trying: BTreeMap<SessionId, CallId>,
    /// Calls that count on a trunk.
    carried: BTreeMap<SessionId, Carried>,
    calls: u64,
    out: VecDeque<Output<Event>>,
}

#[derive(Debug)]
struct Carried {
    permit: Permit,
    /// For the log.
    call_id: Box<str>,
}

impl TrunkAgent {
    /// An agent without trunks.
    pub fn new(config: AgentConfig, seed: Seed, now: Instant) -> Self {
        Self {
            ua: UserAgent::new(config.ua, seed.derive("user agent"), now),
            trunks: Trunks::new(config.trunks, seed.derive("trunks")),
            groups: Vec::new(),
            hunts: BTreeMap::new(),
            trying: BTreeMap::new(),
            carried: BTreeMap::new(),
            calls: 0,
            out: VecDeque::new(),
        }
    }

    /// Takes all trunks and groups there are from now on; what has not changed goes on undisturbed. Gives every fault of the
    /// trunks' configuration.
    pub fn apply(
        &mut self,
        trunks: Vec<TrunkConfig>,
        groups: Vec<TrunkGroupConfig>,
        now: Instant,
    ) -> Vec<Problem> {
        let problems = self.trunks.apply(trunks, &mut self.ua, now);
        let mut before = std::mem::take(&mut self.groups);
        for config in groups {
            let same = before.iter().position(|group| *group.config() == config);
            let group = match same {
                Some(index) => before.swap_remove(index),
                None => TrunkGroup::new(config, &self.trunks, now),
            };
            self.groups.push(group);
        }
        self.settle(now);
        problems
    }

    /// The user agent.
    pub fn ua(&self) -> &UserAgent {
        &self.ua
    }

    /// Does something with the user agent: answer, hang up, transfer and everything else inside a call.
    pub fn command<R>(&mut self, now: Instant, command: impl FnOnce(&mut UserAgent) -> R) -> R {
        let result = command(&mut self.ua);
        self.settle(now);
        result
    }

    /// The trunks.
    pub fn trunks(&self) -> &Trunks {
        &self.trunks
    }

    /// The trunk groups.
    pub fn groups(&self) -> &[TrunkGroup] {
        &self.groups
    }

    /// Places a call. [`Event::Answered`] or [`Event::Failed`] ends the search for a trunk; a group that does not exist has none.
    pub fn call(&mut self, call: OutboundCall, route: Route, now: Instant) -> CallId {
        self.calls += 1;
        let id = CallId(self.calls);
        let cursor = match route {
            Route::Trunks(trunks) => Cursor::new(trunks, call.emergency),
            Route::Group(name) => {
                let group = self.groups.iter().find(|group| group.config().name == name);
                group.map_or_else(|| Cursor::new(Vec::new(), false), |group| group.cursor(call.emergency))
            }
        };
        let hunt = Hunt::start(call, cursor, &mut self.trunks, &mut self.ua, now);
        self.hunts.insert(id, hunt);
        self.settle(now);
        id
    }

    /// Gives up a call nobody has answered yet.
    pub fn withdraw(&mut self, call: CallId, now: Instant) {
        if let Some(hunt) = self.hunts.get_mut(&call) {
            hunt.withdraw(&mut self.trunks, &mut self.ua, now);
            self.settle(now);
        }
    }

    /// Takes a trunk out of use by hand, with a reason, or back into use.
    pub fn set_disabled(&mut self, trunk: TrunkId, why: Option<String>, now: Instant) {
        match why {
            Some(why) => self.trunks.disable(trunk, why, &mut self.ua, now),
            None => self.trunks.enable(trunk, &mut self.ua, now),
        }
        self.settle(now);
    }

    /// Manual recovery of a group.
    pub fn recover(&mut self, group: &str, now: Instant) -> Option<ActiveChanged> {
        let group = self.groups.iter_mut().find(|one| one.config().name == group)?;
        group.recover(&self.trunks, now)
    }

    /// Takes the load of the system, see [`Endpoint::report_load`](crate::endpoint::Endpoint::report_load).
    pub fn report_load(&mut self, load: f64, now: Instant) {
        self.ua.report_load(load, now);
    }

    /// Takes what happened outside.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        let network_changed = matches!(input, Input::NetworkChanged);
        self.ua.handle_input(input, now);
        if network_changed {
            self.trunks.network_changed(&mut self.ua, now);
        }
        self.settle(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
        self.trunks.handle_timeout(&mut self.ua, now);
        for hunt in self.hunts.values_mut() {
            hunt.handle_timeout(&mut self.trunks, &mut self.ua, now);
        }
        self.settle(now);
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let hunts = self.hunts.values().filter_map(Hunt::next_timeout);
        let own = [self.ua.next_timeout(), self.trunks.next_timeout()].into_iter().flatten();
        own.chain(hunts).min_by_key(|deadline| deadline.at)
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Passes on what the parts have to say, until none has.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(event) = self.trunks.poll_event() {
                self.trunk_changed(event, now);
            } else if let Some(output) = self.ua.poll_output() {
                match output {
                    Output::Io(io) => self.out.push_back(Output::Io(io)),
                    Output::Event(event) => self.heard(event, now),
                }
            } else if !self.poll_hunts() {
                return;
            }
        }
    }

    fn trunk_changed(&mut self, event: TrunkEvent, now: Instant) {
        let is_health = matches!(event, TrunkEvent::HealthChanged { .. });
        self.tell(Event::Trunk(event));
        if !is_health {
            return;
        }
        let moved: Vec<ActiveChanged> =
            self.groups.iter_mut().filter_map(|group| group.refresh(&self.trunks, now)).collect();
        moved.into_iter().for_each(|moved| self.tell(Event::Moved(moved)));
        for hunt in self.hunts.values_mut() {
            hunt.health_changed(&mut self.trunks, &mut self.ua, now);
        }
    }

    fn heard(&mut self, event: ua::Event, now: Instant) {
        if self.trunks.handle_event(&event, &mut self.ua, now) {
            return;
        }
        if let ua::Event::Incoming { session, message, source, replaces: None } = event {
            return self.incoming(session, message, source, now);
        }
        if let ua::Event::Progressed { session, .. }
        | ua::Event::Answered { session, .. }
        | ua::Event::Rejected { session, .. }
        | ua::Event::Ended { session, .. } = &event
        {
            let hunt = self.trying.get(session).and_then(|call| self.hunts.get_mut(call));
            if hunt.is_some_and(|hunt| hunt.handle_event(&event, &mut self.trunks, &mut self.ua, now)) {
                return;
            }
        }
        if let ua::Event::Rejected { session, .. } | ua::Event::Ended { session, .. } = &event {
            if let Some(Carried { permit, call_id }) = self.carried.remove(session) {
                if let ua::Event::Ended { cause, .. } = &event {
                    tracing::info!(%call_id, "trunk {:?}: call ended: {cause}", self.name(permit.trunk()));
                }
                self.trunks.release(permit);
            } else if self.trying.remove(session).is_some() {
                // The end of an attempt the call has moved on from.
                return;
            }
        }
        self.tell(Event::Session(event));
    }

    fn incoming(&mut self, session: SessionId, message: Message, source: Source, now: Instant) {
        let refusal = match self.trunks.identify(&message, &source) {
            Err(unmatched) => {
                let rejection = Rejection::new(unmatched.status());
                self.tell(Event::Refused { source, why: unmatched.to_string() });
                rejection
            }
            Ok(matched) => match self.trunks.admit_inbound(matched.trunk, now) {
                Ok(permit) => {
                    let trunk = matched.trunk;
                    self.carry(session, permit, "call comes in", &message);
                    return self.tell(Event::Incoming { session, trunk, by: matched.by, message, source });
                }
                Err(refusal) => {
                    let why = format!("trunk {}: {refusal}", matched.trunk);
                    tracing::warn!("call refused: {why}");
                    self.tell(Event::Refused { source, why });
                    Rejection { retry_after: Some(RETRY_AFTER), ..Rejection::new(503) }
                }
            },
        };
        // The caller may have withdrawn it meanwhile.
        let _ = self.ua.reject(session, refusal, now);
    }

    /// A call counts on its trunk from here on.
    fn carry(&mut self, session: SessionId, permit: Permit, what: &str, message: &Message) {
        let call_id = message.header(HeaderName::CallId).unwrap_or_default();
        let call_id: Box<str> = String::from_utf8_lossy(call_id).into();
        tracing::info!(%call_id, "trunk {:?}: {what}", self.name(permit.trunk()));
        self.carried.insert(session, Carried { permit, call_id });
    }

    fn name(&self, trunk: TrunkId) -> &str {
        self.trunks.get(trunk).map_or("removed", |trunk| &trunk.config().name)
    }

    fn poll_hunts(&mut self) -> bool {
        let found = self.hunts.iter_mut().find_map(|(call, hunt)| Some((*call, hunt.poll_event()?)));
        let Some((call, event)) = found else { return false };
        match event {
            HuntEvent::Trying { trunk, session } => {
                self.trying.insert(session, call);
                self.tell(Event::Trying { call, trunk, session });
            }
            HuntEvent::Progressed { session, message } => {
                self.tell(Event::Progressed { call, session, message })
            }
            HuntEvent::Answered { session, message, permit } => {
                let trunk = permit.trunk();
                self.trying.remove(&session);
                self.carry(session, permit, "call is answered", &message);
                let explanation = self.finish(call);
                self.tell(Event::Answered { call, trunk, session, message, explanation });
            }
            HuntEvent::Failed { status, message } => {
                let explanation = self.finish(call);
                self.tell(Event::Failed { call, status, message, explanation });
            }
        }
        true
    }

    fn finish(&mut self, call: CallId) -> Vec<crate::group::Considered> {
        self.hunts.remove(&call).map(|hunt| hunt.explanation().to_vec()).unwrap_or_default()
    }
}

impl Engine for TrunkAgent {
    type Event = Event;

    fn handle_input(&mut self, input: Input, now: Instant) {
        self.handle_input(input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.poll_output()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.next_timeout()
    }
}
