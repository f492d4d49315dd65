//! What a user agent tells its user.

use std::fmt;
use std::net::SocketAddr;

use crate::auth::AnswerError;
use crate::endpoint::{CloseCause, Failure, RequestId, Source};
use crate::msg::{Diagnostics, Message};
use crate::session::{OfferBy, SessionId};
use crate::subscription::SubscriptionId;
use crate::transaction::ServerId;
use crate::transport::SocketId;

/// What happened. Every session ends with exactly one [`Rejected`](Self::Rejected) or [`Ended`](Self::Ended); its id means
/// nothing afterwards, except for the progress of its transfers.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "messages pass by in a queue; a box would cost an allocation each"
)]
pub enum Event {
    /// A call arrived. Progress, answer or reject it.
    Incoming {
        /// The new session.
        session: SessionId,
        /// The INVITE.
        message: Message,
        /// Who sent it.
        source: Source,
        /// The session of ours it is to take the place of (RFC 3891): answer this one, then hang that one up.
        replaces: Option<SessionId>,
    },
    /// The called side made progress: 101 to 199, of any fork; the To tag tells which. A description in it is an answer or
    /// early media; after an INVITE without offer it may be an offer, see [`Session::negotiation`](super::Session::negotiation).
    Progressed {
        /// The call we placed.
        session: SessionId,
        /// The answer.
        message: Message,
    },
    /// The called side answered. Where the INVITE had no offer, this has: [`answer_offer`](super::UserAgent::answer_offer)
    /// is due.
    Answered {
        /// The call we placed.
        session: SessionId,
        /// The 2xx.
        message: Message,
    },
    /// A call we placed came to nothing.
    Rejected {
        /// The call. The id is no longer valid.
        session: SessionId,
        /// The final status; 408 when nothing came in time, 503 when the way failed (RFC 3261 §8.1.3.1).
        status: u16,
        /// The answer, if there was one.
        message: Option<Message>,
        /// What failed below, if that was it.
        failure: Option<Failure>,
        /// Why the last challenge was not answered, if that was it.
        unanswered: Option<AnswerError>,
    },
    /// Our 2xx to an incoming call was acknowledged.
    Confirmed {
        /// The call.
        session: SessionId,
        /// The ACK; it carries the peer's answer if our 2xx made the offer.
        message: Message,
    },
    /// The peer offers, or (with an empty body) asks us to offer: answer with
    /// [`answer_offer`](super::UserAgent::answer_offer) or [`refuse_offer`](super::UserAgent::refuse_offer).
    Offered {
        /// The session.
        session: SessionId,
        /// What carried the offer.
        message: Message,
        /// What kind of message that is.
        by: OfferBy,
    },
    /// The peer withdrew its re-INVITE before it was answered, or has waited too long for the answer to its UPDATE or PRACK;
    /// the session goes on as it was.
    OfferWithdrawn {
        /// The session.
        session: SessionId,
    },
    /// The peer answered our offer in a re-INVITE, UPDATE, PRACK or 2xx.
    OfferAnswered {
        /// The session.
        session: SessionId,
        /// What carried the answer.
        message: Message,
    },
    /// The peer refused our re-INVITE or UPDATE; the session goes on as it was (RFC 3261 §14.1).
    OfferRefused {
        /// The session.
        session: SessionId,
        /// The final status, as in [`Rejected`](Self::Rejected).
        status: u16,
        /// The answer, if there was one.
        message: Option<Message>,
    },
    /// A session is over.
    Ended {
        /// The session. The id is no longer valid.
        session: SessionId,
        /// Why.
        cause: EndCause,
    },
    /// The peer asks us to contact a third party: accept or refuse (RFC 3515).
    Referred {
        /// The session.
        session: SessionId,
        /// Tells apart several REFERs of one session.
        refer: ReferId,
        /// The REFER.
        message: Message,
    },
    /// Our REFER goes ahead, or not. Reports may follow the end of the session.
    ReferProgress {
        /// The session.
        session: SessionId,
        /// Which REFER.
        refer: ReferId,
        /// How far the third party's call has got: the status in the sipfrag; 202 when our REFER was accepted without
        /// progress being wanted; the final status of our REFER when it was refused.
        status: u16,
        /// Nothing more will be reported.
        finished: bool,
        /// The NOTIFY or the answer to the REFER; `None` when none came in time.
        message: Option<Message>,
    },
    /// INFO, MESSAGE or another request inside a session: answer through the transaction.
    InDialog {
        /// The session.
        session: SessionId,
        /// Answer through this.
        transaction: ServerId,
        /// The request.
        message: Message,
    },
    /// A final answer to a request sent with [`send`](super::UserAgent::send) inside a session.
    InDialogResponse {
        /// The session.
        session: SessionId,
        /// The request.
        request: RequestId,
        /// The final status, as in [`Rejected`](Self::Rejected).
        status: u16,
        /// The answer, if there was one.
        message: Option<Message>,
    },
    /// A peer subscribes: accept or refuse (RFC 6665 §4.2).
    Subscribed {
        /// The new subscription.
        subscription: SubscriptionId,
        /// The SUBSCRIBE.
        message: Message,
        /// Who sent it.
        source: Source,
    },
    /// A subscriber of ours refreshed, and wants the state again: send a NOTIFY (RFC 6665 §4.2.1.2).
    Refreshed {
        /// The subscription.
        subscription: SubscriptionId,
        /// The SUBSCRIBE.
        message: Message,
    },
    /// State we subscribed to arrived.
    Notified {
        /// The subscription.
        subscription: SubscriptionId,
        /// The NOTIFY; it was answered with 200.
        message: Message,
    },
    /// A subscription of either role is over.
    SubscriptionEnded {
        /// The subscription. The id is no longer valid.
        subscription: SubscriptionId,
        /// Why.
        cause: SubscriptionEnd,
    },
    /// A request outside any dialog of ours: REGISTER, OPTIONS, MESSAGE and others. Answer through the transaction.
    Request {
        /// Answer through this.
        transaction: ServerId,
        /// The request.
        message: Message,
        /// Who sent it.
        source: Source,
    },
    /// An answer to a request of the user's.
    Response {
        /// The request.
        request: RequestId,
        /// The answer.
        message: Message,
        /// Who sent it.
        source: Source,
        /// Why a challenge was not answered, if this is one.
        unanswered: Option<AnswerError>,
    },
    /// A request of the user's got no final answer.
    Failed {
        /// The request. The id is no longer valid.
        request: RequestId,
        /// Why.
        failure: Failure,
    },
    /// A connection is ready for messages.
    FlowOpened {
        /// Who is at the other end.
        source: Source,
    },
    /// A connection ended.
    FlowLost {
        /// Who was at the other end.
        source: Source,
        /// Why.
        cause: CloseCause,
    },
    /// A STUN server has told the address others see, and it is another one than before: bindings and dialogs made with the old
    /// one may no longer be reached.
    PublicAddress {
        /// The listener.
        listener: SocketId,
        /// The address.
        address: SocketAddr,
    },
    /// A connection attempt of a peer failed before it was ready.
    HandshakeFailed {
        /// The peer.
        remote: SocketAddr,
        /// The listener it came to.
        listener: SocketId,
        /// Why.
        cause: CloseCause,
    },
    /// A message was refused before anything looked at its meaning.
    Malformed {
        /// Who sent it.
        source: Source,
        /// What was wrong.
        diagnostics: Diagnostics,
        /// The status of the answer; `None` when silence was right.
        answered: Option<u16>,
    },
    /// A source sends more than it may; its messages are dropped until it slows down. Told once for each burst.
    Throttled {
        /// The source.
        source: Source,
    },
    /// A request was refused for want of room: in the transaction table (unanswered) or the session table (503).
    Refused {
        /// Who sent it.
        source: Source,
        /// The request.
        message: Message,
    },
}

