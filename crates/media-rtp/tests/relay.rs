//! Two legs joined, packet by packet: what passes, what is changed, what never passes.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media_rtp::Seed;
use media_rtp::codec::g711;
use media_rtp::dtmf::mask::EventMask;
use media_rtp::dtmf::{Detector, DetectorConfig, Digit, Event, InfoKind, InfoSignal, Method, Source};
use media_rtp::relay::{
    Component, HEADROOM, LatchPolicy, Leg, LegConfig, LegId, Output, Relay, RelayConfig, RelayError,
    RtcpMode, Tap, Verdict,
};
use media_rtp::rtcp::{Compound, CompoundRule, ReportBlock, RtcpPacket, RtcpWriter, SenderInfo};
use media_rtp::rtp::{RtpBuilder, RtpPacket};
use media_rtp::sdp::attribute::{Direction, IcePwd, IceUfrag};
use media_rtp::sdp::offer_answer::{DtlsRole, IceParameters, LocalMedia, MediaSecurity, SrtpPolicy};
use media_rtp::sdp::{MediaConfig, MediaSession, OfferAnswer, SessionDescription, Signalling};
use media_rtp::srtp::{SrtpConfig, SrtpReceiver, SrtpSender};

const PEER_A: &str = "192.0.2.1:4000";
const PEER_B: &str = "198.51.100.1:6000";
const PEER_C: &str = "198.51.100.2:6000";
const TICK: Duration = Duration::from_millis(20);

/// A session as negotiated with a peer at `peer` whose audio section continues with `media`.
fn session(peer: &str, media: &str, codecs: &[&str], srtp: SrtpPolicy) -> MediaSession {
    let peer: SocketAddr = peer.parse().unwrap();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {2}\r\n",
        peer.ip(),
        peer.port(),
        media.replace('\n', "\r\n")
    );
    let config = MediaConfig { srtp, ..MediaConfig::from_mime_list(codecs.iter().copied()).unwrap() };
    let local = LocalMedia::new("203.0.113.9:10000".parse().unwrap());
    let mut side = OfferAnswer::new(config, local, Seed([peer.port() as u8; 32]));
    let offer = SessionDescription::parse(offer.as_bytes()).unwrap();
    side.answer(&offer, Direction::SendRecv, Signalling::Secure).unwrap().session
}

fn plain(peer: &str, media: &str) -> LegConfig {
    LegConfig::new(session(peer, media, &["audio/PCMU", "audio/PCMA", "audio/G722"], SrtpPolicy::Off))
}

const PCMU: &str = "RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000";
const PCMU_96: &str = "RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000";
const PCMA: &str = "RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000";
const PCMU_IN_BAND: &str = "RTP/AVP 0";

/// A relay on virtual time, and what came out of it.
struct Bench {
    relay: Relay,
    now: Instant,
    buffer: Vec<u8>,
}

impl Bench {
    fn new(a: LegConfig, b: LegConfig) -> Self {
        Self::with(RelayConfig::new(a, b))
    }

    fn with(config: RelayConfig) -> Self {
        let now = Instant::now();
        let relay = Relay::new(config, Seed([7; 32]), now).unwrap();
        Self { relay, now, buffer: vec![0; 1500 + HEADROOM] }
    }

    fn datagram(
        &mut self,
        leg: LegId,
        component: Component,
        source: &str,
        datagram: &[u8],
    ) -> Option<(SocketAddr, Vec<u8>)> {
        self.buffer[..datagram.len()].copy_from_slice(datagram);
        let source = source.parse().unwrap();
        let verdict =
            self.relay.handle_packet(leg, component, source, &mut self.buffer, datagram.len(), self.now);
        match verdict {
            Verdict::Send { leg: to_leg, to, len, .. } => {
                assert_eq!(to_leg, leg.other());
                Some((to, self.buffer[..len].to_vec()))
            }
            Verdict::Done | Verdict::NotMedia(_) => None,
        }
    }

    fn rtp(&mut self, leg: LegId, source: &str, packet: &[u8]) -> Option<Vec<u8>> {
        self.datagram(leg, Component::Rtp, source, packet).map(|(_, sent)| sent)
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.relay.poll_output()).collect()
    }

    fn digits(&mut self) -> String {
        let digit = |output| {
            if let Output::DigitReceived { digit, .. } = output { Some(digit.to_char()) } else { None }
        };
        self.outputs().into_iter().filter_map(digit).collect()
    }
}

