//! Sessions: what an INVITE opens, changes and ends (RFC 3261 §13 to §15, RFC 3262, RFC 3311, RFC 4028, RFC 6141).
//!
//! ```text
//!  caller   Inviting ──18x──► Early ──2xx──► Accepted ──ACK sent──► Confirmed ──BYE──► Terminated
//!               │               │               (only while the ACK waits for our answer to a late offer)
//!               └── 3xx…6xx ────┴── CANCEL ──► Terminated, which lingers for what is still on its way
//!  callee   Inviting ──18x──► Early ──2xx──► Accepted ──ACK arrives──► Confirmed ──BYE──► Terminated
//! ```
//!
//! | file | concern |
//! |---|---|
//! | `caller`, `callee` | the INVITE that opens the session, from either side |
//! | `fork` | the dialogs of one INVITE |
//! | `negotiation` | who may offer when |
//! | `provisional` | reliable provisional answers and PRACK |
//! | `modify`, `modified` | our re-INVITE and UPDATE, the peer's |
//! | `timer` | session timers |
//! | `refer` | transfers and their implicit subscription |
//! | `end` | BYE, races around it, and lingering |

mod backoff;
mod callee;
mod caller;
mod end;
mod fork;
mod modified;
mod modify;
mod negotiation;
mod provisional;
mod refer;
mod requests;
mod timer;

use std::net::IpAddr;
use std::time::Instant;

use smallvec::SmallVec;

use crate::Deadline;
use crate::dialog::Dialog;
use crate::endpoint::ContactSpec;
use crate::header::{Allow, Supported};
use crate::msg::{HeaderName, Message, Method};
use crate::store::Slot;
use crate::transaction::ServerId;
use crate::ua::credentials::CredentialsId;
use crate::ua::table::Entry;
use crate::ua::{Body, SessionTimer};
use callee::{Called, Unacknowledged};
use caller::{Acknowledgement, Calling};
use end::Ending;
use fork::Fork;
use modified::Asked;
use modify::Modification;
use refer::ReferUsage;
use timer::Expiry;

pub(crate) use callee::Unacceptable;
pub use negotiation::{Negotiation, OfferBy};

/// A session: one INVITE sent or received, with all its forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) Slot);

/// Which side sent the INVITE that opened the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We did.
    Caller,
    /// The peer did.
    Callee,
}

/// How far a session has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The INVITE was sent or received, nothing that opens a dialog was answered.
    Inviting,
    /// A provisional answer opened a dialog.
    Early,
    /// The 2xx was sent or received, its ACK was not.
    Accepted,
    /// Acknowledged.
    Confirmed,
    /// Over; it lingers for messages that are still on their way.
    Terminated,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    role: Role,
    state: State,
    call_id: Box<str>,
    local_tag: Box<str>,
    /// The dialogs of the INVITE: one for a callee, one per fork for a caller until one of them is confirmed.
    forks: SmallVec<[Fork; 1]>,
    /// Which of them spoke last.
    current: usize,
    contact: ContactSpec,
    peer: Peer,
    /// In-dialog requests go back the way the dialog came into being.
    affinity: bool,
    calling: Option<Box<Calling>>,
    called: Option<Box<Called>>,
    /// CSeq and RSeq of a reliable provisional answer whose PRACK our 2xx has overtaken.
    late_prack: Option<(u32, u32)>,
    unacknowledged: Vec<Unacknowledged>,
    acknowledgements: Vec<Acknowledgement>,
    modification: Option<Box<Modification>>,
    asked: Option<Box<Asked>>,
    timer: SessionTimer,
    expiry: Option<Expiry>,
    /// Our last description, for refreshes by re-INVITE of a peer that knows no UPDATE.
    described: Option<Box<Body>>,
    refers: Vec<ReferUsage>,
    credentials: Option<CredentialsId>,
    ending: Ending,
    /// Requests of ours without final answer.
    waiting: u32,
    /// The peer has answered our INVITE with something, be it 100.
    heard: bool,
    /// The user has heard of the end.
    told: bool,
    /// Its entry in the agent's queue of deadlines.
    armed: Option<Instant>,
    /// Its entry in the agent's index of INVITEs that wait for an answer.
    pub(crate) indexed: Option<ServerId>,
    /// The agent counts it among the living.
    pub(crate) counted: bool,
}

/// What is known about the abilities of the peer.
#[derive(Debug, Clone, Copy, Default)]
struct Peer {
    /// Allow was seen, and whether it names UPDATE.
    update: Option<bool>,
    reliable: bool,
    /// Where its first answer came from: the only address whose challenges are answered inside the dialog.
    address: Option<IpAddr>,
}

