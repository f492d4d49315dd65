//! Who may know the caller: Privacy (RFC 3323, RFC 3325 §9.3), and the older Remote-Party-ID.

use std::fmt;

use super::{FaultKind, Header, HeaderFault, address::addresses, lex::Cursor, text::Token};
use crate::msg::HeaderName;

/// The kinds of privacy a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privacy<'a> {
    raw: &'a str,
}

impl<'a> Privacy<'a> {
    /// Each kind, as written: `id`, `header`, `session`, `user`, `none`, `critical`, `history`, or another token.
    pub fn kinds(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.raw.split([';', ',']).map(str::trim_ascii)
    }

    /// Whether `kind` is asked for (any case).
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.kinds().any(|k| k.eq_ignore_ascii_case(kind))
    }

    /// Whether the asserted identity is to be withheld outside the trusted network.
    // RFC 3325 §9.3: `id` asks for it; RFC 3323 §4.2: `none` overrules everything.
    #[must_use]
    pub fn withholds_identity(&self) -> bool {
        (self.has("id") || self.has("user")) && !self.has("none")
    }
}

impl<'a> Header<'a> for Privacy<'a> {
    const NAME: HeaderName = HeaderName::Privacy;

    // RFC 3323 §4.2 separates by semicolons; commas occur and mean the same.
    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let start = cursor.at();
        loop {
            cursor.token()?;
            let end = cursor.at();
            cursor.skip_lws();
            if !cursor.eat(b';') && !cursor.eat(b',') {
                cursor.end()?;
                let raw = std::str::from_utf8(&value[start..end]);
                return raw
                    .map(|raw| Self { raw })
                    .map_err(|_| HeaderFault { kind: FaultKind::Character, at: start });
            }
            cursor.skip_lws();
        }
    }
}

impl fmt::Display for Privacy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kinds()
            .enumerate()
            .try_for_each(|(n, kind)| write!(f, "{}{}", if n > 0 { ";" } else { "" }, Token(kind)))
    }
}

addresses! {
    /// The identity of a party as PBXs assert it that predate RFC 3325 (draft-ietf-sip-privacy-04).
    RemotePartyId
}

/// Which party a Remote-Party-ID is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// The caller; also when nothing is said.
    Calling,
    /// The callee.
    Called,
}

impl RemotePartyId<'_> {
    /// Whom this is about.
    #[must_use]
    pub fn party(&self) -> Party {
        match self.0.params.token("party") {
            Some(party) if party.eq_ignore_ascii_case("called") => Party::Called,
            Some(_) | None => Party::Calling,
        }
    }

    /// Whether the sender has verified it.
    #[must_use]
    pub fn is_screened(&self) -> bool {
        self.0.params.token("screen").is_some_and(|s| s.eq_ignore_ascii_case("yes"))
    }

    /// Whether it is to be withheld.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.0.params.get("privacy").is_some_and(|p| !p.text().eq_ignore_ascii_case("off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3323 §4.2 and RFC 3325 §9.3.
    #[test]
    fn privacy_is_a_list_of_kinds() {
        let privacy = Privacy::parse(b" id ; Critical;\r\n session").unwrap();
        assert_eq!(privacy.kinds().collect::<Vec<_>>(), ["id", "Critical", "session"]);
        assert!(privacy.has("critical") && privacy.withholds_identity());
        assert_eq!(privacy.to_string(), "id;Critical;session");
        assert!(!Privacy::parse(b"none").unwrap().withholds_identity());
        assert!(Privacy::parse(b"header,id").unwrap().withholds_identity());
        for bad in ["", ";", "id;", "id user", "id;;user"] {
            assert!(Privacy::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn remote_party_ids_say_who_and_how_sure() {
        let rpid = RemotePartyId::parse(b"\"A\" <sip:+1202@h>;party=calling;screen=yes;privacy=off").unwrap();
        assert!(rpid.party() == Party::Calling && rpid.is_screened() && !rpid.is_private());
        let other = RemotePartyId::parse(b"<sip:+1202@h>;party=called;privacy=full").unwrap();
        assert!(other.party() == Party::Called && !other.is_screened() && other.is_private());
    }
}