/// A REFER of a session, by the CSeq number it had; it is the `id` of its refer event (RFC 3515 §2.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferId(pub u32);

/// Why a session is over.
#[derive(Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "it passes by in a queue")]
pub enum EndCause {
    /// We hung up.
    HungUp,
    /// The peer hung up with this BYE.
    Bye(Message),
    /// The caller withdrew the call with this CANCEL before it was answered.
    Cancelled(Message),
    /// We rejected it.
    Rejected(u16),
    /// Our 2xx was never acknowledged (RFC 3261 §13.3.1.4).
    NotAcknowledged,
    /// A reliable provisional answer was never acknowledged (RFC 3262 §3).
    ProvisionalNotAcknowledged,
    /// The session timer ran out (RFC 4028 §10).
    Expired,
    /// The peer says that it knows no such call, or does not answer any more: 481 or 408 (RFC 3261 §12.2.1.2).
    Gone(u16),
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp => f.write_str("we hung up"),
            Self::Bye(_) => f.write_str("the peer hung up"),
            Self::Cancelled(_) => f.write_str("the caller gave up"),
            Self::Rejected(status) => write!(f, "we answered {status}"),
            Self::NotAcknowledged => f.write_str("our answer was never acknowledged"),
            Self::ProvisionalNotAcknowledged => f.write_str("our progress was never acknowledged"),
            Self::Expired => f.write_str("the session timer ran out"),
            Self::Gone(status) => write!(f, "the peer knows the call no more, or does not answer ({status})"),
        }
    }
}

/// Why a subscription is over.
#[derive(Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "it passes by in a queue")]
pub enum SubscriptionEnd {
    /// We ended it.
    Ended,
    /// The subscriber withdrew it, or the notifier ended it with this message.
    ByPeer(Message),
    /// It was not refreshed in time.
    Expired,
    /// It was refused, or could not be refreshed, with this status.
    Refused {
        /// The final status; 408 when nothing came.
        status: u16,
        /// The answer, if there was one.
        message: Option<Message>,
    },
}

/// Why a command was not carried out. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The session or subscription is over, or never was.
    #[error("there is no such session or subscription any more")]
    Gone,
    /// The state does not allow it: an answer to a call of ours, a re-INVITE before the call is answered, and so on.
    #[error("the state does not allow {0}")]
    State(&'static str),
    /// An offer of either side is unanswered (RFC 3261 §14.1, RFC 3311 §5.1).
    #[error("an offer is under way, wait for its end")]
    OfferPending,
    /// There is no offer to answer or refuse.
    #[error("there is no offer to answer")]
    NoOffer,
    /// The status code does not fit.
    #[error("{0} is no status for this")]
    Status(u16),
    /// A table of this session is full.
    #[error("too many {0} at once")]
    TooMany(&'static str),
    /// The message could not be sent.
    #[error(transparent)]
    Send(#[from] crate::endpoint::SendError),
    /// The message could not be written.
    #[error(transparent)]
    Draft(#[from] crate::msg::DraftError),
}
