//! A call in a flow: prompts, keys, transfers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use telco_model::entity::{CallFlow, FlowStep};
use telco_model::value::CallFlowId;

use super::Edge;
use crate::call::{CallId, Purpose};
use crate::cdr::{EndedBy, LegOutcome, LegParty, LegRecord};
use crate::flow::{FlowRun, Waiting, prompt_file};
use crate::media::{Action, CollectEnd, Collection, MediaLeg, PlayEnd, Sound};
use crate::route::{self, Query, Refusal, Route, Target};

impl Edge {
    /// The flow answers, and takes its first step.
    pub(super) fn start_flow(&mut self, id: CallId, flow: Arc<CallFlow>, now: Instant) {
        let wall = self.clock.at(now);
        self.answer_caller(id, now);
        let Some(call) = self.calls.get_mut(id) else { return };
        let mut line = LegRecord::outgoing(LegParty::Flow { id: flow.id }, String::new(), wall);
        (line.answered, line.outcome, line.to) = (Some(wall), LegOutcome::Answered, flow.name.to_string());
        call.record.legs.push(line);
        call.flow = Some(Box::new(FlowRun::new(flow)));
        self.run_flow(id, now);
    }

    /// Takes steps until one of them has to wait.
    fn run_flow(&mut self, id: CallId, now: Instant) {
        while let Some(run) = self.calls.get_mut(id).and_then(|call| call.flow.as_mut()) {
            match run.step() {
                FlowStep::Play(prompt) => return self.prompt(id, prompt.as_str(), Waiting::Prompt, None),
                FlowStep::Menu(menu) => {
                    let prompt = menu.prompt.to_string();
                    let one = Collection { most: 1, terminators: String::new(), ..Collection::default() };
                    return self.prompt(id, &prompt, Waiting::Key(menu), Some(one));
                }
                FlowStep::DialByExtension(prompt) => {
                    let digits = Collection { most: 9, ..Collection::default() };
                    return self.prompt(id, prompt.as_str(), Waiting::Extension, Some(digits));
                }
                FlowStep::SetUui(text) => {
                    if let Some(call) = self.calls.get_mut(id) {
                        call.user_data = Some(text.as_str().as_bytes().to_vec());
                    }
                }
                FlowStep::TransferToUser(user) => {
                    let found = self.calls.get(id).map(|call| route::person(&call.runtime, user));
                    return self.flow_transfer(id, found.unwrap_or(Err(Refusal::MissingTarget)), now);
                }
                FlowStep::TransferToNumber(number) => {
                    if self.release_link(id, number.as_str(), now) {
                        return self.flow_waits(id, Waiting::Transfer);
                    }
                    return self.bridge_to_number(id, number.as_str(), now);
                }
                FlowStep::TransferToFlow(flow) => {
                    if !self.enter_flow(id, flow) {
                        return self.finish(
                            id,
                            EndedBy::Edge,
                            None,
                            "the flow leads to one that is not there",
                            now,
                        );
                    }
                }
                FlowStep::Disconnect => {
                    return self.finish(id, EndedBy::Called, None, "the flow is over", now);
                }
            }
        }
    }

    fn enter_flow(&mut self, id: CallId, flow: CallFlowId) -> bool {
        let Some(call) = self.calls.get_mut(id) else { return false };
        let (Some(flow), Some(run)) = (call.runtime.flows.get(&flow).cloned(), &mut call.flow) else {
            return false;
        };
        run.enter(flow);
        true
    }

    fn flow_waits(&mut self, id: CallId, waiting: Waiting) {
        if let Some(run) = self.calls.get_mut(id).and_then(|call| call.flow.as_mut()) {
            run.waiting = waiting;
        }
    }

