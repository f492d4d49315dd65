//! The document form of an organization, JSON or TOML: everything it is, in one text.
//!
//! A document has `format = 1`, an `organization` table with its settings (an organization without settings leaves it
//! out), and one list per kind of entity (`locations`, `sites`, `trunks` …). Ids are UUIDs, or `@label`, which stands for
//! the same UUID everywhere. Fields that are not known are refused, so that a slip of the pen is not silently ignored.
//! `meta` holds versions and stamps by entity; a document written by hand leaves it out.
//!
//! Exporting and importing is the identity, when secrets are exposed. Redacted secrets are written `***`, and a
//! document that holds one is refused.

mod names;
mod read;
mod write;

pub use read::{Unread, parse};
pub use write::Secrets;

/// How a document is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// TOML 1.0.
    Toml,
}

impl Format {
    /// The form a file has by its name: TOML when it ends in `.toml`, else JSON.
    pub fn of_path(path: &std::path::Path) -> Self {
        match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some(end) if end.eq_ignore_ascii_case("toml") => Format::Toml,
            _ => Format::Json,
        }
    }
}

/// The version of the document form.
pub(crate) const VERSION: u64 = 1;
/// The longest document read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Hands the lists of a document to another macro: its key, and the kind.
macro_rules! for_each_list {
    ($apply:ident) => {
        $apply! {
            divisions: Division,
            roles: Role,
            oauth_clients: OAuthClient,
            locations: Location,
            certificate_authorities: CertificateAuthority,
            sites: Site,
            trunks: Trunk,
            trunk_groups: TrunkGroup,
            edge_groups: EdgeGroup,
            edges: Edge,
            did_ranges: DidRange,
            outbound_routes: OutboundRoute,
            dial_plans: DialPlan,
            extension_pools: ExtensionPool,
            users: User,
            base_settings: BaseSettings,
            phones: Phone,
            call_flows: CallFlow,
            inbound_routes: InboundRoute,
            did_assignments: DidAssignment,
        }
    };
}
use for_each_list;
