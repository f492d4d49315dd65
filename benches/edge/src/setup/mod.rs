//! How long a call takes to set up: callers and called parties of our own, since SIPp's clock has steps of 4 ms.
//!
//! ```text
//!  caller ── INVITE ─►  server  ── INVITE ─► called      all on one clock; one call every 1 / rate
//!         ◄─  180  ──          ◄──  180 ──               at once
//!         ◄─  200  ──          ◄──  200 ──               50 ms later
//! ```

mod called;
mod caller;
mod ledger;
mod message;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::Amount;
use crate::place::Wire;
use crate::progress::Progress;
use crate::server::{Kind, Purpose};
use crate::stage::{Behind, Pace, Stage};

use ledger::Ledger;

/// Calls of one run at most: each has a caller's number of its own.
pub(crate) const MOST: usize = 10_000;

/// How long a call rings.
const RINGING: Duration = Duration::from_millis(50);
/// How long calls are held.
const HOLD: Duration = Duration::from_millis(100);
/// How long the last calls may take to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a thread that waits for a datagram looks whether it is still needed.
const GLANCE: Duration = Duration::from_millis(100);

/// Set-up times through one server, of every run together.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    pub(crate) kind: Kind,
    /// From INVITE to 180, there and back: post-dial delay. Sorted.
    pub(crate) ringing: Vec<Duration>,
    /// From INVITE to 200, less the time the called let it ring. Sorted.
    pub(crate) answered: Vec<Duration>,
    /// Calls that were not set up or did not end.
    pub(crate) failed: usize,
    /// Requests and responses that came twice.
    pub(crate) repeated: usize,
}

/// How long one server takes in one run, about.
pub(crate) fn length(amount: Amount, pace: Pace) -> Duration {
    let load = |amount: Amount| Duration::from_secs_f64(amount.calls as f64 / amount.rate as f64 + 0.5);
    load(pace.warm_up) + load(amount) + Duration::from_secs(1)
}

/// Makes calls over UDP through all servers in turn, as often as told.
///
/// # Errors
/// When something cannot be started.
pub(crate) fn interleaved(
    amount: Amount,
    repeats: usize,
    pace: Pace,
    progress: &mut Progress,
) -> Result<Vec<Times>, String> {
    let new = |kind| Times { kind, ringing: Vec::new(), answered: Vec::new(), failed: 0, repeated: 0 };
    let mut all = [Kind::Edge, Kind::Stateful, Kind::Hiding].map(new);
    for repeat in 1..=repeats {
        for times in &mut all {
            progress.begin(format_args!("set-up time, {}, run {repeat} of {repeats}", times.kind.name()));
            let stage = Stage::open(times.kind, Wire::Udp, Behind::Nobody, Purpose::default())?;
            let place = &stage.place;
            let bind = |address| {
                let socket = UdpSocket::bind(address).map_err(|error| format!("{address}: {error}"))?;
                socket.set_read_timeout(Some(GLANCE)).map_err(|error| error.to_string())?;
                Ok::<_, String>(socket)
            };
            let line =
                Line { caller: bind(place.caller())?, called: bind(place.called())?, server: place.plain() };
            line.carry("warm", pace.warm_up)?;
            let ledger = line.carry("load", amount)?;
            times.failed += ledger.failed();
            times.repeated += ledger.repeated;
            times.ringing.extend(ledger.ringing());
            times.answered.extend(ledger.answered());
            progress.say(format_args!(
                "{} calls, {} failed, {} sent again",
                amount.calls,
                ledger.failed(),
                ledger.repeated
            ));
            progress.end(length(amount, pace));
        }
    }
    for times in &mut all {
        times.ringing.sort_unstable();
        times.answered.sort_unstable();
    }
    Ok(all.into())
}

/// Both ends of the calls.
struct Line {
    caller: UdpSocket,
    called: UdpSocket,
    server: std::net::SocketAddr,
}

impl Line {
    /// Makes calls at a rate, and waits until the last has ended.
    fn carry(&self, name: &str, amount: Amount) -> Result<Ledger, String> {
        let ledger = ledger::shared(amount.calls);
        let over = AtomicBool::new(false);
        let problem = thread::scope(|scope| {
            let called = scope.spawn(|| called::answer(&self.called, &ledger, &over));
            let caller = scope.spawn(|| caller::follow(&self.caller, self.server, name, &ledger, &over));
            let sent = caller::dial(&self.caller, self.server, name, amount, &ledger);
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end && !ledger::lock(&ledger).is_over() {
                thread::sleep(GLANCE);
            }
            over.store(true, Ordering::Relaxed);
            let ended = [called.join(), caller.join()]
                .map(|end| end.unwrap_or_else(|_| Err("a thread ended".into())));
            sent.and(ended.into_iter().collect::<Result<(), String>>())
        });
        problem?;
        Ok(ledger.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Sends datagrams when they are due; the delay is always the same, so they come in order.
fn send_later(
    socket: &UdpSocket,
    due: &std::sync::mpsc::Receiver<Due>,
    mut sent: impl FnMut(&Due, Instant),
) -> Result<(), String> {
    for datagram in due {
        thread::sleep(datagram.at.saturating_duration_since(Instant::now()));
        sent(&datagram, Instant::now());
        send(socket, &datagram.text, datagram.to)?;
    }
    Ok(())
}

/// A datagram to be sent.
struct Due {
    at: Instant,
    call: usize,
    text: String,
    to: std::net::SocketAddr,
}

fn send(socket: &UdpSocket, text: &str, to: std::net::SocketAddr) -> Result<(), String> {
    socket.send_to(text.as_bytes(), to).map(drop).map_err(|error| format!("{to}: {error}"))
}

/// Receives until it is over.
fn receive(
    socket: &UdpSocket,
    over: &AtomicBool,
    mut take: impl FnMut(message::Message<'_>, std::net::SocketAddr, Instant) -> Result<(), String>,
) -> Result<(), String> {
    let mut buffer = [0; 8192];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let at = Instant::now();
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        take(message::Message(&text), from, at)?;
    }
    Ok(())
}
