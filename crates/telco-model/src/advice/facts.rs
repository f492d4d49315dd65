//! Facts about the telephony options that people look up, as data.

use jiff::civil::{Date, date};
use serde::Serialize;

use crate::entity::{OrganizationSettings, TelephonyOption, TrunkKind};

/// What is particular to a telephony option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OptionFacts {
    /// Who controls the carrier.
    pub carrier: &'static str,
    /// Where trunks end.
    pub trunks_end: &'static str,
    /// Whether hardware is needed on the premises.
    pub hardware_required: bool,
    /// How emergency calling is arranged.
    pub emergency: &'static str,
}

impl TelephonyOption {
    /// What is particular to it.
    pub const fn facts(self) -> OptionFacts {
        const ASK: &str = "check with the carrier that it supports E911 for the numbers and locations";
        match self {
            TelephonyOption::GenesysCloudVoice => OptionFacts {
                carrier: "the provider",
                trunks_end: "the provider's cloud",
                hardware_required: false,
                emergency: "included; configured by location details",
            },
            TelephonyOption::ByocCloud => OptionFacts {
                carrier: "the customer",
                trunks_end: "the cloud media tier, over the public internet",
                hardware_required: false,
                emergency: ASK,
            },
            TelephonyOption::ByocPremises => OptionFacts {
                carrier: "the customer",
                trunks_end: "an edge on the premises",
                hardware_required: true,
                emergency: ASK,
            },
        }
    }

    /// The types of trunks it has.
    pub fn trunk_kinds(self) -> impl Iterator<Item = TrunkKind> {
        TrunkKind::ALL.into_iter().filter(move |kind| kind.applies_to(self))
    }
}

/// A situation people choose an option in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// The fastest start, without a carrier contract.
    NoCarrierContract,
    /// A carrier contract that shall be kept.
    KeepCarrier,
    /// Media handled on the premises, or survivability within a site.
    MediaOnPremises,
    /// Everything in the cloud, with an own carrier.
    CloudNative,
    /// Cloud and premises together.
    Hybrid,
}

/// The option to choose.
pub const fn recommend(scenario: Scenario) -> TelephonyOption {
    match scenario {
        Scenario::NoCarrierContract => TelephonyOption::GenesysCloudVoice,
        Scenario::KeepCarrier | Scenario::CloudNative => TelephonyOption::ByocCloud,
        Scenario::MediaOnPremises | Scenario::Hybrid => TelephonyOption::ByocPremises,
    }
}

/// Something that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Deprecation {
    /// What.
    pub what: &'static str,
    /// The day it ends, or ended.
    pub ends: Date,
    /// What to do.
    pub instead: &'static str,
}

/// What ends, and when.
pub const DEPRECATIONS: [Deprecation; 2] = [
    Deprecation {
        what: "Genesys Hardware Solution",
        ends: date(2026, 12, 1),
        instead: "move to customer hardware or a virtual edge",
    },
    Deprecation {
        what: "Remote Survivability",
        ends: date(2025, 6, 1),
        instead: "do not rely on call flows at an edge that has lost the control plane",
    },
];

/// Whether two options may stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coexistence {
    /// Yes.
    Allowed,
    /// Since the given day, when the organization is marked hybrid; never on one object.
    HybridOnly(Date),
}

/// Whether two options may stand side by side (`docs/spec/conflicts.md`, K12).
pub fn coexistence(one: TelephonyOption, other: TelephonyOption) -> Coexistence {
    if one.media_model() == other.media_model() {
        Coexistence::Allowed
    } else {
        // The 2021 text refuses it, the 2026 handbook allows it on separate objects.
        Coexistence::HybridOnly(date(2026, 3, 1))
    }
}

impl OrganizationSettings {
    /// Whether the options stand side by side as they may.
    pub fn options_coexist(&self) -> bool {
        let options = || self.options.iter().copied();
        options()
            .all(|one| options().all(|other| coexistence(one, other) == Coexistence::Allowed || self.hybrid))
    }
}

/// A question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuickFact {
    /// Where it belongs.
    pub area: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// The answer.
    pub answer: &'static str,
}

macro_rules! quick {
    ($($area:ident: $($question:literal => $answer:literal,)*)*) => {
        &[$($(QuickFact { area: stringify!($area), question: $question, answer: $answer },)*)*]
    };
}