fn rtp(payload_type: u8, n: u16, payload: &[u8]) -> Vec<u8> {
    rtp_of(0xA, payload_type, n, u32::from(n) * 160, payload)
}

fn rtp_of(ssrc: u32, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let builder = RtpBuilder::new(payload_type, sequence, timestamp, ssrc).payload(payload);
    let len = builder.write(&mut buffer).unwrap();
    buffer.truncate(len);
    buffer
}

/// The event packets of one digit: three reports and three ends.
fn digit_packets(payload_type: u8, first: u16, digit: char) -> Vec<Vec<u8>> {
    let code = Digit::from_char(digit).unwrap().code();
    let timestamp = u32::from(first) * 160;
    [(false, 160), (false, 320), (false, 480), (true, 640), (true, 640), (true, 640)]
        .into_iter()
        .zip(first..)
        .map(|((end, duration), n)| {
            let event = Event { code, end, volume: 10, duration };
            rtp_of(0xA, payload_type, n, timestamp, &event.to_bytes())
        })
        .collect()
}

/// MR-011: media goes from leg to leg through the relay, each leg only ever seeing the relay's own stream.
#[test]
fn audio_passes_both_ways_under_own_numbers() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU_96));
    let mut last = None;
    for n in 0..10 {
        let (to, sent) =
            bench.datagram(LegId::A, Component::Rtp, PEER_A, &rtp(0, n, &[n as u8; 160])).unwrap();
        assert_eq!(to, PEER_B.parse().unwrap());
        let packet = RtpPacket::parse(&sent).unwrap();
        assert_eq!((packet.payload(), packet.ssrc()), (&[n as u8; 160][..], bench.relay.ssrc(LegId::B)));
        assert_eq!(packet.marker(), n == 0);
        if let Some((sequence, timestamp)) = last.replace((packet.sequence(), packet.timestamp())) {
            assert_eq!(
                (packet.sequence(), packet.timestamp()),
                (sequence.wrapping_add(1), timestamp.wrapping_add(160))
            );
        }
        bench.now += TICK;
    }
    let (to, _) = bench.datagram(LegId::B, Component::Rtp, PEER_B, &rtp(0, 1, &[0; 160])).unwrap();
    assert_eq!(to, PEER_A.parse().unwrap());
    assert_eq!((bench.relay.stats(LegId::A).received, bench.relay.stats(LegId::B).sent), (10, 10));
}

/// MR-016: each leg has its record: packets, loss, jitter and a score.
#[test]
fn each_leg_has_its_quality_record() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU));
    for n in (0..500).filter(|n| n % 20 != 7) {
        bench.rtp(LegId::A, PEER_A, &rtp(0, n, &[0; 160]));
        bench.now += TICK;
    }
    let quality = bench.relay.quality(LegId::A).unwrap();
    assert_eq!((quality.packets, quality.lost), (475, 25));
    let mos = quality.mos_listening.unwrap();
    assert!((1.0..4.0).contains(&mos), "{mos}");
    assert_eq!(bench.relay.quality(LegId::B).unwrap().packets, 0);
}

/// MR-017: µ-law and A-law legs understand each other, by the bit-exact tables.
#[test]
fn laws_are_transcoded() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMA));
    let payload: Vec<u8> = (0..160).collect();
    let sent = bench.rtp(LegId::A, PEER_A, &rtp(0, 1, &payload)).unwrap();
    let mut expected = payload.clone();
    g711::ulaw_to_alaw(&mut expected);
    let packet = RtpPacket::parse(&sent).unwrap();
    assert_eq!((packet.payload_type(), packet.payload()), (8, &expected[..]));
    assert_eq!(bench.relay.stats(LegId::A).transcoded, 1);
}

/// MR-017: also between rates, with timestamps that fit.
#[test]
fn rates_are_converted() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, "RTP/AVP 9"));
    let times: Vec<_> = (0..3)
        .map(|n| {
            let sent = bench.rtp(LegId::A, PEER_A, &rtp(0, n, &[0xFF; 160])).unwrap();
            let packet = RtpPacket::parse(&sent).unwrap();
            assert_eq!((packet.payload_type(), packet.payload().len()), (9, 160));
            packet.timestamp()
        })
        .collect();
    assert_eq!([times[1].wrapping_sub(times[0]), times[2].wrapping_sub(times[1])], [160, 160]);
}

