//! The side that wants to be told (RFC 6665 §4.1).

use std::time::{Duration, Instant};

use super::{Phase, Side, Subscription, SubscriptionId};
use crate::dialog::{Dialog, Order, first};
use crate::endpoint::{SendError, Source};
use crate::header::{CSeq, Expires, MinExpires, SubscriptionPhase, SubscriptionState};
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::transaction::ServerId;
use crate::ua::command::Subscribe;
use crate::ua::event::{Event, Misuse, SubscriptionEnd};
use crate::ua::wire::{Owner, Template, Wire, with_body, with_headers};

/// How often a 423 may raise the duration.
const MOST_423: u8 = 3;

/// What every SUBSCRIBE of ours says, and what the first one needs until there is a dialog.
#[derive(Debug)]
pub(super) struct Asking {
    subscribe: Subscribe,
    /// From with our tag.
    local: String,
    cseq: u32,
    raised: u8,
}

impl Asking {
    pub(super) fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }
}

impl Subscription {
    /// Subscribes.
    pub(crate) fn subscribe(
        id: SubscriptionId,
        subscribe: Subscribe,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<Self, SendError> {
        let (tag, call_id) = (wire.tokens.token(), wire.tokens.token());
        let mut subscription = Self {
            id,
            side: Side::Subscriber,
            phase: Phase::Asking,
            event: subscribe.event.as_str().into(),
            contact: subscribe.contact.clone(),
            credentials: subscribe.credentials.as_ref().map(|config| wire.credentials.intern(config)),
            dialog: None,
            until: now,
            refresh: None,
            asking: Some(Box::new(Asking {
                local: format!("{};tag={tag}", subscribe.from),
                subscribe,
                cseq: 1,
                raised: 0,
            })),
            asked: None,
            next: None,
            waiting: 0,
            told: false,
            linger: None,
            armed: None,
            call_id: call_id.into(),
            local_tag: tag.into(),
        };
        subscription.ask(wire, now)?;
        Ok(subscription)
    }

    /// Sends the first SUBSCRIBE, or sends it again with another duration.
    fn ask(&mut self, wire: &mut Wire, now: Instant) -> Result<(), SendError> {
        let Some(asking) = self.asking.as_ref() else { return Ok(()) };
        let subscribe = &asking.subscribe;
        let draft = Draft::request(&Method::Subscribe, &subscribe.request_uri)
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, &asking.local)
            .header(HeaderName::To, &subscribe.to)
            .header(HeaderName::CallId, &*self.call_id);
        let template = Template {
            method: Method::Subscribe,
            uri: subscribe.request_uri.clone(),
            draft: describe(wire.product(draft, HeaderName::UserAgent), subscribe, subscribe.expires),
            to: subscribe.destination.clone(),
            contact: Some(self.contact.clone()),
            transport: subscribe.transport,
            listener: None,
        };
        wire.request(Owner::Subscription(self.id), template, asking.cseq, self.credentials, now)?;
        self.waiting += 1;
        Ok(())
    }

    /// Ends the subscription.
    pub(crate) fn unsubscribe(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Misuse> {
        if self.side != Side::Subscriber {
            return Err(Misuse::State("unsubscribing from what we notify"));
        }
        // Without a dialog there is nothing to withdraw yet: that follows the 2xx.
        self.send_subscribe(Duration::ZERO, wire, now);
        (self.phase, self.refresh) = (Phase::Over, None);
        // RFC 6665 §4.1.2.3: the last NOTIFY still comes.
        self.linger = Some(now + wire.timing().lifetime() * 2);
        self.tell_end(SubscriptionEnd::Ended, wire);
        Ok(())
    }

    /// Sends a SUBSCRIBE in the dialog.
    fn send_subscribe(&mut self, expires: Duration, wire: &mut Wire, now: Instant) {
        let template = self.template(Method::Subscribe, wire);
        let (Some(template), Some(asking)) = (template, self.asking.as_ref()) else { return };
        let template = Template { draft: describe(template.draft, &asking.subscribe, expires), ..template };
        self.send(template, wire, now);
    }

    /// A final answer to SUBSCRIBE, or none (408, 503).
    pub(crate) fn on_subscribe_answer(
        &mut self,
        status: u16,
        message: Option<Message>,
        source: Option<&Source>,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.phase == Phase::Over {
            let withdrawn = self.dialog.is_none().then_some(message).flatten();
            match withdrawn {
                // The user did not wait for the answer: what was accepted is withdrawn.
                Some(message) if status < 300 => {
                    self.open_dialog(&message, source);
                    self.send_subscribe(Duration::ZERO, wire, now);
                }
                Some(_) | None if status >= 300 => self.linger = None,
                Some(_) | None => {}
            }
            return;
        }
        match message {
            Some(message) if status < 300 => self.on_accepted(&message, source, wire, now),
            message if status == 423 && self.raise_duration(message.as_ref(), wire, now) => {}
            // RFC 6665 §4.1.2.2: a refresh that fails leaves the subscription as it is until it expires, unless it is gone.
            Some(_) | None if self.phase == Phase::Active && status != 481 => {}
            message => self.end(SubscriptionEnd::Refused { status, message }, wire),
        }
    }

    fn on_accepted(&mut self, message: &Message, source: Option<&Source>, wire: &mut Wire, now: Instant) {
        let Some(asking) = self.asking.as_ref() else { return };
        let granted = message.typed::<Expires>().and_then(Result::ok);
        let granted = granted.map_or(asking.subscribe.expires, |expires| expires.duration());
        match self.dialog.as_mut() {
            Some(dialog) => dialog.refresh_target(message),
            None => self.open_dialog(message, source),
        }
        if self.phase == Phase::Asking {
            // RFC 6665 §4.1.2.4: timer N.
            self.phase = Phase::Waiting;
            self.until = now + wire.timing().lifetime();
            self.refresh = Some(refresh_at(granted, now));
        } else {
            self.last_until(granted, now);
        }
    }

    fn open_dialog(&mut self, success: &Message, source: Option<&Source>) {
        let (Some(asking), Some(source)) = (self.asking.as_ref(), source) else { return };
        let target = &asking.subscribe.request_uri;
        if let Ok(mut dialog) = Dialog::of_response(success, &asking.local, target) {
            dialog.follow(source, false);
            self.dialog = Some(dialog);
        }
    }

    /// A NOTIFY with our tag in its To.
    pub(crate) fn on_notify(
        &mut self,
        transaction: ServerId,
        message: Message,
        source: &Source,
        wire: &mut Wire,
        now: Instant,
    ) {
        if self.dialog.is_none() {
            // RFC 6665 §4.1.2.4: NOTIFY may come before the 2xx; it opens the dialog.
            let dialog = Dialog::of_request(&message, &self.local_tag).ok();
            let (Some(mut dialog), Some(asking)) = (dialog, self.asking.as_ref()) else {
                return wire.reply(transaction, &message, 481, now);
            };
            dialog.start_at(asking.cseq);
            dialog.follow(source, false);
            self.dialog = Some(dialog);
        } else if let Err(status) = self.admit(&message) {
            return wire.reply(transaction, &message, status, now);
        }
        if !self.concerns(&message) {
            return wire.reply(transaction, &message, 489, now);
        }
        let Some(Ok(state)) = message.typed::<SubscriptionState<'_>>() else {
            return wire.reply(transaction, &message, 400, now);
        };
        wire.reply(transaction, &message, 200, now);
        let over = state.phase == SubscriptionPhase::Terminated;
        if self.phase == Phase::Over {
            self.linger = self.linger.filter(|_| !over);
            return;
        }
        let left = state.expires().map(|left| Duration::from_secs(left.into()));
        let asked = self.asking.as_ref().map_or(Duration::ZERO, |asking| asking.subscribe.expires);
        self.phase = Phase::Active;
        self.last_until(left.unwrap_or(asked).min(asked), now);
        let subscription = self.id;
        wire.event(Event::Notified { subscription, message: message.clone() });
        if over {
            self.end(SubscriptionEnd::ByPeer(message), wire);
        }
    }

