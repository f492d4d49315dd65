//! Users and their phone entries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink, UniqueKey};
use crate::value::{DivisionId, E164, EmailAddress, Extension, LocationId, Name, RoleId, UserId};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Identifies the user.
    pub id: UserId,
    /// The person's name; two people may share one.
    pub name: Name,
    /// Unique address.
    pub email: EmailAddress,
    /// The division the user belongs to.
    pub division: DivisionId,
    /// Where the person works; used for emergency calls from a remote phone.
    pub location: Option<LocationId>,
    /// Phone numbers of the profile.
    #[serde(default)]
    pub phones: Vec<PhoneEntry>,
    /// What the user may administer.
    #[serde(default)]
    pub grants: Vec<RoleGrant>,
}

/// One phone entry of a profile. A DID and an extension are two entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneEntry {
    /// Which entry.
    pub kind: PhoneEntryKind,
    /// A full number.
    pub number: Option<E164>,
    /// An extension out of a pool. In a Work Phone entry that also holds a number it has no effect.
    pub extension: Option<Extension>,
    /// Since when the extension is here; written by the organization.
    pub assigned: Option<Timestamp>,
}

/// The entries of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneEntryKind {
    /// Work Phone, the entry extensions are assigned by.
    Work,
    /// A second work phone.
    Work2,
    /// Mobile.
    Mobile,
    /// Home.
    Home,
    /// Any other.
    Other,
}

/// What became of the extension in a phone entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionOutcome {
    /// It is assigned: it can be dialled and is listed in Assignments.
    Assigned,
    /// The Work Phone entry already held a number: it cannot be dialled and is not listed.
    EntryHoldsNumber,
    /// Only a Work Phone entry assigns an extension.
    NotWorkPhone,
}

impl PhoneEntry {
    /// What became of the extension in this entry; `None` without one.
    pub fn extension_outcome(&self) -> Option<ExtensionOutcome> {
        self.extension.map(|_| match (self.kind, self.number) {
            (PhoneEntryKind::Work | PhoneEntryKind::Work2, None) => ExtensionOutcome::Assigned,
            (PhoneEntryKind::Work | PhoneEntryKind::Work2, Some(_)) => ExtensionOutcome::EntryHoldsNumber,
            (PhoneEntryKind::Mobile | PhoneEntryKind::Home | PhoneEntryKind::Other, _) => {
                ExtensionOutcome::NotWorkPhone
            }
        })
    }
}

/// A role, and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleGrant {
    /// The role.
    pub role: RoleId,
    /// The divisions it holds in; empty means all.
    #[serde(default)]
    pub divisions: BTreeSet<DivisionId>,
}

impl RoleGrant {
    pub(super) fn references(grants: &[RoleGrant], sink: &mut Sink<'_>) {
        for (index, grant) in grants.iter().enumerate() {
            sink.one(&format!("grants[{index}].role"), grant.role);
            sink.many(&format!("grants[{index}].divisions"), &grant.divisions);
        }
    }
}

impl User {
    /// The extensions that are assigned, with their entries.
    pub fn extensions(&self) -> impl Iterator<Item = (Extension, &PhoneEntry)> {
        self.phones
            .iter()
            .filter(|entry| entry.extension_outcome() == Some(ExtensionOutcome::Assigned))
            .filter_map(|entry| entry.extension.map(|extension| (extension, entry)))
    }

    /// The number of the Work Phone entry.
    pub fn work_number(&self) -> Option<E164> {
        self.phones.iter().filter(|entry| entry.kind == PhoneEntryKind::Work).find_map(|entry| entry.number)
    }
}

impl Entity for User {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("division", self.division);
        sink.optional("location", self.location);
        RoleGrant::references(&self.grants, sink);
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::Email(self.email.as_str().to_lowercase().into()));
        keys.extend(self.extensions().map(|(extension, _)| UniqueKey::Extension(extension)));
    }

    fn check(&self, check: &mut Check<'_>) {
        check.distinct("phones", self.phones.iter().map(|entry| entry.kind), "a phone entry is given twice");
        check.distinct(
            "phones",
            self.extensions().map(|(extension, _)| extension),
            "an extension is given twice",
        );
        for (index, entry) in self.phones.iter().enumerate() {
            if entry.number.is_none() && entry.extension.is_none() {
                check.problem(
                    &format!("phones[{index}]"),
                    "phone_entry.empty",
                    "give a number or an extension",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: Option<&str>) -> PhoneEntry {
        PhoneEntry {
            kind: PhoneEntryKind::Work,
            number: number.map(|text| text.parse().unwrap()),
            extension: Some("4100".parse().unwrap()),
            assigned: None,
        }
    }

    /// TM-036: an extension takes effect only in an empty Work Phone entry.
    #[test]
    fn an_entry_with_a_number_assigns_no_extension() {
        assert_eq!(entry(None).extension_outcome(), Some(ExtensionOutcome::Assigned));
        assert_eq!(entry(Some("+12125550100")).extension_outcome(), Some(ExtensionOutcome::EntryHoldsNumber));
        let mobile = PhoneEntry { kind: PhoneEntryKind::Mobile, ..entry(None) };
        assert_eq!(mobile.extension_outcome(), Some(ExtensionOutcome::NotWorkPhone));
    }
}
