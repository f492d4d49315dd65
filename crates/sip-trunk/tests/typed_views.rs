//! Every typed view under hostile bytes: it is read or refused, a fault points into the value, and whatever is printed holds no
//! line end and reads back as itself.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::fmt::Display;

use proptest::prelude::*;
use sip_trunk::header::{self, Header, SipFrag, received_user_data, split_list};
use sip_trunk::uri::UriRef;

fn check<'a, H: Header<'a> + Display>(value: &'a [u8]) -> Option<String> {
    match H::parse(value) {
        Ok(view) => Some(view.to_string()),
        Err(fault) => {
            assert!(fault.at <= value.len(), "{}: {fault} of {}", H::NAME, value.len());
            None
        }
    }
}

macro_rules! every_view {
    ($value:expr; $($view:ident)*) => {$(
        if let Some(printed) = check::<header::$view>($value) {
            let name = stringify!($view);
            assert!(!printed.contains(['\r', '\n', '\0']), "{name} prints {printed:?}");
            let again = check::<header::$view>(printed.as_bytes());
            assert_eq!(again.as_deref(), Some(printed.as_str()), "{name} from {:?}", String::from_utf8_lossy($value));
        }
    )*};
}

fn read_as_everything(value: &[u8]) {
    if let Ok(uri) = UriRef::parse(value) {
        assert_eq!(UriRef::parse(uri.to_string().as_bytes()), Ok(uri));
        assert!(uri.equivalent(&uri) || uri.as_str().contains(';') || uri.as_str().contains('?'));
    }
    let _ = SipFrag::parse(value).map(|frag| frag.to_string());
    let _ = received_user_data([value], []).and(received_user_data([], [value]));
    every_view!(value;
        AlertInfo Allow AllowEvents AuthenticationInfo Authorization CallId CallInfo Contact ContentDisposition ContentId
        ContentLength ContentType CSeq Date Diversion ErrorInfo Event Expires From Geolocation GeolocationError
        GeolocationRouting HistoryInfo Identity Join MaxForwards MinExpires MinSe PAssertedIdentity PAssociatedUri Path
        PPreferredIdentity Privacy ProxyAuthenticate ProxyAuthorization ProxyRequire RAck Reason RecordRoute ReferredBy
        ReferTo RemotePartyId Replaces ReplyTo Require RetryAfter Route RSeq ServiceRoute SessionExpires SubscriptionState
        Supported TargetDialog To Unsupported UserToUser Via Warning WwwAuthenticate XUserToUser
    );
}

const SAMPLES: [&str; 20] = [
    "SIP/2.0/UDP [2001:db8::9:1]:5060;received=192.0.2.1;branch=z9hG4bKas3-111;rport",
    "\"A \\\"B\\\" C\" <sip:+12025550123;tgrp=a;trunk-context=b@h.example:5060;user=phone?x=%20>;tag=1;q=0.5;x=\"y z\"",
    "J. Rosenberg <tel:+1-202-555-0123;ext=4>",
    "4711 INVITE",
    "776656 1 INVITE",
    "a84b4c76e66710@pc33.atlanta.com",
    "1800;refresher=uac",
    "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only",
    "12@h;local-tag=a;remote-tag=b",
    "terminated;reason=noresource;retry-after=30",
    "id;critical",
    "Q.850;cause=16;text=\"Terminated\"",
    "120 (in a (long) meeting);duration=3600",
    "307 isi.edu:5060 \"Session parameter 'foo' not understood\"",
    "0054686973;encoding=hex;purpose=isdn-uui",
    "eyJ.eyJ.sig;info=<https://c.example/c.cer>;alg=ES256;ppt=\"shaken\"",
    "Sat, 13 Nov 2010 23:29:00 GMT",
    "multipart/mixed;boundary=\"a b\"",
    "Digest realm=\"r\", nonce=\"n\", opaque=\"\", stale=FALSE, algorithm=SHA-256, qop=\"auth,auth-int\"",
    "Digest username=\"b\", realm=\"r\", nonce=\"n\", uri=\"sip:h\", qop=auth, nc=0000000a, cnonce=\"c\", response=\"66\"",
];

#[test]
fn every_sample_is_read_by_some_view_and_printed_alike() {
    SAMPLES.iter().for_each(|sample| read_as_everything(sample.as_bytes()));
}

/// ES-11, ES-04: all lengths of all samples, and every octet in every place.
#[test]
fn cut_and_changed_samples_are_read_or_refused() {
    for sample in SAMPLES {
        for end in 0..sample.len() {
            read_as_everything(&sample.as_bytes()[..end]);
            for octet in [
                0, b'\r', b'\n', b'\t', b' ', b'"', b'\\', b'<', b'>', b';', b',', b'=', b'%', b'@', b':',
                0x7F, 0xFF,
            ] {
                let mut changed = sample.as_bytes().to_vec();
                changed[end] = octet;
                read_as_everything(&changed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..60)) {
        read_as_everything(&value);
    }

    #[test]
    fn pieces_of_samples_are_read_or_refused(
        pieces in prop::collection::vec((0..SAMPLES.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        glue in "[\r\n \t\"\\\\<>;,=%@:()*\u{e9}\u{202e}]{0,3}",
    ) {
        let cut = |(n, from, to): &(usize, prop::sample::Index, prop::sample::Index)| {
            let sample = SAMPLES[*n];
            let (a, b) = (from.index(sample.len() + 1), to.index(sample.len() + 1));
            sample[a.min(b)..a.max(b)].to_owned()
        };
        let value = pieces.iter().map(cut).collect::<Vec<_>>().join(&glue);
        for element in split_list(value.as_bytes()) {
            read_as_everything(element);
        }
        read_as_everything(value.as_bytes());
    }
}
