use thiserror::Error;

use crate::uri::{UriFault, UriFaultKind};

/// Why a header value cannot be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} at byte {at} of the value")]
pub struct HeaderFault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Offset of the offending byte from the start of the value.
    pub at: usize,
}

/// What is wrong with a header value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// Nothing where a value is required.
    #[error("write a value")]
    Empty,
    /// A byte that may not stand here: a control character, or text outside quotes.
    #[error("remove or quote this character")]
    Character,
    /// A token is missing.
    #[error("write a token")]
    Token,
    /// A quoted string without its end.
    #[error("close the quoted string")]
    Quote,
    /// `<` without `>`.
    #[error("close the angle bracket")]
    Bracket,
    /// A comment without its end.
    #[error("close the comment")]
    Comment,
    /// A `;` without a parameter name, or a parameter without a required value.
    #[error("write a parameter as ;name or ;name=value")]
    Param,
    /// A parameter the grammar demands is missing or unusable.
    #[error("add the required parameter {0}")]
    Missing(&'static str),
    /// Not a decimal number, or one larger than the field may be.
    #[error("write a decimal number no larger than {0}")]
    Number(u64),
    /// Something after the value.
    #[error("remove what follows the value")]
    Trailing,
    /// A separator such as `/`, `=` or `:` is missing.
    #[error("write {0:?} here")]
    Separator(char),
    /// A host, address or port is malformed.
    #[error("write a host, with a port between 0 and 65535 if any")]
    Host,
    /// A URI with `,`, `;` or `?` outside angle brackets.
    #[error("put the URI in angle brackets")]
    Unbracketed,
    /// A malformed URI.
    #[error("{0}")]
    Uri(UriFaultKind),
    /// Not an RFC 1123 date in GMT.
    #[error("write a date such as Sat, 13 Nov 2010 23:29:00 GMT")]
    Date,
    /// A scheme of authentication other than Digest.
    #[error("use the Digest scheme")]
    Scheme,
    /// The same parameter twice where only one can hold.
    #[error("send the parameter {0} once")]
    Duplicate(&'static str),
    /// User-to-user data that does not fit its encoding.
    #[error("encode the data as the encoding parameter says")]
    Encoding,
    /// A body part without its delimiter, or a boundary nothing matches.
    #[error("end every body part with the boundary")]
    Boundary,
}

pub(crate) fn fault(kind: FaultKind, at: usize) -> HeaderFault {
    HeaderFault { kind, at }
}

impl HeaderFault {
    pub(crate) fn uri(fault: UriFault, start: usize) -> Self {
        Self { kind: FaultKind::Uri(fault.kind), at: start + fault.at }
    }
}
