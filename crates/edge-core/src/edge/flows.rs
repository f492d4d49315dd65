//! A call in a configured flow: prompts, keys, transfers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use telco_model::entity::{CallFlow, FlowStep};
use telco_model::value::CallFlowId;

use super::Edge;
use crate::call::{CallId, Control};
use crate::cdr::{EndedBy, LegParty};
use crate::flow::{FlowRun, Waiting, prompt_file};
use crate::media::{Collection, Sound};
use crate::program::{Destination, Outcome};
use crate::route::{Route, Target};

impl Edge {
    /// The flow answers, and takes its first step.
    pub(super) fn start_flow(&mut self, id: CallId, flow: Arc<CallFlow>, now: Instant) {
        self.answer_ourselves(id, LegParty::Flow { id: flow.id }, flow.name.to_string(), now);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.control = Some(Control::Flow(Box::new(FlowRun::new(flow))));
        self.run_flow(id, now);
    }

    /// Takes steps until one of them has to wait.
    fn run_flow(&mut self, id: CallId, now: Instant) {
        while let Some(run) = self.flow_of(id) {
            match run.step() {
                FlowStep::Play(name) => {
                    self.flow_waits(id, Waiting::Prompt);
                    return self.play(id, prompt(name.as_str()), false, false);
                }
                FlowStep::Menu(menu) => {
                    let prompt = prompt(menu.prompt.as_str());
                    let one = Collection { most: 1, terminators: String::new(), ..Collection::default() };
                    self.flow_waits(id, Waiting::Key(menu));
                    return self.collect(id, Some(prompt), one);
                }
                FlowStep::DialByExtension(name) => {
                    let digits = Collection { most: 9, ..Collection::default() };
                    self.flow_waits(id, Waiting::Extension);
                    return self.collect(id, Some(prompt(name.as_str())), digits);
                }
                FlowStep::SetUui(text) => {
                    if let Some(call) = self.calls.get_mut(id) {
                        call.user_data = Some(text.as_str().as_bytes().to_vec());
                    }
                }
                FlowStep::TransferToUser(user) => {
                    self.flow_waits(id, Waiting::Connection);
                    return self.connect_to(id, &Destination::User(user), now);
                }
                FlowStep::TransferToNumber(number) => {
                    self.flow_waits(id, Waiting::Connection);
                    return self.connect_to(id, &Destination::Number(number.to_string()), now);
                }
                FlowStep::TransferToFlow(flow) => {
                    if !self.enter_flow(id, flow, now) {
                        let why = "the flow leads to one that is not there";
                        return self.finish(id, EndedBy::Edge, None, why, now);
                    }
                }
                FlowStep::Disconnect => {
                    return self.finish(id, EndedBy::Called, None, "the flow is over", now);
                }
            }
        }
    }

    /// Goes on in another flow, or with the program that stands for it.
    fn enter_flow(&mut self, id: CallId, flow: CallFlowId, now: Instant) -> bool {
        let Some(flow) = self.calls.get(id).and_then(|call| call.runtime.flows.get(&flow)).cloned() else {
            return false;
        };
        if self.config.program.calls.stands_for(flow.id) {
            self.offer_to_program(id, Ok(Route::internal(Target::Flow(flow))), now);
        } else if let Some(run) = self.flow_of(id) {
            run.enter(flow);
        }
        true
    }

    fn flow_of(&mut self, id: CallId) -> Option<&mut FlowRun> {
        match self.calls.get_mut(id)?.control.as_mut()? {
            Control::Flow(run) => Some(run),
            Control::Program(_) => None,
        }
    }

    fn flow_waits(&mut self, id: CallId, waiting: Waiting) {
        if let Some(run) = self.flow_of(id) {
            run.waiting = waiting;
        }
    }

    /// What the flow waited for has come.
    pub(super) fn flow_goes_on(&mut self, id: CallId, outcome: Outcome, now: Instant) {
        let Some(run) = self.flow_of(id) else { return };
        match (run.waiting.clone(), outcome) {
            (Waiting::Prompt, Outcome::Played(_)) | (Waiting::Connection, Outcome::Refused { .. }) => {}
            (Waiting::Key(menu), Outcome::Collected { digits, .. }) => {
                let key = digits.chars().next();
                let choice = menu.choices.iter().find(|choice| Some(choice.key) == key);
                match choice {
                    Some(choice) => _ = self.enter_flow(id, choice.call_flow, now),
                    None => run.repeat(),
                }
            }
            (Waiting::Extension, Outcome::Collected { digits, .. }) => {
                run.waiting = Waiting::Connection;
                match self.route_to(id, &Destination::Extension(digits.clone()), now) {
                    Ok(route) => return self.connect_by(id, route, now),
                    Err(refusal) => {
                        self.explain(id, format!("extension {digits:?}: {refusal}"));
                        if let Some(run) = self.flow_of(id) {
                            run.repeat();
                        }
                    }
                }
            }
            (
                Waiting::Nothing
                | Waiting::Prompt
                | Waiting::Key(_)
                | Waiting::Extension
                | Waiting::Connection,
                Outcome::Played(_)
                | Outcome::Collected { .. }
                | Outcome::Connected
                | Outcome::Refused { .. }
                | Outcome::Released
                | Outcome::Stopped,
            ) => return,
        }
        self.run_flow(id, now);
    }
}

/// A prompt by its name; one that names no file of the directory of prompts is a moment of silence.
fn prompt(name: &str) -> Sound {
    prompt_file(name).map_or(Sound::Silence(Duration::from_millis(500)), |file| Sound::File(file.into()))
}
