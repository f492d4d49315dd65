use thiserror::Error;

/// Why bytes are not a URI, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} at byte {at} of the URI")]
pub struct UriFault {
    /// What is wrong.
    pub kind: UriFaultKind,
    /// Offset of the offending byte from the start of the URI.
    pub at: usize,
}

/// What is wrong with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriFaultKind {
    /// No `scheme:` in front.
    #[error("write a scheme such as sip: in front")]
    Scheme,
    /// A byte that may not stand in a URI.
    #[error("escape this character as %HH")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("write two hexadecimal digits after %")]
    Escape,
    /// `sip:@host`.
    #[error("leave out the @ or write a user before it")]
    User,
    /// The host is empty, misspelled, or a bad address literal.
    #[error("write a host name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    /// The port is no number in 0..=65535.
    #[error("write a port between 0 and 65535")]
    Port,
    /// A `;` without a name after it.
    #[error("write a parameter name after ;")]
    Param,
    /// More than [`super::MAX_PARAMS`] parameters.
    #[error("send at most {max} parameters", max = super::MAX_PARAMS)]
    TooManyParams,
    /// A `tel:` URI without digits.
    #[error("write the digits of a telephone number")]
    Number,
    /// A `urn:` without namespace or name.
    #[error("write urn:namespace:name")]
    Urn,
    /// Nothing after the scheme.
    #[error("write something after the scheme")]
    Empty,
    /// More than 65,535 bytes.
    #[error("send at most 65,535 bytes")]
    TooLong,
}

pub(super) fn fault(kind: UriFaultKind, at: usize) -> UriFault {
    UriFault { kind, at }
}
