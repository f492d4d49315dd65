//! After a panic: the call it was about is ended, the others go on.
//!
//! What can be promised: calls share nothing but tables, and a call's own state is its own. A panic while a message of a call was handled
//! may leave that call half changed, so it is hung up and recorded as it stands. A message that opened no call yet gets no answer; its
//! sender gives up by its own timers. A timer that panics rests for a moment and takes the timers behind it along; when that goes on, the
//! log and the counter say so and the edge wants a restart.

use std::time::Instant;

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
            && let Some(id) = call_id(bytes).and_then(|call_id| self.call_with(call_id))
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

/// The Call-ID of a message that may be anything (RFC 3261 §7.3.3: `i` is its short form).
fn call_id(message: &[u8]) -> Option<&str> {
    let value = message.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line[..colon].trim_ascii();
        let is_ours = name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i");
        is_ours.then(|| line[colon + 1..].trim_ascii())
    })?;
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_found_in_any_bytes() {
        let check = |message: &str, expected| assert_eq!(call_id(message.as_bytes()), expected, "{message}");
        check("BYE sip:a SIP/2.0\r\nVia: x\r\nCall-ID: 1@a\r\n\r\n", Some("1@a"));
        check("BYE sip:a SIP/2.0\r\ni\t:  1@a \r\n\r\n", Some("1@a"));
        check("BYE sip:a SIP/2.0\r\nCALL-id:1\n\n", Some("1"));
        check("", None);
        check(":\n\n:", None);
    }
}
