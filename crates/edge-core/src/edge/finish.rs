//! Ends: of a leg, of a search, of a call. The record is complete when the media has reported.

use std::time::{Duration, Instant};

use sip_trunk::Deadline;
use sip_trunk::ua::{Headers, Rejection};

use super::{Edge, Event};
use crate::call::{Call, CallId, Purpose, Standing};
use crate::cdr::{EndedBy, LegOutcome};
use crate::media::{Action, MediaLeg};
use crate::program::Outcome;

/// How long the media threads may take to report a call's end.
const REPORTS: Duration = Duration::from_secs(2);

impl Edge {
    /// Ends every call, because the process is about to end. Their records follow as the media reports.
    pub fn end_all(&mut self, now: Instant) {
        for id in self.calls.ids() {
            self.about = Some(id);
            self.finish(id, EndedBy::Edge, Some(503), "the edge was stopped", now);
        }
        self.pump(now);
    }

    /// Tries to write the records that wait, however lately that failed: the process is about to end.
    pub fn store_now(&mut self, now: Instant) {
        self.outbox.retry();
        self.pump(now);
    }

    /// The records that are not on disk, as spool lines.
    pub fn unstored(&self) -> Vec<String> {
        self.outbox.lines().collect()
    }

    /// Ends a call: everybody is hung up on, the media closed, the record written once its reports are in.
    pub(super) fn finish(&mut self, id: CallId, by: EndedBy, sip: Option<u16>, reason: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.ending.is_none()) else { return };
        call.ending = Some(now + REPORTS);
        let ending = &mut call.record.ending;
        (ending.by, ending.sip) = (by, sip);
        ending.reason = reason.to_owned();
        self.end_program(id);
        self.withdraw_all(id, now);
        let Some(call) = self.calls.get(id) else { return };
        let legs: Vec<_> =
            (0u8..).zip(&call.legs).filter(|(_, leg)| leg.is_some()).map(|(n, _)| MediaLeg(n)).collect();
        let reason = call.record.ending.q850.map(|cause| format!("Q.850;cause={cause}"));
        for leg in legs {
            self.hang_up_leg(id, leg, reason.clone(), now);
        }
        let Some(call) = self.calls.get(id) else { return };
        let media = call.media;
        if call.media_is_open {
            self.order_media(media, Action::Close);
        } else {
            self.write_record(id, now);
        }
    }

    fn hang_up_leg(&mut self, id: CallId, leg: MediaLeg, reason: Option<String>, now: Instant) {
        let session = self.calls.get(id).and_then(|call| call.leg(leg)?.session);
        if let Some(session) = session {
            let _ = self.ua.hang_up(session, reason, now);
        }
        self.leg_is_gone(id, leg, now);
    }

    /// A dialog is over: its place on the trunk is free, its line in the record complete. The ports wait for the media.
    pub(super) fn leg_is_gone(&mut self, id: CallId, leg: MediaLeg, now: Instant) {
        self.end_leg_record(id, leg, None, now);
        let Some(state) = self.calls.get_mut(id).and_then(|call| call.leg_mut(leg)) else { return };
        let (session, permit) = (state.session.take(), state.permit.take());
        if let Some(session) = session {
            self.calls.unlink(session);
        }
        if let Some(permit) = permit {
            self.trunks.release(permit);
        }
    }

    /// Completes a leg's line. What was answered stays answered.
    pub(super) fn end_leg_record(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        outcome: Option<LegOutcome>,
        now: Instant,
    ) {
        let wall = self.stamp(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(line) = call.leg(leg).map(|leg| leg.record) else { return };
        let Some(line) = call.record.legs.get_mut(line) else { return };
        line.ended = wall;
        if line.outcome != LegOutcome::Answered {
            line.outcome = outcome.unwrap_or(line.outcome);
        }
    }

    /// Takes a leg out of a call that goes on.
    pub(super) fn drop_leg(&mut self, id: CallId, leg: MediaLeg, outcome: LegOutcome, now: Instant) {
        self.end_leg_record(id, leg, Some(outcome), now);
        let session = self.calls.get(id).and_then(|call| call.leg(leg)?.session);
        if let Some(session) = session {
            // It may be over already.
            let _ = self.ua.hang_up(session, None, now);
        }
        self.leg_is_gone(id, leg, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.peer == Some(leg) {
            call.peer = None;
        }
        let media = call.media;
        self.order_media(media, Action::Detach { leg });
    }

    /// Nobody took the call.
    pub(super) fn dialing_failed(&mut self, id: CallId, purpose: Purpose, status: u16, now: Instant) {
        match purpose {
            Purpose::Call => {
                let told = for_caller(status);
                let why = format!("nobody took the call ({status})");
                self.reject_caller(id, told, Headers::new(), &why, now);
            }
            Purpose::Step => {
                self.settle_budget(id, now);
                self.step_over(id, Outcome::Refused { status, reason: None }, now);
            }
            Purpose::Transfer { .. } => self.transfer_failed(id, purpose, status, now),
        }
    }

    /// Somebody took it.
    pub(super) fn dialing_succeeded(&mut self, id: CallId, purpose: Purpose, now: Instant) {
        match purpose {
            Purpose::Call => {}
            Purpose::Step => self.step_over(id, Outcome::Connected, now),
            Purpose::Transfer { .. } => self.transfer_succeeded(id, purpose, now),
        }
    }

    /// Refuses a caller that was not answered; hangs up on one that was.
    pub(super) fn reject_caller(
        &mut self,
        id: CallId,
        status: u16,
        headers: Headers,
        why: &str,
        now: Instant,
    ) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let caller = call.caller;
        let Some(leg) = call.legs[usize::from(caller.0)].as_deref_mut() else { return };
        if let Some(line) = call.record.legs.get_mut(leg.record)
            && leg.standing < Standing::Answered
        {
            line.note(status);
            line.outcome = LegOutcome::Refused;
        }
        if leg.standing < Standing::Answered
            && let Some(session) = leg.session
        {
            let rejection = Rejection { headers, ..Rejection::new(status) };
            let _ = self.ua.reject(session, rejection, now);
            if let Some(line) = self.calls.get(id).and_then(|call| call.leg(caller)).map(|leg| leg.record)
                && let Some(call) = self.calls.get_mut(id)
                && let Some(line) = call.record.legs.get_mut(line)
            {
                line.outcome = LegOutcome::Refused;
            }
        }
        let by = if status == 487 { EndedBy::Caller } else { EndedBy::Called };
        self.finish(id, by, Some(status), why, now);
    }

    /// The media has reported all it knows.
    pub(super) fn write_record(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.record.ended = call.clock.at(now);
        // First of all: whatever happens in what follows, the record is there.
        self.outbox.push(&call.record);
        self.forget(id, now);
    }

    /// Gives back what a call has.
    pub(super) fn forget(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.remove(id) else { return };
        for ticket in &call.tickets {
            self.fraud.ended(*ticket, now);
        }
        for leg in call.legs.into_iter().flatten() {
            leg.addresses().for_each(|address| self.ports.release(&address, now));
            if let Some(session) = leg.session {
                self.calls.unlink(session);
                // Nobody is left on the line with a call that is no more.
                let _ = self.ua.hang_up(session, None, now);
            }
            if let Some(permit) = leg.permit {
                self.trunks.release(permit);
            }
        }
        self.group.ended();
        self.tell(Event::CallEnded(Box::new(call.record)));
    }

    /// ES-43: when the minutes of a budget are used up, its calls end.
    pub(super) fn cut_spent_calls(&mut self, now: Instant) {
        for ticket in self.fraud.handle_timeout(now) {
            let spent = self
                .calls
                .ids()
                .into_iter()
                .find(|id| self.calls.get(*id).is_some_and(|call| call.tickets.contains(&ticket)));
            if let Some(id) = spent {
                self.about = Some(id);
                self.finish(id, EndedBy::Edge, None, "the minutes of the budget are used up", now);
            }
        }
    }

    /// What is due in the calls themselves.
    pub(super) fn time_calls(&mut self, now: Instant) {
        for id in self.calls.due(now) {
            let Some(call) = self.calls.get(id) else { continue };
            self.about = Some(id);
            if let Some(until) = call.ending {
                if until <= now {
                    // The media threads said nothing: the record counts more than its quality figures.
                    self.write_record(id, now);
                }
                continue;
            }
            self.time_program(id, now);
            for leg in self.hunts_due(id, now) {
                self.with_hunt(id, leg, now, |hunt, trunks, ua| hunt.handle_timeout(trunks, ua, now));
            }
        }
    }

    fn hunts_due(&self, id: CallId, now: Instant) -> Vec<MediaLeg> {
        let Some(dialing) = self.calls.get(id).and_then(|call| call.dialing.as_deref()) else {
            return Vec::new();
        };
        let due = dialing
            .hunts()
            .filter(|(_, hunt)| hunt.next_timeout().is_some_and(|deadline| deadline.at <= now));
        due.map(|(leg, _)| leg).collect()
    }
}

impl Call {
    /// When [`Edge::time_calls`] has something to do for it.
    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        if let Some(at) = self.ending {
            return Some(Deadline { at, why: "reports of a call's media" });
        }
        let hunts = self.dialing.iter().flat_map(|dialing| dialing.hunts());
        let hunts = hunts.filter_map(|(_, hunt)| hunt.next_timeout());
        self.program_deadline().into_iter().chain(hunts).min_by_key(|deadline| deadline.at)
    }
}

/// What a caller is told of a status meant for us: nobody's password but ours is at stake.
fn for_caller(status: u16) -> u16 {
    match status {
        401 | 407 => 503,
        300..=399 => 480,
        other => other,
    }
}
