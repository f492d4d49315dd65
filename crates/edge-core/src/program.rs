//! Calls in the hands of a program: what it is offered, what it may say, and what comes back.
//!
//! ```text
//!  Event::Program ── Offered ──► the program     Edge::command(call, Command, now) ──► StepId
//!                    Over { step, outcome } ◄──── play, collect, transfer: when they are over
//!                    Ended ◄───────────────────── whatever ended the call
//! ```
//!
//! A program does what the steps of a configured call flow do, through the same functions of the edge. Which calls it is offered
//! is [`ProgramConfig::calls`]. `driver::serve` gives every call a task of its own on top of this.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use media_rtp::dtmf::Digit;
use media_rtp::wav::Layout;
use telco_model::value::{CallFlowId, E164, Name, PhoneId, TrunkId, UserId};

use crate::ConversationId;
pub use crate::call::CallId;
use crate::cdr::EndedBy;
use crate::media::{CollectEnd, Collection, PlayEnd, Sound};
use crate::route::{Refusal, Route};

/// Which calls the program decides about, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Which calls.
    pub calls: Programmed,
    /// A call that the program says nothing about for so long after it was offered is answered 503.
    pub take_within: Duration,
    /// An answered call that the program does nothing with for so long is hung up.
    pub idle: Duration,
}

impl Default for ProgramConfig {
    /// No calls; 10 s to take one, an hour of doing nothing.
    fn default() -> Self {
        Self {
            calls: Programmed::Nothing,
            take_within: Duration::from_secs(10),
            idle: Duration::from_secs(3600),
        }
    }
}

impl ProgramConfig {
    /// A program is there: where nothing says which calls are its, all are.
    #[cfg(feature = "driver")]
    pub(crate) fn serve(&mut self) {
        if self.calls == Programmed::Nothing {
            self.calls = Programmed::Everything;
        }
    }
}

/// Which calls the program decides about. Emergency calls are never among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Programmed {
    /// None: the configuration decides alone.
    #[default]
    Nothing,
    /// Those that lead to one of these call flows: the program stands for its steps.
    Flows(BTreeSet<CallFlowId>),
    /// Those that trunks bring, whatever number they are for.
    Inbound,
    /// Those of trunks and of phones.
    Everything,
}

impl Programmed {
    /// Whether it stands for the steps of a flow.
    pub(crate) fn stands_for(&self, flow: CallFlowId) -> bool {
        matches!(self, Self::Flows(flows) if flows.contains(&flow))
    }
}

/// A call that waits for the program to say something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Names the call in commands and events.
    pub call: CallId,
    /// The conversation, as in its record and in `x-inin-cnv`.
    pub conversation: ConversationId,
    /// The address of the caller, as it came.
    pub from: String,
    /// The caller's number, when the address is one.
    pub number: Option<E164>,
    /// The address in `To`, as it came.
    pub to: String,
    /// What was called: the number, else the user part, of the Request-URI.
    pub dialled: String,
    /// The first `P-Asserted-Identity` (RFC 3325), as it came; only from trunks, which are trusted with it.
    pub asserted: Option<String>,
    /// The trunk it came in on.
    pub trunk: Option<OfferedTrunk>,
    /// The phone that calls, when one of ours does.
    pub phone: Option<PhoneId>,
    /// The call flow it leads to by configuration.
    pub flow: Option<CallFlowId>,
    /// User-to-user data of the caller, decoded (RFC 7433): the `Call.UUIData` of flows.
    pub user_data: Option<Vec<u8>>,
    /// Whether somebody has answered it already: it comes out of a flow or a transfer.
    pub answered: bool,
}

/// `Trunk.ID` and `Trunk.Name` of flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedTrunk {
    /// Which trunk.
    pub id: TrunkId,
    /// What it is called.
    pub name: Name,
}

/// What a program may say about a call it has.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Tells the caller that it rings.
    Ring,
    /// Answers.
    Answer,
    /// Refuses a call that was not answered, with a status of 300 to 699.
    Reject(u16),
    /// Lets the call go where the configuration leads it, without the program.
    Proceed,
    /// Plays to the caller, in place of what played before; over with [`Outcome::Played`]. A caller that was not answered hears
    /// it as early media.
    Play {
        /// What.
        sound: Sound,
        /// A digit ends it.
        interruptible: bool,
    },
    /// Plays over and over, until something else plays or somebody is connected; over at once.
    Loop(Sound),
    /// Gathers digits, while a prompt plays that a digit ends; over with [`Outcome::Collected`].
    Collect {
        /// What the caller hears meanwhile.
        prompt: Option<Sound>,
        /// How many digits, for how long.
        collection: Collection,
    },
    /// Sends digits to the caller the way that was negotiated.
    SendDigits(Vec<Digit>),
    /// Data for whoever the call is connected to, discriminator apart; `None` takes it away.
    SetUserData(Option<Vec<u8>>),
    /// Calls somebody and connects the caller; over with [`Outcome::Connected`], [`Outcome::Refused`] or [`Outcome::Released`].
    /// Whoever the caller was connected to is hung up on.
    Transfer(Destination),
    /// Records what the caller says and hears. A name without a directory is in the directory of recordings.
    Record {
        /// The file, which must not exist yet.
        file: PathBuf,
        /// What is in it.
        layout: Layout,
    },
    /// Completes the recording: [`ProgramEvent::Recorded`] follows.
    StopRecording,
    /// Gives up the step under way; its outcome is [`Outcome::Stopped`].
    Stop,
    /// Ends the call. One that was not answered is refused with 480.
    HangUp,
}

