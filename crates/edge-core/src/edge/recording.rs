//! Recordings that the configuration asks for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use media_rtp::wav::Layout;
use telco_model::value::TrunkId;

use super::{Edge, Event};
use crate::call::{Call, CallId, Recorder};
use crate::media::{Action, MediaLeg};
use crate::program::ProgramEvent;

/// Which calls are recorded, from when two sides are connected: caller and called in a channel each, as `CONVERSATION-N.wav` in the
/// directory of recordings. N is 1, and grows when a transfer changes whom the call is for. What a program records itself is not recorded
/// twice; the configuration goes on when the program's recording ends.
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

/// What the media threads tell of a recording.
pub(super) struct RecordedFile {
    pub(super) file: PathBuf,
    pub(super) length: Duration,
    pub(super) error: Option<String>,
}

impl Edge {
    /// Two sides are connected: begins to record, unless the caller is recorded already, by whomever.
    pub(super) fn record_if_wanted(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id).filter(|call| self.config.recording.wants(call)) else {
            return;
        };
        let leg = call.caller;
        let Some(state) = call.leg_mut(leg).filter(|state| state.recorder.is_none()) else { return };
        state.recorder = Some(Recorder::Configuration);
        call.recordings += 1;
        let file = PathBuf::from(format!("{}-{}.wav", call.conversation, call.recordings));
        let media = call.media;
        self.order_media(media, Action::Record { leg, file, layout: Layout::DualChannel });
    }

    /// A file is complete, or could not be written.
    pub(super) fn on_recording_end(&mut self, id: CallId, leg: MediaLeg, recording: RecordedFile) {
        let RecordedFile { file, length, error } = recording;
        let note = match &error {
            Some(error) => format!("recording {} broke off: {error}", file.display()),
            None => format!("recording {}", file.display()),
        };
        self.explain(id, note);
        let Some(call) = self.calls.get_mut(id) else { return };
        let recorder = call.leg_mut(leg).and_then(|state| state.recorder.take());
        if recorder != Some(Recorder::Program) {
            return;
        }
        let (is_connected, in_hand) = (call.peer.is_some() && call.ending.is_none(), call.is_in_program());
        if in_hand {
            self.tell(Event::Program(ProgramEvent::Recorded { call: id, file, length, error }));
        }
        if is_connected {
            self.record_if_wanted(id);
        }
    }
}
