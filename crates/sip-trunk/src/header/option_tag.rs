//! Comma lists of tokens: option tags, methods, event packages (RFC 3261 §20.5, §20.29, §20.32, §20.37, §20.40; RFC 6665).

use std::fmt;

use super::{FaultKind, Header, HeaderFault, lex::Cursor, text::Token};
use crate::msg::{HeaderName, Method};

macro_rules! option_tags {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name<'a>(pub &'a str);

        impl<'a> Header<'a> for $name<'a> {
            const NAME: HeaderName = HeaderName::$name;

            fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
                let mut cursor = Cursor::begin(value)?;
                let tag = cursor.token()?;
                cursor.end()?;
                Ok(Self(tag))
            }
        }

        impl $name<'_> {
            /// Whether this is `tag`; case does not matter.
            #[must_use]
            pub fn is(&self, tag: &str) -> bool {
                self.0.eq_ignore_ascii_case(tag)
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Token(self.0).fmt(f)
            }
        }
    )+};
}

option_tags! {
    /// An extension the sender understands (RFC 3261 §20.37).
    Supported
    /// An extension the receiver must understand (RFC 3261 §20.32).
    Require
    /// A required extension the sender does not understand (RFC 3261 §20.40).
    Unsupported
    /// An extension proxies must understand (RFC 3261 §20.29).
    ProxyRequire
    /// An event package the sender takes subscriptions for (RFC 6665 §8.2.2).
    AllowEvents
}

/// A method the sender takes (RFC 3261 §20.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Allow<'a>(pub Method<'a>);

impl<'a> Header<'a> for Allow<'a> {
    const NAME: HeaderName = HeaderName::Allow;

    fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut cursor = Cursor::begin(value)?;
        let missing = cursor.fault(FaultKind::Token);
        let method = Method::parse(cursor.token_bytes()?).ok_or(missing)?;
        cursor.end()?;
        Ok(Self(method))
    }
}

impl fmt::Display for Allow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Token(self.0.as_str()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::split_list;

    #[test]
    fn lists_of_tokens_are_read_element_by_element() {
        let tags: Vec<_> =
            split_list(b"timer, 100rel,replaces").map(|e| Supported::parse(e).unwrap().0).collect();
        assert_eq!(tags, ["timer", "100rel", "replaces"]);
        assert!(Require("100rel").is("100REL"));
        let methods: Vec<_> = split_list(b"INVITE, X-New").map(|e| Allow::parse(e).unwrap().0).collect();
        assert_eq!(methods, [Method::Invite, Method::Other("X-New".into())]);
        assert_eq!(AllowEvents::parse(b"presence.winfo").unwrap().to_string(), "presence.winfo");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for bad in ["", "a b", "a;b", "a/b", "\"a\""] {
            assert!(Supported::parse(bad.as_bytes()).is_err(), "{bad}");
            assert!(Allow::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
