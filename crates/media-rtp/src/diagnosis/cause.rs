//! The causes, their evidence and what to do about them.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a leg has no audio, or bad audio. `Display` tells cause and evidence, [`Self::fix`] what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaDiagnosis {
    /// Nothing arrives, and nothing was there to be sent: neither side speaks.
    NoPackets {
        /// Where packets were expected.
        local: SocketAddr,
        /// For how long.
        open: Duration,
    },
    /// This side sends, and nothing comes back.
    OneWay {
        /// Packets sent to the peer.
        sent: u64,
        /// Where packets were expected.
        local: SocketAddr,
        /// For how long.
        open: Duration,
    },
    /// Packets come from another address than the signalled one.
    WrongSource {
        /// The signalled address.
        expected: Option<SocketAddr>,
        /// Where packets came from last.
        seen: SocketAddr,
        /// How many.
        packets: u64,
    },
    /// SRTP packets do not match their key.
    AuthenticationFailures {
        /// How many did not.
        failed: u64,
        /// How many did.
        accepted: u64,
    },
    /// Packets carry a payload type that was not negotiated.
    PayloadTypeMismatch {
        /// The last one seen.
        seen: u8,
        /// Those negotiated.
        expected: Vec<u8>,
        /// How many packets.
        packets: u64,
    },
    /// Timestamps advance at another pace than negotiated.
    ClockMismatch {
        /// Ticks per second seen.
        measured: u32,
        /// Ticks per second negotiated.
        negotiated: u32,
    },
    /// The RTP port is closed or filtered, at one end.
    PortBlocked {
        /// Where this side sends.
        target: SocketAddr,
        /// Where packets were expected.
        local: SocketAddr,
        /// ICMP errors for what was sent.
        unreachable: u64,
        /// RTCP compounds that did arrive.
        rtcp: u64,
    },
    /// The peer named an address of its private network.
    PrivateAddress {
        /// What it named.
        target: SocketAddr,
        /// This side's address.
        local: SocketAddr,
        /// Packets that were sent there.
        sent: u64,
    },
}

impl MediaDiagnosis {
    /// A short stable name for logs and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPackets { .. } => "no-packets",
            Self::OneWay { .. } => "one-way",
            Self::WrongSource { .. } => "wrong-source",
            Self::AuthenticationFailures { .. } => "authentication-failures",
            Self::PayloadTypeMismatch { .. } => "payload-type-mismatch",
            Self::ClockMismatch { .. } => "clock-mismatch",
            Self::PortBlocked { .. } => "port-blocked",
            Self::PrivateAddress { .. } => "private-address",
        }
    }

    /// What an administrator can do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::NoPackets { local, .. } => format!(
                "check that {local} is the address both peers can reach, and that UDP to the media ports is let in"
            ),
            Self::OneWay { local, .. } => format!(
                "let UDP from the peer's media addresses in to {local}; behind NAT advertise the public address"
            ),
            Self::WrongSource { seen, .. } => format!(
                "the peer is behind NAT or routes asymmetrically: permit learning on this leg, from {} only",
                seen.ip()
            ),
            Self::AuthenticationFailures { .. } => {
                "the peer uses another key, suite or rollover counter: check that a=crypto passes unchanged through \
                 every hop, and re-key by re-INVITE"
                    .to_owned()
            }
            Self::PayloadTypeMismatch { seen, .. } => format!(
                "the peer sends payload type {seen} without having negotiated it: restrict its codec list, or offer that codec"
            ),
            Self::ClockMismatch { .. } => {
                "the peer encodes another codec or rate than its description says: correct its rtpmap or codec list".to_owned()
            }
            Self::PortBlocked { target, local, .. } => format!(
                "open UDP between {local} and {target} in the firewalls on the way; a carrier with one static port must \
                 say so in its description"
            ),
            Self::PrivateAddress { target, .. } => format!(
                "{} is not reachable from here: let the peer advertise its public address, or permit learning on this leg",
                target.ip()
            ),
        }
    }
}

impl fmt::Display for MediaDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPackets { local, open } => {
                write!(
                    f,
                    "no packet arrived at {local} in {} s, and there was nothing to send",
                    open.as_secs()
                )
            }
            Self::OneWay { sent, local, open } => {
                write!(f, "{sent} packets sent and none received at {local} in {} s", open.as_secs())
            }
            Self::WrongSource { expected: Some(expected), seen, packets } => {
                write!(f, "{packets} packets from {seen} instead of {expected}")
            }
            Self::WrongSource { expected: None, seen, packets } => {
                write!(f, "{packets} packets from {seen}, and no address was signalled")
            }
            Self::AuthenticationFailures { failed, accepted } => {
                write!(f, "{failed} SRTP packets failed authentication, {accepted} passed")
            }
            Self::PayloadTypeMismatch { seen, expected, packets } => {
                write!(f, "{packets} packets with payload type {seen}; negotiated are {expected:?}")
            }
            Self::ClockMismatch { measured, negotiated } => {
                write!(f, "timestamps advance at {measured} Hz; negotiated are {negotiated} Hz")
            }
            Self::PortBlocked { target, local, unreachable, rtcp } => write!(
                f,
                "no RTP at {local}; {unreachable} errors of the network for {target}, {rtcp} RTCP reports arrived"
            ),
            Self::PrivateAddress { target, local, sent } => {
                write!(f, "{sent} packets went to {target}, a private address; this side is {local}")
            }
        }
    }
}
