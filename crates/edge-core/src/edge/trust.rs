//! Who is heard at all: peers of trunks, phones that have proved themselves, and strangers, who get nothing for free.
//!
//! ```text
//!  datagram ─► known? ── yes ─► vouched for ─► endpoint
//!                └ no ─► guard ─┬ silence: nothing is remembered, nothing answered
//!                               └ may prove itself ─► endpoint: answers never add up to more bytes than came
//!  request on a connection ─► guard ─┬ silence: the connection is closed
//!                                    └ goes on
//! ```

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use sip_trunk::endpoint::{self, Source};
use sip_trunk::msg::Message;
use sip_trunk::transport::{Path, Transport};
use sip_trunk::trunk::Candidate as _;
use sip_trunk::ua;

use super::Edge;
use crate::guard::{Relation, Verdict};
use crate::registrar::{self, ContactId, Registrar};
use telco_model::value::PhoneId;

impl Edge {
    /// Looks at a datagram of somebody unknown before anything is remembered for it: what gets no answer costs no transaction.
    /// Whoever registered or is a trunk's peer goes straight on, and so do connections, which have limits of their own.
    pub(super) fn lets_in(&mut self, input: &endpoint::Input, now: Instant) -> bool {
        let endpoint::Input::Datagram { socket, remote, bytes } = input else { return true };
        let Some(listener) = self.config.ua.endpoint.listeners.iter().find(|listener| listener.id == *socket)
        else {
            return true;
        };
        let source = Source {
            path: Path::Datagram { socket: *socket, remote: *remote },
            transport: Transport::Udp,
            remote: *remote,
            local: listener.local,
            listener: Some(*socket),
            tls: None,
        };
        if self.known.holds(&source, &self.registrar) {
            self.ua.vouch(source.path);
            return true;
        }
        // What cannot be read gets its answer, or none, from the endpoint: it has limits for that.
        let Ok(message) = Message::from_datagram(bytes.clone()) else { return true };
        if !message.is_request() {
            // Servers of trunks whose addresses come out of the domain name system.
            if self.trunks.iter().any(|trunk| trunk.is_own_address(remote.ip())) {
                self.trust(&source);
            }
            return true;
        }
        let relation = self.relation(&message, &source);
        match relation {
            Relation::Trunk(_) => {
                self.trust(&source);
                return true;
            }
            Relation::Neighbour(_) => {
                // Only from its own port: others may share its address.
                self.ua.vouch(source.path);
                return true;
            }
            Relation::Phone(_) | Relation::Stranger => {}
        }
        let emergency = self.is_emergency(&message);
        match self.guard.admit(&message, &source, relation, emergency, now) {
            Verdict::Serve | Verdict::Prove | Verdict::Context => true,
            Verdict::Refuse(_) => relation != Relation::Stranger,
            Verdict::Silence => false,
        }
    }

    /// What a sender is to us.
    pub(super) fn relation(&mut self, message: &Message, source: &Source) -> Relation {
        if let Some(phone) = self.known.phone_at(source, &self.registrar) {
            return Relation::Phone(phone);
        }
        if let Some(edge) = self.neighbour_at(source) {
            return Relation::Neighbour(edge);
        }
        let matched = self.trunks.find(message, source).ok();
        let trunk = matched.and_then(|matched| self.runtime.trunk_of_key(matched.trunk));
        trunk.map_or(Relation::Stranger, |trunk| Relation::Trunk(trunk.settings.id))
    }

    /// Looks at a request that came over a connection. Connections are bounded and prove the address of their other end, so that
    /// this costs a stranger the connection and us little.
    pub(super) fn lets_stay(&mut self, event: &ua::Event, now: Instant) -> bool {
        let (ua::Event::Incoming { message, source, .. }
        | ua::Event::Request { message, source, .. }
        | ua::Event::Subscribed { message, source, .. }) = event
        else {
            return true;
        };
        if !matches!(source.path, Path::Stream(_)) {
            return true;
        }
        let relation = self.relation(message, source);
        match relation {
            Relation::Trunk(_) | Relation::Neighbour(_) => {
                self.ua.vouch(source.path);
                return true;
            }
            Relation::Phone(_) | Relation::Stranger => {}
        }
        let emergency = self.is_emergency(message);
        let stays = match self.guard.admit(message, source, relation, emergency, now) {
            Verdict::Serve | Verdict::Prove | Verdict::Context => true,
            Verdict::Refuse(_) => relation != Relation::Stranger,
            Verdict::Silence => false,
        };
        if !stays {
            self.ua.close(source.path, now);
            // What would wait for our answer must not wait for ever; the answer goes nowhere now.
            if let ua::Event::Incoming { session, .. } = event {
                drop(self.ua.hang_up(*session, None, now));
            } else if let ua::Event::Subscribed { subscription, .. } = event {
                drop(self.ua.refuse_subscription(*subscription, 480, Vec::new(), now));
            }
        }
        stays
    }

    fn trust(&mut self, source: &Source) {
        self.known.trust(source.remote.ip());
        self.ua.vouch(source.path);
    }
}

/// Who may send without being looked at first: sources that hold a registration, and addresses of trunks.
#[derive(Debug, Default)]
pub(super) struct Known {
    contacts: HashMap<SocketAddr, ContactId>,
    trunks: HashSet<IpAddr>,
}

/// How many trunk addresses are remembered; carriers have a few.
const MOST_TRUSTED: usize = 10_000;

impl Known {
    fn holds(&self, source: &Source, registrar: &Registrar) -> bool {
        self.trunks.contains(&source.remote.ip()) || self.phone_at(source, registrar).is_some()
    }

    /// The phone that registered from this address.
    pub(super) fn phone_at(&self, source: &Source, registrar: &Registrar) -> Option<PhoneId> {
        let contact = registrar.contact(*self.contacts.get(&source.remote)?)?;
        (contact.remote() == source.remote && contact.transport() == source.transport)
            .then(|| contact.phone())
    }

    fn trust(&mut self, address: IpAddr) {
        if self.trunks.len() < MOST_TRUSTED {
            self.trunks.insert(address);
        }
    }

    /// The trunks have changed.
    pub(super) fn forget(&mut self) {
        self.trunks.clear();
    }
}

impl Edge {
    /// Remembers where a contact is, and forgets those that are gone when they become too many.
    pub(super) fn learn_contact(&mut self, event: &registrar::Event) {
        let registrar::Event::Bound { contact, .. } = event else { return };
        let Some(found) = self.registrar.contact(*contact) else { return };
        self.known.contacts.insert(found.remote(), *contact);
        if self.known.contacts.len() > 2 * self.registrar.len() + 64 {
            let registrar = &self.registrar;
            self.known.contacts.retain(|_, contact| registrar.contact(*contact).is_some());
        }
    }
}
