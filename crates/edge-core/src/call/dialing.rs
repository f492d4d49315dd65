//! Looking for somebody: branches that are called at once, of which the first to answer wins.

use std::collections::VecDeque;

use sip_trunk::group::Hunt;
use sip_trunk::ua::{ReferId, SessionId};
use telco_model::value::{EdgeId, TrunkId};

use crate::cdr::TransferKind;
use crate::group::Taker;
use crate::media::MediaLeg;

/// What is being tried for the caller.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) branches: Vec<Branch>,
    /// Edges of the group to try when nobody took the call here.
    pub(crate) detours: VecDeque<Detour>,
    /// The best refusal so far (RFC 3261 §16.7 step 6).
    pub(crate) refusal: Option<u16>,
    pub(crate) purpose: Purpose,
    /// An emergency number is called.
    pub(crate) emergency: bool,
    /// Somebody is still to be called: the search goes on however those fare who are.
    pub(crate) placing: bool,
}

/// A way around by another edge of the group.
#[derive(Debug, Clone)]
pub(crate) struct Detour {
    pub(crate) edge: EdgeId,
    pub(crate) to: Taker,
    pub(crate) dialled: String,
}

/// One of the called.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) leg: MediaLeg,
    pub(crate) way: Way,
}

/// How a branch is called.
#[derive(Debug)]
pub(crate) enum Way {
    /// One contact of a phone.
    Contact,
    /// Trunk after trunk.
    Trunks(Box<Hunt>),
}

/// What the caller is dialled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The caller's own call.
    Call,
    /// A transfer somebody asked for with REFER.
    Transfer {
        /// How it is written down.
        kind: TransferKind,
        /// Who asked, to be told how it goes.
        session: SessionId,
        /// Which of its REFERs.
        refer: ReferId,
    },
    /// A step of a flow or of the program.
    Step,
}

impl Dialing {
    /// A search that has called nobody yet.
    pub(crate) fn new(purpose: Purpose, emergency: bool) -> Self {
        Self {
            branches: Vec::new(),
            detours: VecDeque::new(),
            refusal: None,
            purpose,
            emergency,
            placing: true,
        }
    }

    /// An edge may be tried with one more of its trunks.
    pub(crate) fn detour(&mut self, edge: EdgeId, trunk: TrunkId, dialled: &str) {
        let known = self.detours.iter_mut().find_map(|detour| match &mut detour.to {
            Taker::Trunks(trunks) if detour.edge == edge => Some(trunks),
            Taker::Trunks(_) | Taker::Phone(_) => None,
        });
        match known {
            Some(trunks) => trunks.push(trunk),
            None => {
                let to = Taker::Trunks(vec![trunk]);
                self.detours.push_back(Detour { edge, to, dialled: dialled.to_owned() });
            }
        }
    }

    /// The next edge to try; `None` also when somebody has refused the call, for another way would lead to the same one.
    pub(crate) fn next_detour(&mut self) -> Option<Detour> {
        let unreached = self.refusal.is_none_or(|status| matches!(status, 408 | 480 | 500..=599));
        if unreached && self.branches.is_empty() { self.detours.pop_front() } else { None }
    }

    /// Keeps the refusal that tells the caller most.
    pub(crate) fn note_refusal(&mut self, status: u16) {
        // RFC 3261 §16.7 step 6: 6xx before all; else the lowest class, and 503 only when there is nothing better.
        let rank = |status: u16| match status {
            600.. => (0, status),
            503 => (9, status),
            _ => (status / 100, status),
        };
        self.refusal =
            Some(self.refusal.map_or(status, |best| std::cmp::min_by_key(best, status, |s| rank(*s))));
    }

    /// The searches under way.
    pub(crate) fn hunts(&self) -> impl Iterator<Item = (MediaLeg, &Hunt)> {
        self.branches.iter().filter_map(|branch| match &branch.way {
            Way::Trunks(hunt) => Some((branch.leg, &**hunt)),
            Way::Contact => None,
        })
    }

    /// The search a leg is in.
    pub(crate) fn hunt(&mut self, leg: MediaLeg) -> Option<&mut Hunt> {
        match &mut self.branches.iter_mut().find(|branch| branch.leg == leg)?.way {
            Way::Trunks(hunt) => Some(hunt),
            Way::Contact => None,
        }
    }

    /// Forgets a branch; its search, if it was one.
    pub(crate) fn remove(&mut self, leg: MediaLeg) -> Option<Box<Hunt>> {
        let place = self.branches.iter().position(|branch| branch.leg == leg)?;
        match self.branches.remove(place).way {
            Way::Trunks(hunt) => Some(hunt),
            Way::Contact => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EC-024: of several phones that refuse, the caller hears the answer that says most.
    #[test]
    fn the_best_refusal_is_kept() {
        let best = |statuses: &[u16]| {
            let mut dialing = Dialing::new(Purpose::Call, false);
            statuses.iter().for_each(|status| dialing.note_refusal(*status));
            dialing.refusal
        };
        assert_eq!(best(&[480, 486]), Some(480));
        assert_eq!(best(&[503, 486]), Some(486));
        assert_eq!(best(&[486, 603, 480]), Some(603));
        assert_eq!(best(&[500, 503]), Some(500));
        assert_eq!(best(&[]), None);
    }
}
