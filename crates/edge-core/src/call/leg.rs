//! One dialog of a call.

use std::sync::Arc;

use bytes::Bytes;
use sip_trunk::trunk::{OriginalCaller, Permit};
use sip_trunk::ua::SessionId;
use telco_model::value::{EdgeId, TrunkId};

use crate::cdr::LegParty;
use crate::compile::{Phone, Trunk};
use crate::media::{LegNegotiation, MediaAddress};
use crate::route::Origin;

/// A leg: a dialog, its SDP, its ports.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The session; while a trunk is looked for, that of the attempt under way.
    pub(crate) session: Option<SessionId>,
    pub(crate) party: Party,
    /// What the peer is as a caller.
    pub(crate) identity: Identity,
    pub(crate) standing: Standing,
    pub(crate) address: MediaAddress,
    /// What is needed while a trunk is looked for.
    pub(crate) search: Option<Box<Search>>,
    /// `None` until it is known whom it is with: trunks differ in what they are offered.
    pub(crate) negotiation: Option<LegNegotiation>,
    /// The peer's offer, until the call is answered.
    pub(crate) offered: Option<Box<Offered>>,
    /// Its place on the trunk, to be given back.
    pub(crate) permit: Option<Permit>,
    /// It leads to an emergency service.
    pub(crate) emergency: bool,
    /// Who has it recorded.
    pub(crate) recorder: Option<Recorder>,
    /// Its line in the call's record.
    pub(crate) record: usize,
}

/// What a peer is when a call is for it.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// Who is behind a neighbour.
    pub(crate) behind: Option<Origin>,
    /// The peer as its trunk asserts it (RFC 3325).
    pub(crate) asserted: Option<Box<str>>,
    /// How a PBX names its caller.
    pub(crate) original: Option<Box<OriginalCaller>>,
    /// Whether the other side may not learn who it is (RFC 3323).
    pub(crate) restricted: bool,
}

/// Who asked for a recording. A leg has one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorder {
    Configuration,
    Program,
}

/// The offer of an incoming call.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) offer: Bytes,
    /// Our answer, once it was made: the same in 183 and 200.
    pub(crate) answer: Option<Bytes>,
}

/// What a leg has ready for the trunks that may be tried.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Pairs of ports that are offered to trunks with other ranges, or were.
    pub(crate) spare: Vec<MediaAddress>,
    pub(crate) prepared: Vec<Prepared>,
}

impl Search {
    /// What was written for this trunk.
    pub(crate) fn prepared_for(&self, trunk: TrunkId) -> Option<&Prepared> {
        self.prepared.iter().find(|prepared| prepared.trunk == trunk)
    }
}

/// What was written for a trunk that may be tried.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) trunk: TrunkId,
    /// The ports that are offered to it.
    pub(crate) address: MediaAddress,
    /// The side that made its offer.
    pub(crate) side: LegNegotiation,
    /// The caller and the called as it shows them.
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Who a leg is with.
#[derive(Debug, Clone)]
pub(crate) enum Party {
    Phone(Arc<Phone>),
    Trunk(Arc<Trunk>),
    /// Another edge of the group, which has the phone or the trunk.
    Neighbour(EdgeId),
    /// A trunk is being looked for.
    Undecided,
}

/// How far a leg has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Called, or calling.
    Alerting,
    /// Media flows before the answer.
    Early,
    /// Answered.
    Answered,
}

impl Leg {
    /// Who a call is of that is for this leg.
    pub(crate) fn origin(&self) -> Option<Origin> {
        match &self.party {
            Party::Phone(phone) => Some(Origin::Phone(Arc::clone(phone))),
            Party::Trunk(trunk) => Some(Origin::Trunk(Arc::clone(trunk))),
            Party::Neighbour(_) | Party::Undecided => self.identity.behind.clone(),
        }
    }

    /// Whether it is with the same phone or trunk as another.
    pub(crate) fn is_with_whom(&self, other: &Self) -> bool {
        match (self.origin(), other.origin()) {
            (Some(Origin::Phone(this)), Some(Origin::Phone(that))) => this.id == that.id,
            (Some(Origin::Trunk(this)), Some(Origin::Trunk(that))) => this.settings.id == that.settings.id,
            (Some(Origin::Phone(_)), Some(Origin::Trunk(_)))
            | (Some(Origin::Trunk(_)), Some(Origin::Phone(_)))
            | (None, _)
            | (_, None) => false,
        }
    }

    /// Every pair of ports it has.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = MediaAddress> + '_ {
        let spare = self.search.iter().flat_map(|search| &search.spare);
        std::iter::once(self.address).chain(spare.copied())
    }

    /// Goes over to another of its pairs; whether it is another.
    pub(crate) fn move_to(&mut self, address: MediaAddress) -> bool {
        let before = std::mem::replace(&mut self.address, address);
        if before == address {
            return false;
        }
        let spare = &mut self.search.get_or_insert_default().spare;
        spare.retain(|spare| *spare != address);
        spare.push(before);
        true
    }
}

impl Party {
    pub(crate) fn of(origin: &Origin) -> Self {
        match origin {
            Origin::Phone(phone) => Self::Phone(Arc::clone(phone)),
            Origin::Trunk(trunk) => Self::Trunk(Arc::clone(trunk)),
        }
    }

    pub(crate) fn trunk(&self) -> Option<&Arc<Trunk>> {
        match self {
            Party::Trunk(trunk) => Some(trunk),
            Party::Phone(_) | Party::Neighbour(_) | Party::Undecided => None,
        }
    }

    pub(crate) fn to_record(&self) -> LegParty {
        match self {
            Party::Phone(phone) => LegParty::Phone { id: phone.id, user: phone.user },
            Party::Trunk(trunk) => {
                LegParty::Trunk { id: trunk.settings.id, name: trunk.settings.name.to_string() }
            }
            Party::Neighbour(id) => LegParty::Neighbour { id: *id },
            Party::Undecided => LegParty::Unknown,
        }
    }
}
