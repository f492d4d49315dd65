//! What a user agent is told about itself.

use std::time::Duration;

use super::command::{Reliable, SessionTimer};
use crate::endpoint::{ContactSpec, EndpointConfig};

/// Everything a user agent is configured with. [`UserAgent::apply`](super::UserAgent::apply) takes a whole new one.
#[derive(Debug, Clone, Default)]
pub struct UaConfig {
    /// Listeners, transports, transaction timers and limits below this layer.
    pub endpoint: EndpointConfig,
    /// Bounds on sessions and subscriptions.
    pub limits: Limits,
    /// The Contact of calls and subscriptions we take; [`Invite::contact`](super::Invite::contact) is that of calls we place.
    pub contact: ContactSpec,
    /// The value of User-Agent and Server; empty for none.
    pub product: String,
    /// Session timers, unless a call says otherwise.
    pub session_timer: SessionTimer,
    /// Reliable provisional answers, unless a call says otherwise.
    pub reliable: Reliable,
    /// Option tags the user of this agent handles itself, beyond those handled here: `100rel`, `timer`, `replaces`,
    /// `norefersub`. A call that requires any other is refused with 420.
    pub extensions: Vec<String>,
    /// The longest a subscriber's refresh is granted; the first SUBSCRIBE is bounded by who accepts it. Zero stands for an hour.
    pub longest_subscription: Duration,
    /// How long a refer subscription lasts without news, ours or the peer's.
    pub refer_expires: ReferExpires,
}

/// Lifetime of the subscription a REFER opens (RFC 3515 §2.4.4); 3 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferExpires(pub Duration);

impl UaConfig {
    pub(crate) fn longest_subscription(&self) -> Duration {
        if self.longest_subscription.is_zero() {
            Duration::from_secs(3600)
        } else {
            self.longest_subscription
        }
    }
}

impl Default for ReferExpires {
    fn default() -> Self {
        Self(Duration::from_secs(180))
    }
}

/// Bounds on what peers and the user may make a user agent remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls alive at once. A further incoming one is answered 503 with `retry_after`; as many again may linger for half
    /// a minute after their end, to meet what is still on its way.
    pub sessions: usize,
    /// Subscriptions of both roles alive at once.
    pub subscriptions: usize,
    /// Early dialogs of one forked call; further ones are ignored.
    pub forks: usize,
    /// Refer subscriptions of one call; further requests are refused with 503.
    pub refers: usize,
    /// Reliable provisional answers of one call that wait for their turn.
    pub provisionals: usize,
    /// Retry-After of refusals for want of room.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            subscriptions: 20_000,
            forks: 8,
            refers: 4,
            provisionals: 8,
            retry_after: Duration::from_secs(5),
        }
    }
}
