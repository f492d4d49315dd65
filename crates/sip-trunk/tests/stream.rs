//! Messages out of a byte stream, however it was split.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests; one arbitrary instant

use std::time::{Duration, Instant};

use sip_trunk::frame::{Broken, Frame, FrameFault, Side, StreamFramer, StreamLimits};
use sip_trunk::msg::{Code, Scanner, error_reply};

fn framer() -> StreamFramer {
    StreamFramer::new(
        Side::Acceptor,
        StreamLimits { ping_interval: Duration::ZERO, ..StreamLimits::default() },
    )
}

fn drain(framer: &mut StreamFramer, into: &mut Vec<Result<Frame, Broken>>) {
    while let Some(frame) = framer.poll() {
        into.push(frame);
    }
}

fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Frame, Broken>> {
    let (mut framer, now, mut found) = (framer(), Instant::now(), Vec::new());
    for chunk in chunks {
        framer.push(chunk, now);
        drain(&mut framer, &mut found);
    }
    found
}

fn fault(stream: &[u8]) -> FrameFault {
    let mut found = frames([stream]);
    let last = found.pop().expect("a fault");
    last.expect_err("a fault").fault
}

/// ES-06: pipelined messages and keep-alives come out the same for every split of the stream in two, in three around each
/// header section's end, and byte by byte.
#[test]
fn every_split_gives_the_same_frames() {
    let invite = "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nContent-Length:\r\n 6\r\n\r\n\r\n\r\n\r\n";
    let bye = "BYE sip:a SIP/2.0\r\nl : 3\r\nX: \"\\\"\r\n\r\nb\0y";
    let ok = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    let stream = format!("\r\n\r\n{invite}{bye}\r\n{ok}\r\n\r\n\r\n\r\n{bye}");
    let message = |text: &str| Ok(Frame::Message(text.to_owned().into()));
    let expected = vec![
        Ok(Frame::Ping),
        message(invite),
        message(bye),
        message(ok),
        Ok(Frame::Ping),
        Ok(Frame::Ping),
        message(bye),
    ];
    let bytes = stream.as_bytes();
    assert_eq!(frames([bytes]), expected);
    assert_eq!(frames(bytes.chunks(1)), expected);
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(frames([head, tail]), expected, "split at {at}");
        for second in 0..=tail.len().min(6) {
            let (middle, tail) = tail.split_at(second);
            assert_eq!(frames([head, middle, tail]), expected, "split at {at} and {second} later");
        }
    }
    for size in 2..40 {
        assert_eq!(frames(bytes.chunks(size)), expected, "chunks of {size}");
    }
}

/// RFC 5626 §3.5.1: towards the opener of the flow every CRLF is a pong.
#[test]
fn the_opener_of_a_flow_gets_pongs() {
    let mut framer = StreamFramer::new(Side::Opener, StreamLimits::default());
    framer.push(b"\r\n", Instant::now());
    assert_eq!(framer.poll(), Some(Ok(Frame::Pong)));
    assert_eq!(framer.poll(), None);
    assert_eq!(framer.next_timeout(), None);
}

/// ES-08: keep-alives are answered at most once per second.
#[test]
fn fast_pings_are_not_answered() {
    let mut framer = StreamFramer::new(Side::Acceptor, StreamLimits::default());
    let (now, mut found) = (Instant::now(), Vec::new());
    for tenth in 0..=20 {
        framer.push(b"\r\n\r\n", now + Duration::from_millis(100 * tenth));
        drain(&mut framer, &mut found);
    }
    assert_eq!(found, vec![Ok(Frame::Ping); 3]);
    assert_eq!(framer.pings_ignored(), 18);
}

