//! Server transactions: RFC 3261 §17.2 with the Accepted state of RFC 6026 and the rules of RFC 4320.

use std::time::Duration;

use bytes::Bytes;

use super::timing::{Running, Timer, Timing};
use crate::transport::Path;

/// The states of figures 7 and 8 of RFC 3261 and figure 3 of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not an INVITE, nothing answered.
    Trying,
    /// INVITE, or another request after a provisional answer.
    Proceeding,
    /// A final answer was sent; it is repeated when asked for.
    Completed,
    /// The ACK of a non-2xx answer arrived.
    Confirmed,
    /// A 2xx was sent; the user repeats it until its ACK arrives (RFC 6026 §7.1).
    Accepted,
}

/// What a step asks the table to do, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Timers to stop.
    pub(super) stop: [Option<Timer>; 2],
    /// Send the last answer (again).
    pub(super) answer: bool,
    /// Send 100 (Trying) for the user.
    pub(super) trying: bool,
    /// Timers to start.
    pub(super) start: [Option<(Timer, Duration)>; 2],
    /// The user must hear that its answer was never acknowledged.
    pub(super) unacknowledged: bool,
    /// The transaction is over.
    pub(super) end: bool,
}

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: Box<[u8]>,
    /// From tag, Call-ID and CSeq of a request outside a dialog, to find merged ones (RFC 3261 §8.2.2.2).
    pub(super) merge_key: Option<Box<[u8]>>,
    pub(super) state: State,
    pub(super) invite: bool,
    pub(super) path: Path,
    /// The last answer, for repeats.
    pub(super) answer: Option<Bytes>,
    /// A ready 100 (Trying), until it is sent or not needed any more.
    pub(super) trying: Option<Bytes>,
    interval: Duration,
    pub(super) running: Running,
}

impl Server {
    pub(super) fn new(
        key: Box<[u8]>,
        merge_key: Option<Box<[u8]>>,
        invite: bool,
        trying: Option<Bytes>,
        path: Path,
        timing: &Timing,
    ) -> (Self, Step) {
        let state = if invite { State::Proceeding } else { State::Trying };
        let server = Self {
            key,
            merge_key,
            state,
            invite,
            path,
            answer: None,
            trying,
            interval: timing.t1,
            running: Running::default(),
        };
        let step = match (invite, timing.trying_after) {
            (true, Duration::ZERO) => Step { trying: true, ..Step::default() },
            (true, after) => Step { start: [Some((Timer::Trying, after)), None], ..Step::default() },
            // RFC 4320 §4.2: after 64 × T1 its sender waits no more, so an answer that has not come by then never will.
            (false, _) => Step { start: [Some((Timer::J, timing.lifetime())), None], ..Step::default() },
        };
        (server, step)
    }

    /// The same request arrived again.
    pub(super) fn repeated(&self) -> Step {
        match self.state {
            // RFC 6026 §7.1: repeats of an accepted INVITE are absorbed.
            State::Trying | State::Confirmed | State::Accepted => Step::default(),
            State::Proceeding | State::Completed => Step { answer: self.answer.is_some(), ..Step::default() },
        }
    }

    /// Whether repeats get nothing, so that the answer need not be kept.
    pub(super) fn absorbs_repeats(&self) -> bool {
        matches!(self.state, State::Confirmed | State::Accepted)
    }

    /// The ACK of a non-2xx answer arrived.
    pub(super) fn acknowledged(&mut self, timing: &Timing) -> Step {
        if self.state != State::Completed {
            return Step::default();
        }
        self.state = State::Confirmed;
        let wait = if self.path.is_reliable() { Duration::ZERO } else { timing.t4 };
        Step {
            stop: [Some(Timer::G), Some(Timer::H)],
            start: [Some((Timer::I, wait)), None],
            ..Step::default()
        }
    }

    /// The user answers. `false` when the state does not allow that answer any more.
    pub(super) fn respond(&mut self, status: u16, timing: &Timing) -> Option<Step> {
        let reliable = self.path.is_reliable();
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                let stop = [self.invite.then_some(Timer::Trying), None];
                Some(Step { answer: true, stop, ..Step::default() })
            }
            (State::Proceeding, 200..=299) if self.invite => {
                self.state = State::Accepted;
                let start = [Some((Timer::L, timing.lifetime())), None];
                Some(Step { answer: true, stop: [Some(Timer::Trying), None], start, ..Step::default() })
            }
            // RFC 6026 §7.1: the user repeats its 2xx through the transaction.
            (State::Accepted, 200..=299) => Some(Step { answer: true, ..Step::default() }),
            (State::Proceeding, _) if self.invite => {
                self.state = State::Completed;
                let again = (!reliable).then_some((Timer::G, timing.t1));
                let start = [again, Some((Timer::H, timing.lifetime()))];
                Some(Step { answer: true, stop: [Some(Timer::Trying), None], start, ..Step::default() })
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                let wait = if reliable { Duration::ZERO } else { timing.lifetime() };
                Some(Step { answer: true, start: [Some((Timer::J, wait)), None], ..Step::default() })
            }
            (State::Completed | State::Confirmed | State::Accepted, _) => None,
        }
    }

    /// A timer ran out.
    pub(super) fn timer(&mut self, timer: Timer, timing: &Timing) -> Step {
        match timer {
            Timer::Trying => Step { trying: self.answer.is_none(), ..Step::default() },
            Timer::G => {
                self.interval = (self.interval * 2).min(timing.t2);
                Step { answer: true, start: [Some((Timer::G, self.interval)), None], ..Step::default() }
            }
            // RFC 3261 §17.2.1: without an ACK the user is told.
            Timer::H => {
                Step { unacknowledged: true, stop: [Some(Timer::G), None], end: true, ..Step::default() }
            }
            Timer::I | Timer::J | Timer::L => Step { end: true, ..Step::default() },
            Timer::A | Timer::B | Timer::D | Timer::E | Timer::F | Timer::K | Timer::M => Step::default(),
        }
    }
}
