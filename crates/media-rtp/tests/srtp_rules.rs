//! What SRTP promises beyond its vectors: replay, rollover, bounded state, lifetimes, keys, hostile packets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use media_rtp::rtcp::RtcpWriter;
use media_rtp::rtp::RtpBuilder;
use media_rtp::srtp::{
    MAX_KEYS, MAX_OVERHEAD, MasterKey, ProtectError, SrtpBackend, SrtpConfig, SrtpProfile, SrtpReceiver,
    SrtpSender, SrtpSession, SrtpSetupError, UnprotectError,
};
use proptest::prelude::*;

const SSRC: u32 = 0xCAFE_BABE;

fn key(profile: SrtpProfile, fill: u8) -> MasterKey {
    let material: Vec<u8> =
        (0..).map(|at: u8| at.wrapping_mul(7) ^ fill).take(profile.key_len() + profile.salt_len()).collect();
    MasterKey::from_inline(profile, &material).unwrap()
}

fn pair(profile: SrtpProfile, config: &SrtpConfig) -> (SrtpSender, SrtpReceiver) {
    let key = key(profile, 1);
    (SrtpSender::new(&key, config).unwrap(), SrtpReceiver::new(&key, config).unwrap())
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = [0; 300];
    let len = RtpBuilder::new(0, sequence, u32::from(sequence) * 160, ssrc)
        .payload(&[0x5A; 160])
        .write(&mut bytes)
        .unwrap();
    bytes[..len].to_vec()
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut bytes = [0; 200];
    let mut writer = RtcpWriter::new(&mut bytes);
    writer.receiver_report(ssrc, &[]).unwrap();
    writer.bye(&[ssrc], b"end").unwrap();
    let len = writer.finish();
    bytes[..len].to_vec()
}

fn protect(sender: &mut SrtpSender, plain: &[u8]) -> Result<Vec<u8>, ProtectError> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_OVERHEAD, 0);
    let is_rtcp = (192..=223).contains(&plain[1]);
    let done = if is_rtcp {
        sender.protect_rtcp(&mut buffer, plain.len())
    } else {
        sender.protect_rtp(&mut buffer, plain.len())
    };
    done.map(|len| buffer[..len].to_vec())
}

fn unprotect(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    let mut buffer = packet.to_vec();
    receiver.unprotect_rtp(&mut buffer).map(|len| buffer[..len].to_vec())
}

fn unprotect_rtcp(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    let mut buffer = packet.to_vec();
    receiver.unprotect_rtcp(&mut buffer).map(|len| buffer[..len].to_vec())
}

/// Every suite, with and without MKI, SRTP and SRTCP, returns what went in and adds what it says.
#[test]
fn every_suite_returns_the_packet() {
    for profile in SrtpProfile::ALL {
        for mki in [&[][..], &[1, 2, 3, 4], &[9; 128]] {
            for clear_rtcp in [false, true] {
                let mut key = key(profile, 1);
                if !mki.is_empty() {
                    key = key.with_mki(mki).unwrap();
                }
                let config = SrtpConfig { clear_rtcp, ..SrtpConfig::default() };
                let mut session = SrtpSession::new(&key, &key, &config).unwrap();
                let plain = rtp(SSRC, 7);
                let mut buffer = [0; 600];
                buffer[..plain.len()].copy_from_slice(&plain);
                let len = session.protect_rtp(&mut buffer, plain.len()).unwrap();
                assert_eq!(len, plain.len() + profile.rtp_tag_len() + mki.len());
                assert_eq!(buffer[..12], plain[..12], "the header stays readable");
                assert_ne!(buffer[12..plain.len()], plain[12..], "the payload does not");
                assert_eq!(session.unprotect_rtp(&mut buffer[..len]), Ok(plain.len()));
                assert_eq!(buffer[..plain.len()], plain);

                let plain = rtcp(SSRC);
                buffer[..plain.len()].copy_from_slice(&plain);
                let len = session.protect_rtcp(&mut buffer, plain.len()).unwrap();
                assert_eq!(len, plain.len() + session.sender.rtcp_overhead());
                assert_eq!(buffer[..plain.len()] == plain, clear_rtcp);
                assert_eq!(session.unprotect_rtcp(&mut buffer[..len]), Ok(plain.len()));
                assert_eq!(buffer[..plain.len()], plain);
            }
        }
    }
}

