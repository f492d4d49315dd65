//! Why an import was refused: what, in which line, and what to do instead.

use std::fmt;

use thiserror::Error;

use super::Found;
use crate::cert::CertificateError;

/// Why nothing was imported. Lines count from 1; no variant carries octets of the input beyond a certificate's own
/// public names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Nothing but white space, or no certificate.
    #[error(
        "nothing to import; give a .crt file or paste the text from BEGIN CERTIFICATE to END CERTIFICATE"
    )]
    Empty,
    /// More octets than the limit.
    #[error("{octets} octets exceed the limit of {limit}; import only the authorities that are needed")]
    TooLarge {
        /// Octets given.
        octets: usize,
        /// Octets allowed.
        limit: usize,
    },
    /// More PEM blocks than the limit.
    #[error("line {line}: more than {limit} certificates; import only the authorities that are needed")]
    TooManyCertificates {
        /// Line of the first block too many.
        line: usize,
        /// Blocks allowed.
        limit: usize,
    },
    /// One certificate is larger than the limit.
    #[error("{}certificate larger than {limit} octets; no telephony peer accepts it", At(*line))]
    CertificateTooLarge {
        /// Line of its `BEGIN`.
        line: Option<usize>,
        /// Octets allowed.
        limit: usize,
    },
    /// A private key, encrypted or not, is anywhere in the input.
    #[error(
        "{}a private key does not belong here; nothing was kept. Consider the key exposed and paste only certificates",
        At(*line)
    )]
    PrivateKey {
        /// Line where it starts.
        line: Option<usize>,
    },
    /// Something else than a certificate, recognised.
    #[error("{}this is {found}, not a certificate; {}", At(*line), found.advice())]
    NotACertificate {
        /// What it is.
        found: Found,
        /// Line where it starts.
        line: Option<usize>,
    },
    /// A block label that is not known.
    #[error("line {line}: unknown block label; expected BEGIN CERTIFICATE")]
    UnknownLabel {
        /// Line of the `BEGIN`.
        line: usize,
    },
    /// `BEGIN` without its five dashes before or after.
    #[error("line {line}: the BEGIN or END line is damaged; it needs five dashes on both sides")]
    DamagedBoundary {
        /// Line of the boundary.
        line: usize,
    },
    /// A `BEGIN` inside a block that has not ended.
    #[error("line {line}: a new BEGIN before the END of the block from line {opened}")]
    NestedBegin {
        /// Line of the inner `BEGIN`.
        line: usize,
        /// Line of the outer `BEGIN`.
        opened: usize,
    },
    /// `END` carries another label than `BEGIN`.
    #[error("line {line}: END does not match the BEGIN in line {opened}")]
    MismatchedEnd {
        /// Line of the `END`.
        line: usize,
        /// Line of the `BEGIN`.
        opened: usize,
    },
    /// An `END` without `BEGIN`.
    #[error("line {line}: END without BEGIN; the beginning of the text is missing")]
    StrayEnd {
        /// Line of the `END`.
        line: usize,
    },
    /// The text stops inside a block.
    #[error("line {opened}: the block has no END line; the text was cut off")]
    MissingEnd {
        /// Line of the `BEGIN`.
        opened: usize,
    },
    /// A character that is not base64.
    #[error("line {line}: a character that is not base64; copy the text again from the original file")]
    BadBase64 {
        /// Line of the first such character.
        line: usize,
    },
    /// The base64 stops in the middle of a group.
    #[error("line {line}: the base64 text is cut off; copy it again up to the END line")]
    TruncatedBase64 {
        /// Last line with text.
        line: usize,
    },
    /// The `=` at the end do not fit.
    #[error("line {line}: wrong base64 padding; copy the text again from the original file")]
    BadPadding {
        /// Line of the padding.
        line: usize,
    },
    /// A NUL octet.
    #[error("line {line}: a NUL octet; this is not text. Save the file as PEM or give the DER file itself")]
    Nul {
        /// Line of the first NUL.
        line: usize,
    },
    /// UTF-16 text, as some Windows editors save it.
    #[error("the text is UTF-16; save it as UTF-8 or ANSI")]
    Utf16,
    /// A non-ASCII character inside a block.
    #[error(
        "line {line}: a non-ASCII character inside the block; copy the text again from the original file"
    )]
    NonAscii {
        /// Line of the character.
        line: usize,
    },
    /// Base64 without the `BEGIN` and `END` lines.
    #[error("the BEGIN CERTIFICATE and END CERTIFICATE lines are missing; paste them too")]
    MissingArmour,
    /// Neither text with a certificate nor DER.
    #[error("no certificate found; give a .crt file (PEM or DER) or paste its text")]
    NotText,
    /// The block decodes, but is not a readable certificate.
    #[error("{}{reason}", At(*line))]
    Malformed {
        /// Line of the `BEGIN`.
        line: Option<usize>,
        /// What the reader said.
        reason: CertificateError,
    },
    /// Certificates were read, none may act as an authority.
    #[error("{}{subject:?} {reason}; {}", At(*line), advise_not_ca(*self_issued))]
    NoAuthority {
        /// Line of the first certificate.
        line: Option<usize>,
        /// Its display name.
        subject: String,
        /// Why it is no authority.
        reason: &'static str,
        /// Whether it signed itself, so that pinning is an option.
        self_issued: bool,
    },
    /// Pinning takes exactly one certificate.
    #[error("pinning takes exactly one server certificate, not {count}")]
    PinTakesOne {
        /// Certificates given.
        count: usize,
    },
    /// A certificate with an issuer is trusted by importing the issuer.
    #[error("{}this certificate was issued by {issuer:?}; import that authority instead of pinning", At(*line))]
    PinNotSelfSigned {
        /// Line of the `BEGIN`.
        line: Option<usize>,
        /// The issuer, cleaned for display.
        issuer: String,
    },
    /// The pinned key could never complete a handshake.
    #[error("{}it uses {reason}; TLS refuses it, have the server's certificate replaced", At(*line))]
    WeakKey {
        /// Line of the `BEGIN`.
        line: Option<usize>,
        /// What is weak.
        reason: &'static str,
    },
}

impl ImportError {
    /// The line the error points at, where there is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::TooManyCertificates { line, .. }
            | Self::UnknownLabel { line }
            | Self::DamagedBoundary { line }
            | Self::NestedBegin { line, .. }
            | Self::MismatchedEnd { line, .. }
            | Self::StrayEnd { line }
            | Self::MissingEnd { opened: line }
            | Self::BadBase64 { line }
            | Self::TruncatedBase64 { line }
            | Self::BadPadding { line }
            | Self::Nul { line }
            | Self::NonAscii { line } => Some(*line),
            Self::CertificateTooLarge { line, .. }
            | Self::PrivateKey { line }
            | Self::NotACertificate { line, .. }
            | Self::Malformed { line, .. }
            | Self::NoAuthority { line, .. }
            | Self::PinNotSelfSigned { line, .. }
            | Self::WeakKey { line, .. } => *line,
            Self::Empty
            | Self::TooLarge { .. }
            | Self::Utf16
            | Self::MissingArmour
            | Self::NotText
            | Self::PinTakesOne { .. } => None,
        }
    }
}

/// `line N: ` where a line is known.
struct At(Option<usize>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, "line {line}: "),
            None => Ok(()),
        }
    }
}

fn advise_not_ca(self_issued: bool) -> &'static str {
    if self_issued {
        "import the authority that issued it, or pin this self-signed server certificate"
    } else {
        "import the authority that issued it"
    }
}
