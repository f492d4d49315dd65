//! What happens to each payload type on its way from one leg to the other.

use super::RelayError;
use super::config::LegConfig;
use super::transcode::Transcoder;
use crate::codec::Codec;
use crate::dtmf::Method;
use crate::sdp::offer_answer;

/// The way from one leg to the other.
pub(super) struct Path {
    pub(super) routes: [Route; 128],
    pub(super) transcoders: Vec<Transcoder>,
    /// The payload type events keep their form under; `None`: they are converted, or there are none.
    pub(super) events: Option<u8>,
    /// Digits are looked for in the audio.
    pub(super) listens: bool,
    /// RTP clock of what comes in.
    pub(super) clock_rate: u32,
}

/// What happens to one payload type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Route {
    /// Not negotiated.
    Unknown,
    /// Audio, sent under this payload type.
    Audio {
        payload_type: u8,
        /// Both legs speak this codec.
        same: bool,
        /// Decodes and encodes it.
        transcoder: Option<u8>,
    },
    /// Comfort noise: passed on under this payload type, or left out.
    Noise(Option<u8>),
    /// RFC 4733 events.
    Event,
}

impl Path {
    /// The way of a leg that is in no relay: nowhere.
    pub(super) fn none() -> Self {
        Self {
            routes: [Route::Unknown; 128],
            transcoders: Vec::new(),
            events: None,
            listens: false,
            clock_rate: 8000,
        }
    }

    pub(super) fn new(from: &LegConfig, to: &LegConfig) -> Result<Self, RelayError> {
        let (input, output) = (&from.session, &to.session);
        let clock_rate = input.receive.first().map_or(8000, |format| format.codec.clock_rate());
        let events = match (to.digits, input.receive_dtmf, output.send_dtmf) {
            (Method::Events, Some(theirs), Some(ours)) => {
                let same_clocks =
                    theirs.clock_rate == ours.clock_rate && clock_rate == output.send.codec.clock_rate();
                same_clocks.then_some(ours.payload_type)
            }
            _ => None,
        };
        let listens = input.receive_dtmf.is_none() && to.digits != Method::InBand;
        let mut path = Self { events, listens, clock_rate, ..Self::none() };
        for format in &input.receive {
            let same = format.codec.matches(&output.send.codec);
            let transcoder = if same && !listens && to.digits != Method::InBand {
                None
            } else {
                path.transcoder(&format.codec, &output.send.codec)
            };
            if same || transcoder.is_some() {
                let route = Route::Audio { payload_type: output.send.payload_type, same, transcoder };
                path.set(format.payload_type, route);
            }
        }
        if path.routes.iter().all(|route| matches!(route, Route::Unknown)) {
            let from = input.receive.first().map_or_else(String::new, |format| format.codec.to_string());
            return Err(RelayError::CannotTranscode { from, to: output.send.codec.to_string() });
        }
        if let Some((_, own)) = input.comfort_noise {
            path.set(own, Route::Noise(output.comfort_noise.map(|(theirs, _)| theirs)));
        }
        if let Some(event) = input.receive_dtmf {
            path.set(event.payload_type, Route::Event);
        }
        Ok(path)
    }

    /// Decodes and encodes the audio that came first in the description.
    pub(super) fn primary(&mut self) -> Option<&mut Transcoder> {
        self.transcoders.first_mut()
    }

    fn transcoder(&mut self, from: &offer_answer::Codec, to: &offer_answer::Codec) -> Option<u8> {
        let transcoder = Transcoder::new(known(from)?, known(to)?).ok()?;
        self.transcoders.push(transcoder);
        u8::try_from(self.transcoders.len() - 1).ok()
    }

    fn set(&mut self, payload_type: u8, route: Route) {
        self.routes[usize::from(payload_type & 0x7F)] = route;
    }
}

/// The codec this crate implements, if it does.
pub(super) fn known(codec: &offer_answer::Codec) -> Option<Codec> {
    Codec::from_rtpmap(codec.encoding(), codec.clock_rate(), codec.channels())
}
