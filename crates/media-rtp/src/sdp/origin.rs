//! `o=`: who made the description, and which version of it this is.

use std::fmt;

/// The `o=` line (RFC 8866 §5.2): `user id version IN IP4|IP6 address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` when there is none. Some devices put spaces into it.
    pub user: String,
    /// Session id: decimal digits, kept as text because peers exceed 64 bits.
    pub session_id: String,
    /// Version: decimal digits, raised with every changed description.
    pub version: String,
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// Address or host name of the sender; never used as a media target.
    pub address: String,
}

impl Origin {
    /// Reads the value of an `o=` line. Counts from the right, so a user name with spaces is kept whole.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut fields = value.trim_end().rsplitn(6, ' ');
        let (address, address_type, network) = (fields.next()?, fields.next()?, fields.next()?);
        let (version, session_id, user) = (fields.next()?, fields.next()?, fields.next()?);
        let complete = [address, address_type, version, session_id, user].iter().all(|f| !f.is_empty());
        (complete && network.eq_ignore_ascii_case("IN")).then(|| Self {
            user: user.to_owned(),
            session_id: session_id.to_owned(),
            version: version.to_owned(),
            address_type: address_type.to_owned(),
            address: address.to_owned(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, session_id, version, address_type, address } = self;
        write!(f, "{user} {session_id} {version} IN {address_type} {address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_name_with_spaces_is_kept() {
        let value = "Front Desk 2890844526 2890842807 IN IP4 host.example.com";
        let origin = Origin::parse(value).unwrap();
        assert_eq!(origin.user, "Front Desk");
        assert_eq!(origin.to_string(), value);
    }

    #[test]
    fn incomplete_origin_is_refused() {
        for value in ["", "-", "- 1 1 IN IP4", "- 1 1 XX IP4 a", "- 1  IN IP4 a", "1 1 IN IP4 a"] {
            assert_eq!(Origin::parse(value), None, "{value}");
        }
    }
}
