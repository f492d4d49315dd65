//! RTCP through the relay: identifiers rewritten as in RTP, or reports of our own.

use std::time::{Duration, Instant};

use super::leg::LegState;
use super::splice::Splice;
use crate::quality;
use crate::rtcp::{Compound, ReportBlock, RtcpPacket, RtcpWriter, SenderInfo, packet_type};
use crate::wire::{u16_at, u32_at};

/// Rewrites a checked compound in place.
///
/// What the sender says about itself is about the stream `outgoing` numbers; what it reports about others is about the
/// stream `incoming` numbers, which the far peer knows under the numbers it sent itself.
pub(super) fn rewrite(compound: &mut [u8], outgoing: &Splice, incoming: &Splice) {
    let mut at = 0;
    while let Some(words) = u16_at(compound, at + 2) {
        let end = at + 4 * (usize::from(words) + 1);
        let Some(packet) = compound.get_mut(at..end) else { return };
        rewrite_packet(packet, outgoing, incoming);
        at = end;
    }
}

fn rewrite_packet(packet: &mut [u8], outgoing: &Splice, incoming: &Splice) {
    let (count, kind) = (usize::from(packet[0] & 0x1F), packet[1]);
    if packet.len() < 8 {
        return;
    }
    put(packet, 4, outgoing.ssrc());
    let blocks = match kind {
        packet_type::SR => {
            if let Some(timestamp) = u32_at(packet, 16).and_then(|timestamp| outgoing.timestamp(timestamp)) {
                put(packet, 16, timestamp);
            }
            28
        }
        packet_type::RR => 8,
        packet_type::RTPFB | packet_type::PSFB => {
            if let Some(source) = incoming.source().filter(|_| packet.len() >= 12) {
                put(packet, 8, source);
            }
            return;
        }
        _ => return,
    };
    for block in packet.get_mut(blocks..).unwrap_or_default().chunks_exact_mut(24).take(count) {
        let Some(source) = incoming.source().filter(|_| u32_at(block, 0) == Some(incoming.ssrc())) else {
            continue;
        };
        put(block, 0, source);
        if let Some(sequence) = u16_at(block, 10).and_then(|sequence| incoming.incoming_sequence(sequence)) {
            block[10..12].copy_from_slice(&sequence.to_be_bytes());
        }
    }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(field) = bytes.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

/// Takes what a peer reports, when RTCP ends here.
pub(super) fn take_report(leg: &mut LegState, compound: &Compound<'_>, now: Instant) {
    let own = leg.splice.ssrc();
    let clock = middle(ntp(leg.uptime(now)));
    let mut trips = Vec::new();
    let mut note = |block: ReportBlock| {
        if block.ssrc == own {
            trips.extend(quality::round_trip(clock, block.last_sr, block.delay_since_last_sr));
        }
    };
    for packet in compound.packets() {
        if let RtcpPacket::SenderReport(report) = packet {
            leg.last_report = Some((report.compact_ntp(), now));
            report.blocks().for_each(&mut note);
        } else if let RtcpPacket::ReceiverReport(report) = packet {
            report.blocks().for_each(&mut note);
        }
    }
    if let Some(monitor) = &mut leg.monitor {
        trips.into_iter().for_each(|trip| monitor.round_trip(trip));
    }
}

/// Writes a report of our own about a leg; returns its length.
pub(super) fn write_report(leg: &mut LegState, buffer: &mut [u8], now: Instant) -> Option<usize> {
    let source = leg.source;
    let own = leg.splice.ssrc();
    let (last_sr, delay_since_last_sr) = leg.last_report.map_or((0, 0), |(middle, at)| {
        let passed = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
        (middle, u32::try_from(passed).unwrap_or(u32::MAX))
    });
    let block = leg.monitor.as_mut().zip(source).map(|(monitor, ssrc)| {
        let interval = monitor.reception().interval();
        ReportBlock {
            ssrc,
            fraction_lost: interval.fraction_lost,
            cumulative_lost: interval.cumulative_lost,
            highest_sequence: interval.highest_sequence,
            jitter: interval.jitter,
            last_sr,
            delay_since_last_sr,
        }
    });
    let mut writer = RtcpWriter::new(buffer);
    // RFC 3550 §6.4.1: a clock of one's own may serve where there is no wall clock.
    if let Some((_, rtp_timestamp)) = leg.splice.last().filter(|_| leg.stats.sent > 0) {
        let (packets, octets) = (leg.stats.sent as u32, leg.stats.sent_octets as u32);
        let info = SenderInfo { ntp: ntp(leg.uptime(now)), rtp_timestamp, packets, octets };
        writer.sender_report(own, &info, block.as_slice()).ok()?;
    } else {
        writer.receiver_report(own, block.as_slice()).ok()?;
    }
    writer.cname(own, b"relay").ok()?;
    Some(writer.finish())
}

fn ntp(uptime: Duration) -> u64 {
    // Starts at 1, because a middle of 0 means "no report yet".
    let fraction = (u64::from(uptime.subsec_nanos()) << 32) / 1_000_000_000;
    ((uptime.as_secs() + 1) << 32) | fraction
}

fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}
