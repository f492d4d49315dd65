//! Answers kept for their lifetime.

use std::time::{Duration, Instant};

use super::query::{Answer, Query, ResolveError};
use crate::engine::KeyedState;
use crate::transport::Recent;

/// Answers kept at once.
const ENTRIES: usize = 10_000;
/// Longest lifetime believed.
const LONGEST: Duration = Duration::from_secs(86_400);
/// How long "no such record" is believed; the resolver does not tell (RFC 2308 §5).
const NEGATIVE: Duration = Duration::from_secs(60);
/// After how long a failed question is asked again.
const FAILURE: Duration = Duration::from_secs(5);
/// RFC 8767 §5: how much longer an expired answer serves when nobody can give a newer one.
const STALE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Entry {
    answer: Answer,
    until: Instant,
}

/// Answers by question, bounded.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Recent<Query, Option<Entry>>,
}

impl Cache {
    pub(super) fn new(state: KeyedState) -> Self {
        Self { entries: Recent::new(ENTRIES, state) }
    }

    pub(super) fn get(&self, query: &Query, now: Instant) -> Option<&Answer> {
        let entry = self.entries.get(query)?.as_ref()?;
        (entry.until > now).then_some(&entry.answer)
    }

    /// Keeps an answer and gives the one to use: an older one instead of a failure.
    pub(super) fn put(&mut self, query: &Query, answer: Answer, now: Instant) -> Answer {
        let entry = self.entries.entry(query.clone(), || None);
        if let (Err(ResolveError::Failed(_)), Some(stale @ Entry { answer: Ok(_), .. })) =
            (&answer, &mut *entry)
        {
            stale.until = now + STALE;
            return stale.answer.clone();
        }
        let lifetime = match &answer {
            Ok(records) => records.iter().map(|record| record.ttl).min().unwrap_or(NEGATIVE).min(LONGEST),
            Err(ResolveError::NotFound) => NEGATIVE,
            Err(ResolveError::Failed(_)) => FAILURE,
        };
        *entry = Some(Entry { answer: answer.clone(), until: now + lifetime });
        answer
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
