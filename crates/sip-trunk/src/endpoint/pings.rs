//! Keep-alives of datagram paths: two line ends now and then, which no peer answers but address translators see.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::engine::Tokens;
use crate::transport::Path;

#[derive(Debug, Default)]
pub(super) struct Pings {
    paths: BTreeMap<Path, (Duration, Instant)>,
    due: BTreeSet<(Instant, Path)>,
}

impl Pings {
    pub(super) fn set(&mut self, path: Path, interval: Option<Duration>, now: Instant) {
        if let Some((_, at)) = self.paths.remove(&path) {
            self.due.remove(&(at, path));
        }
        if let Some(interval) = interval {
            self.schedule(path, interval, now + interval);
        }
    }

    /// A path that needs a ping now; the next one is scheduled.
    pub(super) fn pop_due(&mut self, now: Instant, tokens: &mut Tokens) -> Option<Path> {
        let entry = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&entry);
        let (interval, _) = *self.paths.get(&entry.1)?;
        self.schedule(entry.1, interval, now + shortened(interval, tokens));
        Some(entry.1)
    }

    fn schedule(&mut self, path: Path, interval: Duration, at: Instant) {
        self.paths.insert(path, (interval, at));
        self.due.insert((at, path));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }
}

/// RFC 5626 §4.4.1: between 80 and 100 per cent, so that pings of many do not fall together.
pub(super) fn shortened(interval: Duration, tokens: &mut Tokens) -> Duration {
    interval * (800 + tokens.below(201)) / 1000
}
