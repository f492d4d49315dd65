//! media-rtp.

use media_rtp::Seed;
use media_rtp::demux::{DatagramKind, Screen, Screened};
use media_rtp::rtcp::xr::XrBlock;
use media_rtp::rtcp::{Compound, CompoundRule, RtcpPacket, RtcpWriter};
use media_rtp::rtp::{RtpBuilder, RtpHeaderMut, RtpPacket};
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::LocalMedia;
use media_rtp::sdp::{MediaConfig, OfferAnswer, SessionDescription, Signalling};
use media_rtp::srtp::{MAX_OVERHEAD, MasterKey, SrtpBackend, SrtpConfig, SrtpProfile, SrtpSession};

/// One datagram as RTP and as RTCP: what parses is read whole, and is built again from what was read.
pub fn rtp_rtcp(bytes: &[u8]) {
    if let Ok(packet) = RtpPacket::parse(bytes) {
        rebuild(&packet);
    }
    for rule in [CompoundRule::Full, CompoundRule::ReducedSize] {
        if let Ok(compound) = Compound::parse(bytes, rule) {
            read(&compound);
        }
    }
}

fn rebuild(packet: &RtpPacket<'_>) {
    let bytes = packet.as_bytes();
    assert_eq!(packet.header_len() + packet.payload().len() + packet.padding(), bytes.len());
    assert!(packet.elements().count() <= bytes.len());
    let sources: Vec<u32> = packet.csrc().collect();
    let mut builder =
        RtpBuilder::new(packet.payload_type(), packet.sequence(), packet.timestamp(), packet.ssrc())
            .marker(packet.marker())
            .csrc(&sources)
            .padding(u8::try_from(packet.padding()).expect("the count is one octet"))
            .payload(packet.payload());
    if let Some(extension) = packet.extension() {
        builder = builder.extension(extension.profile, extension.data);
    }
    let mut buffer = vec![0; bytes.len()];
    assert_eq!(builder.write(&mut buffer), Ok(bytes.len()));
    let content = packet.header_len() + packet.payload().len();
    assert_eq!(buffer[..content], bytes[..content], "all but the padding's filling");

    let mut header = RtpHeaderMut::parse(&mut buffer).expect("what was built parses");
    header.set_ssrc(!packet.ssrc());
    header.set_sequence(!packet.sequence());
    let changed = RtpPacket::parse(&buffer).expect("a rewritten header still parses");
    assert_eq!((changed.ssrc(), changed.sequence()), (!packet.ssrc(), !packet.sequence()));
    assert_eq!(changed.payload(), packet.payload());
}

fn read(compound: &Compound<'_>) {
    for packet in compound.packets() {
        match packet {
            RtcpPacket::SenderReport(it) => {
                let blocks: Vec<_> = it.blocks().collect();
                again(|writer| writer.sender_report(it.ssrc, &it.info, &blocks).expect("31 blocks fit"));
            }
            RtcpPacket::ReceiverReport(it) => {
                let blocks: Vec<_> = it.blocks().collect();
                again(|writer| writer.receiver_report(it.ssrc, &blocks).expect("31 blocks fit"));
            }
            RtcpPacket::Sdes(it) => it.chunks().for_each(|chunk| {
                let items: Vec<_> = chunk.items().map(|item| (item.kind, item.text)).collect();
                again(|writer| {
                    writer.source_description(chunk.ssrc, &items).expect("what was read can be written")
                });
                let _ = it.cname(chunk.ssrc);
            }),
            RtcpPacket::Bye(it) => {
                let sources: Vec<_> = it.sources().collect();
                again(|writer| writer.bye(&sources, it.reason.unwrap_or_default()).expect("31 sources fit"));
            }
            RtcpPacket::App(it) => {
                again(|writer| {
                    writer.application(it.subtype, it.ssrc, it.name, it.data).expect("data is whole words")
                });
            }
            RtcpPacket::TransportFeedback(it) => assert!(it.lost().count() <= it.control.len() / 4 * 17),
            RtcpPacket::PayloadFeedback(it) => assert!(it.intra_requests().count() <= it.control.len() / 8),
            RtcpPacket::ExtendedReport(it) => it.blocks().for_each(|block| {
                if let XrBlock::LossRle(trace) | XrBlock::DuplicateRle(trace) = block {
                    assert!(trace.events().count() <= 65_535);
                }
            }),
            _ => {}
        }
    }
}

