//! Which trunk a request came in on.
//!
//! Access control first: who sent it, by address, transport and certificate (ES-26). Among the trunks that let the sender in,
//! what the request says selects one: the contact a registration gave the carrier, the termination identifier as host or
//! trunk group, the configured header, the called number; and where it says nothing, the sender alone.

use std::fmt;
use std::net::IpAddr;

use super::access::AccessVerdict;
use super::config::{TrunkConfig, TrunkId};
use crate::endpoint::Source;
use crate::header::To;
use crate::msg::Message;
use crate::uri::{SipUri, UriRef};

/// A trunk as far as finding it goes.
pub trait Candidate {
    /// Its configuration.
    fn config(&self) -> &TrunkConfig;

    /// Whether an address is one of its servers or registrars, as far as they are known.
    fn is_own_address(&self, address: IpAddr) -> bool;

    /// Whether a `line` token is that of one of its registered contacts.
    fn is_own_line(&self, line: &str) -> bool;
}

/// A trunk that knows no more than its configuration.
impl Candidate for TrunkConfig {
    fn config(&self) -> &TrunkConfig {
        self
    }

    fn is_own_address(&self, _address: IpAddr) -> bool {
        false
    }

    fn is_own_line(&self, _line: &str) -> bool {
        false
    }
}

/// The trunk a request belongs to, and what showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// The trunk.
    pub trunk: TrunkId,
    /// What showed it.
    pub by: MatchedBy,
}

/// What showed the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    /// The Request-URI is the contact that was registered.
    Registration,
    /// The host of the Request-URI is the termination identifier (FQDN).
    Host,
    /// The `tgrp` parameter is.
    TrunkGroup,
    /// The configured header is.
    Header,
    /// The called number is one of the trunk's.
    Number,
    /// Only this trunk lets the sender in.
    Source,
}

/// Why a request belongs to no trunk. `Display` is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmatched {
    /// No trunk lets the sender in: drop the request, or answer 403.
    Stranger {
        /// The sender.
        source: IpAddr,
    },
    /// The request names a trunk that does not let the sender in: 403.
    NotAllowed {
        /// The trunk.
        trunk: TrunkId,
        /// Its name.
        name: String,
        /// The sender.
        source: IpAddr,
        /// Why not.
        verdict: AccessVerdict,
    },
    /// The termination identifier belongs to no trunk: 404.
    UnknownTermination {
        /// The identifier.
        identifier: String,
    },
    /// The sender may use several trunks, and the request names none: 404.
    Ambiguous {
        /// The trunks.
        trunks: Vec<TrunkId>,
    },
}

impl Unmatched {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Stranger { .. } | Self::NotAllowed { .. } => 403,
            Self::UnknownTermination { .. } | Self::Ambiguous { .. } => 404,
        }
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger { source } => {
                write!(f, "{source} is in no trunk's SIP Access Control; request refused")
            }
            Self::NotAllowed { name, source, verdict, .. } => {
                let why = match verdict {
                    AccessVerdict::Denied => "is denied by",
                    AccessVerdict::Transport => "uses a transport not allowed by",
                    AccessVerdict::Certificate => "shows no certificate allowed by",
                    AccessVerdict::NotListed | AccessVerdict::Allowed => "is not in",
                };
                write!(f, "{source} {why} the SIP Access Control of trunk {name:?}; request refused")
            }
            Self::UnknownTermination { identifier } => write!(
                f,
                "no trunk has the inbound SIP termination identifier {identifier:?}; check it at the trunk and at the carrier"
            ),
            Self::Ambiguous { trunks } => write!(
                f,
                "the sender may use {} trunks and the request names none of them; let the carrier send a termination identifier",
                trunks.len()
            ),
        }
    }
}

