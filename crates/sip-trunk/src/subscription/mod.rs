//! Subscriptions to events (RFC 6665), both roles.

use crate::store::Slot;

/// A subscription of either role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub(crate) Slot);
