//! sip-trunk.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::frame::{Broken, Frame, Side, StreamFramer, StreamLimits};
use sip_trunk::header::{self, Header, split_list};
use sip_trunk::msg::{Edits, Element, HeaderName, Scanner, error_reply};
use sip_trunk::stun;
use sip_trunk::uri::UriRef;

/// One datagram through scanning, checking, answering and editing.
pub fn sip_datagram(bytes: &[u8]) {
    let received = Bytes::copy_from_slice(bytes);
    let scan = Scanner::default().datagram(received).check(&Element::default());

    // Whatever is answered to garbage must itself be SIP.
    if let Ok(reply) = error_reply(&scan, "fuzz") {
        let answer = Scanner::default().datagram(reply).message.expect("our own reply is recognised");
        assert!(answer.status().is_some_and(|status| status >= 400));
    }
    let Ok(message) = scan.accepted() else { return };

    // What nobody touched leaves as it came, unless it may not be forwarded; then it is clean afterwards.
    let forwarded = Edits::new(&message).finish();
    if forwarded != message.to_bytes() {
        let clean = Scanner::default().datagram(forwarded).accepted().expect("cleaning breaks nothing");
        assert_eq!(Edits::new(&clean).finish(), clean.to_bytes());
        assert_eq!(clean.body(), message.body());
    }
    assert!(bytes.windows(message.as_bytes().len()).any(|window| window == message.as_bytes()));
    assert!(message.body().len() <= bytes.len());

    // An accepted message stays acceptable after the edits that forwarding makes.
    let mut edits = Edits::new(&message);
    if edits.push_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfuzz").is_ok() {
        edits.ensure_content_length();
        let again =
            Scanner::default().datagram(edits.finish()).message.expect("a forwarded message is still one");
        assert_eq!(again.body(), message.body());
        assert_eq!(again.is_request(), message.is_request());
    }
}

/// What might answer a STUN request: an address comes from a Binding success only, a code from a Binding error only.
pub fn sip_stun(bytes: &[u8]) {
    let id = bytes.get(8..20).and_then(|id| id.try_into().ok()).unwrap_or_default();
    match stun::answer(bytes, stun::TransactionId(id)) {
        Some(stun::Answer::Mapped(_)) => assert!(bytes.starts_with(&[1, 1])),
        Some(stun::Answer::Refused(code)) => assert!(bytes.starts_with(&[1, 0x11]) && code < 1000),
        None => {}
    }
}

/// A stream, split where its first byte says: the frames must not depend on it, and a message must keep its bytes.
pub fn sip_stream(bytes: &[u8]) {
    let Some((&seed, stream)) = bytes.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(seed) + 1), whole);
    let mut rest = stream;
    for frame in &whole {
        let message = match frame {
            Ok(Frame::Message(message)) => message,
            Ok(Frame::Ping | Frame::Pong) => continue,
            Err(broken) => {
                // What is left of a broken stream is enough to build a reply from.
                let _ = error_reply(&Scanner::default().stream(broken.head.clone()), "fuzz");
                continue;
            }
        };
        let at =
            rest.windows(message.len()).position(|window| window == message).expect("taken from the stream");
        rest = &rest[at + message.len()..];
        // The framer and the scanner agree where the message ends.
        let scan = Scanner::default().stream(message.clone());
        if let Some(read) = scan.message {
            assert_eq!(read.as_bytes().len(), message.len());
        }
    }
}

fn frames(stream: &[u8], size: usize) -> Vec<Result<Frame, Broken>> {
    let now = Instant::now();
    let limits = StreamLimits { ping_interval: Duration::ZERO, ..StreamLimits::default() };
    let (mut framer, mut frames) = (StreamFramer::new(Side::Acceptor, limits), Vec::new());
    for chunk in stream.chunks(size) {
        framer.push(chunk, now);
        while let Some(frame) = framer.poll() {
            frames.push(frame);
        }
    }
    frames
}

/// One header value through every typed view and the URI reader; what a view prints, it reads again.
pub fn sip_header(bytes: &[u8]) {
    let _ = UriRef::parse(bytes);
    macro_rules! views {
        ($($view:ident),* $(,)?) => { $( read::<header::$view>(bytes); )* };
    }
    views!(
        AlertInfo,
        Allow,
        AllowEvents,
        CallId,
        CallInfo,
        Contact,
        ContentDisposition,
        ContentId,
        ContentType,
        CSeq,
        Date,
        Diversion,
        ErrorInfo,
        Event,
        Expires,
        From,
        Geolocation,
        GeolocationError,
        GeolocationRouting,
        HistoryInfo,
        Identity,
        Join,
        MaxForwards,
        MinExpires,
        MinSe,
        PAssertedIdentity,
        PAssociatedUri,
        Path,
        PPreferredIdentity,
        Privacy,
        ProxyRequire,
        RAck,
        Reason,
        RecordRoute,
        ReferredBy,
        ReferTo,
        RemotePartyId,
        Replaces,
        ReplyTo,
        Require,
        RetryAfter,
        Route,
        RSeq,
        ServiceRoute,
        SessionExpires,
        SubscriptionState,
        Supported,
        TargetDialog,
        To,
        Unsupported,
        UserToUser,
        Via,
        Warning,
        XUserToUser,
        WwwAuthenticate,
        ProxyAuthenticate,
        Authorization,
        ProxyAuthorization,
        AuthenticationInfo,
    );
}

fn read<'a, H: Header<'a>>(value: &'a [u8]) {
    let _: HeaderName = H::NAME;
    for element in split_list(value).chain([value]) {
        if let Err(fault) = H::parse(element) {
            assert!(fault.at <= element.len(), "{}: a fault at {} of {}", H::NAME, fault.at, element.len());
        }
    }
}
