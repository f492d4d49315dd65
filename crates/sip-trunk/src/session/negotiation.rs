//! Who may offer when (RFC 3264, RFC 3261 §13.2.1, RFC 3311 §5, RFC 6337). Descriptions themselves are not read here.

use crate::header::{ContentDisposition, ContentType, Header};
use crate::msg::{HeaderName, Message};

/// How the exchange of session descriptions in one dialog stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Negotiation {
    /// No description has been sent or received.
    #[default]
    Fresh,
    /// Ours was sent; the peer's answer is due.
    LocalOffer,
    /// The peer's arrived; our answer is due in answer to, or in acknowledgement of, what it came in.
    RemoteOffer(OfferBy),
    /// Both sides agree.
    Settled,
}

/// What an offer of the peer came in, and so what our answer goes out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferBy {
    /// The INVITE; the answer goes in a reliable 18x or the 200.
    Invite,
    /// A re-INVITE; the answer goes in its 200.
    Reinvite,
    /// An UPDATE; the answer goes in its 200.
    Update,
    /// A PRACK; the answer goes in its 200.
    Prack,
    /// A reliable provisional answer to our INVITE without offer; the answer goes in PRACK.
    Provisional,
    /// A 200 to our INVITE or re-INVITE without offer; the answer goes in ACK.
    Success,
}

/// How an offer of the peer in a re-INVITE or UPDATE is to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be answered.
    Take,
    /// 491: ours is under way (RFC 3261 §14.2, RFC 3311 §5.2).
    Pending,
    /// 500 with Retry-After: an earlier one of the peer is not answered yet (RFC 3311 §5.2).
    Later,
}

impl Negotiation {
    /// Whether we may make an offer now.
    pub(crate) fn may_offer(self) -> bool {
        matches!(self, Self::Fresh | Self::Settled)
    }

    pub(crate) fn judge(self) -> Verdict {
        match self {
            Self::Fresh | Self::Settled => Verdict::Take,
            Self::LocalOffer => Verdict::Pending,
            Self::RemoteOffer(_) => Verdict::Later,
        }
    }

    /// A description arrived from the peer in a message of kind `by`; returns whether it is an answer to ours.
    pub(crate) fn received(&mut self, by: OfferBy) -> Received {
        match self {
            Self::LocalOffer => {
                *self = Self::Settled;
                Received::Answer
            }
            Self::Fresh => {
                *self = Self::RemoteOffer(by);
                Received::Offer
            }
            // RFC 3261 §13.2.1: descriptions after the answer, such as those of a 200 after a reliable 183, are ignored.
            Self::Settled | Self::RemoteOffer(_) => Received::Repeat,
        }
    }

    /// As [`received`](Self::received), where a new offer may follow an agreement: in re-INVITE, UPDATE and PRACK.
    pub(crate) fn offered_again(&mut self, by: OfferBy) -> Received {
        if *self == Self::Settled {
            *self = Self::RemoteOffer(by);
            return Received::Offer;
        }
        self.received(by)
    }

    /// We send a description: the answer due, or an offer.
    pub(crate) fn sent(&mut self) {
        *self = match self {
            Self::RemoteOffer(_) => Self::Settled,
            Self::Fresh => Self::LocalOffer,
            Self::LocalOffer => Self::LocalOffer,
            Self::Settled => Self::Settled,
        };
    }
}

/// What a received description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    Offer,
    Answer,
    Repeat,
}

/// Whether a message carries a session description: its body is one, or a multipart that may hold one.
pub(crate) fn describes_session(message: &Message) -> bool {
    if message.body().is_empty() {
        return false;
    }
    // RFC 3261 §20.11: without Content-Disposition, application/sdp is a session description.
    let disposition = message.header(HeaderName::ContentDisposition).map(ContentDisposition::parse);
    let is_session = match disposition {
        Some(Ok(disposition)) => disposition.disposition.eq_ignore_ascii_case("session"),
        Some(Err(_)) | None => true,
    };
    let kind = message.typed::<ContentType<'_>>().and_then(Result::ok);
    is_session
        && kind
            .is_some_and(|kind| kind.is("application", "sdp") || kind.kind.eq_ignore_ascii_case("multipart"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 §13.2.1: offer in INVITE, answer in 200; or offer in 200, answer in ACK.
    #[test]
    fn offers_and_answers_alternate() {
        let mut caller = Negotiation::Fresh;
        caller.sent();
        assert_eq!(caller, Negotiation::LocalOffer);
        assert_eq!(caller.received(OfferBy::Success), Received::Answer);
        assert_eq!(caller.received(OfferBy::Success), Received::Repeat);
        let mut late = Negotiation::Fresh;
        assert_eq!(late.received(OfferBy::Success), Received::Offer);
        late.sent();
        assert_eq!(late, Negotiation::Settled);
    }

    /// RFC 3311 §5.2: 491 while ours is out, 500 while theirs waits.
    #[test]
    fn an_offer_meets_a_pending_one() {
        assert_eq!(Negotiation::LocalOffer.judge(), Verdict::Pending);
        assert_eq!(Negotiation::RemoteOffer(OfferBy::Update).judge(), Verdict::Later);
        assert_eq!(Negotiation::Settled.judge(), Verdict::Take);
        assert!(!Negotiation::LocalOffer.may_offer() && Negotiation::Settled.may_offer());
    }

    #[test]
    fn only_session_bodies_count() {
        let check = |headers: &str, body: &str| {
            let text = format!("INFO sip:a SIP/2.0\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
            describes_session(&Message::from_datagram(text.into_bytes()).unwrap())
        };
        assert!(check("Content-Type: application/sdp\r\n", "v=0"));
        assert!(check("Content-Type: multipart/mixed;boundary=x\r\nContent-Disposition: session\r\n", "v=0"));
        assert!(!check("Content-Type: application/sdp\r\n", ""));
        assert!(!check("Content-Type: application/dtmf-relay\r\n", "Signal=1"));
        assert!(!check("Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n", "v=0"));
    }
}