proptest! {
    /// ES-32: each packet is accepted exactly once, in any order within the window, over rollovers.
    #[test]
    fn each_packet_is_accepted_once(
        start in any::<u16>(),
        order in proptest::collection::vec(0_usize..40, 200..400),
        aead in any::<bool>(),
    ) {
        let profile = if aead { SrtpProfile::AeadAes128Gcm } else { SrtpProfile::AesCm128HmacSha1_80 };
        let config = SrtpConfig { replay_window: 64, ..SrtpConfig::default() };
        let (mut sender, mut receiver) = pair(profile, &config);
        // Steps of 300 pass a rollover every 218 packets; the window sees each step as new ground.
        let packets: Vec<_> = (0..order.len())
            .map(|at| protect(&mut sender, &rtp(SSRC, start.wrapping_add(u16::try_from(at * 300 % 65_536).unwrap()))).unwrap())
            .collect();
        for (at, packet) in packets.iter().enumerate() {
            prop_assert!(unprotect(&mut receiver, packet).is_ok());
            let again = &packets[at.saturating_sub(order[at])];
            let refused = unprotect(&mut receiver, again);
            prop_assert!(matches!(refused, Err(UnprotectError::Replayed | UnprotectError::TooOld)), "{:?}", refused);
        }
        prop_assert_eq!(receiver.stats().rtp, packets.len() as u64);
    }
}

/// ES-32: the window is on by default, for SRTP and SRTCP, and survives the rollover.
#[test]
fn replay_is_refused_by_default_and_over_the_rollover() {
    let (mut sender, mut receiver) = pair(SrtpProfile::AesCm128HmacSha1_80, &SrtpConfig::default());
    let before: Vec<_> =
        (65_500..=65_535).map(|seq| protect(&mut sender, &rtp(SSRC, seq)).unwrap()).collect();
    let after: Vec<_> = (0..40).map(|seq| protect(&mut sender, &rtp(SSRC, seq)).unwrap()).collect();
    assert_eq!(sender.roc(SSRC), Some(1));
    // The packets after the rollover overtake every second one before it.
    let late = before.iter().step_by(2);
    for packet in before.iter().skip(1).step_by(2).chain(&after).chain(late) {
        assert!(unprotect(&mut receiver, packet).is_ok());
    }
    assert_eq!(receiver.roc(SSRC), Some(1));
    for packet in before.iter().chain(&after) {
        assert_eq!(unprotect(&mut receiver, packet), Err(UnprotectError::Replayed));
    }
    let report = protect(&mut sender, &rtcp(SSRC)).unwrap();
    assert!(unprotect_rtcp(&mut receiver, &report).is_ok());
    assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(UnprotectError::Replayed));
    assert_eq!(receiver.stats().replayed, 77);
}

/// ES-31, ES-33: a million forged packets from a million sources add no state; the call goes on.
#[test]
fn forged_packets_add_no_state() {
    for (profile, count) in
        [(SrtpProfile::AesCm128HmacSha1_80, 700_000), (SrtpProfile::AeadAes128Gcm, 300_000)]
    {
        let (mut sender, mut receiver) = pair(profile, &SrtpConfig::default());
        assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(SSRC, 1)).unwrap()).is_ok());
        let mut forged = [0x80; 40];
        for ssrc in 0..count {
            forged[8..12].copy_from_slice(&u32::to_be_bytes(ssrc));
            let refused = receiver.unprotect_rtp(&mut forged.clone());
            assert_eq!(refused, Err(UnprotectError::Authentication));
        }
        assert_eq!(receiver.sources(), (1, 0));
        assert_eq!(receiver.stats().unauthentic, u64::from(count));
        assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(SSRC, 2)).unwrap()).is_ok());
    }
}

