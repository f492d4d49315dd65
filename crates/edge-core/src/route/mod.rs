//! Where a call goes, step by step. It reads; it cannot place a call, so Simulate Call runs the same code.
//!
//! ```text
//!  origin ─► site ─► emergency? ─► number plans ─┬─ extension ─────► phones of a person
//!  (phone or trunk)   recognised    (numplan)    ├─ route, pattern ► trunks in order
//!                     before all                 └─ nothing ───────► refused, and why
//!  origin ─► called number ─► inbound rule, owner ─► flow, person, phone
//!  (trunk)
//! ```

mod inbound;
mod internal;
mod outbound;
mod refusal;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use numplan::{Address, Chance};
use telco_model::entity::CallFlow;
use telco_model::value::{Classification, E164, TrunkGroupId, TrunkId, UserId};

use crate::compile::{Phone, Runtime, Site, Trunk, User};

pub use refusal::Refusal;

/// Who wants to be connected.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A phone that proved itself.
    Phone(Arc<Phone>),
    /// The peer of a trunk.
    Trunk(Arc<Trunk>),
}

/// What a call needs to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Who calls.
    pub origin: &'a Origin,
    /// The dialled string: the user part of the Request-URI, or what a flow or a transfer names.
    pub dialled: &'a str,
    /// Wall time, for extensions that are not propagated yet.
    pub now: Timestamp,
}

/// Where a call goes, and why.
#[derive(Debug, Clone)]
pub struct Route {
    /// The destination in its final form; `None` when it is a person, a phone or a flow of ours.
    pub address: Option<Address>,
    /// What the number plans call it.
    pub classification: Option<Classification>,
    /// An emergency call: nothing may hold it back.
    pub emergency: bool,
    /// Who answers.
    pub target: Target,
    /// How it was decided, a sentence a step.
    pub explanation: Vec<String>,
}

/// Who answers.
#[derive(Debug, Clone)]
pub enum Target {
    /// Phones that ring together.
    Phones {
        /// Whose they are, when they are a person's.
        user: Option<Arc<User>>,
        /// The phones.
        phones: Vec<Arc<Phone>>,
    },
    /// Trunks, tried in order.
    Trunks {
        /// The trunk group, when one was chosen; else the trunks of a route.
        group: Option<TrunkGroupId>,
        /// The trunks in the order to try.
        trunks: Vec<TrunkId>,
    },
    /// A call flow.
    Flow(Arc<CallFlow>),
}

impl Route {
    /// A route that stays inside.
    pub(crate) fn internal(target: Target) -> Self {
        Self { address: None, classification: None, emergency: false, target, explanation: Vec::new() }
    }
}

impl Origin {
    /// The site whose number plans rule what is dialled.
    pub fn site<'r>(&self, runtime: &'r Runtime) -> Option<&'r Arc<Site>> {
        match self {
            Origin::Phone(phone) => runtime.site_of(phone),
            Origin::Trunk(trunk) => runtime.sites.get(&trunk.site),
        }
    }

    /// Whether user-to-user data of calls from here is passed on: where the trunk says so, and from our own phones.
    pub(crate) fn passes_user_data(&self) -> bool {
        match self {
            Origin::Phone(_) => true,
            Origin::Trunk(trunk) => trunk.settings.protocol.uui.is_some(),
        }
    }

    /// The number a call from here has of its own: that of the phone, else of its user.
    pub fn number(&self, runtime: &Runtime) -> Option<E164> {
        match self {
            Origin::Phone(phone) => {
                let users = || runtime.users.get(&phone.user?)?.numbers.first();
                phone.numbers.first().or_else(users).copied()
            }
            Origin::Trunk(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Phone(phone) => write!(f, "phone {}", phone.name),
            Origin::Trunk(trunk) => write!(f, "trunk {}", trunk.settings.name),
        }
    }
}

/// Decides where a call goes.
///
/// # Errors
/// [`Refusal`]: what to answer, and why.
pub fn decide(runtime: &Runtime, query: Query<'_>, chance: &mut Chance) -> Result<Route, Refusal> {
    match query.origin {
        Origin::Phone(_) => outbound::decide(runtime, query, chance),
        Origin::Trunk(trunk) => match inbound::decide(runtime, trunk, query) {
            // A PBX reaches the outside through us: what is no number of ours is dialled by its site's plans. A carrier must not, or
            // it calls the world at our cost. A trunk of an edge is External SIP for both (TM-017); passthrough is what a PBX has.
            Err(Refusal::UnknownNumber { .. }) if trunk.settings.protocol.pbx_passthrough => {
                outbound::decide(runtime, query, chance)
            }
            decided => decided,
        },
    }
}

/// Where a number of ours leads, whoever asks: for take back and transfer, where the host of Refer-To does not count.
///
/// # Errors
/// [`Refusal::UnknownNumber`] and its like.
pub fn decide_did(runtime: &Runtime, number: E164) -> Result<Route, Refusal> {
    inbound::by_number(runtime, number, Vec::new())
}

/// Where a dialled string goes by the plans of the origin's site, whatever the origin: for flows that transfer to a number.
///
/// # Errors
/// [`Refusal`]: nothing carries it.
pub fn dial(runtime: &Runtime, query: Query<'_>, chance: &mut Chance) -> Result<Route, Refusal> {
    outbound::decide(runtime, query, chance)
}

/// A person's phones.
///
/// # Errors
/// [`Refusal`]: there is no such person, or the person has no phone.
pub fn person(runtime: &Runtime, user: UserId) -> Result<Target, Refusal> {
    internal::person(runtime, user)
}

/// Whoever has an extension that a caller of a flow entered.
///
/// # Errors
/// [`Refusal`]: nobody has it, or the directory does not know it yet.
pub fn dial_by_extension(runtime: &Runtime, digits: &str, now: Timestamp) -> Result<Target, Refusal> {
    internal::listed_extension(runtime, digits, now)
}