/// Whom a caller is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A number or an extension, by the number plans of the caller's site.
    Number(String),
    /// All phones of a person.
    User(UserId),
    /// Whoever has an extension that the directory knows: Dial By Extension.
    Extension(String),
}

/// A number or an extension.
impl From<&str> for Destination {
    fn from(number: &str) -> Self {
        Self::Number(number.to_owned())
    }
}

impl From<UserId> for Destination {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

/// Names one command of one call, so that its outcome is known by it. Later commands have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StepId(u32);

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A sound plays no more.
    Played(PlayEnd),
    /// Digits were gathered.
    Collected {
        /// The digits, without the one that ended them.
        digits: String,
        /// Why it is over.
        end: CollectEnd,
    },
    /// Somebody answered and is connected to the caller. The call goes on until one of them hangs up.
    Connected,
    /// Nobody answered; the caller is with the program again. The SIP status, and why when the edge knew before it called anybody.
    Refused {
        /// The best answer of those that were called, or what the edge would say.
        status: u16,
        /// For people.
        reason: Option<String>,
    },
    /// The carrier of the caller took the call over (Release Link Transfer): it is over here.
    Released,
    /// Another step took its place.
    Stopped,
}

/// What a program is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramEvent {
    /// A call waits for it.
    Offered(Box<Offer>),
    /// A step is over.
    Over {
        /// Of which call.
        call: CallId,
        /// Which step.
        step: StepId,
        /// How.
        outcome: Outcome,
    },
    /// A recording is complete, or broke off. It may come after the end of its call.
    Recorded {
        /// Of which call.
        call: CallId,
        /// Where it is.
        file: PathBuf,
        /// How long it is.
        length: Duration,
        /// Why it broke off.
        error: Option<String>,
    },
    /// The call is over, or out of the program's hands: nothing can be said about it any more.
    Ended {
        /// Which call.
        call: CallId,
        /// Who ended it.
        by: EndedBy,
        /// Why, for people.
        reason: String,
    },
}

impl ProgramEvent {
    /// The call it is about.
    #[must_use]
    pub fn call(&self) -> CallId {
        match self {
            Self::Offered(offer) => offer.call,
            Self::Over { call, .. } | Self::Recorded { call, .. } | Self::Ended { call, .. } => *call,
        }
    }
}

/// Why a command is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The call is over.
    #[error("the call is over")]
    Over,
    /// The call was never the program's, or has gone on without it.
    #[error("the call is not in the program's hands")]
    NotInHand,
    /// Only a call that was not answered rings or is refused.
    #[error("the call is answered already")]
    Answered,
    /// The status is none that refuses a call.
    #[error("{0} does not refuse a call")]
    Status(u16),
    /// The caller hears nothing before the answer: it made no offer.
    #[error("the caller hears nothing before the call is answered")]
    NoEarlyMedia,
    /// The caller talks to somebody; transfer it first, or wait until they are done.
    #[error("the caller is connected to somebody")]
    Connected,
    /// The caller is recorded already, by the program or by the configuration.
    #[error("the caller is recorded already")]
    Recorded,
    /// The program records nothing.
    #[error("the program records nothing")]
    NotRecording,
    /// A peer of the call is transferring it.
    #[error("the call is being transferred by its peer")]
    Transferring,
}

/// A call's place in its program.
#[derive(Debug)]
pub(crate) struct ProgramRun {
    /// Where the configuration leads.
    pub(crate) route: Result<Route, Refusal>,
    /// The step that is not over yet.
    pub(crate) under_way: Option<Step>,
    last: StepId,
    /// When patience with the program ends; `None` while it need not do anything.
    pub(crate) until: Option<Instant>,
}

/// A step that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) id: StepId,
    pub(crate) kind: StepKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepKind {
    Play,
    Collect,
    Connect,
}

impl ProgramRun {
    pub(crate) fn new(route: Result<Route, Refusal>, until: Instant) -> Self {
        Self { route, under_way: None, last: StepId::default(), until: Some(until) }
    }

    pub(crate) fn next_step(&mut self) -> StepId {
        self.last = StepId(self.last.0.wrapping_add(1));
        self.last
    }

    /// Takes the step under way when this is its outcome.
    pub(crate) fn conclude(&mut self, outcome: &Outcome) -> Option<StepId> {
        let concludes = |step: &mut Step| match outcome {
            Outcome::Played(_) => step.kind == StepKind::Play,
            Outcome::Collected { .. } => step.kind == StepKind::Collect,
            Outcome::Connected | Outcome::Refused { .. } | Outcome::Released => {
                step.kind == StepKind::Connect
            }
            Outcome::Stopped => true,
        };
        self.under_way.take_if(concludes).map(|step| step.id)
    }
}