/// ES-33: the ninth authentic source is refused; forgetting one makes room.
#[test]
fn sources_are_bounded() {
    let generous = SrtpConfig { max_sources: 255, ..SrtpConfig::default() };
    let mut sender = SrtpSender::new(&key(SrtpProfile::AeadAes256Gcm, 1), &generous).unwrap();
    let mut receiver =
        SrtpReceiver::new(&key(SrtpProfile::AeadAes256Gcm, 1), &SrtpConfig::default()).unwrap();
    let packets: Vec<_> = (0..9).map(|ssrc| protect(&mut sender, &rtp(ssrc, 1)).unwrap()).collect();
    for packet in &packets[..8] {
        assert!(unprotect(&mut receiver, packet).is_ok());
    }
    assert_eq!(unprotect(&mut receiver, &packets[8]), Err(UnprotectError::TooManySources));
    assert_eq!((receiver.sources().0, receiver.stats().refused_sources), (8, 1));
    receiver.forget(0);
    assert!(unprotect(&mut receiver, &packets[8]).is_ok());

    let mut strict = SrtpSender::new(&key(SrtpProfile::AeadAes256Gcm, 1), &SrtpConfig::default()).unwrap();
    let sent = (0..9).map(|ssrc| protect(&mut strict, &rtp(ssrc, 1)).err()).collect::<Vec<_>>();
    assert_eq!(sent[7..], [None, Some(ProtectError::TooManySources)]);
}

/// RFC 3711 §3.3.1: a late joiner hears nothing until it is told the rollover counter.
#[test]
fn the_rollover_counter_can_be_set() {
    let config = SrtpConfig { initial_roc: 5, ..SrtpConfig::default() };
    let mut sender = SrtpSender::new(&key(SrtpProfile::AesCm256HmacSha1_80, 1), &config).unwrap();
    let mut receiver =
        SrtpReceiver::new(&key(SrtpProfile::AesCm256HmacSha1_80, 1), &SrtpConfig::default()).unwrap();
    let packet = protect(&mut sender, &rtp(SSRC, 9)).unwrap();
    assert_eq!(unprotect(&mut receiver, &packet), Err(UnprotectError::Authentication));
    receiver.set_roc(SSRC, sender.roc(SSRC).unwrap()).unwrap();
    assert_eq!(receiver.roc(SSRC), Some(5));
    assert!(unprotect(&mut receiver, &packet).is_ok());
    sender.set_roc(SSRC, 7).unwrap();
    receiver.set_roc(SSRC, 7).unwrap();
    assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(SSRC, 9)).unwrap()).is_ok());
}

/// RFC 3711 §9.2: no packet beyond the lifetime, on either side; a new key starts anew and keeps the counters.
#[test]
fn a_used_up_key_is_refused() {
    let short = key(SrtpProfile::AesCm128HmacSha1_32, 1).with_lifetime(2).unwrap();
    let mut sender = SrtpSender::new(&short, &SrtpConfig::default()).unwrap();
    let mut receiver = SrtpReceiver::new(&short, &SrtpConfig::default()).unwrap();
    let mut endless =
        SrtpSender::new(&key(SrtpProfile::AesCm128HmacSha1_32, 1), &SrtpConfig::default()).unwrap();
    for sequence in [1, 2] {
        assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(SSRC, sequence)).unwrap()).is_ok());
        assert!(unprotect_rtcp(&mut receiver, &protect(&mut sender, &rtcp(SSRC)).unwrap()).is_ok());
        protect(&mut endless, &rtcp(SSRC)).unwrap();
    }
    assert_eq!(sender.packets_left(), (0, 0));
    assert_eq!(protect(&mut sender, &rtp(SSRC, 3)), Err(ProtectError::KeyExpired));
    assert_eq!(protect(&mut sender, &rtcp(SSRC)), Err(ProtectError::KeyExpired));
    let beyond = protect(&mut endless, &rtp(SSRC, 3)).unwrap();
    assert_eq!(unprotect(&mut receiver, &beyond), Err(UnprotectError::KeyExpired));
    let beyond = protect(&mut endless, &rtcp(SSRC)).unwrap();
    assert_eq!(unprotect_rtcp(&mut receiver, &beyond), Err(UnprotectError::KeyExpired));
    let fresh = key(SrtpProfile::AesCm128HmacSha1_32, 2);
    sender.rekey(&fresh);
    receiver.rekey(&fresh);
    assert_eq!(
        protect(&mut sender, &rtp(SSRC, 2)),
        Err(ProtectError::Reused),
        "numbers run on over a new key"
    );
    assert!(unprotect(&mut receiver, &protect(&mut sender, &rtp(SSRC, 3)).unwrap()).is_ok());
}

