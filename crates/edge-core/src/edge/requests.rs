//! Requests outside calls: registrations and questions.

use std::time::Instant;

use sip_trunk::endpoint::Source;
use sip_trunk::msg::{Draft, HeaderName, Message, Method};
use sip_trunk::transaction::ServerId;
use sip_trunk::ua::Rejection;

use super::Edge;
use super::message::dialled;
use crate::group::LOAD_HEADER;
use crate::guard::Relation;

/// What the edge understands.
const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER, NOTIFY, SUBSCRIBE, REGISTER";

impl Edge {
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
                let mut reply = Draft::reply_to(message, 200, &tag)
                    .header(HeaderName::Allow, ALLOW)
                    .header(HeaderName::Accept, "application/sdp, application/dtmf-relay, message/sipfrag")
                    .header(
                        HeaderName::Supported,
                        "100rel, timer, replaces, norefersub, path, outbound, gruu",
                    );
                if let Relation::Neighbour(edge) = relation {
                    self.hear_neighbour(edge, message, now);
                    reply = reply.header(LOAD_HEADER, self.load(now).to_string());
                }
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
            Ok(proved) => {
                self.ua.vouch(source.path);
                self.registrar.register(message, source, &proved, now)
            }
            Err(reply) => reply,
        };
        self.ua.respond(transaction, reply, now);
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
