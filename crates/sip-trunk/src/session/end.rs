//! How sessions end: BYE, what crosses it, and what is still answered afterwards (RFC 3261 §15, RFC 5407 §3.2).

use std::time::Instant;

use super::{Role, Session, State};
use crate::msg::{HeaderName, Message, Method};
use crate::transaction::ServerId;
use crate::ua::event::{EndCause, Misuse};
use crate::ua::wire::{Purpose, Template, Wire};

/// The wish to end a session that may not be ended yet.
#[derive(Debug, Default)]
pub(super) struct Ending {
    wanted: bool,
    /// The value of Reason.
    reason: Option<Box<str>>,
}

impl Ending {
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl Session {
    /// Ends the session the way its state demands: CANCEL, a rejection or BYE.
    pub(crate) fn hang_up(
        &mut self,
        reason: Option<String>,
        wire: &mut Wire,
        now: Instant,
    ) -> Result<(), Misuse> {
        if self.told {
            return Err(Misuse::Gone);
        }
        if let Some(reason) = &reason {
            // It must not keep a BYE from leaving later.
            crate::msg::Draft::response(200).header(HeaderName::Reason, reason).finish()?;
        }
        self.ending.reason = reason.map(Into::into);
        self.end(EndCause::HungUp, wire, now);
        Ok(())
    }

    /// Ends the session with what its state demands, and tells the user why.
    pub(super) fn end(&mut self, cause: EndCause, wire: &mut Wire, now: Instant) {
        self.tell_end(cause, wire);
        match (self.role, self.state) {
            (Role::Caller, State::Inviting | State::Early) => self.withdraw(wire, now),
            (Role::Callee, State::Inviting | State::Early) => {
                self.refuse_invite(480, wire, now);
                self.terminate(wire, now);
            }
            (Role::Caller, State::Accepted) => {
                // RFC 3261 §13.2.2.4: also an offer that is not taken is acknowledged, and then the session ended.
                self.acknowledge(None, wire, now);
                self.send_bye(wire, now);
            }
            (Role::Callee, State::Accepted) if !self.unacknowledged.is_empty() => {
                // RFC 3261 §15: the callee waits for the ACK of its 2xx, or for the end of its repeats.
                self.ending.wanted = true;
                self.refuse_asked(wire, now);
                self.refuse_refers(wire, now);
                self.state = State::Terminated;
            }
            (Role::Callee, State::Accepted) | (Role::Caller | Role::Callee, State::Confirmed) => {
                self.send_bye(wire, now);
            }
            (Role::Caller | Role::Callee, State::Terminated) => self.continue_ending(wire, now),
        }
    }

    /// Sends BYE; what happens on the session afterwards is only answered.
    pub(super) fn send_bye(&mut self, wire: &mut Wire, now: Instant) {
        self.refuse_asked(wire, now);
        self.refuse_refers(wire, now);
        let at = self.current;
        if let Some(template) = self.template(at, Method::Bye, wire) {
            let draft = match &self.ending.reason {
                Some(reason) => template.draft.header(HeaderName::Reason, &**reason),
                None => template.draft,
            };
            self.request_in(at, Purpose::Bye, Template { draft, ..template }, wire, now);
        }
        self.terminate(wire, now);
    }

    /// The ACK, or the end of the wait for it, lets a wanted BYE go.
    pub(super) fn continue_ending(&mut self, wire: &mut Wire, now: Instant) {
        if self.ending.wanted && self.unacknowledged.is_empty() {
            self.send_bye(wire, now);
        }
    }

    /// A BYE.
    pub(crate) fn on_bye(
        &mut self,
        at: usize,
        transaction: ServerId,
        message: Message,
        wire: &mut Wire,
        now: Instant,
    ) {
        // RFC 5407 §3.2.1: also when ours has crossed it.
        wire.reply(transaction, &message, 200, now);
        if self.state == State::Terminated {
            self.ending.wanted = false;
            return;
        }
        if self.calling.is_some() {
            // RFC 3261 §15 forbids it to a callee; its fork is gone, the INVITE will get its final answer.
            self.forks.remove(at);
            self.current = 0;
            return;
        }
        self.refuse_invite(487, wire, now);
        self.refuse_asked(wire, now);
        self.refuse_refers(wire, now);
        // RFC 3261 §13.2.2.4: also a 2xx whose offer was never answered is acknowledged.
        self.acknowledge(None, wire, now);
        self.acknowledgements.clear();
        self.terminate(wire, now);
        self.tell_end(EndCause::Bye(message), wire);
    }

    /// Nothing more happens on the session. A 2xx of ours is still repeated until its ACK comes: without it the peer's INVITE
    /// would have no end.
    fn terminate(&mut self, wire: &mut Wire, now: Instant) {
        self.state = State::Terminated;
        self.ending.wanted = false;
        let under_way = self.modification.take().and_then(|modification| modification.invite_under_way());
        if let Some(invite) = under_way {
            wire.cancel(invite, None, now);
        }
        self.expiry = None;
        self.described = None;
    }

    /// Runs what is due.
    pub(crate) fn handle_timeout(&mut self, wire: &mut Wire, now: Instant) {
        self.calling_timeout(wire, now);
        self.answers_timeout(wire, now);
        self.modification_timeout(wire, now);
        self.asked_timeout(wire, now);
        self.refers_timeout(wire, now);
        self.acknowledgements.retain(|known| known.forget > now);
        // A call lasts much longer than its beginning, whose memory it gives back.
        self.acknowledgements.shrink_to_fit();
        self.expiry_timeout(wire, now);
    }

    fn expiry_timeout(&mut self, wire: &mut Wire, now: Instant) {
        let Some(expiry) = self.expiry.filter(|_| self.state == State::Confirmed) else { return };
        if expiry.timeout().at > now {
            return;
        }
        // RFC 4028 §10: who does not refresh ends the session shortly before its end; so does who cannot.
        if !expiry.ours || expiry.end() <= now {
            self.end(EndCause::Expired, wire, now);
        } else {
            self.postpone_refresh(now);
            self.refresh(wire, now);
        }
    }

    /// A refresh did not come about: it is tried again in the time that is left.
    pub(super) fn postpone_refresh(&mut self, now: Instant) {
        if let Some(expiry) = self.expiry.as_mut() {
            expiry.postpone(now);
        }
    }
}
