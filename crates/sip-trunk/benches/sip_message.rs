//! One INVITE of 1,333 bytes through this crate, rsip and rsipstack, in one run:
//! `cargo bench --manifest-path crates/sip-trunk/benches/Cargo.toml --bench sip_message`.
//!
//! `parse` reads the message; `typed` parses, then reads the top Via, From, To, CSeq, Call-ID, Contact, Record-Route and
//! Max-Forwards; `forward` does both, adds a Via, takes one from Max-Forwards and serialises. Forwarding here copies the
//! bytes no edit touched, the others print every header again: that is the difference being shown.
//!
//! Instructions and allocations are counted by valgrind, as the difference between many messages and one. CPU time is that
//! of this thread, the median of batches that take turns.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a benchmark program

use std::hint::black_box;
use std::process::Command;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};

const INVITE: &[u8] = include_bytes!("fixtures/invite.sip");
const WORKS: [&str; 3] = ["parse", "typed", "forward"];
/// Each parser with its three works.
const PARSERS: [(&str, [fn(); 3]); 3] = [
    ("sip-trunk", [ours::parsed, ours::viewed, ours::forwarded]),
    ("rsip", [rsip_peer::parsed, rsip_peer::viewed, rsip_peer::forwarded]),
    ("rsipstack", [rsipstack_peer::parsed, rsipstack_peer::viewed, rsipstack_peer::forwarded]),
];
const ROUNDS: usize = 31;
const BATCH: u32 = 1_000;

mod ours {
    use super::{Bytes, INVITE, black_box};
    use sip_trunk::header::{CSeq, CallId, Contact, From, MaxForwards, RecordRoute, To, Via};
    use sip_trunk::msg::{Edits, Message, Scanner};

    fn parse() -> Message {
        Scanner::default().datagram(Bytes::from_static(black_box(INVITE))).accepted().unwrap()
    }

