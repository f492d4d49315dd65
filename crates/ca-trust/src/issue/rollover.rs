//! Replacing the root without cutting anybody off.
//!
//! ```text
//!  Announcing: old issues, both trusted; phones fetch the new bundle
//!      │ every phone has it, or the operator forces
//!      ▼
//!  Switched: new issues, both trusted; old certificates run out or are renewed
//!      │ the longest-lived old certificate has ended
//!      ▼
//!  Finished: new alone
//! ```

use std::collections::BTreeSet;

use rustls_pki_types::UnixTime;
use thiserror::Error;

use super::MacAddress;
use crate::cert::{Certificate, seconds};

/// Where a rollover stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloverPhase {
    /// Both roots are trusted, the old one issues.
    Announcing,
    /// Both roots are trusted, the new one issues.
    Switched,
    /// Only the new root is left.
    Finished,
}

/// Why a step must wait.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RolloverError {
    /// These phones would not trust the edge any more.
    #[error("{} phones have not fetched the new bundle yet", .0.len())]
    PhonesWaiting(Vec<MacAddress>),
    /// Certificates of the old root are still in use.
    #[error("certificates of the old root are valid until {}", crate::cert::rfc3339(*.0))]
    OldCertificatesValid(i64),
    /// The step does not follow the present phase.
    #[error("not in this phase")]
    WrongPhase,
}

/// One change of root. Feed [`Rollover::trusted`] to [`crate::TrustStore::set_managed_roots`] after each step.
#[derive(Clone, Debug)]
pub struct Rollover {
    old: Certificate,
    new: Certificate,
    waiting: BTreeSet<MacAddress>,
    phase: RolloverPhase,
    overlap_until: Option<i64>,
}

impl Rollover {
    /// Begins: `phones` are those that trust the old root and must fetch the new bundle first.
    pub fn begin(old: Certificate, new: Certificate, phones: impl IntoIterator<Item = MacAddress>) -> Self {
        let waiting = phones.into_iter().collect();
        Self { old, new, waiting, phase: RolloverPhase::Announcing, overlap_until: None }
    }

    /// The present phase.
    pub fn phase(&self) -> RolloverPhase {
        self.phase
    }

    /// The trusted roots, the issuing one first. Phones are given all of them as their bundle.
    pub fn trusted(&self) -> Vec<Certificate> {
        match self.phase {
            RolloverPhase::Announcing => vec![self.old.clone(), self.new.clone()],
            RolloverPhase::Switched => vec![self.new.clone(), self.old.clone()],
            RolloverPhase::Finished => vec![self.new.clone()],
        }
    }

    /// Notes that a phone has fetched the bundle with both roots.
    pub fn fetched(&mut self, phone: MacAddress) {
        self.waiting.remove(&phone);
    }

    /// Lets the new root issue. Waits for every phone unless `force`; `last_old_end` is the end of the longest-lived
    /// certificate the old root has issued, in seconds since 1970.
    pub fn switch(&mut self, last_old_end: i64, force: bool) -> Result<(), RolloverError> {
        if self.phase != RolloverPhase::Announcing {
            return Err(RolloverError::WrongPhase);
        }
        if !self.waiting.is_empty() && !force {
            return Err(RolloverError::PhonesWaiting(self.waiting.iter().copied().collect()));
        }
        self.phase = RolloverPhase::Switched;
        self.overlap_until = Some(last_old_end);
        Ok(())
    }

    /// Drops the old root once nothing under it is valid any more.
    pub fn finish(&mut self, now: UnixTime) -> Result<(), RolloverError> {
        let Some(until) = self.overlap_until.filter(|_| self.phase == RolloverPhase::Switched) else {
            return Err(RolloverError::WrongPhase);
        };
        if seconds(now) <= until {
            return Err(RolloverError::OldCertificatesValid(until));
        }
        self.phase = RolloverPhase::Finished;
        Ok(())
    }
}
