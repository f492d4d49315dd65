//! Records on their way to the disk.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Deadline;

use super::frame::write_line;
use super::record::CallRecord;

/// How long after a failed write the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How many lines are written at once: some 500 kB.
const AT_ONCE: usize = 256;

/// Keeps every record until the disk has it. The driver has one [`Store`] at a time, so their order on disk is that of the calls'
/// ends; what ends while the disk is busy goes into the next one, together.
#[derive(Debug)]
pub struct Outbox {
    bound: usize,
    /// The number of the next record.
    next: u64,
    waiting: VecDeque<(u64, Bytes)>,
    /// How many of them, from the first, are with the driver.
    in_flight: usize,
    failing: bool,
    retry_at: Option<Instant>,
    events: VecDeque<OutboxEvent>,
}

/// Lines for the driver to append, all or none. It answers with [`Outbox::stored`] or [`Outbox::failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line, by which the answer names them all.
    pub sequence: u64,
    /// The lines, their line ends included.
    pub lines: Bytes,
}

/// Why lines are not on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// There is no space left.
    #[error("the disk is full: make room, records wait in memory")]
    Full,
    /// The file cannot be written for another reason.
    #[error("the spool cannot be written: look at its directory, records wait in memory")]
    Unwritable,
}

/// What is worth telling about the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxEvent {
    /// Writing failed; it is tried again until it goes. Told once.
    Failing {
        /// Why.
        fault: StoreFault,
        /// How many records wait.
        waiting: usize,
    },
    /// Writing goes on after a failure.
    Recovered {
        /// How many records wait still.
        waiting: usize,
    },
    /// A record came when the bound was reached; its text stands here, for a log is better than nothing.
    Dropped {
        /// The record, JSON.
        record: String,
    },
}

impl Outbox {
    /// An empty outbox that holds `bound` records, and numbers the first one `next`: one more than the spool's last.
    pub fn new(bound: usize, next: u64) -> Self {
        Self {
            bound,
            next,
            waiting: VecDeque::new(),
            in_flight: 0,
            failing: false,
            retry_at: None,
            events: VecDeque::new(),
        }
    }

    /// Takes a record; gives its number.
    pub fn push(&mut self, record: &CallRecord) -> u64 {
        let sequence = self.next;
        self.next += 1;
        // Maps have string keys and numbers are finite or null: there is nothing JSON could not say.
        let text = serde_json::to_string(record).expect("a record is plain data");
        if self.waiting.len() >= self.bound {
            self.events.push_back(OutboxEvent::Dropped { record: text });
        } else {
            self.waiting.push_back((sequence, write_line(sequence, &text).into()));
        }
        sequence
    }

    /// The next lines to write; `None` while some are being written, or while the disk rests after a failure.
    pub fn poll_store(&mut self) -> Option<Store> {
        if self.in_flight > 0 || self.retry_at.is_some() {
            return None;
        }
        let batch = self.waiting.iter().take(AT_ONCE);
        let (first, sequence) = (batch.clone().next()?.0, batch.clone().next_back()?.0);
        self.in_flight = batch.len();
        let lines = if self.in_flight == 1 {
            self.waiting.front()?.1.clone()
        } else {
            batch.flat_map(|(_, line)| line.iter().copied()).collect()
        };
        Some(Store { first, sequence, lines })
    }

    /// The lines up to this number are on disk.
    pub fn stored(&mut self, sequence: u64) {
        if self.is_in_flight(sequence) {
            self.waiting.drain(..std::mem::take(&mut self.in_flight));
            if std::mem::take(&mut self.failing) {
                self.events.push_back(OutboxEvent::Recovered { waiting: self.waiting.len() });
            }
        }
    }

    /// The lines up to this number are not on disk; they stay and are tried again.
    pub fn failed(&mut self, sequence: u64, fault: StoreFault, now: Instant) {
        if self.is_in_flight(sequence) {
            self.in_flight = 0;
            self.retry_at = Some(now + RETRY_AFTER);
            if !std::mem::replace(&mut self.failing, true) {
                self.events.push_back(OutboxEvent::Failing { fault, waiting: self.waiting.len() });
            }
        }
    }

    /// Whether this names what the driver has.
    fn is_in_flight(&self, sequence: u64) -> bool {
        let last = self.in_flight.checked_sub(1).and_then(|last| self.waiting.get(last));
        last.is_some_and(|(last, _)| *last == sequence)
    }

    /// Tries what failed again at once: there may be no later.
    pub fn retry(&mut self) {
        self.retry_at = None;
    }

    /// The lines that are not on disk, as they would stand there, without line ends.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.waiting.iter().map(|(_, line)| String::from_utf8_lossy(line).trim_end().to_owned())
    }

    /// Tries again what failed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.retry_at.map(|at| Deadline { at, why: "call records: try the disk again" })
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<OutboxEvent> {
        self.events.pop_front()
    }

    /// How many records are not on disk.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the next record would be dropped: the edge takes no new call but emergency calls.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.bound
    }
}
