//! Out of the transaction layer: messages to the network, news to the user.

use std::time::Instant;

use bytes::Bytes;

use super::{CloseCause, Endpoint, Event, Failure, Io, Output, Source, via, wire};
use crate::header::CSeq;
use crate::msg::{Draft, Message, Method};
use crate::transaction;
use crate::transport::{Path, State, Waiting};

/// What made the transaction layer speak.
pub(super) enum Prompt<'p> {
    /// A message of that source.
    Message(&'p Source),
    /// A path that broke.
    Lost(&'p CloseCause),
    /// The user, or a timer.
    None,
}

pub(super) fn failure_of(cause: &CloseCause) -> Failure {
    match cause {
        CloseCause::Tls(fault) => Failure::Tls(fault.clone()),
        CloseCause::ByPeer
        | CloseCause::Io(_)
        | CloseCause::WebSocket(_)
        | CloseCause::Congested
        | CloseCause::TimedOut
        | CloseCause::Silent
        | CloseCause::Misbehaved(_)
        | CloseCause::Evicted
        | CloseCause::ByUs => Failure::Transport(cause.clone()),
    }
}

impl Endpoint {
    /// Passes on what the transaction layer has to say about what it was just given.
    pub(super) fn settle(&mut self, prompt: &Prompt<'_>, now: Instant) {
        loop {
            self.settle_locator(now);
            let Some(output) = self.transactions.poll_output() else { return };
            match (output, prompt) {
                (transaction::Output::Transmit { path, bytes }, _) => self.send_bytes(path, bytes, now),
                (
                    transaction::Output::Request { transaction, cancels, message, .. },
                    Prompt::Message(source),
                ) => {
                    if let Some(server) = transaction.filter(|_| self.sheds(&message, source)) {
                        self.stats.shed += 1;
                        let answer = Draft::reply_to(&message, 503, &self.tokens.token()).finish();
                        if let Ok(answer) = answer {
                            self.transactions.respond(server, 503, answer, now);
                        }
                        continue;
                    }
                    let source = (*source).clone();
                    self.out.push_back(Output::Event(Event::Request {
                        transaction,
                        cancels,
                        message,
                        source,
                    }));
                }
                (transaction::Output::Response { transaction, message }, Prompt::Message(source)) => {
                    self.answered(transaction, message, (*source).clone(), now);
                }
                (transaction::Output::StrayResponse { message, .. }, Prompt::Message(source)) => {
                    self.stray(message, (*source).clone());
                }
                (transaction::Output::Refused { message, .. }, Prompt::Message(source)) => {
                    self.refuse(message, (*source).clone(), now);
                }
                (transaction::Output::Failed { transaction, cause }, prompt) => {
                    let failure = match (cause, prompt) {
                        (transaction::Failure::Timeout, _) => Failure::Timeout,
                        (transaction::Failure::Transport, Prompt::Lost(cause)) => failure_of(cause),
                        (transaction::Failure::Transport, _) => Failure::Transport(CloseCause::ByPeer),
                    };
                    self.unanswered(transaction, failure, now);
                }
                (transaction::Output::Unacknowledged { transaction }, _) => {
                    self.out.push_back(Output::Event(Event::Unacknowledged { transaction }));
                }
                // Messages come only from messages.
                (
                    transaction::Output::Request { .. }
                    | transaction::Output::Response { .. }
                    | transaction::Output::StrayResponse { .. }
                    | transaction::Output::Refused { .. },
                    Prompt::None | Prompt::Lost(_),
                ) => {}
            }
        }
    }

    /// Sends a message that is ready. An answer whose connection is gone takes a new one (RFC 3261 §18.2.2), but not towards a
    /// stranger: nobody makes us connect to somebody by a request and a hang-up.
    pub(super) fn send_bytes(&mut self, path: Path, bytes: Bytes, now: Instant) {
        match path {
            Path::Datagram { socket, remote } => {
                let is_answer = bytes.starts_with(b"SIP/2.0");
                if is_answer && !self.sources.may_answer(remote, bytes.len()) {
                    self.stats.withheld_answers += 1;
                    return;
                }
                wire::sent(path, &bytes);
                self.out.push_back(Output::Io(Io::Datagram { socket, remote, bytes }));
            }
            Path::Stream(connection) => match self.flows.get_mut(connection) {
                Some(flow) if flow.state == State::Open => {
                    flow.wrote(now);
                    wire::sent(path, &bytes);
                    self.out.push_back(Output::Io(Io::Write { connection, bytes }));
                }
                Some(flow) => flow.waiting.push(Waiting::Bytes(bytes)),
                None => self.send_elsewhere(bytes, now),
            },
        }
    }

    fn send_elsewhere(&mut self, bytes: Bytes, now: Instant) {
        let Some(answer) = self.config.scanner.datagram(bytes.clone()).message else { return };
        let Some(target) = via::fallback_target(&answer) else { return };
        let mut connection = self.flows.leading_to(&target);
        if connection.is_none() && self.sources.is_peer(target.remote.ip()) {
            connection = self.connect(&target, None, now);
        }
        match connection {
            Some(connection) => self.send_bytes(Path::Stream(connection), bytes, now),
            None => self.stats.undelivered_answers += 1,
        }
    }

    pub(super) fn stray(&mut self, message: Message, source: Source) {
        // Only a 2xx to INVITE asks for something to be done: its ACK, and the end of its session.
        let is_accepted_invite = matches!(message.status(), Some(200..=299))
            && message
                .typed::<CSeq<'_>>()
                .is_some_and(|cseq| cseq.is_ok_and(|cseq| cseq.method == Method::Invite));
        if is_accepted_invite && self.is_our_answer(&message) {
            self.out.push_back(Output::Event(Event::StrayResponse { message, source }));
        } else {
            self.stats.stray_responses += 1;
        }
    }
}