impl Peer {
    fn learn(&mut self, message: &Message) {
        if message.header(HeaderName::Allow).is_some() {
            let mut methods = message.all::<Allow<'_>>().filter_map(Result::ok);
            self.update = Some(methods.any(|allow| allow.0 == Method::Update));
        }
        self.reliable |= supports(message, "100rel");
    }
}

/// Whether a message lists an option tag as supported.
fn supports(message: &Message, tag: &str) -> bool {
    message.all::<Supported<'_>>().filter_map(Result::ok).any(|supported| supported.is(tag))
}

impl Session {
    fn new(id: SessionId, role: Role, call_id: Box<str>, local_tag: Box<str>, contact: ContactSpec) -> Self {
        Self {
            id,
            role,
            state: State::Inviting,
            call_id,
            local_tag,
            forks: SmallVec::new(),
            current: 0,
            contact,
            peer: Peer::default(),
            affinity: false,
            calling: None,
            called: None,
            late_prack: None,
            unacknowledged: Vec::new(),
            acknowledgements: Vec::new(),
            modification: None,
            asked: None,
            timer: SessionTimer::Off,
            expiry: None,
            described: None,
            refers: Vec::new(),
            credentials: None,
            ending: Ending::default(),
            waiting: 0,
            heard: false,
            told: false,
            armed: None,
            indexed: None,
            counted: true,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Who called whom.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// How far it has got.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the peer has answered our INVITE with anything, be it 100: a sign of life.
    pub fn is_heard(&self) -> bool {
        self.heard
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The dialog, once there is one. Of several early ones, the one that spoke last.
    #[must_use]
    pub fn dialog(&self) -> Option<&Dialog> {
        self.forks.get(self.current).map(|fork| &fork.dialog)
    }

    /// Every dialog of the session; several only while a forked call is early.
    pub fn dialogs(&self) -> impl Iterator<Item = &Dialog> {
        self.forks.iter().map(|fork| &fork.dialog)
    }

    /// How the exchange of descriptions stands in [`dialog`](Self::dialog).
    #[must_use]
    pub fn negotiation(&self) -> Negotiation {
        self.forks.get(self.current).map_or(Negotiation::Fresh, |fork| fork.negotiation)
    }

    /// Whether the peer is known to take UPDATE; `None` while it has not said.
    #[must_use]
    pub fn peer_takes_update(&self) -> Option<bool> {
        self.peer.update
    }

    /// The agreed session interval in seconds, and whether we refresh (RFC 4028).
    #[must_use]
    pub fn session_interval(&self) -> Option<(u32, bool)> {
        self.expiry.map(|expiry| (expiry.interval, expiry.ours))
    }

    /// Whether the user still counts it.
    pub(crate) fn is_alive(&self) -> bool {
        !self.told
    }

    fn fork(&mut self) -> Option<&mut Fork> {
        self.forks.get_mut(self.current)
    }

    /// The dialog of a message of the peer, by the tag in its From (requests) or To (answers).
    fn fork_tagged(&mut self, remote_tag: &str) -> Option<usize> {
        self.forks.iter().position(|fork| fork.dialog.remote_tag() == remote_tag)
    }
}

impl Entry for Session {
    fn key(&self) -> (&str, &str) {
        (&self.call_id, &self.local_tag)
    }

    fn next_timeout(&self) -> Option<Deadline> {
        let calling = self.calling.iter().filter_map(|calling| calling.deadline());
        let called = self.called.iter().filter_map(|called| called.deadline());
        let unacknowledged = self.unacknowledged.iter().map(|answer| Deadline {
            at: answer.backoff.deadline(),
            why: "repeat a 2xx until its ACK arrives",
        });
        let modification = self.modification.iter().filter_map(|modification| modification.deadline());
        let asked = self.asked.iter().filter_map(|asked| asked.deadline());
        let expiry = self.expiry.iter().filter(|_| self.state == State::Confirmed).map(Expiry::timeout);
        let refers = self.refers.iter().map(ReferUsage::deadline);
        let acknowledgements = self
            .acknowledgements
            .iter()
            .map(|known| Deadline { at: known.forget, why: "repeats of a 2xx have died out" });
        calling
            .chain(called)
            .chain(unacknowledged)
            .chain(modification)
            .chain(asked)
            .chain(expiry)
            .chain(refers)
            .chain(acknowledgements)
            .min_by_key(|deadline| deadline.at)
    }

    fn armed(&mut self) -> &mut Option<Instant> {
        &mut self.armed
    }

    fn is_done(&self) -> bool {
        self.state == State::Terminated
            && self.told
            && self.waiting == 0
            && self.calling.is_none()
            && self.unacknowledged.is_empty()
            && self.refers.is_empty()
            && !self.ending.is_wanted()
            && self.acknowledgements.is_empty()
    }
}
