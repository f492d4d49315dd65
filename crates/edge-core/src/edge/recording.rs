//! Recordings that the configuration asks for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use media_rtp::wav::Layout;
use telco_model::value::TrunkId;

use super::Edge;
use crate::call::{Call, CallId};
use crate::media::{Action, MediaLeg};

/// Which calls are recorded, from when two sides are connected: caller and called in a channel each, as `CONVERSATION-N.wav` in the
/// directory of recordings. N is 1, and grows when a transfer changes whom the call is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Recorded {
    /// None.
    #[default]
    Nothing,
    /// Those over one of these trunks, in or out.
    Trunks(BTreeSet<TrunkId>),
    /// All.
    Everything,
}

impl Recorded {
    fn wants(&self, call: &Call) -> bool {
        match self {
            Self::Nothing => false,
            Self::Trunks(trunks) => {
                let parties = call.legs.iter().flatten().filter_map(|leg| leg.party.trunk());
                parties.into_iter().any(|trunk| trunks.contains(&trunk.settings.id))
            }
            Self::Everything => true,
        }
    }
}

/// What is being recorded of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tape {
    leg: MediaLeg,
    number: u32,
}

impl Edge {
    /// Two sides are connected: begins to record, unless the caller is recorded already.
    pub(super) fn record_if_wanted(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id).filter(|call| self.config.recording.wants(call)) else {
            return;
        };
        let leg = call.caller;
        let number = match call.tape {
            Some(tape) if tape.leg == leg => return,
            Some(tape) => tape.number + 1,
            None => 1,
        };
        call.tape = Some(Tape { leg, number });
        let (media, file) = (call.media, PathBuf::from(format!("{}-{number}.wav", call.conversation)));
        self.order_media(media, Action::Record { leg, file, layout: Layout::DualChannel });
    }
}
