//! Calls of the façade.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::mpsc;

use super::desk::{CallNews, Desk};
use crate::agent::{CallId, TrunkAgent};
use crate::driver::{Handle, Unanswered};
use crate::header;
use crate::msg::Message;
use crate::ua::{Answer, Body, EndCause, Misuse, Progress, Rejection, SessionId};
use crate::uri::UriRef;

/// Why something was not done to a call.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The call is over, or its state does not allow it.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The driver gave no answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// A call that is answered. Dropping it hangs up.
#[derive(Debug)]
pub struct Call {
    session: SessionId,
    message: Message,
    news: mpsc::Receiver<CallNews>,
    handle: Handle<TrunkAgent>,
    is_over: bool,
}

impl Call {
    pub(super) fn new(
        session: SessionId,
        message: Message,
        news: mpsc::Receiver<CallNews>,
        handle: Handle<TrunkAgent>,
    ) -> Self {
        Self { session, message, news, handle, is_over: false }
    }

    /// The peer's session description: its answer, or the offer of a call that came in.
    pub fn description(&self) -> &[u8] {
        self.message.body()
    }

    /// The message with which the call came about: the 2xx, or the INVITE of a call that came in.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The session, for [`UserAgent`](crate::ua::UserAgent) commands through the trunk's handle.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Hangs up.
    pub async fn hang_up(mut self) {
        self.is_over = true;
        let session = self.session;
        // When the peer was faster there is nothing left to do.
        let _ =
            self.handle.call(move |agent, now| agent.command(now, |ua| ua.hang_up(session, None, now))).await;
    }

    /// Waits for the end of the call and says why; `None` when the driver has ended.
    pub async fn ended(&mut self) -> Option<EndCause> {
        loop {
            match self.news.recv().await? {
                CallNews::Ended(cause) => {
                    self.is_over = true;
                    return Some(cause);
                }
                CallNews::Answered { .. } | CallNews::Failed { .. } => {}
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_over {
            let session = self.session;
            // A driver that has ended has no calls.
            let _ = self.handle.post(move |agent, now| {
                let _ = agent.command(now, |ua| ua.hang_up(session, None, now));
            });
        }
    }
}

/// A call that came in and waits. Dropping it refuses it with 480.
#[derive(Debug)]
pub struct IncomingCall {
    session: SessionId,
    invite: Message,
    handle: Handle<TrunkAgent>,
    desk: Arc<Desk>,
    is_decided: bool,
}

impl IncomingCall {
    pub(super) fn new(
        session: SessionId,
        invite: Message,
        handle: Handle<TrunkAgent>,
        desk: Arc<Desk>,
    ) -> Self {
        Self { session, invite, handle, desk, is_decided: false }
    }

    /// The INVITE.
    pub fn invite(&self) -> &Message {
        &self.invite
    }

    /// The caller's number or user, as From says it.
    pub fn caller(&self) -> String {
        let from = self.invite.typed::<header::From<'_>>().and_then(Result::ok);
        from.and_then(|from| user_of(from.uri)).unwrap_or_default()
    }

    /// The called number or user: that of To, since the Request-URI of a registered trunk is its own contact.
    pub fn called(&self) -> String {
        let to = self.invite.typed::<header::To<'_>>().and_then(Result::ok);
        to.and_then(|to| user_of(to.uri)).unwrap_or_default()
    }

    /// The caller's offer; empty when we are to offer.
    pub fn description(&self) -> &[u8] {
        self.invite.body()
    }

    /// Says that it rings.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn ring(&self) -> Result<(), CommandError> {
        let session = self.session;
        let ring = Progress { status: 180, ..Progress::default() };
        let rung =
            self.handle.call(move |agent, now| agent.command(now, |ua| ua.progress(session, ring, now)));
        Ok(rung.await??)
    }

    /// Answers it with our session description.
    ///
    /// # Errors
    /// [`CommandError`]; the caller may have given up.
    pub async fn answer(mut self, description: Body) -> Result<Call, CommandError> {
        self.is_decided = true;
        let (sender, news) = mpsc::channel(16);
        let (session, desk) = (self.session, self.desk.clone());
        let answer = Answer { body: Some(description.clone()), ..Answer::default() };
        let answered = self.handle.call(move |agent, now| {
            agent.command(now, |ua| ua.answer(session, answer, now))?;
            desk.answered(session, sender, description);
            Ok::<(), Misuse>(())
        });
        answered.await??;
        Ok(Call::new(session, self.invite.clone(), news, self.handle.clone()))
    }

    /// Refuses it.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn reject(mut self, status: u16) -> Result<(), CommandError> {
        self.is_decided = true;
        let (session, rejection) = (self.session, Rejection::new(status));
        let done =
            self.handle.call(move |agent, now| agent.command(now, |ua| ua.reject(session, rejection, now)));
        Ok(done.await??)
    }
}

impl Drop for IncomingCall {
    fn drop(&mut self) {
        if !self.is_decided {
            let session = self.session;
            // A driver that has ended has no calls.
            let _ = self.handle.post(move |agent, now| {
                let _ = agent.command(now, |ua| ua.reject(session, Rejection::new(480), now));
            });
        }
    }
}

/// Withdraws a call whose future is dropped before it was answered.
pub(super) struct Withdrawal {
    call: CallId,
    handle: Handle<TrunkAgent>,
    armed: bool,
}

impl Withdrawal {
    pub(super) fn new(call: CallId, handle: Handle<TrunkAgent>) -> Self {
        Self { call, handle, armed: true }
    }

    /// The call is answered or has failed.
    pub(super) fn settled(mut self) {
        self.armed = false;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if self.armed {
            let call = self.call;
            // A driver that has ended has no calls.
            let _ = self.handle.post(move |agent, now| agent.withdraw(call, now));
        }
    }
}

fn user_of(uri: UriRef<'_>) -> Option<String> {
    match uri.as_sip() {
        Some(sip) => sip.user_decoded().map(|user| user.split(';').next().unwrap_or_default().to_owned()),
        None => uri.telephone().map(|telephone| telephone.number().to_owned()),
    }
}
