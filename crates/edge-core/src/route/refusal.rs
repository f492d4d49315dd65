//! Why a call goes nowhere, and what the caller is told.

use jiff::Timestamp;
use telco_model::value::{E164, Name};

/// Why a call goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The caller belongs to no site of this edge.
    #[error("no site of this edge decides for the caller")]
    NoSite,
    /// The site's number plans could not be compiled.
    #[error("the number plans of site {0} cannot be used; `edge check` says why")]
    NoPlans(Name),
    /// No number plan knows the dialled string.
    #[error("{0}")]
    Unclassified(String),
    /// No route carries the call.
    #[error("{0}")]
    NoRoute(String),
    /// The route has no trunk that can be used.
    #[error("the route has no trunk in service")]
    NoTrunk,
    /// The called number is none of ours.
    #[error("{called} is in no DID range, create or import the range first")]
    UnknownNumber {
        /// As it was called.
        called: String,
    },
    /// The called number is ours and nobody has it.
    #[error("{0} is assigned to nobody, assign it to a person, a phone or a call flow")]
    UnassignedNumber(E164),
    /// The extension is in no pool.
    #[error("no pool has this extension")]
    UnknownExtension,
    /// The extension is in a pool and nobody has it.
    #[error("the extension belongs to nobody")]
    UnassignedExtension,
    /// The extension was assigned a short while ago.
    #[error("the extension is known to Dial By Extension from {0}")]
    PendingExtension(Timestamp),
    /// The person has no phone.
    #[error("{0} has no phone")]
    NoPhone(Name),
    /// What the number is assigned to is not there any more.
    #[error("what the number is assigned to is not there")]
    MissingTarget,
}

impl Refusal {
    /// The SIP status for the caller.
    pub fn status(&self) -> u16 {
        match self {
            // RFC 3261 §21.4.5: the user does not exist here.
            Refusal::UnknownNumber { .. }
            | Refusal::UnassignedNumber(_)
            | Refusal::UnknownExtension
            | Refusal::UnassignedExtension
            | Refusal::MissingTarget => 404,
            // RFC 3261 §21.4.22: the digits do not lead anywhere.
            Refusal::Unclassified(_) => 484,
            // RFC 3261 §21.4.18: it exists, and cannot be reached now.
            Refusal::NoPhone(_) | Refusal::PendingExtension(_) => 480,
            Refusal::NoSite | Refusal::NoPlans(_) | Refusal::NoRoute(_) => 403,
            Refusal::NoTrunk => 503,
        }
    }

    /// The Q.850 cause that says the same.
    pub fn cause(&self) -> u16 {
        match self {
            Refusal::UnknownNumber { .. }
            | Refusal::UnassignedNumber(_)
            | Refusal::UnknownExtension
            | Refusal::UnassignedExtension
            | Refusal::MissingTarget => 1,
            Refusal::Unclassified(_) => 28,
            Refusal::NoPhone(_) | Refusal::PendingExtension(_) => 20,
            Refusal::NoSite | Refusal::NoPlans(_) | Refusal::NoRoute(_) => 3,
            Refusal::NoTrunk => 34,
        }
    }
}
