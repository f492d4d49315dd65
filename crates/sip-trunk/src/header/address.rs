//! The headers whose elements are one address (RFC 3261 §20, RFC 3327, RFC 3608, RFC 3325, RFC 7315).

/// Headers whose view is [`super::NameAddr`] under a name of its own.
macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(pub $crate::header::NameAddr<'a>);

        impl<'a> $crate::header::Header<'a> for $name<'a> {
            const NAME: $crate::msg::HeaderName = $crate::msg::HeaderName::$name;

            fn parse(value: &'a [u8]) -> Result<Self, $crate::header::HeaderFault> {
                $crate::header::NameAddr::parse(value).map(Self)
            }
        }

        impl<'a> std::ops::Deref for $name<'a> {
            type Target = $crate::header::NameAddr<'a>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl std::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

pub(super) use addresses;

addresses! {
    /// Who sends the request, with the dialog tag (RFC 3261 §20.20).
    From
    /// Whom the request is meant for, with the dialog tag (RFC 3261 §20.39).
    To
    /// A proxy the request still has to visit (RFC 3261 §20.34).
    Route
    /// A proxy that wants to stay in the dialog (RFC 3261 §20.30).
    RecordRoute
    /// A proxy between registrar and phone (RFC 3327).
    Path
    /// A proxy the registrar wants further requests to go through (RFC 3608).
    ServiceRoute
    /// Where a call back should go (RFC 3261 §20.31).
    ReplyTo
    /// The identity a trusted network vouches for (RFC 3325 §9.1).
    PAssertedIdentity
    /// The identity a user prefers to be asserted (RFC 3325 §9.2).
    PPreferredIdentity
    /// A URI the registrar associates with the registered one (RFC 7315 §4.1).
    PAssociatedUri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{header::Header, msg::HeaderName};

    /// RFC 3261 §20.20, §20.30 and §20.39: each header is an address with its own name.
    #[test]
    fn each_header_reads_as_its_address() {
        let from = From::parse(b"\"A\" <sip:a@b>;tag=1").unwrap();
        assert_eq!((from.tag(), from.uri.as_str()), (Some("1"), "sip:a@b"));
        let route = RecordRoute::parse(b"<sip:p1.example.com;lr>").unwrap();
        assert!(route.uri.as_sip().is_some_and(|s| s.is_loose_router()));
        assert_eq!((From::NAME, RecordRoute::NAME), (HeaderName::From, HeaderName::RecordRoute));
        assert_eq!(route.to_string(), "<sip:p1.example.com;lr>");
    }
}
