//! Requests inside a session: which part of it answers (RFC 3261 §12.2.2), and the user's own.

use std::time::Instant;

use super::{Session, State};
use crate::dialog::{Order, first};
use crate::endpoint::{RequestId, Source};
use crate::header::{CSeq, From};
use crate::msg::{HeaderName, Message, Method};
use crate::transaction::ServerId;
use crate::ua::command::{Body, Headers};
use crate::ua::event::{EndCause, Event, Misuse};
use crate::ua::wire::{ALLOW, Owner, Purpose, Template, Wire, with_body, with_headers};

impl Session {
    /// A request with our tag in its To.
    pub(crate) fn on_request(
        &mut self,
        transaction: Option<ServerId>,
        message: Message,
        source: &Source,
        wire: &mut Wire,
        now: Instant,
    ) {
        let tag = first::<From<'_>>(&message, HeaderName::From);
        let tag = tag.and_then(|from| from.tag()).unwrap_or_default().to_owned();
        let fork = self.fork_tagged(&tag);
        let Some(transaction) = transaction else {
            if fork.is_some() {
                self.on_ack(message, wire, now);
            }
            return;
        };
        let Some(at) = fork else { return wire.reply(transaction, &message, 481, now) };
        let Some(cseq) = first::<CSeq<'_>>(&message, HeaderName::CSeq).map(|cseq| cseq.number) else {
            return;
        };
        if self.forks[at].dialog.order(cseq) == Order::Stale {
            // RFC 3261 §12.2.2: out of order.
            return wire.reply(transaction, &message, 500, now);
        }
        let Some(method) = message.method().map(Method::into_owned) else { return };
        let over = self.state == State::Terminated || self.told;
        match method {
            Method::Bye => self.on_bye(at, transaction, message, wire, now),
            // What happens to a transfer outlives the session (RFC 5057 §4.2).
            Method::Notify => self.on_notify(transaction, message, wire, now),
            Method::Subscribe => self.on_refer_subscribe(transaction, &message, wire, now),
            // RFC 5407 §3.2.2: nothing else happens on a session that is over.
            _ if over => wire.reply(transaction, &message, 481, now),
            Method::Invite => self.on_reinvite(transaction, message, wire, now),
            Method::Update => {
                self.current = at;
                self.on_update(transaction, message, source, wire, now);
            }
            Method::Prack => self.on_prack(transaction, message, wire, now),
            Method::Refer => self.on_refer(transaction, message, wire, now),
            Method::Options => {
                let answer = wire.draft_reply(&message, 200, None).header(HeaderName::Allow, ALLOW);
                wire.respond(transaction, answer, now);
            }
            Method::Info | Method::Message | Method::Publish | Method::Register | Method::Other(_) => {
                let session = self.id;
                self.tell(wire, Event::InDialog { session, transaction, message });
            }
            // The transaction layer keeps CANCEL and ACK away from here.
            Method::Ack | Method::Cancel => {}
        }
    }

    /// Sends a request of the user's inside the session.
    pub(crate) fn send(
        &mut self,
        method: Method<'static>,
        body: Option<&Body>,
        headers: &Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<RequestId, Misuse> {
        let at = self.current;
        if self.told || !self.has_dialog() {
            return Err(Misuse::State("a request without a dialog"));
        }
        let template = self.template(at, method, wire).ok_or(Misuse::Gone)?;
        let template = Template { draft: with_body(with_headers(template.draft, headers), body), ..template };
        let cseq = self.forks[at].dialog.next_cseq();
        let owner = Owner::Session(self.id, Purpose::User);
        let request = wire.request(owner, template, cseq, self.credentials, now)?;
        self.waiting += 1;
        Ok(request)
    }

    /// The CSeq number of the repetition of a request that was challenged in the dialog of `challenge`.
    pub(crate) fn repeat_number(
        &mut self,
        purpose: Purpose,
        challenge: &Message,
        source: &Source,
    ) -> Option<u32> {
        if purpose == Purpose::Invite {
            self.peer.address = Some(source.remote.ip());
            return self.repeat_invite();
        }
        // ES-24: inside the dialog, only who answered the INVITE may ask for the password.
        if self.peer.address != Some(source.remote.ip()) {
            return None;
        }
        let to = first::<crate::header::To<'_>>(challenge, HeaderName::To)?;
        let at = self.fork_tagged(to.tag().unwrap_or_default()).unwrap_or(self.current);
        Some(self.forks.get_mut(at)?.dialog.next_cseq())
    }

    /// A final answer to a request inside the session, or none (408, 503).
    pub(crate) fn on_answer(
        &mut self,
        purpose: Purpose,
        request: RequestId,
        status: u16,
        message: Option<Message>,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.waiting = self.waiting.saturating_sub(1);
        match purpose {
            Purpose::Invite | Purpose::Modify | Purpose::Prack | Purpose::Bye => {}
            Purpose::Refer(refer) => self.on_refer_answer(refer, status, message, wire, now),
            Purpose::Notify(refer) => self.on_notify_answer(refer, status),
            Purpose::User => {
                let session = self.id;
                if !self.told {
                    self.tell(wire, Event::InDialogResponse { session, request, status, message });
                }
            }
        }
        // RFC 3261 §12.2.1.2, RFC 5057 §5.1: 481 and 408 mean that the dialog is no more.
        let fatal = matches!(purpose, Purpose::Refer(_) | Purpose::User) && matches!(status, 408 | 481);
        if fatal && self.state == State::Confirmed {
            self.end(EndCause::Gone(status), wire, now);
        }
    }

    /// A re-INVITE or UPDATE of ours got its final answer.
    pub(crate) fn on_modify_answer(
        &mut self,
        status: u16,
        message: Option<Message>,
        auth: Vec<crate::auth::AuthHeader>,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.waiting = self.waiting.saturating_sub(1);
        match message {
            Some(message) if status < 300 => self.on_modified(message, auth, wire, now),
            message => self.on_modify_failed(status, message, wire, now),
        }
    }
}
