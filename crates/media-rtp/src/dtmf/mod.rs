//! DTMF: the same digits as RTP events, as audible tones, and in SIP INFO, and every way between them.
//!
//! ```text
//!  telephone-event packets ─► EventReceiver ─┐                 ┌─► EventSender ─► telephone-event packets
//!  audio ───────────────────► Detector ──────┼─► DigitInput ───┼─► ToneSender ──► audio
//!  INFO body ───────────────► parse_info ────┘   one digit,    └─► info body
//!                                                once            (all three: DigitOutput)
//! ```
//!
//! [`mask`] keeps card numbers from being seen or heard on their way.

mod detect;
mod digit;
mod event;
mod info;
mod input;
pub mod mask;
mod output;
mod receive;
mod send;
mod tones;

pub use detect::{Detector, DetectorConfig, RateUnsupported};
pub use digit::{Digit, NotADigit};
pub use event::{Event, EventPayloadType, PayloadTypeOutOfRange};
pub use info::{InfoError, InfoKind, InfoSignal, parse_info};
pub use input::{DigitInput, Source};
pub use output::{DigitOutput, Method};
pub use receive::{Change, EndCause, EventReceiver, ReceiverStats, Report};
pub use send::{EventPacket, EventSender, QueueFull, SenderConfig};
pub use tones::{ToneLevels, ToneSender};
