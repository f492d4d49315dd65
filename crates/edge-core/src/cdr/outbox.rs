//! Records on their way to the disk.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Deadline;

use super::frame::write_line;
use super::record::CallRecord;

/// How long after a failed write the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Keeps every record until the disk has it. One line is with the driver at a time, so their order on disk is that of the calls'
/// ends.
#[derive(Debug)]
pub struct Outbox {
    bound: usize,
    /// The number of the next record.
    next: u64,
    waiting: VecDeque<(u64, Bytes)>,
    /// Whether the first one is with the driver.
    in_flight: bool,
    failing: bool,
    retry_at: Option<Instant>,
    events: VecDeque<OutboxEvent>,
}

/// A line for the driver to append. It answers with [`Outbox::stored`] or [`Outbox::failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its number.
    pub sequence: u64,
    /// The line, its line end included.
    pub line: Bytes,
}

/// Why a line is not on disk.
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
            in_flight: false,
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

    /// The next line to write; `None` while one is being written, or while the disk rests after a failure.
    pub fn poll_store(&mut self) -> Option<Store> {
        if self.in_flight || self.retry_at.is_some() {
            return None;
        }
        let (sequence, line) = self.waiting.front()?;
        self.in_flight = true;
        Some(Store { sequence: *sequence, line: line.clone() })
    }

    /// The line with this number is on disk.
    pub fn stored(&mut self, sequence: u64) {
        if self.waiting.front().is_some_and(|(first, _)| *first == sequence) {
            self.waiting.pop_front();
            self.in_flight = false;
            if std::mem::take(&mut self.failing) {
                self.events.push_back(OutboxEvent::Recovered { waiting: self.waiting.len() });
            }
        }
    }

    /// The line with this number is not on disk; it stays and is tried again.
    pub fn failed(&mut self, sequence: u64, fault: StoreFault, now: Instant) {
        if self.waiting.front().is_some_and(|(first, _)| *first == sequence) {
            self.in_flight = false;
            self.retry_at = Some(now + RETRY_AFTER);
            if !std::mem::replace(&mut self.failing, true) {
                self.events.push_back(OutboxEvent::Failing { fault, waiting: self.waiting.len() });
            }
        }
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
