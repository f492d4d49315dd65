//! Rules of phones and their base settings.

use crate::{
    entity::{
        BaseSettings, CategoryName, Check, DidTarget, LineIdentity, LineKeyFunction, MediaModel, Phone,
        PhoneCategory,
    },
    organization::Organization,
};

pub(super) fn phone(organization: &Organization, phone: &Phone, check: &mut Check<'_>) {
    if let Some(profile) = organization.base_settings(phone.base_settings)
        && let Some(message) = mismatch(phone, profile)
    {
        check.problem("base_settings", "phone.model", &message);
    }
    let cloud = organization.site(phone.site).is_some_and(|site| site.media_model == MediaModel::Cloud);
    for (path, edge) in [("primary_edge", phone.primary_edge), ("secondary_edge", phone.secondary_edge)] {
        if cloud && edge.is_some() {
            check.problem(
                path,
                "deployment.mixed",
                "phones of a Cloud site register in the cloud, not to an edge",
            );
        }
    }
    for (index, key) in phone.line_keys.iter().enumerate() {
        let LineKeyFunction::Line(identity) = key.function else { continue };
        let fault = match identity {
            LineIdentity::Own => None,
            LineIdentity::Did(number) => (organization.did_owner(number) != Some(DidTarget::Phone(phone.id)))
                .then(|| format!("{number} is not assigned to this phone")),
            LineIdentity::Extension(extension) => {
                let owner = organization.extension_owner(extension).map(|user| user.id);
                (owner.is_none() || owner != phone.user())
                    .then(|| format!("extension {extension} is not assigned to the phone's user"))
            }
        };
        if let Some(message) = fault {
            check.problem(&format!("line_keys[{index}].function.line"), "phone.line", &message);
        }
    }
}

/// Why a phone cannot use a profile.
fn mismatch(phone: &Phone, profile: &BaseSettings) -> Option<String> {
    let name = profile.name.as_str();
    if CategoryName::from(&phone.category) != profile.category {
        return Some(format!("base settings {name:?} are for another category of phones"));
    }
    match &phone.category {
        PhoneCategory::Managed(managed) if managed.model != profile.model => Some(format!(
            "the phone is a {}, base settings {name:?} are for {}",
            managed.model, profile.model
        )),
        PhoneCategory::Managed(_)
        | PhoneCategory::Unmanaged(_)
        | PhoneCategory::Webrtc(_)
        | PhoneCategory::Remote(_) => None,
    }
}

pub(super) fn base_settings(organization: &Organization, profile: &BaseSettings, check: &mut Check<'_>) {
    let Some(old) = organization.base_settings(profile.id) else { return };
    if (&old.model, old.category) == (&profile.model, profile.category) {
        return;
    }
    if let Some(message) =
        organization.referring::<Phone>(profile.id).find_map(|phone| mismatch(phone, profile))
    {
        check.problem("model", "base_settings.in_use", &message);
    }
}
