//! An edge whose calls are told by a program what to do: a task for each.

use std::collections::HashMap;
use std::sync::Arc;

use sip_trunk::driver::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::call::{Call, CallError};
use super::run::{Running, Settings, StartError, launch};
use crate::edge::{Edge, Event};
use crate::program::{CallId, Command, ProgramEvent};

/// What becomes of a call, from its offer to its end. A closure is one:
///
/// ```
/// use edge_core::driver::{Call, CallFlow};
/// use edge_core::media::Collection;
///
/// let menu = |mut call: Call| async move {
///     call.answer().await?;
///     let choice = call.collect("menu.wav", Collection { most: 1, ..Collection::default() }).await?;
///     match choice.digits.as_str() {
///         "1" => drop(call.transfer("4101").await?),
///         _ => drop(call.play("goodbye.wav").await?),
///     }
///     Ok(())
/// };
/// # fn takes(_: impl CallFlow) {}
/// # takes(menu);
/// ```
pub trait CallFlow: Send + Sync + 'static {
    /// Takes a call. When it returns, or panics, the call is hung up unless the caller was transferred.
    fn run(&self, call: Call) -> impl Future<Output = Result<(), CallError>> + Send;
}

impl<F, R> CallFlow for F
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), CallError>> + Send,
{
    fn run(&self, call: Call) -> impl Future<Output = Result<(), CallError>> + Send {
        self(call)
    }
}

/// Programs alive at once. One more call is refused with 503, whatever the edge could carry.
const PROGRAMS: usize = 20_000;

/// Starts an edge that hands its calls to a program. Which ones is
/// [`ProgramConfig::calls`](crate::program::ProgramConfig::calls); where that says none, all but emergency calls.
///
/// Every call runs in a task of its own. One that panics ends its call and no other.
///
/// ```no_run
/// # async fn example(runtime: edge_core::compile::Runtime) -> Result<(), Box<dyn std::error::Error>> {
/// use edge_core::driver::{Call, Settings, serve};
///
/// let settings = Settings::new(runtime, "192.0.2.1:5060".parse()?, "/var/lib/edge");
/// let (edge, mut events) = serve(settings, |mut call: Call| async move {
///     call.answer().await?;
///     call.play("welcome.wav").await?;
///     call.transfer("4101").await?;
///     Ok(())
/// })?;
/// while let Some(event) = events.recv().await {
///     println!("{event:?}");
/// }
/// edge.stop().await;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`StartError`]. Must be called inside a tokio runtime.
pub fn serve(
    settings: Settings,
    flow: impl CallFlow,
) -> Result<(Running, mpsc::Receiver<Event>), StartError> {
    // The edge has fewer calls than it has room for, and few events of each are under way.
    let (news, queue) = mpsc::unbounded_channel();
    let (mut running, events) = launch(settings, Some(news))?;
    let edge = running.handle().clone();
    running.spawn(attend(queue, edge, Arc::new(flow)));
    Ok((running, events))
}

/// Starts a program for every call that is offered, and brings it what it is told.
async fn attend(
    mut queue: mpsc::UnboundedReceiver<ProgramEvent>,
    edge: Handle<Edge>,
    flow: Arc<impl CallFlow>,
) {
    let mut desk = Desk::default();
    loop {
        tokio::select! {
            event = queue.recv() => match event {
                Some(ProgramEvent::Offered(offer)) if desk.programs.len() >= PROGRAMS => {
                    let call = offer.call;
                    let refuse = move |edge: &mut Edge, now| _ = edge.command(call, Command::Reject(503), now);
                    // An edge that is too busy for this will see that nobody takes the call.
                    let _ = edge.post(refuse);
                }
                Some(ProgramEvent::Offered(offer)) => {
                    let (mailbox, news) = mpsc::unbounded_channel();
                    let (id, call) = (offer.call, Call::new(*offer, edge.clone(), news));
                    let flow = Arc::clone(&flow);
                    desk.mailboxes.insert(id, mailbox);
                    desk.programs.spawn(async move { flow.run(call).await });
                }
                Some(event) => desk.deliver(event),
                None => return,
            },
            Some(done) = desk.programs.join_next() => desk.conclude(done),
        }
    }
}

/// The programs that run.
#[derive(Default)]
struct Desk {
    programs: JoinSet<Result<(), CallError>>,
    mailboxes: HashMap<CallId, mpsc::UnboundedSender<ProgramEvent>>,
}

impl Desk {
    fn deliver(&self, event: ProgramEvent) {
        if let Some(mailbox) = self.mailboxes.get(&event.call()) {
            // A program that has let its call go reads no more.
            let _ = mailbox.send(event);
        }
    }

    fn conclude(&mut self, done: Result<Result<(), CallError>, JoinError>) {
        match done {
            Ok(Ok(()) | Err(CallError::Over)) => {}
            Ok(Err(error)) => tracing::warn!("the program of a call gave up: {error}"),
            Err(error) => tracing::error!("the program of a call failed: {error}"),
        }
        // Those of programs that are over are thrown away when they have become many.
        if self.mailboxes.len() > 2 * self.programs.len() + 64 {
            self.mailboxes.retain(|_, mailbox| !mailbox.is_closed());
        }
    }
}