/// RFC 3711 §3.1: the MKI chooses among keys; unknown ones are refused; keys are bounded.
#[test]
fn the_mki_chooses_the_key() {
    let profile = SrtpProfile::AeadAes128Gcm;
    let keys: Vec<_> = (0..5).map(|fill| key(profile, fill).with_mki(&[fill]).unwrap()).collect();
    let mut receiver = SrtpReceiver::new(&keys[0], &SrtpConfig::default()).unwrap();
    receiver.add_key(&keys[1]).unwrap();
    for (sequence, key) in (1..).zip(&keys[..3]) {
        let mut sender = SrtpSender::new(key, &SrtpConfig::default()).unwrap();
        let heard = unprotect(&mut receiver, &protect(&mut sender, &rtp(SSRC, sequence)).unwrap());
        assert_eq!(heard.err(), (sequence == 3).then_some(UnprotectError::UnknownKey));
    }
    receiver.remove_key(&[0]);
    let mut sender = SrtpSender::new(&keys[0], &SrtpConfig::default()).unwrap();
    let packet = protect(&mut sender, &rtp(SSRC, 9)).unwrap();
    assert_eq!(unprotect(&mut receiver, &packet), Err(UnprotectError::UnknownKey));
    for key in &keys[2..MAX_KEYS + 1] {
        receiver.add_key(key).unwrap();
    }
    assert_eq!(receiver.add_key(&keys[0]), Err(SrtpSetupError::TooManyKeys));
    receiver.add_key(&keys[1]).unwrap();
    assert_eq!(receiver.add_key(&key(profile, 9)), Err(SrtpSetupError::KeyMismatch));
}

/// RFC 3711 §3.4: SRTCP that claims to be unencrypted still needs its tag, and is refused unless negotiated.
#[test]
fn clear_srtcp_is_never_taken_without_its_tag() {
    for profile in SrtpProfile::ALL {
        let (_, mut receiver) = pair(profile, &SrtpConfig::default());
        let mut forged = rtcp(SSRC);
        forged.extend_from_slice(&[0; 20]);
        assert_eq!(unprotect_rtcp(&mut receiver, &forged), Err(UnprotectError::Authentication));
        let clear = SrtpConfig { clear_rtcp: true, ..SrtpConfig::default() };
        let mut sender = SrtpSender::new(&key(profile, 1), &clear).unwrap();
        let authentic = protect(&mut sender, &rtcp(SSRC)).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &authentic), Err(UnprotectError::ClearRtcp));
        assert_eq!(receiver.sources(), (0, 0));
    }
}

/// A keystream is never used twice: repeated and too old numbers are not sent.
#[test]
fn a_sender_never_repeats_an_index() {
    let (mut sender, _) = pair(SrtpProfile::AeadAes128Gcm, &SrtpConfig::default());
    for sequence in [1000, 1001, 999] {
        protect(&mut sender, &rtp(SSRC, sequence)).unwrap();
    }
    for sequence in [1000, 1001, 999, 800] {
        assert_eq!(protect(&mut sender, &rtp(SSRC, sequence)), Err(ProtectError::Reused));
    }
}

