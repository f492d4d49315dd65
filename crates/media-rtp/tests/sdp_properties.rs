//! SDP under any bytes: nothing is lost, nothing panics, nothing a peer writes widens what we permit.

use media_rtp::Seed;
use media_rtp::sdp::attribute::Direction;
use media_rtp::sdp::offer_answer::LocalMedia;
use media_rtp::sdp::{MediaConfig, OfferAnswer, SessionDescription, Signalling};
use proptest::prelude::*;

/// Lines as peers write them, and as they should not.
fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "o=- 1 1 IN IP4 192.0.2.1",
        "s=-",
        "t=0 0",
        "r=7d 1h 0 9223372036854775807",
        "z=2882844526 9223372036854775807",
        "c=IN IP4 192.0.2.1",
        "c=IN IP4 127.0.0.1",
        "c=IN IP4 0.0.0.0",
        "c=IN IP6 ::1",
        "m=audio 4000 RTP/AVP 0 8 101",
        "m=audio 4002 RTP/SAVP 8 96",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "m=audio 0 RTP/AVP 0",
        "m=video 5000 RTP/AVP 31",
        "m=image 6000 udptl t38",
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:0 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
        "a=rtcp:4009 IN IP4 169.254.169.254",
        "a=rtcp-mux",
        "a=sendonly",
        "a=ptime:65535",
        "a=maxptime:1",
        "a=mid:0",
        "a=group:BUNDLE 0",
    ]);
    prop_oneof![
        6 => known.prop_map(str::to_owned),
        1 => "[a-z]=[ -~]{0,30}",
        1 => "a=(rtpmap|fmtp|crypto|candidate|fingerprint|ssrc|extmap|rtcp|ptime|setup)[: -~]{0,40}",
        1 => "\\PC{0,20}",
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let end = prop::sample::select(vec!["\r\n", "\n", "\r", "\r\n\r\n"]);
    (prop::collection::vec((line(), end), 0..40), any::<bool>()).prop_map(|(lines, finished)| {
        let mut text = "v=0\r\n".to_owned();
        lines.iter().for_each(|(line, end)| text += &format!("{line}{end}"));
        if !finished {
            text.truncate(text.trim_end().len());
        }
        text.into_bytes()
    })
}

fn side() -> OfferAnswer {
    let local = LocalMedia::new("192.0.2.10:10000".parse().expect("an address"));
    OfferAnswer::new(MediaConfig::default(), local, Seed([1; 32]))
}

proptest! {
    /// ES-36: any bytes are read or refused, and what is read prints as it came.
    #[test]
    fn any_bytes_print_as_they_came(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let input = [b"v=0\r\n", &tail[..]].concat();
        if let Ok(description) = SessionDescription::parse(&input) {
            prop_assert_eq!(description.to_bytes(), input);
            let last = description.lines().count();
            prop_assert!(description.faults().iter().all(|fault| fault.line as usize <= last));
        }
    }

    #[test]
    fn plausible_descriptions_print_as_they_came(input in body()) {
        if let Ok(description) = SessionDescription::parse(&input) {
            prop_assert_eq!(description.to_bytes(), input);
            let last = description.lines().count();
            prop_assert!(description.faults().iter().all(|fault| fault.line as usize <= last));
        }
    }

    /// ES-36, ES-37: whatever is offered, an answer is clean, fits the offer, and aims at no forbidden target.
    #[test]
    fn answers_are_clean_and_fit_the_offer(input in body(), secure: bool) {
        let Ok(offer) = SessionDescription::parse(&input) else { return Ok(()) };
        let signalling = if secure { Signalling::Secure } else { Signalling::Insecure };
        match side().answer(&offer, Direction::SendRecv, signalling) {
            Ok(answer) => {
                let read = SessionDescription::parse(&answer.description.to_bytes());
                let read = read.expect("an own description can be read");
                prop_assert!(read.faults().is_empty(), "{:?} in {read}", read.faults());
                let kinds = |d: &SessionDescription| -> Vec<_> {
                    d.media().iter().map(|m| m.line().media.clone()).collect()
                };
                prop_assert_eq!(kinds(&read), kinds(&offer));
                let targets = MediaConfig::default().targets;
                for target in answer.session.remote_rtp.iter().chain(&answer.session.remote_rtcp) {
                    prop_assert_eq!(targets.check(*target), Ok(()));
                }
                prop_assert!((10..=200).contains(&answer.session.ptime));
            }
            Err(refusal) => prop_assert!([400, 413, 488].contains(&refusal.status())),
        }
    }

    /// Whatever is answered, it is a session or a refusal.
    #[test]
    fn any_answer_is_taken_or_refused(input in body()) {
        let Ok(answer) = SessionDescription::parse(&input) else { return Ok(()) };
        let mut side = side();
        side.offer(Direction::SendRecv, Signalling::Secure).expect("the first offer");
        if let Ok(session) = side.process_answer(&answer, Signalling::Secure) {
            prop_assert!(session.receive.iter().any(|format| format.codec.matches(&session.send.codec)));
        }
    }
}
