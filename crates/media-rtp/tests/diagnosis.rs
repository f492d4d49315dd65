//! Why there is no audio: each cause is brought about, and named with its evidence and what to do.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media_rtp::Seed;
use media_rtp::diagnosis::MediaDiagnosis;
use media_rtp::relay::{Component, HEADROOM, LegConfig, LegId, Relay, RelayConfig, Verdict};
use media_rtp::rtcp::RtcpWriter;
use media_rtp::rtp::RtpBuilder;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::{LocalMedia, SrtpPolicy};
use media_rtp::sdp::{MediaConfig, OfferAnswer, SessionDescription, Signalling};

const KEY: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn leg(peer: &str, media: &str) -> LegConfig {
    let peer: SocketAddr = peer.parse().unwrap();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {media}\r\n",
        peer.ip(),
        peer.port(),
    );
    let local = LocalMedia::new("203.0.113.9:10000".parse().unwrap());
    let config = MediaConfig { srtp: SrtpPolicy::Optional, ..MediaConfig::default() };
    let mut side = OfferAnswer::new(config, local, Seed([3; 32]));
    let offer = SessionDescription::parse(offer.as_bytes()).unwrap();
    LegConfig::new(side.answer(&offer, Direction::SendRecv, Signalling::Secure).unwrap().session)
}

struct Call {
    relay: Relay,
    now: Instant,
}

impl Call {
    fn new(a: LegConfig) -> Self {
        let now = Instant::now();
        let config = RelayConfig::new(a, leg("198.51.100.1:6000", "RTP/AVP 0"));
        Self { relay: Relay::new(config, Seed([4; 32]), now).unwrap(), now }
    }

    /// Five seconds of packets of this payload type and timestamp step from a source to a leg.
    fn stream(&mut self, leg: LegId, source: &str, payload_type: u8, step: u32) {
        let mut buffer = vec![0; 200 + HEADROOM];
        for n in 0..250_u16 {
            let packet = RtpBuilder::new(payload_type, n, u32::from(n) * step, 7).payload(&[0; 160]);
            let len = packet.write(&mut buffer).unwrap();
            let _: Verdict = self.relay.handle_packet(
                leg,
                Component::Rtp,
                source.parse().unwrap(),
                &mut buffer,
                len,
                self.now,
            );
            self.now += Duration::from_millis(20);
        }
    }

    /// The one cause found on leg A.
    fn cause(&self) -> MediaDiagnosis {
        let found: Vec<_> =
            self.relay.diagnose(self.now).into_iter().filter(|(leg, _)| *leg == LegId::A).collect();
        let [(_, cause)] = &found[..] else { panic!("{found:?}") };
        assert!(!cause.fix().is_empty());
        cause.clone()
    }
}

const PEER: &str = "192.0.2.1:4000";

#[test]
fn a_good_call_has_no_causes() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    assert_eq!(call.relay.diagnose(call.now), [], "too early to say");
    call.stream(LegId::A, PEER, 0, 160);
    call.stream(LegId::B, "198.51.100.1:6000", 0, 160);
    assert_eq!(call.relay.diagnose(call.now), []);
}

#[test]
fn no_packets_at_all() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    call.now += Duration::from_secs(5);
    assert_eq!(
        call.cause().to_string(),
        "no packet arrived at 203.0.113.9:10000 in 5 s, and there was nothing to send"
    );
}

/// The one-way audio of a firewall that lets nothing in.
#[test]
fn one_way() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    call.stream(LegId::B, "198.51.100.1:6000", 0, 160);
    assert_eq!(call.cause().to_string(), "250 packets sent and none received at 203.0.113.9:10000 in 5 s");
}

/// MR-013: asymmetric routing without permission to learn is named, with the address to permit.
#[test]
fn wrong_source() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    call.stream(LegId::A, "192.0.2.77:4000", 0, 160);
    let cause = call.cause();
    assert_eq!(cause.to_string(), "250 packets from 192.0.2.77:4000 instead of 192.0.2.1:4000");
    assert!(cause.fix().contains("from 192.0.2.77 only"));
}

#[test]
fn authentication_failures() {
    let mut call = Call::new(leg(PEER, &format!("RTP/SAVP 0\r\n{KEY}")));
    call.stream(LegId::A, PEER, 0, 160);
    assert_eq!(call.cause(), MediaDiagnosis::AuthenticationFailures { failed: 250, accepted: 0 });
}

#[test]
fn payload_type_mismatch() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    call.stream(LegId::A, PEER, 18, 160);
    assert_eq!(
        call.cause(),
        MediaDiagnosis::PayloadTypeMismatch { seen: 18, expected: vec![0], packets: 250 }
    );
}

/// A peer that negotiates 8 kHz and sends timestamps of 16 kHz.
#[test]
fn clock_mismatch() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    call.stream(LegId::A, PEER, 0, 320);
    assert_eq!(call.cause(), MediaDiagnosis::ClockMismatch { measured: 16_000, negotiated: 8000 });
}

/// MR-007: a port that is closed on the way: ICMP errors, or RTCP that comes through alone.
#[test]
fn port_blocked() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    call.now += Duration::from_secs(5);
    call.relay.handle_unreachable(LegId::A);
    assert_eq!(call.cause().code(), "port-blocked");

    let mut call = Call::new(leg(PEER, "RTP/AVP 0"));
    let mut buffer = vec![0; 200];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.receiver_report(1, &[]).unwrap();
    writer.cname(1, b"x").unwrap();
    let len = writer.finish();
    let source = "192.0.2.1:4001".parse().unwrap();
    let _: Verdict = call.relay.handle_packet(LegId::A, Component::Rtcp, source, &mut buffer, len, call.now);
    call.now += Duration::from_secs(5);
    assert!(matches!(call.cause(), MediaDiagnosis::PortBlocked { rtcp: 1, .. }));
}

#[test]
fn private_address() {
    let mut call = Call::new(leg("10.0.0.5:4000", "RTP/AVP 0"));
    call.stream(LegId::B, "198.51.100.1:6000", 0, 160);
    let cause = call.cause();
    assert_eq!(
        cause.to_string(),
        "250 packets went to 10.0.0.5:4000, a private address; this side is 203.0.113.9:10000"
    );
}

/// A leg on hold receives nothing and lacks nothing.
#[test]
fn a_held_leg_is_not_silent() {
    let mut call = Call::new(leg(PEER, "RTP/AVP 0\r\na=inactive"));
    call.now += Duration::from_secs(60);
    assert!(call.relay.diagnose(call.now).iter().all(|(leg, _)| *leg == LegId::B));
}
