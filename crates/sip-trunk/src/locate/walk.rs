//! The decisions of RFC 3263 §4 over what is known so far.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Target;
use super::next_hop::{HopHost, NextHop};
use super::query::{Answer, Query, QueryKind, Record, RecordData, ResolveError};
use crate::engine::Tokens;
use crate::transport::Transport;

/// Servers and addresses of one lookup beyond which nothing is asked.
const MAX_SERVERS: usize = 16;
const MAX_TARGETS: usize = 32;

/// What this side can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Transports to choose from where DNS offers several, in order of preference.
    pub(crate) transports: Vec<Transport>,
    pub(crate) ipv4: bool,
    pub(crate) ipv6: bool,
}

/// Result of one walk.
#[derive(Debug)]
pub(super) enum Walk {
    /// These questions must be answered first.
    Ask(Vec<Query>),
    /// The servers, in the order to try them.
    Found(Vec<Target>),
    /// There is none.
    NotFound(String),
}

/// A server before its addresses are known.
struct Server {
    transport: Transport,
    name: Arc<str>,
    port: u16,
    priority: (usize, u16),
    weight: u16,
}

/// Goes through RFC 3263 §4 for one hop; whatever `known` has no answer for is asked, and the walk done again later.
pub(super) fn walk<'a>(
    hop: &NextHop,
    reach: &Reach,
    known: &dyn Fn(&Query) -> Option<&'a Answer>,
    tokens: &mut Tokens,
) -> Walk {
    let name = match &hop.host {
        HopHost::Address(address) => {
            let transport = hop.default_transport();
            let remote = SocketAddr::new(*address, hop.port.unwrap_or(transport.default_port()));
            return Walk::Found(vec![Target::new(transport, remote, None)]);
        }
        HopHost::Name(name) => name,
    };
    let mut walker = Walker { hop, name, reach, known, missing: Vec::new(), trouble: None };
    let servers = walker.servers();
    if !walker.missing.is_empty() {
        return Walk::Ask(walker.missing);
    }
    let servers = ordered(servers, tokens);
    let targets = walker.addresses(&servers);
    if !walker.missing.is_empty() {
        return Walk::Ask(walker.missing);
    }
    match targets.is_empty() {
        true => Walk::NotFound(walker.trouble.unwrap_or_else(|| "the name has no address".to_owned())),
        false => Walk::Found(targets),
    }
}

struct Walker<'w, 'a> {
    hop: &'w NextHop,
    name: &'w Arc<str>,
    reach: &'w Reach,
    known: &'w dyn Fn(&Query) -> Option<&'a Answer>,
    missing: Vec<Query>,
    /// What a resolver said that could not answer.
    trouble: Option<String>,
}

