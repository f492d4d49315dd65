//! A normalised destination, with its URI scheme.

use std::fmt;

use telco_model::value::E164;

use crate::dialled::{DialFault, Dialled, Number, SipAddress};

/// Where a call goes after normalisation. Kept inline: making one allocates nothing.
///
/// Displays as a URI: `tel:+13175550123`, `tel:4100`, `sip:alice@example.com`.
#[expect(clippy::large_enum_variant, reason = "kept inline, so that a decision allocates nothing")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// A number; international ones carry their `+` (RFC 3966 §5.1.4), others are local to the site.
    Tel(Number),
    /// `user@host` of a SIP URI.
    Sip(SipAddress),
}

impl Address {
    /// The number or `user@host`, without scheme.
    pub fn as_str(&self) -> &str {
        match self {
            Address::Tel(number) => number.as_str(),
            Address::Sip(address) => address.as_str(),
        }
    }

    /// The number, when it is a complete E.164 number.
    pub fn e164(&self) -> Option<E164> {
        match self {
            Address::Tel(number) => E164::from_digits(number.international()?).ok(),
            Address::Sip(_) => None,
        }
    }

    /// Whether another pass over the plans could not make it more complete: a `+` number or a SIP address.
    pub(crate) fn is_absolute(&self) -> bool {
        match self {
            Address::Tel(number) => number.international().is_some(),
            Address::Sip(_) => true,
        }
    }

    /// Reads what a plan's format produced: `tel:`, `sip:`, `sips:` or plain.
    pub(crate) fn parse(text: &str) -> Result<Self, DialFault> {
        Dialled::parse(text).map(Self::from)
    }
}

impl From<Dialled> for Address {
    fn from(dialled: Dialled) -> Self {
        match dialled {
            Dialled::Number(number) => Address::Tel(number),
            Dialled::SipAddress(address) => Address::Sip(address),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tel(number) => write!(f, "tel:{number}"),
            Address::Sip(address) => write!(f, "sip:{address}"),
        }
    }
}
