//! From the engine to its user.

use std::collections::VecDeque;
use std::time::Instant;

use tokio::sync::mpsc;

/// The events of an engine, in order. While nobody takes them the driver stops reading from the network; when this is
/// dropped, they are dropped too.
#[derive(Debug)]
pub struct Events<V>(mpsc::Receiver<V>);

impl<V> Events<V> {
    /// The next event; `None` when the driver has ended.
    pub async fn recv(&mut self) -> Option<V> {
        self.0.recv().await
    }

    /// An event that is there already.
    pub fn try_recv(&mut self) -> Option<V> {
        self.0.try_recv().ok()
    }
}

/// A function called for each event, with the engine at hand.
pub(super) type Handler<E, V> = Box<dyn FnMut(V, &mut E, Instant) + Send>;

/// Where events go.
pub(super) enum Deliver<E: crate::Engine> {
    Channel { sender: mpsc::Sender<E::Event>, waiting: VecDeque<E::Event> },
    Handler(Handler<E, E::Event>),
}

pub(super) fn channel<E: crate::Engine>(capacity: usize) -> (Deliver<E>, Events<E::Event>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Deliver::Channel { sender, waiting: VecDeque::new() }, Events(receiver))
}

impl<E: crate::Engine> Deliver<E> {
    pub(super) fn deliver(&mut self, event: E::Event, engine: &mut E, now: Instant) {
        match self {
            Self::Handler(handler) => handler(event, engine, now),
            Self::Channel { sender, waiting } if waiting.is_empty() => match sender.try_send(event) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(event)) => waiting.push_back(event),
            },
            Self::Channel { waiting, .. } => waiting.push_back(event),
        }
    }

    /// Whether the user keeps up.
    pub(super) fn has_room(&self) -> bool {
        !self.is_waiting()
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Channel { waiting, .. } if !waiting.is_empty())
    }

    /// Waits until one more event could be handed over.
    pub(super) async fn wait(&mut self) {
        let Self::Channel { sender, waiting } = self else { return };
        match sender.reserve().await {
            Ok(permit) => {
                if let Some(event) = waiting.pop_front() {
                    permit.send(event);
                }
            }
            Err(_) => waiting.clear(),
        }
    }
}
