//! What is written down about a conversation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use telco_model::value::{CallFlowId, EdgeId, PhoneId, SiteId, TrunkId, UserId};

use crate::conversation::ConversationId;
use crate::media::LegReport;

/// Bounds of what grows while a call lasts.
const MOST_EXPLANATIONS: usize = 64;
const MOST_TRANSFERS: usize = 16;
const MOST_CODES: usize = 32;
/// Characters of one text.
const LONGEST: usize = 256;

/// One conversation, from its first message to its last leg's end. Failovers and transfers add legs, never records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRecord {
    /// The conversation; the same on all legs and in `x-inin-cnv`.
    pub conversation: ConversationId,
    /// The edge that wrote this.
    pub edge: EdgeId,
    /// Where it came from and went.
    pub direction: Direction,
    /// The site whose number plans decided.
    pub site: Option<SiteId>,
    /// What was dialled or called, as it came.
    pub dialled: String,
    /// The classification, when a number plan gave one.
    pub classification: Option<String>,
    /// Whether it was an emergency call.
    pub emergency: bool,
    /// When the first message came.
    pub started: Timestamp,
    /// When the caller was answered.
    pub answered: Option<Timestamp>,
    /// When the last leg ended.
    pub ended: Timestamp,
    /// Every attempt and connection, in the order they were made. The first is the caller.
    pub legs: Vec<LegRecord>,
    /// Transfers, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Transfer>,
    /// How it ended.
    pub ending: Ending,
    /// Why it went where it went, one decision a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explain: Vec<String>,
}

/// Where a conversation came from and went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a trunk.
    Inbound,
    /// From a phone to a trunk.
    Outbound,
    /// From a phone to a phone or a flow.
    Internal,
    /// From a trunk to a trunk.
    Transit,
}

impl Direction {
    /// The word for it in records and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
            Self::Transit => "transit",
        }
    }
}

/// One leg: a dialog with a peer, or an attempt at one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegRecord {
    /// Whether the peer called us or we called it.
    pub direction: LegDirection,
    /// Who it is.
    pub party: LegParty,
    /// The SIP Call-ID; every leg has its own.
    pub protocol_call_id: String,
    /// The calling address as it was on the wire.
    pub from: String,
    /// The called address as it was on the wire.
    pub to: String,
    /// The address and port its signalling came from, or went to when it is a registered phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The address and port its media came from, when any did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// When its INVITE came or left.
    pub started: Timestamp,
    /// When it began to ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing: Option<Timestamp>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// What became of it.
    pub outcome: LegOutcome,
    /// The status codes of answers to its INVITE, in order, repeats left out.
    pub sip_codes: Vec<u16>,
    /// The Q.850 cause of its end (RFC 3326).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q850: Option<u8>,
    /// How its media fared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<Quality>>,
}

/// Whether the peer called us or we called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegDirection {
    /// The peer sent the INVITE.
    In,
    /// We sent it.
    Out,
}

impl LegDirection {
    /// The word for it in records and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Who a leg leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LegParty {
    /// A carrier or PBX.
    Trunk {
        /// The trunk.
        id: TrunkId,
        /// Its name when the call was made.
        name: String,
    },
    /// A phone.
    Phone {
        /// The phone.
        id: PhoneId,
        /// Its user.
        user: Option<UserId>,
    },
    /// A call flow of this edge.
    Flow {
        /// The flow.
        id: CallFlowId,
    },
    /// Another edge of the group.
    Neighbour {
        /// The edge.
        id: EdgeId,
    },
    /// Nobody known.
    Unknown,
}

/// What became of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegOutcome {
    /// It was answered.
    Answered,
    /// It was refused by the peer.
    Refused,
    /// Nobody answered in time.
    NoAnswer,
    /// The peer could not be reached.
    Failed,
    /// It was withdrawn before an answer.
    Cancelled,
}

impl LegOutcome {
    /// The word for it in records and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A transfer inside a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// When it was asked for.
    pub at: Timestamp,
    /// Which kind.
    pub kind: TransferKind,
    /// Where to.
    pub target: String,
    /// The final status the transferor was told.
    pub status: u16,
}

/// Kinds of transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// REFER without consultation.
    Blind,
    /// REFER with Replaces.
    Attended,
    /// A device outside sent the call back (Take Back and Transfer).
    TakeBack,
    /// A REFER to the carrier took us out of the path (Release Link Transfer).
    ReleaseLink,
    /// A call flow moved it.
    Flow,
}

