//! Subscriptions to events, both roles (RFC 6665). What REFER opens lives in its session.
//!
//! ```text
//!  subscriber   Asking ──2xx──► Waiting ──NOTIFY──► Active ──terminated, refused, expired──► Over
//!                  └──────────────NOTIFY──────────────┘ └─ refreshed by SUBSCRIBE before it expires
//!  notifier     Asked ──accepted──► Active ──withdrawn, ended, expired──► Over
//! ```

mod notifier;
mod subscriber;

use std::time::Instant;

use crate::Deadline;
use crate::dialog::Dialog;
use crate::endpoint::ContactSpec;
use crate::msg::{Message, Method};
use crate::store::Slot;
use crate::ua::command::{Body, Headers};
use crate::ua::credentials::CredentialsId;
use crate::ua::event::{Event, SubscriptionEnd};
use crate::ua::table::Entry;
use crate::ua::wire::{Owner, Template, Wire};
use notifier::Asked;
use subscriber::Asking;

/// A subscription of either role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub(crate) Slot);

/// Which side we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We asked to be told.
    Subscriber,
    /// We tell.
    Notifier,
}

/// How far a subscription has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The SUBSCRIBE was sent or received, and is not answered.
    Asking,
    /// Accepted; the first NOTIFY is due.
    Waiting,
    /// Accepted, and state has been told.
    Active,
    /// Over.
    Over,
}

/// One subscription.
#[derive(Debug)]
pub struct Subscription {
    id: SubscriptionId,
    side: Side,
    phase: Phase,
    call_id: Box<str>,
    local_tag: Box<str>,
    /// The value of Event.
    event: Box<str>,
    dialog: Option<Dialog>,
    contact: ContactSpec,
    credentials: Option<CredentialsId>,
    /// When it ends unless something happens.
    until: Instant,
    /// Subscriber: when it is refreshed.
    refresh: Option<Instant>,
    asking: Option<Box<Asking>>,
    asked: Option<Box<Asked>>,
    /// Notifier: what to tell when the answer to the NOTIFY under way has come.
    next: Option<Box<(Option<Body>, Headers)>>,
    /// Requests of ours without final answer.
    waiting: u32,
    /// The user has heard of the end.
    told: bool,
    /// Until when the last NOTIFY of a subscription we ended is waited for.
    linger: Option<Instant>,
    armed: Option<Instant>,
}

impl Subscription {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> SubscriptionId {
        self.id
    }

    /// Which side we are.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }

    /// How far it has got.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The value of Event: package and parameters.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The dialog, once there is one.
    #[must_use]
    pub fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref()
    }

    /// Whether the user still counts it.
    pub(crate) fn is_alive(&self) -> bool {
        !self.told
    }

    /// The CSeq number of the repetition of a challenged request.
    pub(crate) fn repeat_number(&mut self) -> Option<u32> {
        match (&mut self.dialog, &mut self.asking) {
            (Some(dialog), _) => Some(dialog.next_cseq()),
            (None, Some(asking)) => Some(asking.next_cseq()),
            (None, None) => None,
        }
    }

    /// Runs what is due.
    pub(crate) fn handle_timeout(&mut self, wire: &mut Wire, now: Instant) {
        match self.side {
            Side::Subscriber => self.subscriber_timeout(wire, now),
            Side::Notifier => self.notifier_timeout(wire, now),
        }
    }

    fn send(&mut self, template: Template, wire: &mut Wire, now: Instant) {
        let Some(dialog) = self.dialog.as_mut() else { return };
        let cseq = dialog.next_cseq();
        let owner = Owner::Subscription(self.id);
        // One that cannot leave is as good as lost: refreshes and the other side's expiry deal with that.
        if wire.request(owner, template, cseq, self.credentials, now).is_ok() {
            self.waiting += 1;
        }
    }

    fn template(&self, method: Method<'static>, wire: &Wire) -> Option<Template> {
        Some(wire.template(self.dialog.as_ref()?, method, &self.contact))
    }

    /// Ends it in the user's eyes, and for what still arrives.
    fn end(&mut self, cause: SubscriptionEnd, wire: &mut Wire) {
        self.phase = Phase::Over;
        (self.refresh, self.next, self.asking) = (None, None, None);
        self.tell_end(cause, wire);
    }

    fn tell_end(&mut self, cause: SubscriptionEnd, wire: &mut Wire) {
        if !self.told {
            self.told = true;
            let subscription = self.id;
            wire.event(Event::SubscriptionEnded { subscription, cause });
        }
    }

    /// Whether a message is about the event of this subscription (RFC 6665 §8.2.1).
    fn concerns(&self, message: &Message) -> bool {
        use crate::header::{Event as EventHeader, Header};
        let ours = EventHeader::parse(self.event.as_bytes());
        let theirs = message.typed::<EventHeader<'_>>();
        match (ours, theirs) {
            (Ok(ours), Some(Ok(theirs))) => {
                ours.package.eq_ignore_ascii_case(theirs.package) && ours.id() == theirs.id()
            }
            (_, _) => false,
        }
    }
}

impl Entry for Subscription {
    fn key(&self) -> (&str, &str) {
        (&self.call_id, &self.local_tag)
    }

    fn next_timeout(&self) -> Option<Deadline> {
        if self.phase == Phase::Over {
            return self.linger.map(|at| Deadline { at, why: "the last NOTIFY does not come" });
        }
        let end = match (self.side, self.phase) {
            (Side::Subscriber, Phase::Asking) => None,
            (Side::Notifier, Phase::Asking) => Some("refuse a subscription the user leaves unanswered"),
            (_, Phase::Waiting) => Some("timer N: give up waiting for NOTIFY"),
            (_, Phase::Active | Phase::Over) => Some("end a subscription that was not refreshed"),
        };
        let end = end.map(|why| Deadline { at: self.until, why });
        let refresh = self.refresh.map(|at| Deadline { at, why: "refresh a subscription" });
        end.into_iter().chain(refresh).min_by_key(|deadline| deadline.at)
    }

    fn armed(&mut self) -> &mut Option<Instant> {
        &mut self.armed
    }

    fn is_done(&self) -> bool {
        self.phase == Phase::Over && self.told && self.waiting == 0 && self.linger.is_none()
    }
}
