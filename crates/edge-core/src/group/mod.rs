//! Edge groups: trunks shared with neighbours, load, draining.
//!
//! ```text
//!   call ──► admit: capacity, calls per second, draining ──► here
//!                              │ full                          │ trunk down, phone elsewhere
//!                              ▼                               ▼
//!                         spread over neighbours         trunk_way, phone_way ──► Here · Neighbour · Nowhere
//!                              ▲                               ▲
//!   Output::Ask(edge) ──► heard, failed: who lives, with what load
//! ```
//!
//! Edges of a group share trunks and stand in for each other; edges of different groups share nothing: a neighbour is who the
//! runtime says is one. Emergency calls are admitted always, by a full edge and by one that drains.

mod drain;
mod handover;
mod load;
mod neighbours;
mod status;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sip_trunk::Deadline;
use telco_model::entity::EdgeCapacity;
use telco_model::value::EdgeId;

use crate::compile::{Phone, Runtime, Trunk};
use drain::{Drain, Step};
use load::Meter;
use neighbours::{Neighbours, News};

pub use drain::Service;
pub use handover::{CALL_HEADER, Giver, Handover, HandoverError, Taker};
pub use load::{Load, LoadError, spread};
pub use neighbours::{Neighbour, Watch};
pub use status::{EdgeStatus, Software, topology};

/// The header in which edges of a group tell each other their [`Load`], on OPTIONS and its answer.
pub const LOAD_HEADER: &str = "X-Edge-Load";

/// This edge among its neighbours.
#[derive(Debug)]
pub struct Group {
    edge: Option<EdgeId>,
    drain: Drain,
    meter: Meter,
    neighbours: Neighbours,
    software: Software,
    calls: usize,
    out: VecDeque<Output>,
}

/// What the group asks for or tells, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Ask a neighbour whether it lives: OPTIONS with [`LOAD_HEADER`]. Answer with [`Group::heard`] or [`Group::failed`].
    Ask(EdgeId),
    /// A neighbour lives.
    NeighbourUp(EdgeId),
    /// A neighbour does not answer: what it ran goes by other ways.
    NeighbourDown(EdgeId),
    /// The time for draining is over: end every call but emergency calls.
    EndCalls,
    /// No call is left: the edge may be updated or stopped.
    Drained,
}

/// Why a call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Busy {
    /// As many calls as it can carry.
    #[error("the edge carries as many calls as it can")]
    Calls,
    /// As many new calls in a second as it can take.
    #[error("the edge takes no more calls in this second")]
    Rate,
    /// It drains, or is out of service.
    #[error("the edge takes no new calls")]
    OutOfService,
}

/// Where something of the group is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Here.
    Here,
    /// By way of a neighbour.
    Neighbour(EdgeId),
    /// Nowhere in the group.
    Nowhere,
}

impl Group {
    /// The group of the edge a runtime was compiled for. `installed`: the version of the software that runs.
    pub fn new(runtime: &Runtime, watch: Watch, installed: &str, now: Instant) -> Self {
        let mut group = Self {
            edge: None,
            drain: Drain::new(in_service(runtime)),
            meter: Meter::new(capacity(runtime), now),
            neighbours: Neighbours::new(watch),
            software: Software { installed: installed.into(), staged: None },
            calls: 0,
            out: VecDeque::new(),
        };
        group.apply(runtime, now);
        group
    }

    /// Takes a new configuration. An edge that was told to drain goes on draining.
    pub fn apply(&mut self, runtime: &Runtime, now: Instant) {
        self.edge = runtime.edge.as_ref().map(|edge| edge.id);
        self.drain.apply(in_service(runtime));
        self.meter.apply(capacity(runtime));
        self.neighbours.apply(runtime.neighbours.keys().copied(), now);
    }

    /// A call wants to begin here; when it is let in it counts, until [`ended`](Self::ended).
    ///
    /// # Errors
    /// [`Busy`]: offer it to a neighbour, or answer 503 with Retry-After. An emergency call is never refused.
    pub fn admit(&mut self, emergency: bool, now: Instant) -> Result<(), Busy> {
        if !emergency {
            if self.drain.service() != Service::In {
                return Err(Busy::OutOfService);
            }
            if !self.meter.has_room(self.calls) {
                return Err(Busy::Calls);
            }
            if !self.meter.take(now) {
                return Err(Busy::Rate);
            }
        }
        self.meter.begun(now);
        self.calls += 1;
        Ok(())
    }

    /// A call that was let in has ended.
    pub fn ended(&mut self) {
        self.calls = self.calls.saturating_sub(1);
        self.step(|drain, calls| drain.calls_left(calls));
    }

    /// So many calls there are, whatever was counted before.
    pub fn recount(&mut self, calls: usize) {
        self.calls = calls;
        self.step(|drain, calls| drain.calls_left(calls));
    }

    /// Takes no new calls from now on; those that run may go on for `wait`.
    pub fn drain(&mut self, wait: Duration, now: Instant) {
        self.step(|drain, calls| drain.begin(wait, calls, now));
    }

