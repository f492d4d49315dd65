//! What the media threads tell.

use std::time::Instant;

use bytes::Bytes;
use sip_trunk::msg::Method;
use sip_trunk::trunk::TrunkEvent;
use sip_trunk::ua::{Body, Headers};

use super::recording::RecordedFile;
use super::{Edge, Event};
use crate::call::{CallId, Standing};
use crate::cdr::{EndedBy, Quality};
use crate::media::{LegReport, MediaEvent, MediaLeg, Notice};

impl Edge {
    pub(super) fn on_media(&mut self, event: MediaEvent, now: Instant) {
        let Some(id) = self.calls.of_media(event.call) else { return };
        self.about = Some(id);
        match event.notice {
            Notice::LegEnded { leg, report } => self.on_media_leg_ended(id, leg, &report, now),
            Notice::Closed => self.write_record(id, now),
            Notice::Info { leg, content_type, body } => {
                let session = self.calls.get(id).and_then(|call| call.leg(leg)?.session);
                if let Some(session) = session {
                    let body = Body { content_type: content_type.into(), bytes: Bytes::from(body) };
                    let _ = self.ua.send(session, &Method::Info, Some(body), Headers::new(), now);
                }
            }
            Notice::Idle { leg } => self.on_idle(id, leg, now),
            Notice::Diagnosed { leg, diagnosis } => {
                tracing::warn!(call = %self.conversation(id), leg = leg.0, "{diagnosis}");
                self.saw_media_fault(id, leg, diagnosis, now);
            }
            Notice::Failed { leg, cause } => {
                self.explain(id, format!("media: {cause}"));
                tracing::warn!(call = %self.conversation(id), ?leg, "media: {cause}");
            }
            Notice::Lost { cause } => {
                self.explain(id, format!("the media of the call is lost: {cause}"));
                self.give_up(id, now);
            }
            Notice::PlayEnded { leg, order, end } => self.on_play_end(id, (leg, order), end, now),
            Notice::Collected { leg, order, digits, end } => {
                self.on_digits(id, (leg, order), digits, end, now);
            }
            Notice::RecordingEnded { leg, file, length, error } => {
                self.on_recording_end(id, leg, RecordedFile { file, length, error });
            }
            Notice::Digit { .. } | Notice::SourceLearned { .. } | Notice::Resumed { .. } => {}
        }
    }

    fn on_media_leg_ended(&mut self, id: CallId, leg: MediaLeg, report: &LegReport, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(state) =
            call.legs[usize::from(leg.0)].take_if(|state| state.session.is_none() || call.ending.is_some())
        else {
            return;
        };
        if let Some(line) = call.record.legs.get_mut(state.record) {
            line.quality = Some(Box::new(Quality::of(report)));
            line.media = report.remote.map(|remote| remote.to_string());
        }
        state.addresses().for_each(|address| self.ports.release(&address, now));
        if let Some(trunk) = state.party.trunk() {
            self.saw_media(trunk.settings.id, report, now);
        }
    }

    /// Nothing has been heard from a leg that should speak: the call is dead, unless its trunk may be silent.
    fn on_idle(&mut self, id: CallId, leg: MediaLeg, now: Instant) {
        let Some(state) = self.calls.get(id).and_then(|call| call.leg(leg)) else { return };
        let ends = state.party.trunk().is_none_or(|trunk| trunk.settings.media.disconnect_on_idle);
        if ends && state.standing == Standing::Answered {
            self.finish(id, EndedBy::Edge, None, "no media for too long", now);
        }
    }

    /// A trunk came up or went down: groups move, and calls that wait for a dead server move on.
    pub(super) fn on_trunk(&mut self, event: TrunkEvent, now: Instant) {
        if let TrunkEvent::HealthChanged { .. } = &event {
            for group in self.groups.values_mut() {
                group.refresh(&self.trunks, now);
            }
            for id in self.calls.ids() {
                self.about = Some(id);
                for leg in self.hunting_legs(id) {
                    self.with_hunt(id, leg, now, |hunt, trunks, ua| {
                        hunt.health_changed(trunks, ua, now);
                    });
                }
            }
        }
        self.tell(Event::Trunk(event));
    }

    fn hunting_legs(&self, id: CallId) -> Vec<MediaLeg> {
        let Some(dialing) = self.calls.get(id).and_then(|call| call.dialing.as_ref()) else {
            return Vec::new();
        };
        dialing.hunts().map(|(leg, _)| leg).collect()
    }

    pub(super) fn conversation(&self, id: CallId) -> String {
        self.calls.get(id).map(|call| call.conversation.to_string()).unwrap_or_default()
    }
}