/// Finds the trunk of a request. `domains` are the domains under which termination identifiers are hosts, such as
/// `byoc.example.com`, in lower case.
///
/// # Errors
/// The request belongs to no trunk; [`Unmatched::status`] says what to answer.
pub fn identify<'t, T: Candidate + 't>(
    trunks: impl Iterator<Item = &'t T> + Clone,
    domains: &[String],
    message: &Message,
    source: &Source,
) -> Result<Matched, Unmatched> {
    let address = source.remote.ip().to_canonical();
    let judge = |trunk: &T| trunk.config().access.judge(message, source, |own| trunk.is_own_address(own));
    let allowed = || trunks.clone().filter(|trunk| judge(trunk) == AccessVerdict::Allowed);
    let uri = message.request_uri().and_then(|uri| UriRef::parse(uri).ok());
    match Named::read(trunks.clone(), domains, message, uri) {
        Named::Trunk(trunk, by) => {
            let TrunkConfig { id, name, .. } = trunk.config();
            let verdict = judge(trunk);
            return match verdict {
                AccessVerdict::Allowed => Ok(Matched { trunk: *id, by }),
                AccessVerdict::Denied
                | AccessVerdict::NotListed
                | AccessVerdict::Transport
                | AccessVerdict::Certificate => {
                    let name = name.clone();
                    Err(Unmatched::NotAllowed { trunk: *id, name, source: address, verdict })
                }
            };
        }
        Named::Unknown(identifier) if allowed().next().is_some() => {
            return Err(Unmatched::UnknownTermination { identifier });
        }
        // Strangers do not learn which identifiers exist.
        Named::Unknown(_) => return Err(Unmatched::Stranger { source: address }),
        Named::Nothing => {}
    }
    let number = called_number(message, uri);
    let by_number = number.and_then(|number| {
        let owns = |config: &TrunkConfig| config.numbers.iter().any(|range| range.contains(&number));
        trunks
            .clone()
            .filter(|trunk| trunk.config().inbound.by_number && owns(trunk.config()))
            .find(|t| judge(t) == AccessVerdict::Allowed)
    });
    if let Some(trunk) = by_number {
        return Ok(Matched { trunk: trunk.config().id, by: MatchedBy::Number });
    }
    let mut open = allowed().map(|trunk| trunk.config().id);
    match (open.next(), open.next()) {
        (None, _) => Err(Unmatched::Stranger { source: address }),
        (Some(trunk), None) => Ok(Matched { trunk, by: MatchedBy::Source }),
        (Some(first), Some(second)) => {
            Err(Unmatched::Ambiguous { trunks: [first, second].into_iter().chain(open).collect() })
        }
    }
}

/// What a request names its trunk by.
enum Named<'t, T> {
    Trunk(&'t T, MatchedBy),
    Unknown(String),
    Nothing,
}

impl<'t, T: Candidate> Named<'t, T> {
    fn read(
        trunks: impl Iterator<Item = &'t T> + Clone,
        domains: &[String],
        message: &Message,
        uri: Option<UriRef<'_>>,
    ) -> Self {
        let sip = uri.and_then(|uri| uri.as_sip());
        if let Some(line) = sip.and_then(|sip| sip.param("line"))
            && let Some(trunk) = trunks.clone().find(|trunk| trunk.is_own_line(line))
        {
            return Self::Trunk(trunk, MatchedBy::Registration);
        }
        let named = |identifier: &str| {
            let is_own = |own: &str| own.eq_ignore_ascii_case(identifier);
            trunks.clone().find(|trunk| trunk.config().termination.as_deref().is_some_and(is_own))
        };
        let mut unknown = None;
        if let Some(host) = sip.map(|sip| sip.host_str().trim_end_matches('.')) {
            if let Some(trunk) = named(host) {
                return Self::Trunk(trunk, MatchedBy::Host);
            }
            if let Some(label) = domains.iter().find_map(|domain| label_under(host, domain)) {
                match named(label) {
                    Some(trunk) => return Self::Trunk(trunk, MatchedBy::Host),
                    None => unknown = Some(label.to_owned()),
                }
            }
        }
        if let Some(group) = sip.and_then(trunk_group) {
            match named(&group) {
                Some(trunk) => return Self::Trunk(trunk, MatchedBy::TrunkGroup),
                None => unknown = unknown.or(Some(group)),
            }
        }
        let by_header = |trunk: &&T| {
            let TrunkConfig { inbound, termination, .. } = trunk.config();
            let (Some(header), Some(own)) = (&inbound.header, termination) else { return false };
            let value = message.header(header.as_str());
            value.is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(own.as_bytes()))
        };
        if let Some(trunk) = trunks.clone().find(by_header) {
            return Self::Trunk(trunk, MatchedBy::Header);
        }
        unknown.map_or(Self::Nothing, Self::Unknown)
    }
}

/// `x` of `x.byoc.example.com`.
fn label_under<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let at = host.len().checked_sub(domain.len() + 1)?;
    let (label, rest) = (host.get(..at)?, host.get(at..)?);
    let is_under = rest.starts_with('.') && rest[1..].eq_ignore_ascii_case(domain);
    (is_under && !label.is_empty()).then_some(label)
}

/// `tgrp` behind the number (RFC 4904 §5), or among the parameters of the URI as some carriers write it.
fn trunk_group(sip: SipUri<'_>) -> Option<String> {
    let behind = sip.telephone().and_then(|number| number.trunk_group());
    behind.or_else(|| sip.param("tgrp")).map(|group| crate::uri::percent::decode_text(group).into_owned())
}

/// The digits that were called: those of the Request-URI, or of To where that has none.
fn called_number(message: &Message, uri: Option<UriRef<'_>>) -> Option<String> {
    let digits = |uri: UriRef<'_>| uri.telephone().map(|number| number.digits().collect());
    let to = || message.typed::<To<'_>>().and_then(Result::ok).and_then(|to| digits(to.uri));
    uri.and_then(digits).or_else(to)
}
