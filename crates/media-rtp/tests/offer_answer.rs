//! Offer/answer: two sides, or one side and the text of a peer.
//!
//! The comparisons show whole descriptions, so that a change in what is written to peers is seen in review.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;

use media_rtp::Seed;
use media_rtp::sdp::attribute::{Candidate, Crypto, Direction, Fingerprint, IcePwd, IceUfrag, Setup};
use media_rtp::sdp::offer_answer::{
    Answer, DtlsRole, Dtmf, DynamicPayloadType, IceParameters, LocalMedia, MediaSecurity, OfferError,
    SrtpPolicy,
};
use media_rtp::sdp::{
    Attribute as _, MediaConfig, MediaSession, OfferAnswer, Refusal, SessionDescription, Signalling,
    TargetRefusal,
};

use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use Signalling::{Insecure, Secure};

fn side(config: MediaConfig, rtp: &str) -> OfferAnswer {
    OfferAnswer::new(config, LocalMedia::new(rtp.parse().unwrap()), Seed([rtp.len() as u8; 32]))
}

fn config(codecs: &[&str], srtp: SrtpPolicy) -> MediaConfig {
    MediaConfig { srtp, ..MediaConfig::from_mime_list(codecs.iter().copied()).unwrap() }
}

fn plain(codecs: &[&str]) -> OfferAnswer {
    side(config(codecs, SrtpPolicy::Off), "192.0.2.10:10000")
}

/// A peer's description with this audio section; `media` starts after `m=audio `.
fn peer(media: &str) -> SessionDescription {
    let text = format!(
        "v=0\r\no=peer 1 1 IN IP4 192.0.2.20\r\ns=call\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio {}\r\n",
        media.replace('\n', "\r\n")
    );
    SessionDescription::parse(text.as_bytes()).unwrap()
}

fn answer(side: &mut OfferAnswer, offer: &str) -> Result<Answer, Refusal> {
    side.answer(&peer(offer), SendRecv, Secure)
}

/// The audio section, without the lines given.
fn audio(description: &SessionDescription) -> Vec<String> {
    let media = description.media().iter().find(|m| m.line().is_audio() && m.line().port != 0).unwrap();
    media.section().lines().iter().map(|line| String::from_utf8(line.raw().to_vec()).unwrap()).collect()
}

fn agree(caller: &mut OfferAnswer, called: &mut OfferAnswer) -> (MediaSession, MediaSession) {
    let offer = caller.offer(SendRecv, Secure).unwrap();
    let answer = called.answer(&reread(&offer), SendRecv, Secure).unwrap();
    (caller.process_answer(&reread(&answer.description), Secure).unwrap(), answer.session)
}

fn reread(description: &SessionDescription) -> SessionDescription {
    let read = SessionDescription::parse(&description.to_bytes()).unwrap();
    assert_eq!(read.faults(), [], "own descriptions have no faults");
    read
}

