//! Call flows: what a caller hears and where the call goes from there.

use serde::{Deserialize, Serialize};

use super::{Check, Entity, Sink};
use crate::value::{CallFlowId, DialString, Name, Text, UserId};

/// An inbound call flow: steps carried out in order until one of them ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFlow {
    /// Identifies the flow.
    pub id: CallFlowId,
    /// Unique name.
    pub name: Name,
    /// What it is for.
    pub description: Option<Text>,
    /// The steps. A flow without steps, or one that runs out of them, disconnects.
    #[serde(default)]
    pub steps: Vec<FlowStep>,
}

impl CallFlow {
    /// The names of the prompts it plays, in the order of its steps.
    pub fn prompts(&self) -> impl Iterator<Item = &Name> {
        self.steps.iter().filter_map(|step| match step {
            FlowStep::Play(prompt) | FlowStep::DialByExtension(prompt) => Some(prompt),
            FlowStep::Menu(menu) => Some(&menu.prompt),
            FlowStep::SetUui(_)
            | FlowStep::TransferToUser(_)
            | FlowStep::TransferToNumber(_)
            | FlowStep::TransferToFlow(_)
            | FlowStep::Disconnect => None,
        })
    }
}

/// One step of a call flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowStep {
    /// Plays a prompt, by its name.
    Play(Name),
    /// Plays a prompt and takes one key; the choice without a match repeats the menu.
    Menu(Menu),
    /// Sets the user-to-user data sent with a transfer.
    SetUui(Text),
    /// Transfers to a user's phones.
    TransferToUser(UserId),
    /// Transfers to a number, by the number plans of the site of the trunk the call came in on.
    TransferToNumber(DialString),
    /// Goes on in another flow.
    TransferToFlow(CallFlowId),
    /// Takes digits and transfers to the extension dialled.
    DialByExtension(Name),
    /// Ends the call.
    Disconnect,
}

/// A menu of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// The prompt.
    pub prompt: Name,
    /// Keys and where they lead.
    pub choices: Vec<MenuChoice>,
}

/// One key of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuChoice {
    /// `0` to `9`, `*` or `#`.
    pub key: char,
    /// The flow it leads to.
    pub call_flow: CallFlowId,
}

impl Entity for CallFlow {
    fn references(&self, sink: &mut Sink<'_>) {
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                FlowStep::TransferToUser(user) => {
                    sink.one(&format!("steps[{index}].transfer_to_user"), *user)
                }
                FlowStep::TransferToFlow(flow) => {
                    sink.one(&format!("steps[{index}].transfer_to_flow"), *flow)
                }
                FlowStep::Menu(menu) => {
                    for (key, choice) in menu.choices.iter().enumerate() {
                        sink.one(&format!("steps[{index}].menu.choices[{key}].call_flow"), choice.call_flow);
                    }
                }
                FlowStep::Play(_)
                | FlowStep::SetUui(_)
                | FlowStep::TransferToNumber(_)
                | FlowStep::DialByExtension(_)
                | FlowStep::Disconnect => {}
            }
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.steps.len() > 100 {
            check.problem("steps", "flow.too_long", "a flow may have at most 100 steps");
        }
        for (index, step) in self.steps.iter().enumerate() {
            let FlowStep::Menu(menu) = step else { continue };
            let at = format!("steps[{index}].menu.choices");
            check.distinct(&at, menu.choices.iter().map(|choice| choice.key), "a key is listed twice");
            for (key, choice) in menu.choices.iter().enumerate() {
                if !matches!(choice.key, '0'..='9' | '*' | '#') {
                    check.problem(&format!("{at}[{key}].key"), "flow.key", "a key is 0 to 9, * or #");
                }
            }
        }
    }
}
