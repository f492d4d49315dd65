//! Requests outside calls: registrations, questions, and who gets an answer at all.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use sip_trunk::endpoint::{self, Source};
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transaction::ServerId;
use sip_trunk::transport::{Path, Transport};
use sip_trunk::ua::Rejection;

use super::Edge;
use super::message::dialled;
use crate::guard::{Relation, Verdict};
use crate::registrar::{self, ContactId, Registrar};
use telco_model::value::PhoneId;

/// What the edge understands.
const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER, NOTIFY, SUBSCRIBE, REGISTER";

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
            return true;
        }
        // What cannot be read gets its answer, or none, from the endpoint: it has limits for that.
        let Ok(message) = Message::from_datagram(bytes.clone()) else { return !is_silent(self) };
        if !message.is_request() {
            return true;
        }
        let relation = self.relation(&message, &source);
        if let Relation::Trunk(_) = relation {
            self.known.trust(remote.ip());
            return true;
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
        let matched = self.trunks.find(message, source).ok();
        let trunk = matched.and_then(|matched| self.runtime.trunk_of_key(matched.trunk));
        trunk.map_or(Relation::Stranger, |trunk| Relation::Trunk(trunk.settings.id))
    }

    /// Whether an INVITE is for an emergency number of any site of ours: no rate may hold it back.
    pub(super) fn is_emergency(&self, message: &Message) -> bool {
        message.method() == Some(Method::Invite)
            && dialled(message).is_some_and(|dialled| {
                self.runtime.sites.values().any(|site| site.is_emergency_number(&dialled))
            })
    }

    /// A request outside any call.
    pub(super) fn on_request(
        &mut self,
        transaction: ServerId,
        message: &Message,
        source: &Source,
        now: Instant,
    ) {
        let relation = self.relation(message, source);
        match message.method() {
            Some(Method::Register) => self.on_register(transaction, message, source, relation, now),
            Some(Method::Options) => {
                let tag = self.tag();
                let reply = Draft::reply_to(message, 200, &tag)
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::Accept, "application/sdp, application/dtmf-relay, message/sipfrag")
                    .header(
                        HeaderName::Supported,
                        "100rel, timer, replaces, norefersub, path, outbound, gruu",
                    );
                self.ua.respond(transaction, reply, now);
            }
            // RFC 3261 §8.2.1.
            _ => {
                let tag = self.tag();
                let reply = Draft::reply_to(message, 405, &tag).header(HeaderName::Allow, ALLOW);
                self.ua.respond(transaction, reply, now);
            }
        }
    }

    fn on_register(
        &mut self,
        transaction: ServerId,
        message: &Message,
        source: &Source,
        relation: Relation,
        now: Instant,
    ) {
        let reply = match self.guard.prove(&mut self.registrar, message, source, relation, false, now) {
            Ok(proved) => self.registrar.register(message, source, &proved, now),
            Err(reply) => reply,
        };
        self.ua.respond(transaction, reply, now);
    }
}

fn is_silent(edge: &Edge) -> bool {
    edge.config.guard.silent
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

/// The rejection of a call that says what a draft says: a challenge, with its headers.
pub(super) fn rejection_of(draft: Draft) -> Option<Rejection> {
    let message = draft.into_message().ok()?;
    let challenges = [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate, HeaderName::RetryAfter];
    let headers =
        message.headers().filter(|field| field.known.is_some_and(|name| challenges.contains(&name)));
    let headers = headers.map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (String::from_utf8_lossy(field.name).into_owned(), value)
    });
    Some(Rejection { headers: headers.collect(), ..Rejection::new(message.status()?) })
}
