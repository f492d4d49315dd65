//! Links about the call: Call-Info, Alert-Info and Error-Info (RFC 3261 §20.9, §20.4, §20.18).

use super::address::addresses;

addresses! {
    /// Something to know about a party: a picture, a card, a list of services (RFC 3261 §20.9).
    CallInfo
    /// What to ring with (RFC 3261 §20.4).
    AlertInfo
    /// More about an error (RFC 3261 §20.18).
    ErrorInfo
}

impl<'a> CallInfo<'a> {
    /// What the link is for: `icon`, `info`, `card`, `EmergencyCallData.…`, or another token.
    #[must_use]
    pub fn purpose(&self) -> Option<&'a str> {
        self.0.params.token("purpose")
    }

    /// Whether the link is additional data of an emergency call (RFC 7852 §6.1).
    #[must_use]
    pub fn is_emergency_data(&self) -> bool {
        let prefix = "EmergencyCallData.";
        self.purpose().and_then(|p| p.get(..prefix.len())).is_some_and(|p| p.eq_ignore_ascii_case(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, split_list};

    /// RFC 3261 §20.9 and RFC 7852 §6.1.
    #[test]
    fn links_say_what_they_are_for() {
        let value = b"<http://www.example.com/alice/photo.jpg> ;purpose=icon,\r\n <cid:1234567890@h>;purpose=EmergencyCallData.ProviderInfo";
        let infos: Vec<_> = split_list(value).map(|e| CallInfo::parse(e).unwrap()).collect();
        assert_eq!(infos[0].purpose(), Some("icon"));
        assert!(!infos[0].is_emergency_data() && infos[1].is_emergency_data());
        assert_eq!(
            AlertInfo::parse(b"<urn:alert:service:call-waiting>").unwrap().uri.as_str(),
            "urn:alert:service:call-waiting"
        );
    }
}
