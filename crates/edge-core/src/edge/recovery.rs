//! After a panic: the call it was about is ended, the others go on.
//!
//! What can be promised: calls share nothing but tables, and a call's own state is its own. A panic while something was done for a call
//! may leave that call half changed, so it is hung up and recorded as it stands. A message that opened no call yet gets no answer; its
//! sender gives up by its own timers. Timers behind one that has panicked rest for a moment. What calls share is counted again: ports,
//! places on trunks and in the edge are in use when a call has them, and not otherwise.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use sip_trunk::header;
use sip_trunk::msg::Message;
use sip_trunk::ua::Rejection;
use sip_trunk::{During, Fault};

use super::Edge;
use crate::call::{CallId, Standing};
use crate::cdr::EndedBy;
use crate::media::MediaId;

/// What the record says.
pub(super) const REASON: &str = "a fault of the edge";

impl Edge {
    /// ES-01: a driver has caught a panic. The call that something was done for is ended with 500 or BYE.
    pub fn recover(&mut self, fault: &Fault, now: Instant) {
        self.faults += 1;
        let about = self.about.take().or_else(|| match &fault.during {
            During::Bytes(bytes) => self.call_of_message(bytes),
            During::Input
            | During::Timeout
            | During::Command
            | During::Output
            | During::Connection
            | During::Lookup => None,
        });
        self.count_again(now);
        if let Some(id) = about {
            self.give_up(id, now);
        }
        self.pump(now);
    }

    /// The same for a panic while news of a call's media was handled.
    #[cfg(feature = "driver")]
    pub(crate) fn recover_media(&mut self, media: MediaId, now: Instant) {
        if let Some(id) = self.calls.of_media(media) {
            self.give_up(id, now);
        }
        self.pump(now);
    }

    /// Ends a call that cannot be trusted any more.
    pub(super) fn give_up(&mut self, id: CallId, now: Instant) {
        if self.calls.get(id).is_some_and(|call| call.ending.is_some_and(|until| until <= now)) {
            // Not even its record can be written.
            tracing::error!(call = %self.conversation(id), "a call is given up without a record");
            return self.forget(id, now);
        }
        let caller = self.calls.get(id).and_then(|call| call.leg(call.caller));
        let unanswered = caller.filter(|leg| leg.standing < Standing::Answered);
        if let Some(session) = unanswered.and_then(|leg| leg.session) {
            // It may be over already.
            let _ = self.ua.reject(session, Rejection::new(500), now);
        }
        self.finish(id, EndedBy::Edge, Some(500), REASON, now);
    }

    /// The call a message belongs to, of which nothing else was learned. Only who is in a dialog of it knows our tag.
    fn call_of_message(&self, bytes: &Bytes) -> Option<CallId> {
        let message = Message::from_datagram(bytes.clone()).ok()?;
        let call_id = message.typed::<header::CallId<'_>>()?.ok()?;
        let ours = if message.is_request() {
            message.typed::<header::To<'_>>()?.ok()?.tag()?.to_owned()
        } else {
            message.typed::<header::From<'_>>()?.ok()?.tag()?.to_owned()
        };
        let session = self.ua.session_of_dialog(call_id.as_str(), &ours)?;
        self.calls.of_session(session).map(|(id, _)| id)
    }

    /// What a panic has cut short may have taken a place that no call has, or lost one.
    fn count_again(&mut self, now: Instant) {
        let legs = || self.calls.iter().flat_map(|call| call.legs.iter().flatten());
        let pairs: BTreeSet<_> =
            legs().flat_map(|leg| leg.addresses()).map(|address| address.bound).collect();
        let permits = legs().filter_map(|leg| Some(leg.permit.as_ref()?.trunk()));
        let searching = self.calls.iter().filter(|call| call.ending.is_none());
        let tried = searching.flat_map(|call| call.dialing.iter().flat_map(|dialing| dialing.hunts()));
        let trunks: Vec<_> = permits.chain(tried.filter_map(|(_, hunt)| hunt.trunk())).collect();
        self.ports.keep(&pairs, now);
        self.trunks.recount(trunks);
        self.group.recount(self.calls.len());
    }
}
