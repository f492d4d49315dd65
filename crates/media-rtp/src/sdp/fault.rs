//! What can be wrong with a session description: the limits, the errors that stop the parser, and the faults it keeps going on.

use thiserror::Error;

/// Bounds on one session description. The defaults are those of `SECURITY.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest accepted description in bytes, 16 KiB by default.
    pub bytes: usize,
    /// Largest number of `m=` sections, 32 by default.
    pub media: usize,
    /// Largest number of `a=` lines in the whole description, 256 by default.
    pub attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024, media: 32, attributes: 256 }
    }
}

/// Why a body is no session description this crate can work with. Line numbers count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The body has no bytes at all.
    #[error("the session description is empty")]
    Empty,
    /// More bytes than [`Limits::bytes`].
    #[error("the session description has {actual} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Bytes received.
        actual: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// More `m=` lines than [`Limits::media`].
    #[error("line {line}: more than {limit} media sections")]
    TooManyMedia {
        /// Line of the first section over the limit.
        line: u32,
        /// Sections accepted.
        limit: usize,
    },
    /// More `a=` lines than [`Limits::attributes`].
    #[error("line {line}: more than {limit} attributes")]
    TooManyAttributes {
        /// Line of the first attribute over the limit.
        line: u32,
        /// Attributes accepted.
        limit: usize,
    },
    /// A NUL byte, which no SDP value may hold.
    #[error("line {line}: a NUL byte is not allowed")]
    Nul {
        /// Line of the byte.
        line: u32,
    },
    /// The first line is not `v=`.
    #[error("line 1: a session description starts with v=0")]
    NoVersion,
    /// The version is not 0.
    #[error("line 1: SDP version is not 0")]
    UnsupportedVersion,
    /// An `m=` line without media type, port, protocol or format, or with an impossible port.
    #[error("line {line}: m= needs `media port protocol format…`")]
    BadMediaLine {
        /// Line of the `m=`.
        line: u32,
    },
}

impl ParseError {
    /// The line at fault, counted from 1; `None` when the whole body is meant.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Empty | Self::TooLarge { .. } => None,
            Self::NoVersion | Self::UnsupportedVersion => Some(1),
            Self::TooManyMedia { line, .. }
            | Self::TooManyAttributes { line, .. }
            | Self::Nul { line }
            | Self::BadMediaLine { line } => Some(*line),
        }
    }

    /// A short stable name for logs and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::TooManyMedia { .. } => "too-many-media",
            Self::TooManyAttributes { .. } => "too-many-attributes",
            Self::Nul { .. } => "nul",
            Self::NoVersion => "no-version",
            Self::UnsupportedVersion => "unsupported-version",
            Self::BadMediaLine { .. } => "bad-media-line",
        }
    }
}

/// Something wrong with one line of a description that is otherwise usable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {kind}")]
pub struct Fault {
    /// The line, counted from 1; 0 for a line made by this program.
    pub line: u32,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The line is not of the form `x=value`.
    #[error("not of the form x=value")]
    NotALine,
    /// A type letter RFC 8866 does not define.
    #[error("unknown line type {:?}", char::from(*.0))]
    UnknownType(u8),
    /// A type letter that belongs further up (RFC 8866 §5).
    #[error("{}= is out of order", char::from(*.0))]
    OutOfOrder(u8),
    /// A second line of a type that may occur once.
    #[error("{}= occurs twice", char::from(*.0))]
    Repeated(u8),
    /// A required line is missing; the fault carries the line where it was missed.
    #[error("{}= is missing", char::from(*.0))]
    Missing(u8),
    /// Ends with a bare line feed.
    #[error("ends with LF instead of CRLF")]
    BareLineFeed,
    /// The last line has no end.
    #[error("the last line has no line end")]
    NoFinalLineEnd,
    /// The value is not UTF-8 (often Latin-1).
    #[error("the value is not UTF-8")]
    NotUtf8,
    /// `o=` that cannot be read.
    #[error("o= needs `user id version IN IP4|IP6 address`")]
    BadOrigin,
    /// `c=` that cannot be read.
    #[error("c= needs `IN IP4|IP6 address`")]
    BadConnection,
    /// A known attribute with a value that does not fit its grammar.
    #[error("a={name}: {reason}")]
    BadAttribute {
        /// Name of the attribute.
        name: &'static str,
        /// What its grammar asks for.
        reason: &'static str,
    },
}

impl FaultKind {
    /// A short stable name for logs and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotALine => "not-a-line",
            Self::UnknownType(_) => "unknown-type",
            Self::OutOfOrder(_) => "out-of-order",
            Self::Repeated(_) => "repeated",
            Self::Missing(_) => "missing",
            Self::BareLineFeed => "bare-line-feed",
            Self::NoFinalLineEnd => "no-final-line-end",
            Self::NotUtf8 => "not-utf8",
            Self::BadOrigin => "bad-origin",
            Self::BadConnection => "bad-connection",
            Self::BadAttribute { .. } => "bad-attribute",
        }
    }
}