    /// Whether a request of the peer belongs to the dialog and is in order; else the status it deserves.
    pub(super) fn admit(&mut self, message: &Message) -> Result<(), u16> {
        let from = first::<crate::header::From<'_>>(message, HeaderName::From).ok_or(400_u16)?;
        let cseq = first::<CSeq<'_>>(message, HeaderName::CSeq).ok_or(400_u16)?;
        let dialog = self.dialog.as_mut().ok_or(481_u16)?;
        // RFC 6665 §4.5.2: one dialog per subscription here; those of other forks are refused.
        if dialog.remote_tag() != from.tag().unwrap_or_default() {
            return Err(481);
        }
        match dialog.order(cseq.number) {
            Order::New => {
                dialog.refresh_target(message);
                Ok(())
            }
            Order::Stale => Err(500),
        }
    }

    fn last_until(&mut self, granted: Duration, now: Instant) {
        self.until = now + granted;
        self.refresh = Some(refresh_at(granted, now));
    }

    /// RFC 6665 §4.1.2.1: tries again with the duration a 423 asks for.
    fn raise_duration(&mut self, message: Option<&Message>, wire: &mut Wire, now: Instant) -> bool {
        let wanted = message.and_then(|message| message.typed::<MinExpires>()).and_then(Result::ok);
        let (Some(MinExpires(least)), Some(asking)) = (wanted, self.asking.as_mut()) else { return false };
        if asking.raised >= MOST_423 {
            return false;
        }
        asking.raised += 1;
        asking.subscribe.expires = Duration::from_secs(least.into());
        if self.dialog.is_some() {
            let expires = asking.subscribe.expires;
            self.send_subscribe(expires, wire, now);
            return true;
        }
        asking.cseq += 1;
        self.ask(wire, now).is_ok()
    }

    pub(super) fn subscriber_timeout(&mut self, wire: &mut Wire, now: Instant) {
        self.linger = self.linger.filter(|at| *at > now);
        if self.refresh.is_some_and(|at| at <= now) {
            self.refresh = None;
            let expires = self.asking.as_ref().map_or(Duration::ZERO, |asking| asking.subscribe.expires);
            self.send_subscribe(expires, wire, now);
        }
        let counts = matches!(self.phase, Phase::Waiting | Phase::Active);
        if counts && self.until <= now {
            let cause = match self.phase {
                Phase::Waiting => SubscriptionEnd::Refused { status: 408, message: None },
                Phase::Asking | Phase::Active | Phase::Over => SubscriptionEnd::Expired,
            };
            self.end(cause, wire);
        }
    }
}

/// A fifth of the duration before its end, between 1 s and 1 min, so that a refresh has time to be repeated.
fn refresh_at(granted: Duration, now: Instant) -> Instant {
    let early = (granted / 5).clamp(Duration::from_secs(1), Duration::from_secs(60));
    now + granted.saturating_sub(early)
}

fn describe(draft: Draft, subscribe: &Subscribe, expires: Duration) -> Draft {
    let mut draft = draft
        .header(HeaderName::Event, &subscribe.event)
        .header(HeaderName::Expires, expires.as_secs().to_string());
    if let Some(accept) = &subscribe.accept {
        draft = draft.header(HeaderName::Accept, accept);
    }
    with_body(with_headers(draft, &subscribe.headers), subscribe.body.as_ref())
}
