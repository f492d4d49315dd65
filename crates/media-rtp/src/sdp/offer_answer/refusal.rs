//! Why a description is refused, and how SIP says so.

use std::net::IpAddr;

use thiserror::Error;

use super::super::fault::{Fault, ParseError};
use super::super::target::TargetRefusal;

/// Why an offer or an answer is refused.
///
/// [`Self::status`] and [`Self::warning`] give the SIP response: 488 with a Warning code of RFC 3261 §20.43.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The body is no session description.
    #[error(transparent)]
    Unreadable(#[from] ParseError),
    /// A line that matters cannot be read.
    #[error(transparent)]
    Faulty(#[from] Fault),
    /// No audio stream that is not itself refused.
    #[error("no active audio stream is offered")]
    NoAudio,
    /// A transport this side does not do.
    #[error("transport {0} is not supported for audio")]
    Transport(String),
    /// No codec in common.
    #[error("no codec in common; offered are {offered}")]
    NoCommonCodec {
        /// The peer's codecs.
        offered: String,
    },
    /// This side requires SRTP and the peer offers none.
    #[error("SRTP is required")]
    SrtpRequired,
    /// The peer requires SRTP and this side has it switched off.
    #[error("SRTP is switched off")]
    SrtpOff,
    /// Keys in SDP over signalling that is not encrypted.
    #[error("SRTP keys are only accepted over TLS signalling")]
    InsecureSignalling,
    /// No `a=crypto` line that can be used.
    #[error("no usable SRTP suite; offered are {offered}")]
    NoCommonSuite {
        /// The peer's suites.
        offered: String,
    },
    /// An answer whose `a=crypto` was not offered (RFC 4568 §5.1.3).
    #[error("the answered SRTP suite or tag was not offered")]
    CryptoNotOffered,
    /// DTLS-SRTP without a usable fingerprint or role (RFC 5763 §5).
    #[error("DTLS-SRTP needs a fingerprint and a setup role")]
    DtlsIncomplete,
    /// No `c=` line holds for the stream.
    #[error("c= is missing")]
    NoConnection,
    /// A host name in `c=`: resolve it, set the address, and try again.
    #[error("c= names the host {0}; resolve it first")]
    HostName(String),
    /// The other address family than ours.
    #[error("{0} is of another address family than ours")]
    AddressFamily(IpAddr),
    /// An address media must not go to.
    #[error(transparent)]
    Target(#[from] TargetRefusal),
    /// The answer has another number of streams than the offer, or other media in them (RFC 3264 §6).
    #[error("the answer's media sections do not match the offer's")]
    Mismatch,
    /// The peer refused the audio stream with port 0.
    #[error("the peer refused the audio stream")]
    StreamRefused,
    /// An offer arrived while ours is unanswered (RFC 3261 §14.2).
    #[error("an own offer is unanswered")]
    Glare,
    /// An answer arrived and nothing was offered.
    #[error("no offer is unanswered")]
    NothingOffered,
}

impl Refusal {
    /// The SIP status to answer with: 488, or 400, 413 and 491 where those say more.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unreadable(ParseError::TooLarge { .. }) => 413,
            Self::Unreadable(_) | Self::Faulty(_) => 400,
            Self::Glare => 491,
            Self::NoAudio
            | Self::Transport(_)
            | Self::NoCommonCodec { .. }
            | Self::SrtpRequired
            | Self::SrtpOff
            | Self::InsecureSignalling
            | Self::NoCommonSuite { .. }
            | Self::CryptoNotOffered
            | Self::DtlsIncomplete
            | Self::NoConnection
            | Self::HostName(_)
            | Self::AddressFamily(_)
            | Self::Target(_)
            | Self::Mismatch
            | Self::StreamRefused
            | Self::NothingOffered => 488,
        }
    }

    /// The Warning code (RFC 3261 §20.43).
    #[must_use]
    pub fn warning_code(&self) -> u16 {
        match self {
            Self::HostName(_) | Self::AddressFamily(_) => 301,
            Self::Transport(_) | Self::SrtpRequired | Self::SrtpOff | Self::InsecureSignalling => 302,
            Self::NoAudio | Self::StreamRefused => 304,
            Self::NoCommonCodec { .. } => 305,
            Self::NoCommonSuite { .. } | Self::CryptoNotOffered | Self::DtlsIncomplete => 307,
            Self::Target(TargetRefusal::Multicast(_)) => 330,
            Self::Unreadable(_)
            | Self::Faulty(_)
            | Self::NoConnection
            | Self::Target(_)
            | Self::Mismatch
            | Self::Glare
            | Self::NothingOffered => 399,
        }
    }

    /// The value of a SIP `Warning` header, `agent` being this host's name or a pseudonym.
    ///
    /// ```
    /// # use media_rtp::sdp::Refusal;
    /// assert_eq!(Refusal::SrtpRequired.warning("edge"), r#"302 edge "SRTP is required""#);
    /// ```
    #[must_use]
    pub fn warning(&self, agent: &str) -> String {
        let text: String =
            self.to_string().chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect();
        format!("{} {agent} \"{text}\"", self.warning_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MR-005: no common codec is 488 with Warning 305, and the peer's text cannot break out of the header.
    #[test]
    fn warning_text_is_one_quoted_string() {
        let refusal = Refusal::NoCommonCodec { offered: "x\"\r\nVia: \\y".into() };
        assert_eq!(refusal.status(), 488);
        assert_eq!(refusal.warning("edge"), "305 edge \"no codec in common; offered are xVia: y\"");
    }
}
