//! What a trunk is told about itself: the administrator's fields, one to one.

use std::fmt;
use std::time::Duration;

use super::access::Access;
use super::codes::Codes;
use super::numbers::NumberRange;
use crate::header::UuiFormat;
use crate::registration::{Account, RegistrationConfig};
use crate::transport::{Rate, Transport};

/// A trunk, by the number its user gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrunkId(pub u64);

impl fmt::Display for TrunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything a trunk is configured with.
#[derive(Debug, Clone, PartialEq)]
pub struct TrunkConfig {
    /// Its number.
    pub id: TrunkId,
    /// Its name in logs and explanations.
    pub name: String,
    /// Trunk State: whether it carries calls and registers.
    pub in_service: bool,
    /// The transport calls are sent with. Calls coming in may use any, unless [`Access::transports`] says otherwise.
    pub transport: Transport,
    /// Inbound SIP Termination Identifier: the first label of the host calls for this trunk are sent to, or the whole host.
    pub termination: Option<String>,
    /// SIP Servers or Proxies, tried in order. Empty: calls go the way the registration went.
    pub servers: Vec<Server>,
    /// How the Request-URI of calls going out is built.
    pub request_uri: RequestUri,
    /// What finds the trunk for calls coming in, besides the termination identifier.
    pub inbound: Inbound,
    /// Digest Authentication: the credentials for challenged calls.
    pub digest: Option<Account>,
    /// Registrations with the carrier's registrars. One that is in force is enough for the trunk to carry calls.
    pub registrations: Vec<RegistrationConfig>,
    /// SIP Access Control.
    pub access: Access,
    /// Caller identity and number forms.
    pub identity: Identity,
    /// Headers, user-to-user data, transfer, retry.
    pub protocol: Protocol,
    /// Bounds on calls and registrations.
    pub limits: TrunkLimits,
    /// The numbers the carrier delivers here.
    pub numbers: Vec<NumberRange>,
    /// OPTIONS to each server.
    pub keep_alive: KeepAlive,
    /// How long a call may ring before it is given up; 2 min.
    pub dial_timeout: Duration,
    /// How long a server may stay silent, without even a 100, before the call goes elsewhere; 5 s.
    pub silence_timeout: Duration,
}

impl TrunkConfig {
    /// A trunk in service without servers, registrations and limits.
    pub fn new(id: TrunkId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            in_service: true,
            transport: Transport::Udp,
            termination: None,
            servers: Vec::new(),
            request_uri: RequestUri::default(),
            inbound: Inbound::default(),
            digest: None,
            registrations: Vec::new(),
            access: Access::default(),
            identity: Identity::default(),
            protocol: Protocol::default(),
            limits: TrunkLimits::default(),
            numbers: Vec::new(),
            keep_alive: KeepAlive::default(),
            dial_timeout: Duration::from_secs(120),
            silence_timeout: Duration::from_secs(5),
        }
    }
}

/// A SIP server or proxy of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name or an address; IPv6 in brackets. With TLS it must be a name.
    pub host: String,
    /// The port; without one DNS decides.
    pub port: Option<u16>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// How the Request-URI of a call going out is built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestUri {
    /// The host part (FQDN); without it the server's, or the domain that is registered.
    pub host: Option<String>,
    /// Trunk-group parameters behind the number (RFC 4904 §5).
    pub tgrp: Option<Tgrp>,
}

/// Trunk-group parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tgrp {
    /// `tgrp`.
    pub group: String,
    /// `trunk-context`.
    pub context: String,
}

/// What finds the trunk for calls coming in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inbound {
    /// DNIS routing: the called number alone, when it is among [`TrunkConfig::numbers`].
    pub by_number: bool,
    /// Inbound SIP Termination Header: a header that carries the termination identifier.
    pub header: Option<String>,
}

/// Who we say is calling, and how numbers are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Caller ID: the number for callers who have none.
    pub caller_address: Option<String>,
    /// The name for callers who have none.
    pub caller_name: Option<String>,
    /// Calling: Address Omit + Prefix.
    pub calling_omit_plus: bool,
    /// Called: Address Omit + Prefix.
    pub called_omit_plus: bool,
    /// The host part of From and asserted identities; without it the domain that is registered, or the server's host.
    pub domain: Option<String>,
    /// In which header the caller is asserted besides From.
    pub assertion: Assertion,
}

/// Where the caller's identity is asserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Assertion {
    /// Only From says who calls.
    None,
    /// `P-Asserted-Identity` (RFC 3325 §9.1).
    #[default]
    PAssertedIdentity,
    /// `P-Preferred-Identity` (RFC 3325 §9.2), for carriers that treat the trunk as a user.
    PPreferredIdentity,
    /// `Remote-Party-ID`, the older way.
    RemotePartyId,
}

/// SIP behaviour.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Protocol {
    /// Conversation Headers: `x-inin-cnv` in INVITEs going out and in the 200 to those coming in.
    pub conversation_headers: bool,
    /// UUI Passthrough, and how the data is written.
    pub uui: Option<UuiFormat>,
    /// Custom SIP headers with fixed values, added to every INVITE going out: name and value.
    pub custom_headers: Vec<(String, String)>,
    /// PBX Passthrough: the caller identity a PBX sends is passed on unchanged.
    pub pbx_passthrough: bool,
    /// Release Link Transfer: transfers to outside numbers leave the path with REFER.
    pub release_link_transfer: bool,
    /// Take Back and Transfer: the other side may send REFER.
    pub take_back_and_transfer: bool,
    /// Which refusals move a call to the next server or trunk.
    pub retry: Retry,
}

/// Which refusals move a call on, besides those that always do: silence, a failed transport, 408, 503, and no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Retryable Reason Codes: SIP status codes; `500-599`.
    pub codes: Codes,
    /// Retryable Cause Codes: Q.850 causes in Reason (RFC 3326).
    pub causes: Codes,
}

impl Default for Retry {
    fn default() -> Self {
        let read = |text: &str| text.parse().expect("the defaults are lists of codes");
        Self {
            codes: read("500-599"),
            causes: read("1-5,25,27,28,31,34,38,41,42,44,46,62,63,79,91,96,97,99,100,103"),
        }
    }
}

/// Bounds on calls and registrations; unlimited where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrunkLimits {
    /// Calls at once, of both directions.
    pub calls: Option<u32>,
    /// New calls in so much time, of both directions: `40/5s`.
    pub call_rate: Option<Rate>,
    /// REGISTER requests sent in so much time: `600/1m`.
    pub registration_rate: Option<Rate>,
}

/// OPTIONS to each server of the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// None: a server counts as down only after calls to it have failed.
    Off,
    /// A server is asked this often, and more often while it is down.
    Every(Duration),
}

impl Default for KeepAlive {
    /// Every 60 s, so that a dead server is noticed within a minute and a half.
    fn default() -> Self {
        Self::Every(Duration::from_secs(60))
    }
}
