//! Where a request goes: from a URI to an ordered list of servers (RFC 3263).

mod query;

pub use query::{Answer, LookupId, Query, QueryKind, Record, RecordData, ResolveError};