/// RFC 3711 §3.3.1: after the last index the key is at its end, not at the beginning.
#[test]
fn the_last_index_does_not_wrap() {
    let config = SrtpConfig { initial_roc: u32::MAX, ..SrtpConfig::default() };
    let (mut sender, mut receiver) = pair(SrtpProfile::AesCm128HmacSha1_80, &config);
    let last = protect(&mut sender, &rtp(SSRC, 65_535)).unwrap();
    assert!(unprotect(&mut receiver, &last).is_ok());
    assert_eq!(protect(&mut sender, &rtp(SSRC, 0)), Err(ProtectError::KeyExpired));
}

/// ES-34: every length 0..=1500 with every first octet, as SRTP and as SRTCP, in every suite: refused, counted, no panic.
#[test]
fn every_length_and_first_octet_is_refused() {
    for profile in SrtpProfile::ALL {
        let (_, mut receiver) = pair(profile, &SrtpConfig::default());
        let mut fed = 0;
        // Long packets only where the header can be valid; a wrong version is refused at any length alike.
        for len in 0..=1500 {
            for first in (0..=255).filter(|first| len <= 64 || (first & 0xC0 == 0x80 && len % 61 == 0)) {
                let mut packet = vec![0xC8; len];
                if let Some(octet) = packet.first_mut() {
                    *octet = first;
                }
                assert!(receiver.unprotect_rtp(&mut packet.clone()).is_err());
                assert!(receiver.unprotect_rtcp(&mut packet).is_err());
                fed += 2;
            }
        }
        assert_eq!(receiver.stats().refused(), fed);
        assert_eq!(receiver.sources(), (0, 0));
    }
}

/// Any flipped bit of a protected packet is noticed.
#[test]
fn any_flipped_bit_is_noticed() {
    for profile in SrtpProfile::ALL {
        let key = key(profile, 1).with_mki(&[0xAB]).unwrap();
        let mut sender = SrtpSender::new(&key, &SrtpConfig::default()).unwrap();
        let (media, report) =
            (protect(&mut sender, &rtp(SSRC, 1)).unwrap(), protect(&mut sender, &rtcp(SSRC)).unwrap());
        let mut receiver = SrtpReceiver::new(&key, &SrtpConfig::default()).unwrap();
        for bit in 0..media.len() * 8 {
            let mut damaged = media.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect(&mut receiver, &damaged).is_err(), "{profile:?} bit {bit}");
        }
        for bit in 0..report.len() * 8 {
            let mut damaged = report.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_rtcp(&mut receiver, &damaged).is_err(), "{profile:?} bit {bit}");
        }
        assert!(unprotect(&mut receiver, &media).is_ok() && unprotect_rtcp(&mut receiver, &report).is_ok());
    }
}

#[test]
fn setup_out_of_range_is_refused() {
    let check = |config: SrtpConfig, error| {
        assert_eq!(SrtpSender::new(&key(SrtpProfile::AeadAes128Gcm, 0), &config).err(), Some(error));
        assert_eq!(SrtpReceiver::new(&key(SrtpProfile::AeadAes128Gcm, 0), &config).err(), Some(error));
    };
    check(SrtpConfig { replay_window: 63, ..SrtpConfig::default() }, SrtpSetupError::ReplayWindow(63));
    check(SrtpConfig { replay_window: 1025, ..SrtpConfig::default() }, SrtpSetupError::ReplayWindow(1025));
    check(SrtpConfig { max_sources: 0, ..SrtpConfig::default() }, SrtpSetupError::MaxSources);
    let (mut sender, _) = pair(SrtpProfile::AeadAes128Gcm, &SrtpConfig::default());
    let plain = rtp(SSRC, 1);
    let mut tight = plain.clone();
    tight.resize(plain.len() + 15, 0);
    let no_room = ProtectError::NoRoom { need: plain.len() + 16, have: plain.len() + 15 };
    assert_eq!(sender.protect_rtp(&mut tight, plain.len()), Err(no_room));
    assert_eq!(sender.protect_rtp(&mut [0; 64], 12), Err(ProtectError::Malformed));
    assert_eq!(sender.protect_rtcp(&mut [0x80; 64], 7), Err(ProtectError::Malformed));
    assert!(matches!(sender.protect_rtp(&mut [0x80; 64], usize::MAX), Err(ProtectError::NoRoom { .. })));
}