/// The quick reference: what administrators ask most.
pub const QUICK_REFERENCE: &[QuickFact] = quick! {
    sites:
        "Which media models are there?" => "Cloud and Premises",
        "Can the media model be changed later?" => "No",
        "How many number plans may a site have?" => "200",
        "In which form is the caller address?" => "E.164",
        "Which distribution patterns are there?" => "Sequential and Random",
        "What does Simulate Call do?" => "It checks routing without placing a call",
    trunks:
        "Which trunk types belong to BYOC Cloud?" => "BYOC Carrier and BYOC PBX",
        "Which trunk type belongs to BYOC Premises?" => "External SIP",
        "Which transports are there?" => "UDP, TCP and TLS; the setting rules what is sent, not what is received",
        "What does the inbound SIP termination identifier do?" => "It names a trunk in calls coming in, once per region",
        "What does SIP Access Control do?" => "It admits signalling from listed addresses only",
    numbers:
        "What must happen before a number is assigned?" => "It must be in a DID range",
        "What can a number be assigned to?" => "A person, a phone or a call flow",
        "What must happen before an extension is assigned?" => "It must be in an extension pool",
        "Where is an extension entered?" => "In an empty Work Phone entry of the user",
        "How long until Dial By Extension knows it?" => "Up to 60 minutes",
    edges:
        "Where do edges exist?" => "In BYOC Premises only",
        "What do edges of a group share?" => "Trunks; different groups share nothing",
        "How much redundancy is recommended?" => "N+1",
    phones:
        "Which categories are there?" => "Managed, Unmanaged, WebRTC and Remote",
        "How is a WebRTC phone added?" => "Base settings first, then the phone",
        "Which model do its base settings have?" => "Genesys Cloud WebRTC Phone",
        "What must users do after a persistent connection is enabled?" => "Log out and in",
    certificates:
        "Which types of authorities are there?" => "Managed and Remote",
        "Can a managed authority be edited?" => "No",
        "Does the page apply to BYOC Cloud?" => "No, to BYOC Premises",
    emergency:
        "When may emergency calls take a BYOC trunk?" => "When the carrier confirmed that it handles them",
        "May 911 be dialled with a prefix?" => "It must work without one",
        "When was Kari's Law signed, and from when does it bind?" => "16 February 2018 and 16 February 2020",
};

#[cfg(test)]
mod tests {
    use super::*;

    /// TM-060: the options, their attributes and the recommendation are data.
    #[test]
    fn options_are_recommended_by_situation() {
        assert_eq!(recommend(Scenario::NoCarrierContract), TelephonyOption::GenesysCloudVoice);
        assert_eq!(recommend(Scenario::KeepCarrier), TelephonyOption::ByocCloud);
        assert_eq!(recommend(Scenario::CloudNative), TelephonyOption::ByocCloud);
        assert_eq!(recommend(Scenario::MediaOnPremises), TelephonyOption::ByocPremises);
        assert_eq!(recommend(Scenario::Hybrid), TelephonyOption::ByocPremises);
        let hardware: Vec<_> =
            TelephonyOption::ALL.iter().map(|option| option.facts().hardware_required).collect();
        assert_eq!(hardware, [false, false, true]);
        let json = serde_json::to_value(QUICK_REFERENCE).unwrap();
        assert_eq!(json[0]["answer"], "Cloud and Premises");
    }

    /// TM-016: five trunk types, each in its deployments.
    #[test]
    fn trunk_types_belong_to_deployments() {
        let kinds = |option: TelephonyOption| option.trunk_kinds().collect::<Vec<_>>();
        let phones = [TrunkKind::SipPhone, TrunkKind::WebrtcPhone];
        assert_eq!(kinds(TelephonyOption::GenesysCloudVoice), phones);
        assert_eq!(kinds(TelephonyOption::ByocCloud)[..2], [TrunkKind::ByocCarrier, TrunkKind::ByocPbx]);
        assert_eq!(kinds(TelephonyOption::ByocPremises)[0], TrunkKind::ExternalSip);
        assert_eq!(TrunkKind::ALL.len(), 5);
    }

    /// TM-061: cloud options stand together; with Premises only in a hybrid organization.
    #[test]
    fn options_coexist_by_their_media_model() {
        use TelephonyOption::{ByocCloud, ByocPremises, GenesysCloudVoice};
        assert_eq!(coexistence(GenesysCloudVoice, ByocCloud), Coexistence::Allowed);
        assert!(matches!(coexistence(ByocCloud, ByocPremises), Coexistence::HybridOnly(_)));
        assert!(matches!(coexistence(GenesysCloudVoice, ByocPremises), Coexistence::HybridOnly(_)));
    }
}
