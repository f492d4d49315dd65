//! Who may send signalling on a trunk, and the credentials used on it.

use serde::{Deserialize, Serialize};

use crate::value::{IpPrefix, Secret, Text};

/// The access control list of a trunk. A denied address is refused even when it is also allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipAccess {
    /// Addresses that may send. Empty: only the addresses of the trunk's servers.
    pub allow: Vec<IpPrefix>,
    /// Addresses that may not.
    pub deny: Vec<IpPrefix>,
}

impl SipAccess {
    /// Whether the lists let this address in; `None` when they say nothing about it.
    pub fn permits(&self, address: std::net::IpAddr) -> Option<bool> {
        if self.deny.iter().any(|block| block.contains(address)) {
            return Some(false);
        }
        (!self.allow.is_empty()).then(|| self.allow.iter().any(|block| block.contains(address)))
    }
}

/// Credentials for digest authentication (RFC 3261 §22.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// The realm they are for; any when absent.
    pub realm: Option<Text>,
    /// User name.
    pub username: Text,
    /// The password itself, not its hash: the hash depends on the challenge.
    pub password: Secret<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_wins_over_allow() {
        let access = SipAccess {
            allow: vec!["203.0.113.0/24".parse().unwrap()],
            deny: vec!["203.0.113.66".parse().unwrap()],
        };
        assert_eq!(access.permits("203.0.113.7".parse().unwrap()), Some(true));
        assert_eq!(access.permits("203.0.113.66".parse().unwrap()), Some(false));
        assert_eq!(access.permits("198.51.100.1".parse().unwrap()), Some(false));
        assert_eq!(SipAccess::default().permits("198.51.100.1".parse().unwrap()), None);
    }
}