#[test]
fn codecs_without_a_bridge_are_refused() {
    let media = "RTP/AVP 18";
    let g729 = LegConfig::new(session(PEER_B, media, &["audio/G729"], SrtpPolicy::Off));
    let config = RelayConfig::new(plain(PEER_A, PCMU), g729);
    let error = Relay::new(config, Seed([1; 32]), Instant::now()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "audio/PCMU cannot be turned into audio/G729 in this build; agree on one codec for both legs"
    );
}

/// G.729 passes unchanged between two legs that have it.
#[test]
fn what_is_not_transcoded_passes_unchanged() {
    let g729 = |peer| {
        LegConfig::new(session(
            peer,
            "RTP/AVP 18 101\na=rtpmap:101 telephone-event/8000",
            &["audio/G729"],
            SrtpPolicy::Off,
        ))
    };
    let mut bench = Bench::new(g729(PEER_A), g729(PEER_B));
    let sent = bench.rtp(LegId::A, PEER_A, &rtp(18, 1, &[5; 20])).unwrap();
    assert_eq!(RtpPacket::parse(&sent).unwrap().payload(), [5; 20]);
}

/// MR-004: events keep their form between two legs that have them, under the payload type each peer named.
#[test]
fn events_pass_under_the_payload_type_of_each_leg() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU_96));
    bench.rtp(LegId::A, PEER_A, &rtp(0, 9, &[0; 160]));
    for packet in digit_packets(101, 10, '5') {
        let sent = bench.rtp(LegId::A, PEER_A, &packet).unwrap();
        let (sent, packet) = (RtpPacket::parse(&sent).unwrap(), RtpPacket::parse(&packet).unwrap());
        assert_eq!((sent.payload_type(), sent.payload()), (96, packet.payload()));
    }
    assert_eq!(bench.digits(), "5");
}

/// MR-003: events become tones for a peer without them, and a tone detector hears the digits.
#[test]
fn events_become_tones() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU_IN_BAND));
    let mut detector = Detector::new(8000, DetectorConfig::default()).unwrap();
    let (mut heard, mut n) = (String::new(), 0);
    let mut sequences = vec![];
    for digit in "159#".chars() {
        let packets = digit_packets(101, n, digit).into_iter();
        n += 6;
        let audio: Vec<_> = (n..n + 20).map(|n| rtp(0, n, &[0xFF; 160])).collect();
        n += 20;
        for packet in packets.chain(audio) {
            bench.now += TICK;
            let Some(sent) = bench.rtp(LegId::A, PEER_A, &packet) else { continue };
            let sent = RtpPacket::parse(&sent).unwrap();
            assert_eq!(sent.payload_type(), 0, "no event reaches a peer without events");
            sequences.push(sent.sequence());
            let mut pcm = vec![0; sent.payload().len()];
            g711::ulaw_decode_into(sent.payload(), &mut pcm);
            heard.extend(detector.listen(&pcm).map(Digit::to_char));
        }
    }
    assert_eq!((heard.as_str(), bench.digits().as_str()), ("159#", "159#"));
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "no gaps: {sequences:?}");
}

/// MR-003: tones from a peer without events become events for one that has them.
#[test]
fn tones_become_events() {
    let mut tones = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU_IN_BAND));
    let mut bench = Bench::new(plain(PEER_A, PCMU_IN_BAND), plain(PEER_B, PCMU));
    tones
        .relay
        .send_digit(LegId::B, Digit::from_char('7').unwrap(), Duration::from_millis(100), tones.now)
        .unwrap();
    let mut codes = vec![];
    for n in 0..40 {
        let toned = tones.rtp(LegId::A, PEER_A, &rtp(0, n, &[0xFF; 160])).unwrap();
        let sent = bench.rtp(LegId::A, PEER_A, &toned).unwrap();
        let sent = RtpPacket::parse(&sent).unwrap();
        if sent.payload_type() == 101 {
            codes.extend(Event::parse_all(sent.payload()).map(|event| event.code));
        }
        tones.now += TICK;
        bench.now += TICK;
    }
    assert!(codes.len() >= 4 && codes.iter().all(|code| *code == 7), "{codes:?}");
    let received = bench.outputs();
    let digit = Digit::from_char('7').unwrap();
    assert!(received.contains(&Output::DigitReceived { leg: LegId::A, digit, source: Source::InBand }));
}

