//! What call flows and programs do with a call: one function a step, and one place where outcomes go.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Edge;
use crate::call::{CallId, Control, Purpose};
use crate::cdr::{EndedBy, LegOutcome, LegParty, LegRecord};
use crate::media::{Action, CollectEnd, Collection, MediaLeg, Order, PlayEnd, Sound};
use crate::program::{Destination, Outcome};
use crate::route::{self, Query, Refusal, Route};

impl Edge {
    /// The edge itself answers the caller, and is a line of the record like anybody else who answers.
    pub(super) fn answer_ourselves(&mut self, id: CallId, party: LegParty, name: String, now: Instant) {
        let wall = self.stamp(id, now);
        self.answer_caller(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let mut line = LegRecord::outgoing(party, String::new(), wall);
        (line.answered, line.outcome, line.to) = (Some(wall), LegOutcome::Answered, name);
        call.record.legs.push(line);
    }

    /// Plays to the caller, once or over and over.
    pub(super) fn play(&mut self, id: CallId, sound: Sound, repeat: bool, interruptible: bool) {
        let sound = self.located(sound);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.playing.0 += 1;
        let (media, leg, order) = (call.media, call.caller, call.playing);
        self.order_media(media, Action::Play { leg, order, sound, repeat, interruptible });
    }

    /// Gathers digits from the caller, who may key over the prompt.
    pub(super) fn collect(&mut self, id: CallId, prompt: Option<Sound>, collection: Collection) {
        if let Some(prompt) = prompt {
            self.play(id, prompt, false, true);
        }
        let Some(call) = self.calls.get_mut(id) else { return };
        call.collecting.0 += 1;
        let (media, leg, order) = (call.media, call.caller, call.collecting);
        self.order_media(media, Action::Collect { leg, order, collection });
    }

    /// The media threads know where prompts are, unless this edge was told another place.
    fn located(&self, sound: Sound) -> Sound {
        let in_directory = |file: &Path| self.config.prompts.as_ref().map(|prompts| prompts.join(file));
        match sound {
            Sound::File(file) => Sound::File(in_directory(&file).unwrap_or(file)),
            Sound::Sequence(sounds) => {
                Sound::Sequence(sounds.into_iter().map(|sound| self.located(sound)).collect())
            }
            other @ (Sound::Tone(_) | Sound::Audio(_) | Sound::Silence(_)) => other,
        }
    }

    /// Connects the caller to somebody. Its carrier is asked first to do that itself, where it can.
    pub(super) fn connect_to(&mut self, id: CallId, destination: &Destination, now: Instant) {
        if let Destination::Number(number) = destination
            && self.release_link(id, number, now)
        {
            return;
        }
        self.call_and_connect(id, destination, now);
    }

    /// Connects the caller to somebody by a call of ours.
    pub(super) fn call_and_connect(&mut self, id: CallId, destination: &Destination, now: Instant) {
        match self.route_to(id, destination, now) {
            Ok(route) => self.connect_by(id, route, now),
            Err(refusal) => {
                let reason = Some(refusal.to_string());
                self.step_over(id, Outcome::Refused { status: refusal.status(), reason }, now);
            }
        }
    }

    pub(super) fn connect_by(&mut self, id: CallId, route: Route, now: Instant) {
        self.follow(id, route, Purpose::Step, now);
        self.ring_back(id);
    }

    /// Where a destination is, by the plans of the site the caller belongs to.
    pub(super) fn route_to(
        &mut self,
        id: CallId,
        destination: &Destination,
        now: Instant,
    ) -> Result<Route, Refusal> {
        let call = self.calls.get(id).ok_or(Refusal::MissingTarget)?;
        let (runtime, wall) = (Arc::clone(&call.runtime), self.clock.at(now));
        match destination {
            Destination::Number(number) => {
                let query = Query { origin: &call.origin, dialled: number, now: wall };
                route::dial(&runtime, query, &mut self.chance)
            }
            Destination::User(user) => route::person(&runtime, *user).map(Route::internal),
            Destination::Extension(digits) => {
                route::dial_by_extension(&runtime, digits, wall).map(Route::internal)
            }
        }
    }

    pub(super) fn on_play_end(
        &mut self,
        id: CallId,
        (leg, order): (MediaLeg, Order),
        end: PlayEnd,
        now: Instant,
    ) {
        if let PlayEnd::Failed(why) = &end {
            self.explain(id, format!("a prompt cannot be played: {why}"));
            tracing::warn!(call = %self.conversation(id), "a prompt cannot be played: {why}");
        }
        // What was stopped was stopped by us, for something else; so was what ended while the order to stop it was on its way.
        let latest = self.calls.get(id).is_some_and(|call| (call.caller, call.playing) == (leg, order));
        if end != PlayEnd::Stopped && latest {
            self.step_over(id, Outcome::Played(end), now);
        }
    }

    pub(super) fn on_digits(
        &mut self,
        id: CallId,
        (leg, order): (MediaLeg, Order),
        digits: String,
        end: CollectEnd,
        now: Instant,
    ) {
        let latest = self.calls.get(id).is_some_and(|call| (call.caller, call.collecting) == (leg, order));
        if end != CollectEnd::Stopped && latest {
            self.step_over(id, Outcome::Collected { digits, end }, now);
        }
    }

    /// A step is over; whoever has the call takes the next.
    pub(super) fn step_over(&mut self, id: CallId, outcome: Outcome, now: Instant) {
        let Some(call) = self.calls.get(id).filter(|call| call.ending.is_none()) else { return };
        if let Outcome::Refused { status, reason } = &outcome {
            let why = reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let (media, leg) = (call.media, call.caller);
            self.explain(id, format!("the caller could not be connected ({status}){why}"));
            self.order_media(media, Action::StopPlay { leg });
        }
        match self.calls.get(id).and_then(|call| call.control.as_ref()) {
            Some(Control::Flow(_)) => self.flow_goes_on(id, outcome, now),
            Some(Control::Program(_)) => self.tell_program(id, outcome, now),
            None => {
                if let Outcome::Refused { status, .. } = outcome {
                    self.finish(id, EndedBy::Edge, Some(status), "nobody took the call", now);
                }
            }
        }
    }
}
