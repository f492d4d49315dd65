//! What the edge and its driver say to each other, beside the network.

use jiff::Timestamp;

use crate::cdr::{CallRecord, OutboxEvent, Store, StoreFault};
use crate::group;
use crate::guard::SecurityEvent;
use crate::media::{MediaCommand, MediaEvent};
use crate::program::ProgramEvent;
use crate::registrar::Event as RegistrarEvent;
use sip_trunk::trunk::TrunkEvent;

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// On a socket, or in the domain name system.
    Network(sip_trunk::endpoint::Input),
    /// In the media of a call.
    Media(MediaEvent),
    /// The lines of a [`Store`] are on disk.
    Stored(u64),
    /// They are not.
    StoreFailed(u64, StoreFault),
    /// The wall clock was looked at again.
    Clock(Timestamp),
}

/// What the edge asks for or tells.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it passes by in a queue")]
pub enum Event {
    /// For the media threads, in this order.
    Media(MediaCommand),
    /// Append these lines to the spool, and say when they are on disk.
    Store(Store),
    /// The spool fares badly, or well again.
    Records(OutboxEvent),
    /// A conversation is over; its record is on its way to the disk.
    CallEnded(Box<CallRecord>),
    /// A phone came or went.
    Registrar(RegistrarEvent),
    /// A trunk's health or registration changed.
    Trunk(TrunkEvent),
    /// For the program that calls are offered to, in this order.
    Program(ProgramEvent),
    /// A neighbour came or went, draining has come to an end, or its time is over.
    Group(group::Output),
    /// Something a security log wants.
    Security(SecurityEvent),
}

/// What an edge is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Conversations alive.
    pub calls: usize,
    /// It takes no new calls.
    pub draining: bool,
    /// Contacts registered.
    pub contacts: usize,
    /// Call records not on disk yet.
    pub records_waiting: usize,
    /// Pairs of media ports free, resting and in use.
    pub ports: (usize, usize, usize),
    /// Panics in signalling that cost a message or a call, and no more. Each is a line in the log, and our bug.
    pub faults: u64,
}
