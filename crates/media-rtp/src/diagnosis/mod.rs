//! Why there is no audio, or bad audio: named causes, each with its evidence and what to do.
//!
//! ```text
//!  LegView (counters, what was negotiated, how long) ──► diagnose() ──► [MediaDiagnosis: cause · evidence · fix]
//! ```
//!
//! [`Relay::diagnose`](crate::relay::Relay::diagnose) does it for both legs of a running relay.

mod cause;

pub use cause::MediaDiagnosis;

use std::net::IpAddr;
use std::time::Duration;

use crate::relay::LegStats;
use crate::sdp::MediaSession;

/// How long a leg may be silent before that means something.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of one leg.
#[derive(Debug, Clone, Copy)]
pub struct LegView<'a> {
    /// What was negotiated.
    pub session: &'a MediaSession,
    /// What arrived and left.
    pub stats: &'a LegStats,
    /// How long the leg has been open.
    pub open: Duration,
}

/// The causes found on a leg, the most telling first. Empty while all is well, or too early to say.
#[must_use]
pub fn diagnose(leg: &LegView<'_>) -> Vec<MediaDiagnosis> {
    let mut found = Vec::new();
    if leg.open < PATIENCE {
        return found;
    }
    let LegView { session, stats, .. } = leg;
    // A few strays are normal: packets of the call before, scanners.
    let notable = |count: u64| count > 5 && count * 10 > stats.received;
    if notable(stats.unauthentic) {
        let (failed, accepted) = (stats.unauthentic, stats.received);
        found.push(MediaDiagnosis::AuthenticationFailures { failed, accepted });
    }
    if let Some(seen) = stats.last_wrong_source.filter(|_| notable(stats.wrong_source)) {
        let (expected, packets) = (session.remote_rtp, stats.wrong_source);
        found.push(MediaDiagnosis::WrongSource { expected, seen, packets });
    }
    if let Some(seen) = stats.last_unknown_payload.filter(|_| notable(stats.unknown_payload)) {
        let expected = session.receive.iter().map(|format| format.payload_type).collect();
        found.push(MediaDiagnosis::PayloadTypeMismatch { seen, expected, packets: stats.unknown_payload });
    }
    if let Some((measured, negotiated)) = clock_mismatch(leg) {
        found.push(MediaDiagnosis::ClockMismatch { measured, negotiated });
    }
    if session.direction.receives() && stats.received == 0 {
        silence(leg, &mut found);
    }
    found
}

/// Nothing was accepted: why?
fn silence(leg: &LegView<'_>, found: &mut Vec<MediaDiagnosis>) {
    let LegView { session, stats, open } = *leg;
    if let Some(target) = session.remote_rtp {
        if is_private(target.ip()) && !is_private(session.local_rtp.ip()) {
            found.push(MediaDiagnosis::PrivateAddress { target, local: session.local_rtp, sent: stats.sent });
        }
        // RTCP comes through and RTP does not, or the network says that nobody listens there.
        if stats.unreachable > 0 || stats.rtcp_received > 0 {
            let (unreachable, rtcp) = (stats.unreachable, stats.rtcp_received);
            found.push(MediaDiagnosis::PortBlocked { target, local: session.local_rtp, unreachable, rtcp });
        }
    }
    // Packets that came and were refused are named above: then it is no silence of the network.
    if !found.is_empty() {
        return;
    }
    found.push(if stats.sent > 0 {
        MediaDiagnosis::OneWay { sent: stats.sent, local: session.local_rtp, open }
    } else {
        MediaDiagnosis::NoPackets { local: session.local_rtp, open }
    });
}

/// Timestamps that advance at another pace than negotiated, by more than a tenth.
fn clock_mismatch(leg: &LegView<'_>) -> Option<(u32, u32)> {
    let measured = leg.stats.clock.hertz()?;
    let negotiated = leg.session.receive.first()?.codec.clock_rate();
    (measured.abs_diff(negotiated) > negotiated / 10).then_some((measured, negotiated))
}

/// RFC 1918, RFC 6598 and RFC 4193: addresses that mean nothing outside their network.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xC0 == 64),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
