//! The managed authority of an organization: certificates for edges and phones, revocation lists, rollover.
//!
//! ```text
//!  Signer (file, memory, HSM) ◄── sign ── Authority (root)
//!                                           │ issue_group(name, permitted domains)
//!                                           ▼
//!                                        Authority (one per edge group, name-constrained)
//!                                           │ issue_edge(csr …)        issue_phone(csr, MAC …)
//!                                           ▼                            ▼
//!                                        server + client, ≤ 90 days    client only
//! ```

mod authority;
mod device;
mod renewal;
mod request;
mod rollover;
mod signer;

use thiserror::Error;

pub use authority::{Authority, IssuePolicy, Issued, RevocationReason, Seed};
pub use device::{EdgeIdentity, MacAddress, MacAddressError, PhoneIdentity};
pub use renewal::renewal_time;
pub use request::{RequestError, SigningRequest};
pub use rollover::{Rollover, RolloverError, RolloverPhase};
pub use signer::{FileSigner, MemorySigner, Signer, SignerError, SigningKeyType};

/// Why nothing was issued.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// A name cannot stand in a certificate.
    #[error("{0:?} cannot be a certificate name; use a DNS name in ASCII form")]
    Name(String),
    /// The edge has no name to be contacted under.
    #[error("an edge needs at least one DNS name")]
    NoName,
    /// The group's authority may not issue for this name.
    #[error("{name:?} is outside the domains of this authority ({permitted})")]
    OutsideConstraint {
        /// The refused name.
        name: String,
        /// The permitted domains.
        permitted: String,
    },
    /// The phone has a valid certificate under another key.
    #[error("phone {0} already has a certificate; ask for a re-key to replace it")]
    DuplicatePhone(MacAddress),
    /// The authority is not valid now, or ends before the shortest useful certificate.
    #[error("the authority is not valid at this time; roll it over first")]
    AuthorityNotValid,
    /// The key and the certificate of an authority do not belong together.
    #[error("the signer's key is not the key of the authority's certificate")]
    WrongSigner,
    /// The certificate is no authority.
    #[error("the certificate is not a certificate authority")]
    NotAnAuthority,
    /// A group authority cannot have groups below it.
    #[error("only the root issues group authorities")]
    NotTheRoot,
    /// No certificate with that serial number was issued here.
    #[error("no certificate with serial number {0} was issued here")]
    UnknownSerial(String),
    /// The signer refused, or a value could not be encoded.
    #[error("signing failed: {0}")]
    Signing(String),
}