/// SIP INFO becomes events, and events become SIP INFO.
#[test]
fn info_is_converted_both_ways() {
    let mut info_leg = plain(PEER_A, PCMU);
    info_leg.digits = Method::Info(InfoKind::Relay);
    let mut bench = Bench::new(info_leg, plain(PEER_B, PCMU));
    let digit = Digit::from_char('3').unwrap();
    bench.relay.handle_info(LegId::A, InfoSignal { digit, duration: None }, bench.now);
    let sent = bench.rtp(LegId::A, PEER_A, &rtp(0, 1, &[0; 160])).unwrap();
    let sent = RtpPacket::parse(&sent).unwrap();
    assert_eq!((sent.payload_type(), sent.payload()[0]), (101, 3));
    bench.outputs();

    for packet in digit_packets(101, 10, '8') {
        assert_eq!(bench.rtp(LegId::B, PEER_B, &packet), None, "no event reaches a peer that wants INFO");
    }
    let info = bench.outputs().into_iter().find_map(|output| {
        if let Output::Info { leg: LegId::A, body, .. } = output { Some(body) } else { None }
    });
    assert!(info.unwrap().contains("Signal=8"));
}

/// Masked digits reach neither the peer nor the tap, and the application all the same.
#[test]
fn digits_are_masked_for_peer_and_tap() {
    let seen = Arc::new(Mutex::new(vec![]));
    struct Seen(Arc<Mutex<Vec<u8>>>);
    impl Tap for Seen {
        fn packet(&mut self, _: LegId, packet: &RtpPacket<'_>, _: Instant) {
            self.0.lock().unwrap().push(packet.payload()[0]);
        }
    }
    let masked = LegConfig { mask: Some(EventMask::Zero), ..plain(PEER_A, PCMU) };
    let mut bench = Bench::new(masked, plain(PEER_B, PCMU));
    bench.relay.set_tap(LegId::A, Some(Box::new(Seen(seen.clone()))));
    for packet in digit_packets(101, 10, '4') {
        let sent = bench.rtp(LegId::A, PEER_A, &packet).unwrap();
        assert_eq!(RtpPacket::parse(&sent).unwrap().payload()[0], 0);
    }
    assert_eq!(bench.digits(), "4");
    assert_eq!(*seen.lock().unwrap(), [0; 6]);
}

/// MR-006: SRTP on one side and RTP on the other.
#[test]
fn srtp_on_one_leg() {
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let secure =
        LegConfig::new(session(PEER_A, &format!("RTP/SAVP 0\n{key}"), &["audio/PCMU"], SrtpPolicy::Required));
    let MediaSecurity::Sdes { send, receive } = secure.session.security.clone() else { panic!("no SRTP") };
    let mut bench = Bench::new(secure.clone(), plain(PEER_B, PCMU));
    let config = SrtpConfig::default();
    let mut peer_sends = SrtpSender::new(&receive, &config).unwrap();
    let mut peer_receives = SrtpReceiver::new(&send, &config).unwrap();
    let protect = |sender: &mut SrtpSender, mut packet: Vec<u8>| {
        let len = packet.len();
        packet.resize(len + HEADROOM, 0);
        let len = sender.protect_rtp(&mut packet, len).unwrap();
        packet.truncate(len);
        packet
    };
    for n in 0..5 {
        let protected = protect(&mut peer_sends, rtp(0, n, &[n as u8; 160]));
        let sent = bench.rtp(LegId::A, PEER_A, &protected).unwrap();
        assert_eq!(RtpPacket::parse(&sent).unwrap().payload(), [n as u8; 160]);
        assert_eq!(bench.rtp(LegId::A, PEER_A, &protected), None, "no replay");
        let mut back = bench.rtp(LegId::B, PEER_B, &rtp(0, n, &[9; 160])).unwrap();
        let len = peer_receives.unprotect_rtp(&mut back).unwrap();
        assert_eq!(RtpPacket::parse(&back[..len]).unwrap().payload(), [9; 160]);
    }
    assert_eq!(bench.rtp(LegId::A, PEER_A, &rtp(0, 9, &[0; 160])), None, "no plain RTP on an SRTP leg");
    let stats = bench.relay.stats(LegId::A);
    assert_eq!((stats.received, stats.refused_srtp, stats.unauthentic), (5, 5, 1));

    // A re-INVITE with the same keys: streams and rollover counters go on.
    bench.relay.apply(LegId::A, secure, bench.now).unwrap();
    assert!(bench.rtp(LegId::A, PEER_A, &protect(&mut peer_sends, rtp(0, 5, &[0; 160]))).is_some());
    // With a new key of the peer, the old one is worth nothing.
    let other = key.replace("WVNf", "AAAA");
    let rekeyed = LegConfig::new(session(
        PEER_A,
        &format!("RTP/SAVP 0\n{other}"),
        &["audio/PCMU"],
        SrtpPolicy::Required,
    ));
    let MediaSecurity::Sdes { receive, .. } = rekeyed.session.security.clone() else { panic!("no SRTP") };
    bench.relay.apply(LegId::A, rekeyed, bench.now).unwrap();
    assert_eq!(bench.rtp(LegId::A, PEER_A, &protect(&mut peer_sends, rtp(0, 6, &[0; 160]))), None);
    peer_sends.rekey(&receive);
    assert!(bench.rtp(LegId::A, PEER_A, &protect(&mut peer_sends, rtp(0, 7, &[0; 160]))).is_some());
}

