//! Identifiers: one newtype over a UUID per kind of entity, so that a site can never be passed for a trunk.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::{InvalidValue, text_form};

/// Labels in documents become version 5 UUIDs in this namespace, one sub-space per kind.
const LABELS: Uuid = Uuid::from_u128(0x7e1c_0001_5b1d_5a0e_9f43_0c0f_fee0_0001);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// Text form: a UUID. A document may also say `@label` (letters, digits, `.`, `_`, `-`): the label stands for
        /// the version 5 UUID of the kind and the label, so the same label is the same id in every document.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            pub const fn from_u128(value: u128) -> Self {
                $name(Uuid::from_u128(value))
            }

            /// The value of the id.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }

            /// The id a label stands for in documents (written there `@label`).
            pub fn labelled(label: &str) -> Self {
                $name(labelled($kind, label))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                parse($kind, text).map($name)
            }
        }

        text_form!($name);
    )*};
}

ids! {
    /// Names an organization.
    OrganizationId = "organization";
    /// Names a division: the access-control boundary of users, extension pools and phones.
    DivisionId = "division";
    /// Names a role: a set of permissions.
    RoleId = "role";
    /// Names an OAuth client: a program that changes the organization.
    OAuthClientId = "oauth_client";
    /// Names a user (a person).
    UserId = "user";
    /// Names a location: a civic address.
    LocationId = "location";
    /// Names a site: the home of a set of phones.
    SiteId = "site";
    /// Names one number plan of a site.
    NumberPlanId = "number_plan";
    /// Names one outbound route of a site.
    OutboundRouteId = "outbound_route";
    /// Names a dial plan.
    DialPlanId = "dial_plan";
    /// Names a trunk (its base settings).
    TrunkId = "trunk";
    /// Names a trunk as it runs on one edge, or in the cloud.
    TrunkInstanceId = "trunk_instance";
    /// Names a trunk group.
    TrunkGroupId = "trunk_group";
    /// Names a range of DID or toll-free numbers.
    DidRangeId = "did_range";
    /// Names the assignment of one number to its owner.
    DidAssignmentId = "did_assignment";
    /// Names a pool of extensions.
    ExtensionPoolId = "extension_pool";
    /// Names an edge.
    EdgeId = "edge";
    /// Names an edge group.
    EdgeGroupId = "edge_group";
    /// Names a phone.
    PhoneId = "phone";
    /// Names phone base settings: a profile shared by phones of one model.
    BaseSettingsId = "base_settings";
    /// Names a certificate authority.
    CertificateAuthorityId = "certificate_authority";
    /// Names a call flow.
    CallFlowId = "call_flow";
    /// Names an inbound route.
    InboundRouteId = "inbound_route";
}

fn parse(kind: &'static str, text: &str) -> Result<Uuid, InvalidValue> {
    match text.strip_prefix('@') {
        Some(label) if is_label(label) => Ok(labelled(kind, label)),
        Some(_) => {
            Err(InvalidValue::new("label", "must be 1 to 64 letters, digits, '.', '_' or '-' after the @"))
        }
        None => {
            Uuid::try_parse(text).map_err(|_| InvalidValue::new("id", "must be a UUID, or @ and a label"))
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=64).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn labelled(kind: &str, label: &str) -> Uuid {
    Uuid::new_v5(&Uuid::new_v5(&LABELS, kind.as_bytes()), label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_same_id_everywhere_and_another_for_another_kind() {
        let site: SiteId = "@mty-main".parse().unwrap();
        assert_eq!(site, SiteId::labelled("mty-main"));
        assert_eq!(site.to_string().parse::<SiteId>().unwrap(), site);
        assert_ne!(site.as_u128(), TrunkId::labelled("mty-main").as_u128());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "@", "mty", "@a b", "@\u{202e}x", "123", &format!("@{}", "x".repeat(65))] {
            assert!(text.parse::<SiteId>().is_err(), "{text:?}");
        }
    }
}
