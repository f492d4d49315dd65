//! Who hears of what: events of the engine on their way to the calls they belong to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc};

use super::call::IncomingCall;
use crate::agent::{CallId, Event, TrunkAgent};
use crate::driver::Handle;
use crate::group::Considered;
use crate::msg::{Draft, HeaderName, Message, Method};
use crate::trunk::TrunkEvent;
use crate::ua::{self, Body, EndCause, Rejection, SessionId};

/// What a call hears.
#[derive(Debug)]
pub(super) enum CallNews {
    Answered { session: SessionId, message: Message },
    Failed { status: u16, message: Option<Message>, explanation: Vec<Considered> },
    Ended(EndCause),
}

/// What Allow says outside sessions.
const ALLOWED: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK";

/// The exchange between the engine's task and those of the calls.
#[derive(Debug)]
pub(super) struct Desk {
    inner: Mutex<Inner>,
    withdrawn: Notify,
}

#[derive(Debug)]
struct Inner {
    /// `None` once the trunk is closed: it keeps the driver alive.
    handle: Option<Handle<TrunkAgent>>,
    incoming: Option<mpsc::Sender<IncomingCall>>,
    expected: HashMap<CallId, Line>,
    sessions: HashMap<SessionId, Line>,
}

/// A call and what we told the other side about our media.
#[derive(Debug)]
struct Line {
    news: mpsc::Sender<CallNews>,
    description: Option<Body>,
}

impl Desk {
    pub(super) fn new(incoming: mpsc::Sender<IncomingCall>) -> Self {
        let inner = Inner {
            handle: None,
            incoming: Some(incoming),
            expected: HashMap::new(),
            sessions: HashMap::new(),
        };
        Self { inner: Mutex::new(inner), withdrawn: Notify::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, handle: Handle<TrunkAgent>) {
        self.inner().handle = Some(handle);
    }

    /// No more calls are taken, and the driver may end.
    pub(super) fn close(&self) {
        let mut inner = self.inner();
        (inner.handle, inner.incoming) = (None, None);
    }

    /// Ends all calls, those nobody has answered yet included.
    pub(super) fn hang_up(&self, agent: &mut TrunkAgent, now: Instant) {
        let mut inner = self.inner();
        let (expected, sessions) = (std::mem::take(&mut inner.expected), std::mem::take(&mut inner.sessions));
        drop(inner);
        expected.into_keys().for_each(|call| agent.withdraw(call, now));
        for session in sessions.into_keys() {
            let _ = agent.command(now, |ua| ua.hang_up(session, None, now));
        }
    }

    /// Waits for the end of a registration.
    pub(super) async fn withdrawn(&self) {
        self.withdrawn.notified().await;
    }

    pub(super) fn expect(&self, call: CallId, news: mpsc::Sender<CallNews>, description: Option<Body>) {
        self.inner().expected.insert(call, Line { news, description });
    }

    /// A call that came in is answered.
    pub(super) fn answered(&self, session: SessionId, news: mpsc::Sender<CallNews>, description: Body) {
        self.inner().sessions.insert(session, Line { news, description: Some(description) });
    }

    /// Takes an event, in the engine's task.
    pub(super) fn take(self: &Arc<Self>, event: Event, agent: &mut TrunkAgent, now: Instant) {
        match event {
            Event::Incoming { session, message, .. } => self.incoming(session, message, agent, now),
            Event::Answered { call, session, message, .. } => {
                let mut inner = self.inner();
                let line = inner.expected.remove(&call);
                match line.filter(|line| !line.news.is_closed()) {
                    Some(line) => {
                        let _ = line.news.try_send(CallNews::Answered { session, message });
                        inner.sessions.insert(session, line);
                    }
                    // Whoever placed it is gone.
                    None => drop(agent.command(now, |ua| ua.hang_up(session, None, now))),
                }
            }
            Event::Failed { call, status, message, explanation } => {
                if let Some(line) = self.inner().expected.remove(&call) {
                    let _ = line.news.try_send(CallNews::Failed { status, message, explanation });
                }
            }
            Event::Trunk(TrunkEvent::Withdrawn { .. }) => self.withdrawn.notify_one(),
            Event::Session(event) => self.session(event, agent, now),
            Event::Trying { .. }
            | Event::Progressed { .. }
            | Event::Refused { .. }
            | Event::Trunk(_)
            | Event::Moved(_) => {}
        }
    }

    fn incoming(
        self: &Arc<Self>,
        session: SessionId,
        message: Message,
        agent: &mut TrunkAgent,
        now: Instant,
    ) {
        let inner = self.inner();
        let taken = match (&inner.incoming, &inner.handle) {
            (Some(incoming), Some(handle)) => {
                incoming.try_send(IncomingCall::new(session, message, handle.clone(), self.clone())).is_ok()
            }
            _ => false,
        };
        drop(inner);
        if !taken {
            let _ = agent.command(now, |ua| ua.reject(session, Rejection::new(503), now));
        }
    }

    fn session(&self, event: ua::Event, agent: &mut TrunkAgent, now: Instant) {
        if let ua::Event::Ended { session, cause } = event {
            if let Some(line) = self.inner().sessions.remove(&session) {
                let _ = line.news.try_send(CallNews::Ended(cause));
            }
        } else if let ua::Event::Offered { session, .. } = event {
            // Media does not change hands here: what was agreed on stays.
            let body = self.inner().sessions.get(&session).and_then(|line| line.description.clone());
            let _ = agent.command(now, |ua| ua.answer_offer(session, body, Vec::new(), now));
        } else if let ua::Event::Request { transaction, message, .. } = event {
            let answer = outside(&message);
            agent.command(now, |ua| ua.respond(transaction, answer, now));
        } else if let ua::Event::InDialog { transaction, message, .. } = event {
            let answer = inside(&message);
            agent.command(now, |ua| ua.respond(transaction, answer, now));
        } else if let ua::Event::Referred { session, refer, .. } = event {
            let _ = agent.command(now, |ua| ua.refuse_refer(session, refer, 603, now));
        } else if let ua::Event::Subscribed { subscription, .. } = event {
            let _ = agent.command(now, |ua| ua.refuse_subscription(subscription, 489, Vec::new(), now));
        }
    }
}

/// The answer to a request inside a call: INFO (RFC 6086 §4.2.2) and OPTIONS do no harm, nothing else is served.
fn inside(request: &Message) -> Draft {
    let status = if matches!(request.method(), Some(Method::Info | Method::Options)) { 200 } else { 405 };
    Draft::reply_to(request, status, "").header(HeaderName::Allow, ALLOWED)
}

/// The answer to a request outside calls: OPTIONS shows that we live (RFC 3261 §11), nothing else is served.
fn outside(request: &Message) -> Draft {
    let status = if request.method() == Some(Method::Options) { 200 } else { 405 };
    Draft::reply_to(request, status, "outside").header(HeaderName::Allow, ALLOWED)
}