impl<'a> Walker<'_, 'a> {
    fn servers(&mut self) -> Vec<Server> {
        // RFC 3263 §4.2: an explicit port ends the search for services. WebSocket has none (RFC 7118 §7).
        let explicit = self.hop.transport.filter(|transport| service(*transport).is_none());
        if self.hop.port.is_some() || explicit.is_some() {
            return vec![self.direct(self.hop.default_transport())];
        }
        // RFC 3263 §4.1, §4.2: a known transport goes straight to its SRV records.
        if let Some(transport) = self.hop.transport {
            let found = self.srv(&[(transport, self.service_name(transport))]);
            return if found.is_empty() { vec![self.direct(transport)] } else { found };
        }
        let Some(naptr) = self.ask(QueryKind::Naptr, self.name) else { return Vec::new() };
        let mut services = self.offered(naptr);
        if services.is_empty() {
            // RFC 3263 §4.1: without NAPTR, SRV of each transport that would do.
            services = self.usable().map(|transport| (transport, self.service_name(transport))).collect();
        }
        let found = self.srv(&services);
        if found.is_empty() { vec![self.direct(self.hop.default_transport())] } else { found }
    }

    /// NAPTR services that this side can use, best first.
    fn offered(&self, records: &'a [Record]) -> Vec<(Transport, String)> {
        let mut offers: Vec<_> = records
            .iter()
            .filter_map(|record| match &record.data {
                RecordData::Naptr { order, preference, flags, service, replacement } => {
                    let transport = naptr_transport(service)?;
                    let usable = flags.eq_ignore_ascii_case("s") && self.usable().any(|own| own == transport);
                    usable.then(|| ((*order, *preference), transport, lower(replacement)))
                }
                RecordData::Srv { .. } | RecordData::Address(_) => None,
            })
            .collect();
        offers.sort_by_key(|(rank, ..)| *rank);
        offers.into_iter().map(|(_, transport, name)| (transport, name)).collect()
    }

    /// SRV records of several services, those of earlier ones first.
    fn srv(&mut self, services: &[(Transport, String)]) -> Vec<Server> {
        let mut servers = Vec::new();
        for (rank, (transport, name)) in services.iter().enumerate() {
            for record in self.ask(QueryKind::Srv, name).unwrap_or_default() {
                let RecordData::Srv { priority, weight, port, target } = &record.data else { continue };
                let target = lower(target);
                // RFC 2782: a target of "." says that the service is decidedly not offered.
                if !target.is_empty() && servers.len() < MAX_SERVERS {
                    servers.push(Server {
                        transport: *transport,
                        name: target.into(),
                        port: *port,
                        priority: (rank, *priority),
                        weight: *weight,
                    });
                }
            }
        }
        servers
    }

    fn direct(&self, transport: Transport) -> Server {
        let port = self.hop.port.unwrap_or(transport.default_port());
        Server { transport, name: self.name.clone(), port, priority: (0, 0), weight: 0 }
    }

    fn addresses(&mut self, servers: &[Server]) -> Vec<Target> {
        let mut targets = Vec::new();
        // RFC 7984 §3, RFC 6724 §2.1: IPv6 goes first where both sides have it.
        let kinds = [(self.reach.ipv6, QueryKind::Aaaa), (self.reach.ipv4, QueryKind::A)];
        for server in servers {
            if let Ok(address) = server.name.parse::<IpAddr>() {
                targets.push(self.target(server, address));
                continue;
            }
            for (_, kind) in kinds.into_iter().filter(|(wanted, _)| *wanted) {
                for record in self.ask(kind, &server.name).unwrap_or_default() {
                    let RecordData::Address(address) = record.data else { continue };
                    if targets.len() < MAX_TARGETS {
                        targets.push(self.target(server, address));
                    }
                }
            }
        }
        targets
    }

    fn target(&self, server: &Server, address: IpAddr) -> Target {
        let remote = SocketAddr::new(address, server.port);
        // RFC 5922 §4, RFC 3263 §4.1: the name to be proven is that of the URI, not the one SRV leads to.
        Target::new(server.transport, remote, self.hop.server_name(server.transport))
    }

    /// The records, `None` where they must be asked for first. A question without answer has no records.
    fn ask(&mut self, kind: QueryKind, name: &str) -> Option<&'a [Record]> {
        let query = Query { name: name.to_owned(), kind };
        match (self.known)(&query) {
            Some(Ok(records)) => Some(records),
            Some(Err(ResolveError::NotFound)) => Some(&[]),
            Some(Err(error @ ResolveError::Failed(_))) => {
                self.trouble.get_or_insert_with(|| error.to_string());
                Some(&[])
            }
            None => {
                self.missing.push(query);
                None
            }
        }
    }

    /// Transports that may be chosen for this hop, best first.
    fn usable(&self) -> impl Iterator<Item = Transport> {
        let secure = self.hop.secure;
        let with_service = self.reach.transports.iter().copied().filter(|own| service(*own).is_some());
        with_service.filter(move |transport| !secure || transport.is_secure())
    }

    fn service_name(&self, transport: Transport) -> String {
        format!("{}.{}", service(transport).unwrap_or_default(), self.name)
    }
}

/// RFC 3263 §4.1, §8: the SRV service of a transport.
fn service(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp"),
        Transport::Tcp => Some("_sip._tcp"),
        Transport::Tls => Some("_sips._tcp"),
        Transport::Ws | Transport::Wss => None,
    }
}

fn naptr_transport(service: &str) -> Option<Transport> {
    let known = [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    known.iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, transport)| *transport)
}

fn lower(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// RFC 2782: by priority, and within one priority at random by weight.
fn ordered(mut servers: Vec<Server>, tokens: &mut Tokens) -> Vec<Server> {
    // Weight 0 stands first, so that it has a small chance.
    servers.sort_by_key(|server| (server.priority, server.weight));
    let mut order = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|server| server.priority) {
        let count = servers.iter().take_while(|server| server.priority == priority).count();
        let total: u32 = servers[..count].iter().map(|server| u32::from(server.weight)).sum();
        let drawn = tokens.below(total + 1);
        let mut sum = 0;
        let chosen = servers[..count].iter().position(|server| {
            sum += u32::from(server.weight);
            sum >= drawn
        });
        order.push(servers.remove(chosen.unwrap_or(0)));
    }
    order
}
