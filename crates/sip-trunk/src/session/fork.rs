//! The dialogs of one INVITE: each To tag that answers is one (RFC 3261 §12.1.2, §13.2.2.4).

use super::negotiation::Negotiation;
use super::{Session, State};
use crate::dialog::{Dialog, peer_is_behind_nat};
use crate::endpoint::{Destination, Source};
use crate::msg::{HeaderName, Method};
use crate::transport::{Path, SocketId, Transport};
use crate::ua::wire::{Template, Wire};

/// One dialog of a session, with what belongs to it alone.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) dialog: Dialog,
    pub(super) negotiation: Negotiation,
    /// The last reliable provisional answer of the peer in this dialog (RFC 3262 §4).
    pub(super) rseq: Option<u32>,
    /// RSeq and CSeq number of an offer in a provisional answer, to be answered in PRACK.
    pub(super) owed_prack: Option<(u32, u32)>,
    listener: Option<SocketId>,
    transport: Transport,
}

impl Fork {
    pub(super) fn new(dialog: Dialog, negotiation: Negotiation, source: &Source, affinity: bool) -> Self {
        let mut fork = Self {
            dialog,
            negotiation,
            rseq: None,
            owed_prack: None,
            listener: source.listener,
            transport: source.transport,
        };
        fork.follow(source, affinity);
        fork
    }

    /// Decides by which way our requests go: back along the peer's connection or through its NAT, else by RFC 3263.
    pub(super) fn follow(&mut self, source: &Source, affinity: bool) {
        (self.listener, self.transport) = (source.listener, source.transport);
        let direct = self.dialog.next_hop() == self.dialog.target();
        let outside = direct && peer_is_behind_nat(self.dialog.target(), source.remote.ip());
        let flow = match source.path {
            // RFC 5923: the connection of the peer is the way to the peer.
            Path::Stream(_) => Some(source.path),
            Path::Datagram { .. } => (affinity || outside).then_some(source.path),
        };
        self.dialog.set_flow(flow);
    }

    /// The beginning of a request in this dialog.
    pub(super) fn template(&self, method: Method<'static>, wire: &Wire) -> Template {
        let draft = wire.product(self.dialog.request(&method), HeaderName::UserAgent);
        let next_hop = self.dialog.next_hop().to_owned();
        let to = match self.dialog.flow() {
            Some(path) => Destination::Flow { path, otherwise: Some(next_hop) },
            None => Destination::Uri(next_hop),
        };
        Template {
            uri: self.dialog.request_uri().to_owned(),
            method,
            draft,
            to,
            contact: None,
            transport: Some(self.transport),
            listener: self.listener,
        }
    }
}

impl Session {
    /// The beginning of a request in the dialog at `at`, with our Contact where the method refreshes the target.
    pub(super) fn template(&self, at: usize, method: Method<'static>, wire: &Wire) -> Option<Template> {
        // RFC 3261 §12.2.1.1: target refresh requests name the Contact again; RFC 6665 adds SUBSCRIBE and NOTIFY.
        let refreshes = matches!(
            method,
            Method::Invite | Method::Update | Method::Refer | Method::Subscribe | Method::Notify
        );
        let mut template = self.forks.get(at)?.template(method, wire);
        template.contact = refreshes.then(|| self.contact.clone());
        Some(template)
    }

    /// Whether requests inside the session may be sent: there is a dialog and it is not over.
    pub(super) fn has_dialog(&self) -> bool {
        self.state != State::Terminated && !self.forks.is_empty()
    }
}