/// ES-30, ES-31, FG-07: ten million forged packets, a third under each policy, never get media and never inject any.
#[test]
fn a_sprayer_gets_nothing_and_injects_nothing() {
    const FORGED: u32 = 3_400_000;
    const REAL_EVERY: u32 = 500;
    let learn = LatchPolicy::LearnAfter { packets: 5, from: None };
    for policy in [LatchPolicy::SignalledOnly, learn, LatchPolicy::Strict] {
        let mut bench = Bench::new(plain(PEER_A, PCMU).with_latch(policy), plain(PEER_B, PCMU));
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let mut forged = rtp_of(666, 0, 0, 0, &[0x55; 160]);
        let len = forged.len();
        let mut passed = 0;
        for n in 0..FORGED {
            // Every fourth packet belongs to a steady stream from one place; the rest come from everywhere.
            let steady = n % 4 == 0;
            let (host, port) = if steady { (66, 6666) } else { (random() as u8, random() as u16 | 1024) };
            let (ssrc, sequence) = if steady { (666, (n / 4) as u16) } else { (random(), random() as u16) };
            forged[2..4].copy_from_slice(&sequence.to_be_bytes());
            forged[4..8].copy_from_slice(&(n * 160).to_be_bytes());
            forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
            bench.buffer[..len].copy_from_slice(&forged);
            let source = SocketAddr::from(([203, 0, 113, host], port));
            let Bench { relay, now, buffer } = &mut bench;
            let verdict = relay.handle_packet(LegId::A, Component::Rtp, source, buffer, len, *now);
            assert_eq!(verdict, Verdict::Done, "injected under {policy:?}");
            if n % REAL_EVERY == 0 {
                let real = rtp(0, (n / REAL_EVERY) as u16, &[1; 160]);
                passed += u32::from(bench.rtp(LegId::A, PEER_A, &real).is_some());
                let media = bench.datagram(LegId::B, Component::Rtp, PEER_B, &real);
                assert_eq!(media.unwrap().0, PEER_A.parse().unwrap(), "media stolen under {policy:?}");
            }
        }
        assert_eq!(passed, FORGED / REAL_EVERY);
        assert_eq!(bench.relay.stats(LegId::A).wrong_source, u64::from(FORGED));
        assert_eq!(bench.outputs(), []);
    }
}

/// MR-013: a peer behind NAT is learned from its packets and then gets the media; nobody else does after that.
#[test]
fn a_peer_behind_nat_is_learned() {
    let nat = "203.0.113.50:33333";
    let learn = LatchPolicy::LearnAfter { packets: 3, from: Some("203.0.113.50".parse().unwrap()) };
    let mut bench = Bench::new(plain("10.0.0.5:4000", PCMU).with_latch(learn), plain(PEER_B, PCMU));
    let passed: Vec<_> = (0..5).map(|n| bench.rtp(LegId::A, nat, &rtp(0, n, &[0; 160])).is_some()).collect();
    assert_eq!(passed, [false, false, true, true, true]);
    assert_eq!(bench.outputs(), [Output::SourceLearned { leg: LegId::A, source: nat.parse().unwrap() }]);
    assert_eq!(
        bench.datagram(LegId::B, Component::Rtp, PEER_B, &rtp(0, 1, &[0; 160])).unwrap().0,
        nat.parse().unwrap()
    );
    assert_eq!(bench.rtp(LegId::A, "203.0.113.50:33334", &rtp(0, 6, &[0; 160])), None);
    assert_eq!(bench.rtp(LegId::A, "10.0.0.5:4000", &rtp(0, 6, &[0; 160])), None);
}

