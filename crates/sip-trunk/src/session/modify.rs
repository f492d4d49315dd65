//! Changes of a session that we ask for: re-INVITE and UPDATE, for the user and to refresh (RFC 3261 §14.1, RFC 3311,
//! RFC 4028 §7.4, RFC 6141).

use std::time::{Duration, Instant};

use super::caller::supported;
use super::negotiation::{Negotiation, OfferBy, Received, describes_session};
use super::timer;
use super::{Role, Session, State};
use crate::Deadline;
use crate::auth::AuthHeader;
use crate::dialog::first;
use crate::endpoint::{RequestId, SendError};
use crate::header::{CSeq, MinSe};
use crate::msg::{HeaderName, Message, Method};
use crate::ua::command::{Body, Headers};
use crate::ua::event::{EndCause, Event, Misuse};
use crate::ua::wire::{ALLOW, Owner, Purpose, Template, Wire, with_body, with_headers};

/// How often one change is tried again after 491, or with a longer interval after 422.
const MOST_RETRIES: u8 = 5;

/// A re-INVITE or UPDATE of ours.
#[derive(Debug)]
pub(super) struct Modification {
    invite: bool,
    /// For the user; else to refresh the session.
    user: bool,
    body: Option<Body>,
    headers: Headers,
    /// The smallest interval a 422 asked for.
    floor: Option<u32>,
    tries: u8,
    /// When it is tried again after a 491; `None` while it is under way.
    again: Option<Instant>,
    request: Option<RequestId>,
}

impl Modification {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.again.map(|at| Deadline { at, why: "try a re-INVITE or UPDATE again after 491" })
    }

    /// The re-INVITE that waits for its answer.
    pub(super) fn invite_under_way(&self) -> Option<RequestId> {
        self.request.filter(|_| self.invite && self.again.is_none())
    }
}

impl Session {
    /// Asks for a change by re-INVITE. Without a body the peer is asked to offer.
    pub(crate) fn reinvite(
        &mut self,
        body: Option<Body>,
        headers: Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if self.state != State::Confirmed {
            return Err(Misuse::State("a re-INVITE before the call is confirmed"));
        }
        // RFC 3261 §14.1: no INVITE while another is under way in either direction.
        let is_busy = self.modification.is_some() || self.asked.is_some() || !self.unacknowledged.is_empty();
        if is_busy || !self.negotiation().may_offer() {
            return Err(Misuse::OfferPending);
        }
        self.modify(true, true, body, headers, wire, now).map_err(Misuse::Send)
    }

    /// Asks for a change by UPDATE, also of an early dialog. Without a body it refreshes target and timer.
    pub(crate) fn update(
        &mut self,
        body: Option<Body>,
        headers: Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !self.has_dialog() {
            return Err(Misuse::State("an UPDATE without a dialog"));
        }
        if self.peer.update == Some(false) {
            return Err(Misuse::State("an UPDATE to a peer that does not take it"));
        }
        // RFC 3311 §5.1: an offer only when none is pending in either direction.
        let may_offer = self.asked.is_none() && self.negotiation() == Negotiation::Settled;
        if self.modification.is_some() || (body.is_some() && !may_offer) {
            return Err(Misuse::OfferPending);
        }
        self.modify(false, true, body, headers, wire, now).map_err(Misuse::Send)
    }

    /// Refreshes the session as its timer demands.
    pub(super) fn refresh(&mut self, wire: &mut Wire, now: Instant) {
        let is_free = self.modification.is_none() && self.asked.is_none() && self.negotiation().may_offer();
        if !is_free {
            // Whatever is under way refreshes too; if it fails, this is due again.
            return self.postpone_refresh(now);
        }
        // RFC 4028 §7.4: UPDATE without an offer where the peer takes it, else re-INVITE with the description as it is.
        let sent = match self.peer.update {
            Some(true) => self.modify(false, false, None, Headers::new(), wire, now),
            Some(false) | None => {
                let body = self.described.as_deref().cloned();
                self.modify(true, false, body, Headers::new(), wire, now)
            }
        };
        if sent.is_err() {
            self.postpone_refresh(now);
        }
    }

    fn modify(
        &mut self,
        invite: bool,
        user: bool,
        body: Option<Body>,
        headers: Headers,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), SendError> {
        let modification =
            Modification { invite, user, body, headers, floor: None, tries: 0, again: None, request: None };
        self.modification = Some(Box::new(modification));
        let sent = self.send_modification(wire, now);
        if sent.is_err() {
            self.modification = None;
        }
        sent
    }

    fn send_modification(&mut self, wire: &mut Wire, now: Instant) -> Result<(), SendError> {
        let Some(modification) = self.modification.as_ref() else { return Ok(()) };
        let method = if modification.invite { Method::Invite } else { Method::Update };
        let at = self.current;
        let Some(template) = self.template(at, method, wire) else { return Err(SendError::FlowGone) };
        let mut draft = template.draft.header(HeaderName::Allow, ALLOW);
        draft = draft.header(HeaderName::Supported, supported(self.timer, wire.config.reliable));
        let confirmed = self.state == State::Confirmed;
        if let Some(expiry) = self.expiry.filter(|_| confirmed) {
            // RFC 4028 §7.4: every request that could refresh does, with the roles as they are.
            let mut header = expiry.header();
            header.seconds = header.seconds.max(modification.floor.unwrap_or(0));
            draft = draft.header(HeaderName::SessionExpires, header.to_string());
            if let Some((_, min)) = timer::offered(self.timer, modification.floor) {
                draft = draft.header(HeaderName::MinSe, min.to_string());
            }
        }
        draft = with_body(with_headers(draft, &modification.headers), modification.body.as_ref());
        let offers = modification.body.is_some();
        let template = Template { draft, ..template };
        let Some(fork) = self.forks.get_mut(at) else { return Err(SendError::FlowGone) };
        let cseq = fork.dialog.next_cseq();
        let owner = Owner::Session(self.id, Purpose::Modify);
        let request = wire.request(owner, template, cseq, self.credentials, now)?;
        self.waiting += 1;
        if offers {
            fork.negotiation = Negotiation::LocalOffer;
        }
        if let Some(modification) = self.modification.as_mut() {
            modification.again = None;
            modification.request = Some(request);
        }
        Ok(())
    }