impl TransferKind {
    /// The word for it in records and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Attended => "attended",
            Self::TakeBack => "take_back",
            Self::ReleaseLink => "release_link",
            Self::Flow => "flow",
        }
    }
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Who ended it.
    pub by: EndedBy,
    /// The status the caller got, when it was never answered.
    pub sip: Option<u16>,
    /// The Q.850 cause.
    pub q850: Option<u8>,
    /// Why, for people.
    pub reason: String,
}

/// Who ended a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller hung up or gave up.
    Caller,
    /// The called side hung up or refused.
    Called,
    /// This edge: a guard, a timer, a lost flow, a command.
    Edge,
}

impl EndedBy {
    /// The word for it in records and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Called => "called",
            Self::Edge => "edge",
        }
    }
}

/// How the media of a leg fared, as received by this edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// The codec, such as `PCMU/8000`.
    pub codec: String,
    /// Whether the media was encrypted.
    pub encrypted: bool,
    /// RTP packets sent to the peer.
    pub sent: u64,
    /// RTP packets received from it.
    pub received: u64,
    /// RTP packets of the peer that never came.
    pub lost: u64,
    /// Interarrival jitter in milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Mean opinion score, 1 to 4.5 (ITU-T G.107).
    pub mos: Option<f64>,
    /// Why there was no audio, when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<String>,
}

impl LegRecord {
    /// A leg of ours that is being called now.
    pub(crate) fn outgoing(party: LegParty, protocol_call_id: String, now: Timestamp) -> Self {
        Self {
            direction: LegDirection::Out,
            party,
            protocol_call_id,
            from: String::new(),
            to: String::new(),
            remote: None,
            media: None,
            started: now,
            ringing: None,
            answered: None,
            ended: now,
            outcome: LegOutcome::Failed,
            sip_codes: Vec::new(),
            q850: None,
            quality: None,
        }
    }

    /// An answer to its INVITE; repeats are left out, and so is what a peer says beyond reason.
    pub(crate) fn note(&mut self, status: u16) {
        if self.sip_codes.last() != Some(&status) && self.sip_codes.len() < MOST_CODES {
            self.sip_codes.push(status);
        }
    }
}

/// A text that a peer may have written, cut where it becomes too long.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Quality {
    /// What the media threads report of a leg.
    pub(crate) fn of(report: &LegReport) -> Self {
        let quality = report.quality.as_ref();
        Self {
            codec: format!("{}/{}", report.codec, report.clock_rate),
            encrypted: report.suite.is_some(),
            sent: report.stats.sent,
            received: report.stats.received,
            lost: quality.map_or(0, |quality| quality.lost),
            jitter_ms: quality.map_or(0.0, |quality| quality.jitter_mean.as_secs_f64() * 1000.0),
            mos: quality.and_then(|quality| quality.mos_listening),
            diagnosis: report.diagnoses.first().map(ToString::to_string),
        }
    }
}

impl CallRecord {
    /// One more decision. There is a bound for all and for each: peers have their say in them.
    pub(crate) fn add_explanation(&mut self, why: impl Into<String>) {
        match self.explain.len() {
            count if count < MOST_EXPLANATIONS => self.explain.push(shortened(why.into())),
            MOST_EXPLANATIONS => self.explain.push("and more, which is not written down".into()),
            _ => {}
        }
    }

    /// One more transfer; [`may_be_transferred`](Self::may_be_transferred) was asked before.
    pub(crate) fn add_transfer(&mut self, transfer: Transfer) {
        self.transfers.push(Transfer { target: shortened(transfer.target), ..transfer });
    }

    /// Whether one more transfer can be written down.
    pub(crate) fn may_be_transferred(&self) -> bool {
        self.transfers.len() < MOST_TRANSFERS
    }

    /// How long the caller was connected, in seconds.
    pub fn billed_seconds(&self) -> u64 {
        self.answered
            .map_or(0, |answered| u64::try_from(self.ended.duration_since(answered).as_secs()).unwrap_or(0))
    }

    /// The leg that carried the call in the end: the last one that was answered and is not the caller's.
    pub fn connected_leg(&self) -> Option<&LegRecord> {
        self.legs.iter().skip(1).rev().find(|leg| leg.outcome == LegOutcome::Answered)
    }
}
