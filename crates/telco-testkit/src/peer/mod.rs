//! Real programs as peers of tests: started on loopback, on ports of their own, waited for, and ended with the test.
//!
//! ```text
//!  test ──► Kamailio::carrier(..)   a registrar and proxy with digest
//!       ──► Sipp::answer(..)        a called or calling user agent from a scenario
//!       ──► Baresip::phone(..)      a phone with audio from and to files
//!            every one a Program: its output in a log that is printed when the test fails
//! ```
//!
//! A test that finds a program missing says so with [`installed`] and passes: `ci/test.sh` installs them.

#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

mod baresip;
mod kamailio;
mod program;
mod sipp;

pub use baresip::{Baresip, Phone};
pub use kamailio::{Carrier, Kamailio, Tls};
pub use program::{Program, Scratch, free_ports, installed};
pub use sipp::{Scenario, Sipp, SippRun};
