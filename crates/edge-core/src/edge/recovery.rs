//! After a panic: the call it was about is ended, the others go on.
//!
//! What can be promised: calls share nothing but tables, and a call's own state is its own. A panic while a message of a call was handled
//! may leave that call half changed, so it is hung up and recorded as it stands. A message that opened no call yet gets no answer; its
//! sender gives up by its own timers. A timer that panics rests for a moment and takes the timers behind it along; when that goes on, the
//! log and the counter say so and the edge wants a restart.

use std::time::Instant;

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
    /// ES-01: a driver has caught a panic. The call it was about, as far as its Call-ID tells, is ended with 500 or BYE.
    pub fn recover(&mut self, fault: &Fault, now: Instant) {
        self.faults += 1;
        if let During::Bytes(bytes) = &fault.during
            && let Ok(message) = Message::from_datagram(bytes.clone())
            && let Some(call_id) = message.typed::<header::CallId<'_>>().and_then(Result::ok)
            && let Some(id) = self.call_with(call_id.as_str())
        {
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
        let caller = self.calls.get(id).and_then(|call| call.leg(call.caller));
        let unanswered = caller.filter(|leg| leg.standing < Standing::Answered);
        if let Some(session) = unanswered.and_then(|leg| leg.session) {
            // It may be over already.
            let _ = self.ua.reject(session, Rejection::new(500), now);
        }
        self.finish(id, EndedBy::Edge, Some(500), REASON, now);
    }

    fn call_with(&self, call_id: &str) -> Option<CallId> {
        self.calls.ids().into_iter().find(|id| {
            let legs = self.calls.get(*id).into_iter().flat_map(|call| call.record.legs.iter());
            legs.into_iter().any(|leg| leg.protocol_call_id == call_id)
        })
    }
}