    /// Takes calls again, if the configuration lets it.
    pub fn resume(&mut self) {
        self.drain.resume();
    }

    /// A version of the software waits to be installed; `None`: none does.
    pub fn stage(&mut self, version: Option<String>) {
        self.software.staged = version;
    }

    /// A neighbour answered, or sent a request: it lives. `load` is what its [`LOAD_HEADER`] said.
    pub fn heard(&mut self, edge: EdgeId, load: Option<Load>, now: Instant) {
        let news = self.neighbours.heard(edge, load, now);
        self.tell(news);
    }

    /// The question to a neighbour failed on its way.
    pub fn failed(&mut self, edge: EdgeId, now: Instant) {
        let news = self.neighbours.failed(edge, now);
        self.tell(news);
    }

    /// By which way a call reaches a trunk: here when it is up here, else by the first neighbour that lives and runs it.
    pub fn trunk_way(&self, trunk: &Trunk, up_here: bool) -> Way {
        if trunk.runs_here() && up_here {
            return Way::Here;
        }
        let neighbour = trunk.neighbours().find(|edge| self.neighbours.is_alive(*edge));
        neighbour.map_or(Way::Nowhere, Way::Neighbour)
    }

    /// By which way a call reaches a phone: here when it is registered here, else by its primary edge, else by its secondary one.
    pub fn phone_way(&self, phone: &Phone, registered_here: bool) -> Way {
        if registered_here {
            return Way::Here;
        }
        let edges = [phone.assignment.primary, phone.assignment.secondary];
        let alive = edges.into_iter().flatten().find(|edge| self.neighbours.is_alive(*edge));
        alive.map_or(Way::Nowhere, Way::Neighbour)
    }

    /// A neighbour that takes a call there is no room for here, in proportion to what each has left; `draw` is 64 random bits.
    pub fn relief(&self, runtime: &Runtime, draw: u64) -> Option<EdgeId> {
        let alive = runtime.neighbours.keys().filter(|edge| self.neighbours.is_alive(**edge));
        let loads: Vec<_> =
            alive.filter_map(|edge| Some((*edge, self.neighbours.get(*edge)?.load?))).collect();
        spread(&loads, draw)
    }

    /// What is known of a neighbour.
    pub fn neighbour(&self, edge: EdgeId) -> Option<&Neighbour> {
        self.neighbours.get(edge)
    }

    /// What this edge carries.
    pub fn load(&self, now: Instant) -> Load {
        self.meter.load(self.calls, self.drain.service() == Service::In, now)
    }

    /// Whether this edge takes calls.
    pub fn service(&self) -> Service {
        self.drain.service()
    }

    /// The information panels of this edge and its neighbours. `online`: whether the control plane is reached.
    pub fn statuses(&self, runtime: &Runtime, online: bool, now: Instant) -> Vec<(EdgeId, EdgeStatus)> {
        let own = runtime.edge.iter().map(|edge| {
            let (service, software) = (self.drain.service(), self.software.clone());
            (edge.id, EdgeStatus::of(edge, Some(online), service, software, Some(self.load(now))))
        });
        let others = runtime.neighbours.iter().map(|(id, edge)| {
            let known = self.neighbours.get(*id);
            let load = known.and_then(|known| known.load);
            let takes_calls = edge.in_service && load.is_none_or(|load| load.in_service);
            let service = if takes_calls { Service::In } else { Service::Out };
            let alive = known.and_then(|known| known.alive);
            (*id, EdgeStatus::of(edge, alive, service, Software::default(), load))
        });
        own.chain(others).collect()
    }

    /// Asks neighbours and ends draining when it is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.step(|drain, calls| drain.handle_timeout(calls, now));
        for news in self.neighbours.handle_timeout(now) {
            self.tell(Some(news));
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let due = [self.drain.next_timeout(), self.neighbours.next_timeout()];
        due.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn step(&mut self, step: impl FnOnce(&mut Drain, usize) -> Option<Step>) {
        match step(&mut self.drain, self.calls) {
            Some(Step::EndCalls) => self.out.push_back(Output::EndCalls),
            Some(Step::Drained) => self.out.push_back(Output::Drained),
            None => {}
        }
    }

    fn tell(&mut self, news: Option<News>) {
        let output = news.map(|news| match news {
            News::Ask(edge) => Output::Ask(edge),
            News::Up(edge) => Output::NeighbourUp(edge),
            News::Down(edge) => Output::NeighbourDown(edge),
        });
        self.out.extend(output);
    }
}

fn in_service(runtime: &Runtime) -> bool {
    runtime.edge.as_ref().is_some_and(|edge| edge.in_service)
}

fn capacity(runtime: &Runtime) -> EdgeCapacity {
    runtime.edge.as_ref().map_or(EdgeCapacity { calls: 0, calls_per_second: 0 }, |edge| edge.capacity)
}
