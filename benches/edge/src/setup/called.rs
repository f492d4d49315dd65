//! Who is called: rings at once, answers after a while.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;

use super::ledger::{self, Event, Ledger};
use super::message::{NO_BODY, session};
use super::{Due, RINGING, caller};

/// Answers until it is over.
///
/// # Errors
/// When nothing can be sent.
pub(super) fn answer(socket: &UdpSocket, ledger: &Mutex<Ledger>, over: &AtomicBool) -> Result<(), String> {
    let local = socket.local_addr().map_err(|error| error.to_string())?;
    let contact = format!("Contact: <sip:called@{local}>\r\n");
    let (later, due) = mpsc::channel::<Due>();
    thread::scope(|scope| {
        let note = |answer: &Due, at| {
            ledger::lock(ledger).note(answer.call, Event::PickedUp, at);
        };
        let sending = scope.spawn(move || super::send_later(socket, &due, note));
        let received = super::receive(socket, over, |message, from, at| match message.method() {
            Some("INVITE") => {
                let Some(call) = caller::number(message) else {
                    return Err(format!("the caller's number was not passed on:\n{}", message.0));
                };
                if !ledger::lock(ledger).note(call, Event::Arrived, at) {
                    return Ok(());
                }
                let tag = format!("called{call}");
                let ringing = message.reply("180 Ringing", &tag, &format!("{contact}{NO_BODY}"));
                super::send(socket, &ringing, from)?;
                let rest = format!("{contact}{}", session(local.ip(), 40_002));
                let text = message.reply("200 OK", &tag, &rest);
                // The other end is gone only when sending has failed, which ends the run.
                let _ = later.send(Due { at: at + RINGING, call, text, to: from });
                Ok(())
            }
            Some("ACK") | None => Ok(()),
            Some(_) => super::send(socket, &message.reply("200 OK", "called", NO_BODY), from),
        });
        drop(later);
        received.and(sending.join().unwrap_or_else(|_| Err("a thread ended".into())))
    })
}
