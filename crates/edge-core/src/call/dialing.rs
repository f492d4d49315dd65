//! Looking for somebody: branches that are called at once, of which the first to answer wins.

use sip_trunk::group::Hunt;
use sip_trunk::ua::{ReferId, SessionId};

use crate::cdr::TransferKind;
use crate::media::MediaLeg;

/// What is being tried for the caller.
#[derive(Debug)]
pub(crate) struct Dialing {
    pub(crate) branches: Vec<Branch>,
    /// The best refusal so far (RFC 3261 §16.7 step 6).
    pub(crate) refusal: Option<u16>,
    pub(crate) purpose: Purpose,
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
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self { branches: Vec::new(), refusal: None, purpose }
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
            let mut dialing = Dialing::new(Purpose::Call);
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
