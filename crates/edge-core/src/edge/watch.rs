//! Subscriptions of phones: busy lamps (RFC 4235) and message waiting (RFC 3842).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use sip_trunk::endpoint::Source;
use sip_trunk::header::Event as EventHeader;
use sip_trunk::msg::Message;
use sip_trunk::subscription::SubscriptionId;
use sip_trunk::ua::{Body, Headers, Rejection};
use telco_model::value::{PhoneId, UserId};

use super::Edge;
use super::message::dialled;
use super::requests::rejection_of;
use crate::call::{Party, Standing};
use crate::guard::Relation;

/// A lamp lasts so long without being refreshed.
const LONGEST: Duration = Duration::from_secs(3600);

/// Who watches whom.
#[derive(Debug, Default)]
pub(super) struct Watches {
    lamps: BTreeMap<SubscriptionId, Lamp>,
}

/// A busy lamp.
#[derive(Debug)]
struct Lamp {
    /// The watched address, as it is written into documents.
    entity: String,
    phones: Vec<PhoneId>,
    version: u32,
    shown: Activity,
    /// Counts what was shown of calls, so that each has an id of its own.
    dialog: u32,
}

/// What a lamp shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Activity {
    Idle,
    Ringing,
    Busy,
}

impl Edge {
    /// A phone that holds a registration and proves itself may watch; nobody else learns who talks.
    pub(super) fn on_subscribed(
        &mut self,
        subscription: SubscriptionId,
        message: &Message,
        source: &Source,
        now: Instant,
    ) {
        let Some(phone) = self.known.phone_at(source, &self.registrar) else {
            let _ = self.ua.refuse_subscription(subscription, 403, Headers::new(), now);
            return;
        };
        // A datagram with the address of a phone need not be its own.
        let relation = Relation::Phone(phone);
        if let Err(draft) = self.guard.prove(&mut self.registrar, message, source, relation, false, now) {
            let rejection = rejection_of(draft).unwrap_or_else(|| Rejection::new(403));
            let _ = self.ua.refuse_subscription(subscription, rejection.status, rejection.headers, now);
            return;
        }
        let package =
            message.typed::<EventHeader<'_>>().and_then(Result::ok).map(|event| event.package.to_owned());
        match package.as_deref() {
            Some("dialog") => self.watch(subscription, message, now),
            Some("message-summary") => {
                let _ = self.ua.accept_subscription(subscription, LONGEST, Headers::new(), now);
                let body = Body {
                    content_type: "application/simple-message-summary".into(),
                    bytes: "Messages-Waiting: no\r\n".into(),
                };
                let _ = self.ua.notify(subscription, Some(body), Headers::new(), now);
            }
            // RFC 6665 §8.3.2.
            _ => {
                let _ = self.ua.refuse_subscription(subscription, 489, Headers::new(), now);
            }
        }
    }

    fn watch(&mut self, subscription: SubscriptionId, message: &Message, now: Instant) {
        let dialled = dialled(message).unwrap_or_default();
        let phones = self.phones_of_address(&dialled, now);
        if phones.is_empty() {
            let _ = self.ua.refuse_subscription(subscription, 404, Headers::new(), now);
            return;
        }
        let _ = self.ua.accept_subscription(subscription, LONGEST, Headers::new(), now);
        let entity = format!("sip:{dialled}@{}", self.config.host);
        let shown = self.activity(&phones);
        self.watches.lamps.insert(subscription, Lamp { entity, phones, version: 0, shown, dialog: 0 });
        self.light(subscription, None, now);
    }

    /// The phones behind an address: of an extension's owner, of a number's owner, of an account.
    fn phones_of_address(&self, dialled: &str, now: Instant) -> Vec<PhoneId> {
        if let Some(account) = self.runtime.accounts.get(dialled) {
            return vec![account.phone];
        }
        let wall = self.clock.at(now);
        let user: Option<UserId> = match self.runtime.extension(dialled, wall) {
            Some(
                numplan::ExtensionDecision::Active(user) | numplan::ExtensionDecision::Pending { user, .. },
            ) => Some(user),
            _ => None,
        };
        user.and_then(|user| self.runtime.users.get(&user))
            .map(|user| user.phones.clone())
            .unwrap_or_default()
    }

    pub(super) fn on_refreshed(&mut self, subscription: SubscriptionId, now: Instant) {
        self.light(subscription, None, now);
    }

    pub(super) fn on_subscription_ended(&mut self, subscription: SubscriptionId) {
        self.watches.lamps.remove(&subscription);
    }

    /// Looks at every lamp after something happened to the calls.
    pub(super) fn refresh_lamps(&mut self, now: Instant) {
        if self.watches.lamps.is_empty() || !self.calls.are_touched() {
            return;
        }
        let changed: Vec<_> = self
            .watches
            .lamps
            .iter()
            .filter_map(|(id, lamp)| {
                Some((*id, self.activity(&lamp.phones))).filter(|(_, shown)| *shown != lamp.shown)
            })
            .collect();
        for (subscription, shown) in changed {
            let Some(lamp) = self.watches.lamps.get_mut(&subscription) else { continue };
            let before = std::mem::replace(&mut lamp.shown, shown);
            self.light(subscription, Some(before), now);
        }
    }

    fn activity(&self, phones: &[PhoneId]) -> Activity {
        let legs = self
            .calls
            .iter()
            .filter(|call| call.ending.is_none())
            .flat_map(|call| call.legs.iter().flatten());
        let theirs = legs.filter(|leg| leg.session.is_some()).filter_map(|leg| match &leg.party {
            Party::Phone(phone) if phones.contains(&phone.id) => Some(leg.standing),
            Party::Phone(_) | Party::Trunk(_) | Party::Neighbour(_) | Party::Undecided => None,
        });
        let shown = theirs
            .map(|standing| if standing == Standing::Answered { Activity::Busy } else { Activity::Ringing });
        shown.max().unwrap_or(Activity::Idle)
    }

    /// Tells what a lamp shows; `before` is what it showed when that has changed.
    fn light(&mut self, subscription: SubscriptionId, before: Option<Activity>, now: Instant) {
        let Some(lamp) = self.watches.lamps.get_mut(&subscription) else { return };
        let bytes = lamp.document(before).into();
        let body = Body { content_type: "application/dialog-info+xml".into(), bytes };
        lamp.version += 1;
        let _ = self.ua.notify(subscription, Some(body), Headers::new(), now);
    }
}

impl Lamp {
    /// The state of the watched as RFC 4235 §4 writes it.
    fn document(&mut self, before: Option<Activity>) -> String {
        if before == Some(Activity::Idle) {
            self.dialog += 1;
        }
        let entity = escaped(&self.entity);
        let mut text = format!(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{}\" \
             state=\"full\" entity=\"{entity}\">\r\n",
            self.version
        );
        let state = match self.shown {
            // RFC 4235 §4.3: what has ended is told once, and is in no document after that.
            Activity::Idle => before.map(|_| "terminated"),
            Activity::Ringing => Some("early"),
            Activity::Busy => Some("confirmed"),
        };
        if let Some(state) = state {
            let _ = write!(text, "<dialog id=\"{}\"><state>{state}</state></dialog>\r\n", self.dialog);
        }
        text + "</dialog-info>\r\n"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
