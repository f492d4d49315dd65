//! What is being done and how long the rest takes, on standard error.

use std::fmt::Arguments;
use std::time::Duration;

/// Steps of known length, about.
#[derive(Debug)]
pub(crate) struct Progress {
    steps: usize,
    step: usize,
    left: Duration,
}

impl Progress {
    /// Of steps that take this long each.
    pub(crate) fn new(lengths: &[Duration]) -> Self {
        Self { steps: lengths.len(), step: 0, left: lengths.iter().sum() }
    }

    /// A step begins.
    pub(crate) fn begin(&mut self, what: Arguments<'_>) {
        self.step += 1;
        let minutes = self.left.as_secs().div_ceil(60);
        eprintln!("[{} of {}, {minutes} min left] {what} …", self.step, self.steps);
    }

    /// Something is known.
    pub(crate) fn say(&self, what: Arguments<'_>) {
        eprintln!("    {what}");
    }

    /// The step that took about this long has ended.
    pub(crate) fn end(&mut self, length: Duration) {
        self.left = self.left.saturating_sub(length);
    }
}
