//! Sites, trunks, edges, phones, certificate authorities and dial plans.

use jiff::Timestamp;

use super::Findings;
use crate::{
    entity::{
        AuthorityKind, AuthorityService, CallerSource, DialPlan, Edge, EntityRef, MediaModel, OutboundRoute,
        PhoneCategory, RelayBehavior, RoutePattern, RoutingEngine, TelephonyOption, Transport, Trunk,
        TrunkGroup, TrunkKind,
    },
    value::{CertificateAuthorityId, EdgeGroupId, Host, PhoneId, SiteId, TrunkId},
};

impl Findings<'_> {
    pub(super) fn site(&mut self, id: SiteId) {
        let organization = self.organization;
        let Some(site) = organization.site(id) else { return };
        for place in organization.locations().filter(|place| !place.available_for_sites) {
            let evidence = format!("{:?} is not available for sites", place.name.as_str());
            self.add("DG-022", evidence, [place.id.into()]);
        }
        let trunks = organization.outbound_routes_of(id).flat_map(|route| organization.trunks_of(route));
        for trunk in trunks {
            let order = trunk.identity.caller_order();
            let site_last = order.iter().position(|source| *source == CallerSource::Site);
            if site_last != Some(0) {
                let evidence = format!("on trunk {:?} the order is {order:?}", trunk.name.as_str());
                self.add("DG-023", evidence, [id.into(), trunk.id.into()]);
            }
        }
        if site.routing == RoutingEngine::OutboundRoutes {
            for plan in &site.number_plans {
                let class = &plan.classification;
                if class.as_str() == "Extension" || organization.outbound_route_for(id, class).is_some() {
                    continue;
                }
                let disabled =
                    organization.outbound_routes_of(id).find(|route| route.classifications.contains(class));
                let why = disabled.map_or("no route has it", |_| "its route is disabled");
                let evidence = format!("plan {:?} gives {:?}; {why}", plan.name.as_str(), class.as_str());
                self.add("DG-024", evidence.clone(), [id.into()]);
                self.add("DG-025", evidence, disabled.map(|route| route.id.into()));
            }
        }
        if site.relay == RelayBehavior::SiteRegions && site.media_regions.is_empty() {
            self.add("DG-043", "relays come from the site's regions, and it has none".into(), [id.into()]);
        }
    }

    pub(super) fn trunk(&mut self, id: TrunkId) {
        let organization = self.organization;
        let Some(trunk) = organization.trunk(id) else { return };
        let this = EntityRef::from(id);
        if !trunk.in_service {
            self.add("DG-031", "the trunk is not in service".into(), [this]);
        }
        if trunk.kind.is_external() && trunk.servers.is_empty() && trunk.registration.is_none() {
            self.add("DG-031", "no SIP server and no registration".into(), [this]);
        }
        if trunk.kind.is_external() && !self.is_chosen(trunk) {
            self.add("DG-036", "no enabled outbound route and no linked dial plan leads here".into(), [this]);
        }
        match &trunk.termination {
            Some(termination) => {
                let host = organization.settings().map(|settings| settings.termination_host(termination));
                let evidence =
                    format!("the carrier must send to {}", host.unwrap_or_else(|| termination.to_string()));
                self.add("DG-032", evidence, [this]);
            }
            None if trunk.kind == TrunkKind::ByocPbx => {
                self.add("DG-032", "the trunk has no inbound SIP termination identifier".into(), [this]);
            }
            None => {}
        }
        if trunk.transport == Transport::Tls {
            self.tls(trunk);
        }
        if trunk.access.allow.is_empty() || trunk.access.allow.iter().any(|block| block.is_everything()) {
            self.add("DG-034", "SIP access control lists nobody, or everybody".into(), [this]);
        }
        if trunk.identity.caller_address.is_none()
            && trunk.identity.caller_order().contains(&CallerSource::Trunk)
        {
            self.add("DG-035", "the trunk's caller address is asked for and absent".into(), [this]);
        }
        if let Some(ports) = trunk.media.ports.filter(|ports| ports.first() == ports.last()) {
            self.add("DG-045", format!("one media port only: {}", ports.first()), [this]);
        }
        let own_domain = organization.settings().map(|settings| settings.region_domain.as_str());
        if let Some(registration) = &trunk.registration
            && let (Host::Name(registrar), Some(domain)) = (&registration.registrar, own_domain)
            && registrar.as_str().ends_with(domain)
        {
            self.add("DG-046", format!("registrar {registrar} is our own"), [this]);
        }
    }

    fn tls(&mut self, trunk: &Trunk) {
        let organization = self.organization;
        for server in trunk.servers.iter().filter(|server| matches!(server.host, Host::Ip(_))) {
            let evidence = format!("{server} is an address; certificates are issued to names");
            self.add("DG-033", evidence, [trunk.id.into()]);
        }
        let trusted = organization.certificate_authorities().any(|authority| {
            authority.kind == AuthorityKind::Remote && authority.services.contains(&AuthorityService::Sip)
        });
        if trunk.kind == TrunkKind::ExternalSip && !trusted {
            self.add("DG-001", "no remote authority is trusted for SIP".into(), [trunk.id.into()]);
        }
    }

    /// Whether anything leads calls to a trunk.
    fn is_chosen(&self, trunk: &Trunk) -> bool {
        let organization = self.organization;
        let enabled =
            |target: EntityRef| organization.referring::<OutboundRoute>(target).any(|route| route.enabled);
        let grouped = organization.referring::<TrunkGroup>(trunk.id).any(|group| {
            let by_plan =
                organization.referring::<DialPlan>(group.id).any(|plan| trunk.dial_plan == Some(plan.id));
            enabled(group.id.into()) || by_plan
        });
        grouped || enabled(trunk.id.into())
    }

    pub(super) fn edge_group(&mut self, id: EdgeGroupId) {
        let organization = self.organization;
        let Some(group) = organization.edge_group(id) else { return };
        let limit = organization.settings().map_or(u16::MAX, |settings| settings.edge_group_latency_ms);
        for link in group.links.iter().filter(|link| link.latency_ms > limit) {
            let evidence = format!("{} ms between two edges, more than {limit} ms", link.latency_ms);
            self.add("DG-012", evidence, [link.from.into(), link.to.into()]);
        }
        for edge in organization.edges().filter(|edge| edge.edge_group != id) {
            let evidence =
                format!("{:?} belongs to another group and shares nothing with this one", edge.name.as_str());
            self.add("DG-012", evidence, [edge.id.into()]);
        }
    }

    pub(super) fn phone(&mut self, id: PhoneId) {
        let organization = self.organization;
        let Some(phone) = organization.phone(id) else { return };
        let this = EntityRef::from(id);
        for edge in [phone.primary_edge, phone.secondary_edge].into_iter().flatten() {
            let Some(edge) = organization.edge(edge) else { continue };
            if !edge.in_service {
                self.add(
                    "DG-013",
                    format!("edge {:?} is out of service", edge.name.as_str()),
                    [this, edge.id.into()],
                );
            }
            if edge.site != phone.site {
                self.add(
                    "DG-028",
                    format!("edge {:?} serves another site", edge.name.as_str()),
                    [this, edge.id.into()],
                );
            }
        }
        if phone.primary_edge.is_some() && phone.secondary_edge.is_none() {
            self.add("DG-013", "the phone has no secondary edge".into(), [this]);
        }
        let persistent =
            organization.base_settings(phone.base_settings).and_then(|base| base.persistent_connection);
        if matches!(phone.category, PhoneCategory::Webrtc(_)) && persistent.is_none() {
            let evidence = "the persistent connection is disabled".into();
            self.add("DG-037", evidence, [this, phone.base_settings.into()]);
        }
    }

    pub(super) fn authority(&mut self, id: CertificateAuthorityId, now: Timestamp) {
        let organization = self.organization;
        let Some(authority) = organization.certificate_authority(id) else { return };
        let this = EntityRef::from(id);
        if authority.kind == AuthorityKind::Managed {
            self.add("DG-002", format!("{:?} is managed", authority.name.as_str()), [this]);
            return;
        }
        if authority.services.is_empty() {
            self.add("DG-003", "it is trusted for no service".into(), [this]);
        }
        if authority.not_after.is_some_and(|end| end <= now)
            || authority.not_before.is_some_and(|start| now < start)
        {
            self.add("DG-003", "the certificate is not valid at this time".into(), [this]);
        }
        let premises =
            |options: &std::collections::BTreeSet<_>| options.contains(&TelephonyOption::ByocPremises);
        if !organization.settings().is_some_and(|settings| premises(&settings.options)) {
            self.add("DG-005", "the organization has no BYOC Premises".into(), [this]);
        }
    }

    pub(super) fn dial_plans(&mut self) {
        for plan in self.organization.dial_plans() {
            for wide in &plan.patterns {
                let narrower = |other: &&RoutePattern| {
                    let (wide, other) = (wide.pattern.prefix(), other.pattern.prefix());
                    other.len() > wide.len() && other.starts_with(&wide)
                };
                let bypasses = plan
                    .patterns
                    .iter()
                    .filter(narrower)
                    .filter(|other| other.trunk_group != wide.trunk_group);
                for other in bypasses {
                    let evidence = format!("{} goes elsewhere than {}", other.pattern, wide.pattern);
                    self.add(
                        "DG-048",
                        evidence,
                        [plan.id.into(), wide.trunk_group.into(), other.trunk_group.into()],
                    );
                }
            }
        }
    }

    pub(super) fn topology(&mut self, now: Timestamp) {
        let organization = self.organization;
        for site in organization.sites() {
            if organization.phones_of(site.id).next().is_none() {
                self.add("DG-029", format!("site {:?} has no phones", site.name.as_str()), [site.id.into()]);
            }
            let edges = organization.referring::<Edge>(site.id).next();
            if site.media_model == MediaModel::Premises && edges.is_none() {
                self.add(
                    "DG-029",
                    format!("Premises site {:?} has no edge", site.name.as_str()),
                    [site.id.into()],
                );
            }
        }
        for issue in organization.issues(now).into_iter().filter(|issue| issue.code == "name.convention") {
            self.add("DG-030", issue.message, [issue.target]);
        }
    }
}
