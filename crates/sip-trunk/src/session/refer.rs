//! Transfers: REFER and the subscription it opens, both sides (RFC 3515, RFC 4488, RFC 6665).

use std::time::{Duration, Instant};

use super::{Session, State};
use crate::Deadline;
use crate::dialog::first;
use crate::header::{self, CSeq, Expires, SipFrag, SubscriptionPhase, SubscriptionState};
use crate::msg::{HeaderName, Message, Method, reason_phrase};
use crate::transaction::ServerId;
use crate::ua::command::{Body, Refer};
use crate::ua::event::{Event, Misuse, ReferId};
use crate::ua::wire::{Owner, Purpose, Template, Wire, with_body, with_headers};

/// One REFER of a session and its subscription.
#[derive(Debug)]
pub(super) struct ReferUsage {
    id: ReferId,
    side: Side,
    /// When it ends unless something happens.
    until: Instant,
}

#[derive(Debug)]
enum Side {
    /// The peer's REFER waits for the user.
    Asked { transaction: ServerId, request: Box<Message> },
    /// We report; the status reported last.
    Notifier { status: u16, first: bool },
    /// The peer reports; whether it has begun to.
    Subscriber { progress: bool },
}

impl ReferUsage {
    pub(super) fn deadline(&self) -> Deadline {
        let why = match self.side {
            Side::Asked { .. } => "refuse a REFER the user leaves unanswered",
            Side::Notifier { .. } => "end a refer subscription",
            Side::Subscriber { .. } => "give up on reports about a REFER",
        };
        Deadline { at: self.until, why }
    }

    fn is_notifier(&self) -> bool {
        matches!(self.side, Side::Notifier { .. })
    }

    fn is_asked(&self) -> bool {
        matches!(self.side, Side::Asked { .. })
    }
}

impl Session {
    /// Asks the peer to contact a third party.
    pub(crate) fn refer(&mut self, refer: Refer, wire: &mut Wire, now: Instant) -> Result<ReferId, Misuse> {
        if self.told || !matches!(self.state, State::Early | State::Confirmed) {
            return Err(Misuse::State("a REFER without a dialog"));
        }
        if self.refers.len() >= wire.config.limits.refers {
            return Err(Misuse::TooMany("transfers"));
        }
        let at = self.current;
        let template = self.template(at, Method::Refer, wire).ok_or(Misuse::Gone)?;
        let mut draft = template.draft.header(HeaderName::ReferTo, &refer.refer_to);
        if let Some(by) = &refer.referred_by {
            draft = draft.header(HeaderName::ReferredBy, by);
        }
        if !refer.progress {
            // RFC 4488 §4.
            draft = draft.header(HeaderName::ReferSub, "false").header(HeaderName::Supported, "norefersub");
        }
        let template = Template { draft: with_headers(draft, &refer.headers), ..template };
        let cseq = self.forks[at].dialog.next_cseq();
        let id = ReferId(cseq);
        wire.request(Owner::Session(self.id, Purpose::Refer(id)), template, cseq, self.credentials, now)?;
        self.waiting += 1;
        let until = now + wire.config.refer_expires.0;
        self.refers.push(ReferUsage { id, side: Side::Subscriber { progress: refer.progress }, until });
        Ok(id)
    }

