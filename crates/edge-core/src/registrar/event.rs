//! What a registrar tells.

use telco_model::value::PhoneId;

use super::contact::ContactId;

/// Something happened to a binding, or to the state of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A contact was added or refreshed.
    Bound {
        /// The phone.
        phone: PhoneId,
        /// The user part of the address of record.
        aor: String,
        /// The contact.
        contact: ContactId,
        /// What was done.
        change: Change,
    },
    /// A contact is gone.
    Unbound {
        /// The phone.
        phone: PhoneId,
        /// The user part of the address of record.
        aor: String,
        /// The contact URI.
        uri: String,
        /// Why.
        cause: Cause,
    },
    /// A phone has its first contact.
    Online {
        /// The phone.
        phone: PhoneId,
    },
    /// A phone has no contact any more.
    Offline {
        /// The phone.
        phone: PhoneId,
        /// Why its last one went.
        cause: Cause,
    },
    /// A phone that proved itself was refused.
    Refused {
        /// The phone.
        phone: PhoneId,
        /// The status it got.
        status: u16,
        /// Why.
        why: &'static str,
    },
}

/// What became of a contact that was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It is new.
    Added,
    /// It was there, on the same flow.
    Refreshed,
    /// It was there, on another flow.
    Moved,
}

/// Why a contact is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It was not refreshed in time.
    Expired,
    /// The phone took it back.
    Unregistered,
    /// Its connection was lost.
    FlowLost,
    /// A newer contact of the phone needed the place.
    Displaced,
    /// The account is gone, has a new password, or may no longer register the address.
    Revoked,
    /// An administrator logged the phone out.
    LoggedOut,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Cause::Expired => "not refreshed in time",
            Cause::Unregistered => "unregistered",
            Cause::FlowLost => "its connection was lost",
            Cause::Displaced => "displaced by a newer contact",
            Cause::Revoked => "its account was withdrawn",
            Cause::LoggedOut => "logged out",
        })
    }
}
