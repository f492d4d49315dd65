//! Virtual time, a simulated network and call ladders for testing sans-IO telephony engines.
//!
//! It is the laboratory bench of the family: engines are driven through the same four calls a socket driver
//! would use, but time is virtual and the network obeys. It is not a protocol: it imports no crate of the
//! family and never looks inside a packet except to label it.
//!
//! ```text
//!              +--------- Sim -------------------------------------------+
//!   Node  <----| handle_input   <- arrivals <- SimNet: latency, jitter,   |
//!  (your       | handle_timeout <- Clock                loss, duplicates, |
//!   engine) -->| poll_output    -> sent     -> SimNet   reordering, cuts  |
//!              | next_timeout   -> Clock        |                         |
//!              +--------------------------------|-------------------------+
//!                                               +--> Trace -> ASCII ladder -> committed file
//! ```
//!
//! One starting value decides everything that is left to chance: the same value gives the same ladder.
//!
//! ```
//! use std::{collections::VecDeque, net::SocketAddr, time::{Duration, Instant}};
//! use telco_testkit::{Arrival, Departure, Event, Node, Sim};
//!
//! struct Echo { at: SocketAddr, out: VecDeque<Departure> }
//! impl Node for Echo {
//!     fn name(&self) -> &str { "echo" }
//!     fn addresses(&self) -> Vec<SocketAddr> { vec![self.at] }
//!     fn handle_input(&mut self, arrival: Arrival, _now: Instant) {
//!         if let Event::Datagram(body) = arrival.event {
//!             self.out.push_back(Departure::Datagram { from: self.at, to: arrival.from, body });
//!         }
//!     }
//!     fn handle_timeout(&mut self, _now: Instant) {}
//!     fn poll_output(&mut self) -> Option<Departure> { self.out.pop_front() }
//!     fn next_timeout(&self) -> Option<Instant> { None }
//! }
//!
//! let (here, there) = ("192.0.2.1:9".parse()?, "192.0.2.2:7".parse()?);
//! let mut echo = Echo { at: there, out: VecDeque::new() };
//! let mut sim = Sim::new(1);
//! sim.send(here, there, b"hello".to_vec());
//! sim.run_until_idle(&mut [&mut echo], Duration::from_secs(1));
//! assert_eq!(sim.net.stats().sent, 2);
//! assert_eq!(sim.ladder().matches(" hello ").count(), 2);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! Beside the laboratory stand real peers: [`peer`] starts Kamailio, SIPp and baresip on loopback for tests named `interop_*`.
//!
//! No features.

mod check;
mod clock;
pub mod label;
mod ladder;
mod link;
mod net;
mod node;
pub mod peer;
mod queue;
mod sim;
mod trace;

pub use check::{check_all, check_ladder, shared_data};
pub use clock::Clock;
pub use expect_test::{ExpectFile, expect, expect_file};
pub use link::{Link, Stats};
pub use net::{Fate, SimNet};
pub use node::{Arrival, Conn, Departure, Event, Node, Payload};
pub use sim::{Ended, Sim};
pub use trace::{Entry, Trace};