    /// A REFER.
    pub(super) fn on_refer(
        &mut self,
        transaction: ServerId,
        message: Message,
        wire: &mut Wire,
        now: Instant,
    ) {
        // RFC 3515 §2.4.2: exactly one Refer-To.
        let mut targets = message.all::<header::ReferTo<'_>>();
        let is_one = matches!((targets.next(), targets.next()), (Some(Ok(_)), None));
        drop(targets);
        if !is_one {
            return wire.reply(transaction, &message, 400, now);
        }
        if self.refers.len() >= wire.config.limits.refers {
            let after = wire.config.limits.retry_after.as_secs().to_string();
            let answer = wire.draft_reply(&message, 503, None).header(HeaderName::RetryAfter, after);
            wire.respond(transaction, answer, now);
            return;
        }
        let Some(cseq) = first::<CSeq<'_>>(&message, HeaderName::CSeq).map(|cseq| cseq.number) else {
            return;
        };
        let id = ReferId(cseq);
        let side = Side::Asked { transaction, request: Box::new(message.clone()) };
        // RFC 4320 §4.2: after 64 × T1 nobody waits for the answer any more.
        self.refers.push(ReferUsage { id, side, until: now + wire.timing().lifetime() / 2 });
        let session = self.id;
        self.tell(wire, Event::Referred { session, refer: id, message });
    }

    /// Accepts a REFER: 202, and a first NOTIFY unless the peer wants none.
    pub(crate) fn accept_refer(&mut self, id: ReferId, wire: &mut Wire, now: Instant) -> Result<(), Misuse> {
        let (transaction, request) = self.asked_refer(id)?;
        let wants_none = request.header(HeaderName::ReferSub).is_some_and(|value| {
            value.trim_ascii().get(..5).is_some_and(|value| value.eq_ignore_ascii_case(b"false"))
        });
        let mut answer = wire.draft_reply(&request, 202, None);
        if let Some(path) = wire.endpoint.path_of(transaction) {
            answer = wire.contact(answer, path, &self.contact);
        }
        if wants_none {
            answer = answer.header(HeaderName::ReferSub, "false");
        }
        wire.respond(transaction, answer, now);
        if !wants_none {
            // RFC 3515 §2.4.6: the first REFER of a dialog may go without an id; every later one may not.
            let first = !self.refers.iter().any(|usage| usage.is_notifier());
            let until = now + wire.config.refer_expires.0;
            self.refers.push(ReferUsage { id, side: Side::Notifier { status: 100, first }, until });
            self.report(id, None, wire, now);
        }
        Ok(())
    }

    /// Refuses a REFER.
    pub(crate) fn refuse_refer(
        &mut self,
        id: ReferId,
        status: u16,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let (transaction, request) = self.asked_refer(id)?;
        wire.reply(transaction, &request, status, now);
        Ok(())
    }

    /// Reports how far the third party's call has got; a final status ends the reports.
    pub(crate) fn notify_refer(
        &mut self,
        id: ReferId,
        status: u16,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !(100..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let usage = self.refers.iter_mut().find(|usage| usage.id == id).ok_or(Misuse::Gone)?;
        let Side::Notifier { status: last, .. } = &mut usage.side else { return Err(Misuse::Gone) };
        *last = status;
        // RFC 3515 §2.4.7: the final report ends the subscription.
        self.report(id, (status >= 200).then_some("noresource"), wire, now);
        Ok(())
    }

    /// Sends a NOTIFY with the last status; with `over`, the last one.
    fn report(&mut self, id: ReferId, over: Option<&str>, wire: &mut Wire, now: Instant) {
        let Some(index) = self.refers.iter().position(|usage| usage.id == id) else { return };
        let Side::Notifier { status, first } = self.refers[index].side else { return };
        let at = self.current;
        let left = self.refers[index].until.saturating_duration_since(now).as_secs();
        if over.is_some() {
            self.refers.remove(index);
        }
        let Some(template) = self.template(at, Method::Notify, wire) else { return };
        let event = if first { "refer".to_owned() } else { format!("refer;id={}", id.0) };
        let state = match over {
            Some(reason) => format!("terminated;reason={reason}"),
            None => format!("active;expires={left}"),
        };
        let fragment = SipFrag::status(status, reason_phrase(status)).to_string();
        let body = Body { content_type: "message/sipfrag;version=2.0".into(), bytes: fragment.into() };
        let draft =
            template.draft.header(HeaderName::Event, event).header(HeaderName::SubscriptionState, state);
        let template = Template { draft: with_body(draft, Some(&body)), ..template };
        self.request_in(at, Purpose::Notify(id), template, wire, now);
    }

    /// The answer to a NOTIFY of ours.
    pub(super) fn on_notify_answer(&mut self, id: ReferId, status: u16) {
        // RFC 6665 §4.2.2: the subscriber has forgotten the subscription, or is gone.
        if matches!(status, 404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604) {
            self.refers.retain(|usage| usage.id != id || !usage.is_notifier());
        }
    }

    /// The answer to a REFER of ours.
    pub(super) fn on_refer_answer(
        &mut self,
        id: ReferId,
        status: u16,
        message: Option<Message>,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(index) = self.refers.iter().position(|usage| usage.id == id) else { return };
        let Side::Subscriber { progress } = self.refers[index].side else { return };
        let declined = message.as_ref().is_some_and(|message| message.header(HeaderName::ReferSub).is_some());
        let finished = status >= 300 || !progress || declined;
        if finished {
            self.refers.remove(index);
        } else {
            // RFC 6665 §4.1.2.4: a NOTIFY is due within 64 × T1 (timer N).
            self.refers[index].until = now + wire.timing().lifetime();
        }
        let session = self.id;
        wire.event(Event::ReferProgress { session, refer: id, status, finished, message });
    }

    /// A NOTIFY about a REFER of ours.
    pub(super) fn on_notify(
        &mut self,
        transaction: ServerId,
        message: Message,
        wire: &mut Wire,
        now: Instant,
    ) {
        let index = self.refer_named(&message, false);
        let Some(index) = index else { return wire.reply(transaction, &message, 481, now) };
        let Some(Ok(state)) = message.typed::<SubscriptionState<'_>>() else {
            return wire.reply(transaction, &message, 400, now);
        };
        let Ok(fragment) = SipFrag::parse(message.body()) else {
            return wire.reply(transaction, &message, 400, now);
        };
        let status = fragment.status.map_or(100, |status| status.code);
        let finished = state.phase == SubscriptionPhase::Terminated;
        let left = state.expires().map(|seconds| Duration::from_secs(seconds.into()));
        let id = self.refers[index].id;
        if finished {
            self.refers.remove(index);
        } else {
            let longest = wire.config.refer_expires.0;
            self.refers[index].until = now + left.unwrap_or(longest).min(longest);
        }
        wire.reply(transaction, &message, 200, now);
        let session = self.id;
        wire.event(Event::ReferProgress { session, refer: id, status, finished, message: Some(message) });
    }

    /// A SUBSCRIBE that refreshes or ends the subscription of the peer's REFER.
    pub(super) fn on_refer_subscribe(
        &mut self,
        transaction: ServerId,
        message: &Message,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(index) = self.refer_named(message, true) else {
            let event = message.typed::<header::Event<'_>>().and_then(Result::ok);
            let refer = event.is_some_and(|event| event.package.eq_ignore_ascii_case("refer"));
            // RFC 6665 §4.2.1.1: inside a session no other package is served.
            return wire.reply(transaction, message, if refer { 481 } else { 489 }, now);
        };
        let longest = wire.config.refer_expires.0;
        let asked =
            message.typed::<Expires>().and_then(Result::ok).map_or(longest, |expires| expires.duration());
        let granted = asked.min(longest);
        self.refers[index].until = now + granted;
        let id = self.refers[index].id;
        let answer = wire.draft_reply(message, 200, None);
        let answer = answer.header(HeaderName::Expires, granted.as_secs().to_string());
        wire.respond(transaction, answer, now);
        // RFC 6665 §4.2.1.2: every SUBSCRIBE is followed by a NOTIFY.
        self.report(id, granted.is_zero().then_some("timeout"), wire, now);
    }

    pub(super) fn refers_timeout(&mut self, wire: &mut Wire, now: Instant) {
        while let Some(index) = self.refers.iter().position(|usage| usage.until <= now) {
            let id = self.refers[index].id;
            match self.refers[index].side {
                Side::Asked { .. } => self.drop_asked_refer(index, 480, wire, now),
                Side::Notifier { .. } => self.report(id, Some("timeout"), wire, now),
                Side::Subscriber { .. } => {
                    self.refers.remove(index);
                    let session = self.id;
                    wire.event(Event::ReferProgress {
                        session,
                        refer: id,
                        status: 408,
                        finished: true,
                        message: None,
                    });
                }
            }
        }
    }

    /// The session is over: REFERs that wait for the user are refused, reports go on.
    pub(super) fn refuse_refers(&mut self, wire: &mut Wire, now: Instant) {
        while let Some(index) = self.refers.iter().position(ReferUsage::is_asked) {
            self.drop_asked_refer(index, 481, wire, now);
        }
    }

    fn drop_asked_refer(&mut self, index: usize, status: u16, wire: &mut Wire, now: Instant) {
        if let Side::Asked { transaction, request } = self.refers.remove(index).side {
            wire.reply(transaction, &request, status, now);
        }
    }

    /// Takes a REFER that waits for the user.
    fn asked_refer(&mut self, id: ReferId) -> Result<(ServerId, Box<Message>), Misuse> {
        let is_asked = |usage: &ReferUsage| usage.id == id && usage.is_asked();
        let index = self.refers.iter().position(is_asked).ok_or(Misuse::Gone)?;
        match self.refers.remove(index).side {
            Side::Asked { transaction, request } => Ok((transaction, request)),
            Side::Notifier { .. } | Side::Subscriber { .. } => Err(Misuse::Gone),
        }
    }

    /// The subscription a NOTIFY or SUBSCRIBE names.
    fn refer_named(&self, message: &Message, notifier: bool) -> Option<usize> {
        let event = message.typed::<header::Event<'_>>()?.ok()?;
        if !event.package.eq_ignore_ascii_case("refer") {
            return None;
        }
        let id = event.id().map(|id| id.parse().map(ReferId));
        let fits = |usage: &&ReferUsage| match usage.side {
            Side::Asked { .. } => false,
            Side::Notifier { .. } => notifier,
            Side::Subscriber { .. } => !notifier,
        };
        let wanted = match id {
            Some(Ok(id)) => self.refers.iter().filter(fits).find(|usage| usage.id == id)?.id,
            Some(Err(_)) => return None,
            // RFC 3515 §2.4.6: without an id, the first one.
            None => self.refers.iter().find(fits)?.id,
        };
        self.refers.iter().position(|usage| usage.id == wanted && fits(&usage))
    }
}
