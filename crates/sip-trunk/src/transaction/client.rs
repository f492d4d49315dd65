//! Client transactions: RFC 3261 §17.1 with the Accepted state of RFC 6026.

use std::time::Duration;

use bytes::Bytes;

use super::timing::{Running, Timer, Timing};
use crate::transport::Path;

/// The states of figures 5 and 6 of RFC 3261 and figure 5 of RFC 6026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// INVITE sent, nothing heard.
    Calling,
    /// Another request sent, nothing heard.
    Trying,
    /// A provisional answer was heard.
    Proceeding,
    /// A final answer was heard; repeats of it are absorbed.
    Completed,
    /// A 2xx to INVITE was heard; repeats of it, and 2xx of other forks, go up.
    Accepted,
}

/// What a step asks the table to do, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Timers to stop.
    pub(super) stop: [Option<Timer>; 2],
    /// Send the request again.
    pub(super) repeat: bool,
    /// Answer the final response with ACK.
    pub(super) acknowledge: bool,
    /// Give the response to the user.
    pub(super) deliver: bool,
    /// Timers to start.
    pub(super) start: [Option<(Timer, Duration)>; 2],
    /// The request is answered: it will not be sent again.
    pub(super) settled: bool,
    /// The user must hear that nothing came.
    pub(super) timed_out: bool,
    /// The transaction is over.
    pub(super) end: bool,
}

/// One client transaction. What it sent is kept as bytes, for repeats, ACK and CANCEL; once it is answered, only the request line.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) key: Box<[u8]>,
    pub(super) state: State,
    pub(super) invite: bool,
    pub(super) request: Bytes,
    pub(super) path: Path,
    /// Current interval of timer A or E.
    interval: Duration,
    /// The ACK of a non-2xx final answer, kept for repeats of that answer.
    pub(super) ack: Option<Bytes>,
    /// The user wants out; CANCEL goes as soon as a provisional answer allows it (RFC 3261 §9.1).
    pub(super) cancel_wanted: bool,
    /// The value of Reason in the CANCEL.
    pub(super) cancel_reason: Option<Box<str>>,
    pub(super) running: Running,
}

impl Client {
    pub(super) fn new(
        key: Box<[u8]>,
        invite: bool,
        request: Bytes,
        path: Path,
        timing: &Timing,
    ) -> (Self, Step) {
        let state = if invite { State::Calling } else { State::Trying };
        let client = Self {
            key,
            state,
            invite,
            request,
            path,
            interval: timing.t1,
            ack: None,
            cancel_wanted: false,
            cancel_reason: None,
            running: Running::default(),
        };
        let (again, give_up) = client.timers();
        // RFC 3261 §17.1.1.2, §17.1.2.2: reliable transports start neither timer A nor timer E.
        let again = (!path.is_reliable()).then_some((again, timing.t1));
        (client, Step { repeat: true, start: [again, Some((give_up, timing.lifetime()))], ..Step::default() })
    }

    fn timers(&self) -> (Timer, Timer) {
        if self.invite { (Timer::A, Timer::B) } else { (Timer::E, Timer::F) }
    }

    /// A response arrived.
    pub(super) fn response(&mut self, status: u16, timing: &Timing) -> Step {
        let (again, give_up) = self.timers();
        match (self.state, status) {
            (State::Calling, 100..=199) => {
                self.state = State::Proceeding;
                Step { deliver: true, stop: [Some(again), Some(give_up)], ..Step::default() }
            }
            (State::Trying, 100..=199) => {
                // RFC 3261 §17.1.2.2: timer F goes on, timer E continues at T2.
                self.state = State::Proceeding;
                Step { deliver: true, ..Step::default() }
            }
            (State::Proceeding, 100..=199) => Step { deliver: true, ..Step::default() },
            (State::Calling | State::Proceeding, 200..=299) if self.invite => {
                // RFC 6026 §7.2: the transaction outlives the first 2xx so that forked ones find it.
                self.state = State::Accepted;
                Step {
                    deliver: true,
                    settled: true,
                    stop: [Some(again), Some(give_up)],
                    start: [Some((Timer::M, timing.lifetime())), None],
                    ..Step::default()
                }
            }
            (State::Calling | State::Proceeding, _) if self.invite => {
                self.state = State::Completed;
                // RFC 3261 §17.1.1.2: timer D is at least 32 s for unreliable transports, zero for reliable ones.
                let wait = if self.path.is_reliable() {
                    Duration::ZERO
                } else {
                    timing.lifetime().max(Duration::from_secs(32))
                };
                Step {
                    deliver: true,
                    acknowledge: true,
                    settled: true,
                    stop: [Some(again), Some(give_up)],
                    start: [Some((Timer::D, wait)), None],
                    ..Step::default()
                }
            }
            (State::Calling | State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                let wait = if self.path.is_reliable() { Duration::ZERO } else { timing.t4 };
                Step {
                    deliver: true,
                    settled: true,
                    stop: [Some(again), Some(give_up)],
                    start: [Some((Timer::K, wait)), None],
                    ..Step::default()
                }
            }
            (State::Accepted, 200..=299) => Step { deliver: true, ..Step::default() },
            // RFC 3261 §17.1.1.2: a repeated final answer means that the ACK was lost.
            (State::Completed, 300..) if self.invite => Step { acknowledge: true, ..Step::default() },
            (State::Completed | State::Accepted, _) => Step::default(),
        }
    }

    /// Forgets what is sent no more. The request line stays, to know the request when it comes back (RFC 3261 §16.3).
    pub(super) fn keep_request_line(&mut self) {
        let end = self.request.iter().position(|byte| *byte == b'\r').unwrap_or(self.request.len());
        self.request = Bytes::copy_from_slice(&self.request[..end]);
        self.cancel_reason = None;
    }

    /// A timer ran out.
    pub(super) fn timer(&mut self, timer: Timer, timing: &Timing) -> Step {
        match timer {
            Timer::A => {
                self.interval *= 2;
                Step { repeat: true, start: [Some((Timer::A, self.interval)), None], ..Step::default() }
            }
            Timer::E => {
                self.interval = match self.state {
                    State::Proceeding => timing.t2,
                    State::Calling | State::Trying | State::Completed | State::Accepted => {
                        (self.interval * 2).min(timing.t2)
                    }
                };
                Step { repeat: true, start: [Some((Timer::E, self.interval)), None], ..Step::default() }
            }
            Timer::B | Timer::F => Step { timed_out: true, end: true, ..Step::default() },
            Timer::D | Timer::K | Timer::M => Step { end: true, ..Step::default() },
            Timer::G | Timer::H | Timer::I | Timer::J | Timer::L | Timer::Trying => Step::default(),
        }
    }
}
