//! The dialogs of one INVITE: each To tag that answers is one (RFC 3261 §12.1.2, §13.2.2.4).

use super::negotiation::Negotiation;
use super::{Session, State};
use crate::dialog::Dialog;
use crate::endpoint::Source;
use crate::msg::Method;
use crate::ua::wire::{Template, Wire};

/// One dialog of a session, with what belongs to it alone.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) dialog: Dialog,
    pub(super) negotiation: Negotiation,
    /// The last reliable provisional answer of the peer in this dialog (RFC 3262 §4).
    pub(super) rseq: Option<u32>,
    /// RSeq and CSeq number of an offer in a provisional answer, to be answered in PRACK.
    pub(super) owed_prack: Option<(u32, u32)>,
}

impl Fork {
    pub(super) fn new(mut dialog: Dialog, negotiation: Negotiation, source: &Source, affinity: bool) -> Self {
        dialog.follow(source, affinity);
        Self { dialog, negotiation, rseq: None, owed_prack: None }
    }
}

impl Session {
    /// The beginning of a request in the dialog at `at`.
    pub(super) fn template(&self, at: usize, method: Method<'static>, wire: &Wire) -> Option<Template> {
        Some(wire.template(&self.forks.get(at)?.dialog, method, &self.contact))
    }

    /// Whether requests inside the session may be sent: both sides know of a dialog, and it is not over.
    pub(super) fn has_dialog(&self) -> bool {
        let known = !matches!(self.state, State::Inviting | State::Terminated);
        known && !self.forks.is_empty()
    }
}
