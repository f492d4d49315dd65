//! Bytes from a network that hates us: every length and first octet, dropped and counted, never a panic.

use media_rtp::demux::{Screen, ScreenStats, Screened};
use media_rtp::rtcp::xr::XrBlock;
use media_rtp::rtcp::{Compound, CompoundRule, RtcpPacket};
use media_rtp::rtp::RtpPacket;

/// Reads everything a packet offers, so that a lazy panic would show.
fn read_rtp(packet: &RtpPacket<'_>) {
    let parts = packet.header_len() + packet.payload().len() + packet.padding();
    assert_eq!(parts, packet.as_bytes().len(), "header, payload and padding make up the datagram");
    assert!(packet.csrc().count() <= 15);
    assert!(packet.elements().count() <= packet.as_bytes().len());
    let _ = (packet.marker(), packet.payload_type(), packet.sequence(), packet.timestamp(), packet.ssrc());
    assert!(!format!("{packet:?}").is_empty());
}

fn read_rtcp(compound: &Compound<'_>) {
    let mut seen = 0;
    for packet in compound.packets() {
        seen += 1;
        match packet {
            RtcpPacket::SenderReport(it) => assert!(it.blocks().count() <= 31),
            RtcpPacket::ReceiverReport(it) => assert!(it.blocks().count() <= 31),
            RtcpPacket::Sdes(it) => {
                assert!(it.chunks().map(|chunk| chunk.items().count()).sum::<usize>() < 1500)
            }
            RtcpPacket::Bye(it) => assert!(it.sources().count() <= 31),
            RtcpPacket::App(it) => assert!(it.data.len().is_multiple_of(4)),
            RtcpPacket::TransportFeedback(it) => assert!(it.lost().count() <= it.control.len() / 4 * 17),
            RtcpPacket::PayloadFeedback(it) => assert!(it.intra_requests().count() <= it.control.len() / 8),
            RtcpPacket::ExtendedReport(it) => it.blocks().for_each(|block| {
                if let XrBlock::LossRle(trace) | XrBlock::DuplicateRle(trace) = block {
                    assert!(trace.events().count() <= 65_535);
                }
            }),
            RtcpPacket::Other { .. } | _ => {}
        }
    }
    assert!(seen >= 1);
}

fn feed(screen: &mut Screen, datagram: &[u8]) {
    match screen.pass(datagram) {
        Some(Screened::Rtp(packet)) => read_rtp(&packet),
        Some(Screened::Rtcp(compound)) => read_rtcp(&compound),
        Some(Screened::Other(..)) | None => {}
    }
}

fn balance(stats: ScreenStats, fed: u64) {
    assert_eq!(stats.seen(), fed, "every datagram is counted exactly once: {stats:?}");
}

/// ES-34: all lengths 0..=1500 with all 256 first octets, over three fillings: dropped and counted, never a panic.
#[test]
fn every_length_and_first_octet() {
    let mut total = ScreenStats::default();
    for filling in [0x00, 0xC8, 0xFF_u8] {
        let mut screen = Screen::new(CompoundRule::Full);
        let mut datagram = [filling; 1500];
        let mut fed = 0;
        for len in 0..=1500 {
            for first in 0..=255 {
                datagram[0] = first;
                feed(&mut screen, &datagram[..len]);
                fed += 1;
            }
        }
        balance(screen.stats(), fed);
        total.bad_csrc += screen.stats().bad_csrc;
        total.bad_extension += screen.stats().bad_extension;
        total.bad_padding += screen.stats().bad_padding;
        total.bad_rtcp += screen.stats().bad_rtcp;
    }
    assert!(
        total.bad_csrc > 0 && total.bad_extension > 0 && total.bad_padding > 0 && total.bad_rtcp > 0,
        "{total:?}"
    );
}

/// ES-34, FG-04: every length 0..=64 with structured starts: all first octets (RTP, RTCP, STUN, DTLS and what is none of
/// them), all packet types, lengths and paddings that lie.
#[test]
fn structured_starts_of_every_short_length() {
    let mut screen = Screen::new(CompoundRule::ReducedSize);
    let mut fed = 0;
    for first in 0..=255_u8 {
        for second in (192..=223).chain([0, 8, 96, 127, 128, 255]) {
            for words in [0, 1, 2, 6, 7, 15, 0xFF] {
                for tail in [0, 1, 3, 4, 8, 0xFF] {
                    let mut datagram = [0_u8; 64];
                    datagram[..4].copy_from_slice(&[first, second, 0, words]);
                    datagram[12..].fill(tail);
                    for len in 0..=64 {
                        feed(&mut screen, &datagram[..len]);
                        fed += 1;
                    }
                }
            }
        }
    }
    balance(screen.stats(), fed);
    assert!(screen.stats().rtp > 0 && screen.stats().rtcp > 0);
}

/// ES-34: a malformed extension, padding and source list each have a counter of their own.
#[test]
fn each_kind_of_damage_has_its_counter() {
    let check = |datagram: &[u8], counter: fn(&ScreenStats) -> u64| {
        let mut screen = Screen::new(CompoundRule::Full);
        assert!(screen.pass(datagram).is_none(), "{datagram:02x?}");
        assert_eq!((counter(&screen.stats()), screen.stats().dropped()), (1, 1), "{datagram:02x?}");
    };
    let rtp = |first: u8, tail: &[u8]| [&[first, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], tail].concat();
    check(&[], |it| it.foreign);
    check(&[0xFF; 20], |it| it.foreign);
    check(&rtp(0x80, &[])[..11], |it| it.malformed);
    check(&rtp(0x8F, &[0; 59]), |it| it.bad_csrc);
    check(&rtp(0x90, &[0xBE, 0xDE, 0, 2, 0, 0, 0, 0]), |it| it.bad_extension);
    check(&rtp(0xA0, &[1, 2, 200]), |it| it.bad_padding);
    check(&[0x80, 201, 0, 9, 0, 0, 0, 1], |it| it.bad_rtcp);
    check(&[0xA0, 201, 0, 1, 0, 0, 0, 1], |it| it.bad_padding);
    check(&[0x81, 203, 0, 1, 0, 0, 0, 1], |it| it.bad_rtcp);
}
