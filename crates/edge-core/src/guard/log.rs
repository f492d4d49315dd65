//! The stream of security events, thinned so that an attack does not become a flood of lines.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sip_trunk::Deadline;
use sip_trunk::transport::{Rate, TokenBucket};

use super::event::{Code, SecurityEvent};
use super::recent::{KeyedHash, Recent};
use super::source::SourceKey;

/// Events of one code from one source.
const PER_SOURCE: Rate = Rate { events: 5, per: Duration::from_secs(10) };
/// Events in all.
const IN_ALL: Rate = Rate { events: 200, per: Duration::from_secs(1) };
/// How long what was left out is collected before it is told.
const SUMMARY_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Log {
    seen: Recent<(Code, SourceKey), Seen>,
    all: TokenBucket,
    out: VecDeque<SecurityEvent>,
    /// What was left out: how many, the last one, and since when.
    suppressed: Option<(u32, SecurityEvent, Instant)>,
}

#[derive(Debug)]
struct Seen {
    bucket: TokenBucket,
    left_out: u32,
}

impl Log {
    pub(super) fn new(bound: usize, hash: KeyedHash, now: Instant) -> Self {
        Self {
            seen: Recent::new(bound, hash),
            all: TokenBucket::new(now),
            out: VecDeque::new(),
            suppressed: None,
        }
    }

    pub(super) fn push(&mut self, event: SecurityEvent, now: Instant) {
        let key = (event.code, SourceKey::of(event.source.ip()));
        let seen = self.seen.entry(key, || Seen { bucket: TokenBucket::new(now), left_out: 0 });
        if seen.bucket.take(PER_SOURCE, now) && self.all.take(IN_ALL, now) {
            let count = event.count + std::mem::take(&mut seen.left_out);
            self.out.push_back(SecurityEvent { count, ..event });
        } else {
            seen.left_out = seen.left_out.saturating_add(event.count);
            let (count, since) = self.suppressed.take().map_or((0, now), |(count, _, since)| (count, since));
            self.suppressed = Some((count.saturating_add(event.count), event, since));
        }
    }

    pub(super) fn poll(&mut self) -> Option<SecurityEvent> {
        self.out.pop_front()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some((count, last, _)) = self.suppressed.take_if(|(_, _, since)| *since + SUMMARY_AFTER <= now)
        {
            let detail = Some(format!("last: {}", last.code));
            self.out.push_back(SecurityEvent {
                code: Code::EventsSuppressed,
                user: None,
                detail,
                count,
                ..last
            });
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let (_, _, since) = self.suppressed.as_ref()?;
        Some(Deadline { at: *since + SUMMARY_AFTER, why: "guard: tell what was left out" })
    }
}
