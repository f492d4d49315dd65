//! The members of a group and which of them carries the traffic.

use std::fmt;
use std::time::Instant;

use super::cursor::Cursor;
use crate::trunk::{Health, TrunkId, Trunks};

/// A trunk group as configured. Failover type is On Failure; there is no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkGroupConfig {
    /// Its name in logs.
    pub name: String,
    /// The trunks.
    pub members: Vec<Member>,
    /// What happens when a trunk of higher priority works again.
    pub recovery: Recovery,
}

/// A trunk in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The trunk.
    pub trunk: TrunkId,
    /// 1 goes first; equal ones in the order given.
    pub priority: u16,
}

/// What happens when a trunk of higher priority works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recovery {
    /// Traffic returns to it.
    #[default]
    OnSuccess,
    /// Traffic stays until [`TrunkGroup::recover`] is called.
    Never,
}

/// Traffic of a group moved. `Display` is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveChanged {
    /// The group.
    pub group: String,
    /// When.
    pub at: Instant,
    /// The trunk before.
    pub from: Option<TrunkId>,
    /// The trunk now; `None` when no member works.
    pub to: Option<TrunkId>,
    /// Why.
    pub why: String,
}

/// A trunk group at work.
#[derive(Debug)]
pub struct TrunkGroup {
    config: TrunkGroupConfig,
    /// By priority.
    order: Vec<TrunkId>,
    active: Option<TrunkId>,
    since: Instant,
}

impl TrunkGroup {
    /// Starts with the first member that works.
    pub fn new(config: TrunkGroupConfig, trunks: &Trunks, now: Instant) -> Self {
        let mut members = config.members.clone();
        members.sort_by_key(|member| member.priority);
        let order: Vec<TrunkId> = members.iter().map(|member| member.trunk).collect();
        let active = order.iter().copied().find(|trunk| is_up(trunks, *trunk));
        Self { config, order, active, since: now }
    }

    /// What it was configured with.
    pub fn config(&self) -> &TrunkGroupConfig {
        &self.config
    }

    /// The trunk that carries the traffic.
    pub fn active(&self) -> Option<TrunkId> {
        self.active
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Looks at the health of its members; to be called when one has changed. What moved, if anything did.
    pub fn refresh(&mut self, trunks: &Trunks, now: Instant) -> Option<ActiveChanged> {
        let stays = self.active.filter(|active| is_up(trunks, *active));
        let best = || self.order.iter().copied().find(|trunk| is_up(trunks, *trunk));
        let to = match self.config.recovery {
            Recovery::OnSuccess => best(),
            Recovery::Never => stays.or_else(best),
        };
        self.move_to(to, trunks, now)
    }

    /// Manual recovery: traffic goes to the first member that works, also with [`Recovery::Never`].
    pub fn recover(&mut self, trunks: &Trunks, now: Instant) -> Option<ActiveChanged> {
        let best = self.order.iter().copied().find(|trunk| is_up(trunks, *trunk));
        self.move_to(best, trunks, now)
    }

    /// The way of one call through the members: by priority. With [`Recovery::Never`] the active one goes first, then those
    /// after it, then those before it, which wait for manual recovery and are the last resort.
    pub fn cursor(&self, emergency: bool) -> Cursor {
        let active = self.active.filter(|_| self.config.recovery == Recovery::Never);
        let first =
            active.and_then(|active| self.order.iter().position(|trunk| *trunk == active)).unwrap_or(0);
        let (waiting, rest) = self.order.split_at(first);
        Cursor::new(rest.iter().chain(waiting).copied().collect(), emergency)
    }

    fn move_to(&mut self, to: Option<TrunkId>, trunks: &Trunks, now: Instant) -> Option<ActiveChanged> {
        let from = self.active;
        if to == from {
            return None;
        }
        let health = from.and_then(|trunk| trunks.get(trunk)).map(|trunk| trunk.health());
        let why = match health.and_then(Health::reason) {
            Some(reason) => reason.to_string(),
            None if from.is_none() => "a member works".to_owned(),
            None => "a member of higher priority works again".to_owned(),
        };
        (self.active, self.since) = (to, now);
        let moved = ActiveChanged { group: self.config.name.clone(), at: now, from, to, why };
        tracing::warn!("{moved}");
        Some(moved)
    }
}

fn is_up(trunks: &Trunks, trunk: TrunkId) -> bool {
    trunks.get(trunk).is_some_and(|trunk| trunk.health().is_up())
}

impl fmt::Display for ActiveChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named =
            |trunk: Option<TrunkId>| trunk.map_or("none".to_owned(), |trunk| format!("trunk {trunk}"));
        let Self { group, from, to, why, .. } = self;
        write!(f, "trunk group {group:?} moves from {} to {}: {why}", named(*from), named(*to))
    }
}
