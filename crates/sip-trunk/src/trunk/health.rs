//! Whether a trunk can carry calls, since when, and why not.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use crate::registration::Cause;

/// The health of a trunk.
#[derive(Debug, Clone)]
pub struct Health {
    standing: Standing,
    since: Instant,
    /// The changes before, oldest first.
    past: VecDeque<Change>,
}

/// A change of health, kept for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Instant,
    /// To what.
    pub to: Standing,
}

/// Whether a trunk can carry calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Up,
    /// It cannot.
    Down(Reason),
}

/// Why a trunk cannot carry calls. `Display` is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The configuration cannot work.
    Misconfigured(String),
    /// Trunk State is out of service.
    OutOfService,
    /// Taken out by hand or by a program (ST-014), with the reason given.
    Disabled(String),
    /// The first answer of the registrar is awaited.
    RegistrationPending,
    /// No registration is in force.
    Unregistered(Cause),
    /// No server answers.
    Unreachable(String),
    /// The other side asked for a pause, or did not take the last call.
    Paused {
        /// Until when.
        until: Instant,
        /// Why.
        why: String,
    },
}

impl Reason {
    /// Whether an emergency call is tried all the same, after every better way: the trunk may work although it looks down.
    pub fn may_be_tried(&self) -> bool {
        match self {
            Self::Misconfigured(_) | Self::OutOfService | Self::Disabled(_) => false,
            Self::RegistrationPending
            | Self::Unregistered(_)
            | Self::Unreachable(_)
            | Self::Paused { .. } => true,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misconfigured(why) => write!(f, "configuration error: {why}"),
            Self::OutOfService => f.write_str("out of service"),
            Self::Disabled(why) => write!(f, "disabled: {why}"),
            Self::RegistrationPending => f.write_str("registration pending"),
            Self::Unregistered(cause) => write!(f, "unregistered: {cause}"),
            Self::Unreachable(why) => write!(f, "no server answers: {why}"),
            Self::Paused { why, .. } => write!(f, "paused: {why}"),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Down(reason) => write!(f, "down, {reason}"),
        }
    }
}

/// Changes kept for the administrator.
const KEPT: usize = 32;

impl Health {
    pub(super) fn new(standing: Standing, now: Instant) -> Self {
        Self { standing, since: now, past: VecDeque::new() }
    }

    /// What it is now.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether the trunk can carry calls.
    pub fn is_up(&self) -> bool {
        self.standing == Standing::Up
    }

    /// Why it cannot.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.standing {
            Standing::Up => None,
            Standing::Down(reason) => Some(reason),
        }
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The last changes, the current one included, oldest first.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let current = Change { at: self.since, to: self.standing.clone() };
        self.past.iter().cloned().chain([current])
    }

    /// Takes a new standing; whether it is another one.
    pub(super) fn change(&mut self, standing: Standing, now: Instant) -> bool {
        if standing == self.standing {
            return false;
        }
        let before = std::mem::replace(&mut self.standing, standing);
        if self.past.len() == KEPT {
            self.past.pop_front();
        }
        self.past.push_back(Change { at: self.since, to: before });
        self.since = now;
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any starting point does")]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn changes_are_kept_with_time_and_reason() {
        let start = Instant::now();
        let mut health = Health::new(Standing::Down(Reason::RegistrationPending), start);
        assert!(!health.change(Standing::Down(Reason::RegistrationPending), start));
        for second in 1..100 {
            let standing =
                if second % 2 == 1 { Standing::Up } else { Standing::Down(Reason::Disabled("test".into())) };
            assert!(health.change(standing, start + Duration::from_secs(second)));
        }
        let changes: Vec<Change> = health.changes().collect();
        assert_eq!(changes.len(), KEPT + 1);
        assert_eq!(changes.last(), Some(&Change { at: start + Duration::from_secs(99), to: Standing::Up }));
        assert_eq!(changes[KEPT - 1].to.to_string(), "down, disabled: test");
    }
}
