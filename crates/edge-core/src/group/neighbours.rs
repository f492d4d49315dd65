//! Whether the other edges of the group live, and what they carry.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sip_trunk::Deadline;
use telco_model::value::EdgeId;

use super::load::Load;

/// How neighbours are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// A neighbour that answers is asked again after so long; 3 s.
    pub every: Duration,
    /// How long an answer may take; 2 s.
    pub answer_within: Duration,
    /// A neighbour that has left so many questions in a row unanswered is down; 2.
    pub misses: u32,
}

impl Default for Watch {
    /// A neighbour that dies is noticed within 10 s, so that its phones, which are registered here too, are reached by way of this
    /// edge well before the 15 s that administrators are told.
    fn default() -> Self {
        Self { every: Duration::from_secs(3), answer_within: Duration::from_secs(2), misses: 2 }
    }
}

/// What is known of a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Whether it answers. Nobody knows of an edge that was never heard of.
    pub alive: Option<bool>,
    /// Since when.
    pub since: Instant,
    /// What it said it carries.
    pub load: Option<Load>,
}

#[derive(Debug)]
struct Watched {
    known: Neighbour,
    misses: u32,
    /// When it is asked next, or when the question that is out has had its time.
    due: Instant,
    asked: bool,
}

/// What watching asks for or tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Ask(EdgeId),
    Up(EdgeId),
    Down(EdgeId),
}

#[derive(Debug)]
pub(super) struct Neighbours {
    watch: Watch,
    all: BTreeMap<EdgeId, Watched>,
}

impl Neighbours {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, all: BTreeMap::new() }
    }

    /// These are the neighbours from now on; those known stay as they are.
    pub(super) fn apply(&mut self, edges: impl Iterator<Item = EdgeId>, now: Instant) {
        let mut before = std::mem::take(&mut self.all);
        let fresh = || Watched {
            known: Neighbour { alive: None, since: now, load: None },
            misses: 0,
            due: now,
            asked: false,
        };
        self.all = edges.map(|edge| (edge, before.remove(&edge).unwrap_or_else(fresh))).collect();
    }

    pub(super) fn get(&self, edge: EdgeId) -> Option<&Neighbour> {
        self.all.get(&edge).map(|watched| &watched.known)
    }

    pub(super) fn is_alive(&self, edge: EdgeId) -> bool {
        self.get(edge).is_some_and(|known| known.alive == Some(true))
    }

    /// A neighbour spoke: it answered, or sent a request of its own.
    pub(super) fn heard(&mut self, edge: EdgeId, load: Option<Load>, now: Instant) -> Option<News> {
        let (every, watched) = (self.watch.every, self.all.get_mut(&edge)?);
        (watched.misses, watched.asked, watched.due) = (0, false, now + every);
        watched.known.load = load.or(watched.known.load);
        let was = watched.known.alive.replace(true);
        (was != Some(true)).then(|| {
            watched.known.since = now;
            News::Up(edge)
        })
    }

    /// A neighbour cannot be reached: the way to it failed, which is as good as an answer that never came.
    pub(super) fn failed(&mut self, edge: EdgeId, now: Instant) -> Option<News> {
        let watch = self.watch;
        let watched = self.all.get_mut(&edge)?;
        (watched.asked, watched.due) = (false, now + watch.every);
        watched.misses = watched.misses.saturating_add(1);
        if watched.misses < watch.misses || watched.known.alive == Some(false) {
            return None;
        }
        watched.known = Neighbour { alive: Some(false), since: now, load: None };
        Some(News::Down(edge))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<News> {
        let due: Vec<_> =
            self.all.iter().filter(|(_, watched)| watched.due <= now).map(|(edge, _)| *edge).collect();
        let mut news = Vec::new();
        for edge in due {
            if self.all.get(&edge).is_some_and(|watched| watched.asked) {
                news.extend(self.failed(edge, now));
            }
            let Some(watched) = self.all.get_mut(&edge) else { continue };
            if watched.due <= now || watched.misses > 0 {
                // After a miss the next question follows at once.
                (watched.asked, watched.due) = (true, now + self.watch.answer_within);
                news.push(News::Ask(edge));
            }
        }
        news
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let at = self.all.values().map(|watched| watched.due).min()?;
        Some(Deadline { at, why: "edge group: ask a neighbour" })
    }
}