/// ES-05: a length that is missing, contradictory or absurd closes the stream.
#[test]
fn lengths_that_frame_nothing_close_the_stream() {
    let head = |length: &str| format!("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n{length}\r\n\r\n");
    for (length, expected) in [
        ("A: 1", FrameFault::Length(Code::MissingContentLength)),
        ("l: 1\r\nContent-Length: 2", FrameFault::Length(Code::ContentLengthConflict)),
        ("l: -1", FrameFault::Length(Code::BadContentLength)),
        ("l: 2147483649", FrameFault::Length(Code::BadContentLength)),
        ("l: 2147483648", FrameFault::MessageTooLarge),
        ("l: 1\nl: 0", FrameFault::LineEnd),
        ("l: 0\rA: 1", FrameFault::LineEnd),
    ] {
        assert_eq!(fault(head(length).as_bytes()), expected, "{length:?}");
    }
    assert!(matches!(&frames([head("l: 0\r\nContent-Length: 0").as_bytes()])[..], [Ok(Frame::Message(_))]));
}

/// What arrived of a broken message is enough for the 400 that precedes the close.
#[test]
fn the_peer_is_told_before_the_close() {
    let broken =
        frames([&b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nl: x\r\n\r\nBYE sip:a"[..]]).pop().unwrap();
    let scan = Scanner::default().stream(broken.unwrap_err().head);
    assert!(error_reply(&scan, "t").unwrap().starts_with(b"SIP/2.0 400 "));
}

/// ES-04: sizes at their limit and one beyond, refused before the body is there.
#[test]
fn sizes_are_bounded_before_they_are_stored() {
    let head = |size: usize, body: usize| {
        let mut text = format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {body}\r\nZ: ");
        text += &"z".repeat(size - text.len() - 4);
        text + "\r\n\r\n"
    };
    assert!(matches!(&frames([head(32_768, 0).as_bytes()])[..], [Ok(Frame::Message(_))]));
    assert_eq!(fault(head(32_769, 0).as_bytes()), FrameFault::HeaderSectionTooLarge);
    let endless = [&b"OPTIONS sip:a SIP/2.0\r\nZ: "[..], &b"z".repeat(32_768)].concat();
    for size in [1, 7, 4096] {
        let found = frames(endless.chunks(size)).pop().unwrap();
        assert_eq!(found.unwrap_err().fault, FrameFault::HeaderSectionTooLarge);
    }
    let whole = [head(1_000, 64_536).as_bytes(), &b"b".repeat(64_536)[..]].concat();
    assert!(matches!(&frames([&whole[..]])[..], [Ok(Frame::Message(message))] if message.len() == 65_536));
    assert_eq!(fault(head(1_000, 64_537).as_bytes()), FrameFault::MessageTooLarge);
}

#[test]
fn what_is_not_sip_is_noticed_at_its_first_byte() {
    for stream in [&b"\x16\x03\x01\x02\x00"[..], b" INVITE", b"\n", b"\rX", b"\r\n\r\n\0"] {
        assert_eq!(fault(stream), FrameFault::NotSip, "{stream:?}");
    }
}

#[test]
fn nothing_follows_a_fault() {
    let mut framer = framer();
    framer.push(b"\0OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n", Instant::now());
    assert!(matches!(framer.poll(), Some(Err(_))));
    framer.push(b"OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n", Instant::now());
    assert_eq!(framer.poll(), None);
    assert_eq!(framer.next_timeout(), None);
}

/// ES-07: a message must be complete within its time, counted from its own first byte.
#[test]
fn a_slow_message_is_given_up() {
    let mut framer = framer();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    framer.push(b"OPTIONS sip:a SIP/2.0\r\n", start);
    assert_eq!(framer.poll(), None);
    framer.push(b"l: 0\r\n\r\nBYE", at(9));
    assert!(framer.poll().is_some());
    assert_eq!(framer.poll(), None);
    assert_eq!(framer.next_timeout().map(|deadline| deadline.at), Some(at(19)));
    framer.push(b" ", at(18));
    assert_eq!(framer.handle_timeout(at(18)), None);
    assert_eq!(framer.handle_timeout(at(19)).map(|broken| broken.fault), Some(FrameFault::TooSlow));
}
