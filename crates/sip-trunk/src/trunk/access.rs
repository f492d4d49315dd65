//! Who may send signalling on a trunk.

use std::net::IpAddr;

use crate::endpoint::Source;
use crate::header::Via;
use crate::msg::Message;
use crate::transport::{Network, Transport};

/// SIP Access Control. What is denied stays out even when it is also allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Addresses and ranges that may send. Empty: those of the trunk's own servers and registrars, and nobody else.
    pub allow: Vec<Network>,
    /// Addresses and ranges that may not.
    pub deny: Vec<Network>,
    /// Use Source Address: whether the address a message came from counts. Otherwise the address in its Via does, which a
    /// sender can choose freely: only where something in between hides the sources and is trusted.
    pub use_source_address: bool,
    /// Transports the other side may use; empty: any.
    pub transports: Vec<Transport>,
    /// Names one of which the certificate of a TLS peer must carry. Empty: no certificate is asked for. A peer that does not
    /// come over TLS cannot show one, and is not let in.
    pub certificate_names: Vec<String>,
}

impl Default for Access {
    /// The trunk's own servers, by source address, over any transport.
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            use_source_address: true,
            transports: Vec::new(),
            certificate_names: Vec::new(),
        }
    }
}

/// What a trunk's access control says about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessVerdict {
    /// Let in.
    Allowed,
    /// On the list of those denied.
    Denied,
    /// Not on the list of those allowed.
    NotListed,
    /// Over a transport this trunk does not take.
    Transport,
    /// Without a certificate of the right name.
    Certificate,
}

impl Access {
    /// Judges a message. `is_own` knows the addresses of the trunk's servers and registrars.
    ///
    /// ES-26: address, transport and, over TLS, the verified certificate decide; nothing the sender writes into From does.
    pub fn judge(
        &self,
        message: &Message,
        source: &Source,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> AccessVerdict {
        let address = if self.use_source_address { Some(source.remote.ip()) } else { via_address(message) };
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return AccessVerdict::NotListed;
        };
        if self.deny.iter().any(|range| range.contains(address)) {
            return AccessVerdict::Denied;
        }
        let listed = if self.allow.is_empty() {
            is_own(address)
        } else {
            self.allow.iter().any(|range| range.contains(address))
        };
        if !listed {
            AccessVerdict::NotListed
        } else if !self.transports.is_empty() && !self.transports.contains(&source.transport) {
            AccessVerdict::Transport
        } else if !self.shows_certificate(source) {
            AccessVerdict::Certificate
        } else {
            AccessVerdict::Allowed
        }
    }

    fn shows_certificate(&self, source: &Source) -> bool {
        if self.certificate_names.is_empty() {
            return true;
        }
        let shown = source.tls.as_deref().map_or(&[][..], |peer| &peer.names);
        shown.iter().any(|name| self.certificate_names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)))
    }
}

/// The address a sender states in its Via.
fn via_address(message: &Message) -> Option<IpAddr> {
    message.typed::<Via<'_>>()?.ok()?.host.ip()
}
