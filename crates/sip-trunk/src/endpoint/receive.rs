//! From bytes to messages, and what those get that are none.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::deliver::Prompt;
use super::{Endpoint, Event, Output, Source, via, wire};
use crate::header::To;
use crate::msg::{Draft, Element, HeaderName, Message, Method, Scan, error_reply};
use crate::overload::{self, Admission, Priority};
use crate::transport::{MessageAdmission, Path, SocketId, Standing};
use crate::uri::{UriKind, UriRef};

impl Endpoint {
    pub(super) fn receive_datagram(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
        bytes: Bytes,
        now: Instant,
    ) {
        let Some(listener) = self.listener(socket) else { return };
        let source = Source {
            path: Path::Datagram { socket, remote },
            transport: listener.transport,
            remote,
            local: listener.local,
            listener: Some(socket),
            tls: None,
        };
        // RFC 5626 §4.4.2, RFC 3261 §7.5: line ends alone keep an address translator awake and say nothing.
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return;
        }
        if self.discovered(socket, remote, &bytes, now) {
            return;
        }
        let standing = match self.sources.admit(remote, bytes.len(), now) {
            MessageAdmission::Admitted(standing) => standing,
            MessageAdmission::Throttled { first } => return self.throttled(&source, first),
        };
        let scan = self.config.scanner.datagram(bytes);
        if let Some(message) = self.accept(scan, &source, standing, now) {
            self.receive(message, &source, now);
        }
    }

    /// A message whose headers have all been read.
    pub(super) fn receive(&mut self, message: Message, source: &Source, now: Instant) {
        if !message.is_request() {
            self.transactions.receive(message, source.path, now);
            return self.settle(&Prompt::Message(source), now);
        }
        let is_new = !matches!(message.method(), Some(Method::Ack | Method::Cancel));
        if is_new && self.transactions.is_crowded() && self.is_stranger(source) {
            return self.refuse(message, source.clone(), now);
        }
        let (message, back) = self.stamp(message, source);
        self.transactions.receive(message, back, now);
        self.settle(&Prompt::Message(source), now);
    }

    /// The message, unless it must not be processed; then its answer is sent if it deserves one.
    pub(super) fn accept(
        &mut self,
        scan: Scan,
        source: &Source,
        standing: Standing,
        now: Instant,
    ) -> Option<Message> {
        if let Some(message) = &scan.message {
            wire::received(source, message.as_bytes());
        }
        let mut scan = match scan.check(&Element::default()).accepted() {
            Ok(message) => return Some(message),
            Err(scan) => *scan,
        };
        self.stats.malformed += 1;
        let message = scan.message.take()?;
        let (message, back) = self.stamp(message, source);
        scan.message = Some(message);
        let deserves = standing != Standing::Stranger;
        let reply = if deserves { error_reply(&scan, &self.tokens.token()).ok() } else { None };
        let answered =
            reply.as_ref().and_then(|reply| std::str::from_utf8(reply.get(8..11)?).ok()?.parse().ok());
        if let Some(reply) = reply {
            self.send_bytes(back, reply, now);
        }
        let (source, diagnostics) = (source.clone(), scan.diagnostics);
        self.out.push_back(Output::Event(Event::Rejected { source, diagnostics, answered }));
        None
    }

    /// ES-19: no table has room. A peer is told when to try again, a stranger nothing.
    pub(super) fn refuse(&mut self, message: Message, source: Source, now: Instant) {
        if !self.is_stranger(&source) && message.method() != Some(Method::Ack) {
            let reply = Draft::reply_to(&message, 503, &self.tokens.token());
            // RFC 3261 §21.5.4. Spread over some seconds, so that not all come back at once.
            let seconds = 5 + self.tokens.below(6);
            if let Ok(reply) = reply.header(HeaderName::RetryAfter, seconds.to_string()).finish() {
                let back = self.way_back(&message, &source);
                self.send_bytes(back, reply, now);
            }
        }
        self.out.push_back(Output::Event(Event::Refused { source, message }));
    }

    /// Whether a new request is refused because we are overloaded and its sender does not hold back (RFC 7339 §5.10.2).
    pub(super) fn sheds(&mut self, message: &Message, source: &Source) -> bool {
        let is_peer = self.sources.is_peer(source.remote.ip());
        let Some(control) = &mut self.overload else { return false };
        let in_dialog = message.typed::<To<'_>>().and_then(Result::ok).is_some_and(|to| to.tag().is_some());
        let is_call = message.method() == Some(Method::Invite) && !in_dialog;
        let priority =
            if is_call && !is_emergency(message, is_peer) { Priority::Normal } else { Priority::Spared };
        control.admit(message, priority) == Admission::Refuse
    }

    /// Whether nobody knows who that is.
    pub(super) fn is_stranger(&self, source: &Source) -> bool {
        let vouched = match source.path {
            Path::Datagram { .. } => false,
            Path::Stream(connection) => self.flows.get(connection).is_some_and(|flow| flow.vouched),
        };
        !vouched && self.sources.standing(source.remote) == Standing::Stranger
    }

    pub(super) fn throttled(&mut self, source: &Source, first: bool) {
        self.stats.throttled += 1;
        if first {
            self.out.push_back(Output::Event(Event::Throttled { source: source.clone() }));
        }
    }

    /// The request with its source noted in its top Via, and the way its answers take.
    fn stamp(&self, message: Message, source: &Source) -> (Message, Path) {
        let message = via::stamp(message, source.remote, self.forces_rport(source));
        let back = self.way_back(&message, source);
        match self.overload.as_ref().and_then(|control| control.feedback(&message)) {
            Some(feedback) => (overload::marked(message, &feedback), back),
            None => (message, back),
        }
    }

    fn way_back(&self, message: &Message, source: &Source) -> Path {
        match source.path {
            Path::Datagram { socket, remote } => {
                let remote = via::answer_address(message, remote, self.forces_rport(source));
                Path::Datagram { socket, remote }
            }
            Path::Stream(_) => source.path,
        }
    }

    fn forces_rport(&self, source: &Source) -> bool {
        let listener = source.listener.and_then(|id| self.listener(id));
        !source.transport.is_reliable() && listener.is_some_and(|listener| listener.force_rport)
    }
}

/// RFC 7339 §5.10.1, RFC 5031: a call to an emergency service, or one its network has marked as such. RFC 4412 §11: only peers are
/// believed to have.
fn is_emergency(message: &Message, is_peer: bool) -> bool {
    let uri = message.request_uri().and_then(|uri| UriRef::parse(uri).ok());
    let to_service = match uri.map(|uri| uri.kind()) {
        Some(UriKind::Urn(urn)) => urn.is_emergency(),
        Some(UriKind::Sip(_) | UriKind::Tel(_) | UriKind::Other(_)) | None => false,
    };
    let mut marks = message.values("Resource-Priority");
    to_service || is_peer && marks.any(|value| value.to_ascii_lowercase().starts_with(b"esnet."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4412 §11: anybody can write a priority; that of a peer counts.
    #[test]
    fn priorities_are_believed_of_peers_only() {
        let call = |uri: &str, priority: &str| {
            let draft = Draft::request(&Method::Invite, uri).header(HeaderName::ResourcePriority, priority);
            draft.into_message().unwrap()
        };
        let marked: Message = call("sip:+12025550100@192.0.2.1", "esnet.0");
        assert!(is_emergency(&marked, true) && !is_emergency(&marked, false));
        assert!(!is_emergency(&call("sip:+12025550100@192.0.2.1", "dsn.flash"), true));
        assert!(is_emergency(&call("urn:service:sos", "dsn.flash"), false));
    }
}
