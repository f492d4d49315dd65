//! Phones.

use serde::{Deserialize, Serialize};

use super::{Check, Digest, Entity, Sink, UniqueKey};
use crate::value::{
    BaseSettingsId, DialString, DivisionId, E164, EdgeId, Extension, Fqdn, LocationId, MacAddr, Name,
    PhoneId, SipUri, SiteId, Text, UserId,
};

/// A phone. It belongs to exactly one site and takes its settings from one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// Identifies the phone.
    pub id: PhoneId,
    /// Unique name.
    pub name: Name,
    /// The site it belongs to.
    pub site: SiteId,
    /// Its profile.
    pub base_settings: BaseSettingsId,
    /// What sort of phone it is, with what only that sort has.
    pub category: PhoneCategory,
    /// The division it belongs to.
    pub division: Option<DivisionId>,
    /// Where it stands, when that is more exact than the site.
    pub location: Option<LocationId>,
    /// The edge it should register to first; chosen among the site's edges when absent.
    pub primary_edge: Option<EdgeId>,
    /// The edge it falls back to.
    pub secondary_edge: Option<EdgeId>,
    /// The account it registers with; a phone without one cannot register.
    pub digest: Option<Digest>,
    /// Buttons.
    #[serde(default)]
    pub line_keys: Vec<LineKey>,
}

/// The four categories of phones, with what only that category has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneCategory {
    /// Configured entirely here and provisioned over HTTPS.
    Managed(ManagedPhone),
    /// A SIP device configured elsewhere; only its connection is known.
    Unmanaged(UnmanagedPhone),
    /// A softphone in the browser of one user.
    Webrtc(WebrtcPhone),
    /// A number or SIP address elsewhere that calls are bridged to.
    Remote(RemotePhone),
}

/// What a managed phone has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedPhone {
    /// What the device is recognised by.
    pub hardware_id: HardwareId,
    /// The model of the device, the same as in its profile.
    pub model: Text,
    /// Who uses it; a shared phone has nobody.
    pub user: Option<UserId>,
}

/// What an unmanaged phone has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnmanagedPhone {
    /// What the device is recognised by.
    pub hardware_id: HardwareId,
    /// Who uses it; a shared phone has nobody.
    pub user: Option<UserId>,
}

/// What a WebRTC phone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebrtcPhone {
    /// Whose it is.
    pub user: UserId,
}

/// What a remote phone has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemotePhone {
    /// Where calls are sent, by the number plans and routes of the phone's site.
    pub address: RemoteAddress,
    /// Whose it is.
    pub user: Option<UserId>,
}

/// What a device is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardwareId {
    /// A hardware phone.
    Mac(MacAddr),
    /// A softphone.
    Fqdn(Fqdn),
}

/// Where a remote phone is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteAddress {
    /// A telephone number, dialled as the site dials.
    Number(DialString),
    /// A SIP address.
    Sip(SipUri),
}

/// One button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineKey {
    /// Its label; the function names it when absent.
    pub label: Option<Text>,
    /// What it does.
    pub function: LineKeyFunction,
}

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKeyFunction {
    /// A line that registers with the given identity.
    Line(LineIdentity),
    /// Dials.
    SpeedDial(DialString),
    /// Busy lamp field: shows whether a user is on the phone, and dials them.
    Blf(UserId),
}

/// Who a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineIdentity {
    /// The phone's own line: its user, or the phone itself.
    Own,
    /// A DID assigned to the phone.
    Did(E164),
    /// An extension of the phone's user.
    Extension(Extension),
}

impl Phone {
    /// Who uses it.
    pub fn user(&self) -> Option<UserId> {
        match &self.category {
            PhoneCategory::Managed(phone) => phone.user,
            PhoneCategory::Unmanaged(phone) => phone.user,
            PhoneCategory::Webrtc(phone) => Some(phone.user),
            PhoneCategory::Remote(phone) => phone.user,
        }
    }

    /// What the device is recognised by.
    pub fn hardware_id(&self) -> Option<&HardwareId> {
        match &self.category {
            PhoneCategory::Managed(phone) => Some(&phone.hardware_id),
            PhoneCategory::Unmanaged(phone) => Some(&phone.hardware_id),
            PhoneCategory::Webrtc(_) | PhoneCategory::Remote(_) => None,
        }
    }
}

impl PhoneCategory {
    /// The name administrators know.
    pub const fn label(&self) -> &'static str {
        match self {
            PhoneCategory::Managed(_) => "Managed",
            PhoneCategory::Unmanaged(_) => "Unmanaged",
            PhoneCategory::Webrtc(_) => "WebRTC",
            PhoneCategory::Remote(_) => "Remote",
        }
    }
}

impl Entity for Phone {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.one("site", self.site);
        sink.one("base_settings", self.base_settings);
        sink.optional("division", self.division);
        sink.optional("location", self.location);
        sink.optional("primary_edge", self.primary_edge);
        sink.optional("secondary_edge", self.secondary_edge);
        sink.optional("category.user", self.user());
        for (index, key) in self.line_keys.iter().enumerate() {
            if let LineKeyFunction::Blf(user) = &key.function {
                sink.one(&format!("line_keys[{index}].function.blf"), *user);
            }
        }
    }

    fn unique_keys(&self, keys: &mut Vec<UniqueKey>) {
        keys.push(UniqueKey::name(self));
        keys.extend(self.hardware_id().cloned().map(UniqueKey::Hardware));
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.line_keys.len() > 120 {
            check.problem("line_keys", "phone.too_many_keys", "a phone may have at most 120 line keys");
        }
        if matches!(self.category, PhoneCategory::Remote(_) | PhoneCategory::Webrtc(_))
            && !self.line_keys.is_empty()
        {
            check.problem("line_keys", "phone.no_keys", "only hardware phones have line keys");
        }
        if self.primary_edge.is_some() && self.primary_edge == self.secondary_edge {
            check.problem(
                "secondary_edge",
                "phone.one_edge",
                "the secondary edge must differ from the primary",
            );
        }
    }
}
