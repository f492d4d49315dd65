//! What sessions and subscriptions send through: the endpoint, the queue of events, and the requests that wait for an answer.

use std::collections::VecDeque;
use std::time::Instant;

use hashbrown::HashMap;

use super::command::{Body, Headers};
use super::config::UaConfig;
use super::credentials::{Credentials, CredentialsId};
use super::event::{Event, ReferId};
use crate::auth::{Attempts, AuthHeader};
use crate::dialog::Dialog;
use crate::endpoint::{ContactSpec, Destination, Endpoint, Outgoing, Output, RequestId, SendError};
use crate::engine::{KeyedState, Tokens};
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::session::SessionId;
use crate::subscription::SubscriptionId;
use crate::transaction::{ServerId, Timing};
use crate::transport::{Path, SocketId, Transport};

/// Methods handled in dialogs or handed to the user.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, REFER, NOTIFY, SUBSCRIBE, INFO, MESSAGE, OPTIONS";

/// A request that is complete but for its CSeq, its credentials and what the endpoint adds.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) method: Method<'static>,
    pub(crate) uri: String,
    pub(crate) draft: Draft,
    pub(crate) to: Destination,
    pub(crate) contact: Option<ContactSpec>,
    pub(crate) transport: Option<Transport>,
    pub(crate) listener: Option<SocketId>,
}

impl Template {
    /// The request with its CSeq number and credentials.
    pub(crate) fn outgoing(&self, cseq: u32, auth: &[AuthHeader]) -> Outgoing {
        let mut draft = self.draft.clone().header(HeaderName::CSeq, format!("{cseq} {}", self.method));
        for header in auth {
            draft = draft.header(header.name, &header.value);
        }
        Outgoing {
            draft,
            to: self.to.clone(),
            contact: self.contact.clone(),
            transport: self.transport,
            listener: self.listener,
        }
    }
}

/// Whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Session(SessionId, Purpose),
    /// A SUBSCRIBE or NOTIFY.
    Subscription(SubscriptionId),
    /// The user's own, outside any dialog.
    User,
    /// Nobody waits for the answer.
    Nobody,
}

/// What a session's request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The INVITE that opens it.
    Invite,
    /// A re-INVITE or UPDATE.
    Modify,
    Prack,
    Bye,
    Refer(ReferId),
    /// Progress of a transfer we carry out.
    Notify(ReferId),
    /// The user's own INFO, MESSAGE and so on.
    User,
}

/// A request that waits for its final answer.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The name its owner knows it by; a repetition with credentials is another request to the endpoint.
    pub(crate) name: RequestId,
    pub(crate) owner: Owner,
    pub(crate) template: Template,
    pub(crate) cseq: u32,
    pub(crate) attempts: Attempts,
    pub(crate) credentials: Option<CredentialsId>,
    /// The credentials it carries.
    pub(crate) auth: Vec<AuthHeader>,
}

/// Requests that wait for their final answer; no more than the endpoint admits.
#[derive(Debug)]
pub(crate) struct Requests {
    pending: HashMap<RequestId, Pending, KeyedState>,
    /// Current ids of requests that were repeated, by their names.
    renamed: HashMap<RequestId, RequestId, KeyedState>,
}

impl Requests {
    pub(crate) fn new(state: KeyedState) -> Self {
        Self { pending: HashMap::with_hasher(state), renamed: HashMap::with_hasher(state) }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn get(&self, request: RequestId) -> Option<&Pending> {
        self.pending.get(&request)
    }

    pub(crate) fn take(&mut self, request: RequestId) -> Option<Pending> {
        let pending = self.pending.remove(&request)?;
        if pending.name != request {
            self.renamed.remove(&pending.name);
        }
        Some(pending)
    }

    pub(crate) fn insert(&mut self, request: RequestId, pending: Pending) {
        if pending.name != request {
            self.renamed.insert(pending.name, request);
        }
        self.pending.insert(request, pending);
    }

    /// The endpoint's id of a request, by its name.
    pub(crate) fn current(&self, name: RequestId) -> RequestId {
        self.renamed.get(&name).copied().unwrap_or(name)
    }
}

/// Everything a session or subscription may touch besides itself.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) endpoint: Endpoint,
    pub(crate) out: VecDeque<Output<Event>>,
    pub(crate) requests: Requests,
    pub(crate) credentials: Credentials,
    pub(crate) tokens: Tokens,
    pub(crate) config: UaConfig,
}

