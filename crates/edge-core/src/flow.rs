//! Call flows: what a caller hears and where the call goes from there, step by step.

use std::collections::VecDeque;
use std::sync::Arc;

use telco_model::entity::{CallFlow, FlowStep, Menu};

/// The most steps one call may take through its flows: a flow that leads to itself ends here.
const MOST_STEPS: u32 = 1000;

/// Where a call is in its flow.
#[derive(Debug)]
pub(crate) struct FlowRun {
    flow: Arc<CallFlow>,
    next: usize,
    taken: u32,
    pub(crate) waiting: Waiting,
}

/// What a flow waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing: it is about to take its next step.
    Nothing,
    /// The end of a prompt.
    Prompt,
    /// A key of a menu.
    Key(Menu),
    /// Digits of an extension.
    Extension,
    /// Somebody to answer.
    Connection,
}

impl FlowRun {
    pub(crate) fn new(flow: Arc<CallFlow>) -> Self {
        Self { flow, next: 0, taken: 0, waiting: Waiting::Nothing }
    }

    /// Goes on in another flow.
    pub(crate) fn enter(&mut self, flow: Arc<CallFlow>) {
        (self.flow, self.next, self.waiting) = (flow, 0, Waiting::Nothing);
    }

    /// The next step; a flow without one, or one that goes round in circles, disconnects.
    pub(crate) fn step(&mut self) -> FlowStep {
        self.taken += 1;
        self.waiting = Waiting::Nothing;
        let step = self.flow.steps.get(self.next).filter(|_| self.taken <= MOST_STEPS).cloned();
        self.next += 1;
        step.unwrap_or(FlowStep::Disconnect)
    }

    /// Takes the last step again, as a menu does when no choice matches.
    pub(crate) fn repeat(&mut self) {
        self.next = self.next.saturating_sub(1);
        self.waiting = Waiting::Nothing;
    }
}

/// Splits what a prompt name may hold into file names: it may lead nowhere but into the directory of prompts.
pub(crate) fn prompt_file(name: &str) -> Option<String> {
    let parts: VecDeque<_> = name.split(['/', '\\']).collect();
    let plain = parts.len() == 1 && !name.starts_with('.') && !name.chars().any(char::is_control);
    plain.then(|| format!("{name}.wav"))
}