fn address(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

/// MR-002, MR-003: the MIME list gives the order, and each clock rate has its telephone-event.
#[test]
fn an_offer_lists_codecs_in_order_of_preference() {
    let mut side = plain(&["audio/opus", "audio/G722", "audio/PCMA", "audio/PCMU"]);
    let offer = side.offer(SendRecv, Insecure).unwrap();
    assert_eq!(
        audio(&offer),
        [
            "m=audio 10000 RTP/AVP 96 9 8 0 101 97",
            "a=rtpmap:96 opus/48000/2",
            "a=fmtp:96 minptime=10;useinbandfec=1",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/48000",
            "a=fmtp:101 0-16",
            "a=rtpmap:97 telephone-event/8000",
            "a=fmtp:97 0-16",
            "a=ptime:20",
            "a=sendrecv",
            "a=rtcp-mux",
        ]
    );
}

/// MR-002: the answer takes the codec this side prefers, whatever order the peer wrote, and only that one.
#[test]
fn an_answer_takes_the_preferred_common_codec() {
    let mut side = plain(&["audio/PCMA", "audio/PCMU"]);
    let answer =
        answer(&mut side, "4000 RTP/AVP 18 0 8 101\na=rtpmap:101 telephone-event/8000\na=ptime:30").unwrap();
    assert_eq!(
        audio(&answer.description),
        [
            "m=audio 10000 RTP/AVP 8 101",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-16",
            "a=ptime:20",
            "a=sendrecv",
        ]
    );
    let session = answer.session;
    assert_eq!((session.send.payload_type, session.ptime), (8, 30), "the packet time the peer asked for");
    assert_eq!(session.remote_rtp, address("192.0.2.20:4000"));
    assert_eq!(session.remote_rtcp, address("192.0.2.20:4001"));
}

/// MR-005: an enforced codec list without a common codec is 488 with Warning 305.
#[test]
fn no_common_codec_is_refused() {
    let mut side = plain(&["audio/PCMU", "audio/PCMA"]);
    let refusal = answer(&mut side, "4000 RTP/AVP 18 96\na=rtpmap:96 opus/48000/2").unwrap_err();
    assert_eq!(refusal.status(), 488);
    assert_eq!(
        refusal.warning("edge"),
        "305 edge \"no codec in common; offered are audio/G729, audio/opus\""
    );
    assert!(side.session().is_none(), "a refused offer changes nothing");
}

/// MR-005: Opus is optional and used where both have it; G.711 serves everybody else.
#[test]
fn opus_where_both_have_it() {
    let both = ["audio/opus", "audio/PCMU"];
    let (session, _) = agree(&mut plain(&both), &mut plain(&both));
    assert_eq!((session.send.codec.encoding(), session.send.codec.clock_rate()), ("opus", 48_000));
    let (session, _) = agree(&mut plain(&both), &mut plain(&["audio/PCMU"]));
    assert_eq!(session.send.codec.encoding(), "PCMU");
}

/// MR-004: each direction uses the payload type its receiver named.
#[test]
fn dtmf_payload_type_is_negotiated_per_direction() {
    let dtmf = Dtmf::RtpEvents(DynamicPayloadType::try_from(110).unwrap());
    let mut side = side(MediaConfig { dtmf, ..config(&["audio/PCMU"], SrtpPolicy::Off) }, "192.0.2.10:10000");
    side.offer(SendRecv, Insecure).unwrap();
    let session =
        side.process_answer(&peer("4000 RTP/AVP 0 99\na=rtpmap:99 telephone-event/8000"), Insecure).unwrap();
    assert_eq!(session.send_dtmf.unwrap().payload_type, 99);
    assert_eq!(session.receive_dtmf.unwrap().payload_type, 110);
}

/// MR-003: in-band audio is the alternative; no events are offered or taken then.
#[test]
fn in_band_dtmf_offers_no_events() {
    let in_band = || MediaConfig { dtmf: Dtmf::InBand, ..config(&["audio/PCMU"], SrtpPolicy::Off) };
    let mut called = side(in_band(), "192.0.2.10:10000");
    let answer = answer(&mut called, "4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000").unwrap();
    assert_eq!(audio(&answer.description)[0], "m=audio 10000 RTP/AVP 0");
    assert_eq!(answer.session.send_dtmf, None);
}

/// RFC 4733 §2.1: events of the codec's clock rate, else those at 8000 Hz.
#[test]
fn events_follow_the_clock_rate_of_the_codec() {
    let mut side = plain(&["audio/opus"]);
    let offer = "4000 RTP/AVP 96 97 98\na=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/8000";
    let first = answer(&mut side, offer).unwrap().session.send_dtmf.unwrap();
    assert_eq!((first.payload_type, first.clock_rate), (97, 8000));
    let both = format!("{offer}\na=rtpmap:98 telephone-event/48000");
    let second = answer(&mut side, &both).unwrap().session.send_dtmf.unwrap();
    assert_eq!((second.payload_type, second.clock_rate), (98, 48_000));
}

#[test]
fn comfort_noise_when_both_have_it() {
    let with = || MediaConfig { comfort_noise: true, ..config(&["audio/PCMU"], SrtpPolicy::Off) };
    let (caller, called) =
        agree(&mut side(with(), "192.0.2.10:10000"), &mut side(with(), "192.0.2.11:20000"));
    assert_eq!((caller.comfort_noise, called.comfort_noise), (Some((13, 13)), Some((13, 13))));
    let (caller, _) = agree(&mut side(with(), "192.0.2.10:10000"), &mut plain(&["audio/PCMU"]));
    assert_eq!(caller.comfort_noise, None);
}

/// RFC 3264 §6.1: what the peer only sends, we only receive, and nothing more than we want.
#[test]
fn directions_are_answered_in_mirror() {
    for (offered, wanted, expected) in [
        ("sendrecv", SendRecv, SendRecv),
        ("sendonly", SendRecv, RecvOnly),
        ("recvonly", SendRecv, SendOnly),
        ("inactive", SendRecv, Inactive),
        ("sendrecv", SendOnly, SendOnly),
        ("sendonly", SendOnly, Inactive),
        ("recvonly", SendOnly, SendOnly),
    ] {
        let offer = peer(&format!("4000 RTP/AVP 0\na={offered}"));
        let answer = plain(&["audio/PCMU"]).answer(&offer, wanted, Insecure).unwrap();
        assert_eq!(answer.session.direction, expected, "{offered} wanted {wanted}");
        assert!(answer.description.media()[0].section().has(expected.name()));
    }
}

/// RFC 3264 §8.4: hold with sendonly and resume; the version in o= rises by one each time, the id stays.
#[test]
fn hold_and_resume() {
    let (mut caller, mut called) = (plain(&["audio/PCMU"]), plain(&["audio/PCMU"]));
    agree(&mut caller, &mut called);
    let mut origins = vec![];
    for (held, ours, theirs) in [(true, SendOnly, RecvOnly), (false, SendRecv, SendRecv)] {
        let offer = if held { caller.hold(Secure) } else { caller.resume(Secure) }.unwrap();
        origins.push(offer.origin().unwrap());
        let answer = called.answer(&reread(&offer), SendRecv, Secure).unwrap();
        assert_eq!(answer.session.direction, theirs);
        assert_eq!(caller.process_answer(&answer.description, Secure).unwrap().direction, ours);
    }
    assert_eq!(origins[0].session_id, origins[1].session_id);
    assert_eq!([&origins[0].version, &origins[1].version], ["2", "3"]);
}

/// RFC 3264 §8: an unchanged description keeps its version (session timer refreshes).
#[test]
fn an_unchanged_offer_keeps_its_version() {
    let (mut caller, mut called) = (plain(&["audio/PCMU"]), plain(&["audio/PCMU"]));
    agree(&mut caller, &mut called);
    let first = called.offer(SendRecv, Secure).unwrap();
    called.rollback();
    assert_eq!(called.offer(SendRecv, Secure).unwrap(), first);
}

/// RFC 3264 §8.4: the null address of old devices means that nothing may be sent.
#[test]
fn null_address_is_hold() {
    let mut side = plain(&["audio/PCMU"]);
    for connection in ["IN IP4 0.0.0.0", "IN IP4 hold.invalid"] {
        let answer = answer(&mut side, &format!("4000 RTP/AVP 0\nc={connection}")).unwrap();
        assert_eq!(answer.session.direction, RecvOnly);
        assert_eq!((answer.session.remote_rtp, answer.session.remote_rtcp), (None, None));
    }
}

/// RFC 3264 §6: streams we do not do stay in their place with port 0, also in our later offers.
#[test]
fn other_streams_keep_their_place() {
    let text = "4000 RTP/AVP 0\na=mid:a\nm=video 5000 RTP/AVP 31\na=mid:v\nm=image 6000 udptl t38";
    let mut side = plain(&["audio/PCMU"]);
    let answered = answer(&mut side, text).unwrap().description;
    let offered = side.offer(SendRecv, Insecure).unwrap();
    for description in [answered, offered] {
        let lines: Vec<_> = description.media().iter().map(|m| m.line().to_string()).collect();
        assert_eq!(lines[1..], ["video 0 RTP/AVP 31", "image 0 udptl t38"]);
        assert!(lines[0].starts_with("audio 10000 RTP/AVP 0"));
        assert_eq!(description.media()[1].section().raw_attribute("mid"), Some(Some(&b"v"[..])));
    }
}

#[test]
fn times_of_the_offer_are_repeated_as_text() {
    let mut offer = peer("4000 RTP/AVP 0").to_string();
    offer = offer.replace("t=0 0", "t=99999999999999999999999 -1");
    let offer = SessionDescription::parse(offer.as_bytes()).unwrap();
    let answer = plain(&["audio/PCMU"]).answer(&offer, SendRecv, Insecure).unwrap();
    assert_eq!(answer.description.session().value(b't'), Some(&b"99999999999999999999999 -1"[..]));
}

/// RFC 3264 §8.3.2: payload types keep their meaning, whoever chose them.
#[test]
fn payload_types_are_kept_in_later_offers() {
    let mut side = plain(&["audio/opus", "audio/PCMU"]);
    let offer = "4000 RTP/AVP 120 126\na=rtpmap:120 opus/48000/2\na=rtpmap:126 telephone-event/48000";
    answer(&mut side, offer).unwrap();
    let line = &audio(&side.offer(SendRecv, Insecure).unwrap())[0];
    assert_eq!(line, "m=audio 10000 RTP/AVP 120 0 126 101");
}

#[test]
fn rtcp_goes_where_the_peer_says() {
    let mut side = plain(&["audio/PCMU"]);
    let mut rtcp = |extra: &str| {
        let session = answer(&mut side, &format!("4000 RTP/AVP 0\n{extra}")).unwrap().session;
        (session.remote_rtcp, session.local_rtcp.port())
    };
    assert_eq!(rtcp("a=x"), (address("192.0.2.20:4001"), 10_001));
    assert_eq!(rtcp("a=rtcp:5000"), (address("192.0.2.20:5000"), 10_001));
    assert_eq!(rtcp("a=rtcp:5000 IN IP4 192.0.2.99"), (address("192.0.2.99:5000"), 10_001));
    assert_eq!(rtcp("a=rtcp-mux"), (address("192.0.2.20:4000"), 10_000));
}

#[test]
fn ipv6_is_offered_and_answered() {
    let v6 = |rtp: &str| side(config(&["audio/PCMU"], SrtpPolicy::Off), rtp);
    let (mut caller, mut called) = (v6("[2001:db8::1]:10000"), v6("[2001:db8::2]:20000"));
    let (session, _) = agree(&mut caller, &mut called);
    assert_eq!(session.remote_rtp, address("[2001:db8::2]:20000"));
    let refusal = caller.answer(&peer("4000 RTP/AVP 0"), SendRecv, Insecure).unwrap_err();
    assert_eq!((refusal.status(), refusal.warning_code()), (488, 301));
}

/// MR-008: a carrier with one static RTP port is honoured when its description says so.
#[test]
fn a_static_peer_port_is_honoured() {
    let mut side = plain(&["audio/PCMU"]);
    for _ in 0..2 {
        assert_eq!(
            answer(&mut side, "10000 RTP/AVP 0").unwrap().session.remote_rtp,
            address("192.0.2.20:10000")
        );
    }
}

/// ES-36, ES-37: a description cannot aim media or RTCP at what the policy forbids.
#[test]
fn forbidden_targets_are_refused() {
    for lines in [
        "4000 RTP/AVP 0\nc=IN IP4 127.0.0.1",
        "4000 RTP/AVP 0\nc=IN IP4 169.254.169.254",
        "4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127",
        "4000 RTP/AVP 0\nc=IN IP4 255.255.255.255",
        "22 RTP/AVP 0",
        "4000 RTP/AVP 0\na=rtcp:4001 IN IP4 127.0.0.1",
        "4000 RTP/AVP 0\na=rtcp:53",
    ] {
        let refusal = answer(&mut plain(&["audio/PCMU"]), lines).unwrap_err();
        assert!(matches!(refusal, Refusal::Target(_)), "{lines}: {refusal}");
        assert_eq!(refusal.status(), 488);
    }
    let refusal = answer(&mut plain(&["audio/PCMU"]), "4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127").unwrap_err();
    assert!(matches!(refusal, Refusal::Target(TargetRefusal::Multicast(_))));
    assert_eq!(refusal.warning_code(), 330);
}

#[test]
fn refusals_name_their_cause() {
    let check = |media: &str, expected: &str| {
        assert_eq!(answer(&mut plain(&["audio/PCMU"]), media).unwrap_err().to_string(), expected, "{media}");
    };
    check("0 RTP/AVP 0", "no active audio stream is offered");
    check("4000 TCP/RTP/AVP 0", "transport TCP/RTP/AVP is not supported for audio");
    check(
        "4000 RTP/AVP 0\nc=IN IP4 media.example.com",
        "c= names the host media.example.com; resolve it first",
    );
    check("4000 RTP/AVP 0\nc=IN IP4 1", "line 7: c= needs `IN IP4|IP6 address`");
    check("4000 RTP/SAVP 0", "SRTP is switched off");
    check("4000 RTP/AVP 96", "no codec in common; offered are none");
}

/// MR-006: SRTP is negotiated when the peer has it, over TLS; each side sends with its own key.
#[test]
fn srtp_is_negotiated_when_both_have_it() {
    for policy in [SrtpPolicy::Optional, SrtpPolicy::Required] {
        let mut caller = side(config(&["audio/PCMU"], policy), "192.0.2.10:10000");
        let mut called = side(config(&["audio/PCMU"], SrtpPolicy::Optional), "192.0.2.110:10000");
        let (caller, called) = agree(&mut caller, &mut called);
        let (MediaSecurity::Sdes { send: a, receive: b }, MediaSecurity::Sdes { send: c, receive: d }) =
            (caller.security, called.security)
        else {
            panic!("no SRTP under {policy:?}");
        };
        assert_eq!((a.expose(), b.expose()), (d.expose(), c.expose()));
        assert_ne!(a.expose(), b.expose());
    }
}

/// MR-006: an optional offer is RTP/AVP with keys (RFC 8643), a required one RTP/SAVP.
#[test]
fn the_policy_decides_the_transport_offered() {
    let line = |policy, signalling| {
        let offer = side(config(&["audio/PCMU"], policy), "192.0.2.10:10000").offer(SendRecv, signalling)?;
        let cryptos = offer.media()[0].section().readable::<Crypto>().count();
        Ok((offer.media()[0].line().protocol.to_string(), cryptos))
    };
    assert_eq!(line(SrtpPolicy::Optional, Secure), Ok(("RTP/AVP".to_owned(), 4)));
    assert_eq!(line(SrtpPolicy::Required, Secure), Ok(("RTP/SAVP".to_owned(), 4)));
    assert_eq!(line(SrtpPolicy::Optional, Insecure), Ok(("RTP/AVP".to_owned(), 0)));
    assert_eq!(line(SrtpPolicy::Off, Secure), Ok(("RTP/AVP".to_owned(), 0)));
    assert_eq!(line(SrtpPolicy::Required, Insecure), Err(OfferError::InsecureSignalling));
}

const KEY: &str = "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/// ES-35, MR-006: the whole matrix of policy, signalling, transport and keys; required never falls back to RTP.
#[test]
fn srtp_answer_matrix() {
    use SrtpPolicy::{Off, Optional, Required};
    let outcome = |policy, signalling, protocol: &str, key: bool| {
        let media = format!("4000 {protocol} 0\n{}", if key { KEY } else { "a=x" });
        let mut side = side(config(&["audio/PCMU"], policy), "192.0.2.10:10000");
        match side.answer(&peer(&media), SendRecv, signalling) {
            Ok(answer) if answer.session.security.is_secure() => {
                let crypto: Crypto = answer.description.media()[0].section().attribute().unwrap();
                assert_eq!((crypto.tag, crypto.suite.as_str()), (7, "AES_CM_128_HMAC_SHA1_80"));
                "srtp".to_owned()
            }
            Ok(answer) => {
                assert!(!answer.description.media()[0].section().has("crypto"));
                "rtp".to_owned()
            }
            Err(refusal) => refusal.warning_code().to_string(),
        }
    };
    for (policy, signalling, protocol, key, expected) in [
        (Off, Secure, "RTP/AVP", true, "rtp"),
        (Off, Secure, "RTP/SAVP", true, "302"),
        (Optional, Secure, "RTP/AVP", false, "rtp"),
        (Optional, Secure, "RTP/AVP", true, "srtp"),
        (Optional, Secure, "RTP/SAVP", true, "srtp"),
        (Optional, Secure, "RTP/SAVP", false, "307"),
        (Optional, Insecure, "RTP/AVP", true, "rtp"),
        (Optional, Insecure, "RTP/SAVP", true, "302"),
        (Optional, Insecure, "RTP/SAVP", false, "302"),
        (Required, Secure, "RTP/AVP", false, "302"),
        (Required, Secure, "RTP/AVP", true, "srtp"),
        (Required, Secure, "RTP/SAVP", true, "srtp"),
        (Required, Insecure, "RTP/AVP", false, "302"),
        (Required, Insecure, "RTP/AVP", true, "302"),
        (Required, Insecure, "RTP/SAVP", true, "302"),
    ] {
        assert_eq!(
            outcome(policy, signalling, protocol, key),
            expected,
            "{policy:?} {signalling:?} {protocol} key {key}"
        );
    }
}

/// ES-35, MR-006: an answer without a key is refused where SRTP is required, and one over plain signalling always.
#[test]
fn srtp_answers_are_checked() {
    let offered = |policy| {
        let mut caller = side(config(&["audio/PCMU"], policy), "192.0.2.10:10000");
        caller.offer(SendRecv, Secure).unwrap();
        caller
    };
    let key = KEY.replace("crypto:7", "crypto:1");
    let check = |policy, media: &str, signalling, expected: Result<bool, Refusal>| {
        let result = offered(policy).process_answer(&peer(media), signalling);
        assert_eq!(result.map(|session| session.security.is_secure()), expected, "{media}");
    };
    check(SrtpPolicy::Required, "4000 RTP/AVP 0", Secure, Err(Refusal::SrtpRequired));
    check(SrtpPolicy::Optional, "4000 RTP/AVP 0", Secure, Ok(false));
    check(SrtpPolicy::Optional, "4000 RTP/SAVP 0", Secure, Err(Refusal::SrtpRequired));
    check(SrtpPolicy::Optional, &format!("4000 RTP/AVP 0\n{key}"), Secure, Ok(true));
    check(
        SrtpPolicy::Optional,
        &format!("4000 RTP/AVP 0\n{key}"),
        Insecure,
        Err(Refusal::InsecureSignalling),
    );
    check(SrtpPolicy::Required, &format!("4000 RTP/SAVP 0\n{KEY}"), Secure, Err(Refusal::CryptoNotOffered));
    let other_suite = key.replace("SHA1_80", "SHA1_32");
    check(
        SrtpPolicy::Required,
        &format!("4000 RTP/SAVP 0\n{other_suite}"),
        Secure,
        Err(Refusal::CryptoNotOffered),
    );
}

#[test]
fn the_first_usable_suite_is_taken() {
    let mut side = side(config(&["audio/PCMU"], SrtpPolicy::Optional), "192.0.2.10:10000");
    let unusable = KEY.replace("crypto:7 AES_CM", "crypto:1 F8");
    let with_parameter = format!("{} UNENCRYPTED_SRTP", KEY.replace("crypto:7", "crypto:2"));
    let answer = answer(&mut side, &format!("4000 RTP/SAVP 0\n{unusable}\n{with_parameter}\n{KEY}")).unwrap();
    assert_eq!(answer.description.media()[0].section().attribute::<Crypto>().unwrap().tag, 7);
    let refusal = side.answer(&peer(&format!("4000 RTP/SAVP 0\n{unusable}")), SendRecv, Secure).unwrap_err();
    assert_eq!(refusal.to_string(), "no usable SRTP suite; offered are F8_128_HMAC_SHA1_80");
}

/// RFC 4568 §6.1: keys stay over re-offers, so no rollover counter is lost, until a new key is asked for.
#[test]
fn keys_stay_until_rekeyed() {
    let secure = || side(config(&["audio/PCMU"], SrtpPolicy::Optional), "192.0.2.10:10000");
    let (mut caller, mut called) =
        (secure(), side(config(&["audio/PCMU"], SrtpPolicy::Optional), "192.0.2.110:1024"));
    let send = |session: &MediaSession| match &session.security {
        MediaSecurity::Sdes { send, .. } => send.expose().0.to_vec(),
        MediaSecurity::Plain | MediaSecurity::Dtls { .. } => panic!("no SDES"),
    };
    let (first, _) = agree(&mut caller, &mut called);
    let (_, second) = agree(&mut called, &mut caller);
    assert_eq!(send(&first), send(&second), "also when the other side offers");
    caller.rekey();
    let (third, _) = agree(&mut caller, &mut called);
    assert_ne!(send(&first), send(&third));
}

/// Of a secure and a plain section for the same call, the secure one is taken where keys are safe.
#[test]
fn secure_sections_go_first() {
    let media = format!("4000 RTP/AVP 0\nm=audio 4002 RTP/SAVP 0\n{KEY}");
    let mut called = side(config(&["audio/PCMU"], SrtpPolicy::Optional), "192.0.2.10:10000");
    let answer = called.answer(&peer(&media), SendRecv, Secure).unwrap();
    assert_eq!(answer.session.section, 1);
    let ports: Vec<_> = answer.description.media().iter().map(|m| m.line().port).collect();
    assert_eq!(ports, [0, 10_000]);
    let mut called = side(config(&["audio/PCMU"], SrtpPolicy::Optional), "192.0.2.10:10000");
    assert_eq!(called.answer(&peer(&media), SendRecv, Insecure).unwrap().session.section, 0);
}

fn browser_leg() -> OfferAnswer {
    let candidate = Candidate::parse("1 1 UDP 2130706431 192.0.2.10 10000 typ host").unwrap();
    let mut local = LocalMedia::new("192.0.2.10:10000".parse().unwrap());
    local.ice = Some(Box::new(IceParameters {
        ufrag: IceUfrag("edge".into()),
        pwd: IcePwd("0123456789abcdefghijkl".into()),
        candidates: vec![candidate],
        lite: true,
        options: vec![],
    }));
    local.dtls = Some(Box::new(Fingerprint { hash: "sha-256".into(), bytes: vec![1; 32] }));
    OfferAnswer::new(config(&["audio/opus", "audio/PCMU"], SrtpPolicy::Required), local, Seed([9; 32]))
}

/// MR-014: a browser's offer is answered with ICE, DTLS-SRTP, Opus, bundle and mux; dangerous candidates are dropped.
#[test]
fn a_browser_offer_is_answered() {
    let offer = peer(&format!(
        "9 UDP/TLS/RTP/SAVPF 111 0 126\nc=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\na=mid:0\na=ice-ufrag:8hhY\n\
         a=ice-pwd:asd88fgpdd777uzjYhagZg\na=fingerprint:sha-256 {}\na=setup:actpass\na=rtcp-mux\n\
         a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\na=rtpmap:126 telephone-event/8000\n\
         a=candidate:1 1 udp 1 192.0.2.20 40000 typ host\na=candidate:2 1 udp 1 127.0.0.1 40000 typ host\n\
         a=ssrc:1001 cname:x\na=ssrc:1001 msid:y",
        ["AA"; 32].join(":")
    ));
    let mut text = offer.to_string();
    text = text.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0 1\r\n");
    let offer = SessionDescription::parse(text.as_bytes()).unwrap();
    let Answer { description, session } = browser_leg().answer(&offer, SendRecv, Secure).unwrap();
    assert!(description.session().has("ice-lite"));
    assert_eq!(description.session().raw_attribute("group"), Some(Some(&b"BUNDLE 0"[..])));
    let lines = audio(&description);
    assert_eq!(lines[0], "m=audio 10000 UDP/TLS/RTP/SAVPF 111 126");
    assert_eq!(lines[1], "a=mid:0");
    assert!(lines.contains(&"a=rtcp-mux".to_owned()) && lines.contains(&"a=setup:active".to_owned()));
    assert!(
        lines.contains(&"a=ice-ufrag:edge".to_owned()) && !lines.iter().any(|l| l.starts_with("a=crypto"))
    );
    let MediaSecurity::Dtls { fingerprints, role } = &session.security else { panic!("no DTLS") };
    assert_eq!((fingerprints[0].bytes[0], *role), (0xAA, DtlsRole::Client));
    assert_eq!(session.ice.unwrap().candidates.len(), 1);
    assert_eq!((session.direction, session.ssrcs), (SendRecv, vec![1001]));
    assert_eq!(session.send.codec.fmtp(), Some("minptime=10;useinbandfec=1"));
}

/// MR-014: an offer to a browser lets it choose the DTLS role.
#[test]
fn a_browser_answer_is_taken() {
    let mut caller = browser_leg();
    let offer = caller.offer(SendRecv, Insecure).unwrap();
    assert_eq!(offer.media()[0].section().attribute::<Setup>(), Some(Setup::ActPass));
    let answer = |setup: &str| {
        peer(&format!(
            "9 UDP/TLS/RTP/SAVPF 96\na=ice-ufrag:8hhY\na=ice-pwd:asd88fgpdd777uzjYhagZg\na=rtpmap:96 opus/48000/2\n\
             a=fingerprint:sha-256 {}\n{setup}",
            ["AA"; 32].join(":")
        ))
    };
    let mut other = caller.clone();
    let session = caller.process_answer(&answer("a=setup:active"), Insecure).unwrap();
    assert!(matches!(session.security, MediaSecurity::Dtls { role: DtlsRole::Server, .. }));
    assert_eq!(other.process_answer(&answer("a=x"), Insecure).unwrap_err(), Refusal::DtlsIncomplete);
}

#[test]
fn misuse_and_glare_are_told_apart() {
    let mut side = plain(&["audio/PCMU"]);
    assert_eq!(side.process_answer(&peer("4000 RTP/AVP 0"), Secure).unwrap_err(), Refusal::NothingOffered);
    side.offer(SendRecv, Secure).unwrap();
    assert_eq!(side.offer(SendRecv, Secure), Err(OfferError::Unanswered));
    assert_eq!(answer(&mut side, "4000 RTP/AVP 0").unwrap_err().status(), 491);
    side.rollback();
    assert!(answer(&mut side, "4000 RTP/AVP 0").is_ok());
    assert_eq!(plain(&[]).offer(SendRecv, Secure), Err(OfferError::NoCodec));
}

#[test]
fn answers_must_fit_the_offer() {
    let check = |media: &str, expected: Refusal| {
        let mut side = plain(&["audio/PCMU"]);
        side.offer(SendRecv, Secure).unwrap();
        assert_eq!(side.process_answer(&peer(media), Secure).unwrap_err(), expected, "{media}");
    };
    check("4000 RTP/AVP 0\nm=video 0 RTP/AVP 31", Refusal::Mismatch);
    check("0 RTP/AVP 0", Refusal::StreamRefused);
    check("4000 RTP/AVP 8", Refusal::NoCommonCodec { offered: "audio/PCMA".into() });
}

/// A reliable 183 and the 200 carry the same answer; the second changes nothing.
#[test]
fn a_repeated_answer_gives_the_same_session() {
    let mut side = plain(&["audio/PCMU"]);
    side.offer(SendRecv, Secure).unwrap();
    let first = side.process_answer(&peer("4000 RTP/AVP 0"), Secure).unwrap();
    let second = side.process_answer(&peer("4000 RTP/AVP 0"), Secure).unwrap();
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    assert_eq!(side.process_answer(&peer("4002 RTP/AVP 0"), Secure).unwrap_err(), Refusal::NothingOffered);
}

/// A peer that answers with other dynamic numbers, or without the rtpmap of ours, is understood.
#[test]
fn foreign_payload_type_numbers_are_understood() {
    let mut side = plain(&["audio/opus", "audio/PCMU"]);
    side.offer(SendRecv, Secure).unwrap();
    let mut other = side.clone();
    let session = side.process_answer(&peer("4000 RTP/AVP 111\na=rtpmap:111 OPUS/48000/2"), Secure).unwrap();
    assert_eq!((session.send.payload_type, session.receive[0].payload_type), (111, 96));
    let session = other.process_answer(&peer("4000 RTP/AVP 96"), Secure).unwrap();
    assert_eq!(session.send.codec.encoding(), "opus");
}

/// ES-35: a whole negotiation can be logged without its keys.
#[test]
fn debug_output_hides_keys() {
    let mut caller = side(config(&["audio/PCMU"], SrtpPolicy::Required), "192.0.2.10:10000");
    let offer = caller.offer(SendRecv, Secure).unwrap();
    let key = offer.media()[0].section().readable::<Crypto>().next().unwrap().value();
    let inline = key.split("inline:").nth(1).unwrap();
    let text = format!("{caller:?} {offer:?}");
    assert!(!text.contains(inline));
}