/// What the writer writes, the parser accepts as one packet.
fn again(write: impl FnOnce(&mut RtcpWriter<'_>)) {
    let mut buffer = vec![0; 70_000];
    let mut writer = RtcpWriter::new(&mut buffer);
    write(&mut writer);
    let len = writer.finish();
    let compound = Compound::parse(&buffer[..len], CompoundRule::ReducedSize).expect("our own packet parses");
    assert_eq!(compound.packets().count(), 1);
}

/// A packet for SRTP: as hostile ciphertext, and as plaintext that must survive the way out and in.
///
/// The first octet chooses suite, MKI and clear SRTCP; the rest is the packet.
pub fn srtp_unprotect(bytes: &[u8]) {
    let Some((&choice, packet)) = bytes.split_first() else { return };
    let profile = SrtpProfile::ALL[usize::from(choice & 7)];
    let mut key = MasterKey::from_inline(profile, &vec![0x42; profile.key_len() + profile.salt_len()])
        .expect("the length is the suite's own");
    if choice & 8 != 0 {
        key = key.with_mki(&[1, 2, 3, 4]).expect("four octets are legal");
    }
    let config = SrtpConfig { clear_rtcp: choice & 16 != 0, ..SrtpConfig::default() };
    let mut session = SrtpSession::new(&key, &key, &config).expect("the configuration is in range");

    assert!(session.unprotect_rtp(&mut packet.to_vec()).is_err(), "nobody can forge a tag");
    assert!(session.unprotect_rtcp(&mut packet.to_vec()).is_err(), "nobody can forge a tag");
    assert_eq!(session.receiver.sources(), (0, 0), "no state before authentication");

    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + MAX_OVERHEAD, 0);
    if let Ok(len) = session.protect_rtp(&mut buffer, packet.len()) {
        assert_eq!(session.unprotect_rtp(&mut buffer[..len]), Ok(packet.len()));
        assert_eq!(buffer[..packet.len()], *packet);
    }
    buffer[..packet.len()].copy_from_slice(packet);
    if let Ok(len) = session.protect_rtcp(&mut buffer, packet.len()) {
        assert_eq!(session.unprotect_rtcp(&mut buffer[..len]), Ok(packet.len()));
        assert_eq!(buffer[..packet.len()], *packet);
    }
}

/// Datagrams of a media port, several in one input: each is counted once, under what it is.
///
/// An input is a row of datagrams, each behind one octet of length.
pub fn media_demux(bytes: &[u8]) {
    let mut screen = Screen::default();
    let mut rest = bytes;
    let mut fed = 0;
    while let Some((&len, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        fed += 1;
        let kind = DatagramKind::of(datagram);
        match screen.pass(datagram) {
            Some(Screened::Rtp(packet)) => {
                assert_eq!(kind, Ok(DatagramKind::Rtp));
                assert_eq!(packet.as_bytes(), datagram);
            }
            Some(Screened::Rtcp(compound)) => {
                assert_eq!(kind, Ok(DatagramKind::Rtcp));
                assert_eq!(compound.as_bytes(), datagram);
            }
            Some(Screened::Other(other, _)) => {
                assert_eq!(kind, Ok(other));
                assert!(!matches!(other, DatagramKind::Rtp | DatagramKind::Rtcp));
            }
            None => {}
        }
    }
    assert_eq!(screen.stats().seen(), fed);
}

/// One body through reading, printing, checking, answering and being taken as an answer.
pub fn sdp_offer_answer(bytes: &[u8]) {
    let Ok(description) = SessionDescription::parse(bytes) else { return };
    assert_eq!(description.to_bytes(), bytes, "what nobody touched prints as it came");
    let lines = description.lines().count();
    assert!(description.faults().iter().all(|fault| fault.line as usize <= lines));

    let local = LocalMedia::new("192.0.2.1:4000".parse().expect("an address"));
    let side = || OfferAnswer::new(MediaConfig::default(), local.clone(), Seed([7; 32]));
    for signalling in [Signalling::Secure, Signalling::Insecure] {
        match side().answer(&description, Direction::SendRecv, signalling) {
            Ok(answer) => {
                let own =
                    SessionDescription::parse(&answer.description.to_bytes()).expect("an own description");
                assert_eq!(own.faults(), [], "own descriptions have no faults");
                assert_eq!(own.media().len(), description.media().len());
                for target in answer.session.remote_rtp.iter().chain(&answer.session.remote_rtcp) {
                    assert_eq!(MediaConfig::default().targets.check(*target), Ok(()));
                }
            }
            Err(refusal) => assert!(matches!(refusal.status(), 400 | 413 | 488)),
        }
        let mut offerer = side();
        offerer.offer(Direction::SendRecv, signalling).expect("the first offer");
        let _ = offerer.process_answer(&description, signalling);
    }
}
