//! Which session an INVITE with Replaces is to take the place of (RFC 3891 §3).

use super::table::Sessions;
use crate::header::Replaces;
use crate::msg::{HeaderName, Message};
use crate::session::{Role, SessionId, State};

/// The session named, or the status of the refusal that is due. Whether the caller may replace it is the user's decision.
pub(super) fn replaced(invite: &Message, sessions: &Sessions) -> Result<Option<SessionId>, u16> {
    let mut all = invite.all::<Replaces<'_>>();
    let Some(first) = all.next() else { return Ok(None) };
    // RFC 3891 §3: one Replaces, and no Join beside it.
    if all.next().is_some() || invite.header(HeaderName::Join).is_some() {
        return Err(400);
    }
    let wanted = first.map_err(|_| 400_u16)?;
    let session =
        sessions.find(wanted.call_id, wanted.to_tag).and_then(|id| sessions.get(id)).ok_or(481_u16)?;
    let mut dialogs = session.dialogs();
    if !dialogs.any(|dialog| dialog.remote_tag() == wanted.from_tag) {
        return Err(481);
    }
    match session.state() {
        _ if !session.is_alive() => Err(603),
        // RFC 3891 §3: an early dialog can be replaced only where this side began it.
        State::Inviting | State::Early if session.role() == Role::Callee => Err(481),
        State::Accepted | State::Confirmed if wanted.early_only => Err(486),
        State::Inviting | State::Early | State::Accepted | State::Confirmed => Ok(Some(session.id())),
        State::Terminated => Err(603),
    }
}
