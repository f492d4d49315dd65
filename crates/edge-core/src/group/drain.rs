//! Draining: no new calls, those that run may finish, and then the edge may be updated.

use std::time::{Duration, Instant};

use sip_trunk::Deadline;

/// Whether an edge takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// It does.
    In,
    /// It takes emergency calls only, and waits for the others to end until a time.
    Draining {
        /// When what still runs is ended.
        until: Instant,
    },
    /// No call is left: it may be updated or stopped.
    Drained,
    /// Out of service by configuration.
    Out,
}

/// What draining asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// End every call that is no emergency call: their time is over.
    EndCalls,
    /// No call is left.
    Drained,
}

#[derive(Debug)]
pub(super) struct Drain {
    service: Service,
    /// Whether the configuration has the edge in service.
    configured: bool,
}

impl Drain {
    pub(super) fn new(configured: bool) -> Self {
        Self { service: in_or_out(configured), configured }
    }

    pub(super) fn apply(&mut self, configured: bool) {
        self.configured = configured;
        match self.service {
            Service::In | Service::Out => self.service = in_or_out(configured),
            // Commands outlast configurations.
            Service::Draining { .. } | Service::Drained => {}
        }
    }

    pub(super) fn service(&self) -> Service {
        self.service
    }

    pub(super) fn begin(&mut self, wait: Duration, calls: usize, now: Instant) -> Option<Step> {
        self.service = Service::Draining { until: now + wait };
        self.calls_left(calls)
    }

    pub(super) fn resume(&mut self) {
        self.service = in_or_out(self.configured);
    }

    /// So many calls run.
    pub(super) fn calls_left(&mut self, calls: usize) -> Option<Step> {
        let empty = calls == 0 && matches!(self.service, Service::Draining { .. });
        empty.then(|| {
            self.service = Service::Drained;
            Step::Drained
        })
    }

    pub(super) fn handle_timeout(&mut self, calls: usize, now: Instant) -> Option<Step> {
        match self.service {
            Service::Draining { until } if until <= now && calls > 0 => {
                // Emergency calls go on; whether they have ended is asked again.
                self.service = Service::Draining { until: now + Duration::from_secs(1) };
                Some(Step::EndCalls)
            }
            Service::Draining { .. } => self.calls_left(calls),
            Service::In | Service::Drained | Service::Out => None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        match self.service {
            Service::Draining { until } => {
                Some(Deadline { at: until, why: "draining: end the calls that are left" })
            }
            Service::In | Service::Drained | Service::Out => None,
        }
    }
}

fn in_or_out(configured: bool) -> Service {
    if configured { Service::In } else { Service::Out }
}
