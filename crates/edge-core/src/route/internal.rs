//! Destinations that are ours: people, their phones, extensions.

use std::sync::Arc;

use jiff::Timestamp;
use numplan::ExtensionDecision;
use telco_model::value::UserId;

use super::{Refusal, Target};
use crate::compile::Runtime;

/// All phones of a person.
pub(super) fn person(runtime: &Runtime, id: UserId) -> Result<Target, Refusal> {
    let user = runtime.users.get(&id).ok_or(Refusal::MissingTarget)?;
    let phones: Vec<_> = user.phones.iter().filter_map(|phone| runtime.phones.get(phone)).cloned().collect();
    if phones.is_empty() {
        return Err(Refusal::NoPhone(user.name.clone()));
    }
    Ok(Target::Phones { user: Some(Arc::clone(user)), phones })
}

/// Whoever has an extension. A phone that dials it is connected at once, whether or not the directory has caught up.
pub(super) fn extension(runtime: &Runtime, digits: &str, now: Timestamp) -> Result<Target, Refusal> {
    match runtime.extension(digits, now) {
        Some(ExtensionDecision::Active(user) | ExtensionDecision::Pending { user, .. }) => {
            person(runtime, user)
        }
        Some(ExtensionDecision::Unassigned) => Err(Refusal::UnassignedExtension),
        Some(ExtensionDecision::NotInPool) | None => Err(Refusal::UnknownExtension),
        // The enum may grow; what is not known here cannot be dialled.
        Some(_) => Err(Refusal::UnknownExtension),
    }
}

/// Dial By Extension of a flow: knows an extension only once it is propagated (handbook, "Extensions").
pub(super) fn listed_extension(runtime: &Runtime, digits: &str, now: Timestamp) -> Result<Target, Refusal> {
    match runtime.extension(digits, now) {
        Some(ExtensionDecision::Pending { active_at, .. }) => Err(Refusal::PendingExtension(active_at)),
        _ => extension(runtime, digits, now),
    }
}
