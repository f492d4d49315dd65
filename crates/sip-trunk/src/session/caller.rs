//! The caller's side of the INVITE that opens a session (RFC 3261 §13.2, §9.1; RFC 3262 §4; RFC 4028 §7).

use std::time::Instant;

use super::fork::Fork;
use super::negotiation::{Negotiation, OfferBy, Received, describes_session};
use super::timer::{self, Expiry};
use super::{Role, Session, SessionId, State};
use crate::Deadline;
use crate::auth::{AnswerError, AuthHeader};
use crate::dialog::{Dialog, first};
use crate::endpoint::{Destination, Failure, RequestId, SendError, Source};
use crate::header::{MinSe, SessionExpires, To};
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::ua::command::{Body, Invite, Reliable, SessionTimer};
use crate::ua::event::{EndCause, Event};
use crate::ua::wire::{ALLOW, Owner, Purpose, Template, Wire, with_body, with_headers};

/// How often a 422 may raise the session interval.
const MOST_422: u8 = 3;

/// An INVITE of ours without final answer.
#[derive(Debug)]
pub(super) struct Calling {
    invite: Invite,
    /// From with our tag.
    local: String,
    request: RequestId,
    cseq: u32,
    /// The smallest session interval the way to the callee takes, as a 422 said.
    floor: Option<u32>,
    raised: u8,
    /// The user wants out.
    withdrawn: bool,
    /// When the user's patience ends.
    timeout: Option<Instant>,
}

/// What the ACK of a 2xx says beyond its dialog, for repeats of that 2xx.
#[derive(Debug)]
pub(super) struct Acknowledgement {
    pub(super) cseq: u32,
    /// Not while our answer to the peer's offer is missing.
    sent: bool,
    answer: Option<Box<Body>>,
    auth: Vec<AuthHeader>,
    pub(super) forget: Instant,
}

impl Calling {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.timeout.map(|at| Deadline { at, why: "withdraw an unanswered call" })
    }
}

/// The INVITE. It is outside any dialog, so nothing orders its numbers but the caller itself.
fn template(invite: &Invite, local: &str, floor: Option<u32>, wire: &Wire) -> Template {
    let reliable = invite.reliable.unwrap_or(wire.config.reliable);
    let timer = invite.session_timer.unwrap_or(wire.config.session_timer);
    let mut draft = Draft::request(&Method::Invite, &invite.request_uri)
        .header(HeaderName::MaxForwards, invite.max_forwards.to_string())
        .header(HeaderName::From, local)
        .header(HeaderName::To, &invite.to)
        .header(HeaderName::CallId, invite.call_id.as_deref().unwrap_or_default());
    draft = wire.product(draft, HeaderName::UserAgent).header(HeaderName::Allow, ALLOW);
    draft = draft.header(HeaderName::Supported, supported(timer, reliable));
    if reliable == Reliable::Always {
        draft = draft.header(HeaderName::Require, "100rel");
    }
    if let Some((interval, min)) = timer::offered(timer, floor) {
        let header = SessionExpires { seconds: interval, refresher: None };
        draft = draft.header(HeaderName::SessionExpires, header.to_string());
        draft = draft.header(HeaderName::MinSe, min.to_string());
    }
    draft = with_body(with_headers(draft, &invite.headers), invite.body.as_ref());
    Template {
        method: Method::Invite,
        uri: invite.request_uri.clone(),
        draft,
        to: invite.destination.clone(),
        contact: Some(invite.contact.clone()),
        transport: invite.transport,
        listener: None,
    }
}

/// The value of Supported in our requests and answers.
pub(super) fn supported(timer: SessionTimer, reliable: Reliable) -> String {
    let mut tags = vec!["replaces", "norefersub"];
    if reliable != Reliable::Never {
        tags.push("100rel");
    }
    if timer != SessionTimer::Off {
        tags.push("timer");
    }
    tags.join(", ")
}