impl Wire {
    pub(crate) fn timing(&self) -> Timing {
        self.config.endpoint.timing
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Sends a request and remembers whose it is. Credentials of an earlier challenge go along.
    pub(crate) fn request(
        &mut self,
        owner: Owner,
        template: Template,
        cseq: u32,
        credentials: Option<CredentialsId>,
        now: Instant,
    ) -> Result<RequestId, SendError> {
        let auth = credentials.map(|id| self.credentials.known(id, &template)).unwrap_or_default();
        let request = self.endpoint.request(template.outgoing(cseq, &auth), now)?;
        let attempts = Attempts::default();
        let pending = Pending { name: request, owner, template, cseq, attempts, credentials, auth };
        self.requests.insert(request, pending);
        Ok(request)
    }

    /// Sends a request whose answer decides nothing.
    pub(crate) fn send_and_forget(&mut self, template: Template, cseq: u32, now: Instant) {
        // A request that cannot be sent has no one to tell: its session is over.
        let _ = self.request(Owner::Nobody, template, cseq, None, now);
    }

    pub(crate) fn acknowledge(&mut self, ack: Outgoing, now: Instant) {
        // Without a way the ACK is lost like a datagram; the repeated 2xx asks for it again.
        let _ = self.endpoint.send_ack(ack, now);
    }

    /// Withdraws an INVITE.
    pub(crate) fn cancel(&mut self, name: RequestId, reason: Option<&str>, now: Instant) {
        let request = self.requests.current(name);
        self.endpoint.cancel_saying(request, reason, now);
    }

    /// The beginning of a request in a dialog, with our Contact where the method refreshes the target.
    pub(crate) fn template(
        &self,
        dialog: &Dialog,
        method: Method<'static>,
        contact: &ContactSpec,
    ) -> Template {
        // RFC 3261 §12.2.1.1: target refresh requests name the Contact again; RFC 6665 adds SUBSCRIBE and NOTIFY.
        let refreshes = matches!(
            method,
            Method::Invite | Method::Update | Method::Refer | Method::Subscribe | Method::Notify
        );
        let draft = self.product(dialog.request(&method), HeaderName::UserAgent);
        let next_hop = dialog.next_hop().to_owned();
        let to = match dialog.flow() {
            Some(path) => Destination::Flow { path, otherwise: Some(next_hop) },
            None => Destination::Uri(next_hop),
        };
        let (listener, transport) = dialog.listener();
        Template {
            uri: dialog.request_uri().to_owned(),
            method,
            draft,
            to,
            contact: refreshes.then(|| contact.clone()),
            transport,
            listener,
        }
    }

    /// Answers a request.
    pub(crate) fn respond(&mut self, transaction: ServerId, answer: Draft, now: Instant) -> bool {
        self.endpoint.respond(transaction, answer, now)
    }

    /// A plain answer.
    pub(crate) fn reply(&mut self, transaction: ServerId, request: &Message, status: u16, now: Instant) {
        let answer = self.draft_reply(request, status, None);
        self.respond(transaction, answer, now);
    }

    /// 500 with a Retry-After of 0 to 10 s (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(crate) fn reply_later(&mut self, transaction: ServerId, request: &Message, now: Instant) {
        let after = self.tokens.below(11);
        let answer = self.draft_reply(request, 500, None).header(HeaderName::RetryAfter, after.to_string());
        self.respond(transaction, answer, now);
    }

    /// The beginning of every answer. `tag` goes into To where there is none; a random one if it is `None`.
    pub(crate) fn draft_reply(&mut self, request: &Message, status: u16, tag: Option<&str>) -> Draft {
        let draft = match tag {
            Some(tag) => Draft::reply_to(request, status, tag),
            None => Draft::reply_to(request, status, &self.tokens.token()),
        };
        self.product(draft, HeaderName::Server)
    }

    /// Adds User-Agent or Server.
    pub(crate) fn product(&self, draft: Draft, name: HeaderName) -> Draft {
        if self.config.product.is_empty() { draft } else { draft.header(name, &self.config.product) }
    }

    /// Adds our Contact as that way reaches it.
    pub(crate) fn contact(&self, draft: Draft, path: Path, spec: &ContactSpec) -> Draft {
        match self.endpoint.contact(path, spec) {
            Some(contact) => draft.header(HeaderName::Contact, contact),
            None => draft,
        }
    }
}

/// Adds header lines of the user's.
pub(crate) fn with_headers(mut draft: Draft, headers: &Headers) -> Draft {
    for (name, value) in headers {
        draft = draft.header(name.as_str(), value);
    }
    draft
}

/// Adds a body, if there is one.
pub(crate) fn with_body(draft: Draft, body: Option<&Body>) -> Draft {
    match body {
        Some(body) => draft.body(&body.content_type, body.bytes.clone()),
        None => draft,
    }
}
