//! Calls: the only owners of call state. What happens to them is in [`edge`](crate::edge).
//!
//! ```text
//!  Call ── conversation, origin, record
//!   ├─ legs: one dialog each, with its SDP and its media ports      caller ── the leg the call is for
//!   ├─ dialing: branches that ring, the first answer wins            peer ─── who it is connected to
//!   └─ control: the flow or the program that says what comes next
//! ```

mod dialing;
mod leg;
mod table;

pub(crate) use dialing::{Branch, Detour, Dialing, Purpose, Way};
pub(crate) use leg::{Identity, Leg, Offered, Party, Prepared, Recorder, Standing};
pub use table::CallId;
pub(crate) use table::Calls;

use std::sync::Arc;
use std::time::Instant;

use crate::ConversationId;
use crate::cdr::{CallRecord, LegDirection};
use crate::clock::WallClock;
use crate::compile::Runtime;
use crate::flow::FlowRun;
use crate::guard::Ticket;
use crate::media::{MAX_LEGS, MediaId, MediaLeg, Order};
use crate::program::ProgramRun;
use crate::route::Origin;
use sip_trunk::trunk::OriginalCaller;
use sip_trunk::uri::UriRef;
use telco_model::value::{E164, EdgeId};

/// One conversation.
#[derive(Debug)]
pub(crate) struct Call {
    /// The wall clock as it was when the call began.
    pub(crate) clock: WallClock,
    /// The name of its media.
    pub(crate) media: MediaId,
    /// Whether the media threads know it.
    pub(crate) media_is_open: bool,
    pub(crate) conversation: ConversationId,
    /// Who it is of: whose plans decide, whose number is shown.
    pub(crate) origin: Origin,
    /// The edge of the group that gave us the call. It is not given on to another one.
    pub(crate) neighbour: Option<EdgeId>,
    /// The configuration it began under, and keeps.
    pub(crate) runtime: Arc<Runtime>,
    /// Every dialog, by the number of its media leg.
    pub(crate) legs: [Option<Box<Leg>>; MAX_LEGS],
    /// The leg that waits for somebody, or is connected.
    pub(crate) caller: MediaLeg,
    /// Who it is connected to.
    pub(crate) peer: Option<MediaLeg>,
    /// Who is being called for it.
    pub(crate) dialing: Option<Box<Dialing>>,
    /// Who says what comes next.
    pub(crate) control: Option<Control>,
    /// Who asked for the transfer under way, and gets the call back when it fails.
    pub(crate) transferor: Option<MediaLeg>,
    /// The number a carrier was asked to connect its caller to.
    pub(crate) releasing: Option<Box<str>>,
    /// User-to-user data, discriminator apart (RFC 7433).
    pub(crate) user_data: Option<Vec<u8>>,
    /// The latest order to play to the caller, and to gather digits from it.
    pub(crate) playing: Order,
    pub(crate) collecting: Order,
    /// How many files the configuration has had recorded of it.
    pub(crate) recordings: u32,
    /// Its places in the budgets of calls to the outside: one, or two when two calls were joined.
    pub(crate) tickets: Vec<Ticket>,
    /// How many proxies may still handle it (RFC 3261 §8.1.1.6).
    pub(crate) max_forwards: u8,
    /// Grows with the call.
    pub(crate) record: CallRecord,
    /// Everything is hung up; only the reports of the media are missing, until then.
    pub(crate) ending: Option<Instant>,
}

/// Who says what becomes of a call when a step of it is over.
#[derive(Debug)]
pub(crate) enum Control {
    /// A call flow of the configuration.
    Flow(Box<FlowRun>),
    /// The program.
    Program(Box<ProgramRun>),
}

impl Call {
    pub(crate) fn leg(&self, leg: MediaLeg) -> Option<&Leg> {
        self.legs.get(usize::from(leg.0))?.as_deref()
    }

    pub(crate) fn leg_mut(&mut self, leg: MediaLeg) -> Option<&mut Leg> {
        self.legs.get_mut(usize::from(leg.0))?.as_deref_mut()
    }

    /// The other one of the two that are connected.
    pub(crate) fn opposite(&self, leg: MediaLeg) -> Option<MediaLeg> {
        let peer = self.peer?;
        match leg {
            leg if leg == self.caller => Some(peer),
            leg if leg == peer => Some(self.caller),
            _ => None,
        }
    }

    /// The call is for this leg from now on, and of whoever that is with.
    pub(crate) fn become_caller(&mut self, leg: MediaLeg) {
        if let Some(origin) = self.leg(leg).and_then(Leg::origin) {
            self.origin = origin;
        }
        self.caller = leg;
    }

    /// Whether the called may not learn who calls (RFC 3323).
    pub(crate) fn is_restricted(&self) -> bool {
        self.leg(self.caller).is_some_and(|leg| leg.identity.restricted)
    }

    /// The caller as its trunk asserts it (RFC 3325).
    pub(crate) fn asserted(&self) -> Option<&str> {
        self.leg(self.caller)?.identity.asserted.as_deref()
    }

    /// The caller as its PBX names it.
    pub(crate) fn original(&self) -> Option<&OriginalCaller> {
        self.leg(self.caller)?.identity.original.as_deref()
    }

    /// Whether an emergency service is called or on the line.
    pub(crate) fn is_emergency(&self) -> bool {
        let is_service = |leg: MediaLeg| self.leg(leg).is_some_and(|leg| leg.emergency);
        self.dials_emergency() || is_service(self.caller) || self.peer.is_some_and(is_service)
    }

    /// Whether an emergency service is called.
    pub(crate) fn dials_emergency(&self) -> bool {
        self.dialing.as_ref().is_some_and(|dialing| dialing.emergency)
    }

    /// Whether one of the two that are connected was called by way of a trunk or of a neighbour, which costs money.
    pub(crate) fn is_outside(&self) -> bool {
        let is_outside = |leg: MediaLeg| {
            let Some(leg) = self.leg(leg) else { return false };
            let line = self.record.legs.get(leg.record);
            line.is_some_and(|line| line.direction == LegDirection::Out)
                && match leg.party {
                    Party::Trunk(_) | Party::Neighbour(_) => true,
                    Party::Phone(_) | Party::Undecided => false,
                }
        };
        is_outside(self.caller) || self.peer.is_some_and(is_outside)
    }

    /// A number no leg has.
    pub(crate) fn free_leg(&self) -> Option<MediaLeg> {
        let place = self.legs.iter().position(Option::is_none)?;
        u8::try_from(place).ok().map(MediaLeg)
    }

    /// The address of whoever the call is for, as it was on the wire.
    pub(crate) fn caller_address(&self) -> Option<&str> {
        let line = self.record.legs.get(self.leg(self.caller)?.record)?;
        Some(if line.direction == LegDirection::In { &line.from } else { &line.to })
    }

    /// The number the caller of an inbound call showed.
    pub(crate) fn caller_number(&self) -> Option<E164> {
        let uri = UriRef::parse(self.caller_address()?.as_bytes()).ok()?;
        let digits: String = uri.telephone()?.digits().collect();
        E164::from_digits(digits.trim_start_matches('+')).ok()
    }

    pub(crate) fn caller_is_answered(&self) -> bool {
        self.leg(self.caller).is_some_and(|leg| leg.standing == Standing::Answered)
    }
}
