//! The side that tells (RFC 6665 §4.2).

use std::time::{Duration, Instant};

use super::{Phase, Side, Subscription, SubscriptionId};
use crate::dialog::{Dialog, DialogFault};
use crate::endpoint::Source;
use crate::header::Expires;
use crate::msg::{HeaderName, Message, Method};
use crate::transaction::ServerId;
use crate::ua::command::{Body, Headers};
use crate::ua::event::{Event, Misuse, SubscriptionEnd};
use crate::ua::wire::{Template, Wire, with_body, with_headers};

/// How long a subscription lasts when its SUBSCRIBE does not say.
const DEFAULT: Duration = Duration::from_secs(3600);

/// A SUBSCRIBE that waits for the user.
#[derive(Debug)]
pub(super) struct Asked {
    transaction: ServerId,
    request: Message,
}

impl Subscription {
    /// Takes a SUBSCRIBE.
    pub(crate) fn asked(
        id: SubscriptionId,
        transaction: ServerId,
        message: &Message,
        source: &Source,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<Self, DialogFault> {
        let tag = wire.tokens.token();
        let mut dialog = Dialog::of_request(message, &tag)?;
        dialog.follow(source, false);
        let event = message.header(HeaderName::Event).unwrap_or_default();
        Ok(Self {
            id,
            side: Side::Notifier,
            phase: Phase::Asking,
            call_id: dialog.call_id().into(),
            local_tag: tag.into(),
            event: String::from_utf8_lossy(event.trim_ascii()).into(),
            dialog: Some(dialog),
            contact: wire.config.contact.clone(),
            credentials: None,
            // RFC 4320 §4.2: after 64 × T1 nobody waits for the answer any more.
            until: now + wire.timing().lifetime() / 2,
            refresh: None,
            asking: None,
            asked: Some(Box::new(Asked { transaction, request: message.clone() })),
            next: None,
            waiting: 0,
            told: false,
            linger: None,
            armed: None,
        })
    }

    /// Accepts it for at most `longest`.
    pub(crate) fn accept(
        &mut self,
        longest: Duration,
        headers: &Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        let asked = self.asked.take().ok_or(Misuse::State("accepting a subscription again"))?;
        let granted = duration(&asked.request).min(longest);
        self.grant(asked.transaction, &asked.request, granted, headers, wire, now);
        // RFC 6665 §4.4.3: a duration of zero asks for the state once.
        self.phase = Phase::Active;
        Ok(())
    }

    /// Refuses it.
    pub(crate) fn refuse(
        &mut self,
        status: u16,
        headers: &Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let asked = self.asked.take().ok_or(Misuse::State("refusing an accepted subscription"))?;
        let answer = wire.draft_reply(&asked.request, status, Some(&self.local_tag));
        wire.respond(asked.transaction, with_headers(answer, headers), now);
        self.end(SubscriptionEnd::Ended, wire);
        Ok(())
    }

    /// Tells the state. While a NOTIFY is under way, only the newest state waits.
    pub(crate) fn notify(
        &mut self,
        body: Option<Body>,
        headers: Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if self.side != Side::Notifier || self.phase != Phase::Active {
            return Err(Misuse::State("a NOTIFY for a subscription that is not accepted"));
        }
        with_body(with_headers(crate::msg::Draft::response(200), &headers), body.as_ref()).finish()?;
        if self.waiting > 0 {
            self.next = Some(Box::new((body, headers)));
        } else {
            self.tell(body.as_ref(), &headers, None, wire, now);
        }
        Ok(())
    }

    /// Ends it with a last NOTIFY: `reason` is one of RFC 6665 §4.1.3, such as `noresource` or `deactivated`.
    pub(crate) fn terminate(
        &mut self,
        reason: &str,
        body: Option<&Body>,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if self.side != Side::Notifier || self.phase != Phase::Active {
            return Err(Misuse::State("ending a subscription that is not accepted"));
        }
        if !reason.bytes().all(crate::msg::token::is_token_byte) || reason.is_empty() {
            return Err(Misuse::State("a reason that is no token"));
        }
        self.tell_end(SubscriptionEnd::Ended, wire);
        self.tell(body, &Headers::new(), Some(reason), wire, now);
        Ok(())
    }

    /// Sends a NOTIFY; the last one with `over`, or when the duration has run out.
    fn tell(
        &mut self,
        body: Option<&Body>,
        headers: &Headers,
        over: Option<&str>,
        wire: &mut Wire,
        now: Instant,
    ) {
        let left = self.until.saturating_duration_since(now).as_secs();
        let over = over.or((left == 0).then_some("timeout"));
        let state = match over {
            Some(reason) => format!("terminated;reason={reason}"),
            None => format!("active;expires={left}"),
        };
        let Some(template) = self.template(Method::Notify, wire) else { return };
        let draft = template
            .draft
            .header(HeaderName::Event, &*self.event)
            .header(HeaderName::SubscriptionState, state);
        let template = Template { draft: with_body(with_headers(draft, headers), body), ..template };
        self.send(template, wire, now);
        if over.is_some() {
            self.end(SubscriptionEnd::Expired, wire);
        }
    }

    /// A SUBSCRIBE in the dialog: refreshed, or withdrawn.
    pub(crate) fn on_subscribe(
        &mut self,
        transaction: ServerId,
        message: Message,
        longest: Duration,
        wire: &mut Wire,
        now: Instant,
    ) {
        if let Err(status) = self.admit(&message) {
            return wire.reply(transaction, &message, status, now);
        }
        if self.phase != Phase::Active || !self.concerns(&message) {
            return wire.reply(transaction, &message, 481, now);
        }
        let granted = duration(&message).min(longest);
        self.grant(transaction, &message, granted, &Headers::new(), wire, now);
        let subscription = self.id;
        if granted.is_zero() {
            // RFC 6665 §4.2.1.3: the withdrawal is answered by a last NOTIFY.
            self.tell_end(SubscriptionEnd::ByPeer(message), wire);
            self.tell(None, &Headers::new(), Some("timeout"), wire, now);
        } else {
            wire.event(Event::Refreshed { subscription, message });
        }
    }

    fn grant(
        &mut self,
        transaction: ServerId,
        request: &Message,
        granted: Duration,
        headers: &Headers,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.until = now + granted;
        let mut answer = wire.draft_reply(request, 200, Some(&self.local_tag));
        answer = answer.copy(request, HeaderName::RecordRoute);
        if let Some(path) = wire.endpoint.path_of(transaction) {
            answer = wire.contact(answer, path, &self.contact);
        }
        answer = answer.header(HeaderName::Expires, granted.as_secs().to_string());
        wire.respond(transaction, with_headers(answer, headers), now);
    }

    /// A final answer to NOTIFY, or none (408, 503).
    pub(crate) fn on_notify_answer(
        &mut self,
        status: u16,
        message: Option<Message>,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.phase != Phase::Active {
            return;
        }
        // RFC 6665 §4.2.2: the subscriber has forgotten the subscription, or is gone.
        if matches!(status, 404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604) {
            return self.end(SubscriptionEnd::Refused { status, message }, wire);
        }
        if let Some(next) = self.next.take() {
            let (body, headers) = *next;
            self.tell(body.as_ref(), &headers, None, wire, now);
        }
    }

    pub(super) fn notifier_timeout(&mut self, wire: &mut Wire, now: Instant) {
        if self.phase == Phase::Over || self.until > now {
            return;
        }
        match self.asked.take() {
            Some(asked) => {
                wire.reply(asked.transaction, &asked.request, 480, now);
                self.end(SubscriptionEnd::Expired, wire);
            }
            None => self.tell(None, &Headers::new(), Some("timeout"), wire, now),
        }
    }
}

fn duration(subscribe: &Message) -> Duration {
    subscribe.typed::<Expires>().and_then(Result::ok).map_or(DEFAULT, |expires| expires.duration())
}
