//! Questions to the domain name system and their answers.

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

/// One question under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub(super) u64);

/// A question: a name and the type of record asked for. Names are lower case and without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: QueryKind,
}

/// The record types RFC 3263 uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueryKind {
    /// Which transports a domain offers, and where their SRV records are.
    Naptr,
    /// The servers of a service, with priority and weight.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// Records of the type asked for, or why there are none.
pub type Answer = Result<Vec<Record>, ResolveError>;

/// A record and for how long it may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its lifetime.
    pub ttl: Duration,
    /// What it says.
    pub data: RecordData,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordData {
    /// A NAPTR record (RFC 3403 §4.1).
    Naptr {
        /// Lower goes first.
        order: u16,
        /// Lower goes first within one order.
        preference: u16,
        /// `s`: the replacement is the name of SRV records.
        flags: String,
        /// Such as `SIP+D2U`.
        service: String,
        /// The next name to ask for.
        replacement: String,
    },
    /// An SRV record (RFC 2782).
    Srv {
        /// Lower goes first.
        priority: u16,
        /// Share of the load within one priority.
        weight: u16,
        /// The server's port.
        port: u16,
        /// The server's name; empty or `.` when the service is decidedly not offered.
        target: String,
    },
    /// An A or AAAA record.
    Address(IpAddr),
}

/// Why a question has no records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name does not exist, or has no record of this type.
    #[error("no such record")]
    NotFound,
    /// No server answered, or one reported a failure; the text is the resolver's.
    #[error("{0}")]
    Failed(String),
}