    /// The 2xx to a re-INVITE or UPDATE of ours.
    pub(crate) fn on_modified(
        &mut self,
        message: Message,
        auth: Vec<AuthHeader>,
        wire: &mut Wire,
        now: Instant,
    ) {
        let Some(cseq) = first::<CSeq<'_>>(&message, HeaderName::CSeq) else { return };
        let invite = cseq.method == Method::Invite;
        if invite {
            let forget = now + wire.timing().lifetime();
            self.owe_acknowledgement(cseq.number, auth, forget);
        }
        let modification = self.modification.take();
        let (Some(modification), true) = (modification, self.state != State::Terminated) else {
            // RFC 5407 §3.2.3: the session is over, but the INVITE transaction is still completed.
            if invite {
                self.acknowledge(None, wire, now);
            }
            return;
        };
        self.peer.learn(&message);
        if self.state == State::Confirmed {
            self.agree_timer(&message, true, now);
        }
        let mut received = Received::Repeat;
        if let Some(fork) = self.fork() {
            // RFC 6141 §3.3: the peer's contact in the 2xx is its target from now on.
            fork.dialog.refresh_target(&message);
            if describes_session(&message) {
                received = match modification.body {
                    None if invite => fork.negotiation.offered_again(OfferBy::Success),
                    Some(_) | None => fork.negotiation.received(OfferBy::Success),
                };
            } else if modification.body.is_some() {
                fork.negotiation = Negotiation::Settled;
            }
        }
        self.keep_description(modification.body.as_ref());
        let session = self.id;
        if received == Received::Offer {
            return self.tell(wire, Event::Offered { session, message, by: OfferBy::Success });
        }
        if invite {
            self.acknowledge(None, wire, now);
        }
        if modification.user {
            self.tell(wire, Event::OfferAnswered { session, message });
        }
    }

    /// A re-INVITE or UPDATE of ours was refused, or not answered.
    pub(crate) fn on_modify_failed(
        &mut self,
        status: u16,
        message: Option<Message>,
        wire: &mut Wire,
        now: Instant,
    ) {
        if self.state == State::Terminated {
            self.modification = None;
            return;
        }
        let role = self.role;
        let Some(modification) = self.modification.as_mut() else { return };
        modification.tries += 1;
        let may_retry = modification.tries <= MOST_RETRIES;
        let min_se = message.as_ref().and_then(|message| message.typed::<MinSe>()).and_then(Result::ok);
        match (status, min_se) {
            (491, _) if may_retry => {
                modification.again = Some(now + glare_wait(role, wire));
                self.withdraw_own_offer();
            }
            // RFC 4028 §7.4: as in the initial INVITE, the interval is raised.
            (422, Some(MinSe(floor))) if may_retry => {
                modification.floor = Some(floor);
                self.withdraw_own_offer();
                if self.send_modification(wire, now).is_err() {
                    self.modification_refused(status, message, wire, now);
                }
            }
            // RFC 3261 §12.2.1.2: the peer has lost the call, or has gone.
            (408 | 481, _) => {
                self.modification = None;
                self.end(EndCause::Gone(status), wire, now);
            }
            (_, _) => self.modification_refused(status, message, wire, now),
        }
    }

    fn modification_refused(&mut self, status: u16, message: Option<Message>, wire: &mut Wire, now: Instant) {
        let Some(modification) = self.modification.take() else { return };
        // RFC 3261 §14.1: the session goes on as if nothing had been asked.
        self.withdraw_own_offer();
        if modification.user {
            let session = self.id;
            self.tell(wire, Event::OfferRefused { session, status, message });
        } else {
            self.postpone_refresh(now);
        }
    }

    fn withdraw_own_offer(&mut self) {
        if let Some(fork) = self.fork()
            && fork.negotiation == Negotiation::LocalOffer
        {
            fork.negotiation = Negotiation::Settled;
        }
    }

    /// The time after a 491 is over.
    pub(super) fn modification_timeout(&mut self, wire: &mut Wire, now: Instant) {
        let is_due = self.modification.as_ref().and_then(|modification| modification.again);
        if is_due.is_none_or(|at| at > now) {
            return;
        }
        if self.asked.is_some() || !self.unacknowledged.is_empty() || !self.negotiation().may_offer() {
            // The peer's own change is being made: after it, not into it.
            let wait = glare_wait(self.role, wire);
            if let Some(modification) = self.modification.as_mut() {
                modification.again = Some(now + wait);
            }
        } else if self.send_modification(wire, now).is_err() {
            self.modification_refused(503, None, wire, now);
        }
    }
}

/// RFC 3261 §14.1: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms.
fn glare_wait(role: Role, wire: &mut Wire) -> Duration {
    let steps = match role {
        Role::Caller => 210 + wire.tokens.below(191),
        Role::Callee => wire.tokens.below(201),
    };
    Duration::from_millis(u64::from(steps) * 10)
}
