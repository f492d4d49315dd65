//! Naming conventions. Advisory: a name that follows none is kept as it is.

/// What a convention is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePattern {
    /// `MTY_Main_Cloud`.
    Site,
    /// `MX_National_Dialing`.
    NumberPlan,
    /// `PSTN_Main`.
    OutboundRoute,
    /// `CarrierA_BYOCCarrier_Prod` or `BYOC-Primary-CarrierA`.
    Trunk,
    /// `TG-BYOC-Primary-Failover`.
    TrunkGroup,
    /// `MTY_Edge_01`, `MTY_CHS_Edge_01`.
    Edge,
    /// `MTY_Core_Group`.
    EdgeGroup,
    /// `CarrierA_US_DID_Block_01` or `US_TF_Main_Inbound`.
    DidRange,
    /// `Support_Ext_Pool_4100_4199`.
    ExtensionPool,
    /// `Support_WebRTC_Standard`.
    WebrtcBaseSettings,
    /// `AgentName_WebRTC`.
    WebrtcPhone,
}

/// A name that does not follow its convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name does not follow {expected}")]
pub struct Unconventional {
    /// The convention.
    pub expected: &'static str,
}

impl NamePattern {
    /// The convention in words.
    pub const fn expected(self) -> &'static str {
        match self {
            NamePattern::Site => "<Location>_<Purpose>_<MediaModel>",
            NamePattern::NumberPlan => "<Country>_<Purpose>_<Use>",
            NamePattern::OutboundRoute => "<Network>_<Purpose>",
            NamePattern::Trunk => "<Provider>_<TrunkType>_<Environment> or BYOC-<Role>-<Carrier>",
            NamePattern::TrunkGroup => "TG-<Purpose>",
            NamePattern::Edge => "<Location>_<ObjectType>_<Sequence>",
            NamePattern::EdgeGroup => "<Location>_<Purpose>_Group",
            NamePattern::DidRange => {
                "<Provider>_<Country>_DID_Block_<Sequence> or <Country>_TF_<Purpose>_Inbound"
            }
            NamePattern::ExtensionPool => "<Division>_Ext_Pool_<Start>_<End>",
            NamePattern::WebrtcBaseSettings => "<BusinessArea>_WebRTC_<Purpose>",
            NamePattern::WebrtcPhone => "<Person>_WebRTC",
        }
    }

    /// Whether a name follows the convention.
    ///
    /// # Errors
    /// [`Unconventional`], with the convention.
    pub fn check(self, name: &str) -> Result<(), Unconventional> {
        const TRUNK_TYPES: [&str; 5] = ["BYOCCarrier", "BYOCPBX", "ExternalSIP", "SIPPhone", "WebRTCPhone"];
        let words: Vec<&str> = name.split('_').collect();
        let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let follows = match (self, &words[..]) {
            (NamePattern::Site, [_, .., model]) => {
                words.len() >= 3 && ["Cloud", "Prem", "Premises"].contains(model)
            }
            (NamePattern::NumberPlan | NamePattern::OutboundRoute, words) => words.len() >= 2,
            (NamePattern::Trunk, [_, kind, _]) => TRUNK_TYPES.contains(kind),
            (NamePattern::Trunk, [one]) => one.starts_with("BYOC-") && one.split('-').count() >= 3,
            (NamePattern::TrunkGroup, _) => name.strip_prefix("TG-").is_some_and(|rest| !rest.is_empty()),
            (NamePattern::Edge, [_, .., "Edge", sequence]) => number(sequence),
            (NamePattern::EdgeGroup, [_, .., "Group"]) => words.len() >= 3,
            (NamePattern::DidRange, [_, _, "DID", "Block", sequence]) => number(sequence),
            (NamePattern::DidRange, [_, "TF", _, "Inbound"]) => true,
            (NamePattern::ExtensionPool, [_, "Ext", "Pool", start, end]) => number(start) && number(end),
            (NamePattern::WebrtcBaseSettings, [_, "WebRTC", _]) => true,
            (NamePattern::WebrtcPhone, [_, "WebRTC"]) => true,
            _ => false,
        };
        let words_full = self == NamePattern::TrunkGroup || words.iter().all(|word| !word.is_empty());
        if follows && words_full { Ok(()) } else { Err(Unconventional { expected: self.expected() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TM-057: the examples of the handbook and of the guides follow the conventions.
    #[test]
    fn documented_examples_follow() {
        for (pattern, name) in [
            (NamePattern::Site, "MTY_Main_Cloud"),
            (NamePattern::Site, "MTY_Branch_Prem"),
            (NamePattern::OutboundRoute, "PSTN_Main"),
            (NamePattern::NumberPlan, "MX_National_Dialing"),
            (NamePattern::Edge, "MTY_Edge_01"),
            (NamePattern::EdgeGroup, "MTY_Core_Group"),
            (NamePattern::Edge, "MTY_CHS_Edge_01"),
            (NamePattern::Trunk, "CarrierA_BYOCCarrier_Prod"),
            (NamePattern::Trunk, "CorpPBX_BYOCPBX_Test"),
            (NamePattern::Trunk, "HQ_ExternalSIP_Primary"),
            (NamePattern::ExtensionPool, "Support_Ext_Pool_4100_4199"),
            (NamePattern::DidRange, "CarrierA_US_DID_Block_01"),
            (NamePattern::DidRange, "US_TF_Main_Inbound"),
            (NamePattern::WebrtcBaseSettings, "Support_WebRTC_Standard"),
            (NamePattern::WebrtcPhone, "AgentName_WebRTC"),
            (NamePattern::TrunkGroup, "TG-BYOC-Primary-Failover"),
            (NamePattern::Trunk, "BYOC-Primary-[Carrier]"),
        ] {
            assert_eq!(pattern.check(name), Ok(()), "{name}");
        }
    }

    /// TM-056: a name beside the convention is told, with the convention.
    #[test]
    fn other_names_are_told() {
        for (pattern, name) in [
            (NamePattern::Site, "Monterrey"),
            (NamePattern::Site, "MTY__Cloud"),
            (NamePattern::Edge, "MTY_Edge_one"),
            (NamePattern::Trunk, "CarrierA_Prod"),
            (NamePattern::ExtensionPool, "Support_Ext_Pool_4100"),
            (NamePattern::WebrtcBaseSettings, "Support_Standard"),
        ] {
            assert_eq!(pattern.check(name), Err(Unconventional { expected: pattern.expected() }), "{name}");
        }
    }
}
