//! What the call engine asks of media.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media_rtp::dtmf::{Digit, InfoSignal};
use media_rtp::relay::LegConfig;
use media_rtp::wav::{Audio, Layout};

use super::ports::MediaAddress;

/// The media of one call. The call engine numbers them and never gives a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaId(pub u64);

/// One leg of a call's media, below [`MAX_LEGS`](super::MAX_LEGS). The call engine numbers them; a number is free again
/// after [`Action::Detach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaLeg(pub u8);

/// One order to play or to gather, so that its end is not taken for that of another. The call engine numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Order(pub u32);

/// One thing to do for one call. Commands of a call are followed in order.
#[derive(Debug, Clone)]
pub struct MediaCommand {
    /// The call.
    pub call: MediaId,
    /// What to do.
    pub action: Action,
}

/// What the call engine may ask.
#[derive(Debug, Clone)]
pub enum Action {
    /// Begins a call: the first command of all.
    Open(MediaSettings),
    /// Gives a leg its ports.
    Attach {
        /// Which leg.
        leg: MediaLeg,
        /// Taken from [`MediaPorts`](super::MediaPorts).
        address: MediaAddress,
    },
    /// Takes over what was negotiated for a leg: for early media, the answer, and each re-INVITE.
    Connect {
        /// Which leg.
        leg: MediaLeg,
        /// From [`LegNegotiation::config`](super::LegNegotiation::config).
        config: Box<LegConfig>,
    },
    /// Lets two legs hear each other, from when both are connected; ends the bridges they were in.
    Bridge {
        /// The one.
        a: MediaLeg,
        /// The other.
        b: MediaLeg,
    },
    /// Takes a leg out of its bridge: both sides are alone then.
    Part {
        /// Which leg.
        leg: MediaLeg,
    },
    /// Plays to a leg, in place of what played before. While it plays, the leg hears this and not its peer.
    Play {
        /// To which leg.
        leg: MediaLeg,
        /// Told with its end.
        order: Order,
        /// What.
        sound: Sound,
        /// Over and over until stopped: ring-back, music on hold.
        repeat: bool,
        /// A digit from the leg ends it.
        interruptible: bool,
    },
    /// Ends what plays to a leg.
    StopPlay {
        /// Which leg.
        leg: MediaLeg,
    },
    /// Gathers digits from a leg, in place of a collection that was running.
    Collect {
        /// From which leg.
        leg: MediaLeg,
        /// Told with its end.
        order: Order,
        /// How many, for how long.
        collection: Collection,
    },
    /// Gives up gathering digits.
    StopCollect {
        /// Which leg.
        leg: MediaLeg,
    },
    /// Sends digits to a leg's peer the way that was negotiated with it.
    SendDigits {
        /// To which leg.
        leg: MediaLeg,
        /// Which digits.
        digits: Vec<Digit>,
        /// For how long each.
        duration: Duration,
    },
    /// A SIP INFO with a digit came from a leg's peer.
    Info {
        /// From which leg.
        leg: MediaLeg,
        /// What it says.
        signal: InfoSignal,
    },
    /// Records what a leg says and what it hears.
    Record {
        /// Which leg.
        leg: MediaLeg,
        /// Where to; it must not exist yet.
        file: PathBuf,
        /// What is in it: caller and called are what the leg says and what it hears.
        layout: Layout,
    },
    /// Records silence while a card number is spoken or keyed in.
    MaskRecording {
        /// Which leg's recording.
        leg: MediaLeg,
        /// Begins or ends the silence.
        masked: bool,
    },
    /// Completes a recording.
    StopRecording {
        /// Which leg's.
        leg: MediaLeg,
    },
    /// Takes a connected leg out of another call, with its ports, keys and streams: an attended transfer.
    Adopt {
        /// Its number in this call.
        leg: MediaLeg,
        /// The call and the leg it is now.
        from: (MediaId, MediaLeg),
    },
    /// Ends a leg and frees its ports.
    Detach {
        /// Which leg.
        leg: MediaLeg,
    },
    /// Ends the call: all legs, all recordings.
    Close,
}

/// What holds for a whole call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSettings {
    /// A leg that should send and is silent for so long is reported. `None`: never.
    pub idle: Option<Duration>,
    /// Whose call progress tones are played: an ISO 3166-1 code; an unknown one gives those of `US`.
    pub country: String,
    /// Time between RTCP reports.
    pub reports: Duration,
}

impl Default for MediaSettings {
    /// Idle after 60 s, tones of the North American plan, reports each 5 s (RFC 3550 §6.2).
    fn default() -> Self {
        Self { idle: Some(Duration::from_secs(60)), country: "US".into(), reports: Duration::from_secs(5) }
    }
}

/// Something to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// A call progress tone of the call's country. Most never end.
    Tone(ToneKind),
    /// A WAV file; the driver reads it before the media thread sees it.
    File(PathBuf),
    /// Audio in memory.
    Audio(Arc<Audio>),
    /// Nothing, for a while.
    Silence(Duration),
    /// One after the other.
    Sequence(Vec<Sound>),
}

/// A file, by its name in the directory of prompts or its whole path.
impl From<&str> for Sound {
    fn from(file: &str) -> Self {
        Self::File(file.into())
    }
}

impl From<PathBuf> for Sound {
    fn from(file: PathBuf) -> Self {
        Self::File(file)
    }
}

impl From<Audio> for Sound {
    fn from(audio: Audio) -> Self {
        Self::Audio(Arc::new(audio))
    }
}

impl From<ToneKind> for Sound {
    fn from(tone: ToneKind) -> Self {
        Self::Tone(tone)
    }
}

/// Call progress tones (ITU-T E.180).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToneKind {
    /// Go ahead and dial.
    Dial,
    /// The called phone rings.
    RingBack,
    /// The called phone is busy.
    Busy,
    /// No line is free.
    Congestion,
    /// Another call waits.
    CallWaiting,
    /// An announcement follows.
    Information,
}

/// Which digits to gather.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Done with so many.
    pub most: usize,
    /// Enough when the caller pauses after so many.
    pub least: usize,
    /// Digits that end it and are not part of it, such as `#`.
    pub terminators: String,
    /// How long to wait for the first, from the end of what plays.
    pub first: Duration,
    /// How long to wait for each further one.
    pub between: Duration,
}

impl Default for Collection {
    /// One to 32 digits ended by `#`, 7 s for the first and 3 s between.
    fn default() -> Self {
        Self {
            most: 32,
            least: 1,
            terminators: "#".into(),
            first: Duration::from_secs(7),
            between: Duration::from_secs(3),
        }
    }
}
