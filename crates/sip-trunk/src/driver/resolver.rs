//! Who answers questions to the domain name system.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use crate::locate::{Answer, Query, QueryKind, Record, RecordData, ResolveError};

/// An answer under way.
pub type Lookup = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Answers questions; several at once.
pub trait Resolver: Send + Sync {
    /// The answer to one question.
    fn resolve(&self, query: Query) -> Lookup;
}

/// The resolver of the system. It knows addresses only: for NAPTR and SRV records, which carriers use to spread load
/// and to fail over, use [`HickoryResolver`] (feature `hickory`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

/// The system does not tell how long its answers live.
const SYSTEM_TTL: Duration = Duration::from_secs(60);

impl Resolver for SystemResolver {
    fn resolve(&self, query: Query) -> Lookup {
        Box::pin(async move {
            let wants = |address: &IpAddr| match query.kind {
                QueryKind::A => address.is_ipv4(),
                QueryKind::Aaaa => address.is_ipv6(),
                QueryKind::Naptr | QueryKind::Srv => false,
            };
            if matches!(query.kind, QueryKind::Naptr | QueryKind::Srv) {
                return Err(ResolveError::NotFound);
            }
            let found = tokio::net::lookup_host((query.name.as_str(), 0)).await;
            let found = found.map_err(|error| ResolveError::Failed(error.to_string()))?;
            let addresses = found.map(|socket| socket.ip()).filter(wants);
            let records: Vec<_> = addresses
                .map(|address| Record { ttl: SYSTEM_TTL, data: RecordData::Address(address) })
                .collect();
            if records.is_empty() { Err(ResolveError::NotFound) } else { Ok(records) }
        })
    }
}

/// A resolver that asks the name servers of the system for all record types.
#[cfg(feature = "hickory")]
#[derive(Debug, Clone)]
pub struct HickoryResolver(hickory_resolver::TokioResolver);

#[cfg(feature = "hickory")]
impl HickoryResolver {
    /// With the name servers of the system.
    ///
    /// # Errors
    /// The system's configuration cannot be read.
    pub fn from_system() -> std::io::Result<Self> {
        let builder = hickory_resolver::TokioResolver::builder_tokio().map_err(std::io::Error::other)?;
        Ok(Self(builder.build()))
    }
}

#[cfg(feature = "hickory")]
impl Resolver for HickoryResolver {
    fn resolve(&self, query: Query) -> Lookup {
        use hickory_resolver::proto::rr::{RData, RecordType};

        let resolver = self.0.clone();
        Box::pin(async move {
            let kind = match query.kind {
                QueryKind::Naptr => RecordType::NAPTR,
                QueryKind::Srv => RecordType::SRV,
                QueryKind::A => RecordType::A,
                QueryKind::Aaaa => RecordType::AAAA,
            };
            // Names are absolute: search domains are for people.
            let found = resolver.lookup(format!("{}.", query.name), kind).await;
            let found = found.map_err(|error| match error.is_no_records_found() || error.is_nx_domain() {
                true => ResolveError::NotFound,
                false => ResolveError::Failed(error.to_string()),
            })?;
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            #[allow(
                clippy::wildcard_enum_match_arm,
                reason = "an enum of the resolver with types nobody asked for"
            )]
            let read = |data: &RData| match data {
                RData::A(address) => Some(RecordData::Address(address.0.into())),
                RData::AAAA(address) => Some(RecordData::Address(address.0.into())),
                RData::SRV(srv) => Some(RecordData::Srv {
                    priority: srv.priority(),
                    weight: srv.weight(),
                    port: srv.port(),
                    target: srv.target().to_utf8(),
                }),
                RData::NAPTR(naptr) => Some(RecordData::Naptr {
                    order: naptr.order(),
                    preference: naptr.preference(),
                    flags: text(naptr.flags()),
                    service: text(naptr.services()),
                    replacement: naptr.replacement().to_utf8(),
                }),
                _ => None,
            };
            let records = found.record_iter().filter_map(|record| {
                let ttl = Duration::from_secs(record.ttl().into());
                Some(Record { ttl, data: read(record.data())? })
            });
            Ok(records.collect())
        })
    }
}