/// RFC 3264 §8.4: on hold nothing flows against the direction, and media resumes under the same stream.
#[test]
fn hold_stops_media_and_resume_continues_the_stream() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU));
    let before = bench.rtp(LegId::A, PEER_A, &rtp(0, 1, &[0; 160])).unwrap();
    let mut held = plain(PEER_B, PCMU);
    held.session.direction = Direction::Inactive;
    bench.relay.apply(LegId::B, held, bench.now).unwrap();
    assert_eq!(bench.rtp(LegId::A, PEER_A, &rtp(0, 2, &[0; 160])), None);
    assert_eq!(bench.rtp(LegId::B, PEER_B, &rtp(0, 2, &[0; 160])), None);
    assert_eq!(bench.relay.stats(LegId::A).held, 1);
    bench.relay.apply(LegId::B, plain(PEER_B, PCMU), bench.now).unwrap();
    let after = bench.rtp(LegId::A, PEER_A, &rtp(0, 3, &[0; 160])).unwrap();
    assert_eq!(RtpPacket::parse(&before).unwrap().ssrc(), RtpPacket::parse(&after).unwrap().ssrc());
}

/// MR-015: a leg that goes silent is reported once, and so is its return; a held leg is not idle.
#[test]
fn idle_legs_are_reported() {
    let mut config = RelayConfig::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU));
    config.idle = Some(Duration::from_secs(30));
    config.b.session.direction = Direction::SendOnly;
    let mut bench = Bench::with(config);
    bench.now = bench.relay.next_timeout().unwrap();
    bench.relay.handle_timeout(bench.now);
    assert_eq!(bench.outputs(), [Output::LegIdle { leg: LegId::A }]);
    assert_eq!(bench.relay.next_timeout(), None);
    bench.rtp(LegId::A, PEER_A, &rtp(0, 1, &[0; 160]));
    assert_eq!(bench.outputs(), [Output::LegResumed { leg: LegId::A }]);
}

fn report(ssrc: u32, about: u32, sequence: u32) -> Vec<u8> {
    let mut buffer = vec![0; 256];
    let mut writer = RtcpWriter::new(&mut buffer);
    let info = SenderInfo { ntp: 1 << 40, rtp_timestamp: 160, packets: 1, octets: 160 };
    let block = ReportBlock {
        ssrc: about,
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: sequence,
        jitter: 0,
        last_sr: 0,
        delay_since_last_sr: 0,
    };
    writer.sender_report(ssrc, &info, &[block]).unwrap();
    writer.cname(ssrc, b"peer").unwrap();
    let len = writer.finish();
    buffer.truncate(len);
    buffer
}

#[test]
fn relayed_reports_fit_the_relayed_streams() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU));
    let to_b = bench.rtp(LegId::A, PEER_A, &rtp_of(0xA, 0, 1000, 160, &[0; 160])).unwrap();
    let to_a = bench.rtp(LegId::B, PEER_B, &rtp_of(0xB, 0, 2000, 320, &[0; 160])).unwrap();
    let (to_b, to_a) = (RtpPacket::parse(&to_b).unwrap(), RtpPacket::parse(&to_a).unwrap());
    let from_a = report(0xA, to_a.ssrc(), to_a.sequence().into());
    let (to, sent) = bench.datagram(LegId::A, Component::Rtcp, "192.0.2.1:4001", &from_a).unwrap();
    assert_eq!(to, "198.51.100.1:6001".parse().unwrap());
    let compound = Compound::parse(&sent, CompoundRule::Full).unwrap();
    let Some(RtcpPacket::SenderReport(report)) = compound.packets().next() else { panic!("no report") };
    assert_eq!((report.ssrc, report.info.rtp_timestamp), (to_b.ssrc(), to_b.timestamp()));
    let block = report.blocks().next().unwrap();
    assert_eq!((block.ssrc, block.highest_sequence), (0xB, 2000));
    assert_eq!(
        bench.datagram(LegId::A, Component::Rtcp, "203.0.113.7:4001", &from_a),
        None,
        "strangers' BYE"
    );
}

