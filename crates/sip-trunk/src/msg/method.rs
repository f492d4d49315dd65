//! Request methods: an open set, compared case-sensitively.

use std::borrow::Cow;
use std::fmt;

use super::token::is_token;

/// A request method (RFC 3261 §7.1): the registered ones by name, any other token as it was sent.
///
/// RFC 3261 §7.1: methods are case-sensitive, so `Invite` is an extension method and not `INVITE`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method<'a> {
    /// Confirms a final answer to INVITE (RFC 3261).
    Ack,
    /// Ends a session (RFC 3261).
    Bye,
    /// Withdraws a pending request (RFC 3261).
    Cancel,
    /// Carries application data inside a dialog (RFC 6086).
    Info,
    /// Opens or changes a session (RFC 3261).
    Invite,
    /// Carries an instant message (RFC 3428).
    Message,
    /// Reports an event to a subscriber (RFC 6665).
    Notify,
    /// Asks for capabilities (RFC 3261).
    Options,
    /// Acknowledges a provisional answer (RFC 3262).
    Prack,
    /// Publishes event state (RFC 3903).
    Publish,
    /// Asks the peer to contact a third party (RFC 3515).
    Refer,
    /// Binds an address of record to contacts (RFC 3261).
    Register,
    /// Asks for event notifications (RFC 6665).
    Subscribe,
    /// Changes a session before it is confirmed (RFC 3311).
    Update,
    /// Any other method, spelt as on the wire.
    Other(Cow<'a, str>),
}

impl<'a> Method<'a> {
    /// Reads a method from its bytes; `None` when they are not a token.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Some(match bytes {
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"INFO" => Self::Info,
            b"INVITE" => Self::Invite,
            b"MESSAGE" => Self::Message,
            b"NOTIFY" => Self::Notify,
            b"OPTIONS" => Self::Options,
            b"PRACK" => Self::Prack,
            b"PUBLISH" => Self::Publish,
            b"REFER" => Self::Refer,
            b"REGISTER" => Self::Register,
            b"SUBSCRIBE" => Self::Subscribe,
            b"UPDATE" => Self::Update,
            other if is_token(other) => Self::Other(Cow::Borrowed(std::str::from_utf8(other).ok()?)),
            _ => return None,
        })
    }

    /// The method as it is written in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Invite => "INVITE",
            Self::Message => "MESSAGE",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Publish => "PUBLISH",
            Self::Refer => "REFER",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Update => "UPDATE",
            Self::Other(name) => name,
        }
    }

    /// The same method without a borrow; allocates for extension methods only.
    pub fn into_owned(self) -> Method<'static> {
        match self {
            Self::Ack => Method::Ack,
            Self::Bye => Method::Bye,
            Self::Cancel => Method::Cancel,
            Self::Info => Method::Info,
            Self::Invite => Method::Invite,
            Self::Message => Method::Message,
            Self::Notify => Method::Notify,
            Self::Options => Method::Options,
            Self::Prack => Method::Prack,
            Self::Publish => Method::Publish,
            Self::Refer => Method::Refer,
            Self::Register => Method::Register,
            Self::Subscribe => Method::Subscribe,
            Self::Update => Method::Update,
            Self::Other(name) => Method::Other(Cow::Owned(name.into_owned())),
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 §7.1: an unknown token is an extension method, and case matters.
    #[test]
    fn methods_are_open_and_case_sensitive() {
        assert_eq!(Method::parse(b"INVITE"), Some(Method::Invite));
        assert_eq!(Method::parse(b"Invite"), Some(Method::Other("Invite".into())));
        let odd = b"!interesting-Method0123456789_*+`.%indeed'~";
        assert_eq!(Method::parse(odd).unwrap().as_str().as_bytes(), odd);
        assert_eq!(Method::parse(b"BAD METHOD"), None);
        assert_eq!(Method::parse(b"B\xc3\xa9"), None);
        assert_eq!(Method::parse(b""), None);
    }

    #[test]
    fn every_method_prints_as_it_parses() {
        for name in [
            "ACK",
            "BYE",
            "CANCEL",
            "INFO",
            "INVITE",
            "MESSAGE",
            "NOTIFY",
            "OPTIONS",
            "PRACK",
            "PUBLISH",
            "REFER",
            "REGISTER",
            "SUBSCRIBE",
            "UPDATE",
            "NEWTHING",
        ] {
            let method = Method::parse(name.as_bytes()).unwrap();
            assert_eq!(method.to_string(), name);
            assert_eq!(method.clone().into_owned(), method);
            assert_eq!(matches!(method, Method::Other(_)), name == "NEWTHING");
        }
    }
}
