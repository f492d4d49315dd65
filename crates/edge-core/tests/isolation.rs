//! Panics inside a running edge, put there by the application's own log: each costs the call it was about.

#![cfg(feature = "driver")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and sockets live in real time"
)]

#[path = "../examples/loopback/mod.rs"]
mod loopback;
mod served;

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use edge_core::cdr::EndedBy;
use edge_core::driver::Call;
use edge_core::edge::Status;
use tracing::field::{Field, Visit};
use tracing::span;

use served::{PATIENCE, Site};

/// A log that panics once, at the line that has all of these in it; and keeps what is said about panics.
struct Trap;

static ARMED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn arm<const N: usize>(marks: [&str; N]) {
    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = marks.map(str::to_owned).into();
}

impl tracing::Subscriber for Trap {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if !armed.is_empty() && armed.iter().all(|mark| line.0.contains(mark)) {
            armed.clear();
            drop(armed);
            panic!("the log fails");
        }
        if line.0.contains("PANIC") {
            SAID.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

async fn status(site: &Site) -> Status {
    site.edge.handle().call(|edge, _| edge.status()).await.unwrap()
}

/// ES-01: a panic while a message is read, while an answer is written, in the program and in a command: the call it was about ends, with
/// 500 or BYE, and is recorded; the log has a line with the code, the counter rises, and the call that was there before talks on.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_one_call() {
    tracing::subscriber::set_global_default(Trap).unwrap();
    // It answers every call and waits for its end, but for one number.
    let program = |mut call: Call| async move {
        assert_ne!(call.offer().dialled, "+13175550149", "the program fails");
        call.answer().await?;
        call.ended().await;
        Ok(())
    };
    let mut site = Site::start("isolation", program).await;
    let mut stays = site.carrier.call("+13175550140").await.unwrap();

    let from = format!("received from {}", site.carrier_address);
    let mut reading = site.carrier.call("+13175550141").await.unwrap();
    arm([&from, "\nINFO sip:"]);
    let _ = site.carrier.press(&reading, "1").await;
    tokio::time::timeout(PATIENCE, reading.ended()).await.unwrap().unwrap();
    let record = site.record().await;
    assert_eq!((record.ending.by, &*record.ending.reason), (EndedBy::Edge, "a fault of the edge"));

    let to = format!("sent to {}", site.carrier_address);
    let mut writing = site.carrier.call("+13175550142").await.unwrap();
    arm([&to, "\nSIP/2.0 200", "INFO\r\n"]);
    let _ = site.carrier.press(&writing, "1").await;
    tokio::time::timeout(PATIENCE, writing.ended()).await.unwrap().unwrap();
    assert_eq!(site.record().await.ending.reason, "a fault of the edge");

    let refused = site.carrier.call("+13175550149").await.err().unwrap();
    assert!(refused.to_string().contains("500"), "the program's own panic: {refused}");
    let before = status(&site).await;
    assert_eq!(before.faults, 2, "the program's panic is its own");

    assert!(site.edge.handle().call(|_, _| panic!("a command fails")).await.is_err());
    assert_eq!(status(&site).await.faults, before.faults + 1);
    let said = SAID.lock().unwrap().clone();
    assert_eq!(said.len() as u64, before.faults + 1, "{said:#?}");
    assert!(
        said.iter().all(|line| line.contains("code=\"PANIC\"") && line.contains("contained")),
        "{said:#?}"
    );

    let still = tokio::time::timeout(Duration::from_millis(200), stays.ended()).await;
    assert!(still.is_err(), "the first call goes on");
    site.carrier.press(&stays, "1").await.unwrap();
    let beside = site.carrier.call("+13175550144").await.unwrap();
    beside.hang_up().await;
    stays.hang_up().await;
    site.edge.stop().await;
}
