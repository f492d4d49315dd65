//! Warnings before certificates end, on the caller's clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rustls_pki_types::UnixTime;

use crate::cert::{Certificate, Fingerprint, seconds};

/// Days before the end at which a warning is due.
pub const WARNING_DAYS: [u16; 5] = [60, 30, 14, 7, 1];

const DAY: i64 = 86_400;

/// A certificate nears its end, or has reached it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryWarning {
    /// Which certificate.
    pub fingerprint: Fingerprint,
    /// Its display name.
    pub name: String,
    /// What the application said it is for.
    pub purpose: String,
    /// The step of [`WARNING_DAYS`] reached; 0 when it has ended.
    pub days: u16,
    /// Its last second of validity, in seconds since 1970.
    pub not_after: i64,
}

struct Watched {
    name: String,
    purpose: String,
    not_after: i64,
    /// The next step to report: index into `WARNING_DAYS`, its length for the end itself, one more when done.
    next: usize,
}

/// Watches imported and issued certificates. Each step is reported once; after a long sleep only the most urgent.
#[derive(Default)]
pub struct ExpiryMonitor {
    watched: BTreeMap<Fingerprint, Watched>,
    warnings: VecDeque<ExpiryWarning>,
}

impl ExpiryMonitor {
    /// Watches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches `certificate`; `purpose` is repeated in warnings. Watching it again changes only the purpose.
    pub fn watch(&mut self, certificate: &Certificate, purpose: &str) {
        let watched = self.watched.entry(certificate.fingerprint()).or_insert_with(|| Watched {
            name: certificate.display_name(),
            purpose: String::new(),
            not_after: certificate.not_after(),
            next: 0,
        });
        purpose.clone_into(&mut watched.purpose);
    }

    /// Stops watching, for instance after deletion or renewal.
    pub fn forget(&mut self, fingerprint: Fingerprint) {
        self.watched.remove(&fingerprint);
    }

    /// Queues the warnings that are due.
    pub fn handle_timeout(&mut self, now: UnixTime) {
        let now = seconds(now);
        for (fingerprint, watched) in &mut self.watched {
            let mut due = None;
            while watched.next_at().is_some_and(|at| at <= now) {
                due = Some(WARNING_DAYS.get(watched.next).copied().unwrap_or(0));
                watched.next += 1;
            }
            if let Some(days) = due {
                self.warnings.push_back(ExpiryWarning {
                    fingerprint: *fingerprint,
                    name: watched.name.clone(),
                    purpose: watched.purpose.clone(),
                    days,
                    not_after: watched.not_after,
                });
            }
        }
    }

    /// The next warning, oldest first.
    pub fn poll_output(&mut self) -> Option<ExpiryWarning> {
        self.warnings.pop_front()
    }

    /// When [`ExpiryMonitor::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<UnixTime> {
        let at = self.watched.values().filter_map(Watched::next_at).min()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0))))
    }
}

impl Watched {
    fn next_at(&self) -> Option<i64> {
        match WARNING_DAYS.get(self.next) {
            Some(days) => Some(self.not_after.saturating_sub(i64::from(*days) * DAY)),
            None if self.next == WARNING_DAYS.len() => Some(self.not_after.saturating_add(1)),
            None => None,
        }
    }
}
