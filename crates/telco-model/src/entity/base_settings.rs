//! Phone base settings: profiles shared by phones of one model.

use serde::{Deserialize, Serialize};

use super::{Check, Codec, DtmfMethod, Entity, HeldSettings, PhoneCategory, Sink};
use crate::value::{BaseSettingsId, CertificateAuthorityId, Dscp, Name, Text};

/// A profile. The phones that use it are of its make and model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseSettings {
    /// Identifies the profile.
    pub id: BaseSettingsId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// Make and model; [`BaseSettings::WEBRTC_MODEL`] and [`BaseSettings::REMOTE_MODEL`] are not devices.
    pub model: Text,
    /// For which category of phones.
    pub category: CategoryName,
    /// Keeps a WebRTC connection open between calls.
    pub persistent_connection: Option<PersistentConnection>,
    /// Marking of signalling.
    #[serde(default = "cs3")]
    pub transport_dscp: Dscp,
    /// Marking of media.
    #[serde(default = "ef")]
    pub media_dscp: Dscp,
    /// Phones take changes without a restart by hand.
    #[serde(default = "yes")]
    pub dynamic_reload: bool,
    /// The first UDP port for audio, 1024 to 65535.
    #[serde(default = "rtp_port_start")]
    pub rtp_port_start: u16,
    /// Codecs, most preferred first.
    #[serde(default = "codecs")]
    pub codecs: Vec<Codec>,
    /// How DTMF is sent.
    #[serde(default)]
    pub dtmf: DtmfMethod,
    /// Payload type of RTP events, 96 to 127.
    #[serde(default = "dtmf_payload")]
    pub dtmf_payload: u8,
    /// The authority that TLS servers are checked against; the managed one when absent.
    pub certificate_authority: Option<CertificateAuthorityId>,
    /// Phones show a certificate of their own too.
    #[serde(default)]
    pub mutual_authentication: bool,
    /// Firmware.
    #[serde(default)]
    pub firmware: Firmware,
    /// Location lookup by the phone itself, for models that can (Poly VVX, CCX, Edge E).
    pub held: Option<HeldSettings>,
}

/// A WebRTC connection kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersistentConnection {
    /// Seconds after the last call.
    pub timeout_seconds: u32,
}

/// Firmware of the phones of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firmware {
    /// The version wanted; the newest when absent.
    pub version: Option<Text>,
    /// When phones change to it.
    pub update: FirmwareUpdate,
}

/// When phones change firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirmwareUpdate {
    /// Outside business hours.
    #[default]
    Maintenance,
    /// At the next restart.
    Restart,
    /// Never by itself.
    Manual,
}

/// A category of phones without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoryName {
    /// Managed.
    Managed,
    /// Unmanaged.
    Unmanaged,
    /// WebRTC.
    Webrtc,
    /// Remote.
    Remote,
}

impl From<&PhoneCategory> for CategoryName {
    fn from(category: &PhoneCategory) -> Self {
        match category {
            PhoneCategory::Managed(_) => CategoryName::Managed,
            PhoneCategory::Unmanaged(_) => CategoryName::Unmanaged,
            PhoneCategory::Webrtc(_) => CategoryName::Webrtc,
            PhoneCategory::Remote(_) => CategoryName::Remote,
        }
    }
}

impl BaseSettings {
    /// The make and model of WebRTC phones.
    pub const WEBRTC_MODEL: &str = "Genesys Cloud WebRTC Phone";
    /// The make and model of remote phones.
    pub const REMOTE_MODEL: &str = "Genesys Cloud Remote Phone";

    /// Whether the model can look up its own location (Poly VVX, CCX and Edge E).
    pub fn model_supports_held(&self) -> bool {
        let model = self.model.as_str().to_ascii_lowercase();
        model.starts_with("poly") && ["vvx", "ccx", "edge e"].iter().any(|family| model.contains(family))
    }
}

const fn cs3() -> Dscp {
    Dscp::CS3
}

const fn ef() -> Dscp {
    Dscp::EF
}

const fn yes() -> bool {
    true
}

const fn rtp_port_start() -> u16 {
    4000
}

fn codecs() -> Vec<Codec> {
    vec![Codec::Opus, Codec::Pcmu, Codec::Pcma]
}

const fn dtmf_payload() -> u8 {
    101
}

impl Entity for BaseSettings {
    fn references(&self, sink: &mut Sink<'_>) {
        sink.optional("certificate_authority", self.certificate_authority);
    }

    fn check(&self, check: &mut Check<'_>) {
        if (self.category == CategoryName::Webrtc) != (self.model.as_str() == Self::WEBRTC_MODEL) {
            check.problem(
                "model",
                "base_settings.model",
                "WebRTC phones, and only they, are Genesys Cloud WebRTC Phone",
            );
        }
        if self.persistent_connection.is_some_and(|p| !(1..=86_400).contains(&p.timeout_seconds)) {
            let at = "persistent_connection.timeout_seconds";
            check.problem(at, "base_settings.timeout", "the timeout must be 1 to 86400 seconds");
        }
        if self.rtp_port_start < 1024 {
            check.problem(
                "rtp_port_start",
                "base_settings.port",
                "the first audio port must be 1024 to 65535",
            );
        }
        if self.codecs.is_empty() {
            check.problem("codecs", "media.no_codec", "give at least one codec");
        }
        check.distinct("codecs", &self.codecs, "a codec is listed twice");
        check.dtmf_payload("dtmf_payload", self.dtmf_payload);
        if let Some(held) = &self.held {
            held.check("held", check);
            if !self.model_supports_held() {
                check.problem(
                    "held",
                    "base_settings.held",
                    "only Poly VVX, CCX and Edge E phones look up their location",
                );
            }
        }
    }
}