    fn view(message: &Message) {
        black_box(message.typed::<Via<'_>>().unwrap().unwrap());
        black_box(message.typed::<From<'_>>().unwrap().unwrap());
        black_box(message.typed::<To<'_>>().unwrap().unwrap());
        black_box(message.typed::<CSeq<'_>>().unwrap().unwrap());
        black_box(message.typed::<CallId<'_>>().unwrap().unwrap());
        black_box(message.typed::<Contact<'_>>().unwrap().unwrap());
        black_box(message.typed::<RecordRoute<'_>>().unwrap().unwrap());
        black_box(message.typed::<MaxForwards>().unwrap().unwrap());
    }

    pub(super) fn parsed() {
        black_box(parse());
    }

    pub(super) fn viewed() {
        view(&black_box(parse()));
    }

    pub(super) fn forwarded() {
        let message = parse();
        view(&message);
        let mut edits = Edits::new(&message);
        edits.push_via("SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK7d2f0c9b51aa").unwrap();
        edits.decrement_max_forwards().unwrap();
        black_box(edits.finish());
    }
}

/// rsip and rsipstack share an interface: the one began as a copy of the other.
macro_rules! peer {
    ($name:ident, $krate:ident $(:: $path:ident)*, $serialise:expr) => {
        mod $name {
            use super::{INVITE, black_box};
            use $krate $(:: $path)* as sip;
            use sip::prelude::*;

            fn parse() -> sip::Request {
                sip::Request::try_from(black_box(INVITE)).unwrap()
            }

            fn view(request: &sip::Request) {
                black_box(request.via_header().unwrap().typed().unwrap());
                black_box(request.from_header().unwrap().typed().unwrap());
                black_box(request.to_header().unwrap().typed().unwrap());
                black_box(request.cseq_header().unwrap().typed().unwrap());
                black_box(request.call_id_header().unwrap().value());
                black_box(request.contact_header().unwrap().typed().unwrap());
                black_box(request.record_route_header().unwrap().typed().unwrap());
                black_box(request.max_forwards_header().unwrap().value().trim().parse::<u32>().unwrap());
            }

            pub(super) fn parsed() {
                black_box(parse());
            }

            pub(super) fn viewed() {
                view(&black_box(parse()));
            }

            pub(super) fn forwarded() {
                let mut request = parse();
                view(&request);
                let hops = request.max_forwards_header_mut().unwrap();
                let left = hops.value().trim().parse::<u32>().unwrap() - 1;
                hops.replace(left.to_string());
                let via = "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK7d2f0c9b51aa";
                request.headers_mut().push(sip::Header::Via(via.into()));
                let serialise: fn(sip::SipMessage) -> Vec<u8> = $serialise;
                black_box(serialise(sip::SipMessage::from(request)));
            }
        }
    };
}

peer!(rsip_peer, rsip, Vec::<u8>::from);
peer!(rsipstack_peer, rsipstack::sip, |message| message.to_string().into_bytes());

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [order, parser, work, times] = &arguments[..]
        && order == "repeat"
    {
        let work = PARSERS[parser.parse::<usize>().unwrap()].1[work.parse::<usize>().unwrap()];
        return (0..times.parse::<u32>().unwrap()).for_each(|_| work());
    }
    let counted = Command::new("valgrind").arg("--version").output().is_ok();
    if !counted {
        println!("valgrind is not installed: neither instructions nor allocations are counted");
    }
    println!("| work | crate | instructions | CPU ns | allocations |\n|---|---|---|---|---|");
    for (row, work) in WORKS.iter().enumerate() {
        let times = cpu_nanoseconds(row);
        for (column, (name, _)) in PARSERS.iter().enumerate() {
            let (instructions, allocations) = match counted {
                true => (count(INSTRUCTIONS, column, row), count(ALLOCATIONS, column, row)),
                false => ("-".into(), "-".into()),
            };
            println!("| {work} | {name} | {instructions} | {} | {allocations} |", times[column]);
        }
    }
}

/// The median cost of one work for each parser; their batches take turns, so that what else the machine does meets all.
fn cpu_nanoseconds(work: usize) -> [u64; PARSERS.len()] {
    let mut rounds = [[0; PARSERS.len()]; ROUNDS];
    for round in &mut rounds {
        for (spent, (_, works)) in round.iter_mut().zip(PARSERS) {
            let before = thread_nanoseconds();
            (0..BATCH).for_each(|_| works[work]());
            *spent = (thread_nanoseconds() - before) / u64::from(BATCH);
        }
    }
    std::array::from_fn(|parser| {
        let mut spent = rounds.map(|round| round[parser]);
        spent.sort_unstable();
        spent[ROUNDS / 2]
    })
}

fn thread_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}

/// A valgrind tool, and the words in front of and behind the total it reports.
type Counter = (&'static str, &'static str, &'static str);
const INSTRUCTIONS: Counter = ("callgrind", "Collected : ", "");
const ALLOCATIONS: Counter = ("memcheck", "total heap usage: ", " allocs");

/// What one message costs more, this program being run under valgrind.
fn count(counter: Counter, parser: usize, work: usize) -> String {
    const MORE: u64 = 200;
    let total = |times: u64| {
        let (tool, before, behind) = counter;
        let output = Command::new("valgrind")
            .arg(format!("--tool={tool}"))
            .args(if tool == "callgrind" { &["--callgrind-out-file=/dev/null"][..] } else { &[] })
            .arg(std::env::current_exe().unwrap())
            .args(["repeat", &parser.to_string(), &work.to_string(), &times.to_string()])
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{report}");
        let (_, rest) = report.split_once(before).unwrap_or_else(|| panic!("{report}"));
        let figure = if behind.is_empty() { rest.lines().next() } else { rest.split(behind).next() };
        figure.unwrap().trim().replace(',', "").parse::<u64>().unwrap()
    };
    ((total(1 + MORE) - total(1)) / MORE).to_string()
}
