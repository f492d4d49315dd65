//! Who calls: dials at a rate, acknowledges the answer, hangs up after a while.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::{self, Event, Ledger};
use super::message::{Message, NO_BODY, session};
use super::{Due, HOLD};
use crate::load::Amount;

/// Begins calls at a rate.
///
/// # Errors
/// When nothing can be sent.
pub(super) fn dial(
    socket: &UdpSocket,
    server: SocketAddr,
    run: &str,
    amount: Amount,
    ledger: &Mutex<Ledger>,
) -> Result<(), String> {
    let local = socket.local_addr().map_err(|error| error.to_string())?;
    let begin = Instant::now();
    for call in 0..amount.calls {
        let text = invite(local, server, run, call);
        let at = begin + Duration::from_secs_f64(call as f64 / amount.rate as f64);
        thread::sleep(at.saturating_duration_since(Instant::now()));
        ledger::lock(ledger).note(call, Event::Dialled, Instant::now());
        super::send(socket, &text, server)?;
    }
    Ok(())
}

fn invite(local: SocketAddr, server: SocketAddr, run: &str, call: usize) -> String {
    format!(
        "INVITE sip:+13175550101@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{run}{call};rport\r\n\
         From: \"Caller\" <sip:{NUMBERS}{call:04}@{local}>;tag={run}{call}\r\nTo: <sip:+13175550101@{server}>\r\n\
         Call-ID: {run}-{call}@{local}\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@{local}>\r\nMax-Forwards: 70\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nUser-Agent: bench\r\n{}",
        session(local.ip(), 40_000)
    )
}

/// Callers' numbers begin with this; four digits follow, one for each call of a run.
const NUMBERS: &str = "+1202555";

/// Which call an INVITE belongs to, at the other end of a server that changes Call-ID: the caller's number says so.
pub(super) fn number(message: Message<'_>) -> Option<usize> {
    message.value("From").split_once(NUMBERS)?.1.get(..4)?.parse().ok()
}

/// Takes part in the calls until it is over.
///
/// # Errors
/// When nothing can be sent.
pub(super) fn follow(
    socket: &UdpSocket,
    server: SocketAddr,
    run: &str,
    ledger: &Mutex<Ledger>,
    over: &AtomicBool,
) -> Result<(), String> {
    let local = socket.local_addr().map_err(|error| error.to_string())?;
    let (later, due) = mpsc::channel::<Due>();
    thread::scope(|scope| {
        let sending = scope.spawn(move || super::send_later(socket, &due, |_, _| ()));
        let received = super::receive(socket, over, |message, from, at| {
            if message.method().is_some() {
                return super::send(socket, &message.reply("200 OK", "caller", NO_BODY), from);
            }
            let Some(call) = call(message, run) else { return Ok(()) };
            let invited = message.value("CSeq").ends_with("INVITE");
            match message.status() {
                Some(180) => {
                    ledger::lock(ledger).note(call, Event::Rang, at);
                }
                Some(200) if invited => {
                    super::send(socket, &in_dialog("ACK", 1, message, local), server)?;
                    if ledger::lock(ledger).note(call, Event::Answered, at) {
                        let text = in_dialog("BYE", 2, message, local);
                        // The other end is gone only when sending has failed, which ends the run.
                        let _ = later.send(Due { at: at + HOLD, call, text, to: server });
                    }
                }
                Some(200) => ledger::lock(ledger).end(call),
                Some(_) | None => {}
            }
            Ok(())
        });
        drop(later);
        received.and(sending.join().unwrap_or_else(|_| Err("a thread ended".into())))
    })
}

/// Which call of this run a response belongs to.
fn call(message: Message<'_>, run: &str) -> Option<usize> {
    let (name, rest) = message.value("Call-ID").split_once('-')?;
    if name != run {
        return None;
    }
    rest.split_once('@')?.0.parse().ok()
}

/// A request in the dialog that this answer made (RFC 3261 §12.2.1.1).
fn in_dialog(method: &str, sequence: u8, answer: Message<'_>, local: SocketAddr) -> String {
    let routes: String =
        answer.values("Record-Route").rev().map(|route| format!("Route: {route}\r\n")).collect();
    let call = answer.value("Call-ID");
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}{call};rport\r\n{routes}\
         From: {}\r\nTo: {}\r\nCall-ID: {call}\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\n{NO_BODY}",
        answer.contact().unwrap_or_default(),
        answer.value("From"),
        answer.value("To"),
    )
}
