//! What comes out is what came in, whatever came in.

#![allow(clippy::unwrap_used)] // helpers of tests

use bytes::Bytes;
use proptest::prelude::*;
use sip_trunk::frame::{Frame, Side, StreamFramer, StreamLimits};
use sip_trunk::msg::{Edits, Element, FieldName, Message, Scanner, error_reply};

/// A header line in one of its many spellings.
fn header() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("Via".to_owned()),
        Just("v".to_owned()),
        Just("vIA".to_owned()),
        Just("Route".to_owned()),
        Just("Subject".to_owned()),
        Just("s".to_owned()),
        Just("X-Mine".to_owned()),
        "[A-Za-z][A-Za-z0-9.!%*_+`'~-]{2,12}".prop_filter("known to stand alone", |name| {
            sip_trunk::msg::HeaderName::find(name.as_bytes()).is_none()
        }),
    ];
    let blank = "[ \t]{0,3}";
    let value = "([!-~\u{a1}-\u{5ff}]([ -~]{0,12}[!-~])?)?";
    let fold = prop_oneof![3 => Just(String::new()), 1 => "\r\n[ \t]{1,3}[!-~]{1,9}"];
    (name, blank, blank, value, fold, blank).prop_map(|(name, before, after, value, fold, end)| {
        format!("{name}{before}:{after}{value}{fold}{end}\r\n")
    })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        Just("INVITE sip:a@b.example;x SIP/2.0\r\n".to_owned()),
        "SIP/2\\.0 [1-6][0-9]{2} [ -~]{0,20}\r\n",
    ];
    (start, prop::collection::vec(header(), 0..90), prop::collection::vec(any::<u8>(), 0..50)).prop_map(
        |(start, headers, body)| {
            let length = format!("Content-Length: {}\r\n\r\n", body.len());
            [start.into_bytes(), headers.concat().into_bytes(), length.into_bytes(), body].concat()
        },
    )
}

/// Names and values in order, as a reader sees them.
fn shown(message: &Message) -> Vec<(String, Vec<u8>)> {
    message
        .headers()
        .map(|field| {
            let name = field.known.map_or_else(
                || String::from_utf8_lossy(field.name).to_ascii_lowercase(),
                |name| name.as_str().to_ascii_lowercase(),
            );
            (name, field.value.to_vec())
        })
        .collect()
}

#[derive(Clone, Debug)]
enum Edit {
    Remove(&'static str),
    Replace(&'static str),
    Append(&'static str),
    Prepend(&'static str),
}

fn edit() -> impl Strategy<Value = Edit> {
    let name = prop::sample::select(vec!["Via", "Route", "Subject", "X-Mine", "X-Other"]);
    (name, 0..4).prop_map(|(name, kind)| match kind {
        0 => Edit::Remove(name),
        1 => Edit::Replace(name),
        2 => Edit::Append(name),
        _ => Edit::Prepend(name),
    })
}

/// The same edit on the list of names and values.
fn apply(edit: &Edit, list: &mut Vec<(String, Vec<u8>)>) {
    let new = |name: &str| (name.to_ascii_lowercase(), b"new".to_vec());
    let first = |name: &str, list: &[(String, Vec<u8>)]| {
        list.iter().position(|(n, _)| *n == name.to_ascii_lowercase())
    };
    match edit {
        Edit::Remove(name) => list.retain(|(n, _)| *n != name.to_ascii_lowercase()),
        Edit::Replace(name) => match first(name, list) {
            Some(at) => {
                list[at] = new(name);
                let mut index = 0;
                list.retain(|(n, _)| {
                    index += 1;
                    *n != name.to_ascii_lowercase() || index - 1 == at
                });
            }
            None => list.push(new(name)),
        },
        Edit::Append(name) => list.push(new(name)),
        Edit::Prepend(name) => {
            let at = first(name, list).unwrap_or(0);
            list.insert(at, new(name));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// ES-13: print after parse is the identity, also through an empty list of edits.
    #[test]
    fn print_after_parse_is_the_identity(bytes in message()) {
        let scan = Scanner::default().datagram(Bytes::from(bytes.clone()));
        prop_assume!(scan.diagnostics.is_acceptable());
        let message = scan.message.unwrap();
        prop_assert_eq!(message.as_bytes(), &bytes[..]);
        if scan.diagnostics.is_empty() {
            prop_assert_eq!(&Edits::new(&message).finish()[..], &bytes[..]);
        }
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else(bytes in message(), edit in edit()) {
        let Ok(message) = Message::from_datagram(bytes) else { return Ok(()) };
        let mut edits = Edits::new(&message);
        match &edit {
            Edit::Remove(name) => { edits.remove(*name); }
            Edit::Replace(name) => { edits.replace(*name, "new").unwrap(); }
            Edit::Append(name) => { edits.append(*name, "new").unwrap(); }
            Edit::Prepend(name) => { edits.prepend(*name, "new").unwrap(); }
        }
        let mut expected = shown(&message);
        apply(&edit, &mut expected);
        let edited = Message::from_datagram(edits.finish()).unwrap();
        prop_assert_eq!(shown(&edited), expected);
        prop_assert_eq!(edited.body(), message.body());
        prop_assert_eq!(edited.start_line(), message.start_line());
    }

    /// Hostile bytes never panic, and what is answered is itself acceptable.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), head in any::<bool>()) {
        let bytes = if head { [&b"INVITE sip:a SIP/2.0\r\nVia: x\r\n"[..], &bytes, b"\r\n\r\n"].concat() } else { bytes };
        let scan = Scanner::default().datagram(Bytes::from(bytes)).check(&Element::default());
        if let Ok(reply) = error_reply(&scan, "t") {
            let reply = Scanner::default().datagram(reply);
            prop_assert!(reply.diagnostics.is_acceptable(), "{:?}", reply);
        }
        if let Some(message) = &scan.message {
            for field in message.headers() {
                prop_assert!(message.span_of(field.value).is_some());
                prop_assert!(message.header(FieldName::from(std::str::from_utf8(field.name).unwrap())).is_some());
            }
            let _: Bytes = Edits::new(message).finish();
        }
    }

    /// ES-06: a stream gives the same frames however it is split.
    #[test]
    fn streams_are_split_invariant(messages in prop::collection::vec(message(), 1..4), cuts in prop::collection::vec(1..200usize, 1..40)) {
        #[allow(clippy::disallowed_methods)] // one arbitrary instant
        let now = std::time::Instant::now();
        let stream = messages.concat();
        let mut framer = StreamFramer::new(Side::Acceptor, StreamLimits::default());
        let (mut rest, mut frames) = (&stream[..], Vec::new());
        for cut in cuts.iter().cycle() {
            let (chunk, tail) = rest.split_at(rest.len().min(*cut));
            framer.push(chunk, now);
            while let Some(frame) = framer.poll() {
                frames.push(frame);
            }
            if tail.is_empty() { break }
            rest = tail;
        }
        let expected: Vec<_> = messages.into_iter().map(|message| Ok(Frame::Message(Bytes::from(message)))).collect();
        prop_assert_eq!(frames, expected);
    }
}
