//! From a call to the INVITE that carries it on one trunk.

use thiserror::Error;

use super::config::{Assertion, TrunkConfig};
use crate::endpoint::{ContactSpec, Destination};
use crate::header::{NameAddr, Params, Text, UuiEncodeError};
use crate::registration::{Binding, Registrar};
use crate::ua::{Body, Headers, Invite};
use crate::uri::{Uri, UriFault};

/// A call to place, before it is known on which trunk.
#[derive(Debug, Clone, Default)]
pub struct OutboundCall {
    /// The called number or user, such as `+12025550123` or `911`.
    pub called: String,
    /// The caller's number; the trunk's where absent.
    pub caller_number: Option<String>,
    /// The caller's name; the trunk's where the number is absent too.
    pub caller_name: Option<String>,
    /// Whether the called side may not learn who calls (RFC 3323). The carrier still does.
    pub restricted: bool,
    /// The conversation, for the `x-inin-cnv` header of trunks that send it. It stays the same when the call moves on.
    pub conversation: Option<String>,
    /// User-to-user data, for trunks that pass it on.
    pub user_data: Option<Vec<u8>>,
    /// How many proxies may still handle it; 70 unless given.
    pub max_forwards: Option<u8>,
    /// The offer.
    pub body: Option<Body>,
    /// Further header lines, such as Geolocation or Diversion.
    pub headers: Headers,
    /// The caller as the PBX wrote it, for trunks with PBX Passthrough.
    pub original: Option<OriginalCaller>,
    /// An emergency call: it is never held back by a limit or by overload control, and trunks that look down are tried last.
    pub emergency: bool,
}

/// The caller's identity as it arrived: header values without tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OriginalCaller {
    /// From, without its tag.
    pub from: String,
    /// P-Asserted-Identity, Remote-Party-ID, Privacy, Diversion and the like, as they came.
    pub headers: Headers,
}

/// Why a call cannot be written as an INVITE of this trunk.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InviteError {
    /// The Request-URI, From or a next hop cannot be written.
    #[error("the call cannot be addressed: {0}")]
    Address(#[from] UriFault),
    /// The trunk has neither a server nor a registrar.
    #[error("the trunk has neither a server nor a registrar")]
    NoWay,
    /// The user-to-user data does not fit the trunk's format.
    #[error("the user-to-user data cannot be sent: {0}")]
    UserData(#[from] UuiEncodeError),
}

/// How a trunk reaches the other side with one call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way<'a> {
    /// To one of the configured servers.
    Server(&'a Registrar),
    /// The way the registration went.
    Registered { binding: &'a Binding, registrar: &'a Registrar },
}

/// What a registration adds to the calls of its trunk.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    /// The domain of the address of record.
    pub(super) domain: String,
    /// The Contact that was registered.
    pub(super) contact: ContactSpec,
}

/// Where the conversation id travels (`docs/spec/sip-trunk.md`, ST-023).
pub const CONVERSATION_HEADER: &str = "x-inin-cnv";

pub(super) fn invite(
    config: &TrunkConfig,
    call: &OutboundCall,
    way: Way<'_>,
    registered: Option<&Registered>,
) -> Result<Invite, InviteError> {
    let (hop, service_route) = match way {
        Way::Server(hop) => (hop, &[][..]),
        Way::Registered { binding, registrar } => (registrar, &binding.service_route[..]),
    };
    let domain = registered.map(|registered| registered.domain.as_str());
    let request_uri =
        request_uri(config, &call.called, hop, domain.filter(|_| matches!(way, Way::Registered { .. })))?;
    let caller = Caller::of(config, call, domain.unwrap_or(&hop.host));
    let to = Uri::sip(host_of(&request_uri))
        .user(&written(&call.called, config.identity.called_omit_plus))
        .build()?;
    let mut invite = Invite::new(request_uri, caller.from()?);
    invite.to = format!("<{to}>");
    let next_hop = match service_route.first() {
        Some(route) => NameAddr::parse(route.as_bytes())
            .map_or_else(|_| hop.next_hop(), |route| Ok(route.uri.to_string()))?,
        None => hop.next_hop()?,
    };
    invite.destination = match way {
        Way::Server(_) => Destination::Uri(next_hop),
        // The carrier expects calls by the way that registered, and often takes them by no other.
        Way::Registered { binding, .. } => {
            Destination::Flow { path: binding.source.path, otherwise: Some(next_hop) }
        }
    };
    invite.max_forwards = call.max_forwards.unwrap_or(invite.max_forwards);
    invite.transport = Some(hop.transport);
    invite.contact = match registered {
        Some(registered) => registered.contact.clone(),
        None => ContactSpec::user(caller.user()),
    };
    invite.timeout = Some(config.dial_timeout);
    invite.credentials = config.digest.as_ref().map(|account| account.to_client(&hop.host));
    invite.body.clone_from(&call.body);
    invite.headers = headers(config, call, &caller, service_route)?;
    Ok(invite)
}

