//! Our side of one way, as Via and Contact name it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::Range;

use super::{ContactSpec, Endpoint};
use crate::engine::Tokens;
use crate::header::{Header, Via};
use crate::msg::{HeaderName, Message};
use crate::overload::OFFER;
use crate::transport::{Path, Transport};

#[derive(Debug, Clone)]
pub(super) struct Hop {
    transport: Transport,
    /// `host:port`, where the peer reaches us.
    sent_by: String,
    /// RFC 5923 §6: the peer may use this connection for requests to us.
    alias: bool,
    /// RFC 7339 §4: we take part in overload control.
    listens: bool,
}

impl Hop {
    /// The header lines that stand on top of a request, and where in them the branch is.
    pub(super) fn top(&self, contact: Option<&ContactSpec>, tokens: &mut Tokens) -> (String, Range<usize>) {
        let mut top = String::with_capacity(200);
        // RFC 3581 §3: rport asks for answers to where the request came from.
        let rport = if self.transport == Transport::Udp { ";rport" } else { "" };
        let alias = if self.alias { ";alias" } else { "" };
        let _ = write!(top, "Via: SIP/2.0/{} {}{rport}{alias};branch=", self.transport, self.sent_by);
        let start = top.len();
        top.push_str("z9hG4bK");
        tokens.push(&mut top);
        let branch = start..top.len();
        if self.listens {
            top.push_str(OFFER);
        }
        top.push_str("\r\n");
        if let Some(spec) = contact {
            top.push_str("Contact: ");
            self.write_contact(&mut top, spec);
            top.push_str("\r\n");
        }
        (top, branch)
    }

    pub(super) fn contact(&self, spec: &ContactSpec) -> String {
        let mut contact = String::with_capacity(64 + spec.params.len());
        self.write_contact(&mut contact, spec);
        contact
    }

    fn write_contact(&self, out: &mut String, spec: &ContactSpec) {
        let at = if spec.user.is_empty() { "" } else { "@" };
        let _ = write!(out, "<sip:{}{at}{}", spec.user, self.sent_by);
        if self.transport != Transport::Udp {
            let _ = write!(out, ";transport={}", self.transport.uri_param());
        }
        let _ = write!(out, "{}>{}", spec.uri_params, spec.params);
    }
}

impl Endpoint {
    /// Our side of a way; `None` when the way is gone.
    pub(super) fn hop(&self, path: Path) -> Option<Hop> {
        let listens = self.config.overload.is_some();
        match path {
            Path::Datagram { socket, .. } => {
                let listener = self.listener(socket)?;
                let sent_by = listener.sent_by();
                Some(Hop { transport: listener.transport, sent_by, alias: false, listens })
            }
            Path::Stream(connection) => {
                let source = &self.flows.get(connection)?.source;
                let listener = source.listener.and_then(|id| self.listener(id));
                let listener = listener.filter(|listener| listener.transport == source.transport);
                let sent_by = match listener {
                    Some(listener)
                        if listener.advertised.is_some() || !listener.local.ip().is_unspecified() =>
                    {
                        listener.sent_by()
                    }
                    // A connection knows its address where a listener on all addresses does not.
                    Some(listener) => SocketAddr::new(source.local.ip(), listener.local.port()).to_string(),
                    None => source.local.to_string(),
                };
                let alias =
                    listener.is_some() && source.transport == Transport::Tls && !connection.is_accepted();
                Some(Hop { transport: source.transport, sent_by, alias, listens })
            }
        }
    }

    /// RFC 3261 §18.1.2: an answer is ours only if its top Via is one we write.
    pub(super) fn is_our_answer(&self, answer: &Message) -> bool {
        let Some(Ok(via)) = answer.values(HeaderName::Via).next().map(Via::parse) else { return false };
        let is_ours = |host: &str, port: u16| {
            via.host.to_string().eq_ignore_ascii_case(host) && via.port.is_none_or(|written| written == port)
        };
        self.config.listeners.iter().any(|listener| {
            let port = listener.advertised_port.unwrap_or(listener.local.port());
            let local = crate::uri::Host::from(listener.local.ip()).to_string();
            is_ours(listener.advertised.as_deref().unwrap_or(&local), port)
        }) || via.host.ip().is_some_and(|ip| self.flows.has_local(SocketAddr::new(ip, via.port.unwrap_or(0))))
    }
}
