//! Registrations across a restart.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sip_trunk::transport::{Path, SocketId, Transport};

use super::contact::{Contact, ContactId};
use super::{Event, Registrar};
use crate::registrar::event::Change;

/// The bindings of a registrar at one time, in a form that can be written down (serde). Connections do not survive a restart: what
/// was registered over one comes back without its flow, or not at all when it could not be reached then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    taken: Timestamp,
    contacts: Vec<Saved>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    aor: String,
    username: String,
    uri: String,
    call_id: String,
    cseq: u32,
    seconds: u64,
    q: u16,
    transport: String,
    remote: SocketAddr,
    socket: Option<u16>,
    route: Vec<String>,
    instance: Option<String>,
    reg_id: Option<u32>,
    user_agent: Option<String>,
}

impl Registrar {
    /// The bindings now; `taken` is the wall time.
    pub fn snapshot(&self, taken: Timestamp, now: Instant) -> Snapshot {
        let contacts = self.store.iter().filter(|contact| !is_lost_with_its_flow(contact));
        Snapshot { taken, contacts: contacts.map(|contact| Saved::of(contact, now)).collect() }
    }

    /// Takes back the bindings of a snapshot that have not ended since; `wall` is the wall time now. Those whose account is gone, or
    /// that are beyond a bound, are left out. Returns how many came back.
    pub fn restore(&mut self, snapshot: &Snapshot, wall: Timestamp, now: Instant) -> usize {
        let away = u64::try_from(wall.duration_since(snapshot.taken).as_secs()).unwrap_or(0);
        let mut restored = 0;
        for saved in &snapshot.contacts {
            let Some(account) = self.authentication.accounts().get(saved.username.as_str()).cloned() else {
                continue;
            };
            let left = saved.seconds.saturating_sub(away).min(self.config.limits.max_expires.into());
            let room = self.store.len() < self.config.limits.contacts
                && self.store.of_aor(&saved.aor).count() < self.config.limits.contacts_per_aor;
            let may = account.lines.iter().any(|line| **line == *saved.aor);
            let Some(transport) = transport(&saved.transport).filter(|_| left > 0 && room && may) else {
                continue;
            };
            let contact = Contact {
                id: ContactId { slot: 0, generation: 0 },
                aor: self.store.aor(&saved.aor),
                account,
                uri: saved.uri.as_str().into(),
                call_id: saved.call_id.as_str().into(),
                cseq: saved.cseq,
                expires: now + Duration::from_secs(left),
                q: saved.q.min(1000),
                transport,
                remote: saved.remote,
                flow: saved
                    .socket
                    .map(|socket| Path::Datagram { socket: SocketId(socket), remote: saved.remote }),
                trusted: self.config.trusts(saved.remote.ip()),
                route: saved.route.iter().map(|hop| hop.as_str().into()).collect(),
                instance: saved.instance.as_deref().map(Into::into),
                reg_id: saved.reg_id,
                user_agent: saved.user_agent.as_deref().map(Into::into),
                refreshes: 0,
                valid_from: 0,
            };
            self.bind(contact, Change::Added);
            restored += 1;
        }
        restored
    }
}

impl Saved {
    fn of(contact: &Contact, now: Instant) -> Self {
        let socket = match contact.flow {
            Some(Path::Datagram { socket, .. }) => Some(socket.0),
            Some(Path::Stream(_)) | None => None,
        };
        Self {
            aor: contact.aor.to_string(),
            username: contact.account.username.to_string(),
            uri: contact.uri.to_string(),
            call_id: contact.call_id.to_string(),
            cseq: contact.cseq,
            seconds: contact.seconds_left(now),
            q: contact.q,
            transport: contact.transport.as_str().to_owned(),
            remote: contact.remote,
            socket,
            route: contact.route.iter().map(ToString::to_string).collect(),
            instance: contact.instance.as_deref().map(Into::into),
            reg_id: contact.reg_id,
            user_agent: contact.user_agent.as_deref().map(Into::into),
        }
    }
}

/// Whether nothing is left of a contact when its connection is: it was registered for that flow alone, or its URI names the
/// client's end of the connection, where nobody listens.
pub(super) fn is_lost_with_its_flow(contact: &Contact) -> bool {
    let on_connection = contact.flow.is_some_and(|flow| flow.is_reliable());
    let web_socket = matches!(contact.transport, Transport::Ws | Transport::Wss);
    on_connection && (contact.reg_id.is_some() || web_socket || !super::listens(contact))
}

fn transport(text: &str) -> Option<Transport> {
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
        .into_iter()
        .find(|transport| transport.as_str() == text)
}

impl Registrar {
    /// Stores a contact and tells about it.
    pub(super) fn bind(&mut self, contact: Contact, change: Change) {
        let (phone, aor) = (contact.phone(), contact.aor.to_string());
        let first = self.store.of_phone(phone).next().is_none();
        let contact = self.store.insert(contact);
        self.events.push_back(Event::Bound { phone, aor, contact, change });
        if first {
            self.events.push_back(Event::Online { phone });
        }
    }
}