#[test]
fn terminated_rtcp_is_answered_by_own_reports() {
    let mut config = RelayConfig::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU));
    config.rtcp = RtcpMode::Terminate { interval: Duration::from_secs(5) };
    let mut bench = Bench::with(config);
    for n in 0..250 {
        bench.rtp(LegId::A, PEER_A, &rtp(0, n, &[0; 160]));
        bench.now += TICK;
    }
    let from_a = report(0xA, 1, 1);
    assert_eq!(bench.datagram(LegId::A, Component::Rtcp, "192.0.2.1:4001", &from_a), None);
    bench.now = bench.relay.next_timeout().unwrap();
    bench.relay.handle_timeout(bench.now);
    let reports = bench.outputs();
    let [
        Output::Transmit { leg: LegId::A, to, datagram, .. },
        Output::Transmit { leg: LegId::B, datagram: second, .. },
    ] = &reports[..]
    else {
        panic!("{reports:?}");
    };
    assert_eq!(*to, "192.0.2.1:4001".parse().unwrap());
    let compound = Compound::parse(datagram, CompoundRule::Full).unwrap();
    let Some(RtcpPacket::ReceiverReport(report)) = compound.packets().next() else { panic!("no report") };
    let block = report.blocks().next().unwrap();
    assert_eq!((block.ssrc, block.highest_sequence, block.cumulative_lost), (0xA, 249, 0));
    let compound = Compound::parse(second, CompoundRule::Full).unwrap();
    let Some(RtcpPacket::SenderReport(report)) = compound.packets().next() else { panic!("no report") };
    assert_eq!((report.ssrc, report.info.packets), (bench.relay.ssrc(LegId::B), 250));
}

/// ES-34: broken packets and foreign protocols are counted, and nothing else.
#[test]
fn noise_is_counted() {
    let mut bench = Bench::new(plain(PEER_A, PCMU), plain(PEER_B, PCMU));
    for len in 0..64 {
        for first in [0x00, 0x16, 0x45, 0x80, 0x90, 0xA0, 0xBF, 0xFF] {
            let mut datagram = vec![first; len];
            if let Some(second) = datagram.get_mut(1) {
                *second = 200;
            }
            bench.datagram(LegId::A, Component::Rtp, PEER_A, &datagram);
        }
    }
    let foreign = rtp(99, 1, &[0; 160]);
    assert_eq!(bench.rtp(LegId::A, PEER_A, &foreign), None);
    let stats = bench.relay.stats(LegId::A);
    assert_eq!((stats.received, stats.unknown_payload, stats.last_unknown_payload), (0, 1, Some(99)));
    assert!(stats.malformed > 250, "{stats:?}");
}

/// A leg to a browser: ICE and DTLS-SRTP.
fn webrtc(peer: &str) -> LegConfig {
    let mut leg = plain(peer, PCMU);
    leg.session.security = MediaSecurity::Dtls { fingerprints: vec![], role: DtlsRole::Server };
    leg.session.ice = Some(Box::new(IceParameters {
        ufrag: IceUfrag("8hhY".to_owned()),
        pwd: IcePwd("asd88fgpdd777uzjYhagZg".to_owned()),
        candidates: vec![],
        lite: false,
        options: vec![],
    }));
    leg
}

/// MR-014: with DTLS nothing passes before the handshake has given keys.
#[test]
fn dtls_legs_wait_for_their_keys() {
    let mut bench = Bench::new(webrtc(PEER_A), plain(PEER_B, PCMU));
    assert_eq!(bench.rtp(LegId::A, PEER_A, &rtp(0, 1, &[0; 160])), None);
    assert_eq!(bench.rtp(LegId::B, PEER_B, &rtp(0, 1, &[0; 160])), None);
    let key = |byte| {
        let profile = media_rtp::srtp::SrtpProfile::AesCm128HmacSha1_80;
        media_rtp::srtp::MasterKey::from_inline(profile, &[byte; 30]).unwrap()
    };
    bench.relay.set_keys(LegId::A, &key(1), &key(2)).unwrap();
    let sent = bench.rtp(LegId::B, PEER_B, &rtp(0, 2, &[0; 160])).unwrap();
    assert_eq!(sent.len(), 172 + 10);
}

