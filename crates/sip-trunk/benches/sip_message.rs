//! One INVITE of 1,333 bytes through this crate, rsip and rsipstack, in one run:
//! `cargo bench --manifest-path crates/sip-trunk/benches/Cargo.toml`.
//!
//! What each row does: `parse` reads the message; `typed` adds the top Via, From, To, CSeq, Call-ID, Contact, Record-Route
//! and Max-Forwards; `forward` adds a Via, takes one from Max-Forwards and serialises. Forwarding here copies the bytes no
//! edit touched, the others print every header again: that is the difference being shown.

#![allow(missing_docs, clippy::unwrap_used)] // criterion's macros; a benchmark may panic

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const INVITE: &[u8] = include_bytes!("fixtures/invite.sip");

mod ours {
    use super::{Bytes, black_box};
    use sip_trunk::header::{CSeq, CallId, Contact, From, MaxForwards, RecordRoute, To, Via};
    use sip_trunk::msg::{Edits, Message, Scanner};

    pub(super) fn parse(bytes: &Bytes) -> Message {
        Scanner::default().datagram(bytes.clone()).accepted().unwrap()
    }

    pub(super) fn typed(message: &Message) {
        black_box(message.typed::<Via<'_>>().unwrap().unwrap());
        black_box(message.typed::<From<'_>>().unwrap().unwrap());
        black_box(message.typed::<To<'_>>().unwrap().unwrap());
        black_box(message.typed::<CSeq<'_>>().unwrap().unwrap());
        black_box(message.typed::<CallId<'_>>().unwrap().unwrap());
        black_box(message.typed::<Contact<'_>>().unwrap().unwrap());
        black_box(message.typed::<RecordRoute<'_>>().unwrap().unwrap());
        black_box(message.typed::<MaxForwards>().unwrap().unwrap());
    }

    pub(super) fn forward(message: &Message) -> Bytes {
        let mut edits = Edits::new(message);
        edits.push_via("SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK7d2f0c9b51aa").unwrap();
        edits.decrement_max_forwards().unwrap();
        edits.finish()
    }
}

macro_rules! peer {
    ($name:ident, $krate:ident $(:: $path:ident)*, $forward:expr) => {
        mod $name {
            use super::black_box;
            use $krate $(:: $path)* as sip;
            use sip::prelude::*;

            pub(super) fn parse(bytes: &[u8]) -> sip::Request {
                sip::Request::try_from(bytes).unwrap()
            }

            pub(super) fn typed(request: &sip::Request) {
                black_box(request.via_header().unwrap().typed().unwrap());
                black_box(request.from_header().unwrap().typed().unwrap());
                black_box(request.to_header().unwrap().typed().unwrap());
                black_box(request.cseq_header().unwrap().typed().unwrap());
                black_box(request.call_id_header().unwrap().value());
                black_box(request.contact_header().unwrap().typed().unwrap());
                black_box(request.record_route_header().map(|route| route.value().len()));
                black_box(request.max_forwards_header().unwrap().value().trim().parse::<u32>().unwrap());
            }

            pub(super) fn forward(mut request: sip::Request) -> Vec<u8> {
                let hops = request.max_forwards_header_mut().unwrap();
                let left = hops.value().trim().parse::<u32>().unwrap() - 1;
                hops.replace(left.to_string());
                let via = "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK7d2f0c9b51aa";
                request.headers_mut().push(sip::Header::Via(via.into()));
                $forward(sip::SipMessage::from(request))
            }
        }
    };
}

peer!(rsip_peer, rsip, Vec::<u8>::from);
peer!(rsipstack_peer, rsipstack::sip, |message: sip::SipMessage| message.to_string().into_bytes());

fn compare(criterion: &mut Criterion) {
    let shared = Bytes::from_static(INVITE);
    let mut group = criterion.benchmark_group("invite");
    group.throughput(Throughput::Bytes(INVITE.len() as u64));
    group.bench_function("parse/sip-trunk", |b| b.iter(|| ours::parse(black_box(&shared))));
    group.bench_function("parse/rsip", |b| b.iter(|| rsip_peer::parse(black_box(INVITE))));
    group.bench_function("parse/rsipstack", |b| b.iter(|| rsipstack_peer::parse(black_box(INVITE))));
    group.bench_function("typed/sip-trunk", |b| b.iter(|| ours::typed(&ours::parse(black_box(&shared)))));
    group.bench_function("typed/rsip", |b| b.iter(|| rsip_peer::typed(&rsip_peer::parse(black_box(INVITE)))));
    group.bench_function("typed/rsipstack", |b| {
        b.iter(|| rsipstack_peer::typed(&rsipstack_peer::parse(black_box(INVITE))));
    });
    group.bench_function("forward/sip-trunk", |b| {
        b.iter(|| {
            let message = ours::parse(black_box(&shared));
            ours::typed(&message);
            ours::forward(&message)
        });
    });
    group.bench_function("forward/rsip", |b| {
        b.iter(|| {
            let request = rsip_peer::parse(black_box(INVITE));
            rsip_peer::typed(&request);
            rsip_peer::forward(request)
        });
    });
    group.bench_function("forward/rsipstack", |b| {
        b.iter(|| {
            let request = rsipstack_peer::parse(black_box(INVITE));
            rsipstack_peer::typed(&request);
            rsipstack_peer::forward(request)
        });
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
