//! Where panics end: each costs the thing it happened in, and nothing else.
//!
//! The core holds no locks and every call has a place of its own, so that what one input left half done belongs to the call it was about.
//! The driver catches the panic, writes one line, and lets the engine [recover](crate::Engine::recover): give that call up.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::{During, Fault};

/// The code log lines about panics carry.
const CODE: &str = "PANIC";

/// Does something that may panic.
pub(super) fn guard<R>(during: impl FnOnce() -> During, work: impl FnOnce() -> R) -> Result<R, Fault> {
    // What the work has changed is looked at by nobody but the engine, which is told.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| fault(during(), &*panic))
}

/// Waits for something that may panic.
pub(super) async fn isolated<T>(during: During, work: impl Future<Output = T>) -> Result<T, Fault> {
    let mut work = pin!(work);
    let done = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Err(panic) => Poll::Ready(Err(panic)),
    });
    done.await.map_err(|panic| fault(during, &*panic))
}

fn fault(during: During, panic: &(dyn Any + Send)) -> Fault {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("it does not say why").to_owned();
    // What it says may have text of a peer in it, which must not begin a line of its own.
    tracing::error!(
        code = CODE,
        "a panic during {during} was contained: {}; please report it",
        message.escape_debug()
    );
    Fault { during, message }
}
