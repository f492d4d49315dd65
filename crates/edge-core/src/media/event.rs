//! What media tells the call engine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use media_rtp::diagnosis::MediaDiagnosis;
use media_rtp::dtmf::{Digit, Source};
use media_rtp::quality::CallQuality;
use media_rtp::relay::LegStats;

use super::command::{MediaId, MediaLeg, Order};

/// One thing that happened to one call.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaEvent {
    /// The call.
    pub call: MediaId,
    /// What happened.
    pub notice: Notice,
}

/// What may happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A digit came from a leg's peer; it has been passed on to the leg's bridge.
    Digit {
        /// From which leg.
        leg: MediaLeg,
        /// Which digit.
        digit: Digit,
        /// Which way it came.
        source: Source,
    },
    /// What played to a leg plays no more.
    PlayEnded {
        /// Which leg.
        leg: MediaLeg,
        /// Of the command.
        order: Order,
        /// Why.
        end: PlayEnd,
    },
    /// Digits were gathered.
    Collected {
        /// From which leg.
        leg: MediaLeg,
        /// Of the command.
        order: Order,
        /// The digits, without the one that ended them.
        digits: String,
        /// Why it is over.
        end: CollectEnd,
    },
    /// Send a SIP INFO to this leg's peer: it takes digits no other way.
    Info {
        /// Which leg.
        leg: MediaLeg,
        /// `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: String,
    },
    /// A leg's peer sends from another address than it signalled, and was believed.
    SourceLearned {
        /// Which leg.
        leg: MediaLeg,
        /// Where media goes now.
        source: SocketAddr,
    },
    /// A leg that should send has been silent beyond the limit. A leg that was not answered yet may have a reason.
    Idle {
        /// Which leg.
        leg: MediaLeg,
    },
    /// An idle leg sends again.
    Resumed {
        /// Which leg.
        leg: MediaLeg,
    },
    /// A leg has no audio, or bad audio. Told once per cause.
    Diagnosed {
        /// Which leg.
        leg: MediaLeg,
        /// The cause, the evidence and what to do.
        diagnosis: MediaDiagnosis,
    },
    /// Something asked for cannot be done; the rest goes on.
    Failed {
        /// Which leg, when one is meant.
        leg: Option<MediaLeg>,
        /// Why, for people.
        cause: String,
    },
    /// The media of the call is gone, by a fault of this program: nothing else is heard of it.
    Lost {
        /// Why, for people.
        cause: String,
    },
    /// A recording is complete, or broke off.
    RecordingEnded {
        /// Which leg's.
        leg: MediaLeg,
        /// Where it is.
        file: PathBuf,
        /// How long it is.
        length: Duration,
        /// Why it broke off.
        error: Option<String>,
    },
    /// A leg is over.
    LegEnded {
        /// Which leg.
        leg: MediaLeg,
        /// What it was like.
        report: Box<LegReport>,
    },
    /// The call's media is over: the last event of all.
    Closed,
}

/// Why a sound ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlayEnd {
    /// It was heard to its end.
    Finished,
    /// It was stopped, or something else was played.
    Stopped,
    /// A digit ended it.
    Interrupted,
    /// It cannot be played.
    Failed(String),
}

/// Why gathering digits ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectEnd {
    /// There are enough.
    Complete,
    /// This digit ended them.
    Terminator(Digit),
    /// Too few came in time.
    TimedOut,
    /// It was given up.
    Stopped,
}

/// What a leg's media was like.
#[derive(Debug, Clone, PartialEq)]
pub struct LegReport {
    /// What was sent last, for instance `PCMA`.
    pub codec: String,
    /// RTP clock of that codec in Hz.
    pub clock_rate: u32,
    /// The SRTP suite by its SDES name; `None` for plain RTP.
    pub suite: Option<&'static str>,
    /// Where media went.
    pub remote: Option<SocketAddr>,
    /// Packets, octets, digits, refusals.
    pub stats: LegStats,
    /// Loss, jitter, round trip, MOS of what was received; `None` for codecs that are not known here.
    pub quality: Option<CallQuality>,
    /// What was wrong at the end.
    pub diagnoses: Vec<MediaDiagnosis>,
}
