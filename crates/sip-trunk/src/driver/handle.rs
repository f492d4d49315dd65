//! From the rest of the program to the engine.

use std::fmt;
use std::time::Instant;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// What is done to the engine in its task.
pub(super) enum Command<E> {
    Run(Run<E>),
    Stop,
}

type Run<E> = Box<dyn FnOnce(&mut E, Instant) + Send>;

/// Reaches an engine from other tasks and threads. The driver ends when the last handle is dropped.
pub struct Handle<E>(mpsc::Sender<Command<E>>);

impl<E> Clone for Handle<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for Handle<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// The driver has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the driver has ended")]
pub struct Stopped;

/// Why a command gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unanswered {
    /// The driver has ended.
    #[error("the driver has ended")]
    Stopped,
    /// The command has panicked. The driver goes on; its log has the reason.
    #[error("the command failed by a fault of the program; the log has the reason")]
    Panicked,
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PostError {
    /// Too many commands wait already.
    #[error("too many commands wait for the engine")]
    Full,
    /// The driver has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

pub(super) fn channel<E>(capacity: usize) -> (Handle<E>, mpsc::Receiver<Command<E>>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Handle(sender), receiver)
}

impl<E: 'static> Handle<E> {
    /// Calls `command` with the engine and the time, and gives what it gives.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn call<R: Send + 'static>(
        &self,
        command: impl FnOnce(&mut E, Instant) -> R + Send + 'static,
    ) -> Result<R, Unanswered> {
        let (sender, receiver) = oneshot::channel();
        let run = move |engine: &mut E, now| {
            let _ = sender.send(command(engine, now));
        };
        self.0.send(Command::Run(Box::new(run))).await.map_err(|_| Unanswered::Stopped)?;
        // A driver that ends takes no more commands before it drops those it has.
        receiver.await.map_err(|_| if self.has_ended() { Unanswered::Stopped } else { Unanswered::Panicked })
    }

    /// Has `command` called soon, without waiting: also from threads that run no tasks, such as media threads.
    ///
    /// # Errors
    /// [`PostError`]; the command will not be called.
    pub fn post(&self, command: impl FnOnce(&mut E, Instant) + Send + 'static) -> Result<(), PostError> {
        self.0.try_send(Command::Run(Box::new(command))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PostError::Full,
            mpsc::error::TrySendError::Closed(_) => Stopped.into(),
        })
    }

    /// Whether the driver has ended: commands are taken no more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }

    /// Ends the driver once the commands before this one are done.
    pub async fn stop(&self) {
        let _ = self.0.send(Command::Stop).await;
    }
}