    /// Plays a prompt and gathers digits meanwhile; a prompt without a file is a moment of silence.
    fn prompt(&mut self, id: CallId, prompt: &str, waiting: Waiting, collection: Option<Collection>) {
        self.flow_waits(id, waiting);
        let Some(call) = self.calls.get(id) else { return };
        let (media, leg) = (call.media, call.caller);
        // The media threads know where prompts are, unless this edge was told another place.
        let directory = self.config.prompts.clone().unwrap_or_default();
        let sound = match prompt_file(prompt) {
            Some(file) => Sound::File(directory.join(file)),
            None => Sound::Silence(Duration::from_millis(500)),
        };
        let interruptible = collection.is_some();
        self.order_media(media, Action::Play { leg, sound, repeat: false, interruptible });
        if let Some(collection) = collection {
            self.order_media(media, Action::Collect { leg, collection });
        }
    }

    pub(super) fn flow_hears_play_end(&mut self, id: CallId, leg: MediaLeg, end: &PlayEnd, now: Instant) {
        if let PlayEnd::Failed(why) = end {
            self.explain(id, format!("a prompt cannot be played: {why}"));
        }
        let waits = self.calls.get(id).is_some_and(|call| {
            leg == call.caller && call.flow.as_ref().is_some_and(|run| run.waiting == Waiting::Prompt)
        });
        if waits {
            self.run_flow(id, now);
        }
    }

    pub(super) fn flow_hears_digits(
        &mut self,
        id: CallId,
        leg: MediaLeg,
        digits: &str,
        end: CollectEnd,
        now: Instant,
    ) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.caller == leg) else { return };
        let Some(run) = call.flow.as_mut().filter(|_| end != CollectEnd::Stopped) else { return };
        match run.waiting.clone() {
            Waiting::Key(menu) => {
                let key = digits.chars().next();
                let choice =
                    menu.choices.iter().find(|choice| Some(choice.key) == key).map(|choice| choice.call_flow);
                match choice {
                    Some(flow) => {
                        self.enter_flow(id, flow);
                    }
                    None => run.repeat(),
                }
                self.run_flow(id, now);
            }
            Waiting::Extension => {
                let wall = self.clock.at(now);
                match route::dial_by_extension(&call.runtime, digits, wall) {
                    Ok(target) => self.flow_transfer(id, Ok(target), now),
                    Err(refusal) => {
                        call.record.explain.push(format!("extension {digits:?}: {refusal}"));
                        run.repeat();
                        self.run_flow(id, now);
                    }
                }
            }
            Waiting::Nothing | Waiting::Prompt | Waiting::Transfer => {}
        }
    }

    /// Connects the caller to a number by the plans of the site of its trunk.
    pub(super) fn bridge_to_number(&mut self, id: CallId, number: &str, now: Instant) {
        let Some(call) = self.calls.get(id) else { return };
        let (origin, runtime) = (call.origin.clone(), Arc::clone(&call.runtime));
        let query = Query { origin: &origin, dialled: number, now: self.clock.at(now) };
        let decided = route::dial(&runtime, query, &mut self.chance);
        self.flow_waits(id, Waiting::Transfer);
        match decided {
            Ok(route) => {
                self.follow(id, route, Purpose::Flow, now);
                self.ring_back(id);
            }
            Err(refusal) => self.flow_refused(id, &refusal, now),
        }
    }

    fn flow_transfer(&mut self, id: CallId, target: Result<Target, Refusal>, now: Instant) {
        self.flow_waits(id, Waiting::Transfer);
        match target {
            Ok(target) => {
                self.follow(id, Route::internal(target), Purpose::Flow, now);
                self.ring_back(id);
            }
            Err(refusal) => self.flow_refused(id, &refusal, now),
        }
    }

    fn flow_refused(&mut self, id: CallId, refusal: &Refusal, now: Instant) {
        self.explain(id, refusal.to_string());
        self.flow_transfer_failed(id, refusal.status(), now);
    }

    /// A transfer of the flow came to nothing: the flow goes on after it.
    pub(super) fn flow_transfer_failed(&mut self, id: CallId, status: u16, now: Instant) {
        self.explain(id, format!("the flow's transfer failed ({status}), the flow goes on"));
        let Some(call) = self.calls.get(id) else { return };
        let (media, leg) = (call.media, call.caller);
        self.order_media(media, Action::StopPlay { leg });
        self.run_flow(id, now);
    }
}
