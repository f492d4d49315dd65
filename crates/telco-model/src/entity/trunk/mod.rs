//! Trunks: the SIP links to carriers, PBXs and phones.

mod access;
mod identity;
mod media;
mod protocol;
mod registration;

use serde::{Deserialize, Serialize};

pub use access::{Digest, SipAccess};
pub use identity::{AddressOverride, CallerSource, Identity, NumberFormat, Party};
pub use media::{Codec, DtmfMethod, SrtpPolicy, TrunkMedia};
pub use protocol::{
    CodeRange, CustomHeader, InboundRouting, Protocol, RequestUri, Retry, Tgrp, Transport, UuiEncoding,
    UuiHeader, UuiSettings,
};
pub use registration::Registration;

use super::{Check, EmergencyCarrier, Entity, HeldSettings, MediaModel, Sink, TelephonyOption, UniqueKey};
use crate::value::{DialPlanId, E164Range, HostPort, Name, SiteId, TerminationId, Text, TrunkId};

/// A trunk: its settings. Edges and the cloud run instances of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Identifies the trunk.
    pub id: TrunkId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// What it connects to, and in which deployment.
    pub kind: TrunkKind,
    /// The vendor or carrier profile, for example `Generic BYOC Carrier`.
    pub subtype: Option<Text>,
    /// Whether it carries calls.
    #[serde(default)]
    pub in_service: bool,
    /// The site whose number plans rule calls coming in.
    pub site: Option<SiteId>,
    /// The transport calls are sent with; calls coming in may use another.
    #[serde(default)]
    pub transport: Transport,
    /// What identifies the trunk in calls coming in; unique in the region.
    pub termination: Option<TerminationId>,
    /// SIP servers or proxies of the other side, tried in order.
    #[serde(default)]
    pub servers: Vec<HostPort>,
    /// How the request URI of calls going out is built.
    #[serde(default)]
    pub request_uri: RequestUri,
    /// What finds the trunk for calls coming in, besides the termination identifier.
    #[serde(default)]
    pub inbound: InboundRouting,
    /// Credentials when the other side asks for digest authentication.
    pub digest: Option<Digest>,
    /// Registration with the carrier, when it wants one.
    pub registration: Option<Registration>,
    /// Who may send signalling.
    #[serde(default)]
    pub access: SipAccess,
    /// Caller identity and number forms.
    #[serde(default)]
    pub identity: Identity,
    /// SIP behaviour: transfer, headers, user-to-user data, retry.
    #[serde(default)]
    pub protocol: Protocol,
    /// Codecs, DTMF, encryption, ports.
    #[serde(default)]
    pub media: TrunkMedia,
    /// The most calls at once; unlimited when absent.
    pub max_calls: Option<u32>,
    /// The most new calls per second; unlimited when absent.
    pub max_calls_per_second: Option<u16>,
    /// The numbers the carrier delivers here. The same number may be on two trunks (`docs/spec/conflicts.md`, K6).
    #[serde(default)]
    pub numbers: Vec<E164Range>,
    /// The dial plan that may choose this trunk; without one no dial plan does.
    pub dial_plan: Option<DialPlanId>,
    /// Location conveyance: the phone's location is passed on, looked up with these settings.
    pub location_conveyance: Option<HeldSettings>,
    /// The proof that the carrier handles emergency calls.
    pub emergency: Option<EmergencyCarrier>,
}

/// What a trunk connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkKind {
    /// A carrier, reached over the public internet (BYOC Cloud).
    ByocCarrier,
    /// A PBX, reached over the public internet (BYOC Cloud).
    ByocPbx,
    /// A carrier or PBX, reached from an edge (BYOC Premises).
    ExternalSip,
    /// SIP phones (all deployments).
    SipPhone,
    /// WebRTC phones (all deployments).
    WebrtcPhone,
}

impl TrunkKind {
    /// All kinds.
    pub const ALL: [TrunkKind; 5] = [
        TrunkKind::ByocCarrier,
        TrunkKind::ByocPbx,
        TrunkKind::ExternalSip,
        TrunkKind::SipPhone,
        TrunkKind::WebrtcPhone,
    ];

    /// Whether it leads outside: to a carrier or a PBX, not to phones.
    pub const fn is_external(self) -> bool {
        matches!(self, TrunkKind::ByocCarrier | TrunkKind::ByocPbx | TrunkKind::ExternalSip)
    }

    /// Whether trunks of this kind exist in the deployment.
    pub const fn applies_to(self, option: TelephonyOption) -> bool {
        match self {
            TrunkKind::ByocCarrier | TrunkKind::ByocPbx => matches!(option, TelephonyOption::ByocCloud),
            TrunkKind::ExternalSip => matches!(option, TelephonyOption::ByocPremises),
            TrunkKind::SipPhone | TrunkKind::WebrtcPhone => true,
        }
    }

    /// The only media model of sites it may serve; `None` when both.
    pub const fn media_model(self) -> Option<MediaModel> {
        match self {
            TrunkKind::ByocCarrier | TrunkKind::ByocPbx => Some(MediaModel::Cloud),
            TrunkKind::ExternalSip => Some(MediaModel::Premises),
            TrunkKind::SipPhone | TrunkKind::WebrtcPhone => None,
        }
    }

    /// The name administrators know.
    pub const fn label(self) -> &'static str {
        match self {
            TrunkKind::ByocCarrier => "BYOC Carrier",
            TrunkKind::ByocPbx => "BYOC PBX",
            TrunkKind::ExternalSip => "External SIP",
            TrunkKind::SipPhone => "SIP Phone Trunk",
            TrunkKind::WebrtcPhone => "WebRTC Phone Trunk",
        }
    }
}

impl Trunk {
    /// Whether the carrier's emergency service was verified, or the trunk needs no proof because it is not external.
    pub fn may_carry_emergency(&self) -> bool {
        !self.kind.is_external() || self.emergency.is_some()
    }
}

impl Entity for Trunk {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.optional("site", self.site);
        sink.optional("dial_plan", self.dial_plan);
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::name(self));
        keys.extend(self.termination.clone().map(UniqueKey::Termination));
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.kind == TrunkKind::ByocCarrier && self.termination.is_none() {
            check.problem(
                "termination",
                "field.required",
                "a BYOC Carrier trunk needs an inbound SIP termination identifier",
            );
        }
        let reachable = !self.servers.is_empty() || self.registration.is_some();
        if self.kind.is_external() && self.in_service && !reachable {
            check.problem(
                "servers",
                "trunk.no_server",
                "an external trunk in service needs a SIP server or a registration",
            );
        }
        check.distinct("servers", &self.servers, "a server is listed twice");
        self.identity.check(check);
        self.protocol.check(check);
        self.media.check(check);
        if self.max_calls == Some(0) {
            check.problem(
                "max_calls",
                "trunk.no_capacity",
                "take the trunk out of service instead of allowing no calls",
            );
        }
    }
}