impl Session {
    /// Places a call.
    pub(crate) fn place(
        id: SessionId,
        mut invite: Invite,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<Self, SendError> {
        let tag = wire.tokens.token();
        let call_id = invite.call_id.take().unwrap_or_else(|| wire.tokens.token());
        let local = format!("{};tag={tag}", invite.from);
        let mut session =
            Self::new(id, Role::Caller, call_id.as_str().into(), tag.into(), invite.contact.clone());
        invite.call_id = Some(call_id);
        session.timer = invite.session_timer.unwrap_or(wire.config.session_timer);
        session.affinity = !matches!(invite.destination, Destination::Uri(_));
        session.credentials = invite.credentials.as_ref().map(|config| wire.credentials.intern(config));
        let timeout = invite.timeout.map(|timeout| now + timeout);
        let (cseq, floor) = (1, None);
        let template = template(&invite, &local, floor, wire);
        let owner = Owner::Session(id, Purpose::Invite);
        let request = wire.request(owner, template, cseq, session.credentials, now)?;
        let calling = Calling { invite, local, request, cseq, floor, raised: 0, withdrawn: false, timeout };
        session.waiting = 1;
        session.calling = Some(Box::new(calling));
        Ok(session)
    }

    /// The CSeq number of a repetition of the INVITE; the dialogs of the attempt before are gone.
    pub(crate) fn repeat_invite(&mut self) -> Option<u32> {
        let calling = self.calling.as_mut().filter(|calling| !calling.withdrawn)?;
        calling.cseq += 1;
        self.forks.clear();
        self.current = 0;
        self.state = State::Inviting;
        Some(calling.cseq)
    }

    /// An answer to the INVITE, not yet final.
    pub(crate) fn on_invite_progress(
        &mut self,
        message: Message,
        source: &Source,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.heard = true;
        let status = message.status().unwrap_or_default();
        if status == 100 || self.calling.as_ref().is_none_or(|calling| calling.withdrawn) {
            return;
        }
        if let Some(at) = self.fork_of_answer(&message, source, wire) {
            if self.state == State::Inviting {
                self.state = State::Early;
            }
            self.current = at;
            self.peer.learn(&message);
            if !self.take_provisional(at, &message, wire, now) {
                return;
            }
        }
        let session = self.id;
        self.tell(wire, Event::Progressed { session, message });
    }

    /// A 2xx to the INVITE: the first, a repeat, or that of another fork.
    pub(crate) fn on_invite_success(
        &mut self,
        message: Message,
        source: &Source,
        auth: Vec<AuthHeader>,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(tag) = first::<To<'_>>(&message, HeaderName::To).and_then(|to| to.tag().map(str::to_owned))
        else {
            // RFC 3261 §12.1.2 wants a tag in every 2xx; without one there is no dialog to acknowledge in.
            return self.on_invite_failure(502, Some(message), None, None, wire, now);
        };
        if self.calling.is_none() {
            return self.on_further_success(&tag, &message, source, auth, wire, now);
        }
        let Some(at) = self.fork_of_answer(&message, source, wire) else {
            return self.end_stray(&message, source, auth, wire, now);
        };
        let Some(calling) = self.calling.take() else { return };
        self.waiting = self.waiting.saturating_sub(1);
        // RFC 3261 §13.2.2.4: the first 2xx decides; early dialogs of other forks are over.
        let mut fork = self.forks.swap_remove(at);
        self.forks.clear();
        // RFC 3261 §13.2.2.4: route set and target are taken from the 2xx, the numbers go on.
        if let Ok(mut dialog) = Dialog::of_response(&message, &calling.local, &calling.invite.request_uri) {
            dialog.continue_from(&fork.dialog);
            fork.dialog = dialog;
            fork.dialog.follow(source, self.affinity);
        }
        self.peer.learn(&message);
        let received = if describes_session(&message) {
            fork.negotiation.received(OfferBy::Success)
        } else {
            // An answer that never came is the user's to judge; offers may follow.
            if fork.negotiation == Negotiation::LocalOffer {
                fork.negotiation = Negotiation::Settled;
            }
            Received::Repeat
        };
        self.forks.push(fork);
        self.current = 0;
        self.state = State::Accepted;
        let forget = now + wire.timing().lifetime();
        self.owe_acknowledgement(calling.cseq, auth, forget);
        if calling.withdrawn {
            // RFC 3261 §9.1: the 2xx crossed our CANCEL, so the session is ended the other way.
            self.acknowledge(None, wire, now);
            self.state = State::Confirmed;
            self.send_bye(wire, now);
            return;
        }
        self.agree_timer(&message, true, now);
        self.keep_description(calling.invite.body.as_ref());
        if received != Received::Offer {
            self.acknowledge(None, wire, now);
            self.state = State::Confirmed;
        }
        let session = self.id;
        self.tell(wire, Event::Answered { session, message });
    }

    /// A final answer other than 2xx, or none at all.
    pub(crate) fn on_invite_failure(
        &mut self,
        status: u16,
        message: Option<Message>,
        failure: Option<Failure>,
        unanswered: Option<AnswerError>,
        wire: &mut Wire,
        now: Instant,
    ) {
        if self.calling.is_none() {
            return;
        }
        if status == 422 && self.raise_interval(message.as_ref(), wire, now) {
            return;
        }
        self.calling = None;
        self.waiting = self.waiting.saturating_sub(1);
        self.forks.clear();
        self.state = State::Terminated;
        if !self.told {
            self.told = true;
            let session = self.id;
            wire.event(Event::Rejected { session, status, message, failure, unanswered });
        }
    }

    /// The user withdraws the call, or its time is up.
    pub(super) fn withdraw(&mut self, wire: &mut Wire, now: Instant) {
        self.refuse_asked(wire, now);
        self.refuse_refers(wire, now);
        let Some(calling) = self.calling.as_mut().filter(|calling| !calling.withdrawn) else { return };
        calling.withdrawn = true;
        calling.timeout = None;
        wire.cancel(calling.request, self.ending.reason(), now);
    }

    pub(super) fn calling_timeout(&mut self, wire: &mut Wire, now: Instant) {
        let Some(calling) = self.calling.as_ref() else { return };
        if calling.timeout.is_some_and(|at| at <= now) {
            self.withdraw(wire, now);
            if !self.told {
                self.told = true;
                let session = self.id;
                wire.event(Event::Rejected {
                    session,
                    status: 408,
                    message: None,
                    failure: None,
                    unanswered: None,
                });
            }
        }
    }

    /// Sends the ACK of the newest 2xx that lacks one, with our answer if the 2xx made an offer.
    pub(super) fn acknowledge(&mut self, answer: Option<&Body>, wire: &mut Wire, now: Instant) -> bool {
        let due = self.acknowledgements.iter_mut().rev().find(|due| !due.sent);
        let Some(due) = due.filter(|_| self.forks.get(self.current).is_some()) else { return false };
        (due.sent, due.answer) = (true, answer.cloned().map(Box::new));
        let cseq = due.cseq;
        self.acknowledge_again(cseq, wire, now);
        true
    }

    /// Repeats the ACK of a 2xx that was repeated.
    pub(super) fn acknowledge_again(&self, cseq: u32, wire: &mut Wire, now: Instant) {
        let known = self.acknowledgements.iter().find(|known| known.cseq == cseq && known.sent);
        let template = self.template(self.current, Method::Ack, wire);
        let (Some(known), Some(template)) = (known, template) else { return };
        let template = Template { draft: with_body(template.draft, known.answer.as_deref()), ..template };
        // RFC 3261 §13.2.2.4: the number of the INVITE, and its credentials.
        wire.acknowledge(template.outgoing(known.cseq, &known.auth), now);
    }

    /// Notes that an ACK is due for a 2xx.
    pub(super) fn owe_acknowledgement(&mut self, cseq: u32, auth: Vec<AuthHeader>, forget: Instant) {
        // Repeats of an older 2xx have their ACK long since.
        self.acknowledgements.retain(|known| known.sent);
        if self.acknowledgements.len() > 1 {
            self.acknowledgements.remove(0);
        }
        self.acknowledgements.reserve_exact(1);
        self.acknowledgements.push(Acknowledgement { cseq, sent: false, answer: None, auth, forget });
    }

    /// A 2xx after the first one.
    fn on_further_success(
        &mut self,
        tag: &str,
        message: &Message,
        source: &Source,
        auth: Vec<AuthHeader>,
        wire: &mut Wire,
        now: Instant,
    ) {
        if self.forks.iter().any(|fork| fork.dialog.remote_tag() == tag) {
            let cseq = first::<crate::header::CSeq<'_>>(message, HeaderName::CSeq).map(|cseq| cseq.number);
            self.acknowledge_again(cseq.unwrap_or_default(), wire, now);
        } else {
            self.end_stray(message, source, auth, wire, now);
        }
    }

    /// RFC 3261 §13.2.2.4: the 2xx of a fork nobody wants is acknowledged, and its session ended.
    fn end_stray(
        &mut self,
        message: &Message,
        source: &Source,
        auth: Vec<AuthHeader>,
        wire: &mut Wire,
        now: Instant,
    ) {
        let local = match (&self.calling, self.forks.first()) {
            (Some(calling), _) => calling.local.clone(),
            (None, Some(fork)) => fork.dialog.local().to_owned(),
            (None, None) => return,
        };
        let target = self.forks.first().map(|fork| fork.dialog.target().to_owned()).unwrap_or_default();
        let Ok(dialog) = Dialog::of_response(message, &local, &target) else { return };
        let mut fork = Fork::new(dialog, Negotiation::Settled, source, self.affinity);
        let (cseq, next) = (fork.dialog.local_cseq(), fork.dialog.next_cseq());
        let ack = wire.template(&fork.dialog, Method::Ack, &self.contact).outgoing(cseq, &auth);
        wire.acknowledge(ack, now);
        let bye = wire.template(&fork.dialog, Method::Bye, &self.contact);
        wire.send_and_forget(bye, next, now);
    }

    /// The early dialog of an answer, opened if it is new; `None` when the answer opens none.
    fn fork_of_answer(&mut self, message: &Message, source: &Source, wire: &Wire) -> Option<usize> {
        let calling = self.calling.as_ref()?;
        let to = first::<To<'_>>(message, HeaderName::To)?;
        let tag = to.tag()?;
        if let Some(known) = self.forks.iter().position(|fork| fork.dialog.remote_tag() == tag) {
            self.forks[known].dialog.refresh_target(message);
            return Some(known);
        }
        if self.forks.len() >= wire.config.limits.forks.max(1) {
            return None;
        }
        let dialog = Dialog::of_response(message, &calling.local, &calling.invite.request_uri).ok()?;
        let negotiation = match calling.invite.body {
            Some(_) => Negotiation::LocalOffer,
            None => Negotiation::Fresh,
        };
        self.peer.address.get_or_insert(source.remote.ip());
        self.forks.push(Fork::new(dialog, negotiation, source, self.affinity));
        Some(self.forks.len() - 1)
    }

    /// RFC 4028 §7.3: tries again with the interval a 422 asks for.
    fn raise_interval(&mut self, message: Option<&Message>, wire: &mut Wire, now: Instant) -> bool {
        let wanted = message.and_then(|message| message.typed::<MinSe>()).and_then(Result::ok);
        let (Some(MinSe(floor)), Some(calling)) = (wanted, self.calling.as_mut()) else { return false };
        let offers = timer::offered(self.timer, None).is_some();
        if calling.withdrawn || calling.raised >= MOST_422 || !offers {
            return false;
        }
        calling.raised += 1;
        calling.cseq += 1;
        calling.floor = Some(floor);
        self.forks.clear();
        self.state = State::Inviting;
        let template = template(&calling.invite, &calling.local, calling.floor, wire);
        let owner = Owner::Session(self.id, Purpose::Invite);
        match wire.request(owner, template, calling.cseq, self.credentials, now) {
            Ok(request) => {
                calling.request = request;
                true
            }
            Err(_) => false,
        }
    }

    /// Takes the session timer a 2xx to our request, or ours to the peer's, agreed on.
    pub(super) fn agree_timer(&mut self, success: &Message, caller: bool, now: Instant) {
        let agreed = success.typed::<SessionExpires>().and_then(Result::ok);
        self.expiry = agreed.map(|header| Expiry::agreed(header, caller, now));
    }

    /// Remembers our description where refreshes will need it.
    pub(super) fn keep_description(&mut self, body: Option<&Body>) {
        let needed = self.expiry.is_some() && self.peer.update != Some(true);
        match body {
            Some(body) if needed => self.described = Some(Box::new(body.clone())),
            Some(_) => self.described = None,
            None => {}
        }
    }

    /// Tells the user something about a session it has not heard the end of.
    pub(super) fn tell(&self, wire: &mut Wire, event: Event) {
        if !self.told {
            wire.event(event);
        }
    }

    /// Ends the session in the user's eyes.
    pub(super) fn tell_end(&mut self, cause: EndCause, wire: &mut Wire) {
        if !self.told {
            self.told = true;
            let session = self.id;
            wire.event(Event::Ended { session, cause });
        }
    }
}
