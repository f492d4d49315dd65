//! What one message costs: does a piece of work on one message a number of times, and prints a checksum.
//!
//! ```text
//! cargo build --release -p sip-trunk --example cost
//! valgrind --tool=callgrind target/release/examples/cost forward 100 crates/sip-trunk/benches/fixtures/invite.sip
//! ```
//!
//! The work is `scan`, `typed` (scan and the views a call needs), `forward` (scan, views, a new Via, one hop less, a new
//! Request-URI, serialise), `transaction` (a whole server transaction of an endpoint: the request taken, answered with 486, and
//! what is left of it cleared away by its timers), or `judge` (scan, check every header and write the answer, whatever the message
//! is worth).
//! `tests/budget.rs` holds each to its number of instructions.

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a program, which has a clock

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_trunk::Seed;
use sip_trunk::endpoint::{Endpoint, EndpointConfig, Event, Input, Listener, Output};
use sip_trunk::header::{CSeq, CallId, Contact, From, MaxForwards, RecordRoute, To, Via};
use sip_trunk::msg::{Draft, Edits, Element, Message, Scanner, error_reply};
use sip_trunk::transport::{SocketId, Transport};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, times, file] = &arguments[..] else {
        eprintln!("usage: cost scan|typed|forward|transaction|judge TIMES FILE");
        return ExitCode::FAILURE;
    };
    let (Ok(times), Ok(message)) = (times.parse::<u32>(), std::fs::read(file)) else {
        eprintln!("TIMES is a number, and FILE holds one SIP message");
        return ExitCode::FAILURE;
    };
    let message = Bytes::from(message);
    let shared = message.clone();
    if work == "judge" {
        let sum: usize = (0..times).map(|_| judge(std::hint::black_box(&shared))).sum();
        println!("{sum}");
        return ExitCode::SUCCESS;
    }
    if work == "transaction" {
        println!("{}", transactions(&message, times));
        return ExitCode::SUCCESS;
    }
    let work: fn(&Message) -> Option<usize> = match work.as_str() {
        "scan" => |message| Some(message.body().len()),
        "typed" => views,
        "forward" => forward,
        other => {
            eprintln!("unknown work {other}: scan, typed, forward, transaction or judge");
            return ExitCode::FAILURE;
        }
    };
    let sum: Option<usize> = (0..times)
        .map(|_| {
            let scan = Scanner::default().datagram(std::hint::black_box(&shared).clone());
            scan.message.as_ref().filter(|_| scan.diagnostics.is_acceptable()).and_then(work)
        })
        .sum();
    println!("{sum:?}");
    if sum.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The eight views routing a call looks at.
fn views(message: &Message) -> Option<usize> {
    let via = message.typed::<Via<'_>>()?.ok()?;
    let from = message.typed::<From<'_>>()?.ok()?;
    let to = message.typed::<To<'_>>()?.ok()?;
    let cseq = message.typed::<CSeq<'_>>()?.ok()?;
    let call = message.typed::<CallId<'_>>()?.ok()?;
    let contact = message.typed::<Contact<'_>>()?.ok()?;
    let route = message.typed::<RecordRoute<'_>>()?.ok()?;
    let hops = message.typed::<MaxForwards>()?.ok()?;
    let hosts = [via.port.is_some(), from.display.is_some(), to.display.is_some()]
        .into_iter()
        .filter(|seen| *seen)
        .count();
    let target = contact.address()?.uri.as_str().len() + route.uri.as_str().len();
    Some(hosts + call.as_str().len() + target + cseq.number as usize % 7 + usize::from(hops.0))
}

fn forward(message: &Message) -> Option<usize> {
    let seen = views(message)?;
    let mut edits = Edits::new(message);
    edits.push_via("SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK7d2f0c9b51aa").ok()?;
    edits.decrement_max_forwards().ok()?;
    edits.set_request_uri("sip:+12025550123@192.0.2.40:5060;user=phone").ok()?;
    Some(seen + edits.finish().len())
}

fn judge(bytes: &Bytes) -> usize {
    let scan = Scanner::default().datagram(bytes.clone()).check(&Element::default());
    let found = scan.diagnostics.iter().count();
    found + error_reply(&scan, "tag").map_or(0, |reply| reply.len())
}

/// One second apart, so that timers end most of them on the way.
fn transactions(message: &Bytes, times: u32) -> usize {
    let mut now = Instant::now();
    let remote = ([203, 0, 113, 10], 5060).into();
    let config = EndpointConfig {
        listeners: vec![Listener::new(SocketId(0), Transport::Udp, ([192, 0, 2, 1], 5060).into())],
        peers: "0.0.0.0/0".parse().into_iter().collect(),
        ..EndpointConfig::default()
    };
    let mut endpoint = Endpoint::new(config, Seed([1; 32]), now);
    let text = String::from_utf8_lossy(message);
    let mut answered = 0;
    for number in 0..times {
        let bytes = Bytes::from(text.replacen("branch=z9hG4bK", &format!("branch=z9hG4bK{number:08}"), 1));
        endpoint.handle_input(Input::Datagram { socket: SocketId(0), remote, bytes }, now);
        while let Some(output) = endpoint.poll_output() {
            if let Output::Event(Event::Request { transaction: Some(id), message, .. }) = output {
                answered += usize::from(endpoint.respond(id, Draft::reply_to(&message, 486, "a"), now));
            }
        }
        now += Duration::from_secs(1);
        while endpoint.next_timeout().is_some_and(|deadline| deadline.at <= now) {
            endpoint.handle_timeout(now);
            while endpoint.poll_output().is_some() {}
        }
    }
    answered
}
