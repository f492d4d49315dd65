//! How often a message takes memory from the allocator (DESIGN: 0 to scan and look, 1 to forward).

#![allow(clippy::unwrap_used)] // helpers of tests

use std::hint::black_box;

use allocation_counter::measure;
use bytes::Bytes;
use sip_trunk::header::{CSeq, CallId, Contact, From, MaxForwards, RecordRoute, To, Via};
use sip_trunk::msg::{Edits, Message, Scanner};

const INVITE: &[u8] = include_bytes!("../benches/fixtures/invite.sip");

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

fn scan(bytes: &Bytes) -> Message {
    Scanner::default().datagram(bytes.clone()).accepted().unwrap()
}

fn views(message: &Message) {
    black_box(message.typed::<Via<'_>>().unwrap().unwrap());
    black_box(message.typed::<From<'_>>().unwrap().unwrap());
    black_box(message.typed::<To<'_>>().unwrap().unwrap());
    black_box(message.typed::<CSeq<'_>>().unwrap().unwrap());
    black_box(message.typed::<CallId<'_>>().unwrap().unwrap());
    black_box(message.typed::<Contact<'_>>().unwrap().unwrap());
    black_box(message.typed::<RecordRoute<'_>>().unwrap().unwrap());
    black_box(message.typed::<MaxForwards>().unwrap().unwrap());
    assert_eq!(message.all::<Via<'_>>().count(), 2);
}

/// The message the budgets are stated for.
#[test]
fn an_invite_is_scanned_and_read_without_allocating_and_forwarded_with_one() {
    let bytes = Bytes::from_static(INVITE);
    assert_eq!(bytes.len(), 1_333);
    assert_eq!(allocations(|| drop(black_box(scan(&bytes)))), 0);
    assert_eq!(allocations(|| views(&scan(&bytes))), 0);
    let forward = || {
        let message = scan(&bytes);
        views(&message);
        let mut edits = Edits::new(&message);
        edits.push_via("SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK7d2f0c9b51aa").unwrap();
        edits.decrement_max_forwards().unwrap();
        edits.set_request_uri("sip:+12025550123@192.0.2.40:5060;user=phone").unwrap();
        edits.prepend("Record-Route", "<sip:192.0.2.20;lr>").unwrap();
        edits.ensure_content_length();
        black_box(edits.finish());
    };
    assert_eq!(allocations(forward), 1);
}

#[test]
fn sixty_four_headers_stay_on_the_stack() {
    let text =
        |headers: usize| format!("OPTIONS sip:a SIP/2.0\r\n{}\r\n", "Via: SIP/2.0/UDP a\r\n".repeat(headers));
    let cost = |headers: usize| {
        let bytes = Bytes::from(text(headers).into_bytes().leak() as &[u8]);
        allocations(|| drop(black_box(Scanner::default().datagram(bytes))))
    };
    assert_eq!(cost(64), 0);
    assert_eq!(cost(65), 1);
}

/// A message that is refused must not cost more memory than one that is served.
#[test]
fn a_refused_message_allocates_for_its_findings_only() {
    let hostile =
        Bytes::from_static(b"INVITE sip:a SIP/2.0\r\nVia: \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n");
    assert!(allocations(|| drop(black_box(Scanner::default().datagram(hostile)))) <= 6);
}
