//! What happened, for the ladder.

use std::time::Duration;

/// Everything worth drawing, in the order it happened.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    columns: Vec<String>,
    entries: Vec<Entry>,
}

/// One line of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Something sent from one participant to another.
    Arrow {
        /// Time since the start, when it was sent.
        at: Duration,
        /// Column of the sender.
        from: usize,
        /// Column of the receiver.
        to: usize,
        /// What it was.
        label: String,
        /// Part of a stream: drawn with `=`.
        stream: bool,
        /// It will arrive; otherwise the arrow ends in `x`.
        arrives: bool,
    },
    /// Something a participant reported.
    Note {
        /// Time since the start.
        at: Duration,
        /// Column of the participant.
        of: usize,
        /// What it was.
        text: String,
    },
    /// Something that concerns everyone: a cut, a new phase of the test.
    Banner {
        /// Time since the start.
        at: Duration,
        /// What it was.
        text: String,
    },
}

impl Trace {
    /// The column of a participant, added on the right when it is new.
    pub fn column(&mut self, name: &str) -> usize {
        self.columns.iter().position(|column| column == name).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    /// Adds a line.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The participants, left to right.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The lines so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets the lines, keeps the participants: for tests that draw only a part.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The ladder as ASCII text: time since the start in seconds, one column per participant.
    pub fn ladder(&self) -> String {
        crate::ladder::draw(self)
    }
}