/// RFC 7983 §7: STUN and DTLS go to the engines of the leg that has them, by their own way out of the relay; a leg that was
/// negotiated without only counts them.
#[cfg(feature = "driver")]
#[test]
fn stun_and_dtls_are_handed_to_the_engines_of_the_leg() {
    use media_rtp::demux::DatagramKind;
    use media_rtp::driver::{EngineOutput, Forward, MediaEngine};
    use media_rtp::relay::RelayCommand;

    let mut bench = Bench::new(webrtc(PEER_A), plain(PEER_B, PCMU));
    let mut stun = vec![0; 28];
    stun[..8].copy_from_slice(&[0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42]);
    let dtls = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9];
    let channel = vec![0x40, 0, 0, 1, 9];
    let source = PEER_C.parse().unwrap();
    for port in [0, 2] {
        for datagram in [&stun, &dtls, &channel] {
            bench.buffer[..datagram.len()].copy_from_slice(datagram);
            let answer =
                bench.relay.handle_datagram(port, source, &mut bench.buffer, datagram.len(), bench.now);
            assert_eq!(answer, Forward::Nothing);
        }
    }
    let given = |kind, datagram: &[u8]| Output::NotMedia {
        leg: LegId::A,
        component: Component::Rtp,
        source,
        kind,
        datagram: datagram.to_vec(),
    };
    assert_eq!(bench.outputs(), [given(DatagramKind::Stun, &stun), given(DatagramKind::Dtls, &dtls)]);
    assert_eq!([LegId::A, LegId::B].map(|leg| bench.relay.stats(leg).not_media), [3, 3]);

    let answer = RelayCommand::Transmit {
        leg: LegId::A,
        component: Component::Rtp,
        to: source,
        datagram: stun.clone(),
    };
    bench.relay.handle_command(answer, bench.now);
    let Some(EngineOutput::Transmit { port: 0, to, datagram }) = MediaEngine::poll_output(&mut bench.relay)
    else {
        panic!("nothing to send");
    };
    assert_eq!((to, datagram), (source, stun));

    MediaEngine::handle_unreachable(&mut bench.relay, 3);
    assert_eq!(bench.relay.stats(LegId::B).unreachable, 1);
}

/// EC-018: a leg that is joined with another peer keeps its stream, its keys and the rollover counter they have come to.
#[test]
fn a_transferred_leg_goes_on_as_it_was() {
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let media = format!("RTP/SAVP 0\n{key}");
    let secure = LegConfig::new(session(PEER_A, &media, &["audio/PCMU"], SrtpPolicy::Required));
    let MediaSecurity::Sdes { receive, .. } = secure.session.security.clone() else { panic!("no SRTP") };
    let mut peer_sends = SrtpSender::new(&receive, &SrtpConfig::default()).unwrap();
    let mut protect = |n: u16| {
        let mut packet = rtp(0, n, &[1; 160]);
        let len = packet.len();
        packet.resize(len + HEADROOM, 0);
        let len = peer_sends.protect_rtp(&mut packet, len).unwrap();
        packet.truncate(len);
        packet
    };
    let mut bench = Bench::new(secure, plain(PEER_B, PCMU));
    for n in [65_534, 65_535, 0] {
        assert!(bench.rtp(LegId::A, PEER_A, &protect(n)).is_some());
    }
    let ssrc = bench.relay.ssrc(LegId::A);
    let Bench { relay, now, buffer } = bench;
    let (a, b) = relay.part();
    assert_eq!((a.stats().received, b.stats().sent), (3, 3));
    let leg = |peer, media, byte| Leg::new(plain(peer, media), None, Seed([byte; 32]), now).unwrap();
    let g729 = LegConfig::new(session("192.0.2.9:4000", "RTP/AVP 18", &["audio/G729"], SrtpPolicy::Off));
    let deaf = Leg::new(g729, None, Seed([8; 32]), now).unwrap();
    let Err(apart) = Relay::join(a, deaf, RtcpMode::Relay, now) else { panic!("G.729 is never transcoded") };
    assert!(matches!(apart.error, RelayError::CannotTranscode { .. }));
    let relay = Relay::join(apart.a, leg(PEER_C, PCMA, 9), RtcpMode::Relay, now)
        .unwrap_or_else(|apart| panic!("{}", apart.error));
    let mut bench = Bench { relay, now, buffer };
    let (to, sent) = bench.datagram(LegId::A, Component::Rtp, PEER_A, &protect(1)).unwrap();
    assert_eq!((to.to_string().as_str(), RtpPacket::parse(&sent).unwrap().payload_type()), (PEER_C, 8));
    assert_eq!(bench.relay.ssrc(LegId::A), ssrc);
}
