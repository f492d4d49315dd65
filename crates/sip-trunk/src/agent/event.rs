//! What an agent tells its user.

use crate::endpoint::Source;
use crate::group::{ActiveChanged, Considered};
use crate::msg::Message;
use crate::trunk::{MatchedBy, TrunkEvent, TrunkId};
use crate::ua::{self, SessionId};

/// An outgoing call that looks for a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u64);

/// What happened.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "messages pass by in a queue; a box would cost an allocation each"
)]
pub enum Event {
    /// A call came in on a trunk: progress, answer or reject it. It counts towards the trunk's limits until it ends.
    Incoming {
        /// The session.
        session: SessionId,
        /// The trunk.
        trunk: TrunkId,
        /// What showed the trunk.
        by: MatchedBy,
        /// The INVITE.
        message: Message,
        /// Who sent it.
        source: Source,
    },
    /// A call came in that belongs to no trunk, or that its trunk has no room for. It was refused.
    Refused {
        /// Who sent it.
        source: Source,
        /// The line for the log.
        why: String,
    },
    /// An outgoing call is tried on a trunk, as a session of its own.
    Trying {
        /// The call.
        call: CallId,
        /// The trunk.
        trunk: TrunkId,
        /// The session of this attempt.
        session: SessionId,
    },
    /// The called side made progress.
    Progressed {
        /// The call.
        call: CallId,
        /// The session of this attempt; early media of one before is over.
        session: SessionId,
        /// The provisional answer.
        message: Message,
    },
    /// An outgoing call was answered. From here on only the session counts.
    Answered {
        /// The call.
        call: CallId,
        /// The trunk that carries it.
        trunk: TrunkId,
        /// The session.
        session: SessionId,
        /// The 2xx.
        message: Message,
        /// Every candidate considered, and what became of it.
        explanation: Vec<Considered>,
    },
    /// No trunk took an outgoing call, or the called party refused it.
    Failed {
        /// The call.
        call: CallId,
        /// What to tell the caller.
        status: u16,
        /// The answer that decided, if there was one.
        message: Option<Message>,
        /// Every candidate considered, and what became of it.
        explanation: Vec<Considered>,
    },
    /// A registration or the health of a trunk changed.
    Trunk(TrunkEvent),
    /// The traffic of a group moved.
    Moved(ActiveChanged),
    /// Anything else: what goes on inside a session, subscriptions, requests outside calls.
    Session(ua::Event),
}