fn headers(
    config: &TrunkConfig,
    call: &OutboundCall,
    caller: &Caller<'_>,
    service_route: &[String],
) -> Result<Headers, InviteError> {
    let protocol = &config.protocol;
    let mut headers: Headers =
        service_route.iter().map(|route| ("Route".to_owned(), route.clone())).collect();
    headers.extend(caller.identity_headers()?);
    if let Some(conversation) = call.conversation.as_ref().filter(|_| protocol.conversation_headers) {
        headers.push((CONVERSATION_HEADER.to_owned(), conversation.clone()));
    }
    if let (Some(format), Some(data)) = (&protocol.uui, &call.user_data) {
        let (name, value) = format.encode(data)?;
        headers.push((name.to_string(), value));
    }
    headers.extend(protocol.custom_headers.iter().cloned());
    headers.extend(call.headers.iter().cloned());
    Ok(headers)
}

fn request_uri(
    config: &TrunkConfig,
    called: &str,
    hop: &Registrar,
    domain: Option<&str>,
) -> Result<String, UriFault> {
    let wanted = &config.request_uri;
    let host = wanted.host.as_deref().or(domain).unwrap_or(&hop.host);
    let mut uri = Uri::sip(host).user(&written(called, config.identity.called_omit_plus));
    if let Some(tgrp) = &wanted.tgrp {
        uri = uri.trunk_group(&tgrp.group, &tgrp.context);
    }
    if let Some(port) = hop.port.filter(|_| wanted.host.is_none() && domain.is_none()) {
        uri = uri.port(port);
    }
    uri.build().map(|uri| uri.to_string())
}

fn host_of(uri: &str) -> String {
    let uri = Uri::parse(uri).ok();
    uri.as_ref().and_then(|uri| uri.view().as_sip()).map(|sip| sip.host_str().to_owned()).unwrap_or_default()
}

/// A number as the trunk wants it (Address Omit + Prefix).
fn written(number: &str, omit_plus: bool) -> String {
    let digits = number.strip_prefix('+').filter(|_| omit_plus);
    digits.unwrap_or(number).to_owned()
}

/// Who calls, on this trunk.
enum Caller<'a> {
    /// As the PBX wrote it (ST-040).
    Original(&'a OriginalCaller),
    Ours {
        number: Option<String>,
        name: Option<&'a str>,
        domain: &'a str,
        restricted: bool,
        assertion: Assertion,
    },
}

impl<'a> Caller<'a> {
    fn of(config: &'a TrunkConfig, call: &'a OutboundCall, domain: &'a str) -> Self {
        let identity = &config.identity;
        if let Some(original) = call.original.as_ref().filter(|_| config.protocol.pbx_passthrough) {
            return Self::Original(original);
        }
        let own = call.caller_number.as_ref();
        let number = own.or(identity.caller_address.as_ref());
        let name = match own {
            Some(_) => call.caller_name.as_ref(),
            None => call.caller_name.as_ref().or(identity.caller_name.as_ref()),
        };
        Self::Ours {
            number: number.map(|number| written(number, identity.calling_omit_plus)),
            name: name.map(String::as_str),
            domain: identity.domain.as_deref().unwrap_or(domain),
            restricted: call.restricted,
            assertion: identity.assertion,
        }
    }

    fn user(&self) -> String {
        match self {
            Self::Original(original) => NameAddr::parse(original.from.as_bytes())
                .ok()
                .and_then(|from| from.uri.as_sip().and_then(|sip| sip.user().map(str::to_owned)))
                .unwrap_or_default(),
            Self::Ours { number, restricted: false, .. } => number
                .as_deref()
                .map(|number| crate::uri::percent::encode(crate::uri::percent::Part::User, number.as_bytes()))
                .unwrap_or_default(),
            Self::Ours { .. } => String::new(),
        }
    }

    fn from(&self) -> Result<String, UriFault> {
        match self {
            Self::Original(original) => Ok(original.from.clone()),
            // RFC 3323 §4.1.1.3.
            Self::Ours { restricted: true, .. } | Self::Ours { number: None, .. } => {
                Ok("\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned())
            }
            Self::Ours { .. } => self.address(),
        }
    }

    fn address(&self) -> Result<String, UriFault> {
        let Self::Ours { number, name, domain, .. } = self else { return self.from() };
        let uri = Uri::sip(*domain).user(number.as_deref().unwrap_or_default()).build()?;
        let display = name.map(Text::from);
        Ok(NameAddr { display, uri: uri.view(), params: Params::NONE }.to_string())
    }

    fn identity_headers(&self) -> Result<Headers, UriFault> {
        let (assertion, restricted) = match self {
            Self::Original(original) => return Ok(original.headers.clone()),
            Self::Ours { number: None, .. } => return Ok(Headers::new()),
            Self::Ours { assertion, restricted, .. } => (*assertion, *restricted),
        };
        let mut headers = Headers::new();
        let mut push = |name: &str, value: String| headers.push((name.to_owned(), value));
        match assertion {
            Assertion::None => {}
            Assertion::PAssertedIdentity => push("P-Asserted-Identity", self.address()?),
            Assertion::PPreferredIdentity => push("P-Preferred-Identity", self.address()?),
            Assertion::RemotePartyId => {
                let privacy = if restricted { "full" } else { "off" };
                push(
                    "Remote-Party-ID",
                    format!("{};party=calling;screen=yes;privacy={privacy}", self.address()?),
                );
            }
        }
        // RFC 3325 §9.3: the network knows who calls, and withholds it.
        if restricted {
            push("Privacy", "id".to_owned());
        }
        Ok(headers)
    }
}
