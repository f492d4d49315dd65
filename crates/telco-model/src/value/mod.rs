//! Values: the small types every entity is made of. Each is checked once, when it is made, and has one text form.

mod country;
mod id;
mod name;
mod net;
mod number;
mod secret;
mod sip_uri;

pub use country::{CallingCode, CountryCode};
pub use id::*;
pub(crate) use name::is_deceptive;
pub use name::{Classification, EmailAddress, HeaderName, Name, Region, TerminationId, Text, ZoneName};
pub use net::{Dscp, Fqdn, Host, HostPort, IpPrefix, MacAddr, PortRange};
pub use number::{DialPattern, DialString, Digits, E164, E164Range, Extension, NumberKind, ShortRange};
pub use secret::Secret;
pub(crate) use secret::{MASK, reveal};
pub use sip_uri::SipUri;

/// A value that does not have the form it should have.
///
/// The message reads "what why", for example `E.164 number must start with +`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub struct InvalidValue {
    what: &'static str,
    why: &'static str,
}

impl InvalidValue {
    pub(crate) const fn new(what: &'static str, why: &'static str) -> Self {
        InvalidValue { what, why }
    }

    /// What was expected, for example `E.164 number`.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// Serde through `Display` and `FromStr`, so that a value has one text form everywhere.
macro_rules! text_form {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::value::from_text(deserializer)
            }
        }
    };
}
pub(crate) use text_form;

/// Reads a text value without keeping the text.
pub(crate) fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    struct Text<T>(std::marker::PhantomData<T>);

    impl<T: std::str::FromStr> serde::de::Visitor<'_> for Text<T>
    where
        T::Err: std::fmt::Display,
    {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(std::marker::PhantomData))
}
