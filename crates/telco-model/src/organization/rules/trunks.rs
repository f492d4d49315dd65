//! Rules of trunks and trunk groups.

use std::collections::BTreeSet;

use super::routing;
use crate::{
    entity::{Check, MediaModel, OutboundRoute, Transport, Trunk, TrunkGroup},
    organization::Organization,
    value::{SiteId, TrunkId},
};

pub(super) fn trunk(organization: &Organization, trunk: &Trunk, check: &mut Check<'_>) {
    if let Some(old) = organization.trunk(trunk.id)
        && old.kind != trunk.kind
    {
        check.problem("kind", "immutable", "the type of a trunk cannot be changed; make another trunk");
    }
    if let Some(site) = trunk.site {
        fits_site(organization, trunk, site, "site", check);
    }
    let tls_required = organization.settings().is_some_and(|settings| settings.require_tls);
    if tls_required && trunk.kind.is_external() && trunk.transport != Transport::Tls {
        check.problem("transport", "trunk.tls_required", "the organization requires TLS on external trunks");
    }
    if trunk.emergency.is_none() {
        for route in routes_over(organization, trunk.id) {
            if routing::carries_emergency(organization, route) && route.emergency_acknowledgement.is_none() {
                let message = format!("outbound route {:?} sends emergency calls here", route.name.as_str());
                check.problem("emergency", "emergency.unverified", &message);
            }
        }
    }
}

/// Notes when a trunk does not belong to the deployment of a site.
pub(super) fn fits_site(
    organization: &Organization,
    trunk: &Trunk,
    site: SiteId,
    path: &str,
    check: &mut Check<'_>,
) {
    let Some(site) = organization.site(site) else { return };
    if trunk.kind.media_model().is_some_and(|model| model != site.media_model) {
        let (kind, name, site, model) =
            (trunk.kind.label(), trunk.name.as_str(), site.name.as_str(), model_name(site.media_model));
        let message =
            format!("do not mix deployment models: {kind} trunk {name:?} cannot serve {model} site {site:?}");
        check.problem(path, "deployment.mixed", &message);
    }
}

const fn model_name(model: MediaModel) -> &'static str {
    match model {
        MediaModel::Cloud => "Cloud",
        MediaModel::Premises => "Premises",
    }
}

pub(super) fn group(organization: &Organization, group: &TrunkGroup, check: &mut Check<'_>) {
    let members = || group.members.iter().map(|member| organization.trunk(member.trunk));
    for (index, trunk) in members().enumerate() {
        if trunk.is_some_and(|trunk| !trunk.kind.is_external()) {
            let path = format!("members[{index}].trunk");
            check.problem(&path, "trunk.not_external", "only external trunks stand in for each other");
        }
    }
    let models: BTreeSet<_> = members().flatten().filter_map(|trunk| trunk.kind.media_model()).collect();
    if models.len() > 1 {
        check.problem("members", "deployment.mixed", "do not mix deployment models in one group");
    }
    for route in organization.referring::<OutboundRoute>(group.id) {
        for trunk in members().flatten() {
            fits_site(organization, trunk, route.site, "members", check);
        }
        let unproven = members().flatten().any(|trunk| !trunk.may_carry_emergency());
        let acknowledged = route.emergency_acknowledgement.is_some();
        if unproven && !acknowledged && routing::carries_emergency(organization, route) {
            let message =
                format!("outbound route {:?} sends emergency calls to this group", route.name.as_str());
            check.problem("members", "emergency.unverified", &message);
        }
    }
}

/// The enabled outbound routes that may use a trunk, directly or through a group.
fn routes_over(organization: &Organization, trunk: TrunkId) -> impl Iterator<Item = &OutboundRoute> {
    let direct = organization.referring::<OutboundRoute>(trunk);
    let groups = organization.referring::<TrunkGroup>(trunk);
    let grouped = groups.flat_map(|group| organization.referring::<OutboundRoute>(group.id));
    direct.chain(grouped).filter(|route| route.enabled)
}

/// Whether every trunk of a group of edges exists in a Premises deployment.
pub(super) fn on_premises(
    organization: &Organization,
    trunks: &[TrunkId],
    path: &str,
    check: &mut Check<'_>,
) {
    for (index, trunk) in trunks.iter().enumerate() {
        if let Some(trunk) = organization.trunk(*trunk)
            && trunk.kind.media_model() == Some(MediaModel::Cloud)
        {
            let message = format!(
                "do not mix deployment models: {} trunk {:?} does not run on edges",
                trunk.kind.label(),
                trunk.name.as_str()
            );
            check.problem(&format!("{path}[{index}]"), "deployment.mixed", &message);
        }
    }
}
