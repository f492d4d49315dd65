//! Why the store refused a change.

use thiserror::Error;

use super::{CaId, MANAGE_PERMISSION, ServiceError};

/// Why a change to the trust store was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The caller lacks [`MANAGE_PERMISSION`].
    #[error("missing permission {MANAGE_PERMISSION}")]
    PermissionDenied,
    /// The managed authority is maintained by the platform.
    #[error(
        "{operation} refused: the managed certificate authority is read-only; only remote authorities can be changed"
    )]
    ManagedIsReadOnly {
        /// What was attempted: `add`, `edit` or `delete`.
        operation: &'static str,
    },
    /// The organization already has its managed authority.
    #[error("the organization already has its managed certificate authority; there is exactly one")]
    ManagedExists,
    /// No remote authority has this id.
    #[error("no certificate authority {0}")]
    NotFound(CaId),
    /// The certificate of a saved authority never changes.
    #[error(
        "the certificate of a saved authority cannot be replaced; import the new one and delete this one"
    )]
    CertificateIsImmutable,
    /// Everything in the import is stored already.
    #[error("already imported: {0}; edit its services instead")]
    Duplicate(CaId),
    /// The choice of services is wrong.
    #[error(transparent)]
    Services(#[from] ServiceError),
    /// An enabled trunk depends on it.
    #[error("used by enabled trunk {trunk}; disable the trunk or delete with force")]
    InUse {
        /// The first such trunk.
        trunk: String,
    },
    /// Remote authorities are for premises trunks.
    #[error(
        "remote certificate authorities apply to BYOC Premises; BYOC Cloud trunks accept public authorities only, \
         see the TLS trunk transport documentation"
    )]
    WrongWorkflow,
    /// The store holds as many authorities as it may.
    #[error("the trust store is full at {limit} remote authorities; delete unused ones")]
    Full {
        /// Authorities allowed.
        limit: usize,
    },
}

impl StoreError {
    /// The HTTP status an administration API answers with.
    pub fn status(&self) -> u16 {
        match self {
            Self::PermissionDenied => 403,
            Self::NotFound(_) => 404,
            Self::ManagedIsReadOnly { .. } => 405,
            Self::ManagedExists | Self::Duplicate(_) | Self::InUse { .. } | Self::Full { .. } => 409,
            Self::CertificateIsImmutable | Self::Services(_) | Self::WrongWorkflow => 400,
        }
    }
}
